#include "check/index.h"

#include "check/life.h"
#include "check/open.h"

#include <stdlib.h>
#include <string.h>

/* ---- names to indexes ---- */

/* The reader interns `of`, so that nearly every look-up is a comparison of pointers. */
enum { CACHE_SLOTS = 64, NOT_FOUND = -1 };

struct name_cache {
	const char *names[CACHE_SLOTS];
	int indexes[CACHE_SLOTS];
};

enum name_space { NAMES_WATCHES, NAMES_SERVICES, NAMES_STEPS, NAME_SPACES };

static int search_name(const struct plan *plan, enum name_space space, const char *name)
{
	size_t count = space == NAMES_WATCHES    ? plan->watch_count
		       : space == NAMES_SERVICES ? plan->stack->service_count
						 : plan->step_count;
	for (size_t i = 0; i < count; i++) {
		const char *candidate = space == NAMES_WATCHES    ? plan->watches[i].name
					: space == NAMES_SERVICES ? plan->stack->services[i].name
								  : plan->steps[i].id;
		if (strcmp(candidate, name) == 0)
			return (int)i;
	}
	return NOT_FOUND;
}

static int find_name(
    struct name_cache *caches, const struct plan *plan, enum name_space space, const char *name)
{
	struct name_cache *cache = &caches[space];
	size_t slot = ((uintptr_t)name ^ (uintptr_t)name >> 6) % CACHE_SLOTS;
	if (cache->names[slot] != name) {
		cache->names[slot] = name;
		cache->indexes[slot] = search_name(plan, space, name);
	}
	return cache->indexes[slot];
}

/* ---- filling ---- */

static struct series *series_of(struct index *index, struct name_cache *caches, const struct event *event)
{
	enum name_space space = NAMES_WATCHES;
	struct series *table = index->watches;
	switch (event->kind) {
	case EVENT_SAMPLE:
	case EVENT_ATTEMPT:
	case EVENT_LOST:
	case EVENT_MEMORY:
	case EVENT_DESCRIPTORS:
		break;
	case EVENT_SERVICE:
		space = NAMES_SERVICES;
		table = index->services;
		break;
	case EVENT_LOG:
		space = NAMES_SERVICES;
		table = index->logs;
		break;
	case EVENT_PHASE:
		space = NAMES_SERVICES;
		table = index->phases;
		break;
	case EVENT_STEP:
		space = NAMES_STEPS;
		table = index->steps;
		break;
	case EVENT_RESPONSE:
		space = NAMES_STEPS;
		table = index->responses;
		break;
	case EVENT_TROUBLE:
		return &index->troubles;
	case EVENT_WORLD:
	case EVENT_LATENESS:
	case EVENT_END:
		return NULL;
	}
	int found = find_name(caches, index->plan, space, event->of);
	return found == NOT_FOUND ? NULL : &table[found];
}

static int compare_events(const void *left, const void *right, void *events_pointer)
{
	const struct event *events = events_pointer;
	const size_t *a = left, *b = right;
	if (events[*a].from_ns != events[*b].from_ns)
		return events[*a].from_ns < events[*b].from_ns ? -1 : 1;
	return (*a > *b) - (*a < *b);
}

/* Events arrive nearly in order; sorting is the exception. */
static void sort_items(struct event *events, size_t *items, size_t count)
{
	for (size_t i = 1; i < count; i++) {
		if (events[items[i - 1]].from_ns > events[items[i]].from_ns) {
			qsort_r(items, count, sizeof(*items), compare_events, events);
			return;
		}
	}
}

static void sort_series(struct index *index, struct series *series)
{
	sort_items(index->trace->events, series->items, series->count);
	sort_items(index->trace->events, series->starved, series->starved_count);
}

