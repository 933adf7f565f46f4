/*
 * JSON for other programs: docs/reports.md describes every key. An event of the evidence is the very object
 * that stands in the trace, so that there is one description of events only.
 */
#include "base/err.h"
#include "report/describe.h"
#include "report/json_private.h"
#include "report/policy.h"
#include "report/report.h"

#include <jansson.h>
#include <string.h>

/* Bytes of one string that are kept. */
#define STRING_MAX 4096

/* Redacted, then bounded (not within a character: bytes 10xxxxxx continue one); what is not UTF-8 is U+FFFD.
 */
static json_t *json_bytes(const struct redactor *secrets, const char *bytes, size_t length)
{
	struct buf kept CLEANUP(buf_release) = { 0 }, literal CLEANUP(buf_release) = { 0 };
	redact(secrets, &kept, bytes, length);
	if (kept.length > STRING_MAX) {
		size_t end = STRING_MAX;
		while (end > 0 && ((unsigned char)kept.bytes[end] & 0xC0) == 0x80)
			end--;
		kept.length = end;
		buf_add_string(&kept, "…");
	}
	buf_add_json_string(&literal, buf_string(&kept), kept.length);
	json_t *string = json_loadb(literal.bytes, literal.length, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
	if (!string)
		BUG("an escaped string of %zu bytes is not JSON", length);
	return string;
}

json_t *json_text(const struct redactor *secrets, const char *text)
{
	return text ? json_bytes(secrets, text, strlen(text)) : json_null();
}

void json_put(json_t *object, const char *key, json_t *value)
{
	if (json_object_set_new(object, key, value) != 0)
		BUG("cannot set `%s`", key);
}

void json_push(json_t *array, json_t *value)
{
	if (json_array_append_new(array, value) != 0)
		BUG("cannot append to an array");
}

static json_t *json_event(const struct redactor *secrets, const struct event *event)
{
	struct buf line CLEANUP(buf_release) = { 0 };
	trace_write_event(&line, event);
	json_t *object = json_loadb(buf_string(&line), line.length, JSON_ALLOW_NUL, NULL);
	if (!json_is_object(object))
		BUG("the trace's writer made something else than an object");
	for (void *member = json_object_iter(object); member;
	     member = json_object_iter_next(object, member)) {
		const json_t *value = json_object_iter_value(member);
		if (!json_is_string(value))
			continue;
		json_t *shown = json_bytes(secrets, json_string_value(value), json_string_length(value));
		if (json_object_iter_set_new(object, member, shown) != 0)
			BUG("cannot replace a member");
	}
	return object;
}

static json_t *json_evidence(
    const struct redactor *secrets, const struct report_result *result, const struct finding *finding)
{
	json_t *evidence = json_array();
	for (size_t i = 0; i < finding->evidence_count; i++) {
		size_t index = finding->evidence[i];
		if (index >= result->trace->event_count)
			continue;
		json_t *item = json_object();
		json_put(item, "index", json_integer((json_int_t)index));
		json_put(item, "event", json_event(secrets, &result->trace->events[index]));
		json_push(evidence, item);
	}
	return evidence;
}

static json_t *json_claim(const struct redactor *secrets, const struct finding *finding)
{
	const struct range *range = &finding->expectation->claim;
	if (finding->claim == CLAIM_NONE)
		return json_null();
	json_t *claim = json_object();
	json_put(claim, "text", json_text(secrets, finding->expectation->claim_text));
	json_put(claim, "low", range->present ? json_integer(range->low) : json_null());
	json_put(claim, "high",
	    range->present && range->high != INT64_MAX ? json_integer(range->high) : json_null());
	json_put(claim, "measured", json_text(secrets, finding->claim_measured));
	json_put(claim, "result", json_string(claim_result_names[finding->claim]));
	return claim;
}

static json_t *json_measured(const struct finding *finding)
{
	if (!finding->has_measured)
		return json_null();
	json_t *measured = json_object();
	json_put(measured, "low", json_integer(finding->measured_low));
	json_put(measured, "high", json_integer(finding->measured_high));
	return measured;
}

/* What nobody wrote down stands behind what was. */
static bool is_implied(const struct judgement *judgement, const struct finding *finding)
{
	size_t written = judgement->finding_count - judgement->implied_count;
	return (size_t)(finding - judgement->findings) >= written;
}

static json_t *json_finding(
    const struct redactor *secrets, const struct report_result *result, const struct finding *finding)
{
	const struct expectation *expectation = finding->expectation;
	json_t *object = json_object();
	json_put(object, "id", json_text(secrets, expectation->id));
	json_put(object, "kind", json_string(expectation_kind_names[expectation->kind]));
	json_put(object, "implied", json_boolean(is_implied(result->judgement, finding)));
	json_put(object, "text", json_text(secrets, expectation->text));
	json_put(object, "source", json_text(secrets, expectation->source));
	json_put(object, "line", json_integer(expectation->position.line));
	json_put(object, "column", json_integer(expectation->position.column));
	json_put(object, "verdict", json_string(verdict_names[finding->verdict]));
	json_put(object, "expected", json_text(secrets, finding->expected));
	json_put(object, "actual", json_text(secrets, finding->actual));
	json_put(object, "reason", json_text(secrets, finding->reason));
	json_put(object, "unit", json_string(unit_names[unit_of(expectation)]));
	json_put(object, "slack", has_limit(finding) ? json_integer(finding->slack) : json_null());
	json_put(object, "measured", json_measured(finding));
	json_put(object, "claim", json_claim(secrets, finding));
	json_put(object, "evidence", json_evidence(secrets, result, finding));
	return object;
}

static json_t *json_tags(const struct redactor *secrets, const struct plan *plan)
{
	json_t *tags = json_array();
	for (size_t i = 0; i < plan->tags.count; i++)
		json_push(tags, json_text(secrets, plan->tags.items[i]));
	return tags;
}

static json_t *json_late_steps(const struct redactor *secrets, const struct report_result *result)
{
	json_t *steps = json_array();
	for (size_t i = 0; i < result->judgement->late_count; i++) {
		const struct late_step *late = &result->judgement->late[i];
		json_t *step = json_object();
		json_put(step, "step", json_text(secrets, result->plan->steps[late->step].id));
		json_put(step, "due_ns", json_integer(late->due_ns));
		json_put(step, "at_ns", json_integer(late->at_ns));
		json_put(step, "late_ns", json_integer(late->late_ns));
		json_put(step, "wait_ns", json_integer(late->wait_ns));
		json_put(step, "was_kept", json_boolean(late->was_kept));
		json_put(step, "warning", json_boolean(late->is_warning));
		json_push(steps, step);
	}
	return steps;
}

static json_t *json_result(const struct redactor *secrets, const struct report *report, size_t index)
{
	const struct report_result *result = &report->results[index];
	const struct judgement *judgement = result->judgement;
	const struct trace *trace = result->trace;
	bool begun = trace->event_count && trace->events[0].kind == EVENT_WORLD;
	json_t *object = json_object();
	json_put(object, "scenario", json_text(secrets, result->plan->name));
	json_put(object, "title", json_text(secrets, result->plan->title));
	json_put(object, "source", json_text(secrets, result->plan->source));
	json_put(object, "file", json_text(secrets, result->plan->file));
	json_put(object, "tags", json_tags(secrets, result->plan));
	json_put(object, "run", json_text(secrets, result->run_id));
	json_put(object, "attempt", json_integer(result->attempts > 1 ? result->attempt : 1));
	json_put(object, "attempts", json_integer(result->attempts > 1 ? result->attempts : 1));
	json_put(object, "retry", json_integer(result->retry));
	json_put(object, "outcome", json_string(outcome_names[report_outcome(report, index)]));
	json_put(object, "reduced", json_boolean(result->reduced));
	json_put(object, "trace", json_text(secrets, result->trace_file));
	json_put(object, "complete", json_boolean(trace->complete));
	json_put(object, "speed", json_real(result->plan->speed));
	json_put(object, "seed", begun ? json_integer(trace->events[0].world.seed) : json_null());
	json_put(object, "verdict", json_string(verdict_names[judgement->verdict]));
	json_put(object, "reason", json_text(secrets, judgement->reason));
	json_put(object, "environment", json_boolean(judgement->environment));
	json_put(object, "wall_ns", json_integer(result->wall_ns));
	json_put(object, "lateness_ns", json_integer(judgement->lateness_ns));
	json_put(object, "late_steps", json_late_steps(secrets, result));
	json_t *findings = json_array();
	for (size_t i = 0; i < judgement->finding_count; i++)
		json_push(findings, json_finding(secrets, result, &judgement->findings[i]));
	json_put(object, "findings", findings);
	json_put(object, "policies", result->reduced ? json_array() : json_policies(secrets, result));
	return object;
}

static json_t *json_totals(const struct report *report)
{
	struct report_totals totals = report_totals(report);
	json_t *object = json_object();
	json_put(object, "passed", json_integer((json_int_t)totals.passed));
	json_put(object, "failed", json_integer((json_int_t)totals.failed));
	json_put(object, "inconclusive", json_integer((json_int_t)totals.inconclusive));
	json_put(object, "environment", json_integer((json_int_t)totals.environment));
	json_put(object, "flaky", json_integer((json_int_t)totals.flaky));
	json_put(object, "doubted", json_integer((json_int_t)totals.doubted));
	json_put(object, "retried", json_integer((json_int_t)totals.retried));
	json_put(object, "claims", json_integer((json_int_t)totals.claims));
	json_put(object, "claims_differing", json_integer((json_int_t)totals.differing));
	return object;
}

static json_t *json_report(const struct redactor *secrets, const struct report *report)
{
	json_t *object = json_object();
	json_put(object, "falsestart_report", json_integer(REPORT_JSON_VERSION));
	json_put(object, "falsestart", json_text(secrets, report->falsestart_version));
	json_put(object, "engine", json_text(secrets, report->engine_version));
	json_put(object, "started_at", json_text(secrets, report->started_at));
	json_put(object, "command", json_text(secrets, report->command));
	json_put(object, "speed", json_real(report->speed));
	json_put(object, "wall_ns", json_integer(report->wall_ns));
	json_put(object, "lateness_ns", json_integer(report->lateness_ns));
	json_put(object, "exit_status", json_integer(report_exit_status(report)));
	json_put(object, "totals", json_totals(report));
	json_t *results = json_array();
	for (size_t i = 0; i < report->result_count; i++)
		json_push(results, json_result(secrets, report, i));
	json_put(object, "results", results);
	json_put(object, "repetitions", json_repetitions(secrets, report));
	return object;
}

static int add_to_buf(const char *bytes, size_t length, void *out)
{
	buf_add(out, bytes, length);
	return 0;
}

void report_json(const struct report *report, struct buf *out)
{
	struct redactor *secrets CLEANUP(redactor_release) = report_redactor(report);
	json_t *object = json_report(secrets, report);
	/* 9 significant digits: speeds are written as people wrote them (0.1, not 0.10000000000000001). */
	int result = json_dump_callback(object, add_to_buf, out, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
	json_decref(object);
	if (result != 0)
		BUG("cannot write JSON");
	buf_add_char(out, '\n');
}
