/* What is said of states: reach, sequence, never, always. */
#include "check/reference.h"

enum { HOLE_PERIODS = 3 };

bool shows_one_of(const struct event *poll, const struct strings *states)
{
	for (size_t i = 0; i < states->count; i++)
		if (poll_shows(poll, states->items[i]))
			return true;
	return false;
}

bool is_silence(const struct facts *facts, const struct watch *watch, int64_t answered_ns, int64_t asked_ns)
{
	int64_t explained_ns = 3 * watch->every_ns + host_was_late(facts, answered_ns, asked_ns);
	int64_t ten_periods_ns = 10 * watch->every_ns, took_ns = asked_ns - answered_ns;
	int64_t most_ns = ten_periods_ns > NS_PER_S ? ten_periods_ns : NS_PER_S;
	return took_ns > (explained_ns < most_ns ? explained_ns : most_ns);
}

/* ---- reach ---- */

/* A change was after the sending of the last poll that did not show it, and before the answer to the first
 * that did. */
struct coming find_coming(
    const struct facts *facts, int watch, const struct strings *states, struct span after)
{
	struct coming coming = { .when = { LONG_AGO, FAR_AWAY }, .not_until_ns = LONG_AGO };
	const struct event *before = NULL;
	for_each_of(poll, facts, EVENT_SAMPLE, name_of_watch(facts, watch))
	{
		bool shows = shows_one_of(poll, states), counts = !is_starved(facts, poll);
		if (!counts && (!shows || poll->to_ns < after.low))
			continue;
		if (!counts && !coming.perhaps) {
			coming.perhaps = poll;
			if (before && !shows_one_of(before, states))
				coming.when.low = before->from_ns;
		}
		if (!counts)
			continue;
		coming.is_counted = coming.is_counted || (shows && poll->to_ns >= after.low);
		coming.polls += poll->to_ns >= after.low;
		if (!shows)
			coming.not_until_ns = poll->from_ns;
		if (shows && poll->to_ns >= after.low && !coming.perhaps) {
			coming.perhaps = poll;
			if (before && !shows_one_of(before, states))
				coming.when.low = before->from_ns;
		}
		if (shows && poll->from_ns >= after.high && !coming.is_sure) {
			coming.is_sure = true;
			coming.when.high = poll->to_ns;
		}
		before = poll;
	}
	return coming;
}

static struct coming find_attempt(
    const struct facts *facts, const struct expectation *expectation, struct span after)
{
	struct coming coming = {
		.is_counted = true, .when = { LONG_AGO, FAR_AWAY }, .not_until_ns = facts->end_ns
	};
	for_each_of(attempt, facts, EVENT_ATTEMPT, name_of_watch(facts, expectation->watch))
	{
		if (is_under_way(attempt) || attempt->attempt.number != expectation->attempt_number ||
		    coming.perhaps || coming.was_before)
			continue;
		coming.when = end_of(attempt);
		coming.was_before = coming.when.high < after.low;
		coming.perhaps = coming.was_before ? NULL : attempt;
		coming.is_sure = coming.when.low >= after.high;
	}
	return coming;
}

static struct coming find_line(
    const struct facts *facts, const struct expectation *expectation, struct span after)
{
	struct coming coming = { .when = { LONG_AGO, FAR_AWAY }, .not_until_ns = facts->end_ns };
	size_t service = facts->plan->watches[expectation->watch].service;
	for_each_of(line, facts, EVENT_LOG, name_of_service(facts, service))
	{
		bool matches = line_matches(line, expectation->pattern, NULL, NULL);
		if (line->to_ns < after.low || (!matches && !line->log.cut))
			continue;
		if (!coming.perhaps) {
			coming.perhaps = line;
			coming.when.low = line->from_ns;
		}
		coming.is_counted = coming.is_counted || matches;
		if (matches && line->from_ns >= after.high && !coming.is_sure) {
			coming.is_sure = true;
			coming.when.high = line->to_ns;
		}
	}
	/* One of those that were lost may have been it before. */
	if (facts->dropped > 0)
		coming.when.low = coming.not_until_ns = LONG_AGO;
	return coming;
}

