/* schedule: what a `backoff` rule says of one gap, and how a gap that was seen compares with it. */
#ifndef CHECK_SCHEDULE_H
#define CHECK_SCHEDULE_H

#include "check/index.h"
#include "check/interval.h"

/* min(first * factor^(n-1), cap) */
int64_t schedule_gap(const struct backoff *rule, size_t n);
/* After attempt `position` of run `run` (both from 1): 0 where the rule says nothing, -1 where there is to be
 * no further attempt. */
int64_t schedule_after(const struct backoff *rule, size_t run, size_t position);

/* Where a gap with this delay may lie: the delay itself, or what its jitter makes of it. */
struct interval schedule_range(const struct backoff *rule, int64_t delay);
static inline bool schedule_has_jitter(const struct backoff *rule)
{
	return rule->jitter_low < rule->jitter_high;
}

/* From the end of an attempt to the beginning of the next; either may be an interval. */
struct interval gap_between(const struct event *last, const struct event *next);
/* How late the host can have made that gap. */
int64_t gap_lateness(const struct index *index, const struct event *last, const struct event *next);
/* How far the figure is from what is expected, at least and at most. */
struct interval gap_deviation(struct interval gap, struct interval expected);
/* Inside the tolerance whatever the end was: YES. Outside it, and by more than the lateness: NO. */
enum answer gap_answer(struct interval gap, struct interval expected, int64_t tolerance, int64_t lateness);

/* What happened to the client between the two that makes waiting mean nothing: it was paused, ended, started
 * anew. NULL: nothing. */
const struct event *disturbance(const struct index *index, size_t client, int64_t from_ns, int64_t to_ns);

/* When something of that kind last happened, up to the moment; INT64_MIN: never. */
int64_t last_disturbed(const struct index *index, size_t client, int64_t until_ns);

#endif
