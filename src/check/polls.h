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

#endif
