/*
 * reach within { steps: N, of: W }: counted in attempts of the subject instead of time.
 *
 * At most N attempts of W may begin at or after `after`, up to the one that connects; one that was under way
 * does not count. Then the state must follow the connection within what seeing it can take: one polling
 * period, the answer time of the poll that shows it, and a floor. What is past that by no more than the host
 * was late may be the host's.
 *
 * A subject that was already connected at `after` needed no attempt: the harness notices a ready dependency a
 * moment after it is ready, and the subject may be quicker.
 */
#include "check/judge.h"
#include "check/observation.h"
#include "check/polls.h"

#include <string.h>

#define FOLLOW_FLOOR_NS INT64_C(20000000)

struct steps {
	struct interval count; /* attempts that began at or after `after` */
	const struct event *success, *last;
	const struct event *pending; /* was under way when the world ended: not counted */
	bool was_connected;          /* `success` was before `after` */
	bool may_be_lost;            /* that connection, when `after` came */
};

static bool is_success(const struct event *event)
{
	return event->kind == EVENT_ATTEMPT && attempt_succeeded(event);
}

static void count_attempts(
    const struct index *index, const struct instant *after, struct draft *draft, struct steps *steps)
{
	const struct series *series = &index->watches[draft->expectation->within_watch];
	const struct event *connected = NULL; /* the last success before, if the connection is left */
	for (size_t i = 0; i < series->count; i++) {
		const struct event *event = series_event(index, series, i);
		/* It may have been before `after`, and then be lost before it, too. */
		if (steps->success && event->to_ns > after->at.high)
			break;
		if (steps->success) {
			steps->may_be_lost =
			    !is_success(event) && (steps->may_be_lost || index_open(series, i) == 0);
			continue;
		}
		if (event->to_ns < after->at.low) {
			if (is_success(event))
				connected = event;
			else if (index_open(series, i) == 0)
				connected = NULL;
			continue;
		}
		/* What comes later belongs to a later loss, if that was later for sure. */
		if (connected && event->to_ns > after->at.high)
			break;
		if (connected) {
			steps->may_be_lost =
			    !is_success(event) && (steps->may_be_lost || index_open(series, i) == 0);
			continue;
		}
		if (event->kind != EVENT_ATTEMPT)
			continue;
		if (attempt_is_pending(event)) {
			steps->pending = event;
			continue;
		}
		/* Where the beginning was not seen it lies somewhere after the end of the attempt before. */
		int64_t began_latest = attempt_began(event);
		steps->count.low += event->from_ns >= after->at.high;
		steps->count.high += began_latest >= after->at.low;
		steps->last = event;
		evidence_add(&draft->evidence, series->items[i]);
		if (is_success(event))
			steps->success = event;
	}
	if (!steps->last && connected) {
		steps->success = connected;
		steps->was_connected = true;
		evidence_add(&draft->evidence, (size_t)(connected - index->trace->events));
	}
}

