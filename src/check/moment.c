#include "base/pattern.h"
#include "check/judge.h"
#include "check/observation.h"
#include "check/polls.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static size_t event_number(const struct index *index, const struct event *event)
{
	return (size_t)(event - index->trace->events);
}

static void happened(struct instant *instant, const struct index *index, const struct event *event)
{
	instant->happened = true;
	instant->at = (struct interval){ .low = event->from_ns, .high = event->to_ns };
	instant->event = event_number(index, event);
}

/* Could it have come after? An event that a step causes lies in the step's own interval, so overlap is
 * enough. */
static bool counts(const struct event *event, struct interval after)
{
	return event->to_ns >= after.low;
}

static void resolve_world(const struct index *index, const struct moment *moment, struct instant *instant)
{
	if (moment->what && strcmp(moment->what, "ended") == 0) {
		if (index->end)
			happened(instant, index, index->end);
		return;
	}
	happened(instant, index, &index->trace->events[0]);
}

static void resolve_step(
    const struct index *index, const struct moment *moment, struct interval after, struct instant *instant)
{
	for (size_t i = 0; i < index->plan->step_count; i++) {
		if (strcmp(index->plan->steps[i].id, moment->name) != 0)
			continue;
		for (size_t n = 0; n < index->steps[i].count; n++) {
			const struct event *event = series_event(index, &index->steps[i], n);
			if (event->step.done && counts(event, after)) {
				happened(instant, index, event);
				return;
			}
			if (!event->step.done)
				snprintf(instant->why_not, sizeof(instant->why_not),
				    "step %s did not happen%s%.400s", moment->name,
				    *event->step.detail ? ": " : "", event->step.detail);
		}
	}
}

/* The first event of the series that says so. */
static const struct event *first_said(
    const struct index *index, const struct series *series, const char *what, struct interval after)
{
	for (size_t i = 0; i < series->count; i++) {
		const struct event *event = series_event(index, series, i);
		const char *says = event->kind == EVENT_PHASE ? event->phase.phase : event->service.event;
		if (strcmp(says, what) == 0 && counts(event, after))
			return event;
	}
	return NULL;
}

/* What a dependency looks like is said by the probe, where it polls, and by the gate, where it makes it so.
 */
static void resolve_service(
    const struct index *index, const struct moment *moment, struct interval after, struct instant *instant)
{
	for (size_t s = 0; s < index->plan->stack->service_count; s++) {
		if (strcmp(index->plan->stack->services[s].name, moment->name) != 0)
			continue;
		const struct event *said = first_said(index, &index->services[s], moment->what, after);
		/* That nothing is in the way is not that it works: only the readiness probe knows that. */
		const struct event *made = strcmp(moment->what, phase_names[PHASE_READY]) == 0
					       ? NULL
					       : first_said(index, &index->phases[s], moment->what, after);
		if (said && made)
			happened(instant, index, made->from_ns < said->from_ns ? made : said);
		else if (said || made)
			happened(instant, index, said ? said : made);
	}
}

/* With `after`, attempts are counted from there. One that the world's end cut short has begun, if not ended.
 */
static void resolve_attempt(
    const struct index *index, const struct moment *moment, struct interval after, struct instant *instant)
{
	const struct series *series = &index->watches[moment->watch];
	int counted = 0;
	for (size_t i = 0; i < series->count; i++) {
		const struct event *event = series_event(index, series, i);
		if (event->kind != EVENT_ATTEMPT)
			continue;
		struct interval when = { .low = event->from_ns, .high = attempt_began(event) };
		if (!moment->is_beginning)
			when = observed_when(event);
		if (when.high < after.low || (!moment->is_beginning && observed_nothing(event)))
			continue;
		counted++;
		if ((moment->after ? counted : event->attempt.number) != moment->number)
			continue;
		happened(instant, index, event);
		instant->at = when;
		return;
	}
}

static void resolve_state(
    const struct index *index, const struct moment *moment, struct interval after, struct instant *instant)
{
	char *items[] = { moment->what };
	struct strings states = { .items = items, .count = 1 };
	struct arrival arrival;
	arrival_of_state(index, moment->watch, &states, after, &arrival);
	if (!arrival.possible)
		return;
	instant->happened = !arrival.is_starved;
	instant->perhaps = arrival.is_starved;
	if (arrival.is_starved)
		snprintf(instant->why_not, sizeof(instant->why_not),
		    "`%.80s` of %.80s was shown by polls only that timed out while the host was late, and do "
		    "not count",
		    moment->what, index->plan->watches[moment->watch].name);
	instant->at = arrival.when;
	instant->event = arrival.event;
	if (instant->at.low < after.low)
		instant->at.low = after.low;
	if (!arrival.certain)
		instant->at.high = arrival.is_starved ? INT64_MAX : arrival.not_after_ns;
}

