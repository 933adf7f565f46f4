#include "run/world.h"

#include "base/duration.h"
#include "run/cleaning.h"
#include "run/container.h"
#include "run/container_stream.h"
#include "run/cpu_wait.h"
#include "run/phasing.h"
#include "run/sandbox.h"
#include "run/steps.h"
#include "run/watches.h"
#include "run/wire_attempts.h"
#include "run/world_private.h"

#include <string.h>

/* How long the last lines of the logs may take to arrive once their processes are dead. */
static const int64_t DRAIN_DEADLINE_NS = 5 * NS_PER_S;
/* How long the engine may take for what was asked of it before the world ended. Whatever it makes must be
 * there before the cleaning looks for it. */
static const int64_t ANSWER_DEADLINE_NS = 60 * NS_PER_S;

const char *const world_end_names[] = { [WORLD_COMPLETED] = "completed",
	[WORLD_TIMEOUT] = "timeout",
	[WORLD_WAIT] = "wait",
	[WORLD_TROUBLE] = "trouble",
	[WORLD_INTERRUPTED] = "interrupted" };

const struct plan *world_plan(const struct world *world)
{
	return world->config.plan;
}

int world_number(const struct world *world)
{
	return world->identity.number;
}

const struct world_outcome *world_outcome(const struct world *world)
{
	return &world->outcome;
}

size_t world_step(const struct world *world)
{
	return steps_current(world->steps);
}

bool world_is_over(const struct world *world)
{
	return world->over;
}

/* ---- what goes into the trace ---- */

static void heard(void *owner, const struct event *event)
{
	struct world *world = owner;
	steps_on_event(world->steps, event);
	if (world->config.heard)
		world->config.heard(world->config.owner, world, event);
}

static void record_trouble(struct world *world, const char *what, bool fatal, int64_t since_ns)
{
	recorder_add(world->recorder, (struct event){ .kind = EVENT_TROUBLE,
					  .from_ns = since_ns,
					  .to_ns = loop_now_ns(world->config.loop),
					  .trouble = { .what = what, .fatal = fatal } });
}

void world_note_trouble(struct world *world, const char *what)
{
	if (!world_is_over(world))
		record_trouble(world, what, false, loop_now_ns(world->config.loop));
}

static int count_secrets(const struct world *world)
{
	return world->config.redactor ? (int)redactor_count(world->config.redactor) : 0;
}

static void record_world(struct world *world)
{
	recorder_add(world->recorder, (struct event){
					  .kind = EVENT_WORLD,
					  .from_ns = world->began_ns,
					  .to_ns = world->began_ns,
					  .world = { .version = TRACE_VERSION,
					      .speed = world->config.plan->speed,
					      .scenario = world->config.plan->name,
					      .file = world->config.plan->file,
					      .run = world->config.run,
					      .world = "",
					      .started_at = world->config.started_at,
					      .engine = world->config.engine_version,
					      .harness = FALSESTART_VERSION,
					      .seed = world->config.seed,
					      .secrets = count_secrets(world) },
				      });
}

static void record_end(struct world *world)
{
	recorder_add(world->recorder, (struct event){
					  .kind = EVENT_END,
					  .from_ns = world->ended_ns,
					  .to_ns = world->ended_ns,
					  .end = { .reason = world_end_names[world->outcome.end],
					      .dropped = recorder_dropped(world->recorder) },
				      });
}

static void record_lateness(
    struct world *world, const char *of, int64_t from_ns, int64_t to_ns, int64_t worst_ns)
{
	recorder_add(world->recorder, (struct event){ .kind = EVENT_LATENESS,
					  .from_ns = from_ns,
					  .to_ns = to_ns,
					  .of = of,
					  .lateness = { .worst_ns = worst_ns } });
}

void world_on_lateness(struct world *world, int64_t from_ns, int64_t to_ns, const struct host_lateness *late)
{
	if (world_is_over(world))
		return;
	record_lateness(world, "", from_ns, to_ns, late->runner_ns);
	if (late->network_ns > 0)
		record_lateness(world, LATENESS_OF_NETWORK, from_ns, to_ns, late->network_ns);
	if (!engine_is_local(world->config.engine))
		return;
	/* What the subject did not do because it was not let run is not its fault. */
	const struct plan *plan = world->config.plan;
	int64_t waited_ns =
	    cpu_wait_worst_ns(world->subject_wait, container_pid(world->containers[plan->subject]));
	if (waited_ns > 0)
		record_lateness(world, plan->stack->services[plan->subject].name, from_ns, to_ns, waited_ns);
}

