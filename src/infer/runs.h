/*
 * runs: which attempts belong to one retry loop, and the gaps between them.
 *
 * A run is what one loop did between two successes (or starts of the client). Where one loop alone cannot
 * explain the attempts, lanes_split() looks for several that follow one schedule side by side.
 */
#ifndef INFER_RUNS_H
#define INFER_RUNS_H

#include "infer/fit.h"

#define LANES_MAX 4

enum run_end {
	RUN_SUCCEEDED,
	RUN_SILENT,      /* nothing more until `until_ns` */
	RUN_EXITED,      /* the client ended by itself at `until_ns` */
	RUN_INTERRUPTED, /* by somebody, or it is not known how it went on */
};

struct run {
	size_t *tries; /* indexes */
	size_t count;
	enum run_end end;
	int64_t until_ns;
	size_t failed_before; /* by the same process, in runs before */
};

struct runs {
	struct run *items;
	size_t count;
	int lanes;
};

/* `sightings.tries` are in the order of their beginnings. */
void runs_split(const struct sightings *sightings, struct runs *ret_runs);
/* False, and no runs, where no schedule explains the attempts as two to LANES_MAX loops. */
bool lanes_split(const struct sightings *sightings, bool from_start, struct runs *ret_runs);
/* Are loops with a constant delay, as they were split, perhaps one that is as many times as fast? Loops that
 * take turns evenly are no different from it. `one`: the attempts as those of one loop. */
bool lanes_take_turns(const struct sightings *sightings, const struct runs *split, const struct runs *one);
void runs_release(struct runs *runs);
size_t *run_add(struct runs *runs, size_t run, size_t try);

static inline bool try_failed(const struct try *try)
{
	return try->outcome == TRY_FAILED || try->outcome == TRY_TIMED_OUT;
}

/* `continues`: a success does not put the delay back. */
void gaps_make(const struct sightings *sightings, const struct runs *runs, bool from_start, bool continues,
    struct gaps *ret_gaps);
double grain_of(double length);
/* The attempt adds a connection to others that are open, and does not replace one that was lost. */
bool *growth_marks(const struct sightings *sightings);

#endif
