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

/* An attempt that came to a connection that works, as far as it can be known. Everything that tells success
 * from failure asks here. */
bool attempt_succeeded(const struct event *attempt);
/* It was still under way when the world ended: it has begun, and nothing is known of its end. */
bool attempt_is_pending(const struct event *attempt);
/* When it ended. An attempt that was given up shows this only by its socket being gone some time later. */
struct interval attempt_ended(const struct event *attempt);
/* When it began: of an attempt from a log only the end may be known, and that it began behind the end of the
 * one before. */
struct interval attempt_beginning(const struct event *attempt);
/* The same, at the latest. */
int64_t attempt_began(const struct event *attempt);
/* The opposite of a success that is worth a retry: ended, and not connected. */
bool attempt_failed(const struct event *attempt);
/* Something that is no observation yet: a pending attempt is in no state. */
bool observed_nothing(const struct event *event);

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
