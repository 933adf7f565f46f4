/* respond: the answer to a request step: status, headers, body, time. Every rule is judged. */
#include "base/expression.h"
#include "base/pattern.h"
#include "check/judge.h"

#include <string.h>
#include <strings.h>

static void add_expected(const struct expectation *expectation, struct buf *out)
{
	const char *separator = "";
	if (expectation->respond.status.present) {
		buf_add_string(out, "status ");
		text_add_count(out,
		    (struct interval){ expectation->respond.status.low, expectation->respond.status.high });
		separator = ", ";
	}
	for (size_t i = 0; i < expectation->respond.header_count; i++) {
		const struct header_rule *rule = &expectation->respond.headers[i];
		buf_addf(out, "%s%s%s", separator, rule->absent ? "no header " : "header ", rule->name);
		if (rule->value)
			buf_addf(out, ": %s", rule->value);
		separator = ", ";
	}
	for (size_t i = 0; i < expectation->respond.body_count; i++) {
		const struct body_rule *rule = &expectation->respond.bodies[i];
		buf_addf(out, "%s`%s` = `%s`", separator, rule->expression, rule->value);
		separator = ", ";
	}
	if (expectation->respond.body_pattern) {
		buf_addf(out, "%sa body that matches `%s`", separator, expectation->respond.body_pattern);
		separator = ", ";
	}
	if (expectation->respond.has_within) {
		buf_addf(out, "%swithin ", separator);
		text_add_time(out, expectation->respond.within_ns);
		buf_add_string(out, ", tolerance 0s");
		separator = ", ";
	}
	if (!*separator)
		buf_add_string(out, "any answer");
}

static void judge_status(const struct event *event, struct draft *draft)
{
	const struct range *status = &draft->expectation->respond.status;
	if (!status->present ||
	    (event->response.status >= status->low && event->response.status <= status->high))
		return;
	CLEANUP(buf_release) struct buf text = { 0 };
	text_add_count(&text, (struct interval){ status->low, status->high });
	draft_fail(draft, "status %d, expected %s", event->response.status, buf_string(&text));
}

/* The next header line of this name; its value without blanks around it. NULL: no more. */
static const char *next_header(const char **cursor, const char *name, size_t *ret_length)
{
	size_t name_length = strlen(name);
	while (**cursor) {
		const char *line = *cursor;
		size_t length = strcspn(line, "\n");
		*cursor += length + (line[length] == '\n');
		if (length <= name_length || line[name_length] != ':' ||
		    strncasecmp(line, name, name_length) != 0)
			continue;
		const char *value = line + name_length + 1, *end = line + length;
		while (value < end && (*value == ' ' || *value == '\t'))
			value++;
		while (end > value && strchr(" \t\r", end[-1]))
			end--;
		*ret_length = (size_t)(end - value);
		return value;
	}
	return NULL;
}

static void judge_header(const struct event *event, const struct header_rule *rule, struct draft *draft)
{
	const char *cursor = event->response.headers, *value, *last = NULL;
	size_t length, last_length = 0;
	while ((value = next_header(&cursor, rule->name, &length)) != NULL) {
		last = value;
		last_length = length;
		if (rule->value && strlen(rule->value) == length && memcmp(rule->value, value, length) == 0)
			break;
	}
	CLEANUP(buf_release) struct buf shown = { 0 };
	if (last)
		buf_add_visible(&shown, last, last_length, 120);
	if (rule->absent && last)
		draft_fail(draft, "header %s is there: `%s`", rule->name, buf_string(&shown));
	else if (!rule->absent && !last)
		draft_fail(draft, "header %s is missing", rule->name);
	else if (!rule->absent && rule->value && !value)
		draft_fail(
		    draft, "header %s is `%s`, expected `%s`", rule->name, buf_string(&shown), rule->value);
}

static void judge_body(const struct event *event, const struct body_rule *rule, struct draft *draft)
{
	struct err err = ERR_INIT;
	struct expression *expression = expression_compile(rule->expression, &err);
	if (!expression) {
		draft_inconclusive(draft, "%s", err.message);
		return;
	}
	const struct text *body = &event->response.body;
	char *result OWNED = expression_run(expression, body->bytes ? body->bytes : "", body->length, &err);
	expression_free(expression);
	if (result && strcmp(result, rule->value) == 0)
		return;
	CLEANUP(buf_release) struct buf shown = { 0 };
	if (result)
		buf_add_visible(&shown, result, strlen(result), 120);
	/* What is missing may have been in the part that was not kept. */
	if (event->response.body_cut)
		draft_inconclusive(draft,
		    "`%s` cannot be told: only the first %zu bytes of the body were kept", rule->expression,
		    body->length);
	else if (result)
		draft_fail(
		    draft, "`%s` is `%s`, expected `%s`", rule->expression, buf_string(&shown), rule->value);
	else
		draft_fail(draft, "`%s`: %s", rule->expression, err.message);
}

