#include "run/container.h"

#include "base/duration.h"
#include "run/container_private.h"
#include "run/sandbox.h"

#include <stdio.h>
#include <string.h>

/* Events follow their answer by milliseconds; an engine that is this late has lost them. */
static const int64_t PROOF_DEADLINE_NS = 30 * NS_PER_S;
/* How long the last lines of a log may take to arrive. */
static const int64_t LOG_DEADLINE_NS = 5 * NS_PER_S;

const char *container_state_name(enum container_state state)
{
	static const char *const names[] = { [CONTAINER_NONE] = "absent",
		[CONTAINER_CREATED] = "created",
		[CONTAINER_RUNNING] = "running",
		[CONTAINER_PAUSED] = "paused",
		[CONTAINER_EXITED] = "exited" };
	return names[state];
}

struct container *container_new(struct world *world, size_t service)
{
	struct container *container = xcalloc(1, sizeof(*container));
	container->world = world;
	container->index = service;
	container->service = &world->config.plan->stack->services[service];
	container->name = world_object_name(&world->identity, container->service->name);
	container->stream = container_stream_new(world, service);
	return container;
}

void container_free(struct container *container)
{
	if (!container)
		return;
	engine_cancel(container->call);
	engine_cancel(container->inspection);
	engine_cancel(container->ending);
	timer_cancel(container->timer);
	helper_free(container->helper);
	container_stream_free(container->stream);
	free(container->stop_signal);
	free(container->name);
	free(container->id);
	free(container);
}

enum container_state container_get_state(const struct container *container)
{
	return container->state;
}

const struct service *container_service(const struct container *container)
{
	return container->service;
}

const char *container_id(const struct container *container)
{
	return container->id;
}

bool container_is_healthy(const struct container *container)
{
	return container->healthy;
}

bool container_has_completed(const struct container *container)
{
	return container->completed;
}

bool container_has_started(const struct container *container)
{
	return container->started;
}

/* As the engine's restart manager decides (moby, restartmanager.go): a stop or a SIGKILL through the engine
 * puts it to rest whatever the policy. It counts restarts since the last start by hand. After another signal
 * through the engine it depends on the image's stop signal, which is not known here. */
bool container_is_dead_for_good(const struct container *container)
{
	const struct service *service = container->service;
	if (container->state != CONTAINER_EXITED)
		return false;
	switch (service->restart) {
	case RESTART_NO:
		return true;
	case RESTART_ON_FAILURE:
		return container->is_let_lie || container->exit_code == 0 ||
		       (service->restart_max > 0 && container->restarts >= service->restart_max);
	case RESTART_ALWAYS:
	case RESTART_UNLESS_STOPPED:
		return container->is_let_lie;
	}
	BUG("restart policy %d", (int)service->restart);
}

pid_t container_pid(const struct container *container)
{
	return container->pid;
}

void container_listen(struct container *container, container_changed *changed, void *owner)
{
	container->changed = changed;
	container->changed_owner = owner;
}

void container_set_state(struct container *container, enum container_state state)
{
	container->state = state;
	if (state != CONTAINER_RUNNING && state != CONTAINER_PAUSED)
		container->pid = 0;
}

bool container_endpoint(const struct container *container, int port, char *buffer, size_t size)
{
	bool alive = container->state == CONTAINER_RUNNING || container->state == CONTAINER_PAUSED;
	return alive && sandbox_endpoint(container->world->sandboxes[container->index], port, buffer, size);
}

void container_look_again(struct container *container, int64_t changed_ns)
{
	container_stream_look_again(container->stream, container, changed_ns);
}

/* ---- one operation at a time ---- */

static void begin(struct container *container, container_done *done, void *owner)
{
	if (container->busy)
		BUG("two operations at once on `%s`", container->name);
	container->busy = true;
	container->answered = container->proven = false;
	container->proof = PROOF_NONE;
	container->action = STEP_HOLD;
	container->acted_ns = loop_now_ns(container->world->config.loop);
	container->done = done;
	container->done_owner = owner;
}

static void finish(struct container *container, const struct err *err)
{
	container->busy = false;
	timer_cancel(container->timer);
	container->timer = NULL;
	/* What it dies of from now on is a kill only as far as the signal that was sent explains it. */
	if (container->asked == ASKED_KILL) {
		sent_signal_finish(&container->sent, loop_now_ns(container->world->config.loop));
		container->asked = ASKED_NOTHING;
	}
	container->done(container->done_owner, container, err);
}

