/*
 * tracker: sees moments come true while a world runs.
 *
 * The runner decides nothing about verdicts; it only has to know when a step's `after` or a wait's `until`
 * has come. A tracked moment is fed every event of the trace from its beginning. What counts for a wait is
 * what came after the last step that acted began (tracker_act()), so that a state from before a fault never
 * ends a wait for the recovery from it; an attempt's number and a service that has not been acted on since
 * stay true.
 */
#ifndef RUN_TRACKER_H
#define RUN_TRACKER_H

#include "base/err.h"
#include "base/memory.h"
#include "plan/plan.h"
#include "trace/event.h"

struct tracker;
struct tracked;

/* Tracks the moments of all steps of the plan, which is borrowed. */
struct tracker *tracker_new(const struct plan *plan, struct err *err) MUST_CHECK;
void tracker_free(struct tracker *tracker);
void tracker_feed(struct tracker *tracker, const struct event *event);
/* Step `step` begins to act at `now_ns` (trace time). */
void tracker_act(struct tracker *tracker, size_t step, int64_t now_ns);
/* Has the moment come that the step begins after, its `plus` added, or that the wait waits for? */
bool tracker_after(const struct tracker *tracker, size_t step, int64_t *ret_at_ns);
bool tracker_until(const struct tracker *tracker, size_t step, int64_t *ret_at_ns);

#endif
