/*
 * Several loops that follow one schedule, laid over one another: replicas of the subject, or connections of
 * one client. The first attempt begins a loop; which of the next ones are its second and third is tried, each
 * choice makes a schedule, and the schedule has to explain all attempts, with few loops and none left over.
 */
#include "infer/runs.h"

#include "base/duration.h"

#include <stdlib.h>

/* Attempts looked at; candidates for the second and third of a loop. */
enum { TRIES_MAX = 240, CANDIDATES = 9, SCHEDULE_MAX = 64, MATCHES_LEAST = 8 };

/* A schedule that was read off three attempts is this rough. */
#define ROUGH 2.0

struct schedule {
	enum family family;
	double first, growth, cap; /* cap 0: none */
};

struct cover {
	const struct sightings *sightings;
	size_t count; /* attempts looked at */
	struct schedule schedule;
	struct {
		size_t run;
		int position; /* gaps so far */
		const struct try *last;
	} lanes[LANES_MAX];
	int alive;
	struct runs runs;
	size_t matches, missed;
	size_t missed_length; /* of the loops that ended early; all must be alike */
};

static double delay_at(const struct schedule *schedule, int position)
{
	double delay = schedule->first;
	if (schedule->family == FAMILY_LINEAR)
		delay += schedule->growth * position;
	else if (schedule->family == FAMILY_EXPONENTIAL)
		delay *= pow(schedule->growth, position);
	return schedule->cap > 0 && delay > schedule->cap ? schedule->cap : delay;
}

static double gap_s(const struct try *last, const struct try *next)
{
	double end = ((double)last->end_from_ns + (double)last->end_to_ns) / 2;
	return ((double)next->begin_ns - end) / NS_PER_S;
}

static double rough_tolerance(const struct try *next, double gap)
{
	return ROUGH * grain_of(gap) + (double)next->late_ns / NS_PER_S;
}

static void drop_lane(struct cover *cover, int lane)
{
	cover->lanes[lane] = cover->lanes[--cover->alive];
}

static bool is_interrupted(const struct sightings *sightings, int64_t from_ns, int64_t to_ns)
{
	for (size_t i = 0; i < sightings->interruption_count; i++)
		if (sightings->interruptions[i].at_ns >= from_ns &&
		    sightings->interruptions[i].at_ns <= to_ns)
			return true;
	return false;
}

/* Loops whose next attempt did not come are over; false if that makes no sense. */
static bool expire(struct cover *cover, const struct try *now)
{
	for (int lane = cover->alive - 1; lane >= 0; lane--) {
		const struct try *last = cover->lanes[lane].last;
		double delay = delay_at(&cover->schedule, cover->lanes[lane].position);
		if (gap_s(last, now) <= delay + rough_tolerance(now, delay))
			continue;
		size_t length = cover->runs.items[cover->lanes[lane].run].count;
		bool is_told = is_interrupted(cover->sightings, last->begin_ns, now->begin_ns);
		drop_lane(cover, lane);
		if (is_told)
			continue;
		if (length < 3 || (cover->missed > 0 && length != cover->missed_length))
			return false;
		cover->missed++;
		cover->missed_length = length;
	}
	return true;
}

/* The loop that was to make an attempt now; -1: none. */
static int lane_due(const struct cover *cover, const struct try *now)
{
	int best = -1;
	double best_off = INFINITY;
	for (int lane = 0; lane < cover->alive; lane++) {
		double delay = delay_at(&cover->schedule, cover->lanes[lane].position);
		double off = fabs(gap_s(cover->lanes[lane].last, now) - delay);
		if (off <= rough_tolerance(now, delay) && off < best_off) {
			best = lane;
			best_off = off;
		}
	}
	return best;
}

