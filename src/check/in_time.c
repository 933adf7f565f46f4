/*
 * in_time: a step with `before` had taken effect before that moment came.
 *
 * Redis that was to come between attempts 6 and 7, and came during attempt 8, has made another race than the
 * one that is written down. What the subject did in it is judged all the same; that it was the wrong one is
 * said here, and is nobody's failure.
 */
#include "check/implied.h"

/* The first time it was done; NULL: it was not. */
static const struct event *find_done(const struct index *index, size_t step, const char **ret_why_not)
{
	for (size_t i = 0; i < index->steps[step].count; i++) {
		const struct event *event = series_event(index, &index->steps[step], i);
		if (event->step.done)
			return event;
		*ret_why_not = event->step.detail ? event->step.detail : "";
	}
	return NULL;
}

/* "at 2.1s", "between 1.9s and 2.1s", "by 2.1s": told apart from `other`. */
static void add_when(struct buf *out, struct interval when, int64_t other)
{
	if (when.low == INT64_MIN) {
		buf_add_string(out, "by ");
	} else if (when.low != when.high) {
		buf_add_string(out, "between ");
		text_add_time_beside(out, when.low, other);
		buf_add_string(out, " and ");
	} else {
		buf_add_string(out, "at ");
	}
	text_add_time_beside(out, when.high, when.low == when.high ? other : when.low);
}

static void judge_order(
    const struct index *index, struct draft *draft, struct interval done, const struct instant *instant)
{
	const struct expectation *expectation = draft->expectation;
	const char *id = index->plan->steps[expectation->step].id;
	struct interval moment = instant->at;
	CLEANUP(buf_release) struct buf what = { 0 }, when = { 0 }, came = { 0 };
	text_add_moment(&what, index->plan, &expectation->until);
	if (done.high < moment.low) {
		struct interval margin = interval_since(moment, done);
		text_add_interval(&draft->actual, margin, TEXT_ALONE);
		buf_add_string(&draft->actual, " before it");
		if (instant->happened)
			draft_measured(draft, margin.low, margin.high);
		return;
	}
	if (instant->perhaps) {
		draft_inconclusive(draft, "step %s was to take effect before %s: %s", id, buf_string(&what),
		    instant->why_not);
		return;
	}
	if (done.low > moment.high) {
		struct interval behind = interval_since(done, moment);
		text_add_interval(&draft->actual, behind, TEXT_ALONE);
		buf_add_string(&draft->actual, " after it");
		text_add_time_beside(&when, done.high, moment.high);
		text_add_time_beside(&came, moment.high, done.high);
		draft_inconclusive(draft,
		    "step %s took effect at %s, after %s (%s), which it was to precede: not the race that "
		    "was meant",
		    id, buf_string(&when), buf_string(&what), buf_string(&came));
		return;
	}
	buf_add_string(&draft->actual, "at about the same time");
	add_when(&when, done, moment.low);
	add_when(&came, moment, done.low);
	draft_inconclusive(draft, "step %s took effect %s, and %s came %s: nobody knows which was first", id,
	    buf_string(&when), buf_string(&what), buf_string(&came));
}

static void judge_in_time(const struct index *index, const struct implied *implied, struct draft *draft)
{
	const struct expectation *expectation = &implied->expectation;
	size_t step = (size_t)expectation->step;
	const char *why_not = "";
	const struct event *done = find_done(index, step, &why_not);
	struct instant instant;
	buf_addf(&draft->expected, "step %s takes effect before ", index->plan->steps[step].id);
	text_add_moment(&draft->expected, index->plan, &expectation->until);
	if (!done) {
		buf_add_string(&draft->actual, "it did not happen");
		draft_inconclusive(draft, "step %s did not happen%s%s", index->plan->steps[step].id,
		    *why_not ? ": " : "", why_not);
		return;
	}
	evidence_add(&draft->evidence, (size_t)(done - index->trace->events));
	moment_resolve(index, &expectation->until, &instant);
	if (!instant.happened && !instant.perhaps) {
		buf_add_string(&draft->actual, instant.why_not);
		draft->by_absence = true;
		return;
	}
	evidence_add(&draft->evidence, instant.event);
	draft->decided_ns = done->to_ns;
	if (instant.event != NO_EVENT && index->trace->events[instant.event].to_ns > draft->decided_ns)
		draft->decided_ns = index->trace->events[instant.event].to_ns;
	judge_order(index, draft, (struct interval){ .low = done->from_ns, .high = done->to_ns }, &instant);
}

void in_time_find(const struct index *index, struct implied_list *list)
{
	const struct plan *plan = index->plan;
	for (size_t i = 0; i < plan->step_count; i++) {
		const struct step *step = &plan->steps[i];
		if (!step->has_before)
			continue;
		CLEANUP(buf_release) struct buf text = { 0 };
		buf_addf(&text, "%s is done before ", step->id);
		text_add_moment(&text, plan, &step->before);
		*array_push(list->items, list->count) = (struct implied){
			.expectation = { .kind = EXPECT_REACH,
			    .id = xasprintf("in-time-%s", step->id),
			    .text = buf_steal(&text),
			    .position = step->position,
			    .watch = -1,
			    .service = -1,
			    .step = (int)i,
			    .until = step->before, /* the plan's */
			    .has_until = true },
			.judge = judge_in_time,
		};
	}
}
