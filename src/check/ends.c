/*
 * ends: a service ends after a moment, with this exit status, in time.
 *
 * The first end that may have come after it counts, whoever caused it. Its process may have ended before the
 * engine says it has: by TOLD_NS at most, and the host's lateness. Whether one that nobody asked for came
 * after the moment is taken from what the engine says all the same: it would not be known of any that follows
 * soon.
 */
#include "check/judge.h"
#include "check/life.h"

#include "base/duration.h"

#include <string.h>

/* The engine stamps the end of a process when it has learnt of it, not when it was. */
#define TOLD_NS (1 * NS_PER_S)

struct ending {
	const struct event *event; /* NULL: there was none */
	size_t number;
	const struct event *before; /* the last start or end before it, or NULL */
};

static struct ending find_ending(const struct index *index, size_t service, struct interval after)
{
	const struct series *series = &index->services[service];
	struct ending ending = { 0 };
	for (size_t i = 0; i < series->count; i++) {
		const struct event *event = series_event(index, series, i);
		if (life_ends(event) && event->to_ns >= after.low) {
			ending.event = event;
			ending.number = series->items[i];
			return ending;
		}
		if (life_ends(event) || life_begins(event))
			ending.before = event;
	}
	return ending;
}

/* Does the moment belong to a step that acts on the service? What that causes lies in its own interval, and
 * it is from the beginning of the step on that the service knows. */
static bool is_of_its_step(const struct index *index, const struct moment *moment, size_t service)
{
	const struct plan *plan = index->plan;
	int found = moment->kind == MOMENT_STEP ? plan_find_step(plan, moment->name) : -1;
	if (found < 0 || moment->plus_ns != 0)
		return false;
	for (size_t i = 0; i < plan->steps[found].service_count; i++)
		if (plan->steps[found].services[i] == service)
			return true;
	return false;
}

static void add_expected(const struct index *index, const struct expectation *expectation, struct buf *out)
{
	const struct range *status = &expectation->exit_status;
	buf_addf(out, "%s ends with ", index->plan->stack->services[expectation->service].name);
	text_add_count(out, (struct interval){ status->low, status->high });
	if (expectation->has_within) {
		buf_add_string(out, " within ");
		text_add_time(out, expectation->within_ns);
	}
	if (expectation->has_after) {
		buf_add_string(out, expectation->has_within ? " of " : " after ");
		text_add_moment(out, index->plan, &expectation->after);
	} else if (expectation->has_within) {
		buf_add_string(out, " of world.started");
	}
	if (expectation->has_within) {
		buf_add_string(out, ", tolerance ");
		text_add_time(out, TOLD_NS);
	}
}

static void add_since(const struct index *index, const struct expectation *expectation, struct buf *out)
{
	if (expectation->has_after)
		text_add_moment(out, index->plan, &expectation->after);
	else
		buf_add_string(out, "world.started");
}

/* "gateway stopped with 137 at 12s: the engine killed it when its grace period was over" */
static void add_end(const struct event *event, struct buf *out)
{
	buf_addf(out, "%s %s", event->of, event->service.event);
	if (event->service.exit_code >= 0)
		buf_addf(out, " with %d", event->service.exit_code);
	buf_add_string(out, " at ");
	text_add_time(out, event->to_ns);
	if (strcmp(event->service.event, "stopped") == 0 && event->service.exit_code == 137)
		buf_add_string(out, " (the engine killed it when its grace period was over)");
}

static void judge_status(struct draft *draft, const struct event *event)
{
	const struct range *status = &draft->expectation->exit_status;
	int code = event->service.exit_code;
	CLEANUP(buf_release) struct buf text = { 0 }, expected = { 0 };
	add_end(event, &text);
	text_add_count(&expected, (struct interval){ status->low, status->high });
	if (code < 0)
		draft_inconclusive(draft, "%s, and its exit status is not known", buf_string(&text));
	else if (code < status->low || code > status->high)
		draft_fail(draft, "%s, expected %s", buf_string(&text), buf_string(&expected));
}

static void judge_time(
    const struct index *index, struct draft *draft, struct interval elapsed, struct interval stretch)
{
	int64_t limit = draft->expectation->within_ns;
	int64_t lateness = lateness_within(index->lateness, stretch.low, stretch.high);
	CLEANUP(buf_release) struct buf text = { 0 }, late = { 0 };
	text_add_interval(&text, elapsed, limit);
	draft_slack(draft, limit - elapsed.high);
	switch (interval_at_most(elapsed, limit, lateness)) {
	case ANSWER_YES:
		return;
	case ANSWER_NO:
		draft_fail(draft, "took %s", buf_string(&text));
		return;
	case ANSWER_UNKNOWN:
		break;
	}
	text_add_time(&late, lateness);
	if (elapsed.low > limit)
		draft_inconclusive(draft, "took %s, but the host ran up to %s late meanwhile",
		    buf_string(&text), buf_string(&late));
	else
		draft_inconclusive(draft, "took %s, and the limit is inside", buf_string(&text));
}

