#include "run/phasing.h"

#include "base/buf.h"
#include "base/duration.h"
#include "base/random.h"
#include "run/container.h"
#include "run/phase_command.h"
#include "run/sandbox.h"

#include <string.h>

/* An agent says that a script went on. */
struct move {
	size_t number; /* of the gate's line; names: 0 */
	int64_t at_ns;
};

/* What one dependency looks like. */
struct looks {
	struct phasing *phasing;
	size_t service;
	const struct phase_script *script; /* NULL: nothing was ever asked */
	size_t at;                         /* the step that is in force, or is being made */
	struct asked *asked;               /* one an agent, by service */
	size_t pending;                    /* commands without an answer, of all agents */
	int64_t began_ns;                  /* what was asked earlier is of another phase */
	int64_t from_ns, to_ns;            /* in between, what is being made took effect */
	bool made;
	bool awaited;       /* phasing_begin() is not done before it is made */
	bool names_changed; /* has to be undone */
	bool names_wait;    /* to be undone once the gate is there */
	enum phase gate;    /* what the gate is in, or comes to be in when its script is over */
	bool gate_moves;    /* its script is not over */
	struct timer *timer;
	struct move moves[PHASE_STEPS_MAX + 1]; /* heard while not everybody had answered yet */
	size_t move_count;
};

/* What an agent tells of a phase before it has answered is about the one before. */
struct asked {
	struct looks *looks;
	size_t pending;
};

struct phasing {
	struct world *world;
	struct looks *looks; /* one a service */
	size_t beginning;    /* scripts whose first phase is not made */
	phasing_done *done;
	void *owner;
};

struct phasing *phasing_new(struct world *world)
{
	size_t count = world->config.plan->stack->service_count;
	struct phasing *phasing = xcalloc(1, sizeof(*phasing));
	phasing->world = world;
	phasing->looks = xcalloc(count, sizeof(*phasing->looks));
	for (size_t i = 0; i < count; i++) {
		struct looks *looks = &phasing->looks[i];
		*looks = (struct looks){ .phasing = phasing, .service = i, .gate = PHASE_READY };
		looks->asked = xcalloc(count, sizeof(*looks->asked));
		for (size_t k = 0; k < count; k++)
			looks->asked[k].looks = looks;
	}
	return phasing;
}

void phasing_free(struct phasing *phasing)
{
	if (!phasing)
		return;
	phasing_stop(phasing);
	for (size_t i = 0; i < phasing->world->config.plan->stack->service_count; i++)
		free(phasing->looks[i].asked);
	free(phasing->looks);
	free(phasing);
}

void phasing_stop(struct phasing *phasing)
{
	for (size_t i = 0; i < phasing->world->config.plan->stack->service_count; i++) {
		timer_cancel(phasing->looks[i].timer);
		phasing->looks[i].timer = NULL;
	}
}

static const struct service *service_of(const struct looks *looks)
{
	return &looks->phasing->world->config.plan->stack->services[looks->service];
}

static const struct phase_step *step_of(const struct looks *looks)
{
	return &looks->script->steps[looks->at];
}

static bool is_of_names(const struct phase_step *step)
{
	return step->phase == PHASE_ABSENT || step->phase == PHASE_UNRESOLVABLE;
}

/* The step behind those that one gate can carry out in a row. */
static size_t end_of_run(const struct phase_script *script, size_t from)
{
	while (from < script->step_count && !is_of_names(&script->steps[from]))
		from++;
	return from;
}

/* ---- a phase has been made ---- */

static void record(const struct looks *looks, int64_t from_ns, int64_t to_ns)
{
	const struct phase_step *step = step_of(looks);
	struct buf detail CLEANUP(buf_release) = { 0 };
	phase_describe(&detail, step);
	recorder_add(looks->phasing->world->recorder,
	    (struct event){
		.kind = EVENT_PHASE,
		.from_ns = from_ns,
		.to_ns = to_ns,
		.of = service_of(looks)->name,
		.phase = { .phase = phase_names[step->phase],
		    .made = phase_made(step),
		    .index = looks->script->step_count > 1 ? (int)looks->at + 1 : 0,
		    .detail = detail.length ? buf_string(&detail) : NULL },
	    });
	container_look_again(looks->phasing->world->containers[looks->service], from_ns);
}

static void enter(struct looks *looks, size_t at);
static void go_on(struct looks *looks);

static void time_is_over(void *owner)
{
	struct looks *looks = owner;
	looks->timer = NULL;
	enter(looks, looks->at + 1);
}

static void finish(struct phasing *phasing, const struct err *err)
{
	phasing_done *done = phasing->done;
	phasing->done = NULL;
	if (done)
		done(phasing->owner, err);
	else if (err)
		world_fail(phasing->world, err);
}

