/* late: steps that were done later than the scenario says. */
#ifndef CHECK_LATE_H
#define CHECK_LATE_H

#include "check/index.h"
#include "check/judge.h"

/* As they are in the trace; the caller frees them. */
struct late_step *late_find(const struct index *index, size_t *ret_count) MUST_CHECK;

#endif
