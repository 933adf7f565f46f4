#include "report/describe.h"

#include "base/duration.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A look-up that takes no longer is not worth a word. */
#define LOOKUP_SHOWN_NS (5 * NS_PER_MS)

const char *const unit_names[] = { [UNIT_NS] = "ns", [UNIT_COUNT] = "count", [UNIT_BYTES] = "bytes" };

const char *const expectation_kind_names[] = {
	[EXPECT_REACH] = "reach",
	[EXPECT_SEQUENCE] = "sequence",
	[EXPECT_NEVER] = "never",
	[EXPECT_ALWAYS] = "always",
	[EXPECT_BACKOFF] = "backoff",
	[EXPECT_MATCHES] = "matches",
	[EXPECT_RESPOND] = "respond",
	[EXPECT_MEMORY] = "memory",
	[EXPECT_DESCRIPTORS] = "descriptors",
	[EXPECT_AGREES] = "agrees",
	[EXPECT_CONNECTIONS] = "connections",
	[EXPECT_ENDS] = "ends",
	[EXPECT_DISCLOSES] = "discloses",
	[EXPECT_HONEST] = "honest",
};

const char *const claim_result_names[] = {
	[CLAIM_NONE] = "none",
	[CLAIM_HOLDS] = "holds",
	[CLAIM_DIFFERS] = "differs",
	[CLAIM_UNKNOWN] = "unknown",
};

static const char *or_empty(const char *text)
{
	return text ? text : "";
}

void describe_time(struct buf *out, int64_t from_ns, int64_t to_ns)
{
	/* As printed, so that "+1.000..1.000s" does not come about. */
	int64_t from_ms = (from_ns + NS_PER_MS / 2) / NS_PER_MS, to_ms = (to_ns + NS_PER_MS / 2) / NS_PER_MS;
	if (from_ms == to_ms)
		buf_addf(out, "+%.3fs", (double)from_ms / 1e3);
	else
		buf_addf(out, "+%.3f..%.3fs", (double)from_ms / 1e3, (double)to_ms / 1e3);
}

void describe_subject(struct buf *out, const struct event *event)
{
	switch (event->kind) {
	case EVENT_WORLD:
	case EVENT_END:
		buf_add_string(out, "world");
		return;
	case EVENT_LATENESS:
		buf_add_string(out, "host");
		return;
	case EVENT_TROUBLE:
		buf_add_string(out, "harness");
		return;
	case EVENT_LOG:
		buf_addf(out, "%s.log", or_empty(event->of));
		return;
	case EVENT_STEP:
		buf_add_string(out, "step");
		return;
	case EVENT_SERVICE:
	case EVENT_SAMPLE:
	case EVENT_ATTEMPT:
	case EVENT_LOST:
	case EVENT_PHASE:
	case EVENT_RESPONSE:
	case EVENT_MEMORY:
	case EVENT_DESCRIPTORS:
		buf_add_string(out, or_empty(event->of));
		return;
	}
	BUG("event kind %d", (int)event->kind);
}

static void add_detail(struct buf *out, const char *detail)
{
	if (detail && *detail)
		buf_addf(out, ": %s", detail);
}

static void describe_step(struct buf *out, const struct event *event)
{
	const char *target = or_empty(event->step.target);
	buf_addf(out, "%s", or_empty(event->of));
	if (*target)
		buf_addf(out, " (%s %s)", or_empty(event->step.action), target);
	if (!event->step.done)
		buf_add_string(out, " was given up");
	add_detail(out, event->step.detail);
}

static void describe_service(struct buf *out, const struct event *event)
{
	const char *what = or_empty(event->service.event);
	bool ended = strcmp(what, "exited") == 0 || strcmp(what, "stopped") == 0 ||
		     strcmp(what, "killed") == 0 || strcmp(what, "crashed") == 0;
	buf_add_string(out, what);
	if (ended && event->service.exit_code >= 0)
		buf_addf(out, " with code %d", event->service.exit_code);
	if (event->service.asked)
		buf_add_string(out, " (by a step)");
	add_detail(out, event->service.detail);
}

static void describe_sample(struct buf *out, const struct event *event)
{
	char digits[16];
	const char *state = or_empty(event->sample.state);
	snprintf(digits, sizeof(digits), "%d", event->sample.status);
	buf_add_string(out, state);
	if (event->sample.status && strcmp(digits, state) != 0)
		buf_addf(out, " (%s)", digits);
	add_detail(out, event->sample.detail);
}

static void describe_response(struct buf *out, const struct event *event)
{
	const struct text *body = &event->response.body;
	if (event->response.status)
		buf_addf(out, "%d", event->response.status);
	else
		buf_add_string(out, or_empty(event->response.outcome));
	if (body->bytes && body->length) {
		buf_add_char(out, ' ');
		buf_add(out, body->bytes, body->length);
	}
	if (event->response.body_cut)
		buf_add_string(out, " (cut)");
	add_detail(out, event->response.detail);
}

