/*
 * What gaps look like that follow no policy, and the one policy whose delay depends on the gap before. Chance
 * is broad: each of its kinds has a least deviation, so that it never explains what a policy says exactly.
 */
#include "infer/fit.h"

/* Of the logarithm of a length; of a step against the mean length. And never finer than what is taken to be
 * the same, or chance would explain best what nobody can measure. */
#define DEVIATION_MIN 0.15
#define STEP_MIN 0.05
/* It explains much that is chance. */
#define DECORRELATED_COST 5.0

struct moments {
	double mean, deviation;
	double log_mean, log_deviation, log_sum;
	double low, high;
	double slope, slope_deviation; /* of the logarithm, per index; what is left of it */
	double slope_spread;
};

static struct moments measure(const struct gaps *gaps)
{
	struct moments moments = { .low = INFINITY };
	double n = (double)gaps->count, xx = 0, xy = 0, x_mean = 0;
	for (size_t i = 0; i < gaps->count; i++) {
		double length = gaps->items[i].length;
		moments.mean += length / n;
		moments.log_sum += log(length);
		x_mean += gaps->items[i].index / n;
		moments.low = fmin(moments.low, length);
		moments.high = fmax(moments.high, length);
	}
	moments.log_mean = moments.log_sum / n;
	for (size_t i = 0; i < gaps->count; i++) {
		double off = log(gaps->items[i].length) - moments.log_mean;
		double x = gaps->items[i].index - x_mean;
		moments.log_deviation += off * off / n;
		xx += x * x;
		xy += x * off;
	}
	moments.log_deviation = sqrt(moments.log_deviation);
	moments.slope = xx > 0 ? xy / xx : 0;
	moments.slope_spread = sqrt(xx);
	for (size_t i = 0; i < gaps->count; i++) {
		double off = log(gaps->items[i].length) - moments.log_mean -
			     moments.slope * (gaps->items[i].index - x_mean);
		moments.slope_deviation += off * off / n;
	}
	moments.slope_deviation = sqrt(moments.slope_deviation);
	return moments;
}

static double least_deviation(const struct moments *moments)
{
	return fmax(DEVIATION_MIN, GRAIN_S / moments->mean);
}

static void add(struct fits *fits, double score, const char *chance)
{
	fits_add(fits, (struct fit){ .family = FAMILY_UNKNOWN, .score = score, .chance = chance });
}

/* The density of n values around their mean with this deviation, which at least is `least`. */
static double normal_score(double n, double deviation, double least)
{
	double sigma = fmax(deviation, least);
	return -n * log(sigma * ROOT_TAU) - n * deviation * deviation / (2 * sigma * sigma);
}

/* The lengths change by steps: each gap depends on the one before. */
static void add_walks(const struct gaps *gaps, const struct moments *moments, struct fits *fits)
{
	double steps = 0, square = 0, log_square = 0, start = 0, ends = 0;
	for (size_t i = 0; i < gaps->count; i++) {
		const struct gap *gap = &gaps->items[i];
		if (i == 0 || gap->run != gap[-1].run) {
			start -= log(TIME_RANGE * gap->length);
			continue;
		}
		double step = gap->length - gap[-1].length, log_step = log(gap->length / gap[-1].length);
		square += step * step;
		log_square += log_step * log_step;
		ends -= log(gap->length);
		steps++;
	}
	if (steps < 2)
		return;
	double cost = 0.5 * log(2 * steps) + 0.5;
	add(fits,
	    start + normal_score(steps, sqrt(square / steps), fmax(STEP_MIN * moments->mean, GRAIN_S)) - cost,
	    "each gap is a step away from the one before");
	add(fits,
	    start + ends + normal_score(steps, sqrt(log_square / steps), least_deviation(moments)) - cost,
	    "each gap is some multiple of the one before");
}

