/* A scenario that was run many times: how often it passed, how its figures spread, and only as many of its
 * failures as a reader will read. */
#include "report/describe.h"
#include "report/repetition.h"
#include "report/text_private.h"

#include <string.h>

enum { INDENT = 2, COLUMN_NAME_WIDTH = 20, COLUMN_WIDTH = 8, SHOWN_OF_A_KIND = 3 };

static const char *const heads[] = { "runs", "least", "median", "p90", "most", "failed" };

static enum outcome worst_of(const struct repetition *repetition)
{
	return repetition->failed         ? OUTCOME_FAIL
	       : repetition->flaky        ? OUTCOME_FLAKY
	       : repetition->inconclusive ? OUTCOME_INCONCLUSIVE
					  : OUTCOME_PASS;
}

static void print_heading(struct page *page, const struct report *report, const struct repetition *repetition)
{
	const struct plan *plan = report->results[repetition->first].plan;
	struct buf rate CLEANUP(buf_release) = { 0 };
	enum outcome worst = worst_of(repetition);
	const char *name = plan->name ? plan->name : "";
	describe_repetition(&rate, repetition);
	page_add(page, ink_of_outcome(worst), text_word(worst));
	page_pad(page, TEXT_COLUMN_NAME);
	page_clip(page, INK_BOLD, name, strlen(name), NAME_COLUMNS_MAX);
	page_add(page, INK_PLAIN, "  ");
	page_wrap(page, INK_PLAIN, buf_string(&rate), rate.length, 3);
	page_newline(page);
}

/* Counts that are the same in every run (no violation, a hundred times) are no news. */
static bool is_worth_a_row(const struct figure *figure)
{
	const struct summary *summary = &figure->summary;
	if (figure->failed)
		return true;
	return summary->count &&
	       (unit_of(figure->expectation) != UNIT_COUNT || summary->least != summary->most);
}

static void print_cell(struct page *page, size_t column, enum ink ink, const char *text)
{
	size_t columns = page_columns(page, text), end = column + COLUMN_WIDTH;
	page_pad(page, end > columns ? end - columns : 0);
	page_add(page, ink, text);
}

static void print_head(struct page *page)
{
	page_pad(page, INDENT);
	page_add(page, INK_DIM, "measured");
	for (size_t i = 0; i < ARRAY_LENGTH(heads); i++)
		print_cell(page, INDENT + COLUMN_NAME_WIDTH + i * COLUMN_WIDTH, INK_DIM, heads[i]);
	page_newline(page);
}

static void print_figure(struct page *page, const struct figure *figure)
{
	const struct summary *summary = &figure->summary;
	const double amounts[] = { summary->least, summary->median, summary->p90, summary->most };
	const char *id = figure->expectation->id ? figure->expectation->id : "";
	size_t column = INDENT + COLUMN_NAME_WIDTH;
	struct buf cell CLEANUP(buf_release) = { 0 };
	page_pad(page, INDENT);
	page_clip(page, INK_PLAIN, id, strlen(id), COLUMN_NAME_WIDTH);
	buf_addf(&cell, "%zu", summary->count);
	print_cell(page, column, INK_PLAIN, buf_string(&cell));
	for (size_t i = 0; i < ARRAY_LENGTH(amounts); i++) {
		column += COLUMN_WIDTH;
		buf_clear(&cell);
		if (summary->count)
			describe_figure(&cell, figure, amounts[i]);
		else
			buf_add_char(&cell, '-');
		print_cell(page, column, INK_PLAIN, buf_string(&cell));
	}
	buf_clear(&cell);
	buf_addf(&cell, "%zu", figure->failed);
	print_cell(page, column + COLUMN_WIDTH, figure->failed ? INK_BAD : INK_PLAIN, buf_string(&cell));
	page_newline(page);
}

static void print_figures(struct page *page, const struct repetition *repetition)
{
	size_t rows = 0;
	for (size_t i = 0; i < repetition->figure_count; i++) {
		if (!is_worth_a_row(&repetition->figures[i]))
			continue;
		if (rows++ == 0)
			print_head(page);
		print_figure(page, &repetition->figures[i]);
	}
}

