#include "check/observation.h"

#include "base/err.h"

#include <stdio.h>
#include <string.h>

const char *observed_state(const struct event *event)
{
	if (event->kind == EVENT_SAMPLE)
		return event->sample.state;
	return event->kind == EVENT_ATTEMPT ? event->attempt.outcome : "lost";
}

struct interval observed_when(const struct event *event)
{
	if (event->kind == EVENT_ATTEMPT)
		return attempt_ended(event);
	return (struct interval){ .low = event->from_ns, .high = event->to_ns };
}

bool attempt_succeeded(const struct event *attempt)
{
	const char *outcome = attempt->attempt.outcome;
	return outcome && (strcmp(outcome, "connected") == 0 || strcmp(outcome, "accepted") == 0);
}

bool attempt_is_pending(const struct event *attempt)
{
	return attempt->attempt.outcome && strcmp(attempt->attempt.outcome, "pending") == 0;
}

bool attempt_failed(const struct event *attempt)
{
	return !attempt_succeeded(attempt) && !attempt_is_pending(attempt);
}

struct interval attempt_ended(const struct event *attempt)
{
	int64_t after_ns = attempt->attempt.ended_after_ns;
	if (after_ns == 0 || after_ns > attempt->to_ns)
		after_ns = attempt->to_ns;
	if (after_ns < attempt->from_ns)
		after_ns = attempt->from_ns;
	return (struct interval){ .low = after_ns, .high = attempt->to_ns };
}

struct interval attempt_beginning(const struct event *attempt)
{
	return (struct interval){ .low = attempt->from_ns,
		.high = attempt->attempt.began_known ? attempt->from_ns : attempt->to_ns };
}

int64_t attempt_began(const struct event *attempt)
{
	return attempt_beginning(attempt).high;
}

bool observed_nothing(const struct event *event)
{
	return event->kind == EVENT_ATTEMPT && attempt_is_pending(event);
}

static bool search(const struct strings *states, const char *state, int status)
{
	char digits[16] = "";
	if (status)
		snprintf(digits, sizeof(digits), "%d", status);
	for (size_t i = 0; i < states->count; i++)
		if (strcmp(states->items[i], state) == 0 || (status && strcmp(states->items[i], digits) == 0))
			return true;
	return false;
}

bool state_set_has(struct state_set *set, const struct event *event)
{
	const char *state = observed_state(event);
	int status = event->kind == EVENT_SAMPLE ? event->sample.status : 0;
	if (state == set->last_state && status == set->last_status)
		return set->last_answer;
	set->last_state = state;
	set->last_status = status;
	set->last_answer = search(set->states, state, status);
	return set->last_answer;
}
