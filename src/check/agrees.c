/*
 * agrees: what the log says of delays is what the wire shows.
 *
 * A line that says "retrying in 2000ms" is about the last attempt that had failed before it was written; the
 * gap from the end of that attempt to the beginning of the next must be what was said. A line is stamped
 * within some interval, and attempts may have ended within it: then the line may be about either of two, and
 * contradicts the wire only if it contradicts both. With several connections it may be about any of them.
 */
#include "base/pattern.h"
#include "check/judge.h"
#include "check/observation.h"
#include "check/retries.h"
#include "check/schedule.h"

#include <math.h>
#include <string.h>

enum { SHOWN_LINES = 12, BLAMED_LINES = 3 };

struct agreement {
	const struct index *index;
	struct draft *draft;
	struct window window;
	const struct series *attempts;
	size_t client;
	size_t connections;
	size_t judged, wrong, unknown, unread; /* lines */
};

/* What the wire makes of one line, by the attempt it may be about that fits it best. */
struct reply {
	bool is_judged;
	enum answer answer;
	struct interval gap;
	bool is_open; /* no next attempt came: the gap is what was waited for it */
	size_t last, next;
	int64_t decided_ns;
	bool may_be_silent; /* it may be about an attempt that says nothing, or about none that was seen */
};

/* "1500", "1.5"; units make it a time. */
static int parse_delay(const char *text, size_t length, int64_t unit_ns, int64_t *ret_ns)
{
	double value = 0, place = 0;
	for (size_t i = 0; i < length; i++) {
		if (text[i] == '.' && place == 0) {
			place = 1;
			continue;
		}
		if (text[i] < '0' || text[i] > '9')
			return -1;
		place *= 0.1;
		value = place > 0 ? value + place * (text[i] - '0') : value * 10 + (text[i] - '0');
	}
	double ns = value * (double)unit_ns;
	if (length == 0 || ns > 1e18)
		return -1;
	*ret_ns = llround(ns);
	return 0;
}

static int64_t tolerance_for(const struct agreement *agreement, int64_t said_ns)
{
	const struct expectation *expectation = agreement->draft->expectation;
	return tolerance_of(said_ns, expectation->agrees.tolerance, expectation->agrees.floor_ns);
}

static int rank(enum answer answer)
{
	return answer == ANSWER_YES ? 2 : answer == ANSWER_UNKNOWN ? 1 : 0;
}

static void offer(struct reply *reply, const struct reply *other)
{
	bool may_be_silent = reply->may_be_silent;
	if (!reply->is_judged || rank(other->answer) > rank(reply->answer))
		*reply = *other;
	reply->may_be_silent = may_be_silent;
}

/* The attempt after `last` was seen to begin, or nothing came after it. */
static void compare(const struct agreement *agreement, size_t last_number, size_t next_number,
    int64_t said_ns, struct reply *reply)
{
	const struct index *index = agreement->index;
	const struct event *last = &index->trace->events[last_number];
	const struct event *next = next_number == NO_EVENT ? NULL : &index->trace->events[next_number];
	struct interval ended = attempt_ended(last);
	int64_t tolerance = tolerance_for(agreement, said_ns);
	struct reply own = { .is_judged = true, .last = last_number, .next = next_number };
	if (next) {
		if (disturbance(index, agreement->client, ended.low, attempt_began(next)))
			return;
		own.gap = gap_between(last, next);
		own.decided_ns = attempt_began(next);
		own.answer = gap_answer(own.gap, (struct interval){ said_ns, said_ns }, tolerance,
		    gap_lateness(index, last, next));
		offer(reply, &own);
		return;
	}
	/* Where the trace was cut short, one that was under way is not in it. */
	if (!index->end || disturbance(index, agreement->client, ended.low, INT64_MAX))
		return;
	int64_t lateness = lateness_within(index->lateness, ended.low, index->end_ns);
	int64_t limit = saturating_add(said_ns, tolerance + lateness);
	own.gap = interval_since((struct interval){ index->end_ns, index->end_ns }, ended);
	own.is_open = true;
	own.decided_ns = saturating_add(ended.high, limit);
	own.answer = ANSWER_NO;
	if (own.gap.low > limit)
		offer(reply, &own);
}

/* What followed the failed attempt at `i` of the series: with one connection the next attempt, with several
 * any that may have been the next of its own. */
