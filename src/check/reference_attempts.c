/* What is said of attempts: reach within steps, agrees. */
#include "check/reference.h"

#include <math.h>

#define FOLLOW_FLOOR_NS (20 * NS_PER_MS)

/* ---- attempts ---- */

bool has_worked(const struct event *attempt)
{
	return strcmp(attempt->attempt.outcome, "connected") == 0 ||
	       strcmp(attempt->attempt.outcome, "accepted") == 0;
}

bool is_under_way(const struct event *attempt)
{
	return strcmp(attempt->attempt.outcome, "pending") == 0;
}

bool has_failed(const struct event *attempt)
{
	return !has_worked(attempt) && !is_under_way(attempt);
}

struct span end_of(const struct event *attempt)
{
	int64_t after_ns = attempt->attempt.ended_after_ns ? attempt->attempt.ended_after_ns : attempt->to_ns;
	return (struct span){ after_ns > attempt->from_ns ? after_ns : attempt->from_ns, attempt->to_ns };
}

int64_t beginning_of(const struct event *attempt)
{
	return attempt->attempt.began_known ? attempt->from_ns : attempt->to_ns;
}

/* A start that the engine stamps behind the first attempts of what it started was no later than it was asked
 * for. */
const struct event *find_disturbance(const struct facts *facts, size_t client, int64_t from_ns, int64_t to_ns)
{
	static const char starts[] = " started restarted ";
	static const char others[] = " exited stopped killed crashed oom-killed paused unpaused removed ";
	for_each_of(event, facts, EVENT_SERVICE, name_of_service(facts, client))
	{
		char word[64];
		snprintf(word, sizeof(word), " %s ", event->service.event);
		bool is_start = strstr(starts, word), disturbs = is_start || strstr(others, word);
		int64_t at_ns = is_start ? event->from_ns : event->to_ns;
		if (disturbs && at_ns >= from_ns && event->from_ns <= to_ns)
			return event;
	}
	return NULL;
}

int64_t tolerance_for(int64_t expected_ns, double share, int64_t floor_ns)
{
	int64_t part_ns = llround((double)expected_ns * share);
	return part_ns > floor_ns ? part_ns : floor_ns;
}

struct span gap_of(const struct event *last, const struct event *next)
{
	const int64_t ended_at[] = { end_of(last).low, end_of(last).high },
		      began_at[] = { next->from_ns, beginning_of(next) };
	struct span gap = { INT64_MAX, INT64_MIN };
	bool is_known = ended_at[0] == ended_at[1] && began_at[0] == began_at[1];
	for (size_t i = 0; i < 4; i++) {
		int64_t gap_ns = began_at[i / 2] - ended_at[i % 2];
		gap.low = gap_ns < gap.low ? gap_ns : gap.low;
		gap.high = gap_ns > gap.high ? gap_ns : gap.high;
	}
	if (!is_known && gap.low < 0 && gap.high >= 0)
		gap.low = 0; /* the next had begun: by then the last was over */
	return gap;
}

static int64_t outside_of(struct span range, int64_t value)
{
	return value < range.low ? range.low - value : value > range.high ? value - range.high : 0;
}

/* The gap is put at both of its ends, and at the point between them that is nearest to where it should lie.
 */
enum verdict judge_gap(const struct facts *facts, const struct event *last, const struct event *next,
    struct span expected, int64_t tolerance_ns)
{
	struct span gap = gap_of(last, next);
	int64_t lateness = host_was_late(facts, end_of(last).low, beginning_of(next));
	int64_t nearest = expected.low > gap.high  ? gap.high
			  : expected.low < gap.low ? gap.low
						   : expected.low;
	struct worlds worlds = { 0 };
	world_add(&worlds, outside_of(expected, gap.low), tolerance_ns, lateness);
	world_add(&worlds, outside_of(expected, gap.high), tolerance_ns, lateness);
	world_add(&worlds, outside_of(expected, nearest), tolerance_ns, lateness);
	return worlds_verdict(&worlds);
}

/* ---- reach within steps ---- */

/* Connected when `after` came: by the last that was told of it before. */
static const struct event *find_connection(const struct facts *facts, int watch, int64_t before_ns)
{
	const struct event *connected = NULL;
	for_each(event, facts)
	{
		bool is_attempt = event->kind == EVENT_ATTEMPT, is_loss = event->kind == EVENT_LOST;
		if ((!is_attempt && !is_loss) || strcmp(event->of, name_of_watch(facts, watch)) != 0)
			continue;
		if (event->to_ns >= before_ns)
			continue;
		if (is_attempt && has_worked(event))
			connected = event;
		else if ((is_attempt ? event->attempt.open : event->lost.open) == 0)
			connected = NULL;
	}
	return connected;
}

