/*
 * backoff: the gaps between the attempts of a run grow as they should.
 *
 * A run begins with the first attempt, after a success, after a lost connection and when the client is
 * started anew; it ends with a success. Gap n lies between the end of attempt n of the run and the beginning
 * of attempt n+1. Each is judged alone against min(first * factor^(n-1), cap): inside the tolerance is right;
 * outside it by more than the host was late in that gap is wrong; between, nobody knows.
 */
#include "check/judge.h"

#include <math.h>
#include <string.h>

enum { SHOWN_GAPS = 24, BLAMED_GAPS = 3 };

struct judging {
	const struct index *index;
	struct draft *draft;
	struct window window;
	const struct backoff *rule;
	size_t client;
	size_t judged;         /* gaps */
	size_t wrong, unknown; /* of them */
	int64_t sum_ns;
	bool end_to_end; /* a gap whose attempt's beginning is not known */
	/* The run under way. */
	size_t run;               /* 1, 2, … */
	size_t position;          /* attempts in it so far */
	const struct event *last; /* the attempt before; NULL at the run's beginning */
};

/* The gap after attempt n. */
static int64_t expected_gap(const struct backoff *rule, size_t n)
{
	double gap = (double)rule->first_ns * pow(rule->factor > 0 ? rule->factor : 1, (double)(n - 1));
	double cap = rule->cap_ns > 0 ? (double)rule->cap_ns : 9e18;
	return gap < cap ? llround(gap) : llround(cap);
}

/* 0 where the schedule says nothing, -1 where there is to be no further attempt. */
static int64_t scheduled_gap(const struct judging *judging)
{
	const struct backoff *rule = judging->rule;
	if (judging->run > 1 || rule->attempts == 0 || judging->position < (size_t)rule->attempts)
		return expected_gap(rule, judging->position);
	if (!rule->has_then)
		return 0;
	return rule->then_ns > 0 ? rule->then_ns : -1;
}

/* An event is known to lie between being asked for and being stamped. The engine may stamp a start after the
 * started client's first attempts: it is one between two attempts only if it was asked for after the first.
 */
static bool may_lie_between(const struct event *event, int64_t from_ns, int64_t to_ns)
{
	bool is_start = strcmp(event->service.event, "started") == 0;
	return (is_start ? event->from_ns : event->to_ns) >= from_ns && event->from_ns <= to_ns;
}

/* Did anything happen to the client that makes the gap mean nothing? */
static const struct event *disturbance(const struct judging *judging, int64_t from_ns, int64_t to_ns)
{
	static const char *const events[] = { "started", "restarted", "exited", "stopped", "killed",
		"oom-killed", "paused", "unpaused", "removed" };
	const struct series *series = &judging->index->services[judging->client];
	for (size_t i = 0; i < series->count; i++) {
		const struct event *event = series_event(judging->index, series, i);
		for (size_t n = 0; n < ARRAY_LENGTH(events); n++)
			if (may_lie_between(event, from_ns, to_ns) &&
			    strcmp(event->service.event, events[n]) == 0)
				return event;
	}
	return NULL;
}

static void blame(struct judging *judging, int64_t expected, int64_t tolerance, int64_t actual)
{
	struct draft *draft = judging->draft;
	int64_t excess = llabs(actual - expected) - tolerance;
	CLEANUP(buf_release) struct buf text = { 0 };
	buf_addf(&text, "gap %zu", judging->position);
	if (judging->run > 1)
		buf_addf(&text, " of run %zu", judging->run);
	buf_addf(&text, " (after attempt %d) was ", judging->last->attempt.number);
	text_add_time_beside(&text, actual, expected);
	buf_add_string(&text, ", expected ");
	text_add_time_beside(&text, expected, actual);
	buf_add_string(&text, " ± ");
	text_add_time(&text, tolerance);
	buf_add_string(&text, ": ");
	text_add_time(&text, excess);
	buf_add_string(&text, actual > expected ? " too long" : " too short");
	if (draft->verdict != VERDICT_FAIL)
		draft->decided_ns = judging->last->to_ns + actual;
	draft_fail(draft, "%s", buf_string(&text));
}

