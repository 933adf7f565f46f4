/*
 * container: a service of a world on the engine, through all its lives.
 *
 * One operation at a time. An operation is over when the engine has answered AND the event that proves it has
 * arrived (a start that started, a stop that ended the process): calls and events come over different
 * connections, and what a death meant can only be told while it is known who asked for it.
 *
 * The container writes its life, its log and what its readiness probe says into the trace by itself.
 */
#ifndef RUN_CONTAINER_H
#define RUN_CONTAINER_H

#include "base/err.h"
#include "run/world_private.h"

#include <sys/types.h>

enum container_state {
	CONTAINER_NONE,    /* not on the engine */
	CONTAINER_CREATED, /* made, never started */
	CONTAINER_RUNNING,
	CONTAINER_PAUSED,
	CONTAINER_EXITED,
};
const char *container_state_name(enum container_state state);

struct container;
typedef void container_done(void *owner, struct container *container, const struct err *err);

struct container *container_new(struct world *world, size_t service);
/* Stops watching it; what is on the engine is the cleaner's. */
void container_free(struct container *container);

enum container_state container_get_state(const struct container *container);
const struct service *container_service(const struct container *container);
const char *container_id(const struct container *container);
/* Was it ever healthy / has it ended with 0: what depends_on waits for. */
bool container_is_healthy(const struct container *container);
bool container_has_completed(const struct container *container);
bool container_has_started(const struct container *container);
/* It is dead, and neither does its restart policy start it again: nothing it did can come any more. */
bool container_is_dead_for_good(const struct container *container);

/* Its first process, as the engine's host numbers it; 0 while not known. */
pid_t container_pid(const struct container *container);
/* Where the harness reaches a port of it: "address:port" in `buffer`; false while it does not run. */
bool container_endpoint(const struct container *container, int port, char *buffer, size_t size);

/* Makes it on the engine if it is not there. */
void container_create(struct container *container, container_done *done, void *owner);
/* What a step asks for. `signal` for STEP_KILL. */
void container_act(struct container *container, enum step_kind action, const char *signal,
    container_done *done, void *owner);
/* An event of the engine about it (an object of GET /events). */
void container_on_event(struct container *container, const json_t *event);
/* The world is over: kills its process, so that its log comes to an end. Quiet: no call is under way and the
 * log has been read to its end; world_on_quiet() is called whenever that may have come true. */
void container_end(struct container *container);
/* What it looks like from outside has changed, not before changed_ns: the readiness probe asks anew. */
void container_look_again(struct container *container, int64_t changed_ns);
/* Its log is not read any further. */
void container_mute(struct container *container);
bool container_is_quiet(const struct container *container);
/* What else has to know: called after a state change was recorded. */
typedef void container_changed(void *owner, struct container *container, const char *event);
void container_listen(struct container *container, container_changed *changed, void *owner);

#endif
