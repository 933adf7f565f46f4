#include "run/steps.h"

#include "base/duration.h"
#include "base/random.h"
#include "probe/probe.h"
#include "run/container.h"
#include "run/phasing.h"
#include "run/start_order.h"

#include <stdio.h>
#include <string.h>

enum steps_state {
	STEPS_IDLE,        /* not begun, or over */
	STEPS_AWAIT_AFTER, /* the step's `after` has not come */
	STEPS_AWAIT_DUE,   /* it has; the timer runs to after + plus */
	STEPS_ACTING,      /* engine calls or a request under way */
	STEPS_AWAIT_UNTIL, /* a wait */
	STEPS_HOLDING,
};

struct steps {
	struct world *world;
	const struct plan *plan;
	struct tracker *tracker;
	size_t current;
	enum steps_state state;
	int64_t due_ns, began_ns; /* loop time */
	int64_t jitter_ns;        /* of the current step, drawn; part of `due_ns` once that is known */
	struct timer *timer;
	struct timer *turn; /* to look again from the loop: events come from inside other calls */
	size_t outstanding; /* containers the step still acts on */
	struct start_order *starting;
	struct probe_call *request;
};

static void enter_step(struct steps *steps);

struct steps *steps_new(struct world *world, struct err *err)
{
	struct tracker *tracker = tracker_new(world->config.plan, err);
	if (!tracker)
		return NULL;
	struct steps *steps = xcalloc(1, sizeof(*steps));
	steps->world = world;
	steps->plan = world->config.plan;
	steps->tracker = tracker;
	return steps;
}

void steps_free(struct steps *steps)
{
	if (!steps)
		return;
	timer_cancel(steps->timer);
	timer_cancel(steps->turn);
	start_order_free(steps->starting);
	probe_call_cancel(steps->request);
	tracker_free(steps->tracker);
	free(steps);
}

static void set_state(struct steps *steps, enum steps_state state);

void steps_stop(struct steps *steps)
{
	set_state(steps, STEPS_IDLE);
	probe_call_cancel(steps->request);
	steps->request = NULL;
}

size_t steps_current(const struct steps *steps)
{
	return steps->current;
}

static struct loop *loop_of(const struct steps *steps)
{
	return steps->world->config.loop;
}

static int64_t now_of(const struct steps *steps)
{
	return loop_now_ns(loop_of(steps));
}

static const struct step *step_of(const struct steps *steps)
{
	return &steps->plan->steps[steps->current];
}

/* The one place where the state moves. */
static void set_state(struct steps *steps, enum steps_state state)
{
	timer_cancel(steps->timer);
	steps->timer = NULL;
	steps->state = state;
}

/* ---- the end of a step ---- */

static void add_targets(const struct steps *steps, const struct step *step, char *buffer, size_t size)
{
	buffer[0] = '\0';
	size_t used = 0;
	const struct service *services = steps->plan->stack->services;
	for (size_t i = 0; i < step->service_count && used < size; i++)
		used += (size_t)snprintf(
		    buffer + used, size - used, "%s%s", i ? "," : "", services[step->services[i]].name);
	for (size_t i = 0; i < step->script_count && used < size; i++)
		used += (size_t)snprintf(buffer + used, size - used, "%s%s", i ? "," : "",
		    services[step->scripts[i].service].name);
}

static const char *step_kind_name(enum step_kind kind)
{
	static const char *const names[] = { [STEP_START] = "start",
		[STEP_STOP] = "stop",
		[STEP_KILL] = "kill",
		[STEP_CRASH] = "crash",
		[STEP_EXHAUST] = "exhaust",
		[STEP_PAUSE] = "pause",
		[STEP_UNPAUSE] = "unpause",
		[STEP_RESTART] = "restart",
		[STEP_REMOVE] = "remove",
		[STEP_WAIT] = "wait",
		[STEP_HOLD] = "hold",
		[STEP_REQUEST] = "request",
		[STEP_PHASE] = "phase" };
	return names[kind];
}

static void record_step(struct steps *steps, bool done, const char *detail)
{
	const struct step *step = step_of(steps);
	char targets[512];
	add_targets(steps, step, targets, sizeof(targets));
	recorder_add(steps->world->recorder, (struct event){
						 .kind = EVENT_STEP,
						 .from_ns = steps->began_ns,
						 .to_ns = now_of(steps),
						 .of = step->id,
						 .step = { .action = step_kind_name(step->kind),
						     .target = targets,
						     .due_ns = steps->due_ns,
						     .jitter_ns = steps->jitter_ns,
						     .done = done,
						     .detail = detail },
					     });
}

static void step_done(struct steps *steps)
{
	set_state(steps, STEPS_IDLE);
	record_step(steps, true, NULL);
	steps->current++;
	enter_step(steps);
}

static void step_failed(struct steps *steps, const struct err *err)
{
	set_state(steps, STEPS_IDLE);
	struct err failure = *err;
	err_wrap(&failure, "step `%s`", step_of(steps)->id);
	record_step(steps, false, failure.message);
	world_fail(steps->world, &failure);
}

