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
	return (struct interval){
		.low = event->kind == EVENT_ATTEMPT ? event->to_ns : event->from_ns,
		.high = event->to_ns,
	};
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
