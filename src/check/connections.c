/*
 * connections: how many connections of a watch are open at once is never outside of a range.
 *
 * The trace says exactly how many the network knew of as an attempt began, and as a connection was lost. In
 * between there is a least (connections that worked and were not lost) and a most (those, and all that may
 * have come to a connection and were not seen to end). What is outside of the range for certain is wrong,
 * what may have been leaves the answer open.
 */
#include "check/judge.h"
#include "check/observation.h"

#include <stdlib.h>
#include <string.h>

/* In the order in which they happen where the time is the same. */
enum change_kind { CHANGE_ENDED, CHANGE_LOST, CHANGE_BEGAN };

struct change {
	struct interval when;
	int64_t quiet_until_ns; /* neither this nor a later one can have happened before */
	enum change_kind kind;
	bool is_at_once; /* the end of an attempt that took no time */
	size_t event;
};

struct timeline {
	struct change *changes;
	size_t count;
	int64_t *losses; /* the first moment of each, in the order of time */
	size_t loss_count;
};

/* What is known at a moment. */
struct held {
	int worked;    /* at least so many are open */
	int most;      /* at most so many */
	int under_way; /* attempts that may come to a connection, or have one that is not told yet */
};

struct tally {
	const struct index *index;
	struct draft *draft;
	struct window window;
	/* In the window, for certain: the most that were open, the fewest; and the most that may have been.
	 */
	int64_t most, fewest, perhaps;
	bool is_wrong;
	int64_t wrong_ns; /* since when */
	bool is_doubtful;
	struct interval doubt, doubt_when; /* the first count that may have been wrong */
	size_t doubt_event;
};

/* ---- what an attempt holds ---- */

static bool outcome_is(const struct event *attempt, const char *const *outcomes, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(attempt->attempt.outcome, outcomes[i]) == 0)
			return true;
	return false;
}

static bool may_connect(const struct event *attempt)
{
	static const char *const without[] = { "nxdomain", "servfail", "dns-timeout", "refused", "timeout",
		"unreachable" };
	return !outcome_is(attempt, without, ARRAY_LENGTH(without));
}

/* The server said no, and the client may keep the connection; that it closes it is not told. */
static bool is_turned_away(const struct event *attempt)
{
	static const char *const outcomes[] = { "loading", "denied" };
	return outcome_is(attempt, outcomes, ARRAY_LENGTH(outcomes));
}

/* ---- the timeline ---- */

/* At the same time ends come first, but of what ended at once, which comes last: behind its own beginning. */
static int place_of(const struct change *change)
{
	return change->is_at_once ? CHANGE_BEGAN + 1 : (int)change->kind;
}

static int compare_changes(const void *left, const void *right)
{
	const struct change *a = left, *b = right;
	if (a->when.high != b->when.high)
		return a->when.high < b->when.high ? -1 : 1;
	int a_place = place_of(a), b_place = place_of(b);
	if (a_place != b_place)
		return (a_place > b_place) - (a_place < b_place);
	return (a->event > b->event) - (a->event < b->event);
}

static int compare_times(const void *left, const void *right)
{
	const int64_t *a = left, *b = right;
	return (*a > *b) - (*a < *b);
}

static void timeline_fill(const struct index *index, const struct series *series, struct timeline *timeline)
{
	for (size_t i = 0; i < series->count; i++) {
		const struct event *event = series_event(index, series, i);
		struct change change = { .event = series->items[i],
			.kind = CHANGE_LOST,
			.when = { .low = event->from_ns, .high = event->to_ns } };
		if (event->kind == EVENT_ATTEMPT) {
			change.kind = CHANGE_BEGAN;
			change.when = (struct interval){ event->from_ns, event->from_ns };
			*array_push(timeline->changes, timeline->count) = change;
			if (!may_connect(event) || attempt_is_pending(event))
				continue;
			change.kind = CHANGE_ENDED;
			change.when = attempt_ended(event);
			change.is_at_once = event->from_ns == event->to_ns;
		}
		*array_push(timeline->changes, timeline->count) = change;
	}
	if (timeline->count)
		qsort(timeline->changes, timeline->count, sizeof(*timeline->changes), compare_changes);
	int64_t until_ns = index->end_ns;
	for (size_t i = timeline->count; i-- > 0;) {
		struct change *change = &timeline->changes[i];
		until_ns = change->when.low < until_ns ? change->when.low : until_ns;
		change->quiet_until_ns = until_ns;
		if (change->kind == CHANGE_LOST)
			*array_push(timeline->losses, timeline->loss_count) = change->when.low;
	}
	if (timeline->loss_count)
		qsort(timeline->losses, timeline->loss_count, sizeof(*timeline->losses), compare_times);
}

/* ---- counting ---- */

static int smaller(int a, int b)
{
	return a < b ? a : b;
}

static int at_least_none(int count)
{
	return count > 0 ? count : 0;
}

