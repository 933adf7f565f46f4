#include "run/runner.h"

#include "base/duration.h"
#include "run/agent_loading.h"
#include "run/container_config.h"
#include "run/images.h"
#include "run/network_wait.h"
#include "run/reaper.h"
#include "run/watches.h"

#include <stdio.h>
#include <string.h>

/* Fine enough to see what disturbs a 20 ms poll, coarse enough to cost nothing. */
static const int64_t LATENESS_PERIOD_NS = 10 * NS_PER_MS;
static const int64_t LATENESS_WINDOW_NS = 250 * NS_PER_MS;

struct slot {
	struct runner *runner;
	struct world *world;
	bool is_set_up, has_begun;
};

struct runner {
	struct runner_config config;
	struct engine_clock clock;
	char *engine_version;
	char *architecture; /* of the engine's machine */
	char *agent_image;  /* reference, once it is on the engine */
	struct agent_loading *agent;
	struct engine_call *call, *events;
	struct images *images;
	struct reaper *reaper;
	struct lateness *lateness;
	struct network_wait *network_wait; /* NULL: the engine is elsewhere */
	struct slot *slots;                /* one a plan */
	size_t next, running;
	int64_t asked_ns, worst_ns;
	bool interrupted, leftover, over;
	struct err failure;
	struct timer *turn;
};

const char *runner_engine_version(const struct runner *runner)
{
	return runner->engine_version ? runner->engine_version : "";
}

int64_t runner_lateness_ns(const struct runner *runner)
{
	return runner->worst_ns;
}

/* ---- the end ---- */

static void finish(struct runner *runner)
{
	if (runner->over)
		return;
	runner->over = true;
	lateness_stop(runner->lateness);
	runner->lateness = NULL;
	network_wait_stop(steal_ptr(runner->network_wait));
	engine_cancel(runner->events);
	runner->events = NULL;
	struct reaper *reaper = steal_ptr(runner->reaper);
	if (runner->leftover)
		reaper_leave_to(reaper);
	else
		reaper_farewell(reaper);
	runner->config.done(runner->config.owner, err_is_set(&runner->failure) ? &runner->failure : NULL);
}

static void fail(struct runner *runner, const struct err *err)
{
	if (!err_is_set(&runner->failure))
		runner->failure = *err;
	runner->next = runner->config.plan_count;
	for (size_t i = 0; i < runner->config.plan_count; i++)
		if (runner->slots[i].world)
			world_give_up(runner->slots[i].world, WORLD_TROUBLE, err);
	if (runner->running == 0)
		finish(runner);
}

/* ---- worlds ---- */

static void fill_jobs(void *owner);

static void world_ended(void *owner, struct world *world)
{
	struct slot *slot = owner;
	struct runner *runner = slot->runner;
	const struct world_outcome *outcome = world_outcome(world);
	if (err_is_set(&outcome->leftover))
		runner->leftover = true;
	if (runner->config.world_ended)
		runner->config.world_ended(runner->config.owner, (size_t)(slot - runner->slots), outcome);
	runner->running--;
	/* From the loop: the world is still on the stack. */
	if (!runner->turn)
		runner->turn = timer_start(runner->config.loop, 0, fill_jobs, runner);
}

/* Making networks and agents takes the processors from those whose time is measured: whoever is set up waits
 * for the others that are at it. */
static void begin_worlds_together(struct runner *runner)
{
	for (size_t i = 0; i < runner->config.plan_count; i++) {
		const struct slot *slot = &runner->slots[i];
		if (slot->world && !slot->is_set_up && world_outcome(slot->world)->took_ns == 0)
			return;
	}
	for (size_t i = 0; i < runner->config.plan_count; i++) {
		struct slot *slot = &runner->slots[i];
		if (!slot->world || !slot->is_set_up || slot->has_begun)
			continue;
		slot->has_begun = true;
		world_begin(slot->world);
	}
}

static void world_set_up_done(void *owner, struct world *world)
{
	(void)world;
	struct slot *slot = owner;
	slot->is_set_up = true;
	begin_worlds_together(slot->runner);
}

static void world_heard(void *owner, struct world *world, const struct event *event)
{
	(void)world;
	struct slot *slot = owner;
	struct runner *runner = slot->runner;
	if (runner->config.world_heard)
		runner->config.world_heard(runner->config.owner, (size_t)(slot - runner->slots), event);
}