static void judge_gap(struct judging *judging, const struct event *next, size_t next_number)
{
	struct draft *draft = judging->draft;
	const struct event *last = judging->last;
	int64_t expected = scheduled_gap(judging);
	int64_t began_ns = next->attempt.began_known ? next->from_ns : next->to_ns;
	int64_t actual = began_ns - last->to_ns;
	if (expected < 0) {
		draft->decided_ns = next->to_ns;
		draft_fail(draft, "attempt %d came, although there were to be %d and no more",
		    next->attempt.number, judging->rule->attempts);
		evidence_add(&draft->evidence, next_number);
		return;
	}
	if (expected == 0)
		return;
	int64_t tolerance = tolerance_of(expected, judging->rule->tolerance, judging->rule->floor_ns);
	int64_t lateness = lateness_within(judging->index->lateness, last->to_ns, began_ns);
	int64_t slack = tolerance - llabs(actual - expected);
	judging->end_to_end = judging->end_to_end || !next->attempt.began_known;
	judging->sum_ns = saturating_add(judging->sum_ns, actual);
	if (judging->judged++ < SHOWN_GAPS) {
		if (judging->judged > 1)
			buf_add_string(&draft->actual, judging->position == 1 ? " | " : " ");
		text_add_time(&draft->actual, actual);
	}
	draft_slack(draft, slack);
	evidence_add(&draft->evidence, next_number);
	if (slack >= 0)
		return;
	if (-slack > lateness) {
		if (judging->wrong++ < BLAMED_GAPS)
			blame(judging, expected, tolerance, actual);
	} else if (judging->unknown++ == 0) {
		CLEANUP(buf_release) struct buf text = { 0 };
		text_add_time_beside(&text, actual, expected);
		buf_add_string(&text, ", expected ");
		text_add_time_beside(&text, expected, actual);
		buf_add_string(&text, " ± ");
		text_add_time(&text, tolerance);
		buf_add_string(&text, ", but the host ran up to ");
		text_add_time(&text, lateness);
		buf_add_string(&text, " late meanwhile");
		draft_inconclusive(draft, "gap %zu was %s", judging->position, buf_string(&text));
	}
}

static void end_run(struct judging *judging)
{
	judging->last = NULL;
	judging->position = 0;
}

/* After the last attempt of a run that had no success: has the next one been due for too long? */
static void judge_open_gap(struct judging *judging)
{
	const struct event *last = judging->last;
	struct draft *draft = judging->draft;
	if (!last || !window_holds(&judging->window, (struct interval){ last->to_ns, last->to_ns }))
		return;
	const struct event *disturbed = disturbance(judging, last->to_ns, INT64_MAX);
	int64_t until_ns = judging->window.until_ns;
	if (disturbed && disturbed->from_ns < until_ns)
		until_ns = disturbed->from_ns;
	int64_t expected = scheduled_gap(judging), waited = until_ns - last->to_ns;
	bool is_last_of_first = judging->run == 1 && judging->rule->attempts > 0 &&
				judging->position >= (size_t)judging->rule->attempts;
	/* To see that nothing follows takes as long as it would take to follow. */
	int64_t due = expected > 0 ? expected : expected_gap(judging->rule, judging->position);
	int64_t tolerance = tolerance_of(due, judging->rule->tolerance, judging->rule->floor_ns);
	int64_t lateness = lateness_within(judging->index->lateness, last->to_ns, until_ns);
	bool is_overdue = waited > saturating_add(due, tolerance + lateness);
	CLEANUP(buf_release) struct buf text = { 0 };
	text_add_time(&text, waited);
	if (expected > 0 && is_overdue) {
		evidence_add(&draft->evidence, (size_t)(last - judging->index->trace->events));
		if (draft->verdict != VERDICT_FAIL)
			draft->decided_ns = last->to_ns + due + tolerance + lateness;
		buf_add_string(&text, " later, due after ");
		text_add_time(&text, due);
		draft_fail(draft, "no attempt came after attempt %d until %s", last->attempt.number,
		    buf_string(&text));
		return;
	}
	if (expected < 0 && !is_overdue)
		draft_inconclusive(draft,
		    "only %s were seen after attempt %d: too short to know that no other follows",
		    buf_string(&text), last->attempt.number);
	else if (expected > 0 && is_last_of_first && judging->position == (size_t)judging->rule->attempts)
		draft_inconclusive(draft,
		    "attempt %d was the last before the end; the gap after it was not seen",
		    last->attempt.number);
}