static struct opinion opine_no_success(const struct facts *facts, const struct expectation *expectation,
    struct span count, const struct event *last, const struct event *pending)
{
	size_t client = facts->plan->watches[expectation->within_watch].service;
	struct opinion failed = opinion(VERDICT_FAIL, facts->end_ns);
	failed.did_not_come = true;
	if (last && count.low >= expectation->within_steps) {
		failed.decided_ns = last->to_ns;
		return failed;
	}
	if (is_dead_for_ever(facts, client))
		return failed;
	if (pending || !facts->is_over || (last && count.high >= expectation->within_steps))
		return opinion(VERDICT_INCONCLUSIVE, 0);
	return failed;
}

static struct opinion opine_follow(const struct facts *facts, const struct expectation *expectation,
    const struct happening *after, const struct event *success)
{
	const struct watch *watch = &facts->plan->watches[expectation->watch];
	struct span seen = after->at;
	if (expectation->has_after)
		seen = as_seen_by(&expectation->after, after, expectation->watch);
	struct coming coming = find_coming(facts, expectation->watch, &expectation->states, seen);
	int64_t since_ns = success->to_ns > after->at.high ? success->to_ns : after->at.high;
	if (!coming.perhaps) {
		int64_t enough_ns = since_ns + watch->every_ns + watch->timeout_ns + FOLLOW_FLOOR_NS +
				    host_was_late(facts, since_ns, facts->end_ns);
		if (coming.not_until_ns > enough_ns)
			return opinion(VERDICT_FAIL, enough_ns);
		return opinion(facts->is_over ? VERDICT_FAIL : VERDICT_INCONCLUSIVE, facts->end_ns);
	}
	int64_t earliest_ns = success->to_ns > after->at.low ? success->to_ns : after->at.low;
	int64_t seen_ns = coming.is_sure ? coming.when.high : coming.perhaps->to_ns;
	int64_t limit_ns =
	    watch->every_ns + coming.perhaps->to_ns - coming.perhaps->from_ns + FOLLOW_FLOOR_NS;
	int64_t lateness = host_was_late(facts, earliest_ns, seen_ns);
	struct worlds worlds = { 0 };
	world_add(&worlds, coming.when.low - since_ns, limit_ns, lateness);
	/* The first that looked saw it, no later than the host was late: nobody can have seen it sooner. */
	bool is_first_look = coming.when.low <= since_ns && seen_ns - since_ns <= limit_ns + lateness &&
			     !is_silence(facts, watch, since_ns, coming.perhaps->from_ns);
	if (!is_first_look)
		world_add(&worlds, seen_ns - since_ns, limit_ns, lateness);
	bool is_late = worlds.within == 0 && worlds.between == 0;
	if (!coming.is_sure && !(is_late && !coming.is_counted))
		worlds.between++; /* in some it was only before, or not at all */
	int64_t shown_ns = coming.perhaps->to_ns;
	return opinion(worlds_verdict(&worlds), shown_ns > success->to_ns ? shown_ns : success->to_ns);
}

struct opinion opine_reach_in_steps(
    const struct facts *facts, const struct expectation *expectation, const struct happening *after)
{
	int watch = expectation->within_watch;
	const struct event *connected = find_connection(facts, watch, after->at.low);
	const struct event *success = NULL, *last = NULL, *pending = NULL;
	struct span count = { 0 };
	for_each_of(attempt, facts, EVENT_ATTEMPT, name_of_watch(facts, watch))
	{
		if (attempt->to_ns < after->at.low || connected || success)
			continue;
		if (is_under_way(attempt)) {
			pending = attempt;
			continue;
		}
		/* It began at one of the two, `after` was at one of the two. */
		count.low += attempt->from_ns >= after->at.high;
		count.high += beginning_of(attempt) >= after->at.low;
		last = attempt;
		if (has_worked(attempt))
			success = attempt;
	}
	success = connected ? connected : success;
	/* In some worlds it was, in some no more. */
	if (success && success->to_ns <= after->at.high && !find_connection(facts, watch, after->at.high + 1))
		return opinion(VERDICT_INCONCLUSIVE, 0);
	if (!success)
		return opine_no_success(facts, expectation, count, last, pending);
	struct opinion followed = opine_follow(facts, expectation, after, success);
	if (count.low > expectation->within_steps)
		return opinion(VERDICT_FAIL, success->to_ns);
	if (followed.verdict == VERDICT_PASS && count.high > expectation->within_steps)
		followed.verdict = VERDICT_INCONCLUSIVE;
	return followed;
}

/* ---- agrees ---- */

static int64_t parse_delay(const char *digits, size_t length, int64_t unit_ns)
{
	char *number OWNED = xmemdup0(digits, length);
	return llround(strtod(number, NULL) * (double)unit_ns);
}

