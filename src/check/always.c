/*
 * always: every poll wholly inside the window shows one of these states.
 *
 * Between two polls nothing is known, and a poll says nothing when there is none: a hole of more than three
 * periods and the host's lateness (polls.h) leaves the answer open. So does a poll that does not count and
 * shows a state that is not among these.
 */
#include "check/judge.h"
#include "check/observation.h"
#include "check/polls.h"

static void blame(const struct index *index, struct draft *draft, const struct watch *watch, size_t first)
{
	const struct event *event = &index->trace->events[first];
	CLEANUP(buf_release) struct buf text = { 0 };
	text_add_interval(&text, observed_when(event), TEXT_ALONE);
	draft->decided_ns = event->to_ns;
	draft_fail(draft, "%s was `%.80s` at %s", watch->name, observed_state(event), buf_string(&text));
	draft_note_death(draft, index, watch->service, event->to_ns);
}

void judge_always(const struct index *index, struct draft *draft)
{
	const struct expectation *expectation = draft->expectation;
	const struct watch *watch = &index->plan->watches[expectation->watch];
	struct polls polls = { .index = index, .series = &index->watches[expectation->watch] };
	struct state_set allowed = { .states = &expectation->states },
			 ignored = { .states = &expectation->ignore };
	struct window window;
	text_add_list(&draft->expected, &expectation->states, "or");
	buf_addf(&draft->expected, " of %s at every poll", watch->name);
	window_add_text(index, expectation, &draft->expected);
	if (window_resolve(index, draft, &window) < 0)
		return;
	struct coverage coverage = { .needs_answers = true, .last_ns = window.after.high };
	struct starved starved = { 0 };
	size_t violations = 0, inside = 0, not_counted = 0;
	for (struct poll poll; polls_next(&polls, &poll);) {
		const struct event *event = poll.event;
		struct interval when = observed_when(event);
		if (observed_nothing(event) || !window_holds(&window, when))
			continue;
		if (poll.is_starved) {
			if (!state_set_has(&ignored, event) && !state_set_has(&allowed, event)) {
				starved_add(&starved, index, event);
				evidence_add(&draft->evidence, poll.number);
			}
			continue;
		}
		coverage_add(&coverage, index, watch, when);
		if (state_set_has(&ignored, event)) {
			not_counted++;
			continue;
		}
		inside++;
		if (state_set_has(&allowed, event))
			continue;
		if (violations++ == 0)
			blame(index, draft, watch, poll.number);
		evidence_add(&draft->evidence, poll.number);
	}
	coverage_add(&coverage, index, watch, (struct interval){ window.until_ns, window.until_ns });
	buf_addf(&draft->actual, "%zu of %zu polls", inside - violations, inside);
	if (not_counted)
		buf_addf(&draft->actual, ", %zu not counted", not_counted);
	draft_measured(draft, (int64_t)violations, (int64_t)(violations + starved.count));
	draft->by_absence = true;
	if (violations)
		return;
	if (starved.count) {
		draft_starved(draft, &starved, "");
	} else if (inside == 0) {
		draft_inconclusive(
		    draft, "vacuous: no poll of %s lies wholly inside the window", watch->name);
		draft_note_death(draft, index, watch->service, INT64_MAX);
	} else if (coverage.hole_ns) {
		CLEANUP(buf_release) struct buf text = { 0 };
		text_add_hole(&text, &coverage);
		draft_inconclusive(draft, "no poll of %s for %s", watch->name, buf_string(&text));
	} else if (!window.is_closed) {
		draft_inconclusive(draft, "right so far, but %s", index_open_reason(index));
	}
}
