/*
 * sequence: the states that were seen, repetitions and ignored ones left out, are exactly these.
 *
 * A state that was seen and is not expected fails. A state that is expected and was not seen fails too,
 * unless the polls have a hole at the place where it belongs (no poll for more than three periods, or a host
 * as late as that): then nobody can know. Nor whether there was another one in a hole between those that
 * were. Polls that straddle an edge of the window count on neither side by themselves; when counting them
 * would make the sequence right, the answer is not known either. Polls that do not count (polls.h) may count
 * or not: it is right if it is so both with them and without.
 */
#include "check/judge.h"
#include "check/observation.h"
#include "check/polls.h"

#include <string.h>

enum { SHOWN_RUNS = 20 };

struct run {
	const struct event *event; /* the first that shows the state */
	size_t number;             /* of it in the trace */
	bool after_hole;           /* anything may have been between the run before and this one */
	bool on_edge;              /* seen by polls that straddle the window's edge only */
	bool is_starved;           /* seen by one that does not count */
};

struct runs {
	struct run *items;
	size_t count;
	bool was_polled;  /* in the window, or on its edge */
	bool hole_at_end; /* anything may have been behind the last run */
	struct coverage coverage;
	struct starved starved;
};

static bool same_state(const struct event *a, const struct event *b)
{
	return observed_state(a) == observed_state(b) || strcmp(observed_state(a), observed_state(b)) == 0;
}

static bool may_hide(const struct index *index, const struct watch *watch, const struct event *before,
    const struct event *event)
{
	if (watch->kind != WATCH_HTTP || !before)
		return false;
	return event->from_ns - before->from_ns > HOLE_PERIODS * watch->every_ns ||
	       lateness_within(index->lateness, before->from_ns, event->to_ns) >
		   HOLE_PERIODS * watch->every_ns;
}

/* Polls that do not count fill no hole: it lies before each of them, too. */
static void widen_hole(struct runs *runs, size_t since)
{
	for (size_t r = since; r < runs->count; r++)
		runs->items[r].after_hole = true;
}

/* The runs of equal states; a run is cut in two where polls are missing, since anything may have been
 * between. */
static struct runs collect_runs(
    const struct index *index, const struct draft *draft, const struct window *window)
{
	const struct expectation *expectation = draft->expectation;
	const struct watch *watch = &index->plan->watches[expectation->watch];
	struct polls polls = { .index = index, .series = &index->watches[expectation->watch] };
	struct state_set ignored = { .states = &expectation->ignore };
	struct runs runs = { .coverage = { .last_ns = window->after.high } };
	const struct event *before = NULL, *last = NULL;
	bool hole = false, last_on_edge = false;
	size_t since = 0; /* the first run behind the last poll that counts */
	int64_t hole_ns = HOLE_PERIODS * watch->every_ns;
	for (struct poll poll; polls_next(&polls, &poll);) {
		const struct event *event = poll.event;
		struct interval when = observed_when(event);
		if (observed_nothing(event) || !window_touches(window, when))
			continue;
		bool is_ignored = state_set_has(&ignored, event), on_edge = !window_holds(window, when);
		if (!poll.is_starved) {
			bool is_first = !before && watch->kind == WATCH_HTTP && expectation->has_after;
			bool is_late =
			    is_first && event->from_ns > saturating_add(window->after.high, hole_ns);
			if (is_late || may_hide(index, watch, before, event)) {
				hole = true;
				widen_hole(&runs, since);
			}
			before = event;
			if (!on_edge)
				coverage_add(&runs.coverage, index, watch, when);
		}
		if (!is_ignored && (!last || hole || poll.is_starved || on_edge != last_on_edge ||
				       !same_state(last, event))) {
			*array_push(runs.items, runs.count) = (struct run){
				.event = event,
				.number = poll.number,
				.after_hole = hole,
				.on_edge = on_edge,
				.is_starved = poll.is_starved,
			};
			hole = false;
		}
		if (!is_ignored && poll.is_starved && !on_edge)
			starved_add(&runs.starved, index, event);
		if (!is_ignored) {
			last = poll.is_starved ? NULL : event;
			last_on_edge = on_edge;
		}
		since = poll.is_starved ? since : runs.count;
	}
	coverage_add(&runs.coverage, index, watch, (struct interval){ window->until_ns, window->until_ns });
	/* Behind the last state that counts: with nothing but ignored ones after it, or no more polls. */
	bool ceased = before && watch->kind == WATCH_HTTP && window->until_ns - before->to_ns > hole_ns;
	if (ceased)
		widen_hole(&runs, since);
	runs.hole_at_end = hole || ceased;
	runs.was_polled = before != NULL;
	return runs;
}