static void judge_body_pattern(const struct event *event, struct draft *draft)
{
	struct err err = ERR_INIT;
	struct pattern *pattern = pattern_compile(draft->expectation->respond.body_pattern, &err);
	if (!pattern) {
		draft_inconclusive(draft, "%s", err.message);
		return;
	}
	const struct text *body = &event->response.body;
	enum pattern_result result = pattern_match(pattern, body->bytes ? body->bytes : "", body->length);
	pattern_free(pattern);
	if (result == PATTERN_LIMIT)
		draft_inconclusive(draft, "the pattern takes too long on the body");
	else if (result == PATTERN_NO_MATCH && event->response.body_cut)
		draft_inconclusive(draft,
		    "the pattern does not match the first %zu bytes of the body, and no more were "
		    "kept",
		    body->length);
	else if (result == PATTERN_NO_MATCH)
		draft_fail(
		    draft, "the body does not match `%.120s`", draft->expectation->respond.body_pattern);
}

static void judge_time(const struct index *index, const struct event *event, struct draft *draft)
{
	int64_t limit = draft->expectation->respond.within_ns, took = event->to_ns - event->from_ns;
	int64_t lateness = lateness_within(index->lateness, event->from_ns, event->to_ns);
	CLEANUP(buf_release) struct buf actual = { 0 }, late = { 0 };
	draft_slack(draft, limit - took);
	if (took <= limit)
		return;
	text_add_time_beside(&actual, took, limit);
	text_add_time(&late, lateness);
	if (took > saturating_add(limit, lateness))
		draft_fail(draft, "took %s", buf_string(&actual));
	else
		draft_inconclusive(draft, "took %s, but the host ran up to %s late meanwhile",
		    buf_string(&actual), buf_string(&late));
}

static void judge_answer(const struct index *index, const struct event *event, struct draft *draft)
{
	const struct expectation *expectation = draft->expectation;
	int64_t took = event->to_ns - event->from_ns;
	draft_measured(draft, took, took);
	if (strcmp(event->response.outcome, "answered") != 0) {
		buf_addf(&draft->actual, "%s after ", event->response.outcome);
		text_add_time(&draft->actual, took);
		if (index_is_starved(index, event)) {
			draft_inconclusive(draft, "no answer in time, but the host was late meanwhile");
			return;
		}
		draft_fail(draft, "no answer: %s%s%.200s", event->response.outcome,
		    *event->response.detail ? ", " : "", event->response.detail);
		draft_note_death(
		    draft, index, index->plan->steps[expectation->step].request.service, event->to_ns);
		return;
	}
	buf_addf(&draft->actual, "status %d after ", event->response.status);
	text_add_time(&draft->actual, took);
	judge_status(event, draft);
	for (size_t i = 0; i < expectation->respond.header_count; i++)
		judge_header(event, &expectation->respond.headers[i], draft);
	for (size_t i = 0; i < expectation->respond.body_count; i++)
		judge_body(event, &expectation->respond.bodies[i], draft);
	if (expectation->respond.body_pattern)
		judge_body_pattern(event, draft);
	if (expectation->respond.has_within)
		judge_time(index, event, draft);
}

void judge_respond(const struct index *index, struct draft *draft)
{
	const struct step *step = &index->plan->steps[draft->expectation->step];
	const struct series *series = &index->responses[draft->expectation->step];
	add_expected(draft->expectation, &draft->expected);
	if (series->count == 0) {
		struct instant instant;
		struct moment moment = { .kind = MOMENT_STEP, .name = step->id };
		moment_resolve(index, &moment, &instant);
		draft_inconclusive(draft, "vacuous: %s",
		    instant.happened ? "the trace has no answer to the request" : instant.why_not);
		draft_note_death(draft, index, index->plan->subject, INT64_MAX);
		return;
	}
	const struct event *event = series_event(index, series, series->count - 1);
	evidence_add(&draft->evidence, series->items[series->count - 1]);
	draft->decided_ns = event->to_ns;
	judge_answer(index, event, draft);
}
