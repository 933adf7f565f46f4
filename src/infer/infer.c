#include "infer/infer.h"

#include "base/duration.h"
#include "infer/echo.h"
#include "infer/runs.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Below this it is `unknown`. */
#define CONFIDENCE_LEAST 0.8
/* More than this share of gaps that a schedule does not explain, and it is not believed. */
#define ODD_MOST 0.1
/* A late host takes long gaps away sooner than short ones. With half of them the figures of full jitter are
 * still right; with more, one cannot say how short they get. */
#define LEFT_OUT_MOST 0.5
/* By so much one way of taking the gaps must be better than the other, to be told. */
#define CLEARLY 3.0
/* So far behind the best, a fit is not worth its time. */
#define HOPELESS 20.0
/* Few clients go on after a success where they were before. */
#define CONTINUES_COST 2.0
/* So many gaps that confirm a schedule end the search. */
#define ENOUGH 4
/* Silence after a first failure that means the client will not try again. */
#define SILENCE_NS (30 * NS_PER_S)
/* One gap beyond the schedule confirms it; every further one makes doubt so much smaller. */
#define DOUBT 0.15
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

/* ---- which fit ---- */

static void fit_gaps(const struct gaps *gaps, struct fits *fits)
{
	size_t before = fits->count;
	fit_schedules(gaps, fits);
	/* What is exactly so is not jitter. */
	for (size_t i = before; i < fits->count; i++)
		if (fits->items[i].odd == 0 && fits->items[i].confirmed >= ENOUGH)
			return;
	fit_jitters(gaps, fits);
	fit_decorrelated(gaps, fits);
}

/* Does a first retry at once stand before the schedule? Then jitter is looked for behind it. */
static bool skip_immediate(const struct gaps *gaps, struct gaps *ret_rest, double *ret_initial)
{
	size_t firsts = 0;
	double longest = 0, shortest = INFINITY;
	ret_rest->count = 0;
	for (size_t i = 0; i < gaps->count; i++) {
		struct gap gap = gaps->items[i];
		if (gap.index == 1) {
			firsts++;
			longest = fmax(longest, gap.length);
			continue;
		}
		shortest = fmin(shortest, gap.length);
		gap.index--;
		ret_rest->items[ret_rest->count++] = gap;
	}
	*ret_initial = longest;
	return firsts > 0 && ret_rest->count >= INFER_GAPS_JITTER_MIN && longest <= 2 * GRAIN_S &&
	       shortest >= 5 * longest;
}

static void fit_behind_immediate(const struct gaps *gaps, struct fits *fits)
{
	struct gaps rest;
	double initial;
	if (!skip_immediate(gaps, &rest, &initial))
		return;
	struct fits behind = { .count = 0 };
	fit_jitters(&rest, &behind);
	for (size_t i = 0; i < behind.count; i++) {
		struct fit fit = behind.items[i];
		fit.initial_differs = true;
		fit.initial = initial;
		fit.score -= (double)(gaps->count - rest.count) * log(2 * GRAIN_S);
		fits_add(fits, fit);
	}
}

/* The lengths of failed attempts differ by more than a clock's grain: only then can one see whether a delay
 * counts from their beginning. */
static bool lengths_differ(const struct sightings *sightings)
{
	double low = INFINITY, high = 0;
	for (size_t i = 0; i < sightings->try_count; i++) {
		const struct try *try = &sightings->tries[i];
		if (!try_failed(try))
			continue;
		/* What made it longer may be what kept the client waiting. */
		double late = i + 1 < sightings->try_count ? (double)try[1].late_ns : 0;
		low = fmin(low, ((double)try->end_to_ns - (double)try->begin_ns) / NS_PER_S);
		high = fmax(high, ((double)try->end_from_ns - (double)try->begin_ns - late) / NS_PER_S);
	}
	return high - low > 4 * GRAIN_S;
}

struct choice {
	struct fit best;
	double confidence;
	size_t gaps, left_out;
	int first_index; /* of the gaps, the least */
	bool is_decided;
};

/* What stays as it is from its third gap on may have grown before. */
static bool lacks_first_gaps(const struct choice *choice)
{
	return choice->best.family == FAMILY_FIXED && choice->first_index > 2;
}

/* Gaps that may be of any length up to the delay are told by their short ones. */
static bool lacks_short_gaps(const struct choice *choice)
{
	bool may_be_short = choice->best.jitter == JITTER_FULL || choice->best.family == FAMILY_DECORRELATED;
	size_t all = choice->gaps + choice->left_out;
	return may_be_short && (double)choice->left_out > LEFT_OUT_MOST * (double)all;
}

static double confidence_of(const struct fits *fits, const struct fit *best)
{
	double all = 0, same = 0;
	for (size_t i = 0; i < fits->count; i++) {
		const struct fit *fit = &fits->items[i];
		double weight = exp(fit->score - best->score);
		all += weight;
		if (fit->family == best->family && fit->jitter == best->jitter)
			same += weight;
	}
	return same / all * (1 - pow(DOUBT, (double)best->confirmed));
}