static void proof_is_missing(void *owner)
{
	struct container *container = owner;
	container->timer = NULL;
	struct err err = ERR_INIT;
	err_set(&err, ERR_ENVIRONMENT,
	    "the engine answered for container `%s`, but the event that proves it did not "
	    "come within 30 s",
	    container->name);
	finish(container, &err);
}

static void settle(struct container *container)
{
	if (!container->busy || !container->answered)
		return;
	if (container->proof == PROOF_NONE || container->proven) {
		finish(container, NULL);
		return;
	}
	struct loop *loop = container->world->config.loop;
	if (!container->timer)
		container->timer =
		    timer_start(loop, loop_now_ns(loop) + PROOF_DEADLINE_NS, proof_is_missing, container);
}

void container_prove(struct container *container, enum proof proof)
{
	if (!container->busy || container->proof != proof)
		return;
	container->proven = true;
	settle(container);
}

/* The agent lives: what keeps the container from starting is what the engine says. */
static void agent_answered(void *owner, int64_t from_ns, int64_t to_ns, const struct err *err)
{
	(void)from_ns;
	(void)to_ns;
	(void)err;
	struct container *container = owner;
	if (container->busy)
		finish(container, &container->start_failure);
}

void container_answered(struct container *container, const struct err *err)
{
	container->answered = true;
	if (err && container->asked == ASKED_START && !world_is_over(container->world)) {
		/* A namespace that is gone with its agent makes the engine say strange things; if it is so,
		 * the agent's end is what is told. */
		container->start_failure = *err;
		sandbox_command(
		    container->world->sandboxes[container->index], agent_answered, container, "ping");
	} else if (err) {
		finish(container, err);
	} else {
		settle(container);
	}
	world_on_quiet(container->world);
}

static void answered(void *owner, json_t *reply, const struct err *err)
{
	(void)reply;
	struct container *container = owner;
	container->call = NULL;
	container_answered(container, err);
}

static void removed(void *owner, json_t *reply, const struct err *err)
{
	(void)reply;
	struct container *container = owner;
	container->call = NULL;
	if (!err)
		container_set_state(container, CONTAINER_NONE);
	finish(container, err);
	world_on_quiet(container->world);
}

static void remove_now(struct container *container)
{
	container->awaits_log = false;
	timer_cancel(container->timer);
	container->timer = NULL;
	if (!world_is_over(container->world))
		container->call = engine_container_remove(
		    container->world->config.engine, container->id, removed, container);
}

static void log_is_late(void *owner)
{
	struct container *container = owner;
	container->timer = NULL;
	remove_now(container);
}

void container_log_ended(struct container *container)
{
	if (container->awaits_log && container_stream_is_drained(container->stream))
		remove_now(container);
}

static void killed_first(void *owner, json_t *reply, const struct err *err)
{
	(void)reply;
	(void)err; /* It may have died by itself meanwhile; else the removal says what is wrong. */
	struct container *container = owner;
	struct loop *loop = container->world->config.loop;
	container->call = NULL;
	container->awaits_log = true;
	container->timer = timer_start(loop, loop_now_ns(loop) + LOG_DEADLINE_NS, log_is_late, container);
	container_log_ended(container);
	world_on_quiet(container->world);
}

/* What is removed has no log any more: it dies first, and its last words are read. */
static void send_removal(struct container *container)
{
	if (container->state == CONTAINER_RUNNING)
		container->call = engine_container_kill(
		    container->world->config.engine, container->id, "SIGKILL", killed_first, container);
	else
		remove_now(container);
}

static void ask(struct container *container, enum asked asked, enum proof proof)
{
	container->asked = asked;
	container->asked_ns = loop_now_ns(container->world->config.loop);
	container->proof = proof;
	container->out_of_memory =
	    false; /* a kill for want of memory before this is not what it dies of now */
}

static void send_signal(struct container *container, const char *signal)
{
	const struct service *service = container->service;
	ask(container, ASKED_KILL, signal_is_deadly(signal) ? PROOF_DIE : PROOF_NONE);
	sent_signal_begin(&container->sent, signal,
	    container->stop_signal ? container->stop_signal : service->stop_signal,
	    service->stop_grace_period_ns, container->asked_ns);
	container->call = engine_container_kill(
	    container->world->config.engine, container->id, signal, answered, container);
}