static struct opinion opine_never_came(const struct facts *facts, const struct expectation *expectation,
    struct span after, const struct coming *coming)
{
	size_t service = facts->plan->watches[expectation->watch].service;
	int64_t waited_ns = coming->not_until_ns > after.high ? coming->not_until_ns - after.high : 0;
	int64_t enough_ns = expectation->within_ns + host_was_late(facts, after.low, facts->end_ns);
	if (expectation->has_within && waited_ns > enough_ns)
		return opinion(VERDICT_FAIL, after.high + enough_ns);
	bool may_be_lost = expectation->pattern && facts->dropped > 0;
	if (may_be_lost)
		return opinion(VERDICT_INCONCLUSIVE, 0);
	if (is_dead_for_ever(facts, service) || (!expectation->has_within && facts->is_over))
		return opinion(VERDICT_FAIL, facts->end_ns);
	return opinion(VERDICT_INCONCLUSIVE, 0);
}

struct opinion opine_reach(const struct facts *facts, const struct expectation *expectation)
{
	const struct watch *watch = &facts->plan->watches[expectation->watch];
	struct happening since = { .happened = true };
	struct coming coming;
	if (expectation->has_after)
		since = find_moment(facts, &expectation->after);
	if (!since.happened || (expectation->has_after && since.at.low >= facts->end_ns))
		return opinion(VERDICT_INCONCLUSIVE, 0);
	if (expectation->within_steps)
		return opine_reach_in_steps(facts, expectation, &since);
	struct span after = since.at, seen = after;
	if (expectation->has_after)
		seen = as_seen_by(&expectation->after, &since, expectation->watch);
	if (expectation->pattern)
		coming = find_line(facts, expectation, seen);
	else if (expectation->attempt_number)
		coming = find_attempt(facts, expectation, seen);
	else
		coming = find_coming(facts, expectation->watch, &expectation->states, seen);
	if (!coming.perhaps) {
		bool is_vacuous =
		    coming.was_before ||
		    (watch->kind == WATCH_HTTP ? coming.polls == 0 : !was_started(facts, watch->service));
		return is_vacuous ? opinion(VERDICT_INCONCLUSIVE, 0)
				  : opine_never_came(facts, expectation, after, &coming);
	}
	if (!coming.is_counted) {
		/* In the world in which they count it may have come, but perhaps too late in any. */
		int64_t enough_ns = expectation->within_ns + host_was_late(facts, after.low, facts->end_ns);
		bool is_late = expectation->has_within && coming.when.low - after.high > enough_ns;
		return opinion(is_late ? VERDICT_FAIL : VERDICT_INCONCLUSIVE, after.high + enough_ns);
	}
	if (!coming.is_sure)
		return opinion(VERDICT_INCONCLUSIVE, 0);
	if (!expectation->has_within)
		return opinion(VERDICT_PASS, coming.when.high);
	struct worlds worlds = { 0 };
	int64_t lateness = host_was_late(facts, after.low, coming.when.high);
	const int64_t came[] = { coming.when.low, coming.when.high }, began[] = { after.low, after.high };
	for (size_t c = 0; c < 2; c++)
		for (size_t b = 0; b < 2; b++)
			world_add(&worlds, came[c] > began[b] ? came[c] - began[b] : 0,
			    expectation->within_ns, lateness);
	return opinion(worlds_verdict(&worlds), coming.when.high);
}

/* ---- sequence ---- */

enum { POLLS_MAX = 200 };

/* What was seen, as one string of it: a poll that counts, one that may count, a hole. */
struct sighting {
	const char *state; /* NULL: a hole, in which anything may have been */
	bool may_count;
	int64_t to_ns;
};

static bool same(const char *a, const char *b)
{
	return a && b && strcmp(a, b) == 0;
}

/* Is there a world in which these sightings are what is left of the wanted states? `last` is the one that
 * lasts. */
