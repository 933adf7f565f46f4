/*
 * polls: what a watch shows, with the polls that do not count in their places.
 *
 * A poll that timed out while the host was late for more than a fifth of its time is no observation: nobody
 * knows whether the subject or the host was too slow. So nothing is concluded from what it shows, nor from
 * there being nothing else: where it would matter if it did count, the answer is open.
 */
#ifndef CHECK_POLLS_H
#define CHECK_POLLS_H

#include "check/index.h"
#include "check/judge.h"

struct polls {
	const struct index *index;
	const struct series *series;
	size_t next, next_starved;
};

struct poll {
	const struct event *event;
	size_t number; /* of the event */
	bool is_starved;
};

/* In the order in which they were sent; false: there are no more. Works on every watch but those of logs. */
bool polls_next(struct polls *polls, struct poll *ret_poll);

/* Those which would matter if they counted. */
struct starved {
	size_t count;
	const struct event *first;
	int64_t lateness_ns; /* of the host, in the time of the worst of them */
};

void starved_add(struct starved *starved, const struct index *index, const struct event *poll);
/* Leaves the answer open because of them. `before`: a clause that goes first, or "". */
void draft_starved(struct draft *draft, const struct starved *starved, const char *before);

/* ---- holes ---- */

/* Nothing was asked for longer than three periods and a late host explain, or for ten and a second, whatever
 * explains it: anything may have been. A host that stood still for long is late by as much, and would excuse
 * its own silence. */
enum { HOLE_PERIODS = 3, SILENCE_PERIODS = 10 };
#define SILENCE_NS INT64_C(1000000000)

/* From the answer to one poll to the sending of the next. */
bool is_hole(const struct index *index, const struct watch *watch, int64_t from_ns, int64_t to_ns);
/* But who does not run is not polled: that is no hole. */
bool is_unasked(const struct index *index, const struct watch *watch, int64_t from_ns, int64_t to_ns);

/* How far polls cover a window, and the largest hole they leave. Begins with the window: { .last_ns =
 * window.after.high }. */
struct coverage {
	bool needs_answers; /* that the service did not run is a hole, too */
	int64_t last_ns;    /* covered until here; INT64_MIN: it begins with the first poll */
	int64_t hole_ns, hole_from_ns;
};

/* The next poll, or the end of the window. What is not polled leaves no hole. */
void coverage_add(
    struct coverage *coverage, const struct index *index, const struct watch *watch, struct interval poll);
/* "10s from 2s" */
void text_add_hole(struct buf *out, const struct coverage *coverage);

#endif
