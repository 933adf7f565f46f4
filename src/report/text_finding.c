#include "base/err.h"
#include "report/describe.h"
#include "report/text_private.h"

#include <string.h>

/* Lines of a log shown around the moment that decided. */
#define CONTEXT_BEFORE 3
#define CONTEXT_AFTER 2
#define PARAGRAPH_LINES 8
#define EVIDENCE_LINES 3
#define ID_COLUMNS 30

enum { INDENT_FINDING = 2, INDENT_FIELD = 4, INDENT_VALUE = 14, INDENT_EVIDENCE = 6 };

enum ink ink_of_verdict(enum verdict verdict)
{
	switch (verdict) {
	case VERDICT_PASS:
		return INK_GOOD;
	case VERDICT_FAIL:
		return INK_BAD;
	case VERDICT_INCONCLUSIVE:
		return INK_DOUBTFUL;
	}
	BUG("verdict %d", (int)verdict);
}

static const char *mark_of(enum verdict verdict)
{
	switch (verdict) {
	case VERDICT_PASS:
		return "✓";
	case VERDICT_FAIL:
		return "✗";
	case VERDICT_INCONCLUSIVE:
		return "?";
	}
	BUG("verdict %d", (int)verdict);
}

static void print_head(struct page *page, const struct report_result *result, const struct finding *finding)
{
	const struct expectation *expectation = finding->expectation;
	enum ink ink = ink_of_verdict(finding->verdict);
	page_pad(page, INDENT_FINDING);
	page_add(page, ink, mark_of(finding->verdict));
	page_pad(page, INDENT_FIELD);
	const char *id = expectation->id ? expectation->id : "";
	page_clip(page, ink, id, strlen(id), ID_COLUMNS);
	if (finding->verdict == VERDICT_INCONCLUSIVE)
		page_add(page, ink, " (inconclusive)");
	if (expectation->text) {
		page_add(page, INK_PLAIN, "  ");
		page_wrap(page, INK_PLAIN, expectation->text, strlen(expectation->text), 3);
	}
	page_newline(page);
	page_pad(page, INDENT_FIELD);
	page_addf(page, INK_DIM, "%s:%d:%d", result->plan->file ? result->plan->file : "",
	    expectation->position.line, expectation->position.column);
	page_newline(page);
}

static void print_field(struct page *page, const char *name, enum ink ink, const char *value)
{
	if (!value || !*value)
		return;
	page_pad(page, INDENT_FIELD);
	page_add(page, INK_DIM, name);
	page_pad(page, INDENT_VALUE);
	page_wrap(page, ink, value, strlen(value), PARAGRAPH_LINES);
	page_newline(page);
}

static void print_slack(struct page *page, const struct finding *finding)
{
	struct buf slack CLEANUP(buf_release) = { 0 };
	/* What failed for another reason than its limit has nothing to learn from the distance to it. */
	if (!has_limit(finding) || (finding->verdict == VERDICT_FAIL && finding->slack >= 0))
		return;
	describe_amount(&slack, unit_of(finding->expectation), finding->slack, true);
	if (finding->verdict == VERDICT_INCONCLUSIVE)
		buf_add_string(&slack, " at worst");
	else
		buf_add_string(&slack, finding->slack < 0 ? " (outside the limit)" : " (inside the limit)");
	print_field(page, "slack:", finding->slack < 0 ? ink_of_verdict(finding->verdict) : INK_PLAIN,
	    buf_string(&slack));
}

static void print_claim(struct page *page, const struct finding *finding)
{
	struct buf claim CLEANUP(buf_release) = { 0 };
	if (finding->claim == CLAIM_NONE || !finding->expectation->claim_text)
		return;
	buf_addf(&claim, "the document says %s, ", finding->expectation->claim_text);
	if (finding->claim == CLAIM_UNKNOWN || !finding->claim_measured || !*finding->claim_measured)
		buf_add_string(&claim, "which could not be measured");
	else
		buf_addf(
		    &claim, "measured %s: %s", finding->claim_measured, claim_result_names[finding->claim]);
	print_field(
	    page, "claim:", finding->claim == CLAIM_DIFFERS ? INK_DOUBTFUL : INK_PLAIN, buf_string(&claim));
}

/* ---- evidence ---- */

struct row {
	size_t event;
	bool decided; /* of the evidence, not of the context */
};

struct columns {
	size_t time, subject;
};

static struct columns measure(
    const struct page *page, const struct trace *trace, const struct row *rows, size_t count)
{
	struct columns widest = { 0 };
	for (size_t i = 0; i < count; i++) {
		const struct event *event = &trace->events[rows[i].event];
		struct buf time CLEANUP(buf_release) = { 0 }, subject CLEANUP(buf_release) = { 0 };
		describe_time(&time, event->from_ns, event->to_ns);
		describe_subject(&subject, event);
		size_t columns = page_columns(page, buf_string(&subject));
		widest.time = time.length > widest.time ? time.length : widest.time;
		widest.subject = columns > widest.subject ? columns : widest.subject;
	}
	/* Lines of the context are all of one log, which their title names. */
	widest.subject = !rows[0].decided ? 0 : widest.subject > 24 ? 24 : widest.subject;
	return widest;
}

