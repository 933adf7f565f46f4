/*
 * Schedules without jitter. The gaps with the same index are one level; a schedule is a curve through the
 * levels, found by least squares: of the lengths where it is linear, of their logarithms where it is
 * exponential. The level at which the cap begins is tried one after the other.
 */
#include "infer/fit.h"

#include <stdlib.h>

/* How often a gap is off for no reason that the schedule knows. */
#define ODD_SHARE 0.01
/* A first gap that is not one of the schedule needs more to be believed, less so if there is none at all. */
#define INITIAL_COST 4.0
#define IMMEDIATE_COST 1.0

enum { GROWTH_LEVELS = 40 };

struct level {
	int index;
	double middle, deviation; /* the median; of one gap */
	size_t count;
};

struct levels {
	struct level items[INDEX_MAX + 1];
	size_t count;
};

/* A tolerance is 2.5 standard deviations. */
static double deviation_of(const struct gap *gap)
{
	return gap->tolerance / 2.5;
}

static int compare_levels(const void *left, const void *right)
{
	const struct gap *a = left, *b = right;
	if (a->index != b->index)
		return a->index < b->index ? -1 : 1;
	return (a->length > b->length) - (a->length < b->length);
}

/* `sorted` by index, then length. */
static void make_levels(const struct gaps *sorted, struct levels *levels)
{
	levels->count = 0;
	for (size_t i = 0; i < sorted->count;) {
		size_t end = i;
		while (end < sorted->count && sorted->items[end].index == sorted->items[i].index)
			end++;
		const struct gap *middle = &sorted->items[i + (end - i) / 2];
		double length = middle->length;
		if ((end - i) % 2 == 0)
			length = (length + middle[-1].length) / 2;
		levels->items[levels->count++] = (struct level){
			.index = middle->index,
			.middle = length,
			.deviation = deviation_of(middle),
			.count = end - i,
		};
		i = end;
	}
}

static double delay_of(const struct fit *fit, int index)
{
	double delay = fit->first;
	if (fit->family == FAMILY_LINEAR)
		delay += fit->growth * (index - 1);
	else if (fit->family == FAMILY_EXPONENTIAL)
		delay *= pow(fit->growth, index - 1);
	return fit->cap > 0 && delay > fit->cap ? fit->cap : delay;
}

/* The density of the gaps, and how many are right and odd. */
static void score_gaps(const struct gaps *gaps, struct fit *fit)
{
	for (size_t i = 0; i < gaps->count; i++) {
		const struct gap *gap = &gaps->items[i];
		double delay = delay_of(fit, gap->index), sigma = deviation_of(gap);
		double off = (gap->length - delay) / sigma;
		double right = (1 - ODD_SHARE) * exp(-off * off / 2) / (sigma * ROOT_TAU);
		fit->score += log(right + ODD_SHARE / (TIME_RANGE * gap->length));
		if (fabs(off) > 4)
			fit->odd++;
		else
			fit->confirmed++;
		fit->at_cap += fit->cap > 0 && delay >= fit->cap;
	}
}

static void finish(const struct gaps *gaps, struct fits *fits, struct fit fit, size_t parameters, double cost)
{
	score_gaps(gaps, &fit);
	fit.score -= cost;
	fit.confirmed = fit.confirmed > parameters ? fit.confirmed - parameters : 0;
	fits_add(fits, fit);
}

/* What a time costs that `count` gaps of this deviation tell. */
static double time_cost(double time, double deviation, double count)
{
	return cost_of(TIME_RANGE, ROOT_TAU * deviation / time / sqrt(count));
}

static int compare_lengths(const void *left, const void *right)
{
	double a = *(const double *)left, b = *(const double *)right;
	return (a > b) - (a < b);
}

/* The mean of those that lie where the median lies. */
static double typical_length(
    const struct gaps *sorted, int from_index, double *ret_deviation, size_t *ret_count)
{
	double lengths[GAPS_MAX] = { 0 }, sum = 0, weight = 0;
	size_t count = 0;
	for (size_t i = 0; i < sorted->count; i++)
		if (sorted->items[i].index >= from_index)
			lengths[count++] = sorted->items[i].length;
	qsort(lengths, count, sizeof(*lengths), compare_lengths);
	double median = count % 2 ? lengths[count / 2] : (lengths[count / 2 - 1] + lengths[count / 2]) / 2;
	*ret_count = 0;
	*ret_deviation = GRAIN_S;
	for (size_t i = 0; i < sorted->count; i++) {
		const struct gap *gap = &sorted->items[i];
		if (gap->index < from_index || fabs(gap->length - median) > gap->tolerance)
			continue;
		double deviation = deviation_of(gap);
		sum += gap->length / (deviation * deviation);
		weight += 1 / (deviation * deviation);
		*ret_deviation = deviation;
		(*ret_count)++;
	}
	return weight > 0 ? sum / weight : median;
}

