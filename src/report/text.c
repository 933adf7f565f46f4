#include "base/duration.h"
#include "report/describe.h"
#include "report/policy.h"
#include "report/text_private.h"

#include <string.h>

#define WIDTH_DEFAULT 80
#define WIDTH_LEAST 60

enum { COLUMN_NAME = 14, TIME_COLUMNS = 8 };

static const char *word_of(enum verdict verdict)
{
	return verdict == VERDICT_FAIL ? "FAIL" : verdict_names[verdict];
}

static void print_world_line(struct page *page, const struct report_result *result, size_t name_columns)
{
	struct buf name CLEANUP(buf_release) = { 0 };
	char wall[DURATION_TEXT_MAX];
	const char *title = result->plan->title ? result->plan->title : "";
	describe_world(&name, result);
	duration_format(result->wall_ns, wall);
	page_add(page, ink_of_verdict(result->judgement->verdict), word_of(result->judgement->verdict));
	page_pad(page, COLUMN_NAME);
	page_clip(page, INK_BOLD, buf_string(&name), name.length, name_columns);
	page_pad(page, COLUMN_NAME + name_columns + 2);
	page_clip(page, INK_PLAIN, title, strlen(title), page->width - TIME_COLUMNS - page->column);
	page_pad(page, page->width - page_columns(page, wall));
	page_add(page, INK_DIM, wall);
	page_newline(page);
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
		page_pad(page, COLUMN_NAME);
		page_add(page, INK_DOUBTFUL, "claim ");
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
	if (result->trace_file) {
		buf_addf(&judge, "falsestart check %s %s", result->plan->file ? result->plan->file : "",
		    result->trace_file);
		print_command(page, "judge again: ", &judge);
	}
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

void text_world(struct page *page, const struct report_result *result, size_t name_columns, bool verbose)
{
	const struct judgement *judgement = result->judgement;
	bool passed = judgement->verdict == VERDICT_PASS;
	if (!passed || verbose)
		page_gap(page);
	print_world_line(page, result, name_columns);
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

/* The worlds of one verdict by name, with the expectations that are to blame: what a reader of a long log
 * looks for. */
static void print_list(struct page *page, const struct report *report, enum verdict verdict)
{
	struct buf names CLEANUP(buf_release) = { 0 };
	for (size_t i = 0; i < report->result_count; i++) {
		const struct judgement *judgement = report->results[i].judgement;
		if (judgement->verdict != verdict)
			continue;
		buf_add_string(&names, names.length ? "; " : "");
		describe_world(&names, &report->results[i]);
		for (size_t k = 0, listed = 0; k < judgement->finding_count; k++)
			if (judgement->findings[k].verdict == verdict)
				buf_addf(&names, "%s%s", listed++ ? ", " : ": ",
				    judgement->findings[k].expectation->id);
	}
	if (names.length == 0)
		return;
	page_add(page, ink_of_verdict(verdict), word_of(verdict));
	page_pad(page, COLUMN_NAME);
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
		page_pad(page, COLUMN_NAME);
		page_wrap(page, INK_DIM, facts[i], strlen(facts[i]), 4);
		page_newline(page);
	}
}

static void print_summary(struct page *page, const struct report *report)
{
	struct report_totals totals = report_totals(report);
	struct buf line CLEANUP(buf_release) = { 0 };
	if (totals.failed || totals.inconclusive) {
		page_gap(page);
		print_list(page, report, VERDICT_INCONCLUSIVE);
		print_list(page, report, VERDICT_FAIL);
	}
	page_gap(page);
	describe_totals(&line, report);
	enum ink ink = totals.failed          ? INK_BAD
		       : totals.inconclusive  ? INK_DOUBTFUL
		       : report->result_count ? INK_GOOD
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
	for (size_t i = 0; i < report->result_count; i++)
		text_world(&page, &report->results[i], widest_name(&page, report), options->verbose);
	text_claims(&page, report);
	print_summary(&page, report);
}
