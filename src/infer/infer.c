#include "infer/infer.h"

#include "base/duration.h"
#include "infer/choice.h"
#include "infer/echo.h"
#include "infer/runs.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Silence after a first failure that means the client will not try again. */
#define SILENCE_NS (30 * NS_PER_S)
/* What is outside of this is no time of a trace. */
#define TIME_MAX INT64_C(4000000000000000000)
#define LATE_MAX INT64_C(1000000000000000)

__attribute__((format(printf, 2, 3))) static void set_why(struct policy *policy, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(policy->why, sizeof(policy->why), format, arguments);
	va_end(arguments);
}

/* ---- what it says ---- */

static int64_t nanoseconds(double s)
{
	return s > 0 && s < 9e9 ? llround(s * NS_PER_S) : 0;
}

static void tell_fit(const struct choice *choice, struct policy *policy)
{
	const struct fit *fit = &choice->best;
	policy->family = fit->family;
	policy->jitter = fit->jitter;
	policy->first_ns = nanoseconds(fit->first);
	policy->cap_ns = nanoseconds(fit->cap);
	if (fit->family == FAMILY_EXPONENTIAL)
		policy->factor = fit->growth;
	if (fit->family == FAMILY_LINEAR)
		policy->step_ns = nanoseconds(fit->growth);
	if (fit->jitter == JITTER_ADDITIVE)
		policy->jitter_ns = nanoseconds(fit->range);
	if (fit->jitter == JITTER_PROPORTIONAL)
		policy->jitter_share = fit->range;
	policy->initial_differs = fit->initial_differs;
	policy->initial_ns = fit->initial_differs ? nanoseconds(fit->initial) : 0;
	policy->from_start = fit->from_start;
	bool grows = fit->family == FAMILY_LINEAR || fit->family == FAMILY_EXPONENTIAL;
	policy->resets = grows ? fit->resets : RESETS_NOT_SEEN;
	policy->confidence = choice->confidence;
	if (fit->jitter != JITTER_NONE || fit->family == FAMILY_DECORRELATED)
		set_why(policy, "all %zu gaps lie in its bands, and evenly", choice->gaps);
	else if (fit->cap > 0 && fit->at_cap == 1)
		set_why(policy, "%zu of %zu gaps are right; the cap was seen once", choice->gaps - fit->odd,
		    choice->gaps);
	else
		set_why(policy, "%zu of %zu gaps are right", choice->gaps - fit->odd, choice->gaps);
}

static void tell_unknown(const struct choice *choice, struct policy *policy)
{
	const struct fit *fit = &choice->best;
	if (choice->gaps == 0)
		set_why(policy, "no gap between a failed attempt and the next was seen");
	else if (choice->gaps < INFER_GAPS_MIN)
		set_why(policy, "%zu gap%s seen, %d are needed", choice->gaps,
		    choice->gaps == 1 ? " was" : "s were", INFER_GAPS_MIN);
	else if (fit->family == FAMILY_UNKNOWN && choice->gaps < INFER_GAPS_JITTER_MIN)
		set_why(policy, "%zu gaps follow no rule without jitter, and to see one with jitter takes %d",
		    choice->gaps, INFER_GAPS_JITTER_MIN);
	else if (fit->family == FAMILY_UNKNOWN)
		set_why(policy, "%s (%zu gaps)", fit->chance, choice->gaps);
	else if (lacks_first_gaps(choice))
		set_why(policy, "it stays the same, but what it was before gap %d could not be seen",
		    choice->first_index);
	else if (lacks_short_gaps(choice))
		set_why(policy, "in %zu of %zu gaps the host was too late to tell how short they get",
		    choice->left_out, choice->gaps + choice->left_out);
	else if (choice->confidence >= CONFIDENCE_LEAST)
		set_why(policy, "mostly %s, but %zu of %zu gaps are not", family_names[fit->family], fit->odd,
		    choice->gaps);
	else
		set_why(policy, "%zu gaps do not decide it; most likely %s", choice->gaps,
		    family_names[fit->family]);
}

