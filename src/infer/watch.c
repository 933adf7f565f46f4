/* What a trace has of one attempts watch, as infer() takes it. */
#include "base/duration.h"
#include "base/memory.h"
#include "infer/infer.h"

#include <stdlib.h>
#include <string.h>

/* An agent looks so often which sockets there are. */
#define LOOK_NS (25 * NS_PER_MS)

struct moments {
	int64_t *at_ns;
	size_t count;
};

struct late {
	int64_t from_ns, to_ns, worst_ns;
};

/* Everything is owned. */
struct collection {
	struct try *tries;
	size_t try_count;
	struct interruption *interruptions;
	size_t interruption_count;
	struct moments lost;
	struct asking *askings;
	size_t asking_count;
	struct moments *asked; /* by plan.watches, and behind them the requests */
	size_t asked_count;
	int64_t ended_ns;
};

static void collection_release(struct collection *collection)
{
	free(collection->tries);
	free(collection->interruptions);
	free(collection->lost.at_ns);
	free(collection->askings);
	for (size_t i = 0; i < collection->asked_count; i++)
		free(collection->asked[i].at_ns);
	free(collection->asked);
}

static bool is_one_of(const char *word, const char *const *words, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (word && strcmp(word, words[i]) == 0)
			return true;
	return false;
}

static enum try_outcome outcome_of(const struct event *event)
{
	static const char *const succeeded[] = { "connected", "accepted" };
	const char *outcome = event->attempt.outcome;
	if (is_one_of(outcome, succeeded, ARRAY_LENGTH(succeeded)))
		return TRY_SUCCEEDED;
	if (outcome && strcmp(outcome, "pending") == 0)
		return TRY_PENDING;
	return outcome && strcmp(outcome, "timeout") == 0 ? TRY_TIMED_OUT : TRY_FAILED;
}

static void add_try(struct collection *collection, const struct event *event)
{
	/* Of an attempt whose beginning is not known, the end is all there is: gaps are end to end. */
	bool is_known = event->attempt.began_known;
	int64_t after_ns = event->attempt.ended_after_ns;
	if (!is_known || after_ns == 0 || after_ns > event->to_ns)
		after_ns = event->to_ns;
	*array_push(collection->tries, collection->try_count) = (struct try){
		.begin_ns = is_known ? event->from_ns : event->to_ns,
		.end_from_ns = after_ns,
		.end_to_ns = event->to_ns,
		.outcome = outcome_of(event),
		.open = event->attempt.open,
	};
}

static void add_interruption(struct collection *collection, const struct event *event)
{
	static const char *const begins[] = { "started", "restarted" };
	static const char *const ends[] = { "exited", "oom-killed", "stopped", "killed", "crashed", "paused",
		"unpaused", "removed" };
	const char *what = event->service.event;
	bool is_begin = is_one_of(what, begins, ARRAY_LENGTH(begins));
	if (!is_begin && !is_one_of(what, ends, ARRAY_LENGTH(ends)))
		return;
	/* The engine may stamp a start after the started client's first attempts. */
	*array_push(collection->interruptions, collection->interruption_count) = (struct interruption){
		.at_ns = is_begin ? event->from_ns : event->to_ns,
		.by_itself = !event->service.asked && is_one_of(what, ends, 2),
	};
}

static void add_moment(struct moments *moments, int64_t at_ns)
{
	*array_push(moments->at_ns, moments->count) = at_ns;
}

/* A poll that was refused has reached nobody. */
static bool was_asked(const char *outcome)
{
	return outcome && strcmp(outcome, "refused") != 0;
}

static void collect_event(
    struct collection *collection, const struct plan *plan, size_t watch, const struct event *event)
{
	size_t client = plan->watches[watch].service;
	const char *client_name = plan->stack->services[client].name, *name = plan->watches[watch].name;
	if (event->to_ns > collection->ended_ns)
		collection->ended_ns = event->to_ns;
	if (event->kind == EVENT_ATTEMPT && strcmp(event->of, name) == 0) {
		add_try(collection, event);
	} else if (event->kind == EVENT_LOST && strcmp(event->of, name) == 0) {
		add_moment(&collection->lost, event->to_ns);
	} else if (event->kind == EVENT_SERVICE && strcmp(event->of, client_name) == 0) {
		add_interruption(collection, event);
	} else if (event->kind == EVENT_SAMPLE && was_asked(event->sample.outcome)) {
		int polled = plan_find_watch(plan, event->of);
		if (polled >= 0 && plan->watches[polled].service == client)
			add_moment(&collection->asked[polled], event->from_ns);
	} else if (event->kind == EVENT_RESPONSE && was_asked(event->response.outcome)) {
		int step = plan_find_step(plan, event->of);
		if (step >= 0 && plan->steps[step].kind == STEP_REQUEST &&
		    plan->steps[step].request.service == client)
			add_moment(&collection->asked[plan->watch_count], event->from_ns);
	}
}

static int compare_late(const void *left, const void *right)
{
	const struct late *a = left, *b = right;
	return (a->to_ns > b->to_ns) - (a->to_ns < b->to_ns);
}

static int compare_begins(const void *left, const void *right)
{
	const struct try *a = left, *b = right;
	return (a->begin_ns > b->begin_ns) - (a->begin_ns < b->begin_ns);
}

/* Reports of one source, in the order of their ends. */
struct reports {
	struct late *items;
	size_t count;
	size_t first; /* those before it are over */
};

static void reports_release(struct reports *reports)
{
	free(reports->items);
}

