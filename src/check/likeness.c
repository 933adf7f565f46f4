#include "check/likeness.h"

#include <math.h>
#include <stdbool.h>

/* E is convex in the share: a third of where it is not is left out each time. 100 steps leave 1e-17 of it. */
enum { STEPS = 100 };

/* The largest error with this share; of each gap what of its interval is nearest, or farthest. */
static double error_of(const struct draw *draws, size_t count, double share, bool farthest)
{
	double worst = 0;
	for (size_t i = 0; i < count; i++) {
		double expected = share * (double)draws[i].delay;
		double above = expected - (double)draws[i].gap.low;
		double below = (double)draws[i].gap.high - expected;
		double error = farthest ? fmax(fabs(above), fabs(below))
					: fmax(-above - (double)draws[i].lateness, -below);
		worst = fmax(worst, error);
	}
	return worst;
}

static double least_error(const struct draw *draws, size_t count, bool farthest, double *ret_share)
{
	double low = 0, high = 0;
	for (size_t i = 0; i < count; i++)
		high = fmax(high, (double)draws[i].gap.high / (double)draws[i].delay);
	for (int step = 0; step < STEPS; step++) {
		double left = low + (high - low) / 3, right = high - (high - low) / 3;
		if (error_of(draws, count, left, farthest) <= error_of(draws, count, right, farthest))
			high = right;
		else
			low = left;
	}
	*ret_share = low + (high - low) / 2;
	return error_of(draws, count, *ret_share, farthest);
}

static double chance_of(const struct draw *draws, size_t count, double width, double error)
{
	double all = 0, sum = 0; /* logarithm of the whole product */
	for (size_t i = 0; i < count; i++)
		all += log(fmin(1, 2 * error / (width * (double)draws[i].delay)));
	for (size_t i = 0; i < count; i++)
		sum += exp(all - log(fmin(1, 2 * error / (width * (double)draws[i].delay))));
	return fmin(1, sum);
}

void likeness_find(const struct draw *draws, size_t count, double width, struct likeness *ret_likeness)
{
	double share;
	double least = least_error(draws, count, false, &share);
	double most = least_error(draws, count, true, &share);
	*ret_likeness = (struct likeness){
		.share = share,
		.least_ns = least < 9e18 ? llround(least) : INT64_MAX,
		.most_ns = most < 9e18 ? llround(most) : INT64_MAX,
		/* Exactly the same is as good as a nanosecond apart. */
		.chance = chance_of(draws, count, width, fmax(most, 1)),
	};
}