static void ask_attempt(const struct agreement *agreement, size_t i, int64_t said_ns, struct reply *reply)
{
	const struct series *series = agreement->attempts;
	const struct event *last = series_event(agreement->index, series, i);
	int64_t latest_ns =
	    saturating_add(last->to_ns, saturating_add(said_ns, tolerance_for(agreement, said_ns)));
	bool is_followed = false;
	for (size_t k = i + 1; k < series->count; k++) {
		const struct event *next = series_event(agreement->index, series, k);
		if (next->kind != EVENT_ATTEMPT)
			continue;
		if (agreement->connections > 1 && attempt_began(next) < attempt_ended(last).low)
			continue;
		if (is_followed && attempt_began(next) > latest_ns)
			return;
		compare(agreement, series->items[i], series->items[k], said_ns, reply);
		is_followed = true;
		if (agreement->connections == 1)
			return;
	}
	if (!is_followed)
		compare(agreement, series->items[i], NO_EVENT, said_ns, reply);
}

/* An attempt that is not in the trace, since that was cut short, may have failed before the line was written:
 * unless one that is there began later. */
static bool may_miss_one(const struct agreement *agreement, struct interval written)
{
	const struct series *series = agreement->attempts;
	for (size_t i = series->count; i-- > 0 && !agreement->index->end;) {
		const struct event *event = series_event(agreement->index, series, i);
		if (event->kind == EVENT_ATTEMPT)
			return event->from_ns <= written.high;
	}
	return !agreement->index->end;
}

/* Back from the last attempt that may have failed before the line was written, to the last that surely had.
 */
static struct reply ask_wire(const struct agreement *agreement, struct interval written, int64_t said_ns)
{
	struct reply reply = { .is_judged = false };
	size_t surely = 0;
	bool may_be_silent = false;
	for (size_t i = agreement->attempts->count; i-- > 0 && surely < agreement->connections;) {
		const struct event *event = series_event(agreement->index, agreement->attempts, i);
		if (event->kind != EVENT_ATTEMPT || !attempt_failed(event) ||
		    attempt_ended(event).low > written.high)
			continue;
		struct reply own = { .is_judged = false };
		ask_attempt(agreement, i, said_ns, &own);
		if (own.is_judged)
			offer(&reply, &own);
		may_be_silent = may_be_silent || !own.is_judged;
		surely += attempt_ended(event).high <= written.low;
	}
	reply.may_be_silent = may_be_silent || surely == 0 || may_miss_one(agreement, written);
	return reply;
}

static void blame(
    struct agreement *agreement, const struct event *line, int64_t said_ns, const struct reply *reply)
{
	struct draft *draft = agreement->draft;
	CLEANUP(buf_release) struct buf text = { 0 };
	/* A line may have been proved wrong before one that was written earlier. */
	if (draft->verdict != VERDICT_FAIL || reply->decided_ns < draft->decided_ns)
		draft->decided_ns = reply->decided_ns;
	if (agreement->wrong++ >= BLAMED_LINES)
		return;
	buf_add_string(&text, "the log says ");
	text_add_time_beside(&text, said_ns, reply->gap.high);
	buf_add_string(&text, " (line at ");
	text_add_time(&text, line->from_ns);
	buf_add_string(&text, reply->is_open ? "), the wire saw no attempt for " : "), the wire waited ");
	text_add_interval(&text, reply->gap, said_ns);
	draft_fail(draft, "%s", buf_string(&text));
}

static void leave_open(
    struct agreement *agreement, const struct event *line, int64_t said_ns, const struct reply *reply)
{
	CLEANUP(buf_release) struct buf text = { 0 };
	if (agreement->unknown++ > 0)
		return;
	buf_add_string(&text, "the log says ");
	text_add_time(&text, said_ns);
	buf_add_string(&text, " (line at ");
	text_add_time(&text, line->from_ns);
	buf_add_string(&text, "), the wire waited ");
	text_add_interval(&text, reply->gap, said_ns);
	if (reply->answer == ANSWER_NO) {
		draft_inconclusive(
		    agreement->draft, "%s, but the line may be about something else", buf_string(&text));
		return;
	}
	buf_add_string(&text, ": around the tolerance of ");
	text_add_time(&text, tolerance_for(agreement, said_ns));
	draft_inconclusive(
	    agreement->draft, "%s, with the host's lateness and what is not known better", buf_string(&text));
}

static void judge_line(struct agreement *agreement, size_t number, int64_t said_ns, bool is_inside)
{
	const struct event *line = &agreement->index->trace->events[number];
	struct draft *draft = agreement->draft;
	struct interval written = { .low = line->from_ns, .high = line->to_ns };
	struct reply reply = ask_wire(agreement, written, said_ns);
	if (!reply.is_judged)
		return;
	if (agreement->judged++ < SHOWN_LINES) {
		if (agreement->judged > 1)
			buf_add_string(&draft->actual, ", ");
		/* All digits only where the difference is what matters. */
		bool agrees = reply.answer == ANSWER_YES;
		text_add_time_beside(&draft->actual, said_ns, agrees ? said_ns : reply.gap.high);
		buf_add_string(&draft->actual, " was ");
		text_add_interval(&draft->actual, reply.gap, agrees ? reply.gap.high : said_ns);
	}
	struct interval deviation = gap_deviation(reply.gap, (struct interval){ said_ns, said_ns });
	draft_slack(draft,
	    tolerance_for(agreement, said_ns) - (reply.answer == ANSWER_NO ? deviation.low : deviation.high));
	if (reply.answer == ANSWER_YES)
		return;
	evidence_add(&draft->evidence, number);
	evidence_add(&draft->evidence, reply.last);
	evidence_add(&draft->evidence, reply.next);
	if (reply.answer == ANSWER_NO && is_inside && !reply.may_be_silent)
		blame(agreement, line, said_ns, &reply);
	else
		leave_open(agreement, line, said_ns, &reply);
}