/* "attempt 3 refused (172.18.0.3:6379, look-up 12ms, 3 packets): what the server said" */
static void describe_attempt(struct buf *out, const struct event *event)
{
	const char *address = or_empty(event->attempt.address);
	const char *separator = " (";
	char text[DURATION_TEXT_MAX];
	buf_addf(out, "attempt %d %s", event->attempt.number, or_empty(event->attempt.outcome));
	if (*address) {
		buf_addf(out, "%s%s", separator, address);
		separator = ", ";
	}
	if (event->attempt.lookup_ns > LOOKUP_SHOWN_NS) {
		buf_addf(out, "%slook-up %s", separator, duration_format(event->attempt.lookup_ns, text));
		separator = ", ";
	}
	if (event->attempt.packets > 1) {
		buf_addf(out, "%s%d packets", separator, event->attempt.packets);
		separator = ", ";
	}
	if (*separator == ',')
		buf_add_char(out, ')');
	add_detail(out, event->attempt.detail);
}

/* "connection closed by server, 2 left"; a log knows no more than that it is lost. */
static void describe_lost(struct buf *out, const struct event *event)
{
	const char *how = or_empty(event->lost.how), *by = or_empty(event->lost.by);
	buf_addf(out, "connection %s", *how ? how : "lost");
	if (*by)
		buf_addf(out, " by %s", by);
	if (event->lost.open > 0)
		buf_addf(out, ", %d left", event->lost.open);
	else if (*how)
		buf_add_string(out, ", none left");
}

void describe_event(struct buf *out, const struct event *event)
{
	char text[DURATION_TEXT_MAX];
	switch (event->kind) {
	case EVENT_WORLD:
		buf_add_string(out, "began");
		return;
	case EVENT_STEP:
		describe_step(out, event);
		return;
	case EVENT_SERVICE:
		describe_service(out, event);
		return;
	case EVENT_SAMPLE:
		describe_sample(out, event);
		return;
	case EVENT_ATTEMPT:
		describe_attempt(out, event);
		return;
	case EVENT_LOST:
		describe_lost(out, event);
		return;
	case EVENT_PHASE:
		buf_addf(out, "looks %s", or_empty(event->phase.phase));
		if (*or_empty(event->phase.made))
			buf_addf(out, " (%s)", event->phase.made);
		add_detail(out, event->phase.detail);
		return;
	case EVENT_LOG:
		buf_add(
		    out, or_empty(event->log.line.bytes), event->log.line.bytes ? event->log.line.length : 0);
		return;
	case EVENT_RESPONSE:
		describe_response(out, event);
		return;
	case EVENT_MEMORY:
		describe_amount(out, UNIT_BYTES, event->memory.bytes, false);
		return;
	case EVENT_DESCRIPTORS:
		buf_addf(out, "%" PRId64 " open descriptors", event->descriptors.count);
		return;
	case EVENT_LATENESS:
		buf_addf(out, "late by up to %s", duration_format(event->lateness.worst_ns, text));
		return;
	case EVENT_TROUBLE:
		buf_add_string(out, or_empty(event->trouble.what));
		return;
	case EVENT_END:
		buf_addf(out, "ended: %s", or_empty(event->end.reason));
		return;
	}
	BUG("event kind %d", (int)event->kind);
}

enum unit unit_of(const struct expectation *expectation)
{
	switch (expectation->kind) {
	case EXPECT_REACH:
		return expectation->has_within && expectation->within_ns < 0 ? UNIT_COUNT : UNIT_NS;
	case EXPECT_MATCHES:
	case EXPECT_NEVER:
	case EXPECT_ALWAYS:
	case EXPECT_DESCRIPTORS:
	case EXPECT_CONNECTIONS:
	case EXPECT_DISCLOSES:
		return UNIT_COUNT;
	case EXPECT_MEMORY:
		return UNIT_BYTES;
	case EXPECT_SEQUENCE:
	case EXPECT_BACKOFF:
	case EXPECT_RESPOND:
	case EXPECT_AGREES:
	case EXPECT_ENDS:
	case EXPECT_HONEST:
		return UNIT_NS;
	}
	BUG("expectation kind %d", (int)expectation->kind);
}

bool has_limit(const struct finding *finding)
{
	return finding->has_slack && finding->slack < INT64_MAX / 2;
}

static void describe_bytes(struct buf *out, int64_t bytes)
{
	double size = (double)bytes, absolute = size < 0 ? -size : size;
	if (absolute < 1e3)
		buf_addf(out, "%" PRId64 "B", bytes);
	else if (absolute < 1e6)
		buf_addf(out, "%.1fkB", size / 1e3);
	else if (absolute < 1e9)
		buf_addf(out, "%.1fMB", size / 1e6);
	else
		buf_addf(out, "%.1fGB", size / 1e9);
}

