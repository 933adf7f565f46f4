/*
 * JUnit XML as CI systems read it: flat suites. An expectation that failed is a <failure>; one that could not
 * be judged is <skipped>, since it is neither green nor red; <error> is the harness's own fault only
 * (docs/reports.md).
 */
#include "report/describe.h"
#include "report/repetition.h"
#include "report/report.h"
#include "report/text_private.h"
#include "report/xml.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#define DETAIL_WIDTH 100
#define OUTPUT_MAX ((size_t)64 * 1024)

struct junit {
	struct buf *out;
	const struct report *report;
	const struct redactor *secrets;
	const struct repetition *groups;
	size_t group_count;
};

struct counts {
	size_t tests, failures, errors, skipped;
};

/* A world that was not completed gets a test case of its own, so that no suite looks whole that is not. */
static bool has_world_case(const struct report_result *result)
{
	const struct judgement *judgement = result->judgement;
	return judgement->environment || (judgement->reason && *judgement->reason);
}

/* A try that failed and was made again until it passed, where that is allowed: not a failure, and no pass. */
static bool is_excused(const struct report *report, const struct report_result *result)
{
	size_t last = report_last_try(report, (size_t)(result - report->results));
	return report->flaky_allowed && report_outcome(report, last) == OUTCOME_FLAKY;
}

static struct counts count_result(const struct report *report, const struct report_result *result)
{
	struct counts counts = { .tests = result->judgement->finding_count };
	for (size_t i = 0; i < result->judgement->finding_count; i++) {
		counts.failures += result->judgement->findings[i].verdict == VERDICT_FAIL;
		counts.skipped += result->judgement->findings[i].verdict == VERDICT_INCONCLUSIVE;
	}
	if (is_excused(report, result)) {
		counts.skipped += counts.failures;
		counts.failures = 0;
	}
	if (has_world_case(result)) {
		counts.tests++;
		counts.errors += result->judgement->environment;
		counts.skipped += !result->judgement->environment;
	}
	return counts;
}

static void add_counts(struct junit *junit, struct counts counts)
{
	buf_addf(junit->out, " tests=\"%zu\" failures=\"%zu\" errors=\"%zu\" skipped=\"%zu\"", counts.tests,
	    counts.failures, counts.errors, counts.skipped);
}

static void add_seconds(struct junit *junit, int64_t ns)
{
	buf_addf(junit->out, " time=\"%.3f\"", (double)ns / 1e9);
}

