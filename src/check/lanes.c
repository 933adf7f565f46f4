#include "check/lanes.h"

#include "check/observation.h"
#include "check/schedule.h"

#include <string.h>

/* Places tried in all before giving up: a second's work at the very most. */
enum { TRIES_MAX = 200000 };

struct lane {
	size_t last; /* item */
	size_t run;
	/* Where in the schedule its last attempt may be: bit i is position `base` + i. */
	uint64_t positions;
	size_t base;
	size_t number;
	bool counts;
};

struct state {
	struct lane lanes[LANES_MAX];
	size_t count;
};

/* A place for an attempt: in a lane of the state, or one of these. */
enum { PLACE_NEW = LANES_MAX, PLACE_REPLACE, PLACE_IGNORE, PLACES_MAX };

struct places {
	size_t items[PLACES_MAX];
	size_t count;
};

/* An attempt whose place was chosen, with what it was chosen from. */
struct choice {
	struct state before;
	size_t taken; /* of the places */
};

struct search {
	struct lanes *lanes;
	size_t lane_count;
	bool in_burst;
	bool forced; /* no going back: what fits nowhere goes where it fits least badly */
};

static const struct item *last_of(const struct search *search, const struct lane *lane)
{
	return &search->lanes->items[lane->last];
}

static int64_t tolerance_for(const struct backoff *rule, int64_t expected)
{
	return tolerance_of(expected, rule->tolerance, rule->floor_ns);
}

/* ---- one lane and the next attempt ---- */

/* The positions, of those the lane may be in, after which the attempt would be right. */
static uint64_t fitting(const struct search *search, const struct lane *lane, const struct item *item)
{
	const struct item *last = last_of(search, lane);
	const struct backoff *rule = search->lanes->rule;
	struct interval gap = gap_between(last->attempt, item->attempt);
	int64_t lateness = gap_lateness(search->lanes->index, last->attempt, item->attempt);
	uint64_t fits = 0;
	for (size_t i = 0; i < 64; i++) {
		if (!(lane->positions & UINT64_C(1) << i))
			continue;
		int64_t expected = schedule_after(rule, lane->run, lane->base + i);
		if (expected < 0)
			continue;
		if (expected == 0 || gap_answer(gap, schedule_range(rule, expected),
					 tolerance_for(rule, expected), lateness) != ANSWER_NO)
			fits |= UINT64_C(1) << i;
	}
	return fits;
}

/* The last moment at which its next attempt would be right; INT64_MAX where none is due at any time. */
static int64_t deadline_of(const struct search *search, const struct lane *lane)
{
	const struct backoff *rule = search->lanes->rule;
	int64_t due_ns = 0;
	for (size_t i = 0; i < 64; i++) {
		if (!(lane->positions & UINT64_C(1) << i))
			continue;
		int64_t expected = schedule_after(rule, lane->run, lane->base + i);
		int64_t latest = expected > 0 ? saturating_add(schedule_range(rule, expected).high,
						    tolerance_for(rule, expected))
					      : INT64_MAX;
		due_ns = latest > due_ns ? latest : due_ns;
	}
	return saturating_add(last_of(search, lane)->ended.high, due_ns);
}

static bool is_overdue(const struct search *search, const struct lane *lane, int64_t at_ns)
{
	int64_t deadline_ns = deadline_of(search, lane);
	int64_t ended_ns = last_of(search, lane)->ended.low;
	return at_ns > deadline_ns &&
	       at_ns > saturating_add(
			   deadline_ns, lateness_within(search->lanes->index->lateness, ended_ns, at_ns));
}

/* Would the lane whose last attempt is this one be owed another, when a connection was last made then? */
static bool is_owed_another(const struct item *last, int64_t opened_ns)
{
	return last->counts && attempt_failed(last->attempt) && last->open == 0 &&
	       opened_ns < last->ended.low;
}

/* How long was waited after this attempt for one that did not come. */
static struct interval waited_after(const struct lanes *lanes, const struct item *last)
{
	int64_t until_ns = lanes->until_ns;
	const struct event *disturbed = disturbance(lanes->index, lanes->client, last->ended.low, INT64_MAX);
	if (disturbed && disturbed->from_ns < until_ns)
		until_ns = disturbed->from_ns;
	return interval_since((struct interval){ until_ns, until_ns }, last->ended);
}

/* ---- the state before an attempt ---- */

