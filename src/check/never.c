/*
 * never: none of these states, of these events, or no such line, in the window.
 *
 * What lies wholly inside the window counts. A poll that straddles an edge decides nothing by itself; an
 * event or a line does not come again, so one that may have been inside leaves the answer open. So does a
 * poll that does not count (polls.h) and shows a forbidden state: to pass over it would be to pass without
 * having seen that it was not so. And so does a hole between polls.
 */
#include "base/pattern.h"
#include "check/judge.h"
#include "check/line.h"
#include "check/observation.h"
#include "check/polls.h"

#include <string.h>

struct tally {
	size_t inside, violations, perhaps, unjudged;
	size_t first; /* violation */
	struct starved starved;
};

static void count_violation(const struct index *index, struct draft *draft, struct tally *tally, size_t event)
{
	if (tally->violations++ == 0) {
		tally->first = event;
		draft->decided_ns = index->trace->events[event].to_ns;
	}
	evidence_add(&draft->evidence, event);
}

static void add_at(const struct event *event, struct buf *out)
{
	struct interval when = { .low = event->from_ns, .high = event->to_ns };
	buf_add_string(out, " at ");
	text_add_interval(out, when, TEXT_ALONE);
}

/* Common to the three: what an unbroken window is worth. */
static void conclude(const struct index *index, struct draft *draft, const struct window *window,
    const struct tally *tally, const char *what)
{
	text_add_count(&draft->actual, (struct interval){ .low = (int64_t)tally->violations,
					   .high = (int64_t)(tally->violations + tally->perhaps +
							     tally->unjudged + tally->starved.count) });
	buf_addf(&draft->actual, " of ");
	text_add_plural(
	    &draft->actual, (int64_t)(tally->inside + tally->perhaps + tally->starved.count), what);
	draft_measured(draft, (int64_t)tally->violations,
	    (int64_t)(tally->violations + tally->perhaps + tally->starved.count));
	draft->by_absence = true;
	if (draft->verdict != VERDICT_PASS)
		return;
	if (tally->perhaps)
		draft_inconclusive(draft, "%zu at the window's edge may have been inside", tally->perhaps);
	else if (!window->is_closed)
		draft_inconclusive(draft, "nothing so far, but %s", index_open_reason(index));
}

/* Who does not run does nothing wrong. */
static void doubt_dead(
    const struct index *index, struct draft *draft, const struct window *window, size_t service)
{
	if (draft->verdict != VERDICT_PASS || !window_is_dead(index, window, service))
		return;
	draft_inconclusive(
	    draft, "vacuous: %s was not running in the window", index->plan->stack->services[service].name);
	draft_note_death(draft, index, service, INT64_MAX);
}

static void judge_states(const struct index *index, struct draft *draft, const struct window *window)
{
	const struct expectation *expectation = draft->expectation;
	const struct watch *watch = &index->plan->watches[expectation->watch];
	struct polls polls = { .index = index, .series = &index->watches[expectation->watch] };
	struct state_set forbidden = { .states = &expectation->states };
	struct coverage coverage = { .last_ns = window->after.high };
	struct tally tally = { 0 };
	for (struct poll poll; polls_next(&polls, &poll);) {
		if (observed_nothing(poll.event) || !window_holds(window, observed_when(poll.event)))
			continue;
		coverage_add(&coverage, index, watch, observed_when(poll.event));
		tally.inside += !poll.is_starved;
		if (!state_set_has(&forbidden, poll.event))
			continue;
		if (!poll.is_starved) {
			count_violation(index, draft, &tally, poll.number);
		} else {
			starved_add(&tally.starved, index, poll.event);
			evidence_add(&draft->evidence, poll.number);
		}
	}
	coverage_add(&coverage, index, watch, (struct interval){ window->until_ns, window->until_ns });
	if (tally.violations) {
		CLEANUP(buf_release) struct buf text = { 0 };
		add_at(&index->trace->events[tally.first], &text);
		draft_fail(draft, "%s was `%.80s`%s", watch->name,
		    observed_state(&index->trace->events[tally.first]), buf_string(&text));
		draft_note_death(draft, index, watch->service, draft->decided_ns);
	} else if (tally.starved.count) {
		draft_starved(draft, &tally.starved, "");
	} else if (tally.inside == 0) {
		draft_inconclusive(
		    draft, "vacuous: nothing of %s was seen wholly inside the window", watch->name);
		draft_note_death(draft, index, watch->service, INT64_MAX);
	} else if (coverage.hole_ns) {
		CLEANUP(buf_release) struct buf text = { 0 };
		text_add_hole(&text, &coverage);
		draft_inconclusive(draft, "no poll of %s for %s", watch->name, buf_string(&text));
	}
	conclude(index, draft, window, &tally, "observation");
}

static void blame_event(const struct event *event, struct draft *draft)
{
	CLEANUP(buf_release) struct buf text = { 0 };
	buf_addf(&text, "%s %s", event->of, event->service.event);
	if (event->service.exit_code >= 0 && strcmp(event->service.event, "exited") == 0)
		buf_addf(&text, " with %d", event->service.exit_code);
	add_at(event, &text);
	if (*event->service.detail)
		buf_addf(&text, ": %.200s", event->service.detail);
	draft_fail(draft, "%s", buf_string(&text));
}

/* A kill for want of memory that a step brought about is no fault of the service; that it was started anew
 * after it is another event. */