/* ---- the end: the dead first, then their last words, then the engine is clean ---- */

static void cleaned(void *owner, const struct cleaning_result *result)
{
	struct world *world = owner;
	world->cleaning = NULL;
	if (!err_is_set(&world->outcome.leftover))
		world->outcome.leftover = result->err;
	err_wrap(&world->outcome.leftover,
	    "the world of `%s` could not be removed (`falsestart clean --run %s` tries again)",
	    world->config.plan->name, world->config.run);
	world->outcome.took_ns = loop_now_ns(world->config.loop) - world->began_ns;
	world->config.ended(world->config.owner, world);
}

static void close_trace(struct world *world)
{
	record_end(world);
	struct recorder *recorder = steal_ptr(world->recorder);
	if (recorder_close(recorder, &world->outcome.err) < 0)
		world->outcome.end = WORLD_TROUBLE;
}

static void tear_down(void *owner)
{
	struct world *world = owner;
	world->ending = NULL;
	close_trace(world);
	for (size_t i = 0; i < world->config.plan->stack->service_count; i++) {
		container_free(world->containers[i]);
		world->containers[i] = NULL;
		sandbox_free(world->sandboxes[i]);
		world->sandboxes[i] = NULL;
	}
	world->cleaning = cleaning_start(world->config.loop, world->config.engine, world->config.run,
	    world->identity.number, cleaned, world);
}

static void answers_are_missing(void *owner)
{
	struct world *world = owner;
	err_set(&world->outcome.leftover, ERR_ENVIRONMENT,
	    "the engine did not answer within %d s; what it still makes is left to the reaper",
	    (int)(ANSWER_DEADLINE_NS / NS_PER_S));
	tear_down(world);
}

/* Lines that have not come by now will not be missed, but answers will. */
static void drained(void *owner)
{
	struct world *world = owner;
	world->ending =
	    timer_start(world->config.loop, world->ended_ns + ANSWER_DEADLINE_NS, answers_are_missing, world);
	for (size_t i = 0; i < world->config.plan->stack->service_count; i++)
		container_mute(world->containers[i]);
	world_on_quiet(world);
}

/* Nothing is under way any more: no call that could still make something, no log that is still read. */
static bool is_quiet(const struct world *world)
{
	if (world->call)
		return false;
	for (size_t i = 0; i < world->config.plan->stack->service_count; i++)
		if (!container_is_quiet(world->containers[i]) || !sandbox_is_quiet(world->sandboxes[i]))
			return false;
	return true;
}

void world_on_quiet(struct world *world)
{
	if (!world->over || !world->ending || !is_quiet(world))
		return;
	/* From the loop: this is called from inside a stream of the container that will be freed. */
	timer_cancel(world->ending);
	world->ending = timer_start(world->config.loop, 0, tear_down, world);
}

static void end_services(struct world *world)
{
	if (world->wire_attempts)
		wire_attempts_end(world->wire_attempts, world->ended_ns);
	for (size_t i = 0; i < world->config.plan->stack->service_count; i++)
		container_end(world->containers[i]);
	world->ending = timer_start(
	    world->config.loop, loop_now_ns(world->config.loop) + DRAIN_DEADLINE_NS, drained, world);
	world_on_quiet(world);
}

static void heard_out(void *owner, const struct err *err)
{
	struct world *world = owner;
	(void)err; /* the sandbox has told the world */
	if (--world->pending == 0)
		end_services(world);
}

/* Before anybody is killed: what the agents have seen until now belongs to the world, what the killing looks
 * like does not. */
static void hear_out(struct world *world)
{
	world->pending = 1;
	for (size_t i = 0; i < world->config.plan->stack->service_count; i++)
		if (world->sandboxes[i] && sandbox_flush(world->sandboxes[i], heard_out, world))
			world->pending++;
	heard_out(world, NULL);
}

void world_finish(struct world *world, enum world_end end)
{
	if (world->over)
		return;
	if (world->config.lateness)
		lateness_flush(world->config.lateness);
	world->over = true;
	world->outcome.end = end;
	world->ended_ns = loop_now_ns(world->config.loop);
	timer_cancel(world->deadline);
	world->deadline = NULL;
	steps_stop(world->steps);
	phasing_stop(world->phasing);
	watches_free(world->watches);
	world->watches = NULL;
	hear_out(world);
}