/* The longest that the gap after `failed` failures may be. */
static double longest_gap(const struct policy *policy, const struct gaps *gaps, size_t failed)
{
	double longest = 0, delay = (double)policy->first_ns / NS_PER_S;
	for (size_t i = 0; i < gaps->count; i++)
		longest = fmax(longest, gaps->items[i].length);
	/* What is unknown may grow as fast as anything does. */
	if (policy->family == FAMILY_UNKNOWN)
		return FACTOR_MAX * longest + 1;
	if (policy->family == FAMILY_DECORRELATED)
		delay = 3 * longest;
	if (policy->family == FAMILY_EXPONENTIAL)
		delay *= pow(policy->factor, (double)failed - 1);
	if (policy->family == FAMILY_LINEAR)
		delay += (double)policy->step_ns / NS_PER_S * ((double)failed - 1);
	if (policy->cap_ns > 0)
		delay = fmin(delay, (double)policy->cap_ns / NS_PER_S);
	delay += (double)policy->jitter_ns / NS_PER_S + delay * policy->jitter_share;
	return fmax(delay, policy->initial_differs ? (double)policy->initial_ns / NS_PER_S : 0);
}

/* How many attempts the first run had that was given up, and not by others. */
static int attempts_of(
    const struct sightings *sightings, const struct runs *runs, const struct policy *policy)
{
	struct gaps gaps;
	gaps_make(sightings, runs, false, false, &gaps);
	for (size_t i = 0; i < runs->count; i++) {
		const struct run *run = &runs->items[i];
		const struct try *last = &sightings->tries[run->tries[run->count - 1]];
		if (!try_failed(last) || run->count > INT32_MAX || gaps.count == 0)
			continue;
		double waited = ((double)run->until_ns - (double)last->end_to_ns) / NS_PER_S;
		double due = longest_gap(policy, &gaps, run->count);
		bool is_silent = run->end == RUN_SILENT && waited > 1.5 * due + 0.1;
		bool has_exited = run->end == RUN_EXITED && waited < 0.8 * due;
		if (is_silent || (has_exited && run->count > 1))
			return (int)run->count;
	}
	return 0;
}

/* ---- what needs no gaps ---- */

/* The time that attempts without an answer took; 0 if they differ. */
static int64_t connect_timeout_of(const struct sightings *sightings)
{
	double low = INFINITY, high = 0, sum = 0, count = 0;
	for (size_t i = 0; i < sightings->try_count; i++) {
		const struct try *try = &sightings->tries[i];
		if (try->outcome != TRY_TIMED_OUT)
			continue;
		double end = ((double)try->end_from_ns + (double)try->end_to_ns) / 2;
		double length = (end - (double)try->begin_ns) / NS_PER_S;
		low = fmin(low, length);
		high = fmax(high, length);
		sum += length;
		count++;
	}
	bool is_one = count > 0 && high - low <= fmax(0.05, 0.05 * high);
	return is_one ? nanoseconds(sum / count) : 0;
}

static bool tell_pool(const struct sightings *sightings, struct policy *policy)
{
	size_t failed = 0, grown = 0;
	bool *grows OWNED = growth_marks(sightings);
	for (size_t i = 0; i < sightings->try_count; i++) {
		failed += sightings->tries[i].outcome != TRY_SUCCEEDED;
		grown += grows[i];
	}
	if (failed > 0)
		return false;
	if (grown == 0) {
		set_why(policy, "no attempt failed");
		return true;
	}
	policy->family = FAMILY_POOL;
	policy->confidence = 0.95;
	set_why(policy, "no attempt failed, and %zu of %zu added a connection to open ones", grown,
	    sightings->try_count);
	return true;
}

static void tell_echo(const struct echo *echo, struct policy *policy)
{
	char delay[DURATION_TEXT_MAX];
	if (echo->chance > 1 - CONFIDENCE_LEAST) {
		set_why(
		    policy, "the attempts keep step with %s, which asks too often to tell why", echo->who);
		return;
	}
	policy->family = FAMILY_ON_DEMAND;
	policy->confidence = 1 - echo->chance;
	set_why(policy, "attempts follow %s within %s", echo->who, duration_format(echo->delay_ns, delay));
}

