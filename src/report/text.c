#include "base/duration.h"
#include "base/err.h"
#include "report/describe.h"
#include "report/policy.h"
#include "report/repetition.h"
#include "report/text_private.h"

#include <string.h>

#define WIDTH_DEFAULT 80
#define WIDTH_LEAST 60

enum { TIME_COLUMNS = 8 };

enum ink ink_of_outcome(enum outcome outcome)
{
	switch (outcome) {
	case OUTCOME_PASS:
		return INK_GOOD;
	case OUTCOME_FAIL:
	case OUTCOME_FLAKY:
		return INK_BAD;
	case OUTCOME_INCONCLUSIVE:
	case OUTCOME_RETRIED:
		return INK_DOUBTFUL;
	}
	BUG("outcome %d", (int)outcome);
}

const char *text_word(enum outcome outcome)
{
	return outcome == OUTCOME_FAIL ? "FAIL" : outcome_names[outcome];
}

static void print_world_line(
    struct page *page, const struct report *report, size_t index, size_t name_columns)
{
	const struct report_result *result = &report->results[index];
	struct buf name CLEANUP(buf_release) = { 0 };
	char wall[DURATION_TEXT_MAX];
	const char *title = result->plan->title ? result->plan->title : "";
	enum outcome outcome = report_outcome(report, index);
	describe_world(&name, result);
	duration_format(result->wall_ns, wall);
	page_add(page, ink_of_outcome(outcome), text_word(outcome));
	page_pad(page, TEXT_COLUMN_NAME);
	page_clip(page, INK_BOLD, buf_string(&name), name.length, name_columns);
	page_pad(page, TEXT_COLUMN_NAME + name_columns + 2);
	page_clip(page, INK_PLAIN, title, strlen(title), page->width - TIME_COLUMNS - page->column);
	page_pad(page, page->width - page_columns(page, wall));
	page_add(page, INK_DIM, wall);
	page_newline(page);
}

/* Of many runs not every one is shown, nor every try of one: what came of it may not be below. */
static void print_replaced(struct page *page, const struct report *report, size_t index)
{
	const struct report_result *result = &report->results[index];
	struct buf line CLEANUP(buf_release) = { 0 };
	buf_addf(&line, "this try was %s; it was made again, ",
	    result->judgement->verdict == VERDICT_FAIL ? "a failure" : "inconclusive");
	if (result->attempts > 1)
		buf_addf(&line, "and the outcome is %s",
		    outcome_names[report_outcome(report, report_last_try(report, index))]);
	else
		buf_add_string(&line, "see below");
	page_pad(page, 2);
	page_wrap(page, INK_DOUBTFUL, buf_string(&line), line.length, 3);
	page_newline(page);
}

/* Of a world that was tried more than once. */
static void print_tries(struct page *page, const struct report *report, size_t index)
{
	const struct report_result *result = &report->results[index];
	enum outcome outcome = report_outcome(report, index);
	if (outcome == OUTCOME_RETRIED) {
		print_replaced(page, report, index);
	} else if (result->retry > 0) {
		page_pad(page, 2);
		page_add(page, ink_of_outcome(outcome),
		    outcome == OUTCOME_FLAKY  ? "flaky: a try before this one failed, and nothing was changed"
		    : outcome == OUTCOME_PASS ? "passed on a retry; nothing could be said of the tries before"
		    : outcome == OUTCOME_FAIL && result->judgement->verdict != VERDICT_FAIL
			? "a try before this one failed, and none passed"
			: "no retry passed");
		page_newline(page);
	}
}

static void print_differing_claims(struct page *page, const struct report_result *result)
{
	const struct judgement *judgement = result->judgement;
	for (size_t i = 0; i < judgement->finding_count; i++) {
		const struct finding *finding = &judgement->findings[i];
		if (finding->claim != CLAIM_DIFFERS)
			continue;
		struct buf line CLEANUP(buf_release) = { 0 };
		buf_addf(&line, "%s: the document says %s, measured %s", finding->expectation->id,
		    finding->expectation->claim_text ? finding->expectation->claim_text : "?",
		    finding->claim_measured ? finding->claim_measured : "nothing");
		page_pad(page, TEXT_COLUMN_NAME);
		page_add(page, INK_DOUBTFUL, "claim ");
		page_wrap(page, INK_PLAIN, buf_string(&line), line.length, 3);
		page_newline(page);
	}
}

