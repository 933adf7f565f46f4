#include "check/schedule.h"

#include "check/life.h"
#include "check/observation.h"

#include <math.h>

int64_t schedule_gap(const struct backoff *rule, size_t n)
{
	double gap = (double)rule->first_ns * pow(rule->factor > 0 ? rule->factor : 1, (double)(n - 1));
	double cap = rule->cap_ns > 0 ? (double)rule->cap_ns : 9e18;
	return gap < cap ? llround(gap) : llround(cap);
}

int64_t schedule_after(const struct backoff *rule, size_t run, size_t position)
{
	if (run > 1 || rule->attempts == 0 || position < (size_t)rule->attempts)
		return schedule_gap(rule, position);
	if (!rule->has_then)
		return 0;
	return rule->then_ns > 0 ? rule->then_ns : -1;
}

struct interval gap_between(const struct event *last, const struct event *next)
{
	struct interval began = attempt_beginning(next), ended = attempt_ended(last);
	struct interval gap = { .low = began.low - ended.high, .high = began.high - ended.low };
	/* It began before the other was known to be over: the other was over no later than that. */
	if (gap.low < gap.high && gap.low < 0 && gap.high >= 0)
		gap.low = 0;
	return gap;
}

int64_t gap_lateness(const struct index *index, const struct event *last, const struct event *next)
{
	return lateness_within(index->lateness, attempt_ended(last).low, attempt_began(next));
}

struct interval schedule_range(const struct backoff *rule, int64_t delay)
{
	if (!schedule_has_jitter(rule) || delay <= 0)
		return (struct interval){ delay, delay };
	double high = (double)delay * rule->jitter_high;
	return (struct interval){ llround((double)delay * rule->jitter_low),
		high < 9e18 ? llround(high) : INT64_MAX };
}

static int64_t distance(int64_t value, struct interval range)
{
	if (value < range.low)
		return saturating_subtract(range.low, value);
	return value > range.high ? saturating_subtract(value, range.high) : 0;
}

struct interval gap_deviation(struct interval gap, struct interval expected)
{
	int64_t below = distance(gap.low, expected), above = distance(gap.high, expected);
	bool touches = gap.low <= expected.high && gap.high >= expected.low;
	return (struct interval){
		.low = touches         ? 0
		       : below < above ? below
				       : above,
		.high = below > above ? below : above,
	};
}

enum answer gap_answer(struct interval gap, struct interval expected, int64_t tolerance, int64_t lateness)
{
	return interval_at_most(gap_deviation(gap, expected), tolerance, lateness);
}

/* An event is known to lie between being asked for and being stamped. The engine may stamp a start after the
 * started client's first attempts: it is one between two attempts only if it was asked for after the first.
 */
static int64_t happened_ns(const struct event *event)
{
	return life_begins(event) ? event->from_ns : event->to_ns;
}

static bool disturbs(const struct event *event)
{
	static const char *const others[] = { "paused", "unpaused", "removed" };
	return life_begins(event) || life_ends(event) ||
	       service_event_is(event, others, ARRAY_LENGTH(others));
}

const struct event *disturbance(const struct index *index, size_t client, int64_t from_ns, int64_t to_ns)
{
	const struct series *series = &index->services[client];
	for (size_t i = 0; i < series->count; i++) {
		const struct event *event = series_event(index, series, i);
		if (happened_ns(event) >= from_ns && event->from_ns <= to_ns && disturbs(event))
			return event;
	}
	return NULL;
}

int64_t last_disturbed(const struct index *index, size_t client, int64_t until_ns)
{
	const struct series *series = &index->services[client];
	int64_t last_ns = INT64_MIN;
	for (size_t i = 0; i < series->count; i++) {
		const struct event *event = series_event(index, series, i);
		if (event->from_ns <= until_ns && happened_ns(event) > last_ns && disturbs(event))
			last_ns = happened_ns(event);
	}
	return last_ns;
}
