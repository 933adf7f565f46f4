/*
 * index: the events of a trace by whom they are about, made once for all expectations.
 *
 * A series holds indexes into trace.events, ordered by `from` (arrival where equal).
 */
#ifndef CHECK_INDEX_H
#define CHECK_INDEX_H

#include "check/lateness.h"
#include "plan/plan.h"
#include "trace/trace.h"

#define NO_EVENT ((size_t)-1)

struct series {
	size_t *items;
	size_t count;
	/* Polls that timed out while the host was late, which are not among the items: see polls.h. */
	size_t *starved;
	size_t starved_count;
	int *open; /* of an attempts watch, item by item: see index_open() */
};

struct index {
	const struct plan *plan;
	const struct trace *trace;
	struct series *watches;   /* by plan.watches; of a WATCH_LOG: empty, see `logs` */
	struct series *services;  /* by stack.services: EVENT_SERVICE */
	struct series *logs;      /* by stack.services: EVENT_LOG */
	struct series *phases;    /* by stack.services: EVENT_PHASE */
	struct series *steps;     /* by plan.steps: EVENT_STEP */
	struct series *responses; /* by plan.steps: EVENT_RESPONSE */
	struct series troubles;
	const struct event *end; /* NULL: the trace was cut short */
	int64_t end_ns;          /* nothing is known of what came after */
	struct lateness_table *lateness;
};

void index_init(struct index *index, const struct plan *plan, const struct trace *trace);
void index_release(struct index *index);

static inline const struct event *series_event(
    const struct index *index, const struct series *series, size_t i)
{
	return &index->trace->events[series->items[i]];
}

/* A poll or request that timed out while the host was late: the subject may not have had its time either. */
bool index_is_starved(const struct index *index, const struct event *event);
/* The lines of a log watch, the observations of any other. */
const struct series *index_watch(const struct index *index, int watch);

/* Did the world end in a way after which what has not happened has not happened? "completed", and "wait":
 * giving up is the answer to a wait. */
bool index_is_closed(const struct index *index);
/* Otherwise: why not, a clause ("the trace was cut short"). */
const char *index_open_reason(const struct index *index);

/* Trouble that only means that attempts of one service may not have been seen: packets were lost. */
bool index_is_loss(const struct index *index, const struct event *trouble);
/* The first other trouble not after the moment, or NULL. */
const struct event *index_trouble_before(const struct index *index, int64_t ns);

/* The last time the service ended with nobody asking for it, up to the moment; NULL if it did not, or runs
 * again. */
const struct event *index_death(const struct index *index, size_t service, int64_t until_ns);
/* Had the service ended by then, whoever asked for it? Then since when, and when it was started again
 * (INT64_MAX: never). */
bool index_is_down(
    const struct index *index, size_t service, int64_t at_ns, int64_t *ret_since_ns, int64_t *ret_until_ns);
/* Is that the service's last word: no restart policy, and no step left that would start it? */
bool index_is_dead_for_good(const struct index *index, size_t service);
/* Of an attempts watch: how many connections worked as attempt `i` of the series began, or were left by the
 * loss. Not more than the trace says, which counts those that came to nothing as long as they are open. */
static inline int index_open(const struct series *series, size_t i)
{
	return series->open ? series->open[i] : 0;
}
bool index_was_started(const struct index *index, size_t service);

#endif