static int start_world(struct runner *runner, size_t index, struct err *err)
{
	struct slot *slot = &runner->slots[index];
	struct world_config config = {
		.loop = runner->config.loop,
		.engine = runner->config.engine,
		.clock = &runner->clock,
		.plan = runner->config.plans[index],
		.redactor = runner->config.redactors[index],
		.run = runner->config.run,
		.number = runner->config.first_number + (int)index,
		.seed = runner->config.seeds[index],
		.trace_path = runner->config.trace_paths[index],
		.lateness = runner->lateness,
		.engine_version = runner_engine_version(runner),
		.agent_image = runner->agent_image,
		.started_at = runner->config.started_at,
		.set_up = world_set_up_done,
		.heard = world_heard,
		.ended = world_ended,
		.owner = slot,
	};
	slot->world = world_start(&config, err);
	if (!slot->world)
		return -1;
	runner->running++;
	if (runner->config.world_started)
		runner->config.world_started(runner->config.owner, index, slot->world);
	return 0;
}

static void free_ended_worlds(struct runner *runner)
{
	for (size_t i = 0; i < runner->config.plan_count; i++) {
		struct world *world = runner->slots[i].world;
		if (!world || world_outcome(world)->took_ns == 0)
			continue;
		runner->slots[i].world = NULL;
		world_free(world);
	}
}

static void fill_jobs(void *owner)
{
	struct runner *runner = owner;
	runner->turn = NULL;
	free_ended_worlds(runner);
	while (runner->next < runner->config.plan_count && runner->running < runner->config.jobs) {
		struct err err = ERR_INIT;
		if (start_world(runner, runner->next, &err) < 0) {
			fail(runner, &err);
			return;
		}
		runner->next++;
	}
	begin_worlds_together(runner);
	if (runner->running == 0)
		finish(runner);
}

/* ---- what comes from outside ---- */

static void on_lateness(void *owner, int64_t from_ns, int64_t to_ns, int64_t worst_ns)
{
	struct runner *runner = owner;
	struct host_lateness late = { .runner_ns = worst_ns,
		.network_ns = network_wait_worst_ns(runner->network_wait) };
	if (worst_ns > runner->worst_ns)
		runner->worst_ns = worst_ns;
	for (size_t i = 0; i < runner->config.plan_count; i++)
		if (runner->slots[i].world)
			world_on_lateness(runner->slots[i].world, from_ns, to_ns, &late);
}

static void on_event(void *owner, json_t *event)
{
	struct runner *runner = owner;
	json_t *attributes = json_object_get(json_object_get(event, "Actor"), "Attributes");
	const char *number = json_string_value(json_object_get(attributes, LABEL_WORLD));
	long first = runner->config.first_number;
	size_t index = number ? (size_t)(strtol(number, NULL, 10) - first) : SIZE_MAX;
	if (index < runner->config.plan_count && runner->slots[index].world)
		world_on_engine_event(runner->slots[index].world, event);
}

static void events_ended(void *owner, const struct err *err)
{
	struct runner *runner = owner;
	runner->events = NULL;
	struct err failure = ERR_INIT;
	if (err)
		failure = *err;
	else
		err_set(&failure, ERR_ENVIRONMENT,
		    "the engine closed its stream of events; it was probably stopped");
	fail(runner, &failure);
}

/* ---- the beginning: clock, images, events ---- */

/* A world mostly waits, and then as many as there are cost little. But the faster its story is told, the more
 * containers are made and started a second, and whoever does not get a processor in time cannot be judged:
 * measured at speed 20 on 2 processors, 6 worlds side by side gave 1.7 inconclusive ones and took 33 s, 3
 * gave 0.3 and took 23 s. */
enum { JOBS_DEFAULT = 12, PROCESSOR_SHARE = 30 };

static size_t jobs_that_fit(const struct runner *runner, const json_t *info)
{
	json_int_t processors = json_integer_value(json_object_get(info, "NCPU"));
	double speed = runner->config.plans[0]->speed;
	double fit = (double)(processors > 0 ? processors : 1) * PROCESSOR_SHARE / (speed > 1 ? speed : 1);
	double least = (double)processors + 1;
	fit = fit < least ? least : fit;
	return fit < JOBS_DEFAULT ? (size_t)fit : JOBS_DEFAULT;
}

static void begin_worlds(struct runner *runner)
{
	struct err failure = ERR_INIT;
	runner->reaper = reaper_start(runner->config.run, runner->config.engine_address, &failure);
	if (!runner->reaper) {
		fail(runner, &failure);
		return;
	}
	char *label OWNED = xasprintf("%s=%s", LABEL_RUN, runner->config.run);
	json_t *filters = json_pack("{s:[s], s:[s]}", "type", "container", "label", label);
	runner->events = engine_events(runner->config.engine, filters, on_event, events_ended, runner);
	json_decref(filters);
	runner->lateness =
	    lateness_start(runner->config.loop, LATENESS_PERIOD_NS, LATENESS_WINDOW_NS, on_lateness, runner);
	if (engine_is_local(runner->config.engine))
		runner->network_wait = network_wait_start(NULL, NULL);
	runner->turn = timer_start(runner->config.loop, 0, fill_jobs, runner);
}

