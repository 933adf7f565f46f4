#include "check/late.h"

#include "base/duration.h"

/*
 * What the runner owes a story is that nobody in it can tell the difference, and there 20 ms are allowed
 * everywhere else, too (the floor of every tolerance). Of 4012 steps in 504 worlds on a host of two
 * processors, partly under load, half began within 0.01 ms, 99 % within 14 ms, and 28 more than 20 ms late.
 */
#define LATE_FLOOR_NS (20 * NS_PER_MS)
/* More than this share of the time before it: it is another time than the one that is written. */
#define LATE_SHARE 0.10

/* The time that passes by the scenario's word before it begins, of a hold also until it is over. */
static int64_t wait_of(const struct step *step, const struct event *event)
{
	int64_t wait_ns = saturating_add(step->has_after ? step->after.plus_ns : 0, event->step.jitter_ns);
	return step->kind == STEP_HOLD ? saturating_add(wait_ns, step->hold_ns) : wait_ns;
}

static bool is_late(
    const struct index *index, size_t number, const struct event *event, struct late_step *ret_late)
{
	const struct step *step = &index->plan->steps[number];
	bool is_hold = step->kind == STEP_HOLD && event->step.done;
	struct late_step late = {
		.step = number,
		.due_ns = is_hold ? saturating_add(event->step.due_ns, step->hold_ns) : event->step.due_ns,
		.at_ns = is_hold ? event->to_ns : event->from_ns,
		.wait_ns = wait_of(step, event),
	};
	late.late_ns = saturating_subtract(late.at_ns, late.due_ns);
	if (event->step.due_ns == 0 || late.late_ns <= LATE_FLOOR_NS)
		return false; /* not known, or in time */
	const struct series *above = number ? &index->steps[number - 1] : NULL;
	late.was_kept =
	    above && above->count && series_event(index, above, above->count - 1)->to_ns > event->step.due_ns;
	/* Where only an order was asked for, a step above that takes its time keeps to it. */
	late.is_warning =
	    (double)late.late_ns > LATE_SHARE * (double)late.wait_ns && !(late.was_kept && late.wait_ns == 0);
	*ret_late = late;
	return true;
}

struct late_step *late_find(const struct index *index, size_t *ret_count)
{
	struct late_step *found = NULL;
	size_t count = 0;
	for (size_t i = 0; i < index->plan->step_count; i++) {
		for (size_t n = 0; n < index->steps[i].count; n++) {
			struct late_step late;
			if (is_late(index, i, series_event(index, &index->steps[i], n), &late))
				*array_push(found, count) = late;
		}
	}
	*ret_count = count;
	return found;
}