static void take_attempt(struct judging *judging, const struct event *event, size_t number)
{
	struct interval last_when = { 0 };
	if (judging->last) {
		last_when = (struct interval){ judging->last->to_ns, judging->last->to_ns };
		if (disturbance(judging, judging->last->to_ns,
			event->from_ns > judging->last->to_ns ? event->from_ns : event->to_ns)) {
			end_run(judging);
		}
	}
	if (!judging->last)
		judging->run++;
	else if (window_holds(&judging->window, last_when) &&
		 window_holds(&judging->window, (struct interval){ event->to_ns, event->to_ns }))
		judge_gap(judging, event, number);
	judging->position++;
	judging->last = event;
	if (strcmp(event->attempt.outcome, "connected") != 0)
		return;
	/* A success ends the run; fewer attempts than the rule has say nothing about where they would have
	 * ended. */
	if (judging->run == 1 && judging->rule->attempts > 0 &&
	    judging->position < (size_t)judging->rule->attempts)
		draft_inconclusive(judging->draft,
		    "attempt %d connected, so that %d attempts were not needed", event->attempt.number,
		    judging->rule->attempts);
	end_run(judging);
}

static void add_expected(const struct index *index, const struct expectation *expectation, struct buf *out)
{
	const struct backoff *rule = &expectation->backoff;
	buf_add_string(out, "gaps of ");
	text_add_time(out, rule->first_ns);
	if (rule->factor > 1)
		buf_addf(out, ", each %g times the one before", rule->factor);
	if (rule->cap_ns > 0 && rule->factor > 1) {
		buf_add_string(out, ", at most ");
		text_add_time(out, rule->cap_ns);
	}
	if (rule->attempts)
		buf_addf(out, ", %d attempts", rule->attempts);
	if (rule->has_then && rule->then_ns > 0) {
		buf_add_string(out, ", then every ");
		text_add_time(out, rule->then_ns);
	} else if (rule->has_then) {
		buf_add_string(out, ", then none");
	}
	buf_addf(out, ", tolerance %g%% or ", rule->tolerance * 100);
	text_add_time(out, rule->floor_ns);
	window_add_text(index, expectation, out);
}

static void conclude(struct judging *judging)
{
	struct draft *draft = judging->draft;
	size_t at_least = judging->rule->at_least > 0 ? (size_t)judging->rule->at_least : 0;
	if (judging->judged > SHOWN_GAPS)
		buf_addf(&draft->actual, " … (%zu gaps)", judging->judged);
	if (judging->judged == 0)
		buf_add_string(&draft->actual, "no gap");
	if (judging->end_to_end)
		buf_add_string(&draft->expected, "; from the log: end to end");
	if (judging->judged)
		draft_measured(draft, judging->sum_ns, judging->sum_ns);
	if (judging->wrong > BLAMED_GAPS)
		draft_fail(draft, "and %zu more gaps are wrong", judging->wrong - BLAMED_GAPS);
	if (judging->unknown > 1)
		draft_inconclusive(draft, "and %zu more gaps like it", judging->unknown - 1);
	if (draft->verdict != VERDICT_FAIL && judging->judged < at_least) {
		draft_inconclusive(draft, "vacuous: %zu gap%s seen, %zu are needed", judging->judged,
		    judging->judged == 1 ? " was" : "s were", at_least);
		draft_note_death(draft, judging->index, judging->client, INT64_MAX);
	}
}

void judge_backoff(const struct index *index, struct draft *draft)
{
	const struct expectation *expectation = draft->expectation;
	const struct series *series = &index->watches[expectation->watch];
	struct judging judging = {
		.index = index,
		.draft = draft,
		.rule = &expectation->backoff,
		.client = index->plan->watches[expectation->watch].service,
	};
	add_expected(index, expectation, &draft->expected);
	if (window_resolve(index, draft, &judging.window) < 0)
		return;
	for (size_t i = 0; i < series->count; i++) {
		const struct event *event = series_event(index, series, i);
		if (event->kind == EVENT_LOST)
			end_run(&judging);
		else
			take_attempt(&judging, event, series->items[i]);
	}
	judge_open_gap(&judging);
	draft->by_absence = judging.rule->has_then && judging.rule->then_ns == 0;
	conclude(&judging);
}
