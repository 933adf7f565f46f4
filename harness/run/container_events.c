/* What the engine's events mean: the truth about a container's life, written into the trace. */
#include "base/duration.h"
#include "base/number.h"
#include "run/container_private.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

static const char *attribute(const json_t *event, const char *name)
{
	return json_string_value(
	    json_object_get(json_object_get(json_object_get(event, "Actor"), "Attributes"), name));
}

static int64_t stamp_of(const struct container *container, const json_t *event)
{
	int64_t stamp = json_integer_value(json_object_get(event, "timeNano"));
	return engine_clock_loop_ns(container->world->config.clock, stamp);
}

/* When it happened: not before `earliest_ns`, and by the engine's stamp it had. */
static void record(struct container *container, const json_t *event, const char *what, bool asked,
    int64_t earliest_ns, int exit_code)
{
	if (world_is_over(container->world))
		return;
	int64_t to_ns = stamp_of(container, event);
	int64_t error_ns = container->world->config.clock->error_ns;
	int64_t from_ns = earliest_ns && earliest_ns < to_ns ? earliest_ns : to_ns - error_ns;
	recorder_add(container->world->recorder,
	    (struct event){
		.kind = EVENT_SERVICE,
		.from_ns = from_ns,
		.to_ns = to_ns + error_ns,
		.of = container->service->name,
		.service = { .event = what, .asked = asked, .exit_code = exit_code, .by = "engine" },
	    });
	if (container->changed)
		container->changed(container->changed_owner, container, what);
}

static void inspected(void *owner, json_t *reply, const struct err *err)
{
	struct container *container = owner;
	container->inspection = NULL;
	if (err || container->state != CONTAINER_RUNNING)
		return; /* It has died meanwhile, or the next start asks again. */
	container->pid = (pid_t)json_integer_value(json_object_get(json_object_get(reply, "State"), "Pid"));
	const char *stop_signal =
	    json_string_value(json_object_get(json_object_get(reply, "Config"), "StopSignal"));
	if (!stop_signal || !*stop_signal)
		return;
	free(container->stop_signal);
	container->stop_signal = xstrdup(stop_signal);
}

/* A start comes after the step that asked for it, and after the end of the life before. */
static int64_t earliest_start(const struct container *container, bool asked)
{
	return asked && container->asked_ns > container->dead_ns ? container->asked_ns : container->dead_ns;
}

static void on_start(struct container *container, const json_t *event)
{
	bool asked = container->asked == ASKED_START || container->asked == ASKED_RESTART;
	int64_t earliest_ns = earliest_start(container, asked);
	container_set_state(container, CONTAINER_RUNNING);
	container->started = true;
	container->healthy = container->completed = container->out_of_memory = false;
	container->exhausted_ns = 0;
	if (container->asked != ASKED_KILL)
		container->sent = (struct sent_signal){ 0 };
	container->restarts = asked ? 0 : container->restarts + 1;
	if (world_is_over(container->world))
		return;
	engine_cancel(container->inspection);
	container->inspection =
	    engine_container_inspect(container->world->config.engine, container->id, inspected, container);
	container_stream_begin(container->stream, container->id, earliest_ns);
	record(container, event, asked ? "started" : "restarted", asked, earliest_ns, -1);
	container_stream_reach(container->stream, container);
	if (container->changed)
		container->changed(container->changed_owner, container, "reachable");
	/* One start was asked for; the next one without a step is the restart policy's. */
	if (container->asked == ASKED_START)
		container->asked = ASKED_NOTHING;
	container_prove(container, PROOF_START);
}

/* 128 + signal, as the engine has it. */
enum { EXIT_SIGKILL = 137 };

/* A process that a step makes crash may yet have ended by itself a moment before. SIGSEGV can be caught: what
 * it ends with then is its own affair, but it is no success. */
static bool is_the_crash(const struct container *container, int exit_code)
{
	return container->asked == ASKED_CRASH &&
	       (strcmp(container->signal, "SIGKILL") == 0 ? exit_code == EXIT_SIGKILL : exit_code != 0);
}

/* The kernel may kill more than one, the helper among them; then nobody says that the service will die of it,
 * and the engine tells of its death when the step is over. */
static const int64_t SECOND_VICTIM_NS = 3 * NS_PER_S;

static bool is_exhausted(const struct container *container)
{
	int64_t now_ns = loop_now_ns(container->world->config.loop);
	return container->asked == ASKED_EXHAUST ||
	       (container->exhausted_ns && now_ns - container->exhausted_ns < SECOND_VICTIM_NS);
}

/* The engine tells of a kill for want of memory when it was another process of the container, too. */
static bool is_for_memory(const struct container *container, int exit_code)
{
	return exit_code == EXIT_SIGKILL && (container->out_of_memory || is_exhausted(container));
}

