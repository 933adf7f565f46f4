/*
 * cleaning: takes what falsestart made off the engine, found by label, and nothing else.
 *
 * Containers are removed at once, side by side; then networks, then volumes. An object that is gone already
 * is success. What cannot be removed is said, and the rest is removed all the same.
 */
#ifndef RUN_CLEANING_H
#define RUN_CLEANING_H

#include "base/err.h"
#include "base/memory.h"
#include "engine/engine.h"

struct cleaning;

struct cleaning_result {
	size_t containers, networks, volumes; /* removed */
	struct err err;                       /* the first thing that could not be removed */
};

typedef void cleaning_done(void *owner, const struct cleaning_result *result);

/* `run` NULL: of every run; `world` 0: of every world of the run. The cleaning is gone when `done` returns.
 */
struct cleaning *cleaning_start(struct loop *loop, struct engine *engine, const char *run, int world,
    cleaning_done *done, void *owner) MUST_CHECK;
/* Without a call back. NULL is allowed. */
void cleaning_cancel(struct cleaning *cleaning);

#endif