static bool explains(const struct strings *wanted, size_t next, const struct sighting *seen, size_t count)
{
	const char *last = next > 0 ? wanted->items[next - 1] : NULL;
	const char *coming = next < wanted->count ? wanted->items[next] : NULL;
	if (count == 0)
		return !coming;
	if (!seen->state)
		return explains(wanted, next, seen + 1, count - 1) ||
		       (coming && explains(wanted, next + 1, seen, count));
	if (seen->may_count && explains(wanted, next, seen + 1, count - 1))
		return true;
	if (same(seen->state, last) && explains(wanted, next, seen + 1, count - 1))
		return true;
	return same(seen->state, coming) && explains(wanted, next + 1, seen + 1, count - 1);
}

static void add_sighting(struct sighting *seen, size_t *count, struct sighting sighting)
{
	/* The same again is the same still. */
	if (*count > 0 && seen[*count - 1].may_count == sighting.may_count &&
	    (same(seen[*count - 1].state, sighting.state) || (!seen[*count - 1].state && !sighting.state)))
		return;
	if (*count < 2 * POLLS_MAX)
		seen[(*count)++] = sighting;
}

/* No poll that counts is near enough, on both sides of one that may count. */
static bool lies_in_hole(const struct facts *facts, const struct expectation *expectation,
    const struct stretch_of_time *stretch, const struct event *starved, int64_t hole_ns)
{
	const struct event *before = NULL, *behind = NULL;
	bool is_passed = false;
	for_each_of(poll, facts, EVENT_SAMPLE, name_of_watch(facts, expectation->watch))
	{
		is_passed = is_passed || poll == starved;
		if (is_starved(facts, poll) || !is_near(stretch, span_of(poll)))
			continue;
		if (!is_passed)
			before = poll;
		else if (!behind)
			behind = poll;
	}
	if (!before)
		return behind && expectation->has_after && behind->from_ns > stretch->from.high + hole_ns;
	if (!behind)
		return stretch->known_until_ns - before->to_ns > hole_ns;
	return behind->from_ns - before->from_ns > hole_ns ||
	       host_was_late(facts, before->from_ns, behind->to_ns) > hole_ns;
}

/* When what was seen was first not as wanted; the end: something was missing. */
static int64_t first_wrong(
    const struct facts *facts, const struct strings *wanted, const struct sighting *seen, size_t count)
{
	size_t next = 0;
	for (size_t i = 0; i < count; i++) {
		if (next > 0 && same(seen[i].state, wanted->items[next - 1]))
			continue;
		if (next == wanted->count || !same(seen[i].state, wanted->items[next]))
			return seen[i].to_ns;
		next++;
	}
	return facts->end_ns;
}

/* Is there a part of the stretch in which nobody asked? */
static bool has_silence(const struct facts *facts, const struct expectation *expectation,
    const struct stretch_of_time *stretch, bool starved_asks_too)
{
	const struct watch *watch = &facts->plan->watches[expectation->watch];
	int64_t answered_ns = stretch->from.high;
	for_each_of(poll, facts, EVENT_SAMPLE, watch->name)
	{
		if (!is_inside(stretch, span_of(poll)) || (is_starved(facts, poll) && !starved_asks_too))
			continue;
		if (answered_ns != LONG_AGO && was_not_asked(facts, watch, answered_ns, poll->from_ns))
			return true;
		answered_ns = poll->to_ns > answered_ns ? poll->to_ns : answered_ns;
	}
	return answered_ns != LONG_AGO && was_not_asked(facts, watch, answered_ns, stretch->known_until_ns);
}