static bool is_expected(const struct strings *expected, size_t i, const struct run *run)
{
	return i < expected->count && strcmp(expected->items[i], observed_state(run->event)) == 0;
}

enum counting {
	COUNT_SURE,    /* what certainly counts */
	COUNT_STARVED, /* and polls that do not */
	COUNT_ANY, /* as it may be: a hole may hide states, what lies on an edge may count or not, and so may
		    * polls that do not */
};

static bool is_left_out(const struct run *run, enum counting counting)
{
	return (run->on_edge && counting != COUNT_ANY) || (run->is_starved && counting == COUNT_SURE);
}

/*
 * Do the runs fit? `reached[i]` says that the first i expected states may have been seen so far. A run is
 * either the next state or more of the one before.
 */
static bool fits(
    const struct strings *expected, const struct runs *runs, enum counting counting, bool end_is_open)
{
	bool doubt = counting == COUNT_ANY;
	size_t count = expected->count;
	bool *reached OWNED = xcalloc(count + 1, sizeof(*reached));
	bool *next OWNED = xcalloc(count + 1, sizeof(*next));
	reached[0] = true;
	for (size_t r = 0; r < runs->count; r++) {
		const struct run *run = &runs->items[r];
		if (is_left_out(run, counting))
			continue;
		bool may_count = doubt && (run->on_edge || run->is_starved);
		bool hidden = false; /* reached by what a hole may hide */
		for (size_t i = 0; i <= count; i++) {
			hidden = reached[i] || (hidden && doubt && run->after_hole);
			next[i] = (next[i] || (may_count && hidden));
			if (hidden && is_expected(expected, i, run))
				next[i + 1] = true;
			if (reached[i] && i > 0 && is_expected(expected, i - 1, run))
				next[i] = true;
		}
		memcpy(reached, next, (count + 1) * sizeof(*reached));
		memset(next, 0, (count + 1) * sizeof(*next));
	}
	bool fit = reached[count];
	for (size_t i = 0; i < count && doubt && end_is_open; i++)
		fit = fit || reached[i];
	return fit;
}

static void add_actual(const struct runs *runs, struct draft *draft)
{
	const struct event *last = NULL;
	size_t shown = 0;
	for (size_t r = 0; r < runs->count; r++) {
		const struct run *run = &runs->items[r];
		if (is_left_out(run, COUNT_SURE) || (last && same_state(last, run->event)))
			continue;
		last = run->event;
		if (shown++ >= SHOWN_RUNS)
			continue;
		if (shown > 1)
			buf_add_string(&draft->actual, ", ");
		const char *state = observed_state(run->event);
		buf_add_char(&draft->actual, '`');
		buf_add_visible(&draft->actual, state, strlen(state), 60);
		buf_add_string(&draft->actual, "` at ");
		text_add_time(&draft->actual, run->event->to_ns);
		evidence_add(&draft->evidence, run->number);
	}
	if (shown > SHOWN_RUNS)
		buf_addf(&draft->actual, " … (%zu in all)", shown);
	if (shown == 0)
		buf_add_string(&draft->actual, "nothing");
}

