/* met: what every phase of a scenario implies: that the subject met it. */
#ifndef CHECK_MET_H
#define CHECK_MET_H

#include "check/judge.h"

/* A phase of a service that is to be met. */
struct meeting {
	struct expectation expectation; /* a `reach` that nobody wrote */
	size_t service;
	enum phase phase;
};

struct meetings {
	struct meeting *items;
	size_t count;
};

/* Of all services to which an attempts watch of the wire leads, service by service, up the ladder. The
 * caller frees the items, and `id` and `text` of their expectations. */
void meetings_find(const struct index *index, struct meetings *ret_meetings);
void judge_met(const struct index *index, const struct meeting *meeting, struct draft *draft);

#endif