static void fit_fixed(const struct gaps *sorted, struct fits *fits)
{
	double deviation;
	size_t count;
	double length = typical_length(sorted, 1, &deviation, &count);
	finish(sorted, fits, (struct fit){ .family = FAMILY_FIXED, .first = length }, 1,
	    time_cost(length, deviation, (double)(count ? count : 1)));
}

struct line {
	double start, slope; /* at index 1; per index */
	double spread;       /* sum of weight (x - mean)^2 */
	double start_deviation;
};

/* Weighted least squares over the first `count` levels; those marked in `left_out` do not count. */
static struct line regress(
    const struct levels *levels, size_t count, bool logarithm, const bool left_out[static GROWTH_LEVELS])
{
	double weights = 0, sum_x = 0, sum_y = 0, sum_xx = 0, sum_xy = 0;
	for (size_t i = 0; i < count; i++) {
		const struct level *level = &levels->items[i];
		double x = level->index - 1, y = logarithm ? log(level->middle) : level->middle;
		double deviation = logarithm ? level->deviation / level->middle : level->deviation;
		double weight = (double)level->count / (deviation * deviation);
		if (left_out[i])
			continue;
		weights += weight;
		sum_x += weight * x;
		sum_y += weight * y;
		sum_xx += weight * x * x;
		sum_xy += weight * x * y;
	}
	double spread = sum_xx - sum_x * sum_x / weights;
	double slope = spread > 0 ? (sum_xy - sum_x * sum_y / weights) / spread : 0;
	return (struct line){ .start = (sum_y - slope * sum_x) / weights,
		.slope = slope,
		.spread = spread,
		.start_deviation = sqrt(1 / weights) };
}

/* The slope that most pairs of neighbours agree on: one gap that is off does not move it. */
static double median_slope(const struct levels *levels, size_t count, bool logarithm)
{
	double slopes[GROWTH_LEVELS] = { 0 };
	for (size_t i = 0; i + 1 < count; i++) {
		const struct level *a = &levels->items[i], *b = &levels->items[i + 1];
		double rise = logarithm ? log(b->middle / a->middle) : b->middle - a->middle;
		slopes[i] = rise / (b->index - a->index);
	}
	qsort(slopes, count - 1, sizeof(*slopes), compare_lengths);
	return slopes[(count - 1) / 2];
}

/* One level in six may be off, if there are that many; it then does not count for the line. */
static struct line regress_robustly(const struct levels *levels, size_t count, bool logarithm)
{
	bool left_out[GROWTH_LEVELS] = { false };
	struct line line = regress(levels, count, logarithm, left_out);
	if (count < 6)
		return line;
	double slope = median_slope(levels, count, logarithm), starts[GROWTH_LEVELS];
	for (size_t i = 0; i < count; i++) {
		const struct level *level = &levels->items[i];
		double y = logarithm ? log(level->middle) : level->middle;
		starts[i] = y - slope * (level->index - 1);
	}
	double ordered[GROWTH_LEVELS];
	for (size_t i = 0; i < count; i++)
		ordered[i] = starts[i];
	qsort(ordered, count, sizeof(*ordered), compare_lengths);
	size_t off = 0;
	for (size_t i = 0; i < count; i++) {
		const struct level *level = &levels->items[i];
		double grain = 5 * level->deviation / (logarithm ? level->middle : 1);
		left_out[i] = fabs(starts[i] - ordered[count / 2]) > grain * (1 + (double)i);
		off += left_out[i];
	}
	return off > 0 && off <= count / 6 ? regress(levels, count, logarithm, left_out) : line;
}