static double best_score(const struct fits *fits, enum family family, enum resets resets)
{
	double best = -INFINITY;
	for (size_t i = 0; i < fits->count; i++)
		if (fits->items[i].family == family && fits->items[i].resets == resets)
			best = fmax(best, fits->items[i].score);
	return best;
}

/* Jitter looks at each gap as it is: what lateness may have made of it must not be more than the grain. */
static void drop_doubtful(struct gaps *gaps)
{
	size_t kept = 0;
	for (size_t i = 0; i < gaps->count; i++)
		if (gaps->items[i].tolerance <= 2 * grain_of(gaps->items[i].length))
			gaps->items[kept++] = gaps->items[i];
	gaps->left_out += gaps->count - kept;
	gaps->count = kept;
}

/* Tries all ways to take the gaps of these runs. */
static struct choice choose_among(const struct sightings *sightings, const struct runs *runs, bool is_strict)
{
	struct choice choice = { .confidence = 0 };
	struct fits fits = { .count = 0 };
	struct gaps gaps;
	bool may_continue = false;
	for (size_t i = 1; i < runs->count; i++)
		may_continue = may_continue || (runs->items[i].failed_before > 0 && runs->items[i].count > 1);
	gaps_make(sightings, runs, false, false, &gaps);
	choice.first_index = INDEX_MAX;
	for (size_t i = 0; i < gaps.count; i++)
		if (gaps.items[i].index < choice.first_index)
			choice.first_index = gaps.items[i].index;
	if (is_strict)
		drop_doubtful(&gaps);
	choice.gaps = gaps.count;
	choice.left_out = gaps.left_out;
	if (gaps.count < INFER_GAPS_MIN)
		return choice;
	fit_chance(&gaps, &fits);
	int starts = lengths_differ(sightings) ? 2 : 1;
	for (int from_start = 0; from_start < starts; from_start++) {
		for (int continues = 0; continues < (may_continue ? 2 : 1); continues++) {
			fits.from_start = from_start == 1;
			fits.resets = !may_continue ? RESETS_NOT_SEEN : continues ? RESETS_NO : RESETS_YES;
			gaps_make(sightings, runs, fits.from_start, continues == 1, &gaps);
			if (is_strict)
				drop_doubtful(&gaps);
			fit_gaps(&gaps, &fits);
			fit_behind_immediate(&gaps, &fits);
		}
	}
	choice.best = fits.items[0];
	for (size_t i = 1; i < fits.count; i++)
		if (fits.items[i].score > choice.best.score)
			choice.best = fits.items[i];
	if (choice.best.family == FAMILY_UNKNOWN)
		return choice;
	choice.confidence = confidence_of(&fits, &choice.best);
	if (choice.best.resets != RESETS_NOT_SEEN) {
		enum resets other = choice.best.resets == RESETS_YES ? RESETS_NO : RESETS_YES;
		if (choice.best.score - best_score(&fits, choice.best.family, other) < CLEARLY)
			choice.best.resets = RESETS_NOT_SEEN;
	}
	choice.is_decided = choice.confidence >= CONFIDENCE_LEAST &&
			    (double)choice.best.odd <= ODD_MOST * (double)choice.gaps &&
			    !lacks_short_gaps(&choice) && !lacks_first_gaps(&choice);
	return choice;
}

static struct choice choose(const struct sightings *sightings, const struct runs *runs)
{
	struct choice choice = choose_among(sightings, runs, false);
	bool is_schedule = choice.is_decided && choice.best.jitter == JITTER_NONE &&
			   choice.best.family != FAMILY_DECORRELATED;
	struct gaps gaps;
	gaps_make(sightings, runs, false, false, &gaps);
	drop_doubtful(&gaps);
	if (is_schedule || gaps.count == choice.gaps)
		return choice;
	return choose_among(sightings, runs, true);
}

bool fits_matter(const struct fits *fits, double score)
{
	return fits->count == 0 || score > fits->best - HOPELESS;
}

void fits_add(struct fits *fits, struct fit fit)
{
	fit.from_start = fits->from_start;
	fit.resets = fits->resets;
	fit.score -= fit.resets == RESETS_NO ? CONTINUES_COST : 0;
	if (!isfinite(fit.score) || !fits_matter(fits, fit.score))
		return;
	if (fits->count == 0 || fit.score > fits->best)
		fits->best = fit.score;
	for (size_t i = 0; i < fits->count; i++) {
		struct fit *old = &fits->items[i];
		if (old->family != fit.family || old->jitter != fit.jitter || old->chance != fit.chance ||
		    old->initial_differs != fit.initial_differs || old->from_start != fit.from_start ||
		    old->resets != fit.resets)
			continue;
		if (fit.score > old->score)
			*old = fit;
		return;
	}
	if (fits->count == FITS_MAX)
		BUG("more than %d sorts of fits", FITS_MAX);
	fits->items[fits->count++] = fit;
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
