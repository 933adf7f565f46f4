#include "infer/choice.h"

#include "base/duration.h"

/* More than this share of gaps that a schedule does not explain, and it is not believed. */
#define ODD_MOST 0.1
/* A late host takes long gaps away sooner than short ones. With half of them the figures of full jitter are
 * still right; with more, one cannot say how short they get. */
#define LEFT_OUT_MOST 0.5
/* By so much one way of taking the gaps must be better than the other, to be told. */
#define CLEARLY 3.0
/* So many gaps that confirm a schedule end the search. */
#define ENOUGH 4
/* One gap beyond the schedule confirms it; every further one makes doubt so much smaller. */
#define DOUBT 0.15

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

bool lengths_differ(const struct sightings *sightings)
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

bool lacks_first_gaps(const struct choice *choice)
{
	return choice->best.family == FAMILY_FIXED && choice->first_index > 2;
}

bool lacks_short_gaps(const struct choice *choice)
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

struct choice choose(const struct sightings *sightings, const struct runs *runs)
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
