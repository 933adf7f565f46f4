#include "run/tracker.h"

#include "base/pattern.h"

#include <stdio.h>
#include <string.h>

struct tracked {
	const struct moment *moment;
	struct tracked *after; /* owned; must have happened first */
	struct pattern *pattern;
	bool happened;
	int64_t at_ns;    /* when it had certainly happened */
	int64_t since_ns; /* what began before does not count */
	int number;       /* attempts seen since `after` has happened */
};

struct tracker {
	const struct plan *plan;
	struct tracked **after, **until; /* one a step, NULL where the step has none */
};

static void tracked_free(struct tracked *tracked)
{
	if (!tracked)
		return;
	tracked_free(tracked->after);
	pattern_free(tracked->pattern);
	free(tracked);
}

static struct tracked *tracked_new(const struct moment *moment, struct err *err)
{
	struct tracked *tracked = xcalloc(1, sizeof(*tracked));
	tracked->moment = moment;
	if (moment->kind == MOMENT_LOG && !(tracked->pattern = pattern_compile(moment->what, err)))
		goto fail;
	if (moment->after && !(tracked->after = tracked_new(moment->after, err)))
		goto fail;
	if (moment->kind == MOMENT_WORLD)
		tracked->happened = true;
	return tracked;
fail:
	tracked_free(tracked);
	return NULL;
}

struct tracker *tracker_new(const struct plan *plan, struct err *err)
{
	struct tracker *tracker = xcalloc(1, sizeof(*tracker));
	tracker->plan = plan;
	tracker->after = xcalloc(plan->step_count, sizeof(struct tracked *));
	tracker->until = xcalloc(plan->step_count, sizeof(struct tracked *));
	for (size_t i = 0; i < plan->step_count; i++) {
		const struct step *step = &plan->steps[i];
		if (step->has_after && !(tracker->after[i] = tracked_new(&step->after, err)))
			goto fail;
		if (step->kind == STEP_WAIT && !(tracker->until[i] = tracked_new(&step->until, err)))
			goto fail;
	}
	return tracker;
fail:
	tracker_free(tracker);
	return NULL;
}

void tracker_free(struct tracker *tracker)
{
	if (!tracker)
		return;
	for (size_t i = 0; i < tracker->plan->step_count; i++) {
		tracked_free(tracker->after[i]);
		tracked_free(tracker->until[i]);
	}
	free(tracker->after);
	free(tracker->until);
	free(tracker);
}

static bool is_of_watch(const struct plan *plan, const struct moment *moment, const struct event *event)
{
	return moment->watch >= 0 && strcmp(plan->watches[moment->watch].name, event->of) == 0;
}

/* A sample shows a state by its name, or by its status code in digits. */
static bool shows_state(const struct event *event, const char *state)
{
	char digits[16];
	snprintf(digits, sizeof(digits), "%d", event->sample.status);
	return strcmp(event->sample.state, state) == 0 || strcmp(digits, state) == 0;
}

/* That a dependency is ready only its readiness probe can say: an open gate says nothing of the server. */
static bool says_of_service(const struct event *event, const struct moment *moment)
{
	if (strcmp(event->of, moment->name) != 0)
		return false;
	if (event->kind == EVENT_PHASE)
		return strcmp(event->phase.phase, moment->what) == 0 && strcmp(moment->what, "ready") != 0;
	return event->kind == EVENT_SERVICE && strcmp(event->service.event, moment->what) == 0;
}

static bool matches(const struct plan *plan, struct tracked *tracked, const struct event *event)
{
	const struct moment *moment = tracked->moment;
	switch (moment->kind) {
	case MOMENT_WORLD:
		return false;
	case MOMENT_STEP:
		return event->kind == EVENT_STEP && event->step.done && strcmp(event->of, moment->name) == 0;
	case MOMENT_SERVICE:
		return says_of_service(event, moment);
	case MOMENT_ATTEMPT:
		if (event->kind != EVENT_ATTEMPT || !is_of_watch(plan, moment, event))
			return false;
		tracked->number++;
		return tracked->number >= moment->number;
	case MOMENT_STATE:
		return event->kind == EVENT_SAMPLE && is_of_watch(plan, moment, event) &&
		       shows_state(event, moment->what);
	case MOMENT_LOG:
		return event->kind == EVENT_LOG && strcmp(event->of, moment->name) == 0 &&
		       pattern_match(tracked->pattern, event->log.line.bytes, event->log.line.length) ==
			   PATTERN_MATCH;
	}
	BUG("moment kind %d", (int)moment->kind);
}

static void feed(const struct plan *plan, struct tracked *tracked, const struct event *event)
{
	if (!tracked || tracked->happened)
		return;
	if (tracked->after && !tracked->after->happened) {
		feed(plan, tracked->after, event);
		return;
	}
	int64_t since = tracked->since_ns;
	if (tracked->after && tracked->after->at_ns > since)
		since = tracked->after->at_ns;
	/* A service event or log line is stamped by the engine, which the step's own end may follow: its end
	 * counts. */
	int64_t when = event->kind == EVENT_SAMPLE ? event->from_ns : event->to_ns;
	if (when < since || !matches(plan, tracked, event))
		return;
	tracked->happened = true;
	tracked->at_ns = event->to_ns + tracked->moment->plus_ns;
}

void tracker_feed(struct tracker *tracker, const struct event *event)
{
	for (size_t i = 0; i < tracker->plan->step_count; i++) {
		feed(tracker->plan, tracker->after[i], event);
		feed(tracker->plan, tracker->until[i], event);
	}
}

static bool acts_on(const struct plan *plan, const struct step *step, const char *service)
{
	const struct service *services = plan->stack->services;
	for (size_t i = 0; i < step->service_count; i++)
		if (strcmp(services[step->services[i]].name, service) == 0)
			return true;
	for (size_t i = 0; i < step->script_count; i++)
		if (strcmp(services[step->scripts[i].service].name, service) == 0)
			return true;
	return false;
}

void tracker_act(struct tracker *tracker, size_t acting, int64_t now_ns)
{
	const struct plan *plan = tracker->plan;
	for (size_t i = acting + 1; i < plan->step_count; i++) {
		struct tracked *tracked = tracker->until[i];
		if (!tracked || tracked->after)
			continue; /* the author says since when */
		enum moment_kind kind = tracked->moment->kind;
		bool forgets =
		    kind == MOMENT_STATE || kind == MOMENT_LOG ||
		    (kind == MOMENT_SERVICE && acts_on(plan, &plan->steps[acting], tracked->moment->name));
		if (!forgets)
			continue;
		tracked->happened = false;
		tracked->since_ns = now_ns;
	}
}

static bool has_happened(const struct tracked *tracked, int64_t *ret_at_ns)
{
	if (!tracked || !tracked->happened)
		return false;
	*ret_at_ns = tracked->at_ns;
	return true;
}

bool tracker_after(const struct tracker *tracker, size_t step, int64_t *ret_at_ns)
{
	return has_happened(tracker->after[step], ret_at_ns);
}

bool tracker_until(const struct tracker *tracker, size_t step, int64_t *ret_at_ns)
{
	return has_happened(tracker->until[step], ret_at_ns);
}
