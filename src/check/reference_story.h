/*
 * reference_story: random small traces for the property test, on a coarse grid of time, so that things happen
 * at the very same moment, and figures lie on their limits, again and again.
 *
 * Strings are literals: a story owns nothing but the array of its events.
 */
#ifndef CHECK_REFERENCE_STORY_H
#define CHECK_REFERENCE_STORY_H

#include "trace/trace.h"

enum { STORY_EVENTS_MAX = 260 };

struct random_trace {
	struct event events[STORY_EVENTS_MAX];
	struct trace trace; /* of these events; nothing to free */
};

/* The same seed makes the same trace. `of_conduct`: with work, a pool, and gaps that are drawn. */
void random_trace_make(struct random_trace *random, uint64_t seed, bool of_conduct);

/* A world among those that the trace allows: whatever is known to lie between two moments is put at one of
 * them, or in the middle. Polls and requests stay: that they were sent at one moment and answered at another
 * is what was seen. */
void random_trace_settle(const struct random_trace *random, uint64_t seed, struct random_trace *ret_world);

/* What a runner that was killed leaves of it: its lines up to some line, but always the first that tells how
 * late the runner was. False: the story does not tell that for one stretch after the other, as a runner does,
 * or not at all, and is cut in the middle of what happened to a service. */
bool random_trace_cut(
    const struct random_trace *random, uint64_t seed, struct random_trace *ret_cut) MUST_CHECK;

/* Leaves out one event. */
void random_trace_drop(const struct random_trace *random, size_t number, struct random_trace *ret_less);
void random_trace_copy(const struct random_trace *random, struct random_trace *ret_copy);

#endif
