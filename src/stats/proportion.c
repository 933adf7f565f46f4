#include "stats/proportion.h"

#include <math.h>

/* The 97.5th percentile of the standard normal distribution. */
static const double Z95 = 1.959963984540054;

struct interval wilson_interval(size_t passed, size_t runs)
{
	if (runs == 0)
		return (struct interval){ 0, 1 };
	double n = (double)runs, rate = (double)passed / n, squared = Z95 * Z95;
	double centre = (rate + squared / (2 * n)) / (1 + squared / n);
	double half = Z95 * sqrt(rate * (1 - rate) / n + squared / (4 * n * n)) / (1 + squared / n);
	/* At the ends the formula is exactly 0 and 1; floating point is not. */
	return (struct interval){ passed == 0 ? 0 : centre - half, passed == runs ? 1 : centre + half };
}

static double log_choose(size_t n, size_t k)
{
	return lgamma((double)n + 1) - lgamma((double)k + 1) - lgamma((double)(n - k) + 1);
}

/* Of `a` draws out of `a + b` of which `passed` are good, `good` are. */
static double hypergeometric(size_t good, size_t a, size_t b, size_t passed)
{
	return exp(log_choose(a, good) + log_choose(b, passed - good) - log_choose(a + b, passed));
}

double fisher_exact(size_t passed_a, size_t failed_a, size_t passed_b, size_t failed_b)
{
	size_t a = passed_a + failed_a, b = passed_b + failed_b, passed = passed_a + passed_b;
	size_t least = passed > b ? passed - b : 0, most = passed < a ? passed : a;
	/* Tables that are as likely by symmetry differ in their last digits: lgamma() rounds. */
	double seen = hypergeometric(passed_a, a, b, passed) * (1 + 1e-7), p = 0;
	for (size_t good = least; good <= most; good++) {
		double chance = hypergeometric(good, a, b, passed);
		if (chance <= seen)
			p += chance;
	}
	return p < 1 ? p : 1;
}