/* Worlds that passed are not shown, and a step that came late in one would not be, either. */
static void print_late_steps(
    struct page *page, const struct report *report, const struct repetition *repetition)
{
	struct buf line CLEANUP(buf_release) = { 0 };
	const struct report_result *most_of = NULL;
	const struct late_step *most = NULL;
	size_t late = 0, warnings = 0;
	for (size_t i = repetition->first; i < repetition->first + repetition->count; i++) {
		const struct judgement *judgement = report->results[i].judgement;
		bool warns = false;
		late += judgement->late_count > 0;
		for (size_t k = 0; k < judgement->late_count; k++) {
			warns = warns || judgement->late[k].is_warning;
			if (most && judgement->late[k].late_ns <= most->late_ns)
				continue;
			most = &judgement->late[k];
			most_of = &report->results[i];
		}
		warnings += warns;
	}
	if (!most)
		return;
	buf_addf(&line, "in %zu of %zu worlds a step was late, in %zu to be warned of; most in [%d]: ", late,
	    repetition->count, warnings, most_of->attempt);
	describe_late(&line, most_of->plan, most);
	page_pad(page, INDENT);
	page_add(page, INK_DOUBTFUL, warnings ? "warning: late: " : "late: ");
	page_wrap(page, INK_PLAIN, buf_string(&line), line.length, 3);
	page_newline(page);
}

/* ---- which worlds are shown ---- */

struct kinds {
	const char **ids; /* borrowed */
	size_t count;
	size_t *shown;
	size_t shown_count;
};

/* Counts one more of this kind; true if it is among the first. */
static bool is_among_first(struct kinds *kinds, const char *id)
{
	for (size_t i = 0; i < kinds->count; i++)
		if (strcmp(kinds->ids[i], id) == 0)
			return ++kinds->shown[i] <= SHOWN_OF_A_KIND;
	*array_push(kinds->ids, kinds->count) = id;
	*array_push(kinds->shown, kinds->shown_count) = 1;
	return true;
}

/* A world is shown for an expectation of which not enough were shown yet. */
static bool has_news(struct kinds *kinds, const struct judgement *judgement)
{
	bool news = false, blamed = false;
	for (size_t i = 0; i < judgement->finding_count && !judgement->environment; i++) {
		const struct finding *finding = &judgement->findings[i];
		if (finding->verdict != judgement->verdict)
			continue;
		blamed = true;
		if (is_among_first(kinds, finding->expectation->id ? finding->expectation->id : ""))
			news = true;
	}
	return blamed ? news : is_among_first(kinds, judgement->reason ? judgement->reason : "");
}

static void print_hidden(struct page *page, const struct buf *hidden, size_t count)
{
	if (count == 0)
		return;
	page_gap(page);
	page_pad(page, INDENT);
	page_addf(page, INK_DIM, "%zu more like these: ", count);
	page_wrap(page, INK_DIM, buf_string(hidden), hidden->length, 4);
	page_newline(page);
	page_gap(page);
}

void text_repetition(
    struct page *page, const struct report *report, const struct repetition *repetition, bool verbose)
{
	struct kinds kinds = { 0 };
	struct buf hidden CLEANUP(buf_release) = { 0 };
	size_t hidden_count = 0;
	page_gap(page);
	print_heading(page, report, repetition);
	print_figures(page, repetition);
	print_late_steps(page, report, repetition);
	page_gap(page);
	for (size_t i = repetition->first; i < repetition->first + repetition->count; i++) {
		const struct report_result *result = &report->results[i];
		bool passed = result->judgement->verdict == VERDICT_PASS;
		if (passed ? verbose && !result->reduced : has_news(&kinds, result->judgement)) {
			text_world(page, report, i, NAME_COLUMNS_MAX, verbose);
		} else if (!passed) {
			buf_addf(&hidden, "%s[%d]", hidden_count++ ? " " : "", result->attempt);
		}
	}
	print_hidden(page, &hidden, hidden_count);
	free(kinds.ids);
	free(kinds.shown);
}
