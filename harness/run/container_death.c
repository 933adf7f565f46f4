/*
 * Deaths as if by itself: `crash` and `exhaust`.
 *
 * The engine is asked which process it is, since a restart policy may have started another one meanwhile; a
 * helper in the host's PID namespace then makes it die, or its memory run out. Whom it finds dead already is
 * let be: that is what the trace has then.
 */
#include "run/container_private.h"

#include <stdio.h>
#include <string.h>

static void settled(struct container *container, bool died, const struct err *err)
{
	if (!died && !err && container->asked == ASKED_EXHAUST)
		container->exhausted_ns = loop_now_ns(container->world->config.loop);
	/* What did not die of it dies of something else. */
	if (!died && (container->asked == ASKED_CRASH || container->asked == ASKED_EXHAUST))
		container->asked = ASKED_NOTHING;
	if (!died)
		container->proof = PROOF_NONE;
	container_answered(container, err);
}

static void helped(void *owner, const char *said, const struct err *err)
{
	struct container *container = owner;
	struct err failure = ERR_INIT;
	/* Whoever uses up the memory of a service may be killed beside it: the death has come all the same.
	 */
	if (err && (container->died_ns >= container->asked_ns || container->out_of_memory)) {
		said = container->died_ns >= container->asked_ns ? "done" : "other";
		err = NULL;
	}
	if (err) {
		failure = *err;
		err_wrap(&failure, "make `%s` die", container->service->name);
	} else if (strncmp(said, "error ", 6) == 0) {
		err_set(&failure, ERR_ENVIRONMENT, "make `%s` die: %s", container->service->name, said + 6);
	} else if (strcmp(said, "done") != 0 && strcmp(said, "gone") != 0 && strcmp(said, "other") != 0) {
		err_set(&failure, ERR_ENVIRONMENT, "make `%s` die: the agent said `%s`",
		    container->service->name, said);
	}
	bool failed = err_is_set(&failure), died = !failed && strcmp(said, "done") == 0;
	helper_free(steal_ptr(container->helper)); /* whose words these were */
	settled(container, died, failed ? &failure : NULL);
}

static void start_helper(struct container *container, long pid)
{
	struct world *world = container->world;
	char number[24];
	snprintf(number, sizeof(number), "%ld", pid);
	bool exhausts = container->asked == ASKED_EXHAUST;
	bool is_fault = !exhausts && strcmp(container->signal, "SIGSEGV") == 0;
	const char *const crash[] = { "kill", number, container->id, container->signal,
		container->service->init ? "child" : "first", NULL };
	const char *const exhaust[] = { "exhaust", number, container->id, NULL };
	const char *capability = exhausts ? NULL : is_fault ? "SYS_PTRACE" : "KILL";
	json_t *config = helper_config(&world->identity, container->service, world->config.agent_image,
	    exhausts ? exhaust : crash, capability, exhausts);
	char *name OWNED = world_helper_name(&world->identity, container->service->name);
	container->helper = helper_start(world, name, config, helped, container);
	json_decref(config);
}

static void inspected(void *owner, json_t *reply, const struct err *err)
{
	struct container *container = owner;
	container->call = NULL;
	const json_t *state = json_object_get(reply, "State");
	long pid = (long)json_integer_value(json_object_get(state, "Pid"));
	if (world_is_over(container->world))
		world_on_quiet(container->world);
	else if (err || pid <= 0)
		settled(container, false, err);
	else
		start_helper(container, pid);
}

void container_bring_death(struct container *container)
{
	container->call =
	    engine_container_inspect(container->world->config.engine, container->id, inspected, container);
}
