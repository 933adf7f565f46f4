/*
 * phasing: makes dependencies look the way a scenario's phases say.
 *
 * What the packets of a dependency's port meet is made by the gate of the dependency's own agent; whether its
 * name can be looked up is decided by the agents of everybody else. A script runs by itself inside an agent
 * as far as it can (so that the next attempt of a client that never waits already meets the next phase); this
 * room strings together what two kinds of agents have to do, and writes each change into the trace.
 */
#ifndef RUN_PHASING_H
#define RUN_PHASING_H

#include "run/world_private.h"
#include "wire/wire.h"

struct phasing;

typedef void phasing_done(void *owner, const struct err *err);

struct phasing *phasing_new(struct world *world);
void phasing_free(struct phasing *phasing);
/* The world is over: no script goes on. */
void phasing_stop(struct phasing *phasing);
/* Begins these scripts, each in place of what its service was doing; `done` once their first phases are made.
 * One call at a time. */
void phasing_begin(struct phasing *phasing, const struct phase_script *scripts, size_t count,
    phasing_done *done, void *owner);
/* What the agent of `service` says. */
void phasing_feed(struct phasing *phasing, size_t service, const struct notice *notice);

#endif
