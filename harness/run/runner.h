/*
 * runner: all selected plans, each in a world of its own, side by side.
 *
 * Asks the engine who it is, makes sure of the images, listens to its events, and keeps at most `jobs` worlds
 * running. Whatever happens, every world is torn down before `done`; a reaper process does it should this one
 * be killed.
 */
#ifndef RUN_RUNNER_H
#define RUN_RUNNER_H

#include "run/world.h"

struct runner;

struct runner_config {
	struct loop *loop;
	struct engine *engine;
	const char *engine_address; /* as given by the user, for the reaper; or NULL */
	const char *run;            /* run id, [a-z0-9]+ */
	const char *started_at;     /* wall clock, RFC 3339 */
	const struct plan *const *plans;
	const struct redactor *const *redactors; /* one a plan */
	const char *const *trace_paths;          /* one a plan */
	const int64_t *seeds;                    /* one a plan */
	size_t plan_count;
	int first_number; /* of the first world; the others follow. A run may have several runners */
	size_t jobs;      /* 0: as many as the engine's processors bear at this speed, at most 12 */
	/* All may be NULL but done; `plan` is the index. */
	void (*image_progress)(
	    void *owner, const char *image, const char *status, int64_t current, int64_t total);
	void (*world_started)(void *owner, size_t plan, struct world *world);
	void (*world_heard)(void *owner, size_t plan, const struct event *event);
	void (*world_ended)(void *owner, size_t plan, const struct world_outcome *outcome);
	/* Once, when all is over. err: what kept the run from happening at all (no engine, no image). */
	void (*done)(void *owner, const struct err *err);
	void *owner;
};

struct runner *runner_start(const struct runner_config *config, struct err *err) MUST_CHECK;
/* Ends every world cleanly; those not begun are not run. */
void runner_interrupt(struct runner *runner);
/* "20.10.24", once known, else "". */
const char *runner_engine_version(const struct runner *runner);
/* The host's worst lateness so far. */
int64_t runner_lateness_ns(const struct runner *runner);
void runner_free(struct runner *runner);

#endif