/* Does the schedule explain every attempt? */
static bool cover_all(struct cover *cover)
{
	const struct sightings *sightings = cover->sightings;
	for (size_t i = 0; i < cover->count; i++) {
		const struct try *now = &sightings->tries[i];
		if (!expire(cover, now))
			return false;
		int lane = lane_due(cover, now);
		if (lane < 0) {
			if (cover->alive == LANES_MAX || cover->runs.count > 2 + i / 3)
				return false;
			lane = cover->alive++;
			cover->runs.lanes =
			    cover->alive > cover->runs.lanes ? cover->alive : cover->runs.lanes;
			cover->lanes[lane].run = cover->runs.count;
			cover->lanes[lane].position = -1;
			array_push(cover->runs.items, cover->runs.count)->end = RUN_INTERRUPTED;
		} else {
			cover->matches++;
		}
		struct run *run = &cover->runs.items[cover->lanes[lane].run];
		run_add(&cover->runs, cover->lanes[lane].run, i);
		cover->lanes[lane].last = now;
		cover->lanes[lane].position++;
		if (!try_failed(now)) {
			run->end = now->outcome == TRY_SUCCEEDED ? RUN_SUCCEEDED : RUN_INTERRUPTED;
			drop_lane(cover, lane);
		}
	}
	return cover->runs.lanes > 1 && cover->matches >= MATCHES_LEAST &&
	       2 * cover->matches >= 5 * cover->runs.count && cover->missed * 3 <= cover->matches;
}

/* Loops that gave up are told by the silence behind them. */
static void tell_ends(struct cover *cover)
{
	const struct sightings *sightings = cover->sightings;
	bool is_whole = cover->count == sightings->try_count;
	for (size_t r = 0; r < cover->runs.count; r++) {
		struct run *run = &cover->runs.items[r];
		const struct try *last = &sightings->tries[run->tries[run->count - 1]];
		if (!try_failed(last) || !is_whole ||
		    is_interrupted(sightings, last->begin_ns, sightings->ended_ns))
			continue;
		run->end = RUN_SILENT;
		run->until_ns = sightings->ended_ns;
	}
}

/* How much of it is explained, less the loops that it takes. */
static double worth_of(const struct cover *cover)
{
	return (double)cover->matches - 2 * (double)cover->runs.count - 2 * (double)cover->missed;
}

struct search {
	const struct sightings *sightings;
	size_t count;
	struct runs best;
	double best_worth;
};

static void consider(struct search *search, struct schedule schedule)
{
	struct cover cover = { .sightings = search->sightings, .count = search->count, .schedule = schedule };
	if (cover_all(&cover) && worth_of(&cover) > search->best_worth) {
		tell_ends(&cover);
		search->best_worth = worth_of(&cover);
		struct runs old = search->best;
		search->best = cover.runs;
		cover.runs = old;
	}
	runs_release(&cover.runs);
}

/* The attempt that the schedule says comes next in the first loop; 0: none. */
static size_t find_next(const struct search *search, size_t last, double delay)
{
	size_t best = 0;
	double best_off = INFINITY;
	for (size_t i = last + 1; i < search->count; i++) {
		const struct try *next = &search->sightings->tries[i];
		double gap = gap_s(&search->sightings->tries[last], next);
		double off = fabs(gap - delay);
		if (gap > delay + rough_tolerance(next, delay))
			break;
		if (off <= rough_tolerance(next, delay) && off < best_off) {
			best = i;
			best_off = off;
		}
	}
	return best;
}

/* Follows the first loop as far as the schedule goes, which makes its figures better on the way; then with
 * every cap that the next attempts suggest. */