static void made(struct looks *looks)
{
	struct phasing *phasing = looks->phasing;
	const struct phase_step *step = step_of(looks);
	looks->made = true;
	record(looks, looks->from_ns, looks->to_ns);
	if (is_of_names(step) && step->for_ns > 0)
		looks->timer = timer_start(
		    phasing->world->config.loop, looks->to_ns + step->for_ns, time_is_over, looks);
	bool was_awaited = looks->awaited;
	looks->awaited = false;
	if (was_awaited && --phasing->beginning == 0)
		finish(phasing, NULL);
	go_on(looks);
}

static void resolve(struct looks *looks, const struct phase_step *step);

static void answered(void *owner, int64_t from_ns, int64_t to_ns, const struct err *err)
{
	struct asked *asked = owner;
	struct looks *looks = asked->looks;
	asked->pending--;
	looks->pending--;
	if (world_is_over(looks->phasing->world))
		return;
	if (err) {
		struct err failure = *err;
		err_wrap(&failure, "make `%s` look %s", service_of(looks)->name,
		    phase_names[step_of(looks)->phase]);
		finish(looks->phasing, &failure);
		return;
	}
	if (from_ns >= looks->began_ns) {
		if (looks->from_ns == 0 || from_ns < looks->from_ns)
			looks->from_ns = from_ns;
		if (to_ns > looks->to_ns)
			looks->to_ns = to_ns;
	}
	if (looks->names_wait && looks->asked[looks->service].pending == 0) {
		looks->names_wait = false;
		resolve(looks, NULL);
	}
	if (looks->pending == 0 && !looks->made)
		made(looks);
}

/* ---- making one ---- */

static void command(struct looks *looks, size_t service, const struct buf *line)
{
	if (line->length > AGENT_COMMAND_MAX) {
		struct err err = ERR_INIT;
		err_set(&err, ERR_USAGE,
		    "the phases of `%s` are too long for one line to its agent (%zu bytes of %d): give them "
		    "in "
		    "two steps",
		    service_of(looks)->name, line->length, AGENT_COMMAND_MAX);
		finish(looks->phasing, &err);
		return;
	}
	looks->pending++;
	looks->asked[service].pending++;
	sandbox_command(looks->phasing->world->sandboxes[service], answered, &looks->asked[service], "%s",
	    line->length ? line->bytes : "");
}

/* Tells every agent but the dependency's own what to make of its names. */
static void resolve(struct looks *looks, const struct phase_step *step)
{
	const struct service *service = service_of(looks);
	struct world *world = looks->phasing->world;
	for (size_t i = 0; i < world->config.plan->stack->service_count; i++) {
		if (i == looks->service || !world->sandboxes[i])
			continue;
		for (size_t k = 0; k <= service->aliases.count; k++) {
			struct buf line CLEANUP(buf_release) = { 0 };
			phase_resolve_command(&line, k ? service->aliases.items[k - 1] : service->name, step,
			    sandbox_nobody(world->sandboxes[looks->service]));
			command(looks, i, &line);
		}
	}
	looks->names_changed = step != NULL;
}

/* What stands before the port while the names say something. A host that is gone does not answer at its old
 * address either. */
static enum phase gate_beside(const struct looks *looks, const struct phase_step *names)
{
	return names->phase == PHASE_ABSENT && service_of(looks)->protocol_port ? PHASE_UNREACHABLE
										: PHASE_READY;
}

/* By service, so that what is slow elsewhere changes nothing here. */
static int64_t draw_seed(const struct looks *looks)
{
	const struct world_config *config = &looks->phasing->world->config;
	const char *const words[] = { config->plan->name, "phase", service_of(looks)->name, NULL };
	struct random_stream stream = random_stream(config->seed, words);
	return random_up_to(&stream, PHASE_SEED_MAX);
}

static void gate(struct looks *looks, const struct phase_step *steps, size_t count)
{
	struct buf line CLEANUP(buf_release) = { 0 };
	phase_gate_command(&line, service_of(looks), steps, count, draw_seed(looks));
	command(looks, looks->service, &line);
	looks->gate = steps[count - 1].phase;
	looks->gate_moves = count > 1;
}

/* From `at` up to the next step of names. The gate goes on from there by itself, so that what its last phase
 * has counted stays in it, but stays there for as long as it takes to tell the others what to make of the
 * names: a client that never waits would otherwise slip through in between. */
