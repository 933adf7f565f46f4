/* What `before` implies: that the step was done by then. */
#include "check/reference.h"

struct opinion opine_in_time(const struct facts *facts, const struct step *step)
{
	const struct event *done = NULL;
	for_each_of(event, facts, EVENT_STEP, step->id) if (event->step.done && !done) done = event;
	struct happening moment = find_moment(facts, &step->before);
	struct opinion came_not = opinion(VERDICT_PASS, facts->end_ns);
	came_not.by_absence = true;
	if (!done)
		return opinion(VERDICT_INCONCLUSIVE, facts->end_ns);
	if (!moment.happened && !moment.perhaps)
		return came_not;
	int64_t decided_ns = moment.event->to_ns > done->to_ns ? moment.event->to_ns : done->to_ns;
	/* In every world: whenever it was done, and whenever that came. */
	size_t before = 0;
	const int64_t done_at[] = { done->from_ns, done->to_ns },
		      came_at[] = { moment.at.low, moment.at.high };
	for (size_t i = 0; i < 2; i++)
		for (size_t k = 0; k < 2; k++)
			before += done_at[i] < came_at[k];
	return opinion(before == 4 ? VERDICT_PASS : VERDICT_INCONCLUSIVE, decided_ns);
}