static void resolve_log(
    const struct index *index, const struct moment *moment, struct interval after, struct instant *instant)
{
	struct err err = ERR_INIT;
	struct pattern *pattern = pattern_compile(moment->what, &err);
	if (!pattern) {
		snprintf(instant->why_not, sizeof(instant->why_not), "%.500s", err.message);
		return;
	}
	for (size_t s = 0; s < index->plan->stack->service_count && !instant->happened; s++) {
		if (strcmp(index->plan->stack->services[s].name, moment->name) != 0)
			continue;
		for (size_t i = 0; i < index->logs[s].count && !instant->happened; i++) {
			const struct event *event = series_event(index, &index->logs[s], i);
			const struct text *line = &event->log.line;
			if (counts(event, after) && line->bytes &&
			    pattern_match(pattern, line->bytes, line->length) == PATTERN_MATCH)
				happened(instant, index, event);
		}
	}
	pattern_free(pattern);
}

void moment_resolve(const struct index *index, const struct moment *moment, struct instant *ret_instant)
{
	*ret_instant = (struct instant){ .event = NO_EVENT };
	struct interval after = { .low = INT64_MIN, .high = INT64_MIN };
	struct instant before = { .happened = true };
	if (moment->after) {
		moment_resolve(index, moment->after, &before);
		if (!before.happened && !before.perhaps) {
			*ret_instant = before;
			return;
		}
		after = before.at;
	}
	switch (moment->kind) {
	case MOMENT_WORLD:
		resolve_world(index, moment, ret_instant);
		break;
	case MOMENT_STEP:
		resolve_step(index, moment, after, ret_instant);
		break;
	case MOMENT_SERVICE:
		resolve_service(index, moment, after, ret_instant);
		break;
	case MOMENT_ATTEMPT:
		resolve_attempt(index, moment, after, ret_instant);
		break;
	case MOMENT_STATE:
		resolve_state(index, moment, after, ret_instant);
		break;
	case MOMENT_LOG:
		resolve_log(index, moment, after, ret_instant);
		break;
	}
	if (ret_instant->happened || ret_instant->perhaps)
		ret_instant->at = interval_shift(ret_instant->at, moment->plus_ns);
	if (ret_instant->happened && before.perhaps) {
		ret_instant->happened = false;
		ret_instant->perhaps = true;
		ret_instant->at.high = INT64_MAX;
		snprintf(ret_instant->why_not, sizeof(ret_instant->why_not), "%s", before.why_not);
	} else if (!ret_instant->happened && !*ret_instant->why_not) {
		CLEANUP(buf_release) struct buf text = { 0 };
		text_add_moment(&text, index->plan, moment);
		snprintf(ret_instant->why_not, sizeof(ret_instant->why_not), "%.480s never happened",
		    buf_string(&text));
	}
}

struct interval moment_seen_by(
    const struct index *index, const struct moment *moment, const struct instant *instant, int watch)
{
	struct interval seen = instant->at;
	if (instant->event != NO_EVENT && moment->kind == MOMENT_STATE && moment->watch == watch)
		seen.low = saturating_add(index->trace->events[instant->event].from_ns, moment->plus_ns);
	return seen;
}

/* ---- states ---- */

void arrival_of_state(const struct index *index, int watch, const struct strings *states,
    struct interval after, struct arrival *ret_arrival)
{
	struct polls polls = { .index = index, .series = &index->watches[watch] };
	struct state_set set = { .states = states };
	struct arrival arrival = {
		.when = { .low = INT64_MIN, .high = INT64_MAX },
		.event = NO_EVENT,
		.before = NO_EVENT,
		.not_until_ns = INT64_MIN,
	};
	for (struct poll poll; !arrival.certain && polls_next(&polls, &poll);) {
		const struct event *event = poll.event;
		if (observed_nothing(event))
			continue;
		struct interval when = observed_when(event);
		bool shows = state_set_has(&set, event);
		/* It may have begun with a poll that does not count, and surely had with the first that does.
		 */
		if (poll.is_starved && (!shows || when.high < after.low))
			continue;
		if (when.high < after.low || (!shows && !arrival.possible)) {
			/* The moment a poll is sent is the last at which its answer surely had not changed.
			 */
			arrival.before = shows ? NO_EVENT : poll.number;
			if (!shows)
				arrival.not_until_ns = when.low;
			arrival.seen += when.high >= after.low;
			continue;
		}
		arrival.seen += !poll.is_starved;
		if (!shows)
			continue;
		if (!arrival.possible) {
			arrival.possible = arrival.is_starved = true;
			arrival.event = poll.number;
			if (event->kind == EVENT_SAMPLE)
				arrival.when.low =
				    arrival.before == NO_EVENT ? INT64_MIN : arrival.not_until_ns;
			else
				arrival.when.low = when.low;
		}
		if (poll.is_starved)
			continue;
		if (arrival.is_starved)
			arrival.not_after_ns = event->to_ns;
		arrival.is_starved = false;
		arrival.certain = when.low >= after.high;
		if (arrival.certain)
			arrival.when.high = when.high;
	}
	*ret_arrival = arrival;
}