void world_fail_since(struct world *world, const struct err *err, int64_t since_ns)
{
	if (!world->recorder || (world->over && world->outcome.end == WORLD_TROUBLE))
		return;
	record_trouble(world, err->message, true, since_ns);
	world->outcome.err = *err;
	if (world->over)
		world->outcome.end = WORLD_TROUBLE;
	else
		world_finish(world, WORLD_TROUBLE);
}

void world_fail(struct world *world, const struct err *err)
{
	if (!world->over)
		world_fail_since(world, err, loop_now_ns(world->config.loop));
}

void world_give_up(struct world *world, enum world_end end, const struct err *err)
{
	if (err && end == WORLD_TROUBLE)
		world_fail(world, err);
	else
		world_finish(world, end);
}

static void timed_out(void *owner)
{
	struct world *world = owner;
	world->deadline = NULL;
	world_finish(world, WORLD_TIMEOUT);
}

/* ---- the beginning ---- */

static void on_container_change(void *owner, struct container *container, const char *event)
{
	struct world *world = owner;
	if (world_is_over(world))
		return;
	size_t service = (size_t)(container_service(container) - world->config.plan->stack->services);
	if (strcmp(event, "reachable") == 0) {
		watches_reach(world->watches, service);
		steps_look(world->steps);
	} else if (container_get_state(container) == CONTAINER_EXITED) {
		watches_lost(world->watches, service);
	}
}

static int prepare(struct world *world, struct err *err)
{
	const struct plan *plan = world->config.plan;
	world->containers = xcalloc(plan->stack->service_count, sizeof(struct container *));
	world->subject_wait = cpu_wait_new();
	world->sandboxes = xcalloc(plan->stack->service_count, sizeof(struct sandbox *));
	world->phasing = phasing_new(world);
	world->attempts = xcalloc(plan->watch_count, sizeof(struct log_attempts *));
	for (size_t i = 0; i < plan->watch_count; i++)
		if (plan->watches[i].kind == WATCH_ATTEMPTS && plan->watches[i].from_log &&
		    !(world->attempts[i] = log_attempts_new(&plan->watches[i], err)))
			return -1;
	if (!(world->steps = steps_new(world, err)) || !(world->watches = watches_new(world, err)))
		return -1;
	world->recorder =
	    recorder_open(world->config.trace_path, world->began_ns, world->config.redactor, err);
	return world->recorder ? 0 : -1;
}

struct world *world_start(const struct world_config *config, struct err *err)
{
	struct world *world = xcalloc(1, sizeof(*world));
	world->config = *config;
	world->identity = world_identify(config);
	world->began_ns = loop_now_ns(config->loop);
	if (prepare(world, err) < 0) {
		world_free(world);
		return NULL;
	}
	for (size_t i = 0; i < config->plan->stack->service_count; i++) {
		world->containers[i] = container_new(world, i);
		container_listen(world->containers[i], on_container_change, world);
	}
	recorder_listen(world->recorder, heard, world);
	record_world(world);
	world->deadline =
	    timer_start(config->loop, world->began_ns + config->plan->timeout_ns, timed_out, world);
	world_set_up(world);
	return world;
}

void world_on_engine_event(struct world *world, const json_t *event)
{
	json_t *attributes = json_object_get(json_object_get(event, "Actor"), "Attributes");
	const char *name = json_string_value(json_object_get(attributes, LABEL_SERVICE));
	int service = name ? stack_find(world->config.plan->stack, name) : -1;
	if (service >= 0 && world->containers[service])
		container_on_event(world->containers[service], event);
}

void world_free(struct world *world)
{
	if (!world)
		return;
	const struct plan *plan = world->config.plan;
	for (size_t i = 0; world->containers && i < plan->stack->service_count; i++)
		container_free(world->containers[i]);
	wire_attempts_free(world->wire_attempts);
	phasing_free(world->phasing);
	for (size_t i = 0; world->sandboxes && i < plan->stack->service_count; i++)
		sandbox_free(world->sandboxes[i]);
	for (size_t i = 0; world->attempts && i < plan->watch_count; i++)
		log_attempts_free(world->attempts[i]);
	engine_cancel(world->call);
	timer_cancel(world->deadline);
	timer_cancel(world->ending);
	cleaning_cancel(world->cleaning);
	cpu_wait_free(world->subject_wait);
	steps_free(world->steps);
	watches_free(world->watches);
	if (world->recorder)
		(void)recorder_close(world->recorder, NULL);
	free(world->gateway);
	free(world->sandboxes);
	free(world->containers);
	free(world->attempts);
	free(world);
}
