/*
 * growth: of memory, or of open descriptors. The largest figure in the window, less the first one, is at most
 * so much. A process that was started anew begins again with little, so each of its lives is judged by
 * itself: a leak is not hidden by the restart it leads to, nor is what a new process needs taken for growth
 * of the old one. Where no figure was taken for too long it may have grown, and shrunk again.
 */
#include "check/judge.h"
#include "check/life.h"
#include "check/polls.h"

#include <inttypes.h>

struct life {
	const struct event *first, *largest;
	size_t count;
};

struct lives {
	struct life now, worst; /* worst: of those with two figures */
	size_t count;           /* lives that have a figure in the window */
	size_t figures;
	const struct event *too_large; /* the first that had grown past the limit */
	struct coverage coverage;
};

static int64_t figure_of(const struct event *event)
{
	return event->kind == EVENT_MEMORY ? event->memory.bytes : event->descriptors.count;
}

static int64_t growth_of(const struct life *life)
{
	return saturating_subtract(figure_of(life->largest), figure_of(life->first));
}

static void end_life(struct lives *lives)
{
	struct life life = lives->now;
	lives->now = (struct life){ 0 };
	if (life.count > 0)
		lives->count++;
	if (life.count > 1 && (lives->worst.count == 0 || growth_of(&life) > growth_of(&lives->worst)))
		lives->worst = life;
}

static void add_figure(struct lives *lives, const struct event *event, int64_t limit)
{
	struct life *life = &lives->now;
	lives->figures++;
	life->count++;
	life->first = life->first ? life->first : event;
	if (!life->largest || figure_of(event) > figure_of(life->largest))
		life->largest = event;
	if (!lives->too_large && growth_of(life) > limit)
		lives->too_large = event;
}

/* The next start of the service, from the item `*cursor` of its series on; NULL: there is none. */
static const struct event *next_start(const struct index *index, const struct series *series, size_t *cursor)
{
	for (; *cursor < series->count; (*cursor)++) {
		const struct event *event = series_event(index, series, *cursor);
		if (life_begins(event))
			return event;
	}
	return NULL;
}

/* A figure that was taken while a process began is of neither life. */
static void collect(const struct index *index, const struct expectation *expectation,
    const struct window *window, struct lives *ret_lives)
{
	int watch = expectation->watch;
	const struct series *series = &index->watches[watch];
	const struct series *events = &index->services[index->plan->watches[watch].service];
	size_t cursor = 0;
	const struct event *start = next_start(index, events, &cursor);
	for (size_t i = 0; i < series->count; i++) {
		const struct event *event = series_event(index, series, i);
		while (start && start->to_ns <= event->from_ns) {
			end_life(ret_lives);
			cursor++;
			start = next_start(index, events, &cursor);
		}
		bool is_between = start && start->from_ns < event->to_ns;
		struct interval when = { .low = event->from_ns, .high = event->to_ns };
		/* One takes a second: those that straddle an edge cover it. */
		if (window_touches(window, when) && when.low <= window->until_ns)
			coverage_add(&ret_lives->coverage, index, &index->plan->watches[watch], when);
		if (!is_between && window_holds(window, when))
			add_figure(ret_lives, event, expectation->growth);
	}
	end_life(ret_lives);
	coverage_add(&ret_lives->coverage, index, &index->plan->watches[watch],
	    (struct interval){ window->until_ns, window->until_ns });
}

static void add_amount(const struct draft *draft, struct buf *out, int64_t amount)
{
	if (draft->expectation->kind == EXPECT_MEMORY)
		text_add_bytes(out, amount);
	else
		buf_addf(out, "%" PRId64, amount);
}

static void add_expected(const struct index *index, struct draft *draft)
{
	const struct expectation *expectation = draft->expectation;
	size_t service = index->plan->watches[expectation->watch].service;
	buf_addf(&draft->expected, "%s of %s grow%s by at most ",
	    expectation->kind == EXPECT_MEMORY ? "memory" : "open descriptors",
	    index->plan->stack->services[service].name, expectation->kind == EXPECT_MEMORY ? "s" : "");
	add_amount(draft, &draft->expected, expectation->growth);
	buf_add_string(&draft->expected, ", tolerance ");
	add_amount(draft, &draft->expected, 0);
	window_add_text(index, expectation, &draft->expected);
}

static void say_nothing_to_compare(const struct index *index, struct draft *draft, const struct lives *lives)
{
	const struct watch *watch = &index->plan->watches[draft->expectation->watch];
	draft_inconclusive(draft, "vacuous: %zu figure%s of %s in the window, two %sare needed",
	    lives->figures, lives->figures == 1 ? "" : "s", watch->name,
	    lives->count > 1 ? "between two starts " : "");
	draft_note_death(draft, index, watch->service, INT64_MAX);
}

void judge_growth(const struct index *index, struct draft *draft)
{
	const struct expectation *expectation = draft->expectation;
	struct window window;
	struct lives lives = { 0 };
	CLEANUP(buf_release) struct buf hole = { 0 };
	add_expected(index, draft);
	if (window_resolve(index, draft, &window) < 0)
		return;
	lives.coverage.last_ns = window.after.high;
	collect(index, expectation, &window, &lives);
	if (lives.worst.count == 0) {
		say_nothing_to_compare(index, draft, &lives);
		return;
	}
	const struct event *first = lives.worst.first, *largest = lives.worst.largest;
	int64_t growth = growth_of(&lives.worst);
	evidence_add(&draft->evidence, (size_t)(first - index->trace->events));
	evidence_add(&draft->evidence, (size_t)(largest - index->trace->events));
	draft_measured(draft, growth, growth);
	draft_slack(draft, saturating_subtract(expectation->growth, growth));
	add_amount(draft, &draft->actual, growth);
	buf_add_string(&draft->actual, ", from ");
	add_amount(draft, &draft->actual, figure_of(first));
	buf_add_string(&draft->actual, " to ");
	add_amount(draft, &draft->actual, figure_of(largest));
	if (lives.count > 1)
		buf_addf(&draft->actual, ", the most between two of its %zu starts", lives.count);
	draft->by_absence = true;
	if (lives.too_large) {
		CLEANUP(buf_release) struct buf text = { 0 };
		add_amount(draft, &text, growth - expectation->growth);
		buf_add_string(&text, " more than allowed at ");
		text_add_time(&text, largest->to_ns);
		draft->decided_ns = lives.too_large->to_ns;
		draft_fail(draft, "grew by %s", buf_string(&text));
	} else if (lives.coverage.hole_ns) {
		text_add_hole(&hole, &lives.coverage);
		draft_inconclusive(draft, "no figure of %s for %s",
		    index->plan->watches[expectation->watch].name, buf_string(&hole));
	} else if (!window.is_closed) {
		draft_inconclusive(draft, "within the limit so far, but %s", index_open_reason(index));
	}
}
