#include "stats/ranks.h"

#include "base/err.h"
#include "base/memory.h"
#include "stats/summary.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

static const double Z95 = 1.959963984540054;

/* Pairs (i, j) with b[j] > a[i]; ties one half. Both sorted. */
static double count_pairs(const double *a, size_t a_count, const double *b, size_t b_count)
{
	double pairs = 0;
	size_t below = 0, upto = 0;
	for (size_t j = 0; j < b_count; j++) {
		while (below < a_count && a[below] < b[j])
			below++;
		while (upto < a_count && a[upto] <= b[j])
			upto++;
		pairs += (double)below + (double)(upto - below) / 2;
	}
	return pairs;
}

static double *sorted_copy(const double *a, size_t a_count, const double *b, size_t b_count)
{
	double *values = xmalloc((a_count + b_count + 1) * sizeof(*values));
	if (a_count)
		memcpy(values, a, a_count * sizeof(*values));
	if (b_count)
		memcpy(values + a_count, b, b_count * sizeof(*values));
	sort_values(values, a_count + b_count);
	return values;
}

/* All of the larger values on one side: which side, matters where there are ties. */
static double least_normal_p(const struct ties *ties, const double *pooled, size_t a_count, size_t b_count)
{
	double most = count_pairs(pooled, a_count, pooled + a_count, b_count);
	double least = count_pairs(pooled + b_count, a_count, pooled, b_count);
	return fmin(normal_p(ties, a_count, b_count, most), normal_p(ties, a_count, b_count, least));
}

struct mann_whitney mann_whitney(
    struct rank_chances *chances, const double *a, size_t a_count, const double *b, size_t b_count)
{
	struct mann_whitney test = { .p = 1, .least_p = 1 };
	if (a_count == 0 || b_count == 0)
		return test;
	double *left OWNED = sorted_copy(a, a_count, NULL, 0),
		     *right OWNED = sorted_copy(b, b_count, NULL, 0);
	double *pooled OWNED = sorted_copy(a, a_count, b, b_count);
	struct ties ties CLEANUP(ties_release) = ties_find(pooled, a_count + b_count);
	struct tails tails;
	test.u = count_pairs(left, a_count, right, b_count);
	test.exact = exact_tails(chances, &ties, a_count, b_count, test.u, &tails);
	test.p = test.exact ? tails.p : normal_p(&ties, a_count, b_count, test.u);
	test.least_p = test.exact ? tails.least_p : least_normal_p(&ties, pooled, a_count, b_count);
	return test;
}

double mann_whitney_least_p_of(size_t a_count, size_t b_count)
{
	if (a_count == 0 || b_count == 0)
		return 1;
	double ways = lgamma((double)(a_count + b_count) + 1) - lgamma((double)a_count + 1) -
		      lgamma((double)b_count + 1);
	double p = 2 * exp(-ways);
	return p < 1 ? p : 1;
}

/* How many of the sorted differences lie outside the interval on each side. Ties make no difference: with
 * them the interval, its ends included, holds the shift at least as often (G. E. Noether, "Wilcoxon
 * confidence intervals for location parameters in the discrete case", Journal of the American Statistical
 * Association 62 (1967), 184–188). */
static size_t outside_count(struct rank_chances *kept, size_t a_count, size_t b_count)
{
	const double *of_u = rank_chances_of_u(kept, a_count, b_count);
	if (!of_u) {
		double mean = (double)a_count * (double)b_count / 2;
		double rank = floor(mean - Z95 * deviation_of_u(a_count, b_count));
		return rank > 0 ? (size_t)rank : 0;
	}
	size_t count = 0;
	double tail = of_u[0];
	while (tail <= 0.025)
		tail += of_u[++count];
	return count;
}

/* ---- the differences b - a of two sorted samples, of which there are too many to be written down ---- */

struct differences {
	const double *a, *b;
	size_t a_count, b_count;
};

/* How many are at most this: the larger b is, the fewer of a are large enough. */
static size_t count_upto(const struct differences *all, double limit)
{
	size_t count = 0, first = 0;
	for (size_t j = 0; j < all->b_count; j++) {
		while (first < all->a_count && all->b[j] - all->a[first] > limit)
			first++;
		count += all->a_count - first;
	}
	return count;
}

/* Doubles in their order as whole numbers, and back: what lies between two can be halved 64 times. */
static uint64_t place_of(double value)
{
	uint64_t bits;
	memcpy(&bits, &value, sizeof(bits));
	return bits >> 63 ? ~bits : bits | UINT64_C(1) << 63;
}

static double value_at(uint64_t place)
{
	uint64_t bits = place >> 63 ? place & ~(UINT64_C(1) << 63) : ~place;
	double value;
	memcpy(&value, &bits, sizeof(value));
	return value;
}

/* The one with `rank` before it: the least number that more than `rank` of them do not exceed. */
static double difference_at(const struct differences *all, size_t rank)
{
	uint64_t low = place_of(all->b[0] - all->a[all->a_count - 1]);
	uint64_t high = place_of(all->b[all->b_count - 1] - all->a[0]);
	while (low < high) {
		uint64_t middle = low + (high - low) / 2;
		if (count_upto(all, value_at(middle)) > rank)
			high = middle;
		else
			low = middle + 1;
	}
	return value_at(low) + 0.0; /* of -0 and 0 the first is found */
}

struct shift hodges_lehmann(
    struct rank_chances *chances, const double *a, size_t a_count, const double *b, size_t b_count)
{
	if (a_count == 0 || b_count == 0)
		BUG("no shift between %zu and %zu values", a_count, b_count);
	double *left OWNED = sorted_copy(a, a_count, NULL, 0),
		     *right OWNED = sorted_copy(b, b_count, NULL, 0);
	struct differences all = { .a = left, .b = right, .a_count = a_count, .b_count = b_count };
	size_t count = a_count * b_count;
	size_t outside = outside_count(chances, a_count, b_count);
	const double middle[] = { difference_at(&all, (count - 1) / 2), difference_at(&all, count / 2) };
	struct shift shift = { .estimate = quantile(middle, 2, 0.5), .has_interval = outside > 0 };
	if (outside > 0) {
		shift.low = difference_at(&all, outside - 1);
		shift.high = difference_at(&all, count - outside);
	}
	return shift;
}