/* Every run is one failed attempt, and nothing came after it. */
static bool tell_none(const struct runs *runs, const struct sightings *sightings, struct policy *policy)
{
	size_t exits = 0;
	int64_t silence_ns = 0;
	for (size_t i = 0; i < runs->count; i++) {
		const struct run *run = &runs->items[i];
		const struct try *last = &sightings->tries[run->tries[run->count - 1]];
		if (run->count == 1 && last->outcome == TRY_SUCCEEDED)
			continue;
		if (run->count > 1 || !try_failed(last))
			return false;
		exits += run->end == RUN_EXITED;
		if (run->end == RUN_SILENT && run->until_ns - last->end_to_ns > silence_ns)
			silence_ns = run->until_ns - last->end_to_ns;
	}
	if (exits == 0 && silence_ns < SILENCE_NS)
		return false;
	char time[DURATION_TEXT_MAX];
	policy->family = FAMILY_NONE;
	policy->attempts = 1;
	policy->confidence = exits > 1 || silence_ns >= 2 * SILENCE_NS ? 0.95 : 0.85;
	if (exits > 0)
		set_why(policy, "it exits after its first failed attempt");
	else
		set_why(policy, "nothing for %s after the first failed attempt",
		    duration_format(silence_ns, time));
	return true;
}

/* ---- all of it ---- */

static bool is_certain(const struct choice *choice)
{
	return choice->is_decided && choice->best.jitter == JITTER_NONE &&
	       choice->best.family != FAMILY_DECORRELATED && choice->confidence > 0.9;
}

static void tell_retries(const struct sightings *sightings, const struct runs *one, struct policy *policy)
{
	struct runs several[2] = { { 0 } };
	struct choice choice = choose(sightings, one);
	const struct runs *runs = one;
	int ways = lengths_differ(sightings) ? 2 : 1;
	for (int way = 0; way < ways && !is_certain(&choice); way++) {
		if (!lanes_split(sightings, way == 1, &several[way]))
			continue;
		struct choice split = choose(sightings, &several[way]);
		if (is_certain(&split) &&
		    !(split.best.family == FAMILY_FIXED && lanes_take_turns(sightings, &several[way], one))) {
			choice = split;
			runs = &several[way];
		}
	}
	policy->gaps = choice.gaps;
	policy->lanes = runs->lanes;
	if (choice.is_decided)
		tell_fit(&choice, policy);
	else
		tell_unknown(&choice, policy);
	policy->attempts = attempts_of(sightings, runs, policy);
	for (int way = 0; way < ways; way++)
		runs_release(&several[way]);
}

static int compare_tries(const void *left, const void *right)
{
	const struct try *a = left, *b = right;
	if (a->begin_ns != b->begin_ns)
		return a->begin_ns < b->begin_ns ? -1 : 1;
	return (a->end_to_ns > b->end_to_ns) - (a->end_to_ns < b->end_to_ns);
}

static int64_t clamp(int64_t value, int64_t low, int64_t high)
{
	return value < low ? low : value > high ? high : value;
}

/* In order, within the limits of time, and each ending no sooner than it begins. */
static struct try *sort_tries(const struct sightings *sightings)
{
	struct try *tries = xcalloc(sightings->try_count + 1, sizeof(*tries));
	for (size_t i = 0; i < sightings->try_count; i++) {
		struct try *try = &tries[i];
		*try = sightings->tries[i];
		try->begin_ns = clamp(try->begin_ns, -TIME_MAX, TIME_MAX);
		try->end_from_ns = clamp(try->end_from_ns, try->begin_ns, TIME_MAX);
		try->end_to_ns = clamp(try->end_to_ns, try->end_from_ns, TIME_MAX);
		try->late_ns = clamp(try->late_ns, 0, LATE_MAX);
	}
	if (sightings->try_count)
		qsort(tries, sightings->try_count, sizeof(*tries), compare_tries);
	return tries;
}

void infer(const struct sightings *given, struct policy *ret_policy)
{
	struct try *tries OWNED = sort_tries(given);
	struct sightings sightings = *given;
	struct runs runs CLEANUP(runs_release) = { 0 };
	struct policy policy = { .family = FAMILY_UNKNOWN, .lanes = 1 };
	sightings.tries = tries;
	sightings.ended_ns = clamp(given->ended_ns, -TIME_MAX, TIME_MAX);
	runs_split(&sightings, &runs);
	policy.connect_timeout_ns = connect_timeout_of(&sightings);
	struct echo echo = echo_find(&sightings);
	if (sightings.try_count == 0)
		set_why(&policy, "no attempt was seen");
	else if (echo.is_followed)
		tell_echo(&echo, &policy);
	else if (!tell_pool(&sightings, &policy) && !tell_none(&runs, &sightings, &policy))
		tell_retries(&sightings, &runs, &policy);
	/* Not every asking makes it dial, but nothing else explains when it does. */
	if (policy.family == FAMILY_UNKNOWN && echo.follows && echo.chance < 0.01)
		tell_echo(&echo, &policy);
	*ret_policy = policy;
}
