/*
 * ready_since: since when, at the earliest, a service has been what its readiness probe says. Pure.
 */
#ifndef RUN_READY_SINCE_H
#define RUN_READY_SINCE_H

#include "probe/probe.h"

/* Loop times. */
struct ready_since {
	int64_t unlike_ns; /* what a probe says first has become so no sooner; 0: not known */
};

/* Its process has begun, not before `earliest_ns`: it may have been ready before the engine said that it
 * runs. */
void ready_since_begin(struct ready_since *since, int64_t earliest_ns);
/* What stands between it and its clients has changed, not before `changed_ns`, and a probe begins anew in the
 * place of `probe`; NULL: none was at work, since it had said that the service is ready, or never began. */
void ready_since_look_again(
    struct ready_since *since, const struct readiness_probe *probe, int64_t changed_ns);
int64_t ready_since_ns(const struct ready_since *since, const struct readiness_answer *answer);

#endif