/* So many were open: at some time that lies in `when`, or all of it (`lasting`). */
static void see(struct tally *tally, struct interval count, struct interval when, bool lasting, size_t event)
{
	const struct range *range = &tally->draft->expectation->connections;
	const struct window *window = &tally->window;
	bool is_sure = window->after.high <= window->until.low;
	/* What lasts up to the window's edge is not in it: what ends it may be what the window begins with.
	 */
	bool is_inside = lasting ? is_sure && when.high > window->after.high && when.low < window->until.low
				 : window_holds(window, when);
	bool touches = lasting ? when.high > window->after.low && when.low < window->until.high
			       : window_touches(window, when);
	if (!is_inside && !touches)
		return;
	tally->perhaps = count.high > tally->perhaps ? count.high : tally->perhaps;
	if (is_inside) {
		tally->most = count.low > tally->most ? count.low : tally->most;
		tally->fewest = count.high < tally->fewest ? count.high : tally->fewest;
	}
	/* In a trace that was cut short there may have been more, that were not told. */
	bool is_few = count.high < range->low && tally->index->end;
	bool is_wrong = count.low > range->high || is_few;
	bool may_be_wrong = count.high > range->high || count.low < range->low;
	if (is_inside && is_wrong) {
		int64_t since_ns = !lasting                        ? when.high
				   : when.low > window->after.high ? when.low
								   : window->after.high;
		if (!tally->is_wrong || since_ns < tally->wrong_ns)
			tally->wrong_ns = since_ns;
		tally->is_wrong = true;
		evidence_add(&tally->draft->evidence, event);
	} else if (may_be_wrong && !tally->is_doubtful) {
		tally->is_doubtful = true;
		tally->doubt = count;
		tally->doubt_when = when;
		tally->doubt_event = event;
	}
}

static void see_exactly(struct tally *tally, int count, const struct change *change)
{
	see(tally, (struct interval){ count, count }, change->when, false, change->event);
}

static void attempt_begins(struct tally *tally, struct held *held, const struct change *change)
{
	const struct event *event = &tally->index->trace->events[change->event];
	int open = at_least_none(event->attempt.open);
	bool may = may_connect(event);
	see_exactly(tally, open, change);
	held->worked = smaller(held->worked, open);
	held->most = smaller(held->most, open + held->under_way) + may;
	held->under_way += may;
}

static void attempt_ends(struct tally *tally, struct held *held, const struct change *change)
{
	const struct event *event = &tally->index->trace->events[change->event];
	held->under_way = at_least_none(held->under_way - 1);
	if (attempt_succeeded(event)) {
		held->worked++;
	} else if (is_turned_away(event)) {
		/* It is open now; nothing tells when it is not any more. */
		struct interval count = { held->worked + 1, held->most };
		count.high = count.high < count.low ? count.low : count.high;
		see(tally, count, change->when, false, change->event);
	} else {
		held->most = at_least_none(held->most - 1);
	}
	if (held->most < held->worked)
		held->most = held->worked;
}

static void connection_is_lost(struct tally *tally, struct held *held, const struct change *change)
{
	const struct event *event = &tally->index->trace->events[change->event];
	int open = at_least_none(event->lost.open);
	see_exactly(tally, open + 1, change);
	see_exactly(tally, open, change);
	held->worked = smaller(at_least_none(held->worked - 1), open);
	held->most = smaller(at_least_none(held->most - 1), open + held->under_way);
	if (held->most < held->worked)
		held->most = held->worked;
}

/* The attempt whose end the window begins with, if its end is not known better than that: in the window it is
 * over. NULL: none. */
static const struct change *find_beginning(const struct tally *tally, const struct timeline *timeline)
{
	struct interval after = tally->window.after;
	for (size_t i = 0; i < timeline->count && after.low < after.high; i++) {
		const struct change *change = &timeline->changes[i];
		if (change->kind == CHANGE_ENDED && change->when.low == after.low &&
		    change->when.high == after.high &&
		    attempt_succeeded(&tally->index->trace->events[change->event]))
			return change;
	}
	return NULL;
}

/* From `from_ns` on one that is yet to be told may have come: an end, which only makes more certain what is
 * known, or a loss. Of those `lost` are told; each of the others counts from its own first moment on. */
static void see_unsure(struct tally *tally, const struct timeline *timeline, const struct held *held,
    size_t lost, bool is_begun, int64_t from_ns, int64_t to_ns, size_t event)
{
	size_t may_be_lost = lost;
	for (int64_t next_ns; from_ns < to_ns; from_ns = next_ns) {
		while (may_be_lost < timeline->loss_count && timeline->losses[may_be_lost] <= from_ns)
			may_be_lost++;
		next_ns = to_ns;
		if (may_be_lost < timeline->loss_count && timeline->losses[may_be_lost] < to_ns)
			next_ns = timeline->losses[may_be_lost];
		struct interval count = { at_least_none(held->worked - (int)(may_be_lost - lost) + is_begun),
			held->most };
		count.high = count.high < count.low ? count.low : count.high;
		see(tally, count, (struct interval){ from_ns, next_ns }, true, event);
	}
}