/* Whatever the verdict: it is about what happened, and this is where that was not quite what is written. */
static void print_late_steps(struct page *page, const struct report_result *result)
{
	const struct judgement *judgement = result->judgement;
	for (size_t i = 0; i < judgement->late_count; i++) {
		struct buf line CLEANUP(buf_release) = { 0 };
		describe_late(&line, result->plan, &judgement->late[i]);
		page_pad(page, judgement->verdict == VERDICT_PASS ? TEXT_COLUMN_NAME : 2);
		page_add(page, INK_DOUBTFUL, judgement->late[i].is_warning ? "warning: late: " : "late: ");
		page_wrap(page, INK_PLAIN, buf_string(&line), line.length, 3);
		page_newline(page);
	}
}

static void print_reason(struct page *page, const struct judgement *judgement)
{
	if (!judgement->reason || !*judgement->reason)
		return;
	page_pad(page, 2);
	page_add(page, INK_DOUBTFUL, judgement->environment ? "not judged: " : "not completed: ");
	page_wrap(page, INK_PLAIN, judgement->reason, strlen(judgement->reason), 6);
	page_newline(page);
}

/* Not wrapped: it is there to be copied. */
static void print_command(struct page *page, const char *what, const struct buf *line)
{
	page_pad(page, 2);
	page_add(page, INK_DIM, what);
	page_add(page, INK_DIM, buf_string(line));
	page_newline(page);
}

/* What to type to see it again. */
static void print_trail(struct page *page, const struct report_result *result)
{
	struct buf judge CLEANUP(buf_release) = { 0 }, run CLEANUP(buf_release) = { 0 };
	describe_check(&judge, result);
	if (judge.length)
		print_command(page, "judge again: ", &judge);
	describe_replay(&run, result);
	if (run.length)
		print_command(page, "run again: ", &run);
}

/* Where nothing could be judged, an expectation after the other saying so is noise. */
static bool is_news(const struct judgement *judgement, const struct finding *finding)
{
	return finding->verdict == VERDICT_FAIL ||
	       (finding->verdict == VERDICT_INCONCLUSIVE && !judgement->environment);
}

static void print_unjudged(struct page *page, const struct judgement *judgement, bool verbose)
{
	size_t count = 0;
	for (size_t i = 0; judgement->environment && i < judgement->finding_count; i++)
		count += judgement->findings[i].verdict == VERDICT_INCONCLUSIVE;
	if (count == 0 || verbose)
		return;
	page_pad(page, 2);
	page_addf(page, INK_DIM, "%zu expectation%s not be judged", count, count == 1 ? " could" : "s could");
	page_newline(page);
}

void text_world(
    struct page *page, const struct report *report, size_t index, size_t name_columns, bool verbose)
{
	const struct report_result *result = &report->results[index];
	const struct judgement *judgement = result->judgement;
	bool passed = judgement->verdict == VERDICT_PASS;
	if (!passed || verbose)
		page_gap(page);
	print_world_line(page, report, index, name_columns);
	print_tries(page, report, index);
	print_late_steps(page, result);
	if (passed && !verbose) {
		print_differing_claims(page, result);
		return;
	}
	print_reason(page, judgement);
	print_unjudged(page, judgement, verbose);
	page_gap(page);
	for (size_t i = 0; i < judgement->finding_count; i++) {
		if (!verbose && !is_news(judgement, &judgement->findings[i]))
			continue;
		text_finding(page, result, &judgement->findings[i]);
		page_gap(page);
	}
	text_timeline(page, result);
	text_policies(page, result);
	print_trail(page, result);
	page_gap(page);
}

/* The expectations that are to blame for the worlds of this outcome, each once, with for how many of them
 * where that is more than one. */
static void add_blamed(struct buf *names, const struct repetition *group, enum outcome outcome)
{
	const char *separator = ": ";
	for (size_t i = 0; i < group->figure_count; i++) {
		const char *id = group->figures[i].expectation->id;
		size_t worlds = group->figures[i].blamed[outcome];
		if (worlds == 0)
			continue;
		buf_addf(names, "%s%s", separator, id ? id : "");
		if (worlds > 1)
			buf_addf(names, " (%zu)", worlds);
		separator = ", ";
	}
}

static size_t count_of(const struct repetition *group, enum outcome outcome)
{
	switch (outcome) {
	case OUTCOME_PASS:
		return group->passed;
	case OUTCOME_FAIL:
		return group->failed;
	case OUTCOME_INCONCLUSIVE:
		return group->inconclusive;
	case OUTCOME_FLAKY:
		return group->flaky;
	case OUTCOME_RETRIED:
		return group->count - group->runs;
	}
	BUG("outcome %d", (int)outcome);
}

