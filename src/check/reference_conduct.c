/* What is said of how a service behaves: ends, discloses. */
#include "check/reference.h"

/* ---- ends ---- */

#define TOLD_NS NS_PER_S

static bool is_one_of(const struct event *event, const char *words)
{
	char word[64];
	snprintf(word, sizeof(word), " %s ", event->service.event);
	return strstr(words, word) != NULL;
}

static bool is_step_of(const struct facts *facts, const struct expectation *expectation)
{
	const struct moment *after = &expectation->after;
	if (!expectation->has_after || after->kind != MOMENT_STEP || after->plus_ns != 0)
		return false;
	for (size_t i = 0; i < facts->plan->step_count; i++)
		for (size_t s = 0; s < facts->plan->steps[i].service_count; s++)
			if (strcmp(facts->plan->steps[i].id, after->name) == 0 &&
			    facts->plan->steps[i].services[s] == (size_t)expectation->service)
				return true;
	return false;
}

static struct opinion opine_still_running(
    const struct facts *facts, const struct expectation *expectation, struct span after)
{
	int64_t enough_ns = expectation->within_ns + TOLD_NS + host_was_late(facts, after.low, facts->end_ns);
	if (!expectation->has_within)
		return opinion(facts->is_over ? VERDICT_FAIL : VERDICT_INCONCLUSIVE, facts->end_ns);
	return opinion(facts->end_ns - after.high > enough_ns ? VERDICT_FAIL : VERDICT_INCONCLUSIVE,
	    after.high + enough_ns);
}

struct opinion opine_ends(const struct facts *facts, const struct expectation *expectation)
{
	struct happening since = { .happened = true };
	const struct event *end = NULL, *last = NULL;
	if (expectation->has_after)
		since = find_moment(facts, &expectation->after);
	if (!since.happened || (expectation->has_after && since.at.low >= facts->end_ns))
		return opinion(VERDICT_INCONCLUSIVE, 0);
	struct span after = since.at;
	for_each_of(event, facts, EVENT_SERVICE, name_of_service(facts, (size_t)expectation->service))
	{
		bool ends = is_one_of(event, " exited stopped killed crashed oom-killed ");
		if (ends && !end && event->to_ns >= after.low)
			end = event;
		if (!end && (ends || is_one_of(event, " started restarted ")))
			last = event;
	}
	if (!end && (!last || !is_one_of(last, " started restarted ")))
		return opinion(VERDICT_INCONCLUSIVE, 0);
	if (!end)
		return opine_still_running(facts, expectation, after);
	/* The engine stamps an end no more than a second late; what was asked for did not come before that.
	 */
	struct span when = span_of(end);
	if (end->service.asked && when.low < when.high - TOLD_NS)
		when.low = when.high - TOLD_NS;
	if (is_step_of(facts, expectation))
		after.high = after.low;
	else if (when.low < after.high)
		return opinion(VERDICT_INCONCLUSIVE, 0);
	if (!end->service.asked && when.low > when.high - TOLD_NS)
		when.low = when.high - TOLD_NS;
	int code = end->service.exit_code;
	bool is_right = code >= expectation->exit_status.low && code <= expectation->exit_status.high;
	enum verdict verdict = code < 0 ? VERDICT_INCONCLUSIVE : is_right ? VERDICT_PASS : VERDICT_FAIL;
	struct worlds worlds = { 0 };
	int64_t lateness = host_was_late(facts, after.low, end->to_ns);
	const int64_t ended[] = { when.low, when.high }, began[] = { after.low, after.high };
	for (size_t i = 0; i < 4 && expectation->has_within; i++) {
		int64_t took_ns = ended[i / 2] - began[i % 2];
		world_add(&worlds, took_ns > 0 ? took_ns : 0, expectation->within_ns, lateness);
	}
	enum verdict in_time = worlds_verdict(&worlds);
	if (in_time == VERDICT_FAIL || verdict == VERDICT_PASS)
		verdict = in_time;
	return opinion(verdict, end->to_ns);
}

/* ---- discloses ---- */

static struct opinion opine_answer(const struct facts *facts, const struct expectation *expectation)
{
	const struct event *answer = NULL;
	for_each_of(event, facts, EVENT_RESPONSE, facts->plan->steps[expectation->step].id) answer = event;
	if (!answer)
		return opinion(VERDICT_INCONCLUSIVE, 0);
	if (answer->response.redacted > 0)
		return opinion(VERDICT_FAIL, answer->to_ns);
	bool is_whole = strcmp(answer->response.outcome, "answered") == 0 && !answer->response.body_cut;
	return (struct opinion){ .verdict = is_whole ? VERDICT_PASS : VERDICT_INCONCLUSIVE,
		.decided_ns = answer->to_ns,
		.by_absence = true };
}

struct opinion opine_discloses(const struct facts *facts, const struct expectation *expectation)
{
	struct stretch_of_time stretch = find_stretch(facts, expectation);
	size_t inside = 0;
	bool is_known = facts->dropped == 0;
	if (facts->trace->events[0].world.secrets <= 0 || stretch.is_empty)
		return opinion(VERDICT_INCONCLUSIVE, 0);
	if (expectation->step >= 0)
		return opine_answer(facts, expectation);
	size_t service = facts->plan->watches[expectation->watch].service;
	for_each_of(line, facts, EVENT_LOG, name_of_service(facts, service))
	{
		if (!is_near(&stretch, span_of(line)))
			continue;
		if (line->log.redacted > 0 && is_inside(&stretch, span_of(line)))
			return opinion(VERDICT_FAIL, line->to_ns);
		inside += is_inside(&stretch, span_of(line));
		is_known = is_known && !line->log.cut && line->log.redacted == 0;
	}
	return (struct opinion){ .verdict = inside > 0 && is_known && stretch.is_over ? VERDICT_PASS
										      : VERDICT_INCONCLUSIVE,
		.decided_ns = facts->end_ns,
		.by_absence = true };
}
