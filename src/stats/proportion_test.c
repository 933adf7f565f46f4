#include "stats/proportion.h"

#include "base/memory.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static void assert_near(double value, double wanted, double tolerance)
{
	if (!(fabs(value - wanted) <= tolerance))
		fail_msg("%.10g is not %.10g ± %g", value, wanted, tolerance);
}

/* Newcombe (1998), table I, the row "Score". */
static void test_wilson_published(void **state)
{
	(void)state;
	static const struct {
		size_t passed, runs;
		double low, high;
	} rows[] = {
		{ 81, 263, 0.2553, 0.3662 },
		{ 15, 148, 0.0624, 0.1605 },
		{ 0, 20, 0.0000, 0.1611 },
		{ 1, 29, 0.0061, 0.1718 },
	};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		struct interval interval = wilson_interval(rows[i].passed, rows[i].runs);
		assert_near(interval.low, rows[i].low, 0.00005);
		assert_near(interval.high, rows[i].high, 0.00005);
		/* Of the complement it is the mirror image. */
		struct interval mirror = wilson_interval(rows[i].runs - rows[i].passed, rows[i].runs);
		assert_near(mirror.low, 1 - interval.high, 1e-12);
		assert_near(mirror.high, 1 - interval.low, 1e-12);
	}
	assert_true(wilson_interval(7, 7).high == 1 && wilson_interval(0, 7).low == 0);
	assert_true(wilson_interval(0, 0).low == 0 && wilson_interval(0, 0).high == 1);
}

static double binomial(size_t hits, size_t runs, double rate)
{
	double ways = lgamma((double)runs + 1) - lgamma((double)hits + 1) - lgamma((double)(runs - hits) + 1);
	return exp(ways + (double)hits * log(rate) + (double)(runs - hits) * log(1 - rate));
}

/* The chance that the interval holds the true rate, exactly. */
static double coverage(size_t runs, double rate)
{
	double covered = 0;
	for (size_t hits = 0; hits <= runs; hits++) {
		struct interval interval = wilson_interval(hits, runs);
		if (interval.low <= rate && rate <= interval.high)
			covered += binomial(hits, runs, rate);
	}
	return covered;
}

/* Newcombe's table II has a mean of 0.952 over rates and numbers of runs, and the known least coverage is
 * near the ends, for one failure in a few runs. */
static void test_wilson_covers(void **state)
{
	(void)state;
	static const size_t runs[] = { 5, 10, 20, 50, 100 };
	for (size_t i = 0; i < ARRAY_LENGTH(runs); i++) {
		double sum = 0, least = 1;
		for (int step = 1; step < 1000; step++) {
			double covered = coverage(runs[i], step / 1000.0);
			sum += covered;
			least = covered < least ? covered : least;
		}
		assert_near(sum / 999, 0.9525, 0.006);
		assert_true(least > 0.82);
	}
}

static void test_fisher_published(void **state)
{
	(void)state;
	/* Fisher's tea (1935): 3 of 4 cups told right. One-sided 0.2429; the tables are symmetric. */
	assert_near(fisher_exact(3, 1, 1, 3), 0.4857143, 5e-8);
	/* Like-sex twins of convicts, Fisher, "Statistical methods for research workers", section 21.02; the
	 * two-sided p as the manual of R's fisher.test() prints it. */
	assert_near(fisher_exact(2, 10, 15, 3), 0.0005367, 5e-8);
	assert_near(fisher_exact(15, 3, 2, 10), 0.0005367, 5e-8);
	/* All four together of one side: 1 of 70, twice. */
	assert_near(fisher_exact(4, 0, 0, 4), 2.0 / 70, 1e-12);
}

static void test_fisher_without_news(void **state)
{
	(void)state;
	assert_near(fisher_exact(10, 0, 20, 0), 1, 1e-12);
	assert_near(fisher_exact(5, 5, 5, 5), 1, 1e-12);
	assert_near(fisher_exact(0, 0, 3, 4), 1, 1e-12);
	assert_near(fisher_exact(0, 0, 0, 0), 1, 1e-12);
}

/* Under one true rate, p <= x with a chance of at most x; exactly, over all outcomes. */
static void test_fisher_is_honest(void **state)
{
	(void)state;
	enum { A = 12, B = 9 };
	static const double rates[] = { 0.1, 0.5, 0.9 }, levels[] = { 0.01, 0.05, 0.2 };
	for (size_t r = 0; r < ARRAY_LENGTH(rates); r++)
		for (size_t k = 0; k < ARRAY_LENGTH(levels); k++) {
			double chance = 0;
			for (size_t a = 0; a <= A; a++)
				for (size_t b = 0; b <= B; b++)
					if (fisher_exact(a, A - a, b, B - b) <= levels[k])
						chance += binomial(a, A, rates[r]) * binomial(b, B, rates[r]);
			assert_true(chance <= levels[k]);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wilson_published),
		cmocka_unit_test(test_wilson_covers),
		cmocka_unit_test(test_fisher_published),
		cmocka_unit_test(test_fisher_without_news),
		cmocka_unit_test(test_fisher_is_honest),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
