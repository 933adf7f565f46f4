#include "check/likeness.h"

#include <math.h>
#include <stdbool.h>

/* Half of what is left is left out each time: 100 steps leave nothing of it. */
enum { STEPS = 100 };

/* The shares that explain a gap within an error lie between two. */
struct shares {
	double from, to;
};

/* With this error. `farthest`: whatever of its interval the gap was, of two shorter than the other or longer;
 * otherwise if it was what fits best, a late host counted in. */
static struct shares shares_of(const struct draw *draw, double error, bool farthest)
{
	double low = (double)draw->gap.low - (double)draw->lateness, high = (double)draw->gap.high;
	if (farthest)
		return (struct shares){ (high - error) / (double)draw->delay,
			((double)draw->gap.low + error) / (double)draw->delay };
	return (struct shares){ (low - error) / (double)draw->delay, (high + error) / (double)draw->delay };
}

/* One share explains all if it does so for every two of them; what a gap may be at its longest and at its
 * shortest it was not both. */
static bool explains(const struct draw *draws, size_t count, double error, bool farthest, double *ret_share)
{
	size_t last = 0; /* whose shares begin last */
	double second = -INFINITY, first_end = INFINITY;
	for (size_t i = 1; i < count; i++) {
		double from = shares_of(&draws[i], error, farthest).from;
		double latest = shares_of(&draws[last], error, farthest).from;
		second = fmax(second, fmin(from, latest));
		last = from > latest ? i : last;
	}
	double latest = shares_of(&draws[last], error, farthest).from;
	for (size_t i = 0; i < count; i++) {
		double to = shares_of(&draws[i], error, farthest).to;
		if (to < (i == last ? second : latest))
			return false;
		first_end = fmin(first_end, to);
	}
	*ret_share = (latest + first_end) / 2;
	return true;
}

static double least_error(const struct draw *draws, size_t count, bool farthest, double *ret_share)
{
	double low = 0, high = 0;
	for (size_t i = 0; i < count; i++)
		high = fmax(high, fmax(fabs((double)draws[i].gap.low), fabs((double)draws[i].gap.high)));
	for (int step = 0; step < STEPS; step++) {
		double middle = low + (high - low) / 2;
		if (explains(draws, count, middle, farthest, ret_share))
			high = middle;
		else
			low = middle;
	}
	explains(draws, count, high, farthest, ret_share);
	return high;
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
	double share = 0;
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
