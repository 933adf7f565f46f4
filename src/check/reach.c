/*
 * reach: a state, the end of an attempt or a log line comes; within a time.
 *
 * elapsed = [first moment it may have been so - latest moment `after` may have been, …]. All of it within the
 * limit: pass. All of it past the limit and the host's lateness: fail. Between: inconclusive. What never came
 * by the end fails when the trace is known for longer than the limit, or, without a limit, when the world
 * ended regularly.
 */
#include "base/pattern.h"
#include "check/judge.h"
#include "check/line.h"
#include "check/observation.h"

#include <string.h>

static void arrival_of_attempt(const struct index *index, const struct expectation *expectation,
    struct interval after, struct arrival *arrival)
{
	const struct series *series = &index->watches[expectation->watch];
	for (size_t i = 0; i < series->count; i++) {
		const struct event *event = series_event(index, series, i);
		if (event->kind != EVENT_ATTEMPT || observed_nothing(event))
			continue;
		arrival->seen++;
		if (event->attempt.number != expectation->attempt_number)
			continue;
		arrival->when = observed_when(event);
		arrival->event = series->items[i];
		arrival->possible = arrival->when.high >= after.low;
		arrival->certain = arrival->when.low >= after.high;
		return;
	}
}

/* Any of them may have been it, at any time. */
static int64_t lines_lost(const struct index *index)
{
	return index->end ? index->end->end.dropped : 0;
}

/* A line that may be it is like a poll that may count. */
static void arrival_of_line(const struct index *index, const struct expectation *expectation,
    struct interval after, struct draft *draft, struct arrival *arrival)
{
	const struct series *series = index_watch(index, expectation->watch);
	struct err err = ERR_INIT;
	struct pattern *pattern = pattern_compile(expectation->pattern, &err);
	if (!pattern) {
		draft_inconclusive(draft, "%s", err.message);
		return;
	}
	for (size_t i = 0; i < series->count && !arrival->certain; i++) {
		const struct event *event = series_event(index, series, i);
		enum answer is_it =
		    event->to_ns < after.low ? ANSWER_NO : line_matches_pattern(event, pattern);
		arrival->seen++;
		if (is_it == ANSWER_NO)
			continue;
		if (!arrival->possible) {
			arrival->possible = arrival->is_starved = true;
			arrival->event = series->items[i];
			arrival->when.low = arrival->not_until_ns = event->from_ns;
		}
		if (is_it == ANSWER_UNKNOWN)
			continue;
		arrival->is_starved = false;
		arrival->certain = event->from_ns >= after.high;
		if (arrival->certain)
			arrival->when.high = event->to_ns;
	}
	if (lines_lost(index) > 0)
		arrival->when.low = arrival->not_until_ns = INT64_MIN;
	pattern_free(pattern);
}

static void find_arrival(
    const struct index *index, struct interval after, struct draft *draft, struct arrival *ret_arrival)
{
	const struct expectation *expectation = draft->expectation;
	*ret_arrival = (struct arrival){
		.when = { .low = INT64_MIN, .high = INT64_MAX },
		.event = NO_EVENT,
		.before = NO_EVENT,
		.not_until_ns = index->end_ns,
	};
	if (index->plan->watches[expectation->watch].kind == WATCH_LOG)
		arrival_of_line(index, expectation, after, draft, ret_arrival);
	else if (expectation->attempt_number > 0)
		arrival_of_attempt(index, expectation, after, ret_arrival);
	else
		arrival_of_state(index, expectation->watch, &expectation->states, after, ret_arrival);
}