/* Lanes that need not be thought of any more are left out. -1: one of them cannot be explained. */
static int settle(const struct search *search, const struct item *item, struct state *state)
{
	size_t kept = 0;
	for (size_t i = 0; i < state->count; i++) {
		const struct lane *lane = &state->lanes[i];
		const struct item *last = last_of(search, lane);
		bool is_over = attempt_succeeded(last->attempt) && last->ended.high <= item->began_ns;
		bool failed = attempt_failed(last->attempt);
		bool is_disturbed = failed && item->disturbed_ns >= last->ended.low;
		if (failed && !is_disturbed && is_overdue(search, lane, item->began_ns)) {
			bool is_owed = is_owed_another(last, item->opened_ns);
			if (is_owed && !search->forced)
				return -1;
			is_over = !is_owed;
		}
		if (!is_over && !is_disturbed)
			state->lanes[kept++] = *lane;
	}
	state->count = kept;
	return 0;
}

static bool is_waiting(const struct search *search, const struct lane *lane, const struct item *item)
{
	const struct item *last = last_of(search, lane);
	return attempt_failed(last->attempt) && last->ended.low <= item->began_ns;
}

static bool may_begin(const struct search *search, const struct item *item)
{
	if (!search->in_burst)
		return true;
	int64_t first = schedule_gap(search->lanes->rule, 1);
	return item->began_ns - item->epoch_began_ns <= tolerance_for(search->lanes->rule, first);
}

/* A lane that nobody would miss: a connection was made since, so that it may have been given up. */
static size_t dispensable(const struct search *search, const struct state *state, const struct item *item)
{
	for (size_t i = 0; i < state->count; i++)
		if (is_waiting(search, &state->lanes[i], item) &&
		    !is_owed_another(last_of(search, &state->lanes[i]), item->opened_ns))
			return i;
	return NO_ITEM;
}

/* Of the lanes that wait, the one whose expectation the attempt misses by least. */
static size_t least_wrong(const struct search *search, const struct state *state, const struct item *item)
{
	size_t best = NO_ITEM;
	int64_t best_excess = INT64_MAX;
	for (size_t i = 0; i < state->count; i++) {
		const struct lane *lane = &state->lanes[i];
		if (!is_waiting(search, lane, item))
			continue;
		int64_t expected = schedule_after(search->lanes->rule, lane->run, lane->base);
		struct interval gap = gap_between(last_of(search, lane)->attempt, item->attempt);
		struct interval range = schedule_range(search->lanes->rule, expected);
		int64_t excess = lane->counts ? gap_deviation(gap, range).low : INT64_MAX - 1;
		if (excess < best_excess) {
			best = i;
			best_excess = excess;
		}
	}
	return best;
}

/* Where the attempt may go, what is likeliest first. */
static void find_places(
    const struct search *search, const struct state *state, const struct item *item, struct places *places)
{
	int64_t deadlines[LANES_MAX];
	places->count = 0;
	for (size_t i = 0; i < state->count; i++) {
		const struct lane *lane = &state->lanes[i];
		if (!is_waiting(search, lane, item) || fitting(search, lane, item) == 0)
			continue;
		int64_t deadline_ns = deadline_of(search, lane);
		size_t at = places->count++;
		for (; at > 0 && deadlines[at - 1] > deadline_ns; at--) {
			deadlines[at] = deadlines[at - 1];
			places->items[at] = places->items[at - 1];
		}
		deadlines[at] = deadline_ns;
		places->items[at] = i;
	}
	bool has_room = state->count + (size_t)item->open < search->lane_count;
	if (may_begin(search, item) && state->count < LANES_MAX && has_room)
		places->items[places->count++] = PLACE_NEW;
	else if (may_begin(search, item) && dispensable(search, state, item) != NO_ITEM)
		places->items[places->count++] = PLACE_REPLACE;
	if (item->open > 0)
		places->items[places->count++] = PLACE_IGNORE;
}

static void begin_lane(struct lane *lane, const struct search *search, size_t i, size_t number)
{
	const struct item *item = &search->lanes->items[i];
	bool is_first = !item->epoch_is_cut && item->open == 0;
	*lane = (struct lane){
		.last = i,
		.run = item->epoch,
		.positions = is_first ? 1 : ~UINT64_C(0),
		.base = 1,
		.number = number,
		.counts = item->open == 0,
	};
}

static void continue_lane(struct lane *lane, const struct search *search, size_t i)
{
	const struct item *item = &search->lanes->items[i];
	uint64_t fits = fitting(search, lane, item);
	lane->positions = fits ? fits : lane->positions; /* none: the search is forced */
	lane->base++;
	lane->last = i;
	lane->counts = lane->counts && item->open == 0;
}