static void agent_is_there(void *owner, const char *reference, const struct err *err)
{
	struct runner *runner = owner;
	if (err) {
		fail(runner, err);
		return;
	}
	runner->agent_image = xstrdup(reference);
	begin_worlds(runner);
}

static void images_done(void *owner, const struct err *err)
{
	struct runner *runner = owner;
	struct err failure = ERR_INIT;
	if (err) {
		fail(runner, err);
		return;
	}
	runner->agent = agent_loading_start(
	    runner->config.engine, runner->architecture, agent_is_there, runner, &failure);
	if (!runner->agent)
		fail(runner, &failure);
}

static void image_progress(void *owner, const char *image, const char *status, int64_t current, int64_t total)
{
	struct runner *runner = owner;
	if (runner->config.image_progress)
		runner->config.image_progress(runner->config.owner, image, status, current, total);
}

static void informed(void *owner, json_t *reply, const struct err *err)
{
	struct runner *runner = owner;
	runner->call = NULL;
	struct err failure = ERR_INIT;
	if (!err && engine_clock_init(&runner->clock, runner->config.loop,
			engine_is_local(runner->config.engine), reply, runner->asked_ns, &failure) < 0)
		err = &failure;
	if (err) {
		fail(runner, err);
		return;
	}
	if (runner->config.jobs == 0)
		runner->config.jobs = jobs_that_fit(runner, reply);
	struct images_config images = {
		.engine = runner->config.engine,
		.plans = runner->config.plans,
		.plan_count = runner->config.plan_count,
		.progress = image_progress,
		.done = images_done,
		.owner = runner,
	};
	runner->images = images_ensure(&images);
}

static void negotiated(void *owner, json_t *reply, const struct err *err)
{
	struct runner *runner = owner;
	runner->call = NULL;
	if (err) {
		fail(runner, err);
		return;
	}
	const char *version = json_string_value(json_object_get(reply, "Version"));
	const char *architecture = json_string_value(json_object_get(reply, "Arch"));
	runner->engine_version = xstrdup(version ? version : "");
	runner->architecture = xstrdup(architecture ? architecture : "");
	runner->asked_ns = loop_now_ns(runner->config.loop);
	runner->call = engine_info(runner->config.engine, informed, runner);
}

struct runner *runner_start(const struct runner_config *config, struct err *err)
{
	if (config->plan_count == 0) {
		err_set(err, ERR_USAGE, "no scenario to run");
		return NULL;
	}
	for (size_t i = 0; i < config->plan_count; i++)
		if (watches_check(config->plans[i], config->engine, err) < 0)
			return NULL;
	struct runner *runner = xcalloc(1, sizeof(*runner));
	runner->config = *config;
	runner->slots = xcalloc(config->plan_count, sizeof(*runner->slots));
	for (size_t i = 0; i < config->plan_count; i++)
		runner->slots[i].runner = runner;
	runner->call = engine_negotiate(config->engine, negotiated, runner);
	return runner;
}

void runner_interrupt(struct runner *runner)
{
	if (runner->over || runner->interrupted)
		return;
	runner->interrupted = true;
	runner->next = runner->config.plan_count;
	engine_cancel(runner->call);
	runner->call = NULL;
	images_free(runner->images);
	runner->images = NULL;
	agent_loading_free(runner->agent);
	runner->agent = NULL;
	for (size_t i = 0; i < runner->config.plan_count; i++)
		if (runner->slots[i].world)
			world_give_up(runner->slots[i].world, WORLD_INTERRUPTED, NULL);
	if (runner->running == 0)
		finish(runner);
}

void runner_free(struct runner *runner)
{
	if (!runner)
		return;
	engine_cancel(runner->call);
	engine_cancel(runner->events);
	images_free(runner->images);
	timer_cancel(runner->turn);
	lateness_stop(runner->lateness);
	network_wait_stop(runner->network_wait);
	for (size_t i = 0; i < runner->config.plan_count; i++)
		world_free(runner->slots[i].world);
	reaper_leave_to(runner->reaper);
	free(runner->slots);
	agent_loading_free(runner->agent);
	free(runner->agent_image);
	free(runner->architecture);
	free(runner->engine_version);
	free(runner);
}