static void judge_ended(
    const struct index *index, struct draft *draft, struct interval after, const struct ending *ending)
{
	const struct expectation *expectation = draft->expectation;
	const struct event *event = ending->event;
	bool of_its_step = expectation->has_after &&
			   is_of_its_step(index, &expectation->after, (size_t)expectation->service);
	struct interval when = { .low = event->from_ns, .high = event->to_ns };
	int64_t earliest_ns = saturating_subtract(when.high, TOLD_NS);
	if (event->service.asked && when.low < earliest_ns)
		when.low = earliest_ns;
	evidence_add(&draft->evidence, ending->number);
	draft->decided_ns = event->to_ns;
	add_end(event, &draft->actual);
	if (when.low < after.high && !of_its_step) {
		CLEANUP(buf_release) struct buf text = { 0 }, since = { 0 };
		add_end(event, &text);
		add_since(index, expectation, &since);
		draft_inconclusive(
		    draft, "%s, which may have been before %s", buf_string(&text), buf_string(&since));
		return;
	}
	if (!event->service.asked && when.low > earliest_ns)
		when.low = earliest_ns;
	if (of_its_step)
		after.high = after.low;
	struct interval elapsed = interval_since(when, after);
	draft_measured(draft, elapsed.low, elapsed.high);
	buf_add_string(&draft->actual, ", ");
	text_add_interval(&draft->actual, elapsed, TEXT_ALONE);
	buf_add_string(&draft->actual, " after ");
	add_since(index, expectation, &draft->actual);
	judge_status(draft, event);
	if (expectation->has_within)
		judge_time(index, draft, elapsed, (struct interval){ after.low, event->to_ns });
}

static void judge_running(const struct index *index, struct draft *draft, struct interval after)
{
	const struct expectation *expectation = draft->expectation;
	const char *name = index->plan->stack->services[expectation->service].name;
	struct interval known = { .low = index->end_ns, .high = INT64_MAX };
	struct interval elapsed = interval_since(known, after);
	int64_t lateness = lateness_within(index->lateness, after.low, index->end_ns);
	CLEANUP(buf_release) struct buf since = { 0 }, waited = { 0 };
	add_since(index, expectation, &since);
	text_add_time(&waited, elapsed.low);
	buf_addf(&draft->actual, "still running %s after %s", buf_string(&waited), buf_string(&since));
	draft->by_absence = true;
	draft->has_claimed = true;
	draft->claimed = elapsed;
	if (expectation->has_within &&
	    elapsed.low > saturating_add(saturating_add(expectation->within_ns, TOLD_NS), lateness)) {
		draft_slack(draft, expectation->within_ns - elapsed.low);
		draft->decided_ns = saturating_add(
		    saturating_add(after.high, expectation->within_ns), saturating_add(TOLD_NS, lateness));
	} else if (expectation->has_within) {
		draft_inconclusive(draft, "the trace ended %s after %s, too early to know",
		    buf_string(&waited), buf_string(&since));
		return;
	} else if (!index_is_closed(index)) {
		draft_inconclusive(draft, "%s had not ended when %s", name, index_open_reason(index));
		return;
	}
	draft_fail(draft, "%s did not end: still running %s after %s", name, buf_string(&waited),
	    buf_string(&since));
}

void judge_ends(const struct index *index, struct draft *draft)
{
	const struct expectation *expectation = draft->expectation;
	const char *name = index->plan->stack->services[expectation->service].name;
	struct instant after = { .happened = true, .event = NO_EVENT };
	add_expected(index, expectation, &draft->expected);
	if (expectation->has_after)
		moment_resolve(index, &expectation->after, &after);
	if (!after.happened) {
		draft_inconclusive(draft, "vacuous: %s", after.why_not);
		draft_note_death(draft, index, (size_t)expectation->service, INT64_MAX);
		return;
	}
	evidence_add(&draft->evidence, after.event);
	if (window_is_beyond(index, draft, after.at))
		return;
	struct ending ending = find_ending(index, (size_t)expectation->service, after.at);
	if (ending.event) {
		judge_ended(index, draft, after.at, &ending);
	} else if (!ending.before) {
		draft_inconclusive(draft, "vacuous: %s was never started", name);
	} else if (life_ends(ending.before)) {
		CLEANUP(buf_release) struct buf text = { 0 };
		add_end(ending.before, &text);
		draft_inconclusive(draft, "vacuous: %s, before", buf_string(&text));
		evidence_add(&draft->evidence, (size_t)(ending.before - index->trace->events));
	} else {
		judge_running(index, draft, after.at);
	}
}
