/*
 * helper: a container of ours that is there for one thing and says in one line how it went: the agent,
 * started as what makes a process of another container die (docs/internals/agent.md).
 *
 * Made, attached to, started, heard and removed. It carries the world's labels, so that whatever happens
 * meanwhile, the cleaning finds it.
 */
#ifndef RUN_HELPER_H
#define RUN_HELPER_H

#include "run/world_private.h"

struct helper;

/* What it said, without the end of the line; or an error. Once, from the loop, when it is removed; not called
 * when the world is over before. May free the helper. */
typedef void helper_done(void *owner, const char *said, const struct err *err);

/* `config` is borrowed. `name` is the container's, unique while it is there. Never NULL. */
struct helper *helper_start(
    struct world *world, const char *name, const json_t *config, helper_done *done, void *owner);
/* Nothing is called back after it; NULL is allowed. What is on the engine is the cleaner's. */
void helper_free(struct helper *helper);
/* No call is under way that could still make something. */
bool helper_is_quiet(const struct helper *helper);

#endif