/* The smallest number that no lane of the state has. */
static size_t free_number(const struct state *state)
{
	size_t number = 1;
	for (size_t i = 0; i < state->count; i++) {
		if (state->lanes[i].number == number) {
			number++;
			i = (size_t)-1;
		}
	}
	return number;
}

static void place(const struct search *search, struct state *state, size_t i, size_t where)
{
	struct item *item = &search->lanes->items[i];
	item->is_placed = where != PLACE_IGNORE;
	item->previous = NO_ITEM;
	if (where == PLACE_IGNORE)
		return;
	struct lane *lane = where < LANES_MAX ? &state->lanes[where] : NULL;
	if (lane) {
		item->previous = lane->last;
		continue_lane(lane, search, i);
	} else if (where == PLACE_REPLACE) {
		lane = &state->lanes[dispensable(search, state, item)];
		begin_lane(lane, search, i, lane->number);
	} else {
		size_t number = free_number(state);
		lane = &state->lanes[state->count++];
		begin_lane(lane, search, i, number);
	}
	item->lane = lane->number;
	item->counts = lane->counts;
}

/* ---- the search ---- */

/* Behind the last attempt: is a lane overdue by the end? */
static bool is_right_at_end(const struct search *search, const struct state *state)
{
	struct lanes *lanes = search->lanes;
	bool right = true;
	for (size_t i = 0; i < state->count; i++) {
		const struct lane *lane = &state->lanes[i];
		struct item *last = &lanes->items[lane->last];
		int64_t until_ns = saturating_add(last->ended.low, waited_after(lanes, last).high);
		last->is_owed = is_owed_another(last, lanes->opened_ns);
		right = right && !(last->is_owed && is_overdue(search, lane, until_ns));
	}
	return right;
}

enum lanes_result lanes_explain(struct lanes *lanes, size_t lane_count, bool in_burst)
{
	struct search search = { .lanes = lanes, .lane_count = lane_count, .in_burst = in_burst };
	struct choice *choices OWNED = NULL;
	size_t depth = 0, allocated = 0, tries = 0;
	struct state state = { .count = 0 };
	for (;;) {
		if (depth == lanes->count && is_right_at_end(&search, &state))
			return LANES_FOUND;
		if (depth < lanes->count && settle(&search, &lanes->items[depth], &state) == 0) {
			if (depth == allocated)
				array_push(choices, allocated);
			choices[depth++] = (struct choice){ .before = state };
		}
		/* The next untried place of the deepest attempt that has one. */
		struct places places = { .count = 0 };
		while (depth > 0) {
			find_places(&search, &choices[depth - 1].before, &lanes->items[depth - 1], &places);
			if (choices[depth - 1].taken < places.count)
				break;
			depth--;
		}
		if (depth == 0)
			return lanes->count == 0 ? LANES_FOUND : LANES_NONE;
		if (++tries > TRIES_MAX && tries > 2 * lanes->count)
			return LANES_TOO_MANY;
		state = choices[depth - 1].before;
		lanes->items[depth - 1].is_owed = false;
		place(&search, &state, depth - 1, places.items[choices[depth - 1].taken++]);
	}
}

size_t lanes_position(const struct lanes *lanes, size_t first)
{
	struct search search = { .lanes = (struct lanes *)lanes };
	struct lane lane = {
		.last = first, .run = lanes->items[first].epoch, .positions = ~UINT64_C(0), .base = 1
	};
	size_t length = 1;
	for (size_t i = first + 1; i < lanes->count; i++) {
		if (!lanes->items[i].is_placed || lanes->items[i].previous != lane.last)
			continue;
		continue_lane(&lane, &search, i);
		length++;
	}
	return lane.base + (size_t)__builtin_ctzll(lane.positions) + 1 - length;
}

void lanes_force(struct lanes *lanes, size_t lane_count)
{
	struct search search = { .lanes = lanes, .lane_count = lane_count, .forced = true };
	struct state state = { .count = 0 };
	for (size_t i = 0; i < lanes->count; i++) {
		struct places places;
		(void)!settle(&search, &lanes->items[i], &state);
		lanes->items[i].is_owed = false;
		find_places(&search, &state, &lanes->items[i], &places);
		size_t worst = least_wrong(&search, &state, &lanes->items[i]);
		size_t fallback = worst != NO_ITEM          ? worst
				  : state.count < LANES_MAX ? (size_t)PLACE_NEW
							    : (size_t)PLACE_IGNORE;
		place(&search, &state, i, places.count ? places.items[0] : fallback);
	}
	(void)!is_right_at_end(&search, &state);
}
