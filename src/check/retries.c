#include "check/retries.h"

#include "check/lanes.h"
#include "check/observation.h"
#include "check/schedule.h"

#include <string.h>

/* A client that was not seen to hold several connections is not thought to hold more than this. */
enum { UNSEEN_CONNECTIONS_MAX = 8 };

void retries_release(struct retries *runs)
{
	for (size_t i = 0; i < runs->count; i++)
		free(runs->items[i].attempts);
	free(runs->items);
	free(runs->doubt);
	*runs = (struct retries){ 0 };
}

/* ---- how many connections ---- */

size_t connections_at_once(const struct index *index, int watch)
{
	const struct series *series = &index->watches[watch];
	int64_t
	    under_way_until[LANES_MAX]; /* attempts that had begun, and when each was over at the earliest */
	size_t under_way = 0, most = 1;
	if (index->plan->watches[watch].from_log)
		return 1;
	for (size_t i = 0; i < series->count; i++) {
		const struct event *event = series_event(index, series, i);
		bool is_attempt = event->kind == EVENT_ATTEMPT;
		int open = index_open(series, i);
		size_t kept = 0;
		for (size_t k = 0; k < under_way; k++)
			if (under_way_until[k] > event->from_ns)
				under_way_until[kept++] = under_way_until[k];
		under_way = kept;
		size_t count = (size_t)open + (is_attempt ? under_way : 0) + 1;
		most = count > most ? count : most;
		if (is_attempt && under_way < LANES_MAX)
			under_way_until[under_way++] =
			    attempt_is_pending(event) ? INT64_MAX : attempt_ended(event).low;
	}
	return most < LANES_MAX ? most : LANES_MAX;
}

/* ---- one connection: one run after the other ---- */

static struct run *add_run(struct retries *runs)
{
	struct run *run = array_push(runs->items, runs->count);
	run->number = runs->count;
	run->connection = run->position = 1;
	return run;
}

static void find_consecutive(
    const struct index *index, const struct expectation *expectation, struct retries *runs)
{
	const struct series *series = &index->watches[expectation->watch];
	size_t client = index->plan->watches[expectation->watch].service;
	struct run *run = NULL;
	for (size_t i = 0; i < series->count; i++) {
		const struct event *event = series_event(index, series, i);
		if (event->kind != EVENT_ATTEMPT) {
			run = NULL;
			continue;
		}
		const struct event *last = run ? &index->trace->events[run->attempts[run->count - 1]] : NULL;
		/* What is not known to have begun later began somewhere up to its end. */
		bool began_later = last && (event->from_ns > last->to_ns ||
					       (event->attempt.began_known && event->from_ns == last->to_ns));
		if (last && disturbance(index, client, attempt_ended(last).low,
				began_later ? event->from_ns : event->to_ns))
			run = NULL;
		if (!run)
			run = add_run(runs);
		*array_push(run->attempts, run->count) = series->items[i];
		run->alone = run->count;
		if (attempt_succeeded(event))
			run = NULL;
	}
	if (run)
		run->is_owed = attempt_failed(&index->trace->events[run->attempts[run->count - 1]]);
}

/* ---- several: what the search for lanes works on ---- */

static int64_t later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* Attempts that succeed, told in the order of their beginnings, in the order of their ends. */
struct successes {
	int64_t *ends;
	size_t count;
};

/* The last that was over by then, or INT64_MIN; those are forgotten. */
static int64_t take_successes(struct successes *successes, int64_t until_ns)
{
	int64_t last_ns = INT64_MIN;
	size_t kept = 0;
	for (size_t i = 0; i < successes->count; i++) {
		if (successes->ends[i] <= until_ns)
			last_ns = later(last_ns, successes->ends[i]);
		else
			successes->ends[kept++] = successes->ends[i];
	}
	successes->count = kept;
	return last_ns;
}

/* What is known as the series goes by. */
struct progress {
	struct successes successes;
	int64_t opened_ns, lost_ns;
	size_t epoch;
	int64_t epoch_began_ns;
	bool epoch_is_cut;
};

static struct item next_item(
    const struct lanes *lanes, struct progress *progress, const struct event *event, int open)
{
	int64_t began_ns = attempt_began(event);
	int64_t disturbed_ns = last_disturbed(lanes->index, lanes->client, began_ns);
	progress->opened_ns = later(progress->opened_ns, take_successes(&progress->successes, began_ns));
	if (open > 0)
		progress->opened_ns = began_ns;
	int64_t broken_ns = later(later(progress->opened_ns, progress->lost_ns), disturbed_ns);
	if (progress->epoch == 0 || broken_ns >= progress->epoch_began_ns) {
		progress->epoch++;
		progress->epoch_began_ns = began_ns;
		progress->epoch_is_cut = false;
	}
	if (attempt_succeeded(event))
		*array_push(progress->successes.ends, progress->successes.count) = event->to_ns;
	return (struct item){
		.event = (size_t)(event - lanes->index->trace->events),
		.attempt = event,
		.open = open,
		.ended = attempt_ended(event),
		.began_ns = began_ns,
		.opened_ns = progress->opened_ns,
		.disturbed_ns = disturbed_ns,
		.epoch = progress->epoch,
		.epoch_began_ns = progress->epoch_began_ns,
		.epoch_is_cut = progress->epoch_is_cut,
	};
}