void fit_chance(const struct gaps *gaps, struct fits *fits)
{
	if (gaps->count < INFER_GAPS_MIN)
		return;
	struct moments moments = measure(gaps);
	double n = (double)gaps->count, deviation_cost = 0.5 * log(2 * n) + 0.5;
	double least = least_deviation(&moments), sigma = fmax(moments.log_deviation, least);
	double mean_cost = cost_of(TIME_RANGE, ROOT_TAU * sigma / sqrt(n));
	add(fits,
	    normal_score(n, moments.log_deviation, least) - moments.log_sum - mean_cost - deviation_cost,
	    "the gaps vary without a pattern");
	double slope_sigma = fmax(moments.slope_deviation, least);
	if (moments.slope_spread > 0)
		add(fits,
		    normal_score(n, moments.slope_deviation, least) - moments.log_sum - mean_cost -
			deviation_cost -
			cost_of(log(FACTOR_MAX), ROOT_TAU * slope_sigma / moments.slope_spread),
		    "the gaps change with time, but by no rule");
	add(fits, -n * (log(fmax(moments.mean, GRAIN_S)) + 1) - cost_of(TIME_RANGE, ROOT_TAU / sqrt(n)),
	    "the gaps are spread as those of chance events are");
	double width = fmax(moments.high - moments.low, fmax(0.75 * moments.high, 4 * GRAIN_S));
	double edge_cost = cost_of(TIME_RANGE, 1 / n);
	add(fits, -n * log(width) - edge_cost - cost_of(TIME_RANGE, width / moments.low / n),
	    "the gaps are spread evenly over a wide range: a constant delay with wide jitter looks the same");
	add(fits, -n * log(fmax(moments.high, 4 * GRAIN_S)) - edge_cost,
	    "the gaps are spread evenly from 0: a constant delay with full jitter looks the same");
	double log_width = fmax(log(moments.high / moments.low), 4 * least);
	add(fits, -moments.log_sum - n * log(log_width) - 2 * cost_of(TIME_RANGE, log_width / n),
	    "the gaps are of any size");
	add(fits, -moments.log_sum - n * log(TIME_RANGE), "the gaps are of any size");
	add_walks(gaps, &moments, fits);
}

/* min(cap, U(first, 3 times the gap before)); the first gap is one after a gap of `first`. */
void fit_decorrelated(const struct gaps *gaps, struct fits *fits)
{
	if (gaps->count < INFER_GAPS_JITTER_MIN)
		return;
	double n = (double)gaps->count, first = INFINITY, high = 0, at_cap = 0, cost = 0, reach = 0;
	for (size_t i = 0; i < gaps->count; i++) {
		first = fmin(first, gaps->items[i].length);
		high = fmax(high, gaps->items[i].length);
	}
	for (size_t i = 0; i < gaps->count; i++)
		at_cap += fabs(gaps->items[i].length - high) <= gaps->items[i].tolerance;
	bool is_capped = at_cap >= 2;
	double places[GAPS_MAX];
	struct gaps free_gaps = { .count = 0 };
	for (size_t i = 0; i < gaps->count; i++) {
		const struct gap *gap = &gaps->items[i];
		double before = gap->index == 1                    ? first
				: i > 0 && gap[-1].run == gap->run ? gap[-1].length
								   : 0;
		double width = 3 * before - first;
		if (before == 0)
			continue;
		reach += 1 / width;
		/* The first may lie a little under the least gap seen: 3 times that is so much higher. */
		if (gap->length > 3 * before + gap->tolerance)
			return;
		if (is_capped && fabs(gap->length - high) <= gap->tolerance)
			cost -= log(fmax((3 * before - high) / width, 0.01) / (2 * gap->tolerance));
		else {
			cost += log(width);
			places[free_gaps.count] = (gap->length - first) / width;
			free_gaps.items[free_gaps.count++] = *gap;
		}
	}
	if (!spread_is_even(&free_gaps, places))
		return;
	/* The least of all gaps lies a little above the least there can be. */
	first -= 1 / reach;
	cost += cost_of(TIME_RANGE, 1 / n) + (is_capped ? cost_of(TIME_RANGE, GRAIN_SHARE) : 0);
	fits_add(fits, (struct fit){ .family = FAMILY_DECORRELATED,
			   .jitter = JITTER_FULL,
			   .first = first,
			   .cap = is_capped ? high : 0,
			   .score = -cost - DECORRELATED_COST,
			   .at_cap = (size_t)at_cap,
			   .confirmed = gaps->count });
}