void describe_amount(struct buf *out, enum unit unit, int64_t amount, bool sign)
{
	char text[DURATION_TEXT_MAX];
	if (sign && amount > 0)
		buf_add_char(out, '+');
	switch (unit) {
	case UNIT_NS:
		buf_add_string(out, duration_format(amount, text));
		return;
	case UNIT_COUNT:
		buf_addf(out, "%" PRId64, amount);
		return;
	case UNIT_BYTES:
		describe_bytes(out, amount);
		return;
	}
	BUG("unit %d", (int)unit);
}

void describe_late(struct buf *out, const struct plan *plan, const struct late_step *late)
{
	char time[DURATION_TEXT_MAX];
	const struct step *step = &plan->steps[late->step];
	buf_addf(out, "step %s %s %s after it was due (", step->id,
	    step->kind == STEP_HOLD ? "was over" : "began", duration_format(late->late_ns, time));
	if (late->wait_ns > 0) {
		double percent = 100 * (double)late->late_ns / (double)late->wait_ns;
		if (percent < 1)
			buf_add_string(out, "less than 1 %");
		else
			buf_addf(out, "%.0f %%", percent);
		buf_addf(out, " of the %s before it", duration_format(late->wait_ns, time));
	} else {
		buf_add_string(out, "it was to begin at once");
	}
	if (late->was_kept)
		buf_addf(out, "; %s, above it, was not over", plan->steps[late->step - 1].id);
	buf_add_char(out, ')');
}

void describe_world(struct buf *out, const struct report_result *result)
{
	buf_add_string(out, or_empty(result->plan->name));
	if (result->attempts > 1)
		buf_addf(out, " [%d/%d]", result->attempt, result->attempts);
	if (result->retry)
		buf_addf(out, " (retry %d)", result->retry);
}

/* What is special to no shell, wherever it stands in a word; bytes of UTF-8 are none of its business. */
static bool is_plain(const char *word)
{
	for (const char *byte = word; *byte; byte++)
		if (!isalnum((unsigned char)*byte) && !strchr("_@%+=:,./-", *byte) &&
		    (unsigned char)*byte < 0x80)
			return false;
	return *word;
}

void describe_word(struct buf *out, const char *word)
{
	if (is_plain(word)) {
		buf_add_string(out, word);
		return;
	}
	buf_add_char(out, '\'');
	for (const char *byte = word; *byte; byte++) {
		if (*byte == '\'')
			buf_add_string(out, "'\\''");
		else
			buf_add_char(out, *byte);
	}
	buf_add_char(out, '\'');
}

/* With as few digits as read back as the same number: another speed would be another race. */
static void add_speed(struct buf *out, double speed)
{
	char text[32];
	int digits = 6;
	do
		snprintf(text, sizeof(text), "%.*g", digits, speed);
	while (digits++ < 17 && strtod(text, NULL) != speed);
	buf_add_string(out, text);
}

void describe_check(struct buf *out, const struct report_result *result)
{
	if (!result->trace_file)
		return;
	buf_add_string(out, "falsestart check ");
	describe_word(out, or_empty(result->plan->file));
	buf_add_char(out, ' ');
	describe_word(out, result->trace_file);
}

void describe_replay(struct buf *out, const struct report_result *result)
{
	const struct trace *trace = result->trace;
	if (!trace->event_count || trace->events[0].kind != EVENT_WORLD || trace->events[0].world.seed == 0)
		return;
	buf_addf(out, "falsestart run --seed %" PRId64, trace->events[0].world.seed);
	if (result->plan->speed != 1) {
		buf_add_string(out, " --speed ");
		add_speed(out, result->plan->speed);
	}
	buf_add_char(out, ' ');
	describe_word(out, or_empty(result->plan->file));
}

void describe_totals(struct buf *out, const struct report *report)
{
	struct report_totals totals = report_totals(report);
	char wall[DURATION_TEXT_MAX], late[DURATION_TEXT_MAX];
	buf_addf(out, "%zu passed, %zu failed, %zu inconclusive", totals.passed, totals.failed,
	    totals.inconclusive);
	if (totals.flaky)
		buf_addf(out, ", %zu flaky%s", totals.flaky, report->flaky_allowed ? " (allowed)" : "");
	if (totals.doubted)
		buf_addf(out, " (%zu passed on a retry only)", totals.doubted);
	if (totals.environment)
		buf_addf(out, " (%zu because of the environment)", totals.environment);
	buf_addf(out, " in %s (speed %g, host late by at most %s)", duration_format(report->wall_ns, wall),
	    report->speed, duration_format(report->lateness_ns, late));
}
