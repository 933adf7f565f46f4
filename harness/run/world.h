/*
 * world: one isolated run of a plan: its own network, containers, labels, trace.
 *
 * world_start() returns at once; `ended` is called once, after everything the world made is off the engine
 * (or could not be removed, which world_outcome says). Whatever happens meanwhile is in the trace.
 */
#ifndef RUN_WORLD_H
#define RUN_WORLD_H

#include "base/err.h"
#include "engine/engine.h"
#include "plan/plan.h"
#include "run/engine_clock.h"
#include "trace/event.h"

struct world;

struct world_config {
	struct loop *loop;
	struct engine *engine;
	struct engine_clock *clock;
	const struct plan *plan;
	const struct redactor *redactor;
	const char *run; /* run id */
	int number;      /* from 1 */
	int64_t seed;    /* of all that is drawn in this world: jitter */
	const char *trace_path;
	const char *engine_version, *started_at;
	const char *agent_image;   /* on the engine */
	struct lateness *lateness; /* the host's; a world that ends has it reported first */
	/* Everything is made, nothing begun: world_begin() is to follow. */
	void (*set_up)(void *owner, struct world *world);
	/* Hears every event as recorded, for live output; may be NULL. */
	void (*heard)(void *owner, struct world *world, const struct event *event);
	void (*ended)(void *owner, struct world *world);
	void *owner;
};

enum world_end { WORLD_COMPLETED, WORLD_TIMEOUT, WORLD_WAIT, WORLD_TROUBLE, WORLD_INTERRUPTED };
extern const char
    *const world_end_names[]; /* "completed", "timeout", …: the reason in the trace's last line */

struct world_outcome {
	enum world_end end;
	struct err err;      /* of WORLD_TROUBLE */
	struct err leftover; /* set when teardown could not remove everything */
	int64_t took_ns;     /* first call to last answer */
};

/* NULL when the trace cannot be written or a pattern does not compile; nothing was made then. */
struct world *world_start(const struct world_config *config, struct err *err) MUST_CHECK;
/* Phases and steps begin; nothing if the world is over. */
void world_begin(struct world *world);
const struct plan *world_plan(const struct world *world);
int world_number(const struct world *world);
const struct world_outcome *world_outcome(const struct world *world);
/* Index of the step under way (step_count when all are done). */
size_t world_step(const struct world *world);
/* An event of the engine about an object of this world. */
void world_on_engine_event(struct world *world, const json_t *event);
/* The engine is gone or the user wants out: ends the steps, tears down, then `ended`. */
void world_give_up(struct world *world, enum world_end end, const struct err *err);
/* How late the host ran, at worst. */
struct host_lateness {
	int64_t runner_ns;  /* of its timer */
	int64_t network_ns; /* network_wait.h */
};
void world_on_lateness(struct world *world, int64_t from_ns, int64_t to_ns, const struct host_lateness *late);
/* After `ended` only. */
void world_free(struct world *world);

#endif