/* The sentence about the first difference, and when it was seen. */
static void blame(const struct index *index, const struct runs *runs, struct draft *draft)
{
	const struct strings *expected = &draft->expectation->states;
	const struct event *last = NULL;
	size_t seen = 0;
	CLEANUP(buf_release) struct buf at = { 0 };
	for (size_t r = 0; r < runs->count; r++) {
		const struct run *run = &runs->items[r];
		if (is_left_out(run, COUNT_SURE) || (last && same_state(last, run->event)))
			continue;
		last = run->event;
		if (is_expected(expected, seen, run)) {
			seen++;
			continue;
		}
		draft->decided_ns = run->event->to_ns;
		text_add_time(&at, run->event->to_ns);
		evidence_add(&draft->evidence, run->number);
		if (seen < expected->count)
			draft_fail(draft, "`%.60s` came at %s where `%.60s` was expected",
			    observed_state(last), buf_string(&at), expected->items[seen]);
		else
			draft_fail(draft, "`%.60s` came at %s after the last of them", observed_state(last),
			    buf_string(&at));
		return;
	}
	if (seen == expected->count)
		BUG("a sequence that is right is blamed");
	text_add_time(&at, index->end_ns);
	draft_fail(draft, "`%.60s` was not seen until the end at %s", expected->items[seen], buf_string(&at));
}

/* Is there a hole, or an edge, that explains what is missing? */
static const char *doubt_about(const struct runs *runs, bool end_is_open, const struct index *index)
{
	for (size_t r = 0; r < runs->count; r++)
		if (runs->items[r].after_hole)
			return "the polls have a hole where it may have been";
	for (size_t r = 0; r < runs->count; r++)
		if (runs->items[r].on_edge)
			return "a poll at the window's edge may or may not count";
	if (runs->starved.count)
		return "some of the polls that timed out while the host was late may count";
	return end_is_open ? index_open_reason(index) : "polls are missing towards the window's end";
}

/* What was seen is right, but not all was. */
static void say_hole(struct draft *draft, const struct watch *watch, const struct coverage *coverage)
{
	CLEANUP(buf_release) struct buf text = { 0 };
	text_add_hole(&text, coverage);
	draft_inconclusive(draft, "right, but no poll of %s for %s", watch->name, buf_string(&text));
}

void judge_sequence(const struct index *index, struct draft *draft)
{
	const struct expectation *expectation = draft->expectation;
	const struct watch *watch = &index->plan->watches[expectation->watch];
	struct window window;
	for (size_t i = 0; i < expectation->states.count; i++)
		buf_addf(&draft->expected, "%s`%s`", i ? ", " : "", expectation->states.items[i]);
	buf_addf(&draft->expected, " of %s", watch->name);
	window_add_text(index, expectation, &draft->expected);
	buf_add_string(&draft->expected, ", exactly");
	if (expectation->ignore.count) {
		buf_add_string(&draft->expected, ", not counting ");
		text_add_list(&draft->expected, &expectation->ignore, "and");
	}
	if (window_resolve(index, draft, &window) < 0)
		return;
	struct runs runs = collect_runs(index, draft, &window);
	add_actual(&runs, draft);
	bool end_is_open = !window.is_closed;
	bool is_right = fits(&expectation->states, &runs, COUNT_SURE, false);
	bool is_right_with_all = fits(&expectation->states, &runs, COUNT_STARVED, false);
	if (!runs.was_polled)
		draft_inconclusive(draft, "vacuous: %s was never polled%s", watch->name,
		    index->watches[expectation->watch].count ? " then" : "");
	else if (is_right != is_right_with_all)
		draft_starved(draft, &runs.starved,
		    is_right ? "right, but for what may not count: " : "not what was expected, but ");
	else if (!is_right && fits(&expectation->states, &runs, COUNT_ANY, end_is_open || runs.hole_at_end))
		draft_inconclusive(
		    draft, "not what was expected, but %s", doubt_about(&runs, end_is_open, index));
	else if (!is_right)
		blame(index, &runs, draft);
	else if (runs.coverage.hole_ns)
		say_hole(draft, watch, &runs.coverage);
	else if (end_is_open)
		draft_inconclusive(draft, "right so far, but %s", index_open_reason(index));
	draft->by_absence = true;
	if (draft->verdict != VERDICT_PASS)
		draft_note_death(draft, index, watch->service, INT64_MAX);
	free(runs.items);
}