static void count_all(struct tally *tally, const struct timeline *timeline)
{
	struct held held = { 0 };
	const struct change *beginning = find_beginning(tally, timeline);
	size_t event = NO_EVENT, lost = 0;
	int64_t from_ns = 0;
	for (size_t i = 0; i <= timeline->count; i++) {
		const struct change *change = i < timeline->count ? &timeline->changes[i] : NULL;
		int64_t to_ns = change ? change->when.high : tally->index->end_ns;
		int64_t quiet_ns = change ? change->quiet_until_ns : to_ns;
		struct interval count = { held.worked, held.most };
		if (quiet_ns > from_ns)
			see(tally, count, (struct interval){ from_ns, quiet_ns }, true, event);
		else
			quiet_ns = from_ns;
		bool is_begun = beginning && change && change <= beginning && beginning->when.low < to_ns;
		see_unsure(tally, timeline, &held, lost, is_begun, quiet_ns, to_ns, event);
		if (!change)
			return;
		switch (change->kind) {
		case CHANGE_BEGAN:
			attempt_begins(tally, &held, change);
			break;
		case CHANGE_ENDED:
			attempt_ends(tally, &held, change);
			break;
		case CHANGE_LOST:
			connection_is_lost(tally, &held, change);
			lost++;
			break;
		}
		from_ns = to_ns;
		event = change->event;
	}
}

/* ---- the verdict ---- */

static void add_expected(const struct index *index, const struct expectation *expectation, struct buf *out)
{
	const struct range *range = &expectation->connections;
	if (range->high == INT64_MAX)
		buf_addf(out, "at least %lld", (long long)range->low);
	else if (range->low == 0)
		buf_addf(out, "at most %lld", (long long)range->high);
	else
		text_add_count(out, (struct interval){ range->low, range->high });
	buf_addf(out, " connection%s of %s open at once",
	    range->low == 1 || (range->low == 0 && range->high == 1) ? "" : "s",
	    index->plan->watches[expectation->watch].name);
	window_add_text(index, expectation, out);
	buf_add_string(out, ", tolerance 0");
}

static void conclude(struct tally *tally)
{
	struct draft *draft = tally->draft;
	const struct range *range = &draft->expectation->connections;
	const struct watch *watch = &tally->index->plan->watches[draft->expectation->watch];
	bool too_many = tally->most > range->high;
	CLEANUP(buf_release) struct buf text = { 0 };
	buf_add_string(&draft->actual, "up to ");
	text_add_count(&draft->actual, (struct interval){ tally->most, tally->perhaps });
	if (tally->perhaps > 0)
		draft_measured(draft, tally->most, tally->perhaps);
	draft->by_absence = true;
	if (range->high < INT64_MAX)
		draft_slack(draft, range->high - (too_many ? tally->most : tally->perhaps));
	if (range->low > 0 && tally->fewest < INT64_MAX)
		draft_slack(draft, tally->fewest - range->low);
	if (tally->is_wrong) {
		text_add_time(&text, tally->wrong_ns);
		draft->decided_ns = tally->wrong_ns;
		draft_fail(draft, "%s %lld open at once, and out of range since %s",
		    too_many ? "up to" : "only", (long long)(too_many ? tally->most : tally->fewest),
		    buf_string(&text));
		draft_note_death(draft, tally->index, watch->service, tally->wrong_ns);
	} else if (tally->perhaps <= 0) {
		draft_inconclusive(draft, "vacuous: no connection of %s was seen open", watch->name);
		draft_note_death(draft, tally->index, watch->service, INT64_MAX);
	} else if (tally->is_doubtful) {
		text_add_count(&text, tally->doubt);
		buf_add_string(&text, " were open at ");
		text_add_interval(&text, tally->doubt_when, TEXT_ALONE);
		evidence_add(&draft->evidence, tally->doubt_event);
		draft_inconclusive(
		    draft, "%s: how many, or whether then, is not known well enough", buf_string(&text));
	} else if (!tally->window.is_closed) {
		draft_inconclusive(draft, "right so far, but %s", index_open_reason(tally->index));
	}
}

void judge_connections(const struct index *index, struct draft *draft)
{
	const struct expectation *expectation = draft->expectation;
	struct timeline timeline = { 0 };
	struct tally tally = { .index = index, .draft = draft, .fewest = INT64_MAX, .doubt_event = NO_EVENT };
	add_expected(index, expectation, &draft->expected);
	if (window_resolve(index, draft, &tally.window) < 0)
		return;
	timeline_fill(index, &index->watches[expectation->watch], &timeline);
	count_all(&tally, &timeline);
	conclude(&tally);
	free(timeline.changes);
	free(timeline.losses);
}
