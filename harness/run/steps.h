/*
 * steps: carries out a plan's steps, one after the other, each timed from the moment it names.
 *
 * A step begins when its `after` has come; it is in the trace, with when it was due, when it began and when
 * it had taken effect. A wait that can no longer come true (what it waits for is dead and nobody will start
 * it) is given up at once.
 */
#ifndef RUN_STEPS_H
#define RUN_STEPS_H

#include "run/world_private.h"

struct steps;

struct steps *steps_new(struct world *world, struct err *err) MUST_CHECK;
void steps_free(struct steps *steps);
void steps_begin(struct steps *steps);
/* The world is over: nothing more is asked for. */
void steps_stop(struct steps *steps);
/* Every event of the trace. */
void steps_on_event(struct steps *steps, const struct event *event);
/* Something changed that is not in the trace, such as an address that is known now. */
void steps_look(struct steps *steps);
size_t steps_current(const struct steps *steps);

#endif