static void for_all_tables(struct index *index, void (*visit)(struct index *, struct series *))
{
	const struct plan *plan = index->plan;
	for (size_t i = 0; i < plan->watch_count; i++)
		visit(index, &index->watches[i]);
	for (size_t i = 0; i < plan->stack->service_count; i++) {
		visit(index, &index->services[i]);
		visit(index, &index->logs[i]);
		visit(index, &index->phases[i]);
	}
	for (size_t i = 0; i < plan->step_count; i++) {
		visit(index, &index->steps[i]);
		visit(index, &index->responses[i]);
	}
	visit(index, &index->troubles);
}

/* More than this part of the time (a fifth) must have been the host's. */
enum { STARVED_PART = 5 };

bool index_is_starved(const struct index *index, const struct event *event)
{
	const char *outcome = event->kind == EVENT_SAMPLE     ? event->sample.outcome
			      : event->kind == EVENT_RESPONSE ? event->response.outcome
							      : "";
	return strcmp(outcome, "timeout") == 0 &&
	       lateness_within(index->lateness, event->from_ns, event->to_ns) >
		   (event->to_ns - event->from_ns) / STARVED_PART;
}

void index_init(struct index *index, const struct plan *plan, const struct trace *trace)
{
	*index = (struct index){
		.plan = plan,
		.trace = trace,
		.watches = xcalloc(plan->watch_count, sizeof(struct series)),
		.services = xcalloc(plan->stack->service_count, sizeof(struct series)),
		.logs = xcalloc(plan->stack->service_count, sizeof(struct series)),
		.phases = xcalloc(plan->stack->service_count, sizeof(struct series)),
		.steps = xcalloc(plan->step_count, sizeof(struct series)),
		.responses = xcalloc(plan->step_count, sizeof(struct series)),
		.lateness = lateness_table_new(trace),
	};
	struct name_cache *caches OWNED = xcalloc(NAME_SPACES, sizeof(*caches));
	for (size_t i = 0; i < trace->event_count; i++) {
		const struct event *event = &trace->events[i];
		struct series *series = series_of(index, caches, event);
		if (series && event->kind == EVENT_SAMPLE && index_is_starved(index, event))
			*array_push(series->starved, series->starved_count) = i;
		else if (series)
			*array_push(series->items, series->count) = i;
		if (event->to_ns > index->end_ns)
			index->end_ns = event->to_ns;
	}
	for_all_tables(index, sort_series);
	for (size_t i = 0; i < plan->watch_count; i++)
		if (plan->watches[i].kind == WATCH_ATTEMPTS)
			index->watches[i].open = count_open(index, &index->watches[i]);
	if (trace->complete)
		index->end = &trace->events[trace->event_count - 1];
}

static void free_items(struct index *index, struct series *series)
{
	(void)index;
	free(series->items);
	free(series->starved);
	free(series->open);
}

void index_release(struct index *index)
{
	for_all_tables(index, free_items);
	free(index->watches);
	free(index->services);
	free(index->logs);
	free(index->phases);
	free(index->steps);
	free(index->responses);
	lateness_table_free(index->lateness);
}

const struct series *index_watch(const struct index *index, int watch)
{
	const struct watch *of = &index->plan->watches[watch];
	return of->kind == WATCH_LOG ? &index->logs[of->service] : &index->watches[watch];
}

/* ---- how the world ended ---- */

bool index_is_closed(const struct index *index)
{
	return index->end && (strcmp(index->end->end.reason, "completed") == 0 ||
				 strcmp(index->end->end.reason, "wait") == 0);
}

const char *index_open_reason(const struct index *index)
{
	static const struct {
		const char *reason, *clause;
	} clauses[] = {
		{ "timeout", "the world ran out of its time" },
		{ "interrupted", "the world was interrupted" },
		{ "trouble", "the world ended in trouble" },
	};
	if (!index->end)
		return "the trace was cut short";
	for (size_t i = 0; i < ARRAY_LENGTH(clauses); i++)
		if (strcmp(index->end->end.reason, clauses[i].reason) == 0)
			return clauses[i].clause;
	return "the world ended for a reason that is not known here";
}