/* The first `count` levels grow; what comes after them is at the cap. */
static void fit_growth(
    const struct gaps *sorted, const struct levels *levels, size_t count, bool exponential, struct fits *fits)
{
	struct line line = regress_robustly(levels, count, exponential);
	struct fit fit = { .family = exponential ? FAMILY_EXPONENTIAL : FAMILY_LINEAR,
		.first = exponential ? exp(line.start) : line.start,
		.growth = exponential ? exp(line.slope) : line.slope };
	const struct level *first = &levels->items[0], *last = &levels->items[count - 1];
	double grain = last->deviation * 2.5;
	if (fit.first < LENGTH_MIN_S / 2 || (exponential ? fit.growth < FACTOR_MIN || fit.growth > FACTOR_MAX
							 : fit.growth < (FACTOR_MIN - 1) * fit.first))
		return;
	double cost = exponential ? time_cost(1, line.start_deviation, 1) +
					cost_of(log(FACTOR_MAX), ROOT_TAU / sqrt(line.spread))
				  : time_cost(fit.first, line.start_deviation, 1) +
					time_cost(fit.growth, 1 / sqrt(line.spread), 1);
	size_t parameters = 2;
	if (count < levels->count) {
		double deviation;
		size_t at_cap;
		fit.cap = typical_length(sorted, levels->items[count].index, &deviation, &at_cap);
		double next =
		    delay_of(&(struct fit){ .family = fit.family, .first = fit.first, .growth = fit.growth },
			levels->items[count].index);
		if (next < fit.cap - grain || fit.cap < last->middle - grain)
			return;
		cost += time_cost(fit.cap, deviation, (double)(at_cap ? at_cap : 1));
		parameters++;
	} else if (count < 3 || last->middle - first->middle < grain) {
		return;
	}
	finish(sorted, fits, fit, parameters, cost);
}

/* Where a cap can begin: the level, or the one after it, is what most behind it are. */
static bool may_be_cap(const struct gaps *sorted, const struct levels *levels, size_t level)
{
	double deviation;
	size_t count;
	double cap = typical_length(sorted, levels->items[level].index, &deviation, &count);
	for (size_t i = level; i < levels->count && i < level + 2; i++)
		if (fabs(levels->items[i].middle - cap) <= 2.5 * levels->items[i].deviation)
			return true;
	return false;
}

static void fit_all(const struct gaps *sorted, struct fits *fits)
{
	struct levels levels;
	make_levels(sorted, &levels);
	size_t before = fits->count;
	fit_fixed(sorted, fits);
	if (levels.count < 3 || (fits->count > before && fits->items[before].odd == 0 && levels.count > 10))
		return;
	for (size_t growing = 2; growing <= levels.count && growing <= GROWTH_LEVELS; growing++) {
		if (growing < levels.count && !may_be_cap(sorted, &levels, growing))
			continue;
		fit_growth(sorted, &levels, growing, false, fits);
		fit_growth(sorted, &levels, growing, true, fits);
	}
}

/* A shorter first gap, then always the same: growth that reaches its cap at once does that, too. */
static void add_growth_to_cap(struct fits *fits, struct fit fit)
{
	if (fit.initial >= fit.first || fit.initial < fit.first / FACTOR_MAX)
		return;
	fit.initial_differs = false;
	fit.cap = fit.first;
	fit.score += INITIAL_COST;
	fit.family = FAMILY_LINEAR;
	fit.growth = fit.first - fit.initial;
	fit.first = fit.initial;
	fits_add(fits, fit);
	fit.family = FAMILY_EXPONENTIAL;
	fit.growth = fit.cap / fit.initial;
	fits_add(fits, fit);
}

/* The same without the first gap of each run, which is something of its own. */
static void fit_behind_first(const struct gaps *sorted, struct fits *fits)
{
	struct gaps rest, firsts;
	rest.count = firsts.count = 0;
	for (size_t i = 0; i < sorted->count; i++) {
		const struct gap *gap = &sorted->items[i];
		if (gap->index == 1) {
			firsts.items[firsts.count++] = *gap;
		} else {
			rest.items[rest.count] = *gap;
			rest.items[rest.count++].index--;
		}
	}
	if (firsts.count == 0 || rest.count < 3)
		return;
	struct fits first_fits = { .count = 0 }, rest_fits = { .count = 0 };
	fit_fixed(&firsts, &first_fits);
	fit_all(&rest, &rest_fits);
	for (size_t i = 0; i < rest_fits.count; i++) {
		struct fit fit = rest_fits.items[i];
		fit.initial_differs = true;
		fit.initial = first_fits.items[0].first;
		fit.score +=
		    first_fits.items[0].score - (fit.initial <= 2 * GRAIN_S ? IMMEDIATE_COST : INITIAL_COST);
		fit.odd += first_fits.items[0].odd;
		fits_add(fits, fit);
		if (fit.family == FAMILY_FIXED)
			add_growth_to_cap(fits, fit);
	}
}

void fit_schedules(const struct gaps *gaps, struct fits *fits)
{
	if (gaps->count < INFER_GAPS_MIN)
		return;
	struct gaps sorted = *gaps;
	qsort(sorted.items, sorted.count, sizeof(*sorted.items), compare_levels);
	fit_all(&sorted, fits);
	fit_behind_first(&sorted, fits);
}
