/* implied: what nobody writes down, and a scenario means nonetheless: that the subject met every phase
 * (met.c), and that a step was done before what it was to precede (in_time.c). Never a failure of the
 * subject's: what was not so makes the world inconclusive. */
#ifndef CHECK_IMPLIED_H
#define CHECK_IMPLIED_H

#include "check/judge.h"

struct implied {
	struct expectation expectation; /* a `reach` that nobody wrote; `id` and `text` are owned */
	void (*judge)(const struct index *index, const struct implied *implied, struct draft *draft);
	/* met: a phase of a service. In time: the expectation's `step`, until the moment that it is before.
	 */
	size_t service;
	enum phase phase;
};

/* The caller frees the items, and `id` and `text` of their expectations. */
struct implied_list {
	struct implied *items;
	size_t count;
};

/* Of all services to which an attempts watch of the wire leads, service by service, up the ladder. */
void met_find(const struct index *index, struct implied_list *list);
/* Of all steps with a `before`, as they are written. */
void in_time_find(const struct index *index, struct implied_list *list);

#endif