/* Those of `prefix` and `name` together; "" is the host. */
static void collect_reports(
    const struct trace *trace, const char *prefix, const char *name, struct reports *ret_reports)
{
	size_t length = strlen(prefix);
	*ret_reports = (struct reports){ 0 };
	for (size_t i = 0; i < trace->event_count; i++) {
		const struct event *event = &trace->events[i];
		const char *whose = event->of ? event->of : "";
		if (event->kind == EVENT_LATENESS && strncmp(whose, prefix, length) == 0 &&
		    strcmp(whose + length, name) == 0)
			*array_push(ret_reports->items, ret_reports->count) = (struct late){
				.from_ns = event->from_ns,
				.to_ns = event->to_ns,
				.worst_ns = event->lateness.worst_ns,
			};
	}
	if (ret_reports->count > 0)
		qsort(ret_reports->items, ret_reports->count, sizeof(*ret_reports->items), compare_late);
}

/* To be asked with later and later times. */
static int64_t worst_between(struct reports *reports, int64_t from_ns, int64_t to_ns)
{
	const struct late *items = reports->items;
	int64_t worst_ns = 0;
	while (reports->first < reports->count && items[reports->first].to_ns < from_ns)
		reports->first++;
	for (size_t k = reports->first;
	     k < reports->count && (k == reports->first || items[k - 1].to_ns < to_ns); k++)
		if (items[k].from_ns < to_ns && items[k].worst_ns > worst_ns)
			worst_ns = items[k].worst_ns;
	return worst_ns;
}

/* How late it was, at worst, between each attempt and the one before it: what kept the client from running
 * counts, and nobody else's lateness; where nobody could ask for that, the host's is taken. */
static void add_lateness(struct collection *collection, const struct trace *trace, const char *client)
{
	struct reports own CLEANUP(reports_release) = { 0 }, host CLEANUP(reports_release) = { 0 };
	collect_reports(trace, "", client, &own);
	collect_reports(trace, "", "", &host);
	qsort(collection->tries, collection->try_count, sizeof(*collection->tries), compare_begins);
	for (size_t i = 1; i < collection->try_count; i++) {
		struct try *try = &collection->tries[i];
		try->late_ns = worst_between(own.count ? &own : &host, try[-1].begin_ns, try->begin_ns);
	}
}

/* No packet says when a client waits no longer: its agent does, when it looks which sockets there are, and no
 * sooner than it is let run. What it told in good time says how long the client waits; those that seem longer
 * by no more than that may have been as long. */
static void doubt_timeouts(struct collection *collection, const struct trace *trace, const char *client)
{
	struct reports agent CLEANUP(reports_release) = { 0 };
	int64_t least_ns = INT64_MAX;
	collect_reports(trace, LATENESS_OF_AGENT, client, &agent);
	for (size_t i = 0; i < collection->try_count; i++) {
		const struct try *try = &collection->tries[i];
		if (try->outcome == TRY_TIMED_OUT && try->end_to_ns - try->begin_ns < least_ns)
			least_ns = try->end_to_ns - try->begin_ns;
	}
	for (size_t i = 0; i < collection->try_count; i++) {
		struct try *try = &collection->tries[i];
		if (try->outcome != TRY_TIMED_OUT)
			continue;
		int64_t least_end_ns = try->begin_ns + least_ns;
		int64_t doubt_ns = LOOK_NS + worst_between(&agent, try->begin_ns, try->end_to_ns);
		int64_t from_ns = try->end_to_ns - doubt_ns;
		if (from_ns < least_end_ns)
			from_ns = least_end_ns;
		if (from_ns < try->end_from_ns)
			try->end_from_ns = from_ns;
	}
}

static void name_askings(struct collection *collection, const struct plan *plan)
{
	for (size_t i = 0; i < collection->asked_count; i++)
		if (collection->asked[i].count > 0)
			*array_push(collection->askings, collection->asking_count) = (struct asking){
				.who = i < plan->watch_count ? plan->watches[i].name : "requests",
				.at_ns = collection->asked[i].at_ns,
				.count = collection->asked[i].count,
			};
}

static bool infer_watch(
    const struct plan *plan, const struct trace *trace, size_t watch, struct policy *ret_policy)
{
	struct collection collection CLEANUP(collection_release) = { .asked_count = plan->watch_count + 1 };
	collection.asked = xcalloc(collection.asked_count, sizeof(*collection.asked));
	for (size_t i = 0; i < trace->event_count; i++)
		collect_event(&collection, plan, watch, &trace->events[i]);
	if (collection.try_count == 0)
		return false;
	const char *client = plan->stack->services[plan->watches[watch].service].name;
	add_lateness(&collection, trace, client);
	doubt_timeouts(&collection, trace, client);
	name_askings(&collection, plan);
	infer(
	    &(struct sightings){
		.tries = collection.tries,
		.try_count = collection.try_count,
		.interruptions = collection.interruptions,
		.interruption_count = collection.interruption_count,
		.lost_ns = collection.lost.at_ns,
		.lost_count = collection.lost.count,
		.askings = collection.askings,
		.asking_count = collection.asking_count,
		.ended_ns = collection.ended_ns,
	    },
	    ret_policy);
	return true;
}

struct inferred *infer_trace(const struct plan *plan, const struct trace *trace, size_t *ret_count)
{
	struct inferred *all = NULL;
	size_t count = 0;
	for (size_t i = 0; i < plan->watch_count; i++) {
		struct policy policy;
		if (plan->watches[i].kind == WATCH_ATTEMPTS && infer_watch(plan, trace, i, &policy))
			*array_push(all, count) = (struct inferred){ .watch = i, .policy = policy };
	}
	*ret_count = count;
	return all;
}