static bool is_blamed(const struct expectation *expectation, const struct event *event)
{
	if (event->service.asked && strcmp(event->service.event, "oom-killed") == 0)
		return false;
	for (size_t i = 0; i < expectation->states.count; i++)
		if (strcmp(expectation->states.items[i], event->service.event) == 0)
			return true;
	return false;
}

/* Only to be started is what one that does not run can do. */
static bool is_of_starts(const struct expectation *expectation)
{
	for (size_t i = 0; i < expectation->states.count; i++)
		if (strcmp(expectation->states.items[i], "started") != 0 &&
		    strcmp(expectation->states.items[i], "restarted") != 0)
			return false;
	return true;
}

static void judge_events(const struct index *index, struct draft *draft, const struct window *window)
{
	const struct expectation *expectation = draft->expectation;
	const struct series *series = &index->services[expectation->service];
	struct tally tally = { 0 };
	for (size_t i = 0; i < series->count; i++) {
		const struct event *event = series_event(index, series, i);
		struct interval when = { .low = event->from_ns, .high = event->to_ns };
		bool forbidden = is_blamed(expectation, event);
		if (window_holds(window, when)) {
			tally.inside++;
			if (forbidden)
				count_violation(index, draft, &tally, series->items[i]);
		} else if (forbidden && window_touches(window, when)) {
			tally.perhaps++;
			evidence_add(&draft->evidence, series->items[i]);
		}
	}
	if (tally.violations)
		blame_event(&index->trace->events[tally.first], draft);
	else if (!index_was_started(index, (size_t)expectation->service))
		draft_inconclusive(draft, "vacuous: %s was never started",
		    index->plan->stack->services[expectation->service].name);
	conclude(index, draft, window, &tally, "event");
	if (!is_of_starts(expectation))
		doubt_dead(index, draft, window, (size_t)expectation->service);
}

static void judge_lines(
    const struct index *index, struct draft *draft, const struct window *window, struct pattern *pattern)
{
	const struct expectation *expectation = draft->expectation;
	const struct watch *watch = &index->plan->watches[expectation->watch];
	const struct series *series = index_watch(index, expectation->watch);
	struct tally tally = { 0 };
	for (size_t i = 0; i < series->count; i++) {
		const struct event *event = series_event(index, series, i);
		struct interval when = { .low = event->from_ns, .high = event->to_ns };
		bool holds = window_holds(window, when);
		tally.inside += holds;
		enum answer is_it =
		    window_touches(window, when) ? line_matches_pattern(event, pattern) : ANSWER_NO;
		if (is_it == ANSWER_UNKNOWN) {
			tally.unjudged++;
		} else if (is_it == ANSWER_YES && holds) {
			count_violation(index, draft, &tally, series->items[i]);
		} else if (is_it == ANSWER_YES) {
			tally.perhaps++;
			evidence_add(&draft->evidence, series->items[i]);
		}
	}
	if (tally.violations) {
		const struct event *event = &index->trace->events[tally.first];
		CLEANUP(buf_release) struct buf text = { 0 };
		buf_addf(&text, "%s has ", watch->name);
		buf_add_char(&text, '`');
		buf_add_visible(&text, event->log.line.bytes, event->log.line.length, 200);
		buf_add_char(&text, '`');
		add_at(event, &text);
		draft_fail(draft, "%s", buf_string(&text));
	} else if (tally.unjudged) {
		draft_inconclusive(draft, "%zu line%s cut, or the pattern takes too long on %s",
		    tally.unjudged, tally.unjudged == 1 ? " was" : "s were",
		    tally.unjudged == 1 ? "it" : "them");
	} else if (index->end && index->end->end.dropped > 0) {
		draft_inconclusive(draft, "%lld lines were not recorded because of a flood",
		    (long long)index->end->end.dropped);
	} else if (series->count == 0) {
		/* Silence inside the window is an answer; of a log without any line nothing is known. */
		draft_inconclusive(draft, "vacuous: %s has no line at all", watch->name);
	}
	conclude(index, draft, window, &tally, "line");
	doubt_dead(index, draft, window, watch->service);
}

void judge_never(const struct index *index, struct draft *draft)
{
	const struct expectation *expectation = draft->expectation;
	struct err err = ERR_INIT;
	struct pattern *pattern = NULL;
	struct window window;
	if (expectation->pattern) {
		buf_addf(&draft->expected, "no line of %s that matches `%.120s`",
		    index->plan->watches[expectation->watch].name, expectation->pattern);
	} else {
		buf_add_string(&draft->expected, "never ");
		text_add_list(&draft->expected, &expectation->states, "or");
		buf_addf(&draft->expected, " of %s",
		    expectation->watch >= 0 ? index->plan->watches[expectation->watch].name
					    : index->plan->stack->services[expectation->service].name);
	}
	window_add_text(index, expectation, &draft->expected);
	if (window_resolve(index, draft, &window) < 0)
		return;
	if (expectation->pattern && !(pattern = pattern_compile(expectation->pattern, &err)))
		draft_inconclusive(draft, "%s", err.message);
	else if (pattern)
		judge_lines(index, draft, &window, pattern);
	else if (expectation->watch >= 0)
		judge_states(index, draft, &window);
	else
		judge_events(index, draft, &window);
	pattern_free(pattern);
}
