/*
 * sequence: the states that were seen, repetitions and ignored ones left out, are exactly these.
 *
 * A state that was seen and is not expected fails. A state that is expected and was not seen fails too,
 * unless the polls have a hole at the place where it belongs (no poll for more than three periods, or a host
 * as late as that): then nobody can know. Polls that straddle an edge of the window count on neither side
 * by themselves; when counting them would make the sequence right, the answer is not known either.
 */
#include "check/judge.h"
#include "check/observation.h"

#include <string.h>

enum { HOLE_PERIODS = 3, SHOWN_RUNS = 20 };

struct run {
	const struct event *event; /* the first that shows the state */
	size_t number;             /* of it in the trace */
	bool after_hole;           /* anything may have been between the run before and this one */
	bool on_edge;              /* seen by polls that straddle the window's edge only */
};

struct runs {
	struct run *items;
	size_t count;
	bool was_polled;  /* in the window, or on its edge */
	bool hole_at_end; /* anything may have been behind the last run */
};

static bool same_state(const struct event *a, const struct event *b)
{
	return observed_state(a) == observed_state(b) || strcmp(observed_state(a), observed_state(b)) == 0;
}

static bool is_hole(const struct index *index, const struct watch *watch, const struct event *before,
    const struct event *event)
{
	if (watch->kind != WATCH_HTTP || !before)
		return false;
	return event->from_ns - before->from_ns > HOLE_PERIODS * watch->every_ns ||
	       lateness_within(index->lateness, before->from_ns, event->to_ns) >
		   HOLE_PERIODS * watch->every_ns;
}

/* The runs of equal states; a run is cut in two where polls are missing, since anything may have been
 * between. */
static struct runs collect_runs(
    const struct index *index, const struct draft *draft, const struct window *window)
{
	const struct expectation *expectation = draft->expectation;
	const struct watch *watch = &index->plan->watches[expectation->watch];
	const struct series *series = &index->watches[expectation->watch];
	struct state_set ignored = { .states = &expectation->ignore };
	struct runs runs = { 0 };
	const struct event *before = NULL, *last = NULL;
	bool hole = false, last_on_edge = false;
	int64_t hole_ns = HOLE_PERIODS * watch->every_ns;
	for (size_t i = 0; i < series->count; i++) {
		const struct event *event = series_event(index, series, i);
		struct interval when = observed_when(event);
		if (observed_nothing(event) || !window_touches(window, when))
			continue;
		hole = hole || is_hole(index, watch, before, event);
		if (!before && watch->kind == WATCH_HTTP && expectation->has_after)
			hole = event->from_ns > saturating_add(window->after.high, hole_ns);
		before = event;
		if (state_set_has(&ignored, event))
			continue;
		bool on_edge = !window_holds(window, when);
		if (!last || hole || on_edge != last_on_edge || !same_state(last, event))
			*array_push(runs.items, runs.count) = (struct run){
				.event = event,
				.number = series->items[i],
				.after_hole = hole,
				.on_edge = on_edge,
			};
		last = event;
		last_on_edge = on_edge;
		hole = false;
	}
	/* Behind the last state that counts: with nothing but ignored ones after it, or no more polls. */
	bool ceased = before && watch->kind == WATCH_HTTP && window->until_ns - before->to_ns > hole_ns;
	runs.hole_at_end = hole || ceased;
	runs.was_polled = before != NULL;
	return runs;
}

static bool is_expected(const struct strings *expected, size_t i, const struct run *run)
{
	return i < expected->count && strcmp(expected->items[i], observed_state(run->event)) == 0;
}

/*
 * Do the runs fit? `reached[i]` says that the first i expected states may have been seen so far. A run is
 * either the next state or more of the one before; with `doubt`, a hole may hide states and what lies on an
 * edge may not count.
 */
static bool fits(const struct strings *expected, const struct runs *runs, bool doubt, bool end_is_open)
{
	size_t count = expected->count;
	bool *reached OWNED = xcalloc(count + 1, sizeof(*reached));
	bool *next OWNED = xcalloc(count + 1, sizeof(*next));
	reached[0] = true;
	for (size_t r = 0; r < runs->count; r++) {
		const struct run *run = &runs->items[r];
		if (run->on_edge && !doubt)
			continue;
		bool hidden = false; /* reached by what a hole may hide */
		for (size_t i = 0; i <= count; i++) {
			hidden = reached[i] || (hidden && doubt && run->after_hole);
			next[i] = (next[i] || (run->on_edge && hidden));
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
		if (run->on_edge || (last && same_state(last, run->event)))
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
		if (run->on_edge || (last && same_state(last, run->event)))
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
	return end_is_open ? index_open_reason(index) : "polls are missing towards the window's end";
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
	if (!runs.was_polled)
		draft_inconclusive(draft, "vacuous: %s was never polled%s", watch->name,
		    index->watches[expectation->watch].count ? " then" : "");
	else if (!fits(&expectation->states, &runs, false, false) &&
		 fits(&expectation->states, &runs, true, end_is_open || runs.hole_at_end))
		draft_inconclusive(
		    draft, "not what was expected, but %s", doubt_about(&runs, end_is_open, index));
	else if (!fits(&expectation->states, &runs, false, false))
		blame(index, &runs, draft);
	else if (end_is_open)
		draft_inconclusive(draft, "right so far, but %s", index_open_reason(index));
	draft->by_absence = true;
	if (draft->verdict != VERDICT_PASS)
		draft_note_death(draft, index, watch->service, INT64_MAX);
	free(runs.items);
}
