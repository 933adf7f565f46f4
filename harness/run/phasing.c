#include "run/phasing.h"

#include "base/buf.h"
#include "base/duration.h"
#include "run/container.h"
#include "run/phase_command.h"
#include "run/sandbox.h"

#include <string.h>

/* What one dependency looks like. */
struct looks {
	struct phasing *phasing;
	size_t service;
	const struct phase_script *script; /* NULL: nothing was ever asked */
	size_t at;                         /* the step that is in force, or is being made */
	size_t pending;                    /* commands without an answer */
	int64_t from_ns, to_ns;            /* in between, what is being made took effect */
	bool made;
	bool names_changed, gate_changed; /* something has to be undone */
	struct timer *timer;
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
	for (size_t i = 0; i < count; i++)
		phasing->looks[i] = (struct looks){ .phasing = phasing, .service = i };
	return phasing;
}

void phasing_free(struct phasing *phasing)
{
	if (!phasing)
		return;
	for (size_t i = 0; i < phasing->world->config.plan->stack->service_count; i++)
		timer_cancel(phasing->looks[i].timer);
	free(phasing->looks);
	free(phasing);
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
	container_look_again(looks->phasing->world->containers[looks->service]);
}

static void enter(struct looks *looks, size_t at);

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
	phasing->beginning = 0;
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
	if (phasing->beginning > 0 && --phasing->beginning == 0)
		finish(phasing, NULL);
}

static void answered(void *owner, int64_t from_ns, int64_t to_ns, const struct err *err)
{
	struct looks *looks = owner;
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
	if (looks->from_ns == 0 || from_ns < looks->from_ns)
		looks->from_ns = from_ns;
	if (to_ns > looks->to_ns)
		looks->to_ns = to_ns;
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
	sandbox_command(looks->phasing->world->sandboxes[service], answered, looks, "%s",
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

static void gate(struct looks *looks, const struct phase_step *steps, size_t count, bool goes_on)
{
	struct buf line CLEANUP(buf_release) = { 0 };
	phase_gate_command(&line, service_of(looks), steps, count);
	if (goes_on)
		buf_add_string(&line, " then ready");
	command(looks, looks->service, &line);
	looks->gate_changed = count > 1 || goes_on || steps->phase != PHASE_READY;
}

static void enter(struct looks *looks, size_t at)
{
	static const struct phase_step unreachable = { .phase = PHASE_UNREACHABLE };
	static const struct phase_step ready = { .phase = PHASE_READY };
	const struct phase_script *script = looks->script;
	looks->at = at;
	looks->made = false;
	looks->from_ns = looks->to_ns = 0;
	const struct phase_step *step = step_of(looks);
	if (!is_of_names(step)) {
		size_t end = end_of_run(script, at);
		gate(looks, step, end - at, end < script->step_count);
		if (looks->names_changed)
			resolve(looks, NULL);
		return;
	}
	resolve(looks, step);
	/* A host that is gone does not answer at its old address either. */
	if (step->phase == PHASE_ABSENT && service_of(looks)->protocol_port)
		gate(looks, &unreachable, 1, false);
	else if (looks->gate_changed)
		gate(looks, &ready, 1, false);
	if (looks->pending == 0)
		made(looks); /* nobody could look it up */
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
		enter(looks, 0);
	}
}

/* ---- a script went on by itself ---- */

static void gate_went_on(struct looks *looks, const struct notice *notice)
{
	/* The agent counts from the first phase of the line it was given. */
	size_t begin = looks->at;
	while (begin > 0 && !is_of_names(&looks->script->steps[begin - 1]))
		begin--;
	size_t next = begin + (size_t)notice->number;
	if (next >= looks->script->step_count || next <= looks->at)
		return;
	if (is_of_names(&looks->script->steps[next])) {
		enter(looks, next);
		return;
	}
	looks->at = next;
	record(looks, notice->at_ns, notice->at_ns);
}

void phasing_feed(struct phasing *phasing, size_t service, const struct notice *notice)
{
	if (notice->remote.port != 0) {
		struct looks *looks = &phasing->looks[service];
		if (looks->made && !is_of_names(step_of(looks)))
			gate_went_on(looks, notice);
		return;
	}
	/* A name has been looked up often enough: whose it is, its notice says. */
	for (size_t i = 0; i < phasing->world->config.plan->stack->service_count; i++) {
		struct looks *looks = &phasing->looks[i];
		if (looks->made && is_of_names(step_of(looks)) && step_of(looks)->attempts > 0 &&
		    strcasecmp(service_of(looks)->name, notice->name) == 0)
			enter(looks, looks->at + 1);
	}
}