/* Other trouble is of the world, and names nobody. */
bool index_is_loss(const struct index *index, const struct event *trouble)
{
	return !trouble->trouble.fatal && *trouble->of &&
	       search_name(index->plan, NAMES_SERVICES, trouble->of) != NOT_FOUND;
}

const struct event *index_trouble_before(const struct index *index, int64_t ns)
{
	for (size_t i = 0; i < index->troubles.count; i++) {
		const struct event *trouble = series_event(index, &index->troubles, i);
		if (!index_is_loss(index, trouble) && trouble->from_ns <= ns)
			return trouble;
	}
	return NULL;
}

/* ---- whether a service lives ---- */

static bool is_event(const struct event *event, const char *name)
{
	return strcmp(event->service.event, name) == 0;
}

const struct event *index_death(const struct index *index, size_t service, int64_t until_ns)
{
	const struct series *series = &index->services[service];
	const struct event *death = NULL;
	for (size_t i = 0; i < series->count; i++) {
		const struct event *event = series_event(index, series, i);
		if (event->from_ns > until_ns)
			break;
		if ((is_event(event, "exited") || is_event(event, "oom-killed")) && !event->service.asked)
			death = death && is_event(event, "oom-killed") ? death : event;
		else if (life_begins(event))
			death = NULL;
	}
	return death;
}

bool index_is_down(
    const struct index *index, size_t service, int64_t at_ns, int64_t *ret_since_ns, int64_t *ret_until_ns)
{
	static const char *const ends[] = { "exited", "stopped", "killed", "oom-killed" };
	const struct series *series = &index->services[service];
	bool is_down = false;
	int64_t since_ns = 0, until_ns = INT64_MAX;
	for (size_t i = 0; i < series->count; i++) {
		const struct event *event = series_event(index, series, i);
		bool starts = life_begins(event);
		bool has_ended = service_event_is(event, ends, ARRAY_LENGTH(ends));
		if (event->from_ns > at_ns && starts) {
			until_ns = event->from_ns;
			break;
		}
		if (event->from_ns > at_ns || (!starts && !has_ended))
			continue;
		is_down = has_ended;
		since_ns = event->to_ns;
	}
	if (is_down) {
		*ret_since_ns = since_ns;
		*ret_until_ns = until_ns;
	}
	return is_down;
}

static bool has_start_left(const struct index *index, size_t service)
{
	for (size_t i = 0; i < index->plan->step_count; i++) {
		const struct step *step = &index->plan->steps[i];
		bool starts = step->kind == STEP_START || step->kind == STEP_RESTART;
		bool concerned = false;
		for (size_t s = 0; s < step->service_count; s++)
			concerned = concerned || step->services[s] == service;
		if (starts && concerned && index->steps[i].count == 0)
			return true;
	}
	return false;
}

/* By its policy, since a step started it last. */
static int count_restarts(const struct index *index, size_t service)
{
	const struct series *series = &index->services[service];
	int restarts = 0;
	for (size_t i = 0; i < series->count; i++) {
		const struct event *event = series_event(index, series, i);
		if (is_event(event, "started"))
			restarts = 0;
		else if (is_event(event, "restarted"))
			restarts++;
	}
	return restarts;
}

bool index_is_dead_for_good(const struct index *index, size_t service)
{
	const struct event *death = index_death(index, service, INT64_MAX);
	if (!death)
		return false;
	const struct service *dead = &index->plan->stack->services[service];
	bool used_up = dead->restart_max > 0 && count_restarts(index, service) >= dead->restart_max;
	bool stays_down = dead->restart == RESTART_NO ||
			  (dead->restart == RESTART_ON_FAILURE && (death->service.exit_code == 0 || used_up));
	return stays_down && !has_start_left(index, service);
}

bool index_was_started(const struct index *index, size_t service)
{
	const struct series *series = &index->services[service];
	for (size_t i = 0; i < series->count; i++)
		if (is_event(series_event(index, series, i), "started"))
			return true;
	return false;
}