static void add_expected(const struct index *index, const struct expectation *expectation, struct buf *out)
{
	const char *watch = index->plan->watches[expectation->watch].name;
	if (index->plan->watches[expectation->watch].kind == WATCH_LOG) {
		buf_addf(out, "a line of %s that matches `", watch);
		buf_add_visible(out, expectation->pattern, strlen(expectation->pattern), 120);
		buf_add_char(out, '`');
	} else if (expectation->attempt_number > 0) {
		buf_addf(out, "attempt %d of %s ends", expectation->attempt_number, watch);
	} else {
		text_add_list(out, &expectation->states, "or");
		buf_addf(out, " of %s", watch);
	}
	if (expectation->has_within && expectation->within_ns >= 0) {
		buf_add_string(out, " within ");
		text_add_time(out, expectation->within_ns);
		buf_add_string(out, expectation->has_after ? " of " : " of world.started");
		if (expectation->has_after)
			text_add_moment(out, index->plan, &expectation->after);
		buf_add_string(out, ", tolerance 0s");
	} else if (expectation->has_after) {
		buf_add_string(out, " after ");
		text_add_moment(out, index->plan, &expectation->after);
	}
}

/* "redis.ready" or "the world's beginning" */
static void add_since(const struct index *index, const struct expectation *expectation, struct buf *out)
{
	if (expectation->has_after)
		text_add_moment(out, index->plan, &expectation->after);
	else
		buf_add_string(out, "world.started");
}

static void judge_limit(const struct index *index, struct draft *draft, const struct instant *after,
    struct interval elapsed, int64_t end_ns)
{
	int64_t limit = draft->expectation->within_ns;
	int64_t lateness = lateness_within(index->lateness, after->at.low, end_ns);
	CLEANUP(buf_release) struct buf text = { 0 };
	switch (interval_at_most(elapsed, limit, lateness)) {
	case ANSWER_YES:
		draft_slack(draft, limit - elapsed.high);
		return;
	case ANSWER_NO:
		draft_slack(draft, limit - elapsed.low);
		buf_add_string(&text, "took ");
		text_add_interval(&text, elapsed, limit);
		buf_add_string(&text, ", ");
		text_add_time(&text, elapsed.low - limit);
		buf_add_string(&text, " past the limit of ");
		text_add_time_beside(&text, limit, elapsed.low);
		draft_fail(draft, "%s", buf_string(&text));
		return;
	case ANSWER_UNKNOWN:
		break;
	}
	draft_slack(draft, limit - elapsed.high);
	if (elapsed.low > limit) {
		buf_add_string(&text, "took ");
		text_add_interval(&text, elapsed, limit);
		buf_add_string(&text, ", past the limit of ");
		text_add_time_beside(&text, limit, elapsed.low);
		buf_add_string(&text, ", but the host ran up to ");
		text_add_time(&text, lateness);
		buf_add_string(&text, " late meanwhile");
	} else {
		buf_add_string(&text, "the answer lies between ");
		text_add_time_beside(&text, elapsed.low, limit);
		buf_add_string(&text, " and ");
		text_add_time_beside(&text, elapsed.high, limit);
		buf_add_string(&text, ", the limit of ");
		text_add_time_beside(&text, limit, elapsed.low);
		buf_add_string(&text, " is inside");
	}
	draft_inconclusive(draft, "%s", buf_string(&text));
}

static void judge_reached(const struct index *index, struct draft *draft, const struct instant *after,
    const struct arrival *arrival)
{
	const struct expectation *expectation = draft->expectation;
	evidence_add(&draft->evidence, arrival->before);
	evidence_add(&draft->evidence, arrival->event);
	if (!arrival->certain) {
		draft_inconclusive(draft, "seen only while %s may still have been to come",
		    after->event == NO_EVENT ? "the world's beginning" : "its `after`");
		return;
	}
	struct interval elapsed = interval_since(arrival->when, after->at);
	draft_measured(draft, elapsed.low, elapsed.high);
	draft->decided_ns = arrival->when.high;
	text_add_interval(
	    &draft->actual, elapsed, expectation->has_within ? expectation->within_ns : TEXT_ALONE);
	if (expectation->has_within)
		judge_limit(index, draft, after, elapsed, arrival->when.high);
}

/* Not all lines are known. */
static void say_what_may_show_it(const struct index *index, struct draft *draft)
{
	draft->tells_starved = true;
	if (index->plan->watches[draft->expectation->watch].kind != WATCH_LOG)
		draft_inconclusive(
		    draft, "only polls show it that timed out while the host was late, and may count or not");
	else if (lines_lost(index) > 0)
		draft_inconclusive(
		    draft, "%lld lines were not recorded because of a flood", (long long)lines_lost(index));
	else
		draft_inconclusive(
		    draft, "a line that was cut, or takes too long to match, may or may not be it");
}