static void lanes_fill(struct lanes *lanes, const struct series *series, const struct window *window)
{
	struct progress progress = { .opened_ns = INT64_MIN, .lost_ns = INT64_MIN };
	for (size_t i = 0; i < series->count; i++) {
		const struct event *event = series_event(lanes->index, series, i);
		if (event->kind != EVENT_ATTEMPT) {
			progress.lost_ns = later(progress.lost_ns, event->to_ns);
			continue;
		}
		struct item item = next_item(lanes, &progress, event, index_open(series, i));
		bool is_inside = window_holds(window, (struct interval){ item.began_ns, item.began_ns });
		if (is_inside)
			*array_push(lanes->items, lanes->count) = item;
		progress.epoch_is_cut = progress.epoch_is_cut || !is_inside;
		lanes->opened_ns = later(lanes->opened_ns, progress.opened_ns);
		if (attempt_succeeded(event))
			lanes->opened_ns = later(lanes->opened_ns, event->to_ns);
	}
	free(progress.successes.ends);
}

static struct lanes lanes_of(
    const struct index *index, const struct expectation *expectation, const struct window *window)
{
	struct lanes lanes = {
		.index = index,
		.rule = &expectation->backoff,
		.client = index->plan->watches[expectation->watch].service,
		.until_ns = window->until_ns,
		.opened_ns = INT64_MIN,
	};
	lanes_fill(&lanes, &index->watches[expectation->watch], window);
	return lanes;
}

/* ---- and what it found, as runs ---- */

static size_t run_of(const size_t *by_item, const struct item *item)
{
	return item->previous == NO_ITEM ? NO_ITEM : by_item[item->previous];
}

/* Where the first attempt of a run may be in the schedule, if all of its gaps are to fit. */
static size_t first_position(const struct lanes *lanes, const struct item *first)
{
	return first->epoch_is_cut ? lanes_position(lanes, (size_t)(first - lanes->items)) : 1;
}

static size_t begin_run(struct retries *runs, const struct lanes *lanes, const struct item *item)
{
	struct run *run = add_run(runs);
	run->number = item->epoch;
	run->connection = item->lane;
	run->position = first_position(lanes, item);
	return runs->count - 1;
}

static void retries_build(const struct lanes *lanes, struct retries *runs)
{
	size_t *by_item OWNED = xcalloc(lanes->count, sizeof(*by_item));
	for (size_t i = 0; i < lanes->count; i++) {
		const struct item *item = &lanes->items[i];
		if (!item->is_placed)
			continue;
		by_item[i] = run_of(by_item, item);
		if (by_item[i] == NO_ITEM)
			by_item[i] = begin_run(runs, lanes, item);
		if (!runs->items)
			BUG("an attempt of no run");
		struct run *run = &runs->items[by_item[i]];
		if (item->open == 0 && run->alone == run->count)
			run->alone++;
		*array_push(run->attempts, run->count) = item->event;
		run->is_owed = item->is_owed;
	}
}

void retries_find(const struct index *index, const struct expectation *expectation,
    const struct window *window, struct retries *ret_runs)
{
	struct retries runs = { .connections = connections_at_once(index, expectation->watch) };
	if (runs.connections == 1) {
		find_consecutive(index, expectation, &runs);
		*ret_runs = runs;
		return;
	}
	struct lanes lanes = lanes_of(index, expectation, window);
	/* With gaps that are all the same, attempts twice as fast as they should be look like two
	 * connections that begin half a gap apart. That they begin together tells them. */
	bool is_constant = expectation->backoff.factor <= 1;
	enum lanes_result result = lanes_explain(&lanes, runs.connections, is_constant);
	if (result == LANES_NONE && is_constant) {
		result = lanes_explain(&lanes, runs.connections, false);
		if (result == LANES_FOUND)
			runs.doubt = xasprintf("the attempts are right for %zu connections only if these "
					       "did not begin together, which one that is too fast looks "
					       "like, too",
			    runs.connections);
	}
	if (result != LANES_FOUND)
		lanes_force(&lanes, runs.connections);
	if (result == LANES_TOO_MANY)
		runs.doubt = xasprintf("there are too many ways to share the attempts out among %zu "
				       "connections to try them all",
		    runs.connections);
	retries_build(&lanes, &runs);
	free(lanes.items);
	*ret_runs = runs;
}

size_t retries_explained_by(const struct index *index, const struct expectation *expectation,
    const struct window *window, size_t connections)
{
	const struct series *series = &index->watches[expectation->watch];
	size_t found = 0;
	if (index->plan->watches[expectation->watch].from_log)
		return 0;
	/* Where the trace was cut short, the others may have connected a moment later. */
	for (size_t i = 0; i < series->count && index->end; i++) {
		const struct event *event = series_event(index, series, i);
		if (event->kind == EVENT_ATTEMPT && attempt_succeeded(event))
			return 0;
	}
	struct lanes lanes = lanes_of(index, expectation, window);
	for (size_t count = connections + 1; count <= UNSEEN_CONNECTIONS_MAX && !found; count++)
		if (lanes_explain(&lanes, count, true) == LANES_FOUND)
			found = count;
	free(lanes.items);
	return found;
}