static const char *name_death(
    const struct container *container, int exit_code, int64_t at_ns, bool *ret_asked)
{
	*ret_asked = true;
	if (is_for_memory(container, exit_code)) {
		*ret_asked = is_exhausted(container);
		return "oom-killed";
	}
	switch (container->asked) {
	case ASKED_STOP:
	case ASKED_RESTART:
	case ASKED_REMOVE:
		return "stopped";
	case ASKED_CRASH:
		if (is_the_crash(container, exit_code))
			return "crashed";
		break;
	case ASKED_NOTHING:
	case ASKED_START:
	case ASKED_KILL:
	case ASKED_EXHAUST:
		break;
	}
	if (sent_signal_explains(&container->sent, exit_code, at_ns))
		return "killed";
	*ret_asked = false;
	return "exited";
}

static void on_die(struct container *container, const json_t *event)
{
	const char *code = attribute(event, "exitCode");
	int64_t number = -1;
	int exit_code = code && number_parse(code, 0, INT_MAX, &number) == 0 ? (int)number : -1;
	bool asked;
	int64_t at_ns = stamp_of(container, event);
	const char *what = name_death(container, exit_code, at_ns, &asked);
	bool is_killed = strcmp(what, "killed") == 0;
	int64_t asked_ns = is_killed ? container->sent.sent_ns : container->asked_ns;
	container_set_state(container, CONTAINER_EXITED);
	container->healthy = false;
	container->completed = exit_code == 0;
	container->exit_code = exit_code;
	container->is_let_lie =
	    container->asked == ASKED_STOP || container->asked == ASKED_REMOVE ||
	    (container->asked == ASKED_KILL && is_killed && container->proof == PROOF_DIE);
	engine_cancel(container->inspection);
	container->inspection = NULL;
	container_stream_died(container->stream);
	container->died_ns = loop_now_ns(container->world->config.loop);
	container->dead_ns = at_ns - container->world->config.clock->error_ns;
	container->died_of_memory = strcmp(what, "oom-killed") == 0;
	if (container->died_of_memory && !container->out_of_memory)
		record(container, event, "out-of-memory", asked, asked ? asked_ns : 0, -1);
	record(container, event, what, asked, asked ? asked_ns : 0, exit_code);
	/* One death was sent for, or made as if by itself; the next one is its own. But a signal that is
	 * being sent may meet who is started meanwhile. */
	if (container->asked != ASKED_KILL)
		container->sent = (struct sent_signal){ 0 };
	else if (is_killed)
		container->sent.has_ended_it = true;
	if (container->asked == ASKED_CRASH || container->asked == ASKED_EXHAUST)
		container->asked = ASKED_NOTHING;
	if (container->asked == ASKED_RESTART || !container_is_dead_for_good(container))
		container_stream_expect(container->stream);
	container_prove(container, PROOF_DIE);
}

/* The engine hears of it by another way than of the death: it may tell of it later, even after a restart. */
static const int64_t OOM_TOLD_NS = NS_PER_S;

static bool has_just_died(const struct container *container)
{
	int64_t now_ns = loop_now_ns(container->world->config.loop);
	return container->died_ns && now_ns - container->died_ns < OOM_TOLD_NS &&
	       container->exit_code == EXIT_SIGKILL;
}

/* The kernel has killed a process of it. */
static void on_oom(struct container *container, const json_t *event)
{
	bool asked = is_exhausted(container), is_late = has_just_died(container);
	if (container->out_of_memory || (is_late && container->died_of_memory))
		return; /* told already, the second time with the death */
	container->out_of_memory = !is_late;
	record(container, event, "out-of-memory", asked, asked ? container->asked_ns : 0, -1);
}

static void on_health(struct container *container, const json_t *event, const char *status)
{
	container->healthy = strcmp(status, "healthy") == 0;
	record(container, event, container->healthy ? "healthy" : "unhealthy", false, 0, -1);
}

void container_on_event(struct container *container, const json_t *event)
{
	static const char health[] = "health_status: ";
	const char *action = json_string_value(json_object_get(event, "Action"));
	if (!action)
		return;
	if (strcmp(action, "start") == 0) {
		on_start(container, event);
	} else if (strcmp(action, "die") == 0) {
		on_die(container, event);
	} else if (strcmp(action, "oom") == 0) {
		on_oom(container, event);
	} else if (strcmp(action, "pause") == 0) {
		container_set_state(container, CONTAINER_PAUSED);
		record(container, event, "paused", true, container->acted_ns, -1);
		container_prove(container, PROOF_PAUSE);
	} else if (strcmp(action, "unpause") == 0) {
		container_set_state(container, CONTAINER_RUNNING);
		record(container, event, "unpaused", true, container->acted_ns, -1);
		container_prove(container, PROOF_UNPAUSE);
	} else if (strcmp(action, "restart") == 0) {
		container->asked = ASKED_NOTHING;
		container_prove(container, PROOF_RESTART);
	} else if (strncmp(action, health, sizeof(health) - 1) == 0) {
		on_health(container, event, action + sizeof(health) - 1);
	} else if (strcmp(action, "destroy") == 0) {
		record(container, event, "removed", container->asked == ASKED_REMOVE, 0, -1);
	} else if (strcmp(action, "create") == 0) {
		record(container, event, "created", true, 0, -1);
	}
}
