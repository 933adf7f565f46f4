#include "infer/runs.h"

#include "base/duration.h"

#include <stdlib.h>

/* A gap in which the host was later than both of these tells nothing. */
#define LATE_SHARE 0.25
#define LATE_LEAST_S 0.02

double grain_of(double length)
{
	return fmax(GRAIN_S, GRAIN_SHARE * length);
}

void runs_release(struct runs *runs)
{
	for (size_t i = 0; i < runs->count; i++)
		free(runs->items[i].tries);
	free(runs->items);
	*runs = (struct runs){ 0 };
}

size_t *run_add(struct runs *runs, size_t run, size_t try)
{
	struct run *of = &runs->items[run];
	size_t *added = array_push(of->tries, of->count);
	*added = try;
	return added;
}

/* The first interruption between the two times, or NULL. */
static const struct interruption *interruption_between(
    const struct sightings *sightings, int64_t from_ns, int64_t to_ns)
{
	const struct interruption *first = NULL;
	for (size_t i = 0; i < sightings->interruption_count; i++) {
		const struct interruption *one = &sightings->interruptions[i];
		if (one->at_ns >= from_ns && one->at_ns <= to_ns && (!first || one->at_ns < first->at_ns))
			first = one;
	}
	return first;
}

/* A connection was lost that no attempt was seen to make. */
static bool lost_between(const struct sightings *sightings, const struct try *try, int64_t to_ns)
{
	for (size_t i = 0; i < sightings->lost_count && try->open == 0; i++)
		if (sightings->lost_ns[i] > try->end_to_ns && sightings->lost_ns[i] < to_ns)
			return true;
	return false;
}

/* How the run ends if the next thing to happen is at `next_ns`; false: it goes on. */
static bool run_ends(
    const struct sightings *sightings, const struct try *last, int64_t next_ns, struct run *run)
{
	run->until_ns = next_ns;
	if (last->outcome == TRY_SUCCEEDED) {
		run->end = RUN_SUCCEEDED;
		return true;
	}
	if (last->outcome == TRY_PENDING) {
		run->end = RUN_INTERRUPTED;
		return true;
	}
	const struct interruption *interruption = interruption_between(sightings, last->begin_ns, next_ns);
	if (interruption) {
		run->end = interruption->by_itself ? RUN_EXITED : RUN_INTERRUPTED;
		run->until_ns = interruption->at_ns;
		return true;
	}
	run->end = lost_between(sightings, last, next_ns) ? RUN_INTERRUPTED : RUN_SILENT;
	return run->end == RUN_INTERRUPTED;
}

void runs_split(const struct sightings *sightings, struct runs *ret_runs)
{
	*ret_runs = (struct runs){ .lanes = 1 };
	size_t failed = 0;
	for (size_t i = 0; i < sightings->try_count; i++) {
		const struct try *try = &sightings->tries[i];
		struct run *run = ret_runs->count ? &ret_runs->items[ret_runs->count - 1] : NULL;
		if (!run || run_ends(sightings, &try[-1], try->begin_ns, run)) {
			if (run && run->end != RUN_SUCCEEDED)
				failed = 0;
			run = array_push(ret_runs->items, ret_runs->count);
			run->failed_before = failed;
		}
		run_add(ret_runs, ret_runs->count - 1, i);
		failed += try_failed(try);
	}
	if (ret_runs->count)
		run_ends(sightings, &sightings->tries[sightings->try_count - 1], sightings->ended_ns,
		    &ret_runs->items[ret_runs->count - 1]);
}

bool *growth_marks(const struct sightings *sightings)
{
	bool *marks = xcalloc(sightings->try_count + 1, sizeof(*marks));
	int most = 0;
	for (size_t i = 0; i < sightings->try_count; i++) {
		const struct try *try = &sightings->tries[i];
		marks[i] = try->outcome == TRY_SUCCEEDED && try->open >= 1 && try->open >= most;
		int open = try->open + (try->outcome == TRY_SUCCEEDED && try->open < INT32_MAX);
		most = open > most ? open : most;
	}
	return marks;
}

static double seconds(int64_t ns)
{
	return (double)ns / NS_PER_S;
}

void gaps_make(const struct sightings *sightings, const struct runs *runs, bool from_start, bool continues,
    struct gaps *ret_gaps)
{
	bool *grows OWNED = growth_marks(sightings);
	ret_gaps->count = ret_gaps->left_out = 0;
	for (size_t r = 0; r < runs->count; r++) {
		const struct run *run = &runs->items[r];
		for (size_t i = 0; i + 1 < run->count && ret_gaps->count < GAPS_MAX; i++) {
			const struct try *last = &sightings->tries[run->tries[i]];
			const struct try *next = &sightings->tries[run->tries[i + 1]];
			size_t index = i + 1 + (continues ? run->failed_before : 0);
			double end = (seconds(last->end_from_ns) + seconds(last->end_to_ns)) / 2;
			double begin = from_start ? seconds(last->begin_ns) : end;
			double doubt = seconds(next->late_ns) +
				       (from_start ? 0 : seconds(last->end_to_ns - last->end_from_ns));
			double length = fmax(seconds(next->begin_ns) - begin, LENGTH_MIN_S);
			if (i >= INDEX_MAX || !try_failed(last) || grows[run->tries[i + 1]])
				continue;
			if (doubt > fmax(LATE_LEAST_S, LATE_SHARE * length)) {
				ret_gaps->left_out++;
				continue;
			}
			ret_gaps->items[ret_gaps->count++] = (struct gap){
				.length = length,
				.tolerance = grain_of(length) + doubt,
				.index = (int)(index < INDEX_MAX ? index : INDEX_MAX),
				.run = r,
			};
		}
	}
}