static void print_row(
    struct page *page, const struct trace *trace, const struct row *row, struct columns columns)
{
	const struct event *event = &trace->events[row->event];
	struct buf time CLEANUP(buf_release) = { 0 }, subject CLEANUP(buf_release) = { 0 };
	struct buf what CLEANUP(buf_release) = { 0 };
	describe_time(&time, event->from_ns, event->to_ns);
	describe_subject(&subject, event);
	describe_event(&what, event);
	enum ink ink = row->decided ? INK_PLAIN : INK_DIM;
	page_pad(page, INDENT_EVIDENCE + columns.time - time.length);
	page_add(page, ink, buf_string(&time));
	if (columns.subject) {
		page_pad(page, INDENT_EVIDENCE + columns.time + 2);
		page_clip(page, ink, buf_string(&subject), subject.length, columns.subject);
	}
	page_pad(page, INDENT_EVIDENCE + columns.time + 2 + columns.subject + (columns.subject ? 2 : 0));
	page_wrap(page, ink, buf_string(&what), what.length, EVIDENCE_LINES);
	page_newline(page);
}

static void print_rows(
    struct page *page, const char *title, const struct trace *trace, const struct row *rows, size_t count)
{
	if (count == 0)
		return;
	page_pad(page, INDENT_FIELD);
	page_add(page, INK_DIM, title);
	page_newline(page);
	struct columns columns = measure(page, trace, rows, count);
	for (size_t i = 0; i < count; i++)
		print_row(page, trace, &rows[i], columns);
}

static size_t gather_evidence(
    const struct trace *trace, const struct finding *finding, struct row rows[EVIDENCE_MAX])
{
	size_t count = 0;
	for (size_t i = 0; i < finding->evidence_count && count < EVIDENCE_MAX; i++)
		if (finding->evidence[i] < trace->event_count)
			rows[count++] = (struct row){ .event = finding->evidence[i], .decided = true };
	return count;
}

static bool is_evidence(const struct row *rows, size_t count, size_t event)
{
	for (size_t i = 0; i < count; i++)
		if (rows[i].event == event)
			return true;
	return false;
}

static bool is_said_by(const struct event *event, const char *service)
{
	return event->kind == EVENT_LOG && event->of && strcmp(event->of, service) == 0;
}

/* Lines of the log that are evidence themselves: they are their own context, but for a single one. */
static bool speaks_for_itself(
    const struct trace *trace, const struct row *evidence, size_t count, const char *subject)
{
	size_t lines = 0;
	for (size_t i = 0; i < count; i++)
		lines += is_said_by(&trace->events[evidence[i].event], subject);
	return lines > 1;
}

/* What the subject said just before and after it was decided. */
static size_t gather_context(const struct report_result *result, const struct row *evidence,
    size_t evidence_count, struct row rows[CONTEXT_BEFORE + CONTEXT_AFTER])
{
	const struct trace *trace = result->trace;
	const struct stack *stack = result->plan->stack;
	size_t before = 0, after = 0;
	if (evidence_count == 0 || !stack || result->plan->subject >= stack->service_count)
		return 0;
	const char *subject = stack->services[result->plan->subject].name;
	if (speaks_for_itself(trace, evidence, evidence_count, subject))
		return 0;
	int64_t decided_ns = trace->events[evidence[evidence_count - 1].event].to_ns;
	for (size_t i = 0; i < trace->event_count && after < CONTEXT_AFTER; i++) {
		const struct event *event = &trace->events[i];
		if (!is_said_by(event, subject) || is_evidence(evidence, evidence_count, i))
			continue;
		if (event->from_ns > decided_ns) {
			rows[before + after++] = (struct row){ .event = i };
			continue;
		}
		if (before == CONTEXT_BEFORE)
			memmove(rows, rows + 1, --before * sizeof(*rows));
		/* Logs may come late: a line from before the moment that follows one from after it is left
		 * out. */
		if (after == 0)
			rows[before++] = (struct row){ .event = i };
	}
	return before + after;
}

void text_finding(struct page *page, const struct report_result *result, const struct finding *finding)
{
	struct row evidence[EVIDENCE_MAX], context[CONTEXT_BEFORE + CONTEXT_AFTER];
	print_head(page, result, finding);
	print_field(page, "expected:", INK_PLAIN, finding->expected);
	print_field(page, "actual:", INK_BOLD, finding->actual);
	print_slack(page, finding);
	print_field(page, "reason:", INK_PLAIN, finding->reason);
	print_claim(page, finding);
	print_field(page, "source:", INK_DIM, finding->expectation->source);
	size_t evidence_count = gather_evidence(result->trace, finding, evidence);
	print_rows(page, "evidence:", result->trace, evidence, evidence_count);
	if (finding->verdict == VERDICT_PASS)
		return;
	size_t context_count = gather_context(result, evidence, evidence_count, context);
	if (context_count == 0)
		return;
	char *title OWNED =
	    xasprintf("%s.log around it:", result->plan->stack->services[result->plan->subject].name);
	print_rows(page, title, result->trace, context, context_count);
}
