/* What a trace without its end leaves open. */
#include "check/reference.h"

/* Something that would have been what was waited for, and may have been after. */
static bool has_come(const struct facts *facts, const struct expectation *expectation)
{
	static const char ends[] = " exited stopped killed crashed oom-killed ";
	struct happening after = { .at = { LONG_AGO, LONG_AGO } };
	size_t seen = 0;
	if (expectation->has_after)
		after = find_moment(facts, &expectation->after);
	for_each(event, facts)
	{
		char word[64];
		if (event->to_ns < after.at.low)
			continue;
		if (expectation->kind == EXPECT_ENDS) {
			snprintf(word, sizeof(word), " %s ",
			    event->kind == EVENT_SERVICE ? event->service.event : "-");
			seen += strstr(ends, word) &&
				strcmp(event->of, name_of_service(facts, (size_t)expectation->service)) == 0;
			continue;
		}
		const struct watch *watch = &facts->plan->watches[expectation->watch];
		if (event->kind == EVENT_ATTEMPT && strcmp(event->of, watch->name) == 0)
			seen += event->attempt.number == expectation->attempt_number && !is_under_way(event);
		if (event->kind == EVENT_LOG && watch->kind == WATCH_LOG &&
		    strcmp(event->of, name_of_service(facts, watch->service)) == 0)
			seen += line_matches(event, expectation->pattern, NULL, NULL);
	}
	return seen > 0;
}

/* Polls show that a state had not come by some time; that it never will is another thing. */
static bool is_seen(
    const struct facts *facts, const struct expectation *expectation, const struct opinion *opinion)
{
	struct happening after = { .at = { LONG_AGO, LONG_AGO } };
	struct span seen = after.at;
	if (expectation->has_after) {
		after = find_moment(facts, &expectation->after);
		seen = as_seen_by(&expectation->after, &after, expectation->watch);
	}
	return opinion->decided_ns < facts->end_ns ||
	       find_coming(facts, expectation->watch, &expectation->states, seen).is_counted;
}

/* It failed because something did not come. */
static bool rests_on_silence(
    const struct facts *facts, const struct expectation *expectation, const struct opinion *opinion)
{
	if (expectation->kind == EXPECT_REACH && expectation->within_steps)
		return opinion->did_not_come;
	if (expectation->kind == EXPECT_REACH && facts->plan->watches[expectation->watch].kind == WATCH_HTTP)
		return !is_seen(facts, expectation, opinion);
	return (expectation->kind == EXPECT_REACH || expectation->kind == EXPECT_ENDS) &&
	       !has_come(facts, expectation);
}

static bool is_window_over(const struct facts *facts, const struct expectation *expectation)
{
	struct happening until = { .happened = true };
	if (expectation->has_until)
		until = find_moment(facts, &expectation->until);
	return until.happened && until.at.low <= facts->end_ns;
}

/* As far as the runner has told how late it was, but for the last stretch, of which not all may be told;
 * where it never tells it was not late. */
static bool is_lateness_known(const struct facts *facts, int64_t until_ns)
{
	bool is_told = false, is_known = false;
	for_each_of(report, facts, EVENT_LATENESS, "")
	{
		is_told = true;
		is_known = is_known || report->from_ns > until_ns;
	}
	return is_known || !is_told;
}

bool is_open_for_want_of_an_end(
    const struct facts *facts, const struct expectation *expectation, const struct opinion *opinion)
{
	if (*facts->end)
		return false;
	/* What follows might be wrong. */
	if (opinion->verdict == VERDICT_PASS)
		return opinion->by_absence || expectation->kind == EXPECT_BACKOFF ||
		       expectation->kind == EXPECT_AGREES;
	return rests_on_silence(facts, expectation, opinion) || !is_window_over(facts, expectation) ||
	       !is_lateness_known(facts, opinion->decided_ns);
}
