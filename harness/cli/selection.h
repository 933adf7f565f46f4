/* selection: which scenarios a command line means. */
#ifndef CLI_SELECTION_H
#define CLI_SELECTION_H

#include "base/err.h"
#include "base/memory.h"
#include "plan/plan.h"

#include <stddef.h>

/* What a story may be told faster by. */
#define SPEED_MIN 0.01
#define SPEED_MAX 1000.0

struct selection {
	struct plan **plans;
	size_t count;
	size_t seen; /* scenarios found, before filters */
};

struct selection_filter {
	double speed;
	const char *name; /* part of a name, or NULL */
	const char *tag;  /* or NULL */
};

/* Loads every scenario of the paths: a file is a scenario; of a folder those *.yaml, *.yml and *.json that
 * say `falsestart:`, in the order of their names. Two scenarios of the same name are an error. */
int selection_load(struct selection *selection, char *const *paths, size_t path_count,
    const struct selection_filter *filter, struct err *err) MUST_CHECK;
void selection_release(struct selection *selection);

#endif
