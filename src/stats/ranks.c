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

/* The sum of t³ - t over all groups of t equal values; 0: no ties. */
static double sum_of_ties(const double *sorted, size_t count)
{
	double sum = 0;
	for (size_t i = 0; i < count;) {
		size_t end = i + 1;
		while (end < count && sorted[end] == sorted[i])
			end++;
		double size = (double)(end - i);
		sum += size * size * size - size;
		i = end;
	}
	return sum;
}

/* P(U = u) for u from 0 to n m, where both samples have one distribution without ties; Mann and Whitney's
 * recurrence, which only ever adds, in probabilities instead of counts. */
static double *distribution_of_u(size_t n_count, size_t m_count)
{
	size_t size = n_count * m_count + 1;
	double *rows = xcalloc((m_count + 1) * size, sizeof(*rows));
	for (size_t m = 0; m <= m_count; m++)
		rows[m * size] = 1; /* n = 0 */
	for (size_t n = 1; n <= n_count; n++) {
		for (size_t m = 1; m <= m_count; m++) {
			double *row = rows + m * size, *before = row - size;
			double n_share = (double)n / (double)(n + m), m_share = (double)m / (double)(n + m);
			for (size_t u = n * m + 1; u-- > 0;)
				row[u] = m_share * before[u] + (u >= m ? n_share * row[u - m] : 0);
		}
	}
	memmove(rows, rows + m_count * size, size * sizeof(*rows));
	return xrealloc(rows, size * sizeof(*rows));
}

/* Which of the two sides is called a is all the same to it. */
static const double *chances_of_u(struct rank_chances *chances, size_t a_count, size_t b_count)
{
	bool is_first_less = a_count < b_count;
	double **kept = &chances->of_u[is_first_less ? a_count : b_count][is_first_less ? b_count : a_count];
	if (!*kept)
		*kept = distribution_of_u(a_count, b_count);
	return *kept;
}

void rank_chances_release(struct rank_chances *chances)
{
	for (size_t fewer = 0; fewer <= MANN_WHITNEY_EXACT_MAX; fewer++)
		for (size_t more = 0; more <= MANN_WHITNEY_EXACT_MAX; more++)
			free(chances->of_u[fewer][more]);
	*chances = (struct rank_chances){ 0 };
}

/* Of the smaller tail, u included. */
static double exact_p(struct rank_chances *kept, double u, size_t a_count, size_t b_count)
{
	const double *chances = chances_of_u(kept, a_count, b_count);
	size_t all = a_count * b_count, at = (size_t)u;
	size_t steps = at < all - at ? at : all - at; /* it is symmetric */
	double tail = 0;
	for (size_t i = 0; i <= steps; i++)
		tail += chances[i];
	return 2 * tail < 1 ? 2 * tail : 1;
}

static double deviation_of_u(size_t a_count, size_t b_count, double ties)
{
	double n = (double)a_count, m = (double)b_count, all = n + m;
	return sqrt(n * m / 12 * (all + 1 - ties / (all * (all - 1))));
}

static double approximate_p(double u, size_t a_count, size_t b_count, double ties)
{
	double deviation = deviation_of_u(a_count, b_count, ties);
	double distance = fabs(u - (double)a_count * (double)b_count / 2) - 0.5;
	if (!(deviation > 0) || distance <= 0)
		return 1;
	return erfc(distance / deviation / sqrt(2));
}

static bool is_exact(size_t a_count, size_t b_count, double ties)
{
	return ties == 0 && a_count <= MANN_WHITNEY_EXACT_MAX && b_count <= MANN_WHITNEY_EXACT_MAX;
}

struct mann_whitney mann_whitney(
    struct rank_chances *chances, const double *a, size_t a_count, const double *b, size_t b_count)
{
	struct mann_whitney test = { .p = 1 };
	if (a_count == 0 || b_count == 0)
		return test;
	double *left OWNED = sorted_copy(a, a_count, NULL, 0),
		     *right OWNED = sorted_copy(b, b_count, NULL, 0);
	double *pooled OWNED = sorted_copy(a, a_count, b, b_count);
	double ties = sum_of_ties(pooled, a_count + b_count);
	test.u = count_pairs(left, a_count, right, b_count);
	test.exact = is_exact(a_count, b_count, ties);
	test.p = test.exact ? exact_p(chances, test.u, a_count, b_count)
			    : approximate_p(test.u, a_count, b_count, ties);
	return test;
}

double mann_whitney_least_p(const double *a, size_t a_count, const double *b, size_t b_count)
{
	if (a_count == 0 || b_count == 0)
		return 1;
	double *pooled OWNED = sorted_copy(a, a_count, b, b_count);
	double ties = sum_of_ties(pooled, a_count + b_count);
	if (is_exact(a_count, b_count, ties))
		return mann_whitney_least_p_of(a_count, b_count);
	double most = count_pairs(pooled, a_count, pooled + a_count, b_count);
	double least = count_pairs(pooled + b_count, a_count, pooled, b_count);
	double up = approximate_p(most, a_count, b_count, ties);
	double down = approximate_p(least, a_count, b_count, ties);
	return up < down ? up : down;
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

/* How many of the sorted differences lie outside the interval on each side. */
static size_t outside_count(struct rank_chances *kept, size_t a_count, size_t b_count, double ties)
{
	if (!is_exact(a_count, b_count, ties)) {
		double mean = (double)a_count * (double)b_count / 2;
		double rank = floor(mean - Z95 * deviation_of_u(a_count, b_count, ties));
		return rank > 0 ? (size_t)rank : 0;
	}
	const double *chances = chances_of_u(kept, a_count, b_count);
	size_t count = 0;
	double tail = chances[0];
	while (tail <= 0.025)
		tail += chances[++count];
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
	double *pooled OWNED = sorted_copy(a, a_count, b, b_count);
	struct differences all = { .a = left, .b = right, .a_count = a_count, .b_count = b_count };
	size_t count = a_count * b_count;
	size_t outside = outside_count(chances, a_count, b_count, sum_of_ties(pooled, a_count + b_count));
	const double middle[] = { difference_at(&all, (count - 1) / 2), difference_at(&all, count / 2) };
	struct shift shift = { .estimate = quantile(middle, 2, 0.5), .has_interval = outside > 0 };
	if (outside > 0) {
		shift.low = difference_at(&all, outside - 1);
		shift.high = difference_at(&all, count - outside);
	}
	return shift;
}
