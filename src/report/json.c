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

static void set(json_t *object, const char *key, json_t *value)
{
	if (json_object_set_new(object, key, value) != 0)
		BUG("cannot set `%s`", key);
}

static void append(json_t *array, json_t *value)
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
		set(item, "index", json_integer((json_int_t)index));
		set(item, "event", json_event(secrets, &result->trace->events[index]));
		append(evidence, item);
	}
	return evidence;
}

static json_t *json_claim(const struct redactor *secrets, const struct finding *finding)
{
	const struct range *range = &finding->expectation->claim;
	if (finding->claim == CLAIM_NONE)
		return json_null();
	json_t *claim = json_object();
	set(claim, "text", json_text(secrets, finding->expectation->claim_text));
	set(claim, "low", range->present ? json_integer(range->low) : json_null());
	set(claim, "high",
	    range->present && range->high != INT64_MAX ? json_integer(range->high) : json_null());
	set(claim, "measured", json_text(secrets, finding->claim_measured));
	set(claim, "result", json_string(claim_result_names[finding->claim]));
	return claim;
}

static json_t *json_measured(const struct finding *finding)
{
	if (!finding->has_measured)
		return json_null();
	json_t *measured = json_object();
	set(measured, "low", json_integer(finding->measured_low));
	set(measured, "high", json_integer(finding->measured_high));
	return measured;
}

static json_t *json_finding(
    const struct redactor *secrets, const struct report_result *result, const struct finding *finding)
{
	const struct expectation *expectation = finding->expectation;
	json_t *object = json_object();
	set(object, "id", json_text(secrets, expectation->id));
	set(object, "kind", json_string(expectation_kind_names[expectation->kind]));
	set(object, "text", json_text(secrets, expectation->text));
	set(object, "source", json_text(secrets, expectation->source));
	set(object, "line", json_integer(expectation->position.line));
	set(object, "column", json_integer(expectation->position.column));
	set(object, "verdict", json_string(verdict_names[finding->verdict]));
	set(object, "expected", json_text(secrets, finding->expected));
	set(object, "actual", json_text(secrets, finding->actual));
	set(object, "reason", json_text(secrets, finding->reason));
	set(object, "unit", json_string(unit_names[unit_of(expectation)]));
	set(object, "slack", has_limit(finding) ? json_integer(finding->slack) : json_null());
	set(object, "measured", json_measured(finding));
	set(object, "claim", json_claim(secrets, finding));
	set(object, "evidence", json_evidence(secrets, result, finding));
	return object;
}

static json_t *json_tags(const struct redactor *secrets, const struct plan *plan)
{
	json_t *tags = json_array();
	for (size_t i = 0; i < plan->tags.count; i++)
		append(tags, json_text(secrets, plan->tags.items[i]));
	return tags;
}

static json_t *json_result(const struct redactor *secrets, const struct report_result *result)
{
	const struct judgement *judgement = result->judgement;
	const struct trace *trace = result->trace;
	bool begun = trace->event_count && trace->events[0].kind == EVENT_WORLD;
	json_t *object = json_object();
	set(object, "scenario", json_text(secrets, result->plan->name));
	set(object, "title", json_text(secrets, result->plan->title));
	set(object, "source", json_text(secrets, result->plan->source));
	set(object, "file", json_text(secrets, result->plan->file));
	set(object, "tags", json_tags(secrets, result->plan));
	set(object, "run", json_text(secrets, result->run_id));
	set(object, "attempt", json_integer(result->attempts > 1 ? result->attempt : 1));
	set(object, "attempts", json_integer(result->attempts > 1 ? result->attempts : 1));
	set(object, "trace", json_text(secrets, result->trace_file));
	set(object, "complete", json_boolean(trace->complete));
	set(object, "speed", json_real(result->plan->speed));
	set(object, "seed", begun ? json_integer(trace->events[0].world.seed) : json_null());
	set(object, "verdict", json_string(verdict_names[judgement->verdict]));
	set(object, "reason", json_text(secrets, judgement->reason));
	set(object, "environment", json_boolean(judgement->environment));
	set(object, "wall_ns", json_integer(result->wall_ns));
	set(object, "lateness_ns", json_integer(judgement->lateness_ns));
	json_t *findings = json_array();
	for (size_t i = 0; i < judgement->finding_count; i++)
		append(findings, json_finding(secrets, result, &judgement->findings[i]));
	set(object, "findings", findings);
	set(object, "policies", json_policies(secrets, result));
	return object;
}

static json_t *json_totals(const struct report *report)
{
	struct report_totals totals = report_totals(report);
	json_t *object = json_object();
	set(object, "passed", json_integer((json_int_t)totals.passed));
	set(object, "failed", json_integer((json_int_t)totals.failed));
	set(object, "inconclusive", json_integer((json_int_t)totals.inconclusive));
	set(object, "environment", json_integer((json_int_t)totals.environment));
	set(object, "claims", json_integer((json_int_t)totals.claims));
	set(object, "claims_differing", json_integer((json_int_t)totals.differing));
	return object;
}

static json_t *json_report(const struct redactor *secrets, const struct report *report)
{
	json_t *object = json_object();
	set(object, "falsestart_report", json_integer(REPORT_JSON_VERSION));
	set(object, "falsestart", json_text(secrets, report->falsestart_version));
	set(object, "engine", json_text(secrets, report->engine_version));
	set(object, "started_at", json_text(secrets, report->started_at));
	set(object, "command", json_text(secrets, report->command));
	set(object, "speed", json_real(report->speed));
	set(object, "wall_ns", json_integer(report->wall_ns));
	set(object, "lateness_ns", json_integer(report->lateness_ns));
	set(object, "exit_status", json_integer(report_exit_status(report)));
	set(object, "totals", json_totals(report));
	json_t *results = json_array();
	for (size_t i = 0; i < report->result_count; i++)
		append(results, json_result(secrets, &report->results[i]));
	set(object, "results", results);
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