static void give_up(struct steps *steps, const char *why)
{
	set_state(steps, STEPS_IDLE);
	record_step(steps, false, why);
	world_finish(steps->world, WORLD_WAIT);
}

/* ---- what can never come ---- */

/* The service whose life the moment depends on, or -1. */
static int service_of_moment(const struct plan *plan, const struct moment *moment)
{
	switch (moment->kind) {
	case MOMENT_ATTEMPT:
	case MOMENT_STATE:
		return (int)plan->watches[moment->watch].service;
	case MOMENT_LOG:
		return stack_find(plan->stack, moment->name);
	case MOMENT_SERVICE: {
		/* Only a running process becomes ready or healthy, and only its policy restarts a dead one;
		 * its death itself may well be what is waited for. */
		static const char *const living[] = { "ready", "healthy", "loading", "denied", "restarted" };
		for (size_t i = 0; i < ARRAY_LENGTH(living); i++)
			if (strcmp(moment->what, living[i]) == 0)
				return stack_find(plan->stack, moment->name);
		return -1;
	}
	case MOMENT_WORLD:
	case MOMENT_STEP:
		return -1;
	}
	BUG("moment kind %d", (int)moment->kind);
}

static bool is_hopeless(const struct steps *steps, const struct moment *moment, char *why, size_t size)
{
	int service = service_of_moment(steps->plan, moment);
	if (service < 0 || !container_is_dead_for_good(steps->world->containers[service]))
		return false;
	snprintf(why, size, "given up: `%s` is not running any more, and no restart policy starts it again",
	    steps->plan->stack->services[service].name);
	return true;
}

/* ---- actions ---- */

static void acted(void *owner, struct container *container, const struct err *err)
{
	struct steps *steps = owner;
	steps->outstanding--;
	if (steps->state != STEPS_ACTING)
		return;
	if (err) {
		step_failed(steps, err);
		return;
	}
	if (steps->starting)
		start_order_started(steps->starting, container);
	else if (steps->outstanding == 0)
		step_done(steps);
}

static void start_next(void *owner, struct container *container)
{
	struct steps *steps = owner;
	steps->outstanding++;
	container_act(container, STEP_START, NULL, acted, steps);
}

static void all_started(void *owner, const struct err *err)
{
	struct steps *steps = owner;
	start_order_free(steps->starting);
	steps->starting = NULL;
	if (err)
		step_failed(steps, err);
	else
		step_done(steps);
}

static void answered(void *owner, const struct probe_answer *answer)
{
	struct steps *steps = owner;
	steps->request = NULL;
	recorder_add(steps->world->recorder, (struct event){
						 .kind = EVENT_RESPONSE,
						 .from_ns = answer->sent_ns,
						 .to_ns = answer->answered_ns,
						 .of = step_of(steps)->id,
						 .response = { .outcome = probe_outcome_name(answer->outcome),
						     .status = answer->status,
						     .headers = answer->headers,
						     .body = { answer->body, answer->body_length },
						     .body_cut = answer->body_cut,
						     .detail = answer->detail },
					     });
	step_done(steps);
}

/* A container that was just started has no address yet: the request goes out when it has. */
static void try_request(struct steps *steps)
{
	const struct step *step = step_of(steps);
	const struct container *container = steps->world->containers[step->request.service];
	char endpoint[128];
	if (container_get_state(container) != CONTAINER_RUNNING &&
	    container_get_state(container) != CONTAINER_PAUSED) {
		char detail[160];
		snprintf(detail, sizeof(detail), "`%s` is not running", container_service(container)->name);
		int64_t now = now_of(steps);
		answered(steps,
		    &(struct probe_answer){
			.sent_ns = now, .answered_ns = now, .outcome = PROBE_UNREACHABLE, .detail = detail });
		return;
	}
	if (steps->request || !container_endpoint(container, step->request.port, endpoint, sizeof(endpoint)))
		return;
	char *url OWNED = xasprintf("http://%s%s", endpoint, step->request.path);
	char *host OWNED = xasprintf("%s:%d", container_service(container)->name, step->request.port);
	const char **headers OWNED = xcalloc(step->request.headers.count + 1, sizeof(*headers));
	for (size_t i = 0; i < step->request.headers.count; i++)
		headers[i] = step->request.headers.items[i];
	struct probe_request request = { .url = url,
		.method = step->request.method,
		.host = host,
		.headers = headers,
		.body = step->request.body,
		.timeout_ns = step->request.timeout_ns };
	steps->request = probe_request(loop_of(steps), &request, answered, steps);
}

static void phases_made(void *owner, const struct err *err)
{
	struct steps *steps = owner;
	if (steps->state != STEPS_ACTING)
		return;
	if (err)
		step_failed(steps, err);
	else
		step_done(steps);
}

static void act_on_containers(struct steps *steps, const struct step *step)
{
	if (step->kind == STEP_START) {
		steps->starting = start_order_new(steps->world, step, start_next, all_started, steps);
		start_order_begin(steps->starting);
		return;
	}
	steps->outstanding += step->service_count;
	for (size_t i = 0; i < step->service_count; i++)
		container_act(
		    steps->world->containers[step->services[i]], step->kind, step->signal, acted, steps);
}