static void judge_follow(const struct index *index, const struct instant *after, struct draft *draft,
    const struct event *success, const struct arrival *arrival)
{
	const struct watch *watch = &index->plan->watches[draft->expectation->watch];
	const struct event *shows = &index->trace->events[arrival->event];
	int64_t since_ns = success->to_ns > after->at.high ? success->to_ns : after->at.high;
	struct interval connected = { .low = since_ns, .high = since_ns };
	int64_t seen_ns = arrival->certain ? arrival->when.high : shows->to_ns;
	struct interval follow =
	    interval_since((struct interval){ .low = arrival->when.low, .high = seen_ns }, connected);
	int64_t earliest_ns = success->to_ns > after->at.low ? success->to_ns : after->at.low;
	int64_t lateness = lateness_within(index->lateness, earliest_ns, seen_ns);
	int64_t bound = watch->every_ns + (shows->to_ns - shows->from_ns) + FOLLOW_FLOOR_NS;
	CLEANUP(buf_release) struct buf text = { 0 }, late = { 0 };
	buf_add_string(&draft->expected, ", then within ");
	text_add_time(&draft->expected, bound);
	buf_add_string(&draft->expected, " of connecting (polling period ");
	text_add_time(&draft->expected, watch->every_ns);
	buf_add_string(&draft->expected, ", answer time ");
	text_add_time(&draft->expected, shows->to_ns - shows->from_ns);
	buf_add_string(&draft->expected, ", tolerance ");
	text_add_time(&draft->expected, FOLLOW_FLOOR_NS);
	buf_add_char(&draft->expected, ')');
	text_add_interval(&text, follow, bound);
	buf_addf(&draft->actual, ", shown %s after connecting", buf_string(&text));
	text_add_time(&late, lateness);
	enum answer answer = interval_at_most(follow, bound, lateness);
	/* It was there at the first look. That the look came as late as the host was is no lateness of the
	 * subject's. */
	if (answer == ANSWER_UNKNOWN && arrival->when.low <= since_ns &&
	    follow.high <= saturating_add(bound, lateness) &&
	    !is_hole(index, watch, since_ns, shows->from_ns))
		answer = ANSWER_YES;
	if (answer == ANSWER_NO)
		draft_fail(draft, "attempt %d connected, but the state followed only %s later",
		    success->attempt.number, buf_string(&text));
	else if (answer == ANSWER_UNKNOWN && follow.low > bound)
		draft_inconclusive(draft,
		    "attempt %d connected, but the state followed only %s later, and the host ran up to %s "
		    "late "
		    "meanwhile",
		    success->attempt.number, buf_string(&text), buf_string(&late));
	else if (answer == ANSWER_UNKNOWN)
		draft_inconclusive(draft,
		    "attempt %d connected and the state followed %s later, which is around the bound",
		    success->attempt.number, buf_string(&text));
	else if (arrival->is_starved)
		draft_inconclusive(draft,
		    "attempt %d connected, and the state was shown by polls only that timed out while the "
		    "host was late, and may count or not",
		    success->attempt.number);
	else if (!arrival->certain)
		draft_inconclusive(draft,
		    "attempt %d connected, and the state was seen only while its `after` may still have "
		    "been to come",
		    success->attempt.number);
}

static void judge_count(struct draft *draft, const struct steps *steps, const char *since)
{
	int64_t limit = draft->expectation->within_steps;
	CLEANUP(buf_release) struct buf count = { 0 };
	text_add_count(&count, steps->count);
	draft_measured(draft, steps->count.low, steps->count.high);
	draft_slack(draft, limit - (steps->count.high <= limit ? steps->count.high : steps->count.low));
	if (steps->count.low > limit)
		draft_fail(draft, "connected only with attempt %d, %s attempts after %s",
		    steps->success->attempt.number, buf_string(&count), since);
	else if (steps->count.high > limit)
		draft_inconclusive(draft,
		    "%s attempts began after %s, the limit of %lld is inside: the log does not tell "
		    "whether the first of them was under way already",
		    buf_string(&count), since, (long long)limit);
}

static void judge_no_success(
    const struct index *index, struct draft *draft, const struct steps *steps, const char *since)
{
	const char *watch = index->plan->watches[draft->expectation->within_watch].name;
	size_t client = index->plan->watches[draft->expectation->within_watch].service;
	int64_t limit = draft->expectation->within_steps;
	if (steps->last && steps->count.low >= limit) {
		draft_slack(draft, limit - steps->count.low - 1);
		draft->decided_ns = steps->last->to_ns;
		draft_fail(draft, "%lld attempt%s of %s began after %s and none connected; the last, %d, %s",
		    (long long)steps->count.low, steps->count.low == 1 ? "" : "s", watch, since,
		    steps->last->attempt.number, steps->last->attempt.outcome);
	} else if (index_is_dead_for_good(index, client)) {
		draft_fail(draft, "no attempt of %s connected after %s, and none can any more", watch, since);
	} else if (steps->pending) {
		draft_inconclusive(draft, "attempt %d of %s was still under way at the end",
		    steps->pending->attempt.number, watch);
	} else if (!index_is_closed(index)) {
		draft_inconclusive(
		    draft, "no attempt of %s had connected when %s", watch, index_open_reason(index));
	} else if (steps->last && steps->count.high >= limit) {
		draft_inconclusive(draft, "attempt %d of %s failed, but may have begun before %s",
		    steps->last->attempt.number, watch, since);
	} else {
		CLEANUP(buf_release) struct buf text = { 0 };
		text_add_time(&text, index->end_ns);
		draft_fail(draft, "no attempt of %s %s after %s until the end at %s", watch,
		    steps->count.high ? "connected" : "began", since, buf_string(&text));
	}
	draft_note_death(draft, index, client, INT64_MAX);
}

