/*
 * worlds: what a run is to run: every scenario, as often as asked, each time in a world with a seed and a
 * trace of its own. A world that is tried again is a further one.
 */
#ifndef CLI_WORLDS_H
#define CLI_WORLDS_H

#include "cli/judging.h"
#include "cli/selection.h"

#include <stdint.h>

struct run_world {
	size_t plan;    /* index into the selection */
	int repetition; /* from 1 */
	int retry;      /* 0: the first try */
	int64_t seed;   /* a retry draws what the first try drew */
	char *trace_path;
	bool ended;
	int64_t took_ns;
	struct judged judged; /* empty before it was judged */
	bool reduced;
};

struct worlds {
	struct run_world **items; /* in the order in which they run */
	size_t count;
	const struct selection *selection;
	const char *folder; /* of the traces */
	int64_t seed;
	int repeat;
	bool *has_whole; /* one a plan: a world of it passed and was kept whole */
};

/* Every scenario once, then every one again: `repeat` times. Borrows selection and folder. */
void worlds_init(
    struct worlds *worlds, const struct selection *selection, const char *folder, int64_t seed, int repeat);
void worlds_release(struct worlds *worlds);
/* The same world once more, at the end. */
void worlds_add_retry(struct worlds *worlds, const struct run_world *failed);
/* Of many worlds of a scenario that passed, the first that comes here is kept whole for its picture; of the
 * others the figures are enough, and they are reduced. The world was judged. */
void worlds_reduce(struct worlds *worlds, struct run_world *world);
/* By scenario, then repetition, then try: as reports show them. */
void worlds_sort(struct worlds *worlds);

#endif