static void held(void *owner)
{
	struct steps *steps = owner;
	steps->timer = NULL;
	step_done(steps);
}

static void waited_too_long(void *owner)
{
	struct steps *steps = owner;
	steps->timer = NULL;
	char limit[DURATION_TEXT_MAX], why[128];
	snprintf(
	    why, sizeof(why), "it did not happen within %s", duration_format(step_of(steps)->max_ns, limit));
	give_up(steps, why);
}

static void look_at_wait(struct steps *steps)
{
	int64_t at_ns;
	char why[256];
	if (tracker_until(steps->tracker, steps->current, &at_ns))
		step_done(steps);
	else if (is_hopeless(steps, &step_of(steps)->until, why, sizeof(why)))
		give_up(steps, why);
}

static void begin_step(void *owner)
{
	struct steps *steps = owner;
	const struct step *step = step_of(steps);
	steps->timer = NULL;
	steps->began_ns = now_of(steps);
	bool acts = step->kind != STEP_WAIT && step->kind != STEP_HOLD;
	if (acts)
		tracker_act(steps->tracker, steps->current, steps->began_ns - steps->world->began_ns);
	if (step->kind == STEP_HOLD) {
		set_state(steps, STEPS_HOLDING);
		steps->timer = timer_start(loop_of(steps), steps->began_ns + step->hold_ns, held, steps);
	} else if (step->kind == STEP_WAIT) {
		set_state(steps, STEPS_AWAIT_UNTIL);
		steps->timer =
		    timer_start(loop_of(steps), steps->began_ns + step->max_ns, waited_too_long, steps);
		look_at_wait(steps);
	} else if (step->kind == STEP_REQUEST) {
		set_state(steps, STEPS_ACTING);
		try_request(steps);
	} else if (step->kind == STEP_PHASE) {
		set_state(steps, STEPS_ACTING);
		phasing_begin(steps->world->phasing, step->scripts, step->script_count, phases_made, steps);
	} else {
		set_state(steps, STEPS_ACTING);
		act_on_containers(steps, step);
	}
}

/* ---- when a step begins ---- */

static void look_at_after(struct steps *steps)
{
	int64_t at_ns;
	char why[256];
	if (tracker_after(steps->tracker, steps->current, &at_ns)) {
		steps->due_ns = steps->world->began_ns + at_ns + steps->jitter_ns;
		set_state(steps, STEPS_AWAIT_DUE);
		steps->timer = timer_start(loop_of(steps), steps->due_ns, begin_step, steps);
	} else if (is_hopeless(steps, &step_of(steps)->after, why, sizeof(why))) {
		steps->began_ns = steps->due_ns = now_of(steps);
		steps->jitter_ns = 0;
		give_up(steps, why);
	}
}

/* By the step's id: a step that is added elsewhere changes no other's delay. A share of the jitter, which the
 * speed has divided: what is drawn is the same in the story at every speed. */
static int64_t draw_jitter(const struct steps *steps)
{
	const struct step *step = step_of(steps);
	const char *const words[] = { steps->plan->name, "step", step->id, NULL };
	struct random_stream stream = random_stream(steps->world->config.seed, words);
	return random_share_of(&stream, step->jitter_ns);
}

static void enter_step(struct steps *steps)
{
	if (steps->current == steps->plan->step_count) {
		world_finish(steps->world, WORLD_COMPLETED);
		return;
	}
	steps->jitter_ns = draw_jitter(steps);
	if (step_of(steps)->has_after) {
		set_state(steps, STEPS_AWAIT_AFTER);
		look_at_after(steps);
		return;
	}
	steps->due_ns = now_of(steps) + steps->jitter_ns;
	set_state(steps, STEPS_AWAIT_DUE);
	steps->timer = timer_start(loop_of(steps), steps->due_ns, begin_step, steps);
}

void steps_begin(struct steps *steps)
{
	enter_step(steps);
}

static void look_again(void *owner)
{
	struct steps *steps = owner;
	steps->turn = NULL;
	switch (steps->state) {
	case STEPS_AWAIT_AFTER:
		look_at_after(steps);
		return;
	case STEPS_AWAIT_UNTIL:
		look_at_wait(steps);
		return;
	case STEPS_ACTING:
		if (steps->starting)
			start_order_look(steps->starting);
		else if (step_of(steps)->kind == STEP_REQUEST && !steps->request)
			try_request(steps);
		return;
	case STEPS_IDLE:
	case STEPS_AWAIT_DUE:
	case STEPS_HOLDING:
		return;
	}
	BUG("steps in state %d", (int)steps->state);
}

void steps_on_event(struct steps *steps, const struct event *event)
{
	tracker_feed(steps->tracker, event);
	steps_look(steps);
}

void steps_look(struct steps *steps)
{
	if (!steps->turn && !world_is_over(steps->world))
		steps->turn = timer_start(loop_of(steps), 0, look_again, steps);
}
