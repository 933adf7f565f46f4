/* observation: samples and attempts alike, as states seen at some time. */
#ifndef CHECK_OBSERVATION_H
#define CHECK_OBSERVATION_H

#include "check/interval.h"
#include "plan/plan.h"
#include "trace/event.h"

/* The state a sample shows, the outcome of an attempt, "lost". */
const char *observed_state(const struct event *event);
/* When it was so: a sample somewhere between question and answer, an attempt at its end. */
struct interval observed_when(const struct event *event);

/* Is it one of these? A state of digits is also a sample's HTTP status. Remembers its last answer, because
 * states repeat and the reader gives equal ones the same pointer. */
struct state_set {
	const struct strings *states;
	const char *last_state;
	int last_status;
	bool last_answer;
};

bool state_set_has(struct state_set *set, const struct event *event);

#endif
