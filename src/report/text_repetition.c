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

/* "[7]", "[7, retry 1]" */
static void add_number(struct buf *out, const struct report_result *result)
{
	buf_addf(out, "[%d", result->attempt);
	if (result->retry)
		buf_addf(out, ", retry %d", result->retry);
	buf_add_char(out, ']');
}

struct late_steps {
	const struct late_step *most;
	const struct report_result *most_of;
	size_t worlds, warnings; /* worlds in which a step was late, and those with one to be warned of */
};

/* The tries from `first` to `last` are one world. */
static void add_late_steps(struct late_steps *late, const struct report *report, size_t first, size_t last)
{
	bool is_late = false, warns = false;
	for (size_t i = first; i <= last; i++) {
		const struct judgement *judgement = report->results[i].judgement;
		for (size_t k = 0; k < judgement->late_count; k++) {
			is_late = true;
			warns = warns || judgement->late[k].is_warning;
			if (late->most && judgement->late[k].late_ns <= late->most->late_ns)
				continue;
			late->most = &judgement->late[k];
			late->most_of = &report->results[i];
		}
	}
	late->worlds += is_late;
	late->warnings += warns;
}

/* Worlds that passed are not shown, and a step that came late in one would not be, either. */
static void print_late_steps(
    struct page *page, const struct report *report, const struct repetition *repetition)
{
	struct buf line CLEANUP(buf_release) = { 0 };
	struct late_steps late = { 0 };
	size_t end = repetition->first + repetition->count;
	for (size_t i = repetition->first, last; i < end; i = last + 1) {
		last = report_last_try(report, i);
		add_late_steps(&late, report, i, last);
	}
	if (!late.most)
		return;
	buf_addf(&line, "in %zu of %zu worlds a step was late, in %zu to be warned of; most in ", late.worlds,
	    repetition->runs, late.warnings);
	add_number(&line, late.most_of);
	buf_add_string(&line, ": ");
	describe_late(&line, late.most_of->plan, late.most);
	page_pad(page, INDENT);
	page_add(page, INK_DOUBTFUL, late.warnings ? "warning: late: " : "late: ");
	page_wrap(page, INK_PLAIN, buf_string(&line), line.length, 3);
	page_newline(page);
}

/* ---- which worlds are shown ---- */

/* Why a world is shown: what it became, or OUTCOME_RETRIED of a try that did not decide that, and the
 * expectation that is to blame. What could not be judged takes no place from what failed, nor does a try that
 * another one replaced take one from either. */
struct kind {
	enum outcome outcome;
	enum verdict verdict;
	const char *id; /* borrowed */
	size_t count;
};

struct kinds {
	struct kind *items;
	size_t count;
};

/* Counts one more of this kind; true if it is among the first. */
static bool is_among_first(struct kinds *kinds, struct kind kind)
{
	for (size_t i = 0; i < kinds->count; i++) {
		struct kind *known = &kinds->items[i];
		if (known->outcome == kind.outcome && known->verdict == kind.verdict &&
		    strcmp(known->id, kind.id) == 0)
			return ++known->count <= SHOWN_OF_A_KIND;
	}
	kind.count = 1;
	*array_push(kinds->items, kinds->count) = kind;
	return true;
}

/* A world is shown for an expectation of which not enough were shown yet. */
static bool has_news(struct kinds *kinds, enum outcome outcome, const struct judgement *judgement)
{
	struct kind kind = { .outcome = outcome, .verdict = judgement->verdict };
	bool news = false, blamed = false;
	for (size_t i = 0; i < judgement->finding_count && !judgement->environment; i++) {
		const struct finding *finding = &judgement->findings[i];
		if (finding->verdict != judgement->verdict)
			continue;
		blamed = true;
		kind.id = finding->expectation->id ? finding->expectation->id : "";
		if (is_among_first(kinds, kind))
			news = true;
	}
	kind.id = judgement->reason ? judgement->reason : "";
	return blamed ? news : is_among_first(kinds, kind);
}

/* What a world became, of the try that made it so: the last that failed, where one did. Of any other try
 * OUTCOME_RETRIED. */
static enum outcome decided_by(const struct report *report, size_t index)
{
	size_t decisive = report_last_try(report, index);
	enum outcome outcome = report_outcome(report, decisive);
	if (outcome == OUTCOME_FAIL || outcome == OUTCOME_FLAKY)
		while (report->results[decisive].judgement->verdict != VERDICT_FAIL)
			decisive--;
	return index == decisive ? outcome : OUTCOME_RETRIED;
}

/* Those that are not shown, by what they became. */
struct hidden {
	struct buf names;
	size_t count;
};

static void hide(struct hidden *hidden, const struct report_result *result)
{
	buf_add_string(&hidden->names, hidden->count++ ? " " : "");
	add_number(&hidden->names, result);
}

static void print_hidden(struct page *page, const struct hidden hidden[OUTCOME_COUNT])
{
	static const struct {
		enum outcome outcome;
		const char *what;
	} lines[] = {
		{ OUTCOME_FAIL, "more failed like these: " },
		{ OUTCOME_FLAKY, "more were flaky like these: " },
		{ OUTCOME_INCONCLUSIVE, "more were inconclusive like these: " },
		{ OUTCOME_RETRIED, "more tries like these were made again: " },
	};
	page_gap(page);
	for (size_t i = 0; i < ARRAY_LENGTH(lines); i++) {
		const struct hidden *those = &hidden[lines[i].outcome];
		if (those->count == 0)
			continue;
		page_pad(page, INDENT);
		page_addf(page, INK_DIM, "%zu %s", those->count, lines[i].what);
		page_wrap(page, INK_DIM, buf_string(&those->names), those->names.length, 4);
		page_newline(page);
	}
	page_gap(page);
}

void text_repetition(
    struct page *page, const struct report *report, const struct repetition *repetition, bool verbose)
{
	struct kinds kinds = { 0 };
	struct hidden hidden[OUTCOME_COUNT] = { 0 };
	page_gap(page);
	print_heading(page, report, repetition);
	print_figures(page, repetition);
	print_late_steps(page, report, repetition);
	page_gap(page);
	for (size_t i = repetition->first; i < repetition->first + repetition->count; i++) {
		const struct report_result *result = &report->results[i];
		bool passed = result->judgement->verdict == VERDICT_PASS;
		enum outcome outcome = decided_by(report, i);
		if (passed ? verbose && !result->reduced : has_news(&kinds, outcome, result->judgement))
			text_world(page, report, i, NAME_COLUMNS_MAX, verbose);
		else if (!passed)
			hide(&hidden[outcome], result);
	}
	print_hidden(page, hidden);
	for (size_t i = 0; i < OUTCOME_COUNT; i++)
		buf_release(&hidden[i].names);
	free(kinds.items);
}