/* Or at polls only that do not count, or in lines that are not known. */
static void judge_never_reached(const struct index *index, struct draft *draft, const struct instant *after,
    const struct arrival *arrival)
{
	const struct expectation *expectation = draft->expectation;
	size_t service = index->plan->watches[expectation->watch].service;
	struct interval known = { .low = arrival->not_until_ns, .high = INT64_MAX };
	struct interval elapsed = interval_since(known, after->at);
	int64_t lateness = lateness_within(index->lateness, after->at.low, index->end_ns);
	CLEANUP(buf_release) struct buf since = { 0 }, waited = { 0 };
	evidence_add(&draft->evidence, arrival->before);
	add_since(index, expectation, &since);
	text_add_time(&waited, elapsed.low);
	buf_addf(
	    &draft->actual, "not in the %s that were seen after %s", buf_string(&waited), buf_string(&since));
	draft->has_claimed = true;
	draft->claimed = elapsed;
	if (expectation->has_within && elapsed.low > saturating_add(expectation->within_ns, lateness)) {
		draft_slack(draft, expectation->within_ns - elapsed.low);
		/* Enough was seen when the limit, and the host's lateness, were over. */
		draft->decided_ns =
		    saturating_add(saturating_add(after->at.high, expectation->within_ns), lateness);
		draft_fail(
		    draft, "never happened: still not %s after %s", buf_string(&waited), buf_string(&since));
	} else if (arrival->possible || arrival->not_until_ns == INT64_MIN) {
		say_what_may_show_it(index, draft);
	} else if (index_is_dead_for_good(index, service)) {
		draft_fail(draft, "never happened, and cannot any more");
	} else if (expectation->has_within) {
		draft_inconclusive(draft, "the trace ended %s after %s, before the limit",
		    buf_string(&waited), buf_string(&since));
	} else if (index_is_closed(index)) {
		draft_fail(draft, "never happened until the end, %s after %s", buf_string(&waited),
		    buf_string(&since));
	} else {
		draft_inconclusive(draft, "had not happened when %s", index_open_reason(index));
	}
	draft_note_death(draft, index, service, INT64_MAX);
}

void judge_reach(const struct index *index, struct draft *draft)
{
	const struct expectation *expectation = draft->expectation;
	const struct watch *watch = &index->plan->watches[expectation->watch];
	struct instant after = { .happened = true, .event = NO_EVENT };
	struct arrival arrival;
	add_expected(index, expectation, &draft->expected);
	if (expectation->has_after)
		moment_resolve(index, &expectation->after, &after);
	if (!after.happened) {
		draft->tells_starved = after.perhaps;
		draft_inconclusive(draft, "vacuous: %s", after.why_not);
		draft_note_death(draft, index, index->plan->subject, INT64_MAX);
		return;
	}
	evidence_add(&draft->evidence, after.event);
	if (window_is_beyond(index, draft, after.at))
		return;
	if (expectation->has_within && expectation->within_ns < 0) {
		judge_reach_in_steps(index, &after, draft);
		return;
	}
	find_arrival(
	    index, moment_seen_by(index, &expectation->after, &after, expectation->watch), draft, &arrival);
	if (draft->verdict != VERDICT_PASS)
		return;
	if (arrival.possible && !arrival.is_starved)
		judge_reached(index, draft, &after, &arrival);
	else if (!arrival.possible && arrival.event != NO_EVENT)
		draft_inconclusive(
		    draft, "vacuous: attempt %d had ended before", expectation->attempt_number);
	else if (watch->kind == WATCH_HTTP && arrival.seen == 0 && !arrival.possible)
		draft_inconclusive(draft, "vacuous: %s was never polled then", watch->name);
	else if (watch->kind != WATCH_HTTP && !index_was_started(index, watch->service))
		draft_inconclusive(draft, "vacuous: %s was never started",
		    index->plan->stack->services[watch->service].name);
	else
		judge_never_reached(index, draft, &after, &arrival);
}