static void add_property(struct junit *junit, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void add_property(struct junit *junit, const char *name, const char *format, ...)
{
	struct buf value CLEANUP(buf_release) = { 0 };
	va_list arguments;
	va_start(arguments, format);
	buf_vaddf(&value, format, arguments);
	va_end(arguments);
	buf_addf(junit->out, "      <property name=\"%s\"", name);
	xml_add_attribute(junit->out, junit->secrets, "value", buf_string(&value));
	buf_add_string(junit->out, "/>\n");
}

static void add_known_property(struct junit *junit, const char *name, const char *value)
{
	if (value)
		add_property(junit, name, "%s", value);
}

/* What many runs say together stands with the first of them. */
static void add_repetition(struct junit *junit, size_t index)
{
	for (size_t i = 0; i < junit->group_count; i++) {
		const struct repetition *group = &junit->groups[i];
		if (group->first != index || junit->report->results[index].attempts <= 1)
			continue;
		struct buf text CLEANUP(buf_release) = { 0 };
		describe_repetition(&text, group);
		add_property(junit, "runs", "%s", buf_string(&text));
		for (size_t k = 0; k < group->figure_count; k++) {
			const struct figure *figure = &group->figures[k];
			if (figure->summary.count == 0)
				continue;
			buf_clear(&text);
			describe_spread(&text, figure);
			add_property(junit, "figure", "%s: %s",
			    figure->expectation->id ? figure->expectation->id : "", buf_string(&text));
		}
	}
}

static void add_properties(struct junit *junit, size_t index)
{
	const struct report_result *result = &junit->report->results[index];
	const struct trace *trace = result->trace;
	buf_add_string(junit->out, "    <properties>\n");
	add_property(junit, "verdict", "%s", verdict_names[result->judgement->verdict]);
	add_property(junit, "speed", "%g", result->plan->speed);
	if (trace->event_count && trace->events[0].kind == EVENT_WORLD)
		add_property(junit, "seed", "%" PRId64, trace->events[0].world.seed);
	add_property(junit, "lateness_ns", "%" PRId64, result->judgement->lateness_ns);
	add_known_property(junit, "engine", junit->report->engine_version);
	add_known_property(junit, "falsestart", junit->report->falsestart_version);
	add_known_property(junit, "run", result->run_id);
	add_known_property(junit, "trace", result->trace_file);
	if (result->attempts > 1)
		add_property(junit, "attempt", "%d of %d", result->attempt, result->attempts);
	enum outcome outcome = report_outcome(junit->report, index);
	if (result->retry || outcome == OUTCOME_RETRIED) {
		add_property(junit, "retry", "%d", result->retry);
		add_property(junit, "outcome", "%s", outcome_names[outcome]);
	}
	add_repetition(junit, index);
	buf_add_string(junit->out, "    </properties>\n");
}

static struct page plain_page(const struct junit *junit, struct buf *text)
{
	return (struct page){ .out = text, .secrets = junit->secrets, .width = DETAIL_WIDTH };
}

/* When it was decided, since the world began: the only duration an expectation has. */
static int64_t decided_ns(const struct report_result *result, const struct finding *finding)
{
	if (result->reduced && result->decided_ns)
		return result->decided_ns[finding - result->judgement->findings];
	return report_decided_ns(result->trace, finding);
}

static void begin_case(struct junit *junit, const struct report_result *result, const char *name,
    struct position position, int64_t time_ns)
{
	buf_add_string(junit->out, "    <testcase");
	xml_add_attribute(junit->out, junit->secrets, "name", name);
	xml_add_attributef(junit->out, junit->secrets, "classname", "falsestart.%s",
	    result->plan->name ? result->plan->name : "");
	add_seconds(junit, time_ns);
	if (result->plan->file)
		xml_add_attribute(junit->out, junit->secrets, "file", result->plan->file);
	buf_addf(junit->out, " line=\"%d\"", position.line > 0 ? position.line : 1);
}

static void add_skipped(struct junit *junit, const char *message)
{
	buf_add_string(junit->out, ">\n      <skipped");
	xml_add_attribute(junit->out, junit->secrets, "message", message);
	buf_add_string(junit->out, "/>\n    </testcase>\n");
}

static void add_finding(
    struct junit *junit, const struct report_result *result, const struct finding *finding)
{
	const struct expectation *expectation = finding->expectation;
	struct buf message CLEANUP(buf_release) = { 0 };
	begin_case(junit, result, expectation->id ? expectation->id : "", expectation->position,
	    decided_ns(result, finding));
	switch (finding->verdict) {
	case VERDICT_PASS:
		buf_add_string(junit->out, "/>\n");
		return;
	case VERDICT_INCONCLUSIVE:
		buf_addf(&message, "inconclusive: %s", finding->reason ? finding->reason : "");
		add_skipped(junit, buf_string(&message));
		return;
	case VERDICT_FAIL:
		if (is_excused(junit->report, result)) {
			buf_addf(&message, "flaky: expected %s; actual: %s",
			    finding->expected ? finding->expected : "",
			    finding->actual ? finding->actual : "");
			add_skipped(junit, buf_string(&message));
			return;
		}
		buf_addf(&message, "expected %s; actual: %s", finding->expected ? finding->expected : "",
		    finding->actual ? finding->actual : "");
		buf_add_string(junit->out, ">\n      <failure");
		xml_add_attribute(junit->out, junit->secrets, "message", buf_string(&message));
		xml_add_attribute(
		    junit->out, junit->secrets, "type", expectation_kind_names[expectation->kind]);
		buf_add_string(junit->out, ">\n");
		buf_clear(&message);
		struct page page = plain_page(junit, &message);
		text_finding(&page, result, finding);
		xml_add_text(junit->out, junit->secrets, buf_string(&message), message.length);
		buf_add_string(junit->out, "      </failure>\n    </testcase>\n");
		return;
	}
}

static void add_world_case(struct junit *junit, const struct report_result *result)
{
	const char *reason = result->judgement->reason ? result->judgement->reason : "";
	begin_case(junit, result, "(world)", (struct position){ 0 }, result->wall_ns);
	if (result->judgement->environment) {
		buf_add_string(junit->out, ">\n      <error");
		xml_add_attribute(junit->out, junit->secrets, "message", reason);
		buf_add_string(junit->out, " type=\"environment\"/>\n");
	} else {
		buf_add_string(junit->out, ">\n      <skipped");
		xml_add_attribute(junit->out, junit->secrets, "message", reason);
		buf_add_string(junit->out, "/>\n");
	}
	buf_add_string(junit->out, "    </testcase>\n");
}

static void add_output(struct junit *junit, size_t index)
{
	struct buf text CLEANUP(buf_release) = { .max = OUTPUT_MAX };
	struct page page = plain_page(junit, &text);
	text_world(&page, junit->report, index, NAME_COLUMNS_MAX, !junit->report->results[index].reduced);
	buf_add_string(junit->out, "    <system-out>");
	xml_add_text(junit->out, junit->secrets, buf_string(&text), text.length);
	if (text.cut)
		buf_add_string(junit->out, "\n(cut)\n");
	buf_add_string(junit->out, "    </system-out>\n");
}

static void add_suite(struct junit *junit, size_t id)
{
	const struct report_result *result = &junit->report->results[id];
	struct buf name CLEANUP(buf_release) = { 0 };
	describe_world(&name, result);
	buf_add_string(junit->out, "  <testsuite");
	xml_add_attribute(junit->out, junit->secrets, "name", buf_string(&name));
	buf_addf(junit->out, " id=\"%zu\"", id);
	add_counts(junit, count_result(junit->report, result));
	add_seconds(junit, result->wall_ns);
	if (junit->report->started_at)
		xml_add_attribute(junit->out, junit->secrets, "timestamp", junit->report->started_at);
	if (result->plan->file)
		xml_add_attribute(junit->out, junit->secrets, "file", result->plan->file);
	buf_add_string(junit->out, ">\n");
	add_properties(junit, id);
	for (size_t i = 0; i < result->judgement->finding_count; i++)
		add_finding(junit, result, &result->judgement->findings[i]);
	if (has_world_case(result))
		add_world_case(junit, result);
	add_output(junit, id);
	buf_add_string(junit->out, "  </testsuite>\n");
}

void report_junit(const struct report *report, struct buf *out)
{
	struct redactor *secrets CLEANUP(redactor_release) = report_redactor(report);
	size_t group_count;
	struct repetition *groups = repetitions_of(report, &group_count);
	struct junit junit = {
		.out = out, .report = report, .secrets = secrets, .groups = groups, .group_count = group_count
	};
	struct counts all = { 0 };
	for (size_t i = 0; i < report->result_count; i++) {
		struct counts counts = count_result(report, &report->results[i]);
		all.tests += counts.tests;
		all.failures += counts.failures;
		all.errors += counts.errors;
		all.skipped += counts.skipped;
	}
	buf_add_string(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"falsestart\"");
	add_counts(&junit, all);
	add_seconds(&junit, report->wall_ns);
	buf_add_string(out, ">\n");
	for (size_t i = 0; i < report->result_count; i++)
		add_suite(&junit, i);
	buf_add_string(out, "</testsuites>\n");
	repetitions_free(groups, group_count);
}