struct opinion opine_sequence(const struct facts *facts, const struct expectation *expectation)
{
	struct stretch_of_time stretch = find_stretch(facts, expectation);
	/* What counts for certain; with what may count; as anything may have been. */
	struct sighting sure[2 * POLLS_MAX], more[2 * POLLS_MAX], all[2 * POLLS_MAX];
	size_t sure_count = 0, more_count = 0, all_count = 0;
	const struct sighting hole = { 0 };
	int64_t hole_ns = HOLE_PERIODS * facts->plan->watches[expectation->watch].every_ns;
	const struct event *before = NULL;
	if (stretch.is_empty)
		return opinion(VERDICT_INCONCLUSIVE, 0);
	for_each_of(poll, facts, EVENT_SAMPLE, name_of_watch(facts, expectation->watch))
	{
		struct sighting sighting = { .state = poll->sample.state, .to_ns = poll->to_ns };
		bool counts = !is_starved(facts, poll), is_sure = is_inside(&stretch, span_of(poll));
		bool is_ignored = shows_one_of(poll, &expectation->ignore), is_hole = false;
		if (!is_near(&stretch, span_of(poll)))
			continue;
		if (!counts)
			is_hole = !is_ignored && lies_in_hole(facts, expectation, &stretch, poll, hole_ns);
		else if (before)
			is_hole = poll->from_ns - before->from_ns > hole_ns ||
				  host_was_late(facts, before->from_ns, poll->to_ns) > hole_ns;
		else
			is_hole = expectation->has_after && poll->from_ns > stretch.from.high + hole_ns;
		if (is_hole)
			add_sighting(all, &all_count, hole);
		if (counts)
			before = poll;
		if (is_ignored)
			continue;
		sighting.may_count = !is_sure || !counts;
		add_sighting(all, &all_count, sighting);
		if (is_hole && !counts)
			add_sighting(all, &all_count, hole);
		sighting.may_count = false;
		if (is_sure)
			add_sighting(more, &more_count, sighting);
		if (is_sure && counts)
			add_sighting(sure, &sure_count, sighting);
	}
	if (!before)
		return opinion(VERDICT_INCONCLUSIVE, 0);
	if (!stretch.is_over || stretch.known_until_ns - before->to_ns > hole_ns)
		add_sighting(all, &all_count, hole);
	bool is_right = explains(&expectation->states, 0, sure, sure_count);
	if (is_right != explains(&expectation->states, 0, more, more_count))
		return opinion(VERDICT_INCONCLUSIVE, 0);
	if (is_right && has_silence(facts, expectation, &stretch, false))
		return opinion(VERDICT_INCONCLUSIVE, 0);
	if (is_right)
		return (struct opinion){ .verdict = stretch.is_over ? VERDICT_PASS : VERDICT_INCONCLUSIVE,
			.decided_ns = facts->end_ns,
			.by_absence = true };
	if (explains(&expectation->states, 0, all, all_count))
		return opinion(VERDICT_INCONCLUSIVE, 0);
	return opinion(VERDICT_FAIL, first_wrong(facts, &expectation->states, sure, sure_count));
}

/* ---- never, always ---- */

static struct opinion nothing_wrong(
    const struct facts *facts, const struct stretch_of_time *stretch, bool is_known)
{
	return (
	    struct opinion){ .verdict = is_known && stretch->is_over ? VERDICT_PASS : VERDICT_INCONCLUSIVE,
		.decided_ns = facts->end_ns,
		.by_absence = true };
}

static struct opinion opine_never_states(
    const struct facts *facts, const struct expectation *expectation, const struct stretch_of_time *stretch)
{
	size_t polls = 0;
	bool may_have_been = false; /* in the world in which a poll that was starved counts */
	for_each_of(poll, facts, EVENT_SAMPLE, name_of_watch(facts, expectation->watch))
	{
		bool is_wrong = shows_one_of(poll, &expectation->states);
		if (!is_inside(stretch, span_of(poll)))
			continue;
		if (is_starved(facts, poll)) {
			may_have_been = may_have_been || is_wrong;
			continue;
		}
		polls++;
		if (is_wrong)
			return opinion(VERDICT_FAIL, poll->to_ns);
	}
	/* One that was starved looked all the same. */
	bool was_watched = polls > 0 && !has_silence(facts, expectation, stretch, true);
	return nothing_wrong(facts, stretch, was_watched && !may_have_been);
}