static void judge_lines(struct agreement *agreement, struct pattern *pattern)
{
	const struct expectation *expectation = agreement->draft->expectation;
	const struct series *lines = index_watch(agreement->index, expectation->agrees.log_watch);
	for (size_t i = 0; i < lines->count; i++) {
		const struct event *event = series_event(agreement->index, lines, i);
		const struct text *line = &event->log.line;
		struct interval when = { .low = event->from_ns, .high = event->to_ns };
		if (!line->bytes || !window_touches(&agreement->window, when))
			continue;
		enum pattern_result result = pattern_match(pattern, line->bytes, line->length);
		size_t start = 0, length = 0;
		int64_t said_ns = 0;
		if (result == PATTERN_NO_MATCH)
			continue;
		if (result == PATTERN_LIMIT || pattern_group(pattern, 1, &start, &length) < 0 ||
		    parse_delay(line->bytes + start, length, expectation->agrees.unit_ns, &said_ns) < 0)
			agreement->unread++;
		else
			judge_line(
			    agreement, lines->items[i], said_ns, window_holds(&agreement->window, when));
	}
}

static void add_expected(const struct index *index, const struct expectation *expectation, struct buf *out)
{
	const struct plan *plan = index->plan;
	buf_addf(out, "gaps of %s as %s says them (`", plan->watches[expectation->watch].name,
	    plan->watches[expectation->agrees.log_watch].name);
	buf_add_visible(out, expectation->agrees.pattern, strlen(expectation->agrees.pattern), 120);
	buf_add_string(out, "`, in units of ");
	text_add_time(out, expectation->agrees.unit_ns);
	buf_addf(out, "), tolerance %g%% or ", expectation->agrees.tolerance * 100);
	text_add_time(out, expectation->agrees.floor_ns);
	window_add_text(index, expectation, out);
}

static void conclude(struct agreement *agreement)
{
	struct draft *draft = agreement->draft;
	const struct index *index = agreement->index;
	if (agreement->judged > SHOWN_LINES)
		buf_addf(&draft->actual, " … (%zu lines)", agreement->judged);
	if (agreement->judged == 0)
		buf_add_string(&draft->actual, "no line with a gap after it");
	if (agreement->wrong > BLAMED_LINES)
		draft_fail(draft, "and %zu more line%s", agreement->wrong - BLAMED_LINES,
		    agreement->wrong - BLAMED_LINES == 1 ? " contradicts" : "s contradict");
	if (agreement->unread)
		draft_inconclusive(draft, "%zu matching line%s no number that can be read", agreement->unread,
		    agreement->unread == 1 ? " has" : "s have");
	if (draft->verdict == VERDICT_PASS && agreement->judged == 0) {
		draft_inconclusive(draft, "vacuous: no line says a delay that a gap follows");
		draft_note_death(draft, index, agreement->client, INT64_MAX);
	} else if (draft->verdict == VERDICT_PASS && index->end && index->end->end.dropped > 0) {
		draft_inconclusive(draft, "%lld lines were not recorded because of a flood",
		    (long long)index->end->end.dropped);
	} else if (draft->verdict == VERDICT_PASS && !agreement->window.is_closed) {
		draft_inconclusive(draft, "right so far, but %s", index_open_reason(index));
	}
}

void judge_agrees(const struct index *index, struct draft *draft)
{
	const struct expectation *expectation = draft->expectation;
	struct agreement agreement = {
		.index = index,
		.draft = draft,
		.attempts = &index->watches[expectation->watch],
		.client = index->plan->watches[expectation->watch].service,
		.connections = connections_at_once(index, expectation->watch),
	};
	struct err err = ERR_INIT;
	add_expected(index, expectation, &draft->expected);
	if (window_resolve(index, draft, &agreement.window) < 0)
		return;
	struct pattern *pattern = pattern_compile(expectation->agrees.pattern, &err);
	if (!pattern) {
		draft_inconclusive(draft, "%s", err.message);
		return;
	}
	judge_lines(&agreement, pattern);
	conclude(&agreement);
	pattern_free(pattern);
}
