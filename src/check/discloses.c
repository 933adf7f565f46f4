/*
 * discloses: no secret of the stack was in a log, or in the answer to a request step.
 *
 * Secrets are taken out before a trace is written, so the trace says how many there were, and in how many
 * lines. A line that straddles an edge of the window, or was cut, leaves the answer open.
 */
#include "check/judge.h"

#include <string.h>

struct tally {
	size_t inside, cut;
	int64_t disclosed, perhaps; /* places */
	size_t first;               /* event with one inside, or NO_EVENT */
};

/* -1: none was looked for, and the draft says so. */
static int check_secrets(const struct index *index, struct draft *draft)
{
	const struct event *world = &index->trace->events[0];
	if (world->world.secrets > 0)
		return 0;
	draft_inconclusive(draft, "vacuous: no secret was looked for: the stack has none (a password in an "
				  "environment variable or a "
				  "URL), or the trace is older than this expectation");
	return -1;
}

static void conclude(struct draft *draft, const struct tally *tally)
{
	struct interval places = { .low = tally->disclosed, .high = tally->disclosed + tally->perhaps };
	draft_measured(draft, places.low, places.high);
	draft_slack(draft, -places.low);
	draft->by_absence = true;
	text_add_count(&draft->actual, places);
	buf_add_string(&draft->actual, places.low == 1 && places.high == 1 ? " place" : " places");
}

/* ---- a log ---- */

static void count_line(const struct window *window, const struct event *event, size_t number,
    struct tally *tally, struct draft *draft)
{
	struct interval when = { .low = event->from_ns, .high = event->to_ns };
	if (!window_touches(window, when))
		return;
	bool is_inside = window_holds(window, when);
	tally->inside += is_inside;
	tally->cut += event->log.cut;
	if (event->log.redacted <= 0)
		return;
	evidence_add(&draft->evidence, number);
	if (!is_inside) {
		tally->perhaps += event->log.redacted;
		return;
	}
	tally->disclosed += event->log.redacted;
	if (tally->first == NO_EVENT) {
		tally->first = number;
		draft->decided_ns = event->to_ns;
	}
}

static void blame_line(const struct index *index, struct draft *draft, const struct tally *tally)
{
	const struct event *event = &index->trace->events[tally->first];
	CLEANUP(buf_release) struct buf text = { 0 };
	buf_addf(&text, "%s.log has a secret (here ***): `", event->of);
	buf_add_visible(
	    &text, event->log.line.bytes ? event->log.line.bytes : "", event->log.line.length, 200);
	buf_add_string(&text, "` at ");
	text_add_interval(&text, (struct interval){ event->from_ns, event->to_ns }, TEXT_ALONE);
	draft_fail(draft, "%s", buf_string(&text));
}

static void judge_log(const struct index *index, struct draft *draft)
{
	const struct watch *watch = &index->plan->watches[draft->expectation->watch];
	const struct series *series = index_watch(index, draft->expectation->watch);
	struct tally tally = { .first = NO_EVENT };
	struct window window;
	if (window_resolve(index, draft, &window) < 0 || check_secrets(index, draft) < 0)
		return;
	for (size_t i = 0; i < series->count; i++)
		count_line(&window, series_event(index, series, i), series->items[i], &tally, draft);
	conclude(draft, &tally);
	buf_addf(&draft->actual, " in ");
	text_add_plural(&draft->actual, (int64_t)tally.inside, "line");
	if (tally.disclosed) {
		blame_line(index, draft, &tally);
	} else if (index->end && index->end->end.dropped > 0) {
		draft_inconclusive(draft, "%lld lines were not recorded because of a flood",
		    (long long)index->end->end.dropped);
	} else if (tally.perhaps) {
		draft_inconclusive(draft, "a line with a secret at the window's edge may have been inside");
	} else if (tally.cut) {
		draft_inconclusive(draft, "%zu line%s too long, and the rest may have had a secret",
		    tally.cut, tally.cut == 1 ? " was" : "s were");
	} else if (tally.inside == 0) {
		draft_inconclusive(draft, "vacuous: no line of %s in the window", watch->name);
		draft_note_death(draft, index, watch->service, INT64_MAX);
	} else if (!window.is_closed) {
		draft_inconclusive(draft, "nothing so far, but %s", index_open_reason(index));
	}
}

/* ---- an answer ---- */

static void judge_answer(const struct index *index, struct draft *draft, size_t number)
{
	const struct event *event = &index->trace->events[number];
	const char *step = index->plan->steps[draft->expectation->step].id;
	struct tally tally = { .disclosed = event->response.redacted > 0 ? event->response.redacted : 0 };
	evidence_add(&draft->evidence, number);
	draft->decided_ns = event->to_ns;
	if (strcmp(event->response.outcome, "answered") != 0 && tally.disclosed == 0) {
		draft_inconclusive(draft, "vacuous: no answer: %s", event->response.outcome);
		draft_note_death(
		    draft, index, index->plan->steps[draft->expectation->step].request.service, event->to_ns);
		return;
	}
	conclude(draft, &tally);
	buf_addf(&draft->actual, " in an answer of status %d", event->response.status);
	if (tally.disclosed)
		draft_fail(draft, "the answer to %s has a secret at %lld place%s (*** in the trace)", step,
		    (long long)tally.disclosed, tally.disclosed == 1 ? "" : "s");
	else if (event->response.body_cut)
		draft_inconclusive(draft,
		    "only the first %zu bytes of the body were kept, and the rest may have had a secret",
		    event->response.body.length);
}

static void judge_request(const struct index *index, struct draft *draft)
{
	const struct step *step = &index->plan->steps[draft->expectation->step];
	const struct series *series = &index->responses[draft->expectation->step];
	if (check_secrets(index, draft) < 0)
		return;
	if (series->count > 0) {
		judge_answer(index, draft, series->items[series->count - 1]);
		return;
	}
	struct instant instant;
	struct moment moment = { .kind = MOMENT_STEP, .name = step->id };
	moment_resolve(index, &moment, &instant);
	draft_inconclusive(draft, "vacuous: %s",
	    instant.happened ? "the trace has no answer to the request" : instant.why_not);
	draft_note_death(draft, index, index->plan->subject, INT64_MAX);
}

void judge_discloses(const struct index *index, struct draft *draft)
{
	const struct expectation *expectation = draft->expectation;
	const char *of = expectation->step >= 0 ? index->plan->steps[expectation->step].id
						: index->plan->watches[expectation->watch].name;
	buf_addf(&draft->expected, "no secret of the stack in %s%s",
	    expectation->step >= 0 ? "the answer to " : "", of);
	window_add_text(index, expectation, &draft->expected);
	if (expectation->step >= 0)
		judge_request(index, draft);
	else
		judge_log(index, draft);
}