/* The scenarios of one outcome by name, with the expectations that are to blame: what a reader of a long log
 * looks for. */
static void print_list(struct page *page, const struct report *report, const struct repetition *groups,
    size_t group_count, enum outcome outcome)
{
	struct buf names CLEANUP(buf_release) = { 0 };
	for (size_t i = 0; i < group_count; i++) {
		const struct report_result *first = &report->results[groups[i].first];
		size_t count = count_of(&groups[i], outcome);
		if (count == 0)
			continue;
		buf_add_string(&names, names.length ? "; " : "");
		if (groups[i].count == 1)
			describe_world(&names, first);
		else
			buf_add_string(&names, first->plan->name ? first->plan->name : "");
		if (groups[i].runs > 1)
			buf_addf(&names, " (%zu of %zu)", count, groups[i].runs);
		add_blamed(&names, &groups[i], outcome);
	}
	if (names.length == 0)
		return;
	page_add(page, ink_of_outcome(outcome), text_word(outcome));
	page_pad(page, TEXT_COLUMN_NAME);
	page_wrap(page, INK_PLAIN, buf_string(&names), names.length, 20);
	page_newline(page);
}

static void print_facts(struct page *page, const struct report *report)
{
	const char *const facts[] = { report->falsestart_version, report->engine_version, report->started_at,
		report->command };
	static const char *const names[] = { "falsestart ", "engine ", "started ", "command " };
	for (size_t i = 0; i < ARRAY_LENGTH(facts); i++) {
		if (!facts[i])
			continue;
		page_add(page, INK_DIM, names[i]);
		page_pad(page, TEXT_COLUMN_NAME);
		page_wrap(page, INK_DIM, facts[i], strlen(facts[i]), 4);
		page_newline(page);
	}
}

static void print_summary(
    struct page *page, const struct report *report, const struct repetition *groups, size_t group_count)
{
	struct report_totals totals = report_totals(report);
	struct buf line CLEANUP(buf_release) = { 0 };
	static const enum outcome listed[] = { OUTCOME_INCONCLUSIVE, OUTCOME_FLAKY, OUTCOME_FAIL };
	if (totals.failed || totals.inconclusive || totals.flaky)
		page_gap(page);
	for (size_t i = 0; i < ARRAY_LENGTH(listed); i++)
		print_list(page, report, groups, group_count, listed[i]);
	page_gap(page);
	describe_totals(&line, report);
	enum ink ink = totals.failed || totals.flaky ? INK_BAD
		       : totals.inconclusive         ? INK_DOUBTFUL
		       : report->result_count        ? INK_GOOD
						     : INK_BOLD;
	page_add(page, ink, buf_string(&line));
	page_newline(page);
}

static size_t widest_name(const struct page *page, const struct report *report)
{
	size_t widest = 0;
	for (size_t i = 0; i < report->result_count; i++) {
		struct buf name CLEANUP(buf_release) = { 0 };
		describe_world(&name, &report->results[i]);
		size_t columns = page_columns(page, buf_string(&name));
		widest = columns > widest ? columns : widest;
	}
	return widest < NAME_COLUMNS_MAX ? widest : NAME_COLUMNS_MAX;
}

void report_text(const struct report *report, const struct report_text_options *options, struct buf *out)
{
	struct redactor *secrets CLEANUP(redactor_release) = report_redactor(report);
	size_t width = options->width ? options->width : WIDTH_DEFAULT;
	struct page page = {
		.out = out,
		.secrets = secrets,
		.width = width < WIDTH_LEAST ? WIDTH_LEAST : width,
		.colour = options->colour,
		.ascii = !options->utf8,
	};
	if (options->verbose)
		print_facts(&page, report);
	size_t group_count, name_columns = widest_name(&page, report);
	struct repetition *groups = repetitions_of(report, &group_count);
	for (size_t i = 0; i < group_count; i++) {
		const struct repetition *group = &groups[i];
		if (report->results[group->first].attempts > 1) {
			text_repetition(&page, report, group, options->verbose);
			continue;
		}
		for (size_t k = group->first; k < group->first + group->count; k++)
			text_world(&page, report, k, name_columns, options->verbose);
	}
	text_claims(&page, report);
	print_summary(&page, report, groups, group_count);
	repetitions_free(groups, group_count);
}