static struct opinion opine_never_events(
    const struct facts *facts, const struct expectation *expectation, const struct stretch_of_time *stretch)
{
	bool may_have_been = false, is_of_starts = true;
	for (size_t i = 0; i < expectation->states.count; i++)
		is_of_starts = is_of_starts && (strcmp(expectation->states.items[i], "started") == 0 ||
						   strcmp(expectation->states.items[i], "restarted") == 0);
	for_each_of(event, facts, EVENT_SERVICE, name_of_service(facts, (size_t)expectation->service))
	{
		bool is_granted = event->service.asked && strcmp(event->service.event, "oom-killed") == 0;
		for (size_t i = 0; i < expectation->states.count && !is_granted; i++) {
			if (strcmp(event->service.event, expectation->states.items[i]) != 0)
				continue;
			if (is_inside(stretch, span_of(event)))
				return opinion(VERDICT_FAIL, event->to_ns);
			may_have_been = may_have_been || is_near(stretch, span_of(event));
		}
	}
	size_t service = (size_t)expectation->service;
	bool could =
	    was_started(facts, service) && (is_of_starts || !was_down_throughout(facts, stretch, service));
	return nothing_wrong(facts, stretch, !may_have_been && could);
}

static struct opinion opine_never_lines(
    const struct facts *facts, const struct expectation *expectation, const struct stretch_of_time *stretch)
{
	bool may_have_been = false, has_lines = false;
	size_t service = facts->plan->watches[expectation->watch].service;
	for_each_of(line, facts, EVENT_LOG, name_of_service(facts, service))
	{
		has_lines = true;
		bool matches = line_matches(line, expectation->pattern, NULL, NULL);
		if (!is_near(stretch, span_of(line)) || (!matches && !line->log.cut))
			continue;
		if (matches && is_inside(stretch, span_of(line)))
			return opinion(VERDICT_FAIL, line->to_ns);
		may_have_been = true;
	}
	bool could = has_lines && !was_down_throughout(facts, stretch, service);
	return nothing_wrong(facts, stretch, could && !may_have_been && facts->dropped == 0);
}

struct opinion opine_never(const struct facts *facts, const struct expectation *expectation)
{
	struct stretch_of_time stretch = find_stretch(facts, expectation);
	if (stretch.is_empty)
		return opinion(VERDICT_INCONCLUSIVE, 0);
	if (expectation->pattern)
		return opine_never_lines(facts, expectation, &stretch);
	if (expectation->watch >= 0)
		return opine_never_states(facts, expectation, &stretch);
	return opine_never_events(facts, expectation, &stretch);
}

struct opinion opine_always(const struct facts *facts, const struct expectation *expectation)
{
	struct stretch_of_time stretch = find_stretch(facts, expectation);
	const struct watch *watch = &facts->plan->watches[expectation->watch];
	int64_t last_ns = stretch.from.high;
	size_t counted = 0;
	bool is_known = true;
	if (stretch.is_empty)
		return opinion(VERDICT_INCONCLUSIVE, 0);
	for_each_of(poll, facts, EVENT_SAMPLE, name_of_watch(facts, expectation->watch))
	{
		bool is_right =
		    shows_one_of(poll, &expectation->states) || shows_one_of(poll, &expectation->ignore);
		if (!is_inside(&stretch, span_of(poll)))
			continue;
		if (is_starved(facts, poll)) {
			is_known = is_known && is_right;
			continue;
		}
		if (last_ns != LONG_AGO && is_silence(facts, watch, last_ns, poll->from_ns))
			is_known = false;
		last_ns = poll->to_ns > last_ns ? poll->to_ns : last_ns;
		if (shows_one_of(poll, &expectation->ignore))
			continue;
		counted++;
		if (!is_right)
			return opinion(VERDICT_FAIL, poll->to_ns);
	}
	if (last_ns != LONG_AGO && is_silence(facts, watch, last_ns, stretch.known_until_ns))
		is_known = false;
	return nothing_wrong(facts, &stretch, is_known && counted > 0);
}