static void send_action(struct container *container, enum step_kind action, const char *signal)
{
	struct engine *engine = container->world->config.engine;
	int64_t grace_ns = container->service->stop_grace_period_ns;
	switch (action) {
	case STEP_START:
		ask(container, ASKED_START, PROOF_START);
		container_stream_expect(container->stream);
		container->call = engine_container_start(engine, container->id, answered, container);
		return;
	case STEP_STOP:
		ask(container, ASKED_STOP, PROOF_DIE);
		container->call = engine_container_stop(engine, container->id, grace_ns, answered, container);
		return;
	case STEP_KILL:
		send_signal(container, signal);
		return;
	case STEP_CRASH:
		ask(container, ASKED_CRASH, PROOF_DIE);
		container_bring_death(container);
		return;
	case STEP_EXHAUST:
		ask(container, ASKED_EXHAUST, PROOF_DIE);
		container_bring_death(container);
		return;
	case STEP_PAUSE:
		container->proof = PROOF_PAUSE;
		container->call = engine_container_pause(engine, container->id, answered, container);
		return;
	case STEP_UNPAUSE:
		container->proof = PROOF_UNPAUSE;
		container->call = engine_container_unpause(engine, container->id, answered, container);
		return;
	case STEP_RESTART:
		ask(container, ASKED_RESTART, PROOF_RESTART);
		container->call =
		    engine_container_restart(engine, container->id, grace_ns, answered, container);
		return;
	case STEP_REMOVE:
		ask(container, ASKED_REMOVE, PROOF_NONE);
		send_removal(container);
		return;
	case STEP_WAIT:
	case STEP_HOLD:
	case STEP_REQUEST:
	case STEP_PHASE:
		break;
	}
	BUG("step kind %d is not an action on a container", (int)action);
}

static void created(void *owner, json_t *reply, const struct err *err)
{
	struct container *container = owner;
	container->call = NULL;
	if (!err) {
		free(container->id);
		container->id = xstrdup(json_string_value(json_object_get(reply, "Id")));
		container_set_state(container, CONTAINER_CREATED);
	}
	bool over = world_is_over(container->world);
	if (err || over || container->action == STEP_HOLD)
		finish(container, err);
	else
		send_action(container, container->action, container->signal);
	world_on_quiet(container->world);
}

static void send_creation(struct container *container)
{
	json_t *config = container_config(&container->world->identity, container->service);
	container->call = engine_container_create(
	    container->world->config.engine, container->name, config, created, container);
	json_decref(config);
}

void container_create(struct container *container, container_done *done, void *owner)
{
	begin(container, done, owner);
	send_creation(container);
}

/* The engine refuses, or ignores, what is already so, and no event comes of it. */
static bool is_so_already(const struct container *container, enum step_kind action)
{
	bool alive = container->state == CONTAINER_RUNNING || container->state == CONTAINER_PAUSED;
	switch (action) {
	case STEP_START:
		return alive;
	case STEP_STOP:
	case STEP_KILL:
	case STEP_CRASH:
	case STEP_EXHAUST:
		return !alive;
	case STEP_PAUSE:
		return container->state != CONTAINER_RUNNING;
	case STEP_UNPAUSE:
		return container->state != CONTAINER_PAUSED;
	case STEP_REMOVE:
		return container->state == CONTAINER_NONE;
	case STEP_RESTART:
	case STEP_WAIT:
	case STEP_HOLD:
	case STEP_REQUEST:
	case STEP_PHASE:
		return false;
	}
	BUG("step kind %d", (int)action);
}

static void was_so_already(void *owner)
{
	struct container *container = owner;
	container->timer = NULL;
	finish(container, NULL);
}

void container_act(
    struct container *container, enum step_kind action, const char *signal, container_done *done, void *owner)
{
	begin(container, done, owner);
	container->action = action;
	container->signal = signal;
	if (is_so_already(container, action))
		container->timer = timer_start(container->world->config.loop, 0, was_so_already, container);
	else if (container->state == CONTAINER_NONE)
		send_creation(container);
	else
		send_action(container, action, signal);
}

/* ---- the end ---- */

bool container_is_quiet(const struct container *container)
{
	return !container->call && !container->ending && helper_is_quiet(container->helper) &&
	       container_stream_is_drained(container->stream);
}

void container_mute(struct container *container)
{
	container_stream_mute(container->stream);
}

static void ended(void *owner, json_t *reply, const struct err *err)
{
	(void)reply;
	(void)err; /* It may have died by itself meanwhile; what is left is the cleaning's. */
	struct container *container = owner;
	container->ending = NULL;
	world_on_quiet(container->world);
}

void container_end(struct container *container)
{
	engine_cancel(container->inspection);
	container->inspection = NULL;
	container_stream_died(container->stream);
	if (container->state == CONTAINER_RUNNING)
		container->ending = engine_container_kill(
		    container->world->config.engine, container->id, "SIGKILL", ended, container);
	else if (container->state == CONTAINER_PAUSED)
		container_stream_mute(container->stream); /* frozen: it writes nothing more */
}