static void follow(struct search *search, struct schedule schedule, size_t last, double gap)
{
	const struct try *tries = search->sightings->tries;
	int position = 2;
	for (; position < SCHEDULE_MAX; position++) {
		size_t next =
		    try_failed(&tries[last]) ? find_next(search, last, delay_at(&schedule, position)) : 0;
		if (next == 0)
			break;
		gap = gap_s(&tries[last], &tries[next]);
		if (schedule.family == FAMILY_LINEAR)
			schedule.growth = (gap - schedule.first) / position;
		else if (schedule.family == FAMILY_EXPONENTIAL)
			schedule.growth = pow(gap / schedule.first, 1.0 / position);
		last = next;
	}
	consider(search, schedule);
	if (schedule.family == FAMILY_FIXED)
		return;
	double due = delay_at(&schedule, position);
	for (size_t i = last + 1; i < search->count && i <= last + CANDIDATES; i++) {
		schedule.cap = gap_s(&tries[last], &tries[i]);
		if (schedule.cap > gap - rough_tolerance(&tries[i], gap) && schedule.cap < due)
			consider(search, schedule);
	}
}

static void try_pair(struct search *search, size_t second, size_t third)
{
	const struct try *tries = search->sightings->tries;
	double gap = gap_s(&tries[0], &tries[second]), next = gap_s(&tries[second], &tries[third]);
	double tolerance = rough_tolerance(&tries[third], next);
	if (gap < GRAIN_S || next < gap - tolerance)
		return;
	if (fabs(next - gap) <= tolerance) {
		follow(search, (struct schedule){ .family = FAMILY_FIXED, .first = (gap + next) / 2 }, third,
		    next);
		return;
	}
	/* The growth of one step tells the kind no sooner than the next. */
	if (next / gap < FACTOR_MAX)
		follow(search,
		    (struct schedule){ .family = FAMILY_EXPONENTIAL, .first = gap, .growth = next / gap },
		    third, next);
	follow(search, (struct schedule){ .family = FAMILY_LINEAR, .first = gap, .growth = next - gap },
	    third, next);
}

static bool split(const struct sightings *sightings, struct runs *ret_runs)
{
	struct search search = { .sightings = sightings,
		.count = sightings->try_count < TRIES_MAX ? sightings->try_count : TRIES_MAX };
	*ret_runs = (struct runs){ 0 };
	if (search.count < MATCHES_LEAST + 2 || !try_failed(&sightings->tries[0]))
		return false;
	for (size_t second = 1; second < search.count && second <= CANDIDATES; second++) {
		if (!try_failed(&sightings->tries[second]))
			continue;
		for (size_t third = second + 1; third < search.count && third <= second + CANDIDATES; third++)
			try_pair(&search, second, third);
	}
	*ret_runs = search.best;
	return search.best.count > 0;
}

bool lanes_split(const struct sightings *sightings, bool from_start, struct runs *ret_runs)
{
	if (!from_start)
		return split(sightings, ret_runs);
	/* Attempts that are over as they begin have the same gaps from start to start. */
	struct try *points OWNED = xcalloc(sightings->try_count + 1, sizeof(*points));
	struct sightings view = *sightings;
	for (size_t i = 0; i < sightings->try_count; i++) {
		points[i] = sightings->tries[i];
		points[i].end_from_ns = points[i].end_to_ns = points[i].begin_ns;
	}
	view.tries = points;
	return split(&view, ret_runs);
}

/* From beginning to beginning, in the loops. */
static double period_of(const struct sightings *sightings, const struct runs *split)
{
	struct gaps gaps;
	double sum = 0;
	gaps_make(sightings, split, true, false, &gaps);
	for (size_t i = 0; i < gaps.count; i++)
		sum += gaps.items[i].length;
	return gaps.count ? sum / (double)gaps.count : 0;
}

bool lanes_take_turns(const struct sightings *sightings, const struct runs *split, const struct runs *one)
{
	struct gaps gaps;
	size_t even = 0;
	double turn = period_of(sightings, split) / split->lanes;
	gaps_make(sightings, one, true, false, &gaps);
	for (size_t i = 0; i < gaps.count; i++)
		even += fabs(gaps.items[i].length - turn) <= ROUGH * gaps.items[i].tolerance;
	return 2 * even >= gaps.count;
}