/* What the wire says to a line of this delay, if it is about this attempt. False: nothing. */
static bool ask(const struct facts *facts, const struct expectation *expectation, const struct event *last,
    int64_t said_ns, enum verdict *ret_verdict, int64_t *ret_decided_ns)
{
	size_t client = facts->plan->watches[expectation->watch].service;
	const struct event *next = NULL;
	bool is_behind = false;
	int64_t tolerance_ns =
	    tolerance_for(said_ns, expectation->agrees.tolerance, expectation->agrees.floor_ns);
	struct span ended = end_of(last);
	for_each_of(attempt, facts, EVENT_ATTEMPT, name_of_watch(facts, expectation->watch))
	{
		if (is_behind && !next)
			next = attempt;
		is_behind = is_behind || attempt == last;
	}
	if (find_disturbance(facts, client, ended.low, next ? beginning_of(next) : FAR_AWAY))
		return false;
	if (next) {
		*ret_verdict = judge_gap(facts, last, next, (struct span){ said_ns, said_ns }, tolerance_ns);
		*ret_decided_ns = beginning_of(next);
		return true;
	}
	if (!*facts->end)
		return false; /* it may have been under way */
	int64_t patience_ns = said_ns + tolerance_ns + host_was_late(facts, ended.low, facts->end_ns);
	*ret_verdict = VERDICT_FAIL;
	*ret_decided_ns = ended.high + patience_ns;
	return facts->end_ns - ended.high > patience_ns;
}

/* Each attempt that may have been the last to fail before the line was written is one world. The line is
 * right if it is in one of them, wrong if it is in all; an attempt may say nothing, and there may have been
 * none. */
static bool ask_all(const struct facts *facts, const struct expectation *expectation,
    const struct event *line, int64_t said_ns, struct opinion *ret_opinion)
{
	const struct event *surely = NULL;
	size_t right = 0, wrong = 0, others = 0;
	int64_t decided_ns = 0;
	for_each_of(attempt, facts, EVENT_ATTEMPT,
	    name_of_watch(facts, expectation->watch)) if (has_failed(attempt) &&
							  end_of(attempt).high <= line->from_ns) surely =
	    attempt;
	bool is_passed = !surely, is_followed = *facts->end;
	others += !surely;
	/* Where the trace was cut short, one that is not told may have been the last, if none began later. */
	for_each_of(attempt, facts, EVENT_ATTEMPT, name_of_watch(facts, expectation->watch)) is_followed =
	    is_followed || attempt->from_ns > line->to_ns;
	others += !is_followed;
	for_each_of(attempt, facts, EVENT_ATTEMPT, name_of_watch(facts, expectation->watch))
	{
		enum verdict verdict = VERDICT_INCONCLUSIVE;
		is_passed = is_passed || attempt == surely;
		if (!is_passed || !has_failed(attempt) || end_of(attempt).low > line->to_ns)
			continue;
		if (!ask(facts, expectation, attempt, said_ns, &verdict, &decided_ns)) {
			others++;
			continue;
		}
		right += verdict == VERDICT_PASS;
		wrong += verdict == VERDICT_FAIL;
		others += verdict == VERDICT_INCONCLUSIVE;
		*ret_opinion = opinion(VERDICT_INCONCLUSIVE, decided_ns);
		ret_opinion->may_doubt = true; /* it was judged */
	}
	if (right > 0)
		ret_opinion->verdict = VERDICT_PASS;
	else if (wrong > 0 && others == 0)
		ret_opinion->verdict = VERDICT_FAIL;
	return ret_opinion->may_doubt;
}

struct opinion opine_agrees(const struct facts *facts, const struct expectation *expectation)
{
	struct stretch_of_time stretch = find_stretch(facts, expectation);
	size_t service = facts->plan->watches[expectation->agrees.log_watch].service;
	size_t judged = 0;
	bool failed = false, is_open = facts->dropped > 0 || !stretch.is_over;
	int64_t failed_ns = 0;
	if (stretch.is_empty)
		return opinion(VERDICT_INCONCLUSIVE, 0);
	for_each_of(line, facts, EVENT_LOG, name_of_service(facts, service))
	{
		const char *digits = NULL;
		size_t length = 0;
		struct opinion said = { 0 };
		if (!is_near(&stretch, span_of(line)) ||
		    !line_matches(line, expectation->agrees.pattern, &digits, &length))
			continue;
		if (!ask_all(facts, expectation, line,
			parse_delay(digits, length, expectation->agrees.unit_ns), &said))
			continue;
		judged++;
		if (said.verdict == VERDICT_FAIL && is_inside(&stretch, span_of(line))) {
			failed_ns = !failed || said.decided_ns < failed_ns ? said.decided_ns : failed_ns;
			failed = true;
		} else if (said.verdict != VERDICT_PASS) {
			is_open = true;
		}
	}
	if (failed)
		return opinion(VERDICT_FAIL, failed_ns);
	return opinion(judged == 0 || is_open ? VERDICT_INCONCLUSIVE : VERDICT_PASS, facts->end_ns);
}