static void gate_run(struct looks *looks, size_t at)
{
	static const int64_t telling_ns = 100 * NS_PER_MS;
	const struct phase_script *script = looks->script;
	struct phase_step steps[PHASE_STEPS_MAX + 1] = { 0 };
	size_t end = end_of_run(script, at), count = end - at;
	memcpy(steps, &script->steps[at], count * sizeof(*steps));
	if (end < script->step_count) {
		struct phase_step last = { .phase = gate_beside(looks, &script->steps[end]) };
		if (last.phase != steps[count - 1].phase && count + 2 <= PHASE_STEPS_MAX) {
			steps[count] = steps[count - 1];
			steps[count].attempts = 0;
			steps[count++].for_ns = telling_ns;
		}
		steps[count++] = last;
	}
	gate(looks, steps, count);
}

static void enter(struct looks *looks, size_t at)
{
	if (world_is_over(looks->phasing->world))
		return;
	looks->at = at;
	looks->made = false;
	looks->began_ns = loop_now_ns(looks->phasing->world->config.loop);
	looks->from_ns = looks->to_ns = 0;
	looks->names_wait = false;
	looks->move_count = 0;
	const struct phase_step *step = step_of(looks);
	if (!is_of_names(step)) {
		gate_run(looks, at);
		looks->names_wait = looks->names_changed;
		return;
	}
	resolve(looks, step);
	struct phase_step beside = { .phase = gate_beside(looks, step) };
	if (looks->gate_moves || looks->gate != beside.phase)
		gate(looks, &beside, 1);
	if (looks->pending > 0)
		return;
	looks->from_ns = looks->to_ns = looks->began_ns; /* nobody could look it up */
	made(looks);
}

void phasing_begin(struct phasing *phasing, const struct phase_script *scripts, size_t count,
    phasing_done *done, void *owner)
{
	if (phasing->done)
		BUG("two steps make phases at once");
	phasing->done = done;
	phasing->owner = owner;
	phasing->beginning = count;
	for (size_t i = 0; i < count; i++) {
		struct looks *looks = &phasing->looks[scripts[i].service];
		timer_cancel(looks->timer);
		looks->timer = NULL;
		looks->script = &scripts[i];
		looks->awaited = true;
		enter(looks, 0);
	}
}

/* ---- a script went on by itself ---- */

static void gate_went_on(struct looks *looks, const struct move *move)
{
	/* The agent counts from the first phase of the line it was given. */
	size_t begin = looks->at;
	while (begin > 0 && !is_of_names(&looks->script->steps[begin - 1]))
		begin--;
	size_t next = begin + move->number;
	if (next >= looks->script->step_count || next <= looks->at)
		return;
	if (is_of_names(&looks->script->steps[next])) {
		looks->gate_moves = false;
		enter(looks, next);
		return;
	}
	looks->at = next;
	/* Who had to be told of the names met nothing of it before that. */
	record(looks, move->at_ns, move->at_ns > looks->to_ns ? move->at_ns : looks->to_ns);
}

/* What was heard, once the phase it is about is made for everybody. */
static void go_on(struct looks *looks)
{
	struct move moves[ARRAY_LENGTH(looks->moves)];
	size_t count = looks->move_count;
	memcpy(moves, looks->moves, sizeof(moves));
	looks->move_count = 0;
	for (size_t i = 0; i < count && looks->made; i++) {
		if (!is_of_names(step_of(looks)))
			gate_went_on(looks, &moves[i]);
		else if (step_of(looks)->attempts > 0)
			enter(looks, looks->at + 1);
	}
}

static void heard(struct looks *looks, const struct notice *notice)
{
	if (looks->move_count == ARRAY_LENGTH(looks->moves))
		return; /* several clients that say the same */
	looks->moves[looks->move_count++] =
	    (struct move){ .number = (size_t)notice->number, .at_ns = notice->at_ns };
	if (looks->made)
		go_on(looks);
}

static bool is_name_of(const struct service *service, const char *name)
{
	bool is = strcasecmp(service->name, name) == 0;
	for (size_t i = 0; i < service->aliases.count; i++)
		is = is || strcasecmp(service->aliases.items[i], name) == 0;
	return is;
}

/* Is what this agent says about the phase that is in force or being made? */
static bool is_about(const struct looks *looks, size_t agent)
{
	return looks->script && looks->asked[agent].pending == 0;
}

void phasing_feed(struct phasing *phasing, size_t service, const struct notice *notice)
{
	if (notice->remote.port != 0) {
		struct looks *looks = &phasing->looks[service];
		if (is_about(looks, service) && !is_of_names(step_of(looks)))
			heard(looks, notice);
		return;
	}
	/* A name has been looked up often enough: whose it is, its notice says. */
	for (size_t i = 0; i < phasing->world->config.plan->stack->service_count; i++) {
		struct looks *looks = &phasing->looks[i];
		if (is_about(looks, service) && is_of_names(step_of(looks)) && step_of(looks)->attempts > 0 &&
		    is_name_of(service_of(looks), notice->name))
			heard(looks, notice);
	}
}