/* Not shown by a poll that was sent after this, the state has not followed. */
static int64_t follow_by(const struct index *index, const struct instant *after, const struct draft *draft,
    const struct event *success)
{
	const struct watch *watch = &index->plan->watches[draft->expectation->watch];
	int64_t since_ns = success->to_ns > after->at.high ? success->to_ns : after->at.high;
	int64_t lateness = lateness_within(index->lateness, since_ns, index->end_ns);
	return since_ns + watch->every_ns + watch->timeout_ns + FOLLOW_FLOOR_NS + lateness;
}

void judge_reach_in_steps(const struct index *index, const struct instant *after, struct draft *draft)
{
	const struct expectation *expectation = draft->expectation;
	struct steps steps = { 0 };
	struct arrival arrival;
	CLEANUP(buf_release) struct buf since = { 0 };
	if (expectation->has_after)
		text_add_moment(&since, index->plan, &expectation->after);
	else
		buf_add_string(&since, "world.started");
	buf_addf(&draft->expected, ", with at most %d attempt%s of %s begun since", expectation->within_steps,
	    expectation->within_steps == 1 ? "" : "s", index->plan->watches[expectation->within_watch].name);
	count_attempts(index, after, draft, &steps);
	text_add_count(&draft->actual, steps.count);
	buf_addf(&draft->actual, " attempt%s", steps.count.low == 1 && steps.count.high == 1 ? "" : "s");
	if (steps.was_connected)
		buf_add_string(&draft->actual, ", already connected");
	if (!steps.success) {
		judge_no_success(index, draft, &steps, buf_string(&since));
		return;
	}
	if (steps.may_be_lost) {
		draft_inconclusive(draft, "the connection of attempt %d may have been lost before %s",
		    steps.success->attempt.number, buf_string(&since));
		return;
	}
	draft->decided_ns = steps.success->to_ns;
	judge_count(draft, &steps, buf_string(&since));
	arrival_of_state(index, expectation->watch, &expectation->states,
	    moment_seen_by(index, &expectation->after, after, expectation->watch), &arrival);
	if (arrival.possible) {
		evidence_add(&draft->evidence, arrival.before);
		evidence_add(&draft->evidence, arrival.event);
		int64_t shown_ns = index->trace->events[arrival.event].to_ns;
		if (draft->verdict != VERDICT_FAIL && shown_ns > draft->decided_ns)
			draft->decided_ns = shown_ns;
		struct interval elapsed = interval_since(arrival.when, after->at);
		draft->has_claimed = arrival.certain;
		draft->claimed = elapsed;
		judge_follow(index, after, draft, steps.success, &arrival);
	} else if (index_is_closed(index) ||
		   arrival.not_until_ns > follow_by(index, after, draft, steps.success)) {
		int64_t by_ns = follow_by(index, after, draft, steps.success);
		if (draft->verdict != VERDICT_FAIL)
			draft->decided_ns = arrival.not_until_ns > by_ns ? by_ns : index->end_ns;
		draft_fail(draft, "attempt %d connected, but the state never followed",
		    steps.success->attempt.number);
		draft_note_death(draft, index, index->plan->watches[expectation->watch].service, INT64_MAX);
	} else {
		draft_inconclusive(draft, "attempt %d connected, but %s before the state could follow",
		    steps.success->attempt.number, index_open_reason(index));
	}
}
