#include "stats/ranks.h"

#include "base/memory.h"
#include "base/random.h"
#include "stats/proportion.h"
#include "stats/summary.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static struct rank_chances chances;

static void assert_near(double value, double wanted, double tolerance)
{
	if (!(fabs(value - wanted) <= tolerance))
		fail_msg("%.10g is not %.10g ± %g", value, wanted, tolerance);
}

/* Hollander and Wolfe (1973), page 69: permeability constants of the human chorioamnion at term and between
 * 12 and 26 weeks. The manual of R's wilcox.test() prints W = 35 and a one-sided p of 0.1272. */
static const double at_term[] = { 0.80, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46 };
static const double earlier[] = { 1.15, 0.88, 0.90, 0.74, 1.21 };

static void test_published(void **state)
{
	(void)state;
	struct mann_whitney test = mann_whitney(&chances, earlier, 5, at_term, 10);
	assert_true(test.exact);
	assert_near(test.u, 35, 0);
	assert_near(test.p / 2, 0.1272, 0.00005);
	test = mann_whitney(&chances, at_term, 10, earlier, 5);
	assert_near(test.u, 15, 0);
	assert_near(test.p / 2, 0.1272, 0.00005);
}

static struct ties ties_of(const double *a, size_t a_count, const double *b, size_t b_count)
{
	double *pooled OWNED = xmalloc((a_count + b_count) * sizeof(*pooled));
	for (size_t i = 0; i < a_count + b_count; i++)
		pooled[i] = i < a_count ? a[i] : b[i - a_count];
	sort_values(pooled, a_count + b_count);
	return ties_find(pooled, a_count + b_count);
}

/* Ozone in New York, May and August 1973 (Chambers and others, "Graphical methods for data analysis", 1983).
 * The manual of R's wilcox.test() prints W = 127.5, p = 0.0001208, by the normal approximation, for there are
 * ties. The exact p is that of fractions of whole numbers without a limit. */
static void test_published_with_ties(void **state)
{
	(void)state;
	static const double may[] = { 41, 36, 12, 18, 28, 23, 19, 8, 7, 16, 11, 14, 18, 14, 34, 6, 30, 11, 1,
		11, 4, 32, 23, 45, 115, 37 };
	static const double august[] = { 39, 9, 16, 78, 35, 66, 122, 89, 110, 44, 28, 65, 22, 59, 23, 31, 44,
		21, 9, 45, 168, 73, 76, 118, 84, 85 };
	struct mann_whitney test =
	    mann_whitney(&chances, august, ARRAY_LENGTH(august), may, ARRAY_LENGTH(may));
	assert_true(test.exact);
	assert_near(test.u, 127.5, 0);
	assert_near(test.p, 6.10873518880372e-05, 1e-16);
	assert_near(test.least_p, 4.032920463993413e-15, 1e-26);
	struct ties ties CLEANUP(ties_release) = ties_of(august, 26, may, 26);
	assert_near(normal_p(&ties, 26, 26, 127.5), 0.0001208, 5e-8);
}

/* ---- ties ---- */

enum { DEALT_MAX = 12 };

/* What every way to deal the values comes to, written down one after another. */
struct dealings {
	double values[DEALT_MAX];
	size_t a_count, all;
};

static double twice_off(const struct dealings *dealings, unsigned in_b)
{
	double twice_u = 0;
	for (size_t i = 0; i < dealings->all; i++)
		for (size_t j = 0; j < dealings->all; j++)
			if (!(in_b >> i & 1) && in_b >> j & 1)
				twice_u += dealings->values[j] > dealings->values[i]    ? 2
					   : dealings->values[j] == dealings->values[i] ? 1
											: 0;
	return fabs(twice_u - (double)(dealings->a_count * (dealings->all - dealings->a_count)));
}

static void check_all_dealings(const struct dealings *dealings)
{
	size_t all = dealings->all, b_count = all - dealings->a_count, dealt = 0, as_far = 0, farthest = 0;
	unsigned seen = (1U << all) - (1U << dealings->a_count); /* the first are a, the others b */
	double most = 0;
	for (unsigned in_b = 0; in_b < 1U << all; in_b++) {
		if ((size_t)__builtin_popcount(in_b) != b_count)
			continue;
		double off = twice_off(dealings, in_b);
		farthest = off > most ? 0 : farthest;
		most = off > most ? off : most;
		farthest += off == most;
		as_far += off >= twice_off(dealings, seen);
		dealt++;
	}
	struct mann_whitney test = mann_whitney(
	    &chances, dealings->values, dealings->a_count, dealings->values + dealings->a_count, b_count);
	assert_true(test.exact);
	assert_near(test.p, (double)as_far / (double)dealt, 1e-13);
	assert_near(test.least_p, (double)farthest / (double)dealt, 1e-13);
}

static void test_ties_by_all_dealings(void **state)
{
	(void)state;
	struct random_stream stream = random_stream(4, (const char *const[]){ "dealings", NULL });
	for (size_t trial = 0; trial < 1000; trial++) {
		struct dealings dealings = { .all = 2 + (size_t)random_up_to(&stream, 7) };
		dealings.a_count = 1 + (size_t)random_up_to(&stream, (int64_t)dealings.all - 2);
		int64_t most = random_up_to(&stream, 5); /* 0: all are equal */
		for (size_t i = 0; i < dealings.all; i++)
			dealings.values[i] = (double)random_up_to(&stream, most);
		check_all_dealings(&dealings);
	}
	check_all_dealings(
	    &(struct dealings){ { 1, 1, 2, 2, 2, 3, 3, 3, 3, 4, 5, 5 }, .a_count = 6, .all = 12 });
}

static void check_p(const double *a, size_t a_count, const double *b, size_t b_count, double wanted)
{
	struct mann_whitney one = mann_whitney(&chances, a, a_count, b, b_count);
	struct mann_whitney other = mann_whitney(&chances, b, b_count, a, a_count);
	assert_true(one.exact && other.exact);
	assert_near(one.p, wanted, wanted * 1e-12);
	assert_near(other.p, wanted, wanted * 1e-12);
	assert_near(one.least_p, other.least_p, 1e-15);
	assert_true(one.least_p <= one.p);
}

/* Few values, or few against many: no approximation knows how little they say. */
static void test_few_with_ties(void **state)
{
	(void)state;
	static const double four_five[] = { 4, 5, 4, 4, 4, 4 }, fives[] = { 5, 5, 5, 5, 5 };
	double many[300];
	for (size_t i = 0; i < ARRAY_LENGTH(many); i++)
		many[i] = 5;
	check_p(four_five, 1, many, 30, 1.0 / 31);
	check_p(four_five, 2, many, 30, 2.0 / 32);
	check_p(four_five, 1, many, 300, 1.0 / 301);
	check_p(four_five + 2, 3, fives, 3, 2.0 / 20);
	check_p(four_five + 2, 4, fives, 5, 1.0 / 126);
	many[0] = many[29] = 4;
	check_p(four_five, 1, many, 30, 3.0 / 31);
	for (size_t i = 0; i < ARRAY_LENGTH(many); i++)
		many[i] = (double)i;
	check_p((const double[]){ -1 }, 1, many, 300, 2.0 / 301);
}

/* Fractions of whole numbers without a limit say these, too. */
static void test_many_with_ties(void **state)
{
	(void)state;
	double a[45], b[120];
	for (size_t i = 0; i < 45; i++)
		a[i] = i < 40 ? 0 : 1;
	for (size_t i = 0; i < 100; i++)
		b[i] = i < 60 ? 0 : i < 85 ? 1 : i < 95 ? 2 : 3;
	check_p(a, 45, b, 100, 0.000269997144391801);
	for (size_t i = 0; i < 20; i++)
		a[i] = (double)(i % 7);
	for (size_t i = 0; i < 120; i++)
		b[i] = (double)(i * i % 11);
	check_p(a, 20, b, 120, 0.14582856065604266);
}

/* Where there are two values only it is Fisher's test: as many on each side, so that both mean the same by
 * "as far". However many there are, and where the approximation takes over, no p is too small. */
static void test_two_values(void **state)
{
	(void)state;
	enum { MOST = 20000 };
	static const size_t rows[][3] = { { 5, 0, 1 }, { 12, 3, 9 }, { 50, 20, 30 }, { 100, 0, 7 },
		{ 100, 30, 48 }, { 1000, 3, 20 }, { 3000, 900, 1000 }, { MOST, 9, 31 },
		{ MOST, 9000, 9200 } };
	double *a OWNED = xcalloc(MOST, sizeof(*a)), *b OWNED = xcalloc(MOST, sizeof(*b));
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		size_t count = rows[i][0];
		for (size_t k = 0; k < count; k++) {
			a[k] = k < rows[i][1];
			b[k] = k < rows[i][2];
		}
		double wanted = fisher_exact(rows[i][1], count - rows[i][1], rows[i][2], count - rows[i][2]);
		struct mann_whitney test = mann_whitney(&chances, a, count, b, count);
		assert_int_equal(test.exact, i + 1 < ARRAY_LENGTH(rows));
		assert_near(test.p, wanted, wanted * (test.exact ? 1e-6 : 0.01));
	}
}

/* 50 a side that are exact with ties, and the approximation that there is for more. */
static void test_approximation_with_ties(void **state)
{
	(void)state;
	double a[50], b[50];
	for (size_t shift = 0; shift < 20; shift++) {
		for (size_t i = 0; i < 50; i++) {
			size_t group = i / 5, shifted = (i + shift) / 5;
			a[i] = (double)group;
			b[i] = (double)shifted;
		}
		struct mann_whitney test = mann_whitney(&chances, a, 50, b, 50);
		struct ties ties CLEANUP(ties_release) = ties_of(a, 50, b, 50);
		assert_true(test.exact);
		assert_near(normal_p(&ties, 50, 50, test.u), test.p, 0.01);
	}
}

/* Two samples without ties that have this U. */
static struct mann_whitney test_of_u(size_t a_count, size_t b_count, size_t u)
{
	double a[50], b[50];
	size_t full = u / a_count,
	       rest = u % a_count; /* so many of b above all of a, and one above `rest` of them */
	for (size_t i = 0; i < a_count; i++)
		a[i] = (double)i;
	for (size_t j = 0; j < b_count; j++)
		b[j] = j < full ? 1000 + (double)j : j == full && rest ? (double)rest - 0.5 : -1 - (double)j;
	struct mann_whitney test = mann_whitney(&chances, a, a_count, b, b_count);
	assert_near(test.u, (double)u, 0);
	return test;
}

/* Critical values of U at 5 % and 1 %, two-sided, as every table has them since D. Auble, "Extended tables
 * for the Mann–Whitney statistic", Bulletin of the Institute of Educational Research at Indiana University 1
 * (1953). */
static void test_tables(void **state)
{
	(void)state;
	static const struct {
		size_t n, m, at_5, at_1;
	} rows[] = { { 5, 5, 2, 0 }, { 5, 10, 8, 4 }, { 8, 8, 13, 7 }, { 10, 10, 23, 16 }, { 15, 20, 90, 73 },
		{ 20, 20, 127, 105 } };
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		assert_true(test_of_u(rows[i].n, rows[i].m, rows[i].at_5).p <= 0.05);
		assert_true(test_of_u(rows[i].n, rows[i].m, rows[i].at_5 + 1).p > 0.05);
		assert_true(test_of_u(rows[i].n, rows[i].m, rows[i].at_1).p <= 0.01);
		assert_true(test_of_u(rows[i].n, rows[i].m, rows[i].at_1 + 1).p > 0.01);
	}
}

/* Where the exact test ends, the approximation goes on without a step that matters: at 50 a side its error is
 * below 0.002 in the middle; where p is small, it is on the careful side, and within a third. */
static void test_approximation(void **state)
{
	(void)state;
	for (size_t u = 700; u < 1250; u += 25) {
		double exact = test_of_u(50, 50, u).p;
		double z = (1250 - (double)u - 0.5) / sqrt(2500.0 * 101 / 12);
		double approximate = erfc(z / sqrt(2));
		assert_near(approximate, exact, 0.002);
		if (exact < 0.05)
			assert_true(approximate >= exact && approximate <= exact * 1.34);
	}
}

static void test_without_news(void **state)
{
	(void)state;
	static const double same[] = { 3, 3, 3, 3 }, other[] = { 1, 2 };
	assert_near(mann_whitney(&chances, same, 4, same, 4).p, 1, 0);
	assert_near(mann_whitney(&chances, same, 4, same, 4).u, 8, 0);
	assert_near(mann_whitney(&chances, same, 0, other, 2).p, 1, 0);
	assert_near(mann_whitney(&chances, other, 2, same, 0).p, 1, 0);
	assert_near(mann_whitney(&chances, same, 4, same, 4).least_p, 1, 0);
	assert_near(mann_whitney(&chances, same, 0, other, 2).least_p, 1, 0);
}

static void test_least_p(void **state)
{
	(void)state;
	static const double a[] = { 5, 1, 4 }, b[] = { 2, 6, 3 };
	assert_near(mann_whitney(&chances, a, 3, b, 3).least_p, 0.1, 1e-12); /* 2 of 20 */
	assert_near(mann_whitney_least_p_of(3, 3), 0.1, 1e-12);
	assert_near(mann_whitney_least_p_of(5, 5), 2.0 / 252, 1e-12);
	assert_near(mann_whitney_least_p_of(0, 5), 1, 0);
	assert_near(mann_whitney_least_p_of(1, 1), 1, 1e-12);
	/* Unequal sides with ties at one end: what counts is the better way to deal them. */
	static const double low[] = { 1, 1, 1, 1 }, high[] = { 9 };
	assert_near(mann_whitney(&chances, low, 4, high, 1).least_p, 0.2, 1e-12);
	assert_near(mann_whitney(&chances, low, 3, (const double[]){ 1, 9 }, 2).least_p, 0.4, 1e-12);
	/* Also where the approximation says so. */
	double many[200] = { 1 }, much[200] = { 2 };
	for (size_t i = 1; i < 200; i++) {
		size_t pair = i / 2, triple = i / 3;
		many[i] = (double)pair;
		much[i] = (double)triple;
	}
	struct mann_whitney test = mann_whitney(&chances, many, 200, much, 200);
	assert_true(!test.exact && test.least_p > 0 && test.least_p < 1e-60 && test.p > 1e-10);
}

static double uniform(struct random_stream *stream)
{
	return (double)random_up_to(stream, INT64_C(1) << 50) / (double)(INT64_C(1) << 50);
}

/* Of two samples of one distribution, p is uniform: below x with chance x, for the exact test never above it.
 */
static void check_uniform(bool exact, size_t a_count, size_t b_count, size_t steps, double slack)
{
	enum { TRIALS = 4000 };
	struct random_stream stream = random_stream(20261124, (const char *const[]){ "uniform", NULL });
	static const double levels[] = { 0.01, 0.05, 0.1, 0.25, 0.5, 0.75 };
	size_t below[ARRAY_LENGTH(levels)] = { 0 };
	double a[100], b[100];
	for (size_t trial = 0; trial < TRIALS; trial++) {
		for (size_t i = 0; i < a_count + b_count; i++) {
			double value = -log(1 - uniform(&stream) * 0.999999);
			if (steps)
				value = floor(value * (double)steps);
			*(i < a_count ? &a[i] : &b[i - a_count]) = value;
		}
		struct mann_whitney test = mann_whitney(&chances, a, a_count, b, b_count);
		assert_int_equal(test.exact, exact);
		assert_true(test.p >= test.least_p && test.p > 0 && test.p <= 1);
		for (size_t k = 0; k < ARRAY_LENGTH(levels); k++)
			below[k] += test.p <= levels[k];
	}
	for (size_t k = 0; k < ARRAY_LENGTH(levels); k++) {
		double deviation = sqrt(levels[k] * (1 - levels[k]) / TRIALS);
		double share = (double)below[k] / TRIALS;
		assert_true(share <= levels[k] + 4 * deviation);
		assert_true(share >= levels[k] - 4 * deviation - slack);
	}
}

static void test_uniform(void **state)
{
	(void)state;
	check_uniform(true, 20, 25, 0, 0.02);   /* its steps are that coarse */
	check_uniform(true, 6, 7, 0, 0.09);     /* and coarser */
	check_uniform(false, 60, 80, 0, 0.01);  /* approximate */
	check_uniform(false, 60, 80, 9, 0.015); /* the same with many ties */
	check_uniform(true, 12, 15, 4, 0.06);
}

/* The median difference, and the interval that a test by hand of all orders gives. */
static void test_shift(void **state)
{
	(void)state;
	struct shift shift = hodges_lehmann(&chances, earlier, 5, at_term, 10);
	assert_near(shift.estimate, 0.305, 1e-9); /* Hollander and Wolfe (1973), page 75 */
	/* 95 % of 15 values: P(U <= 8) = 0.020, P(U <= 9) = 0.028, so that 9 differences are left out at each
	 * end. */
	assert_true(shift.has_interval);
	assert_near(shift.low, -0.15, 1e-9);
	assert_near(shift.high, 0.76, 1e-9);
	/* 3 against 3 can never be outside with 95 %, and 1 against 30 neither, whatever ties there are. */
	assert_false(hodges_lehmann(&chances, earlier, 3, at_term, 3).has_interval);
	double fives[30];
	for (size_t i = 0; i < ARRAY_LENGTH(fives); i++)
		fives[i] = 5;
	assert_false(hodges_lehmann(&chances, (const double[]){ 4 }, 1, fives, 30).has_interval);
}

/* Against all differences, written down and sorted: with ties, of both signs, of all sizes. */
static void test_shift_is_the_median(void **state)
{
	(void)state;
	enum { MOST = 12 };
	struct random_stream stream = random_stream(11, (const char *const[]){ "median", NULL });
	for (size_t trial = 0; trial < 500; trial++) {
		double a[MOST], b[MOST], all[MOST * MOST];
		size_t a_count = 1 + (size_t)random_up_to(&stream, MOST - 1);
		size_t b_count = 1 + (size_t)random_up_to(&stream, MOST - 1);
		double scale = pow(10, (double)random_up_to(&stream, 40) - 20);
		for (size_t i = 0; i < a_count; i++)
			a[i] = ((double)random_up_to(&stream, 20) - 10) * scale;
		for (size_t j = 0; j < b_count; j++)
			b[j] = ((double)random_up_to(&stream, 20) - 10) * scale;
		for (size_t i = 0; i < a_count; i++)
			for (size_t j = 0; j < b_count; j++)
				all[i * b_count + j] = b[j] - a[i];
		double estimate = hodges_lehmann(&chances, a, a_count, b, b_count).estimate;
		assert_near(estimate, summarise(all, a_count * b_count).median, 0);
		assert_false(signbit(estimate) && estimate == 0);
	}
}

/* As many as a report can have runs, and more: the pairs of all have no room in any memory. */
static void test_shift_of_very_many(void **state)
{
	(void)state;
	enum { COUNT = 200000 };
	double *a OWNED = xmalloc(COUNT * sizeof(*a)), *b OWNED = xmalloc(COUNT * sizeof(*b));
	for (size_t i = 0; i < COUNT; i++) {
		a[i] = (double)i;
		b[i] = (double)(COUNT - i) + 1000;
	}
	struct shift shift = hodges_lehmann(&chances, a, COUNT, b, COUNT);
	assert_near(shift.estimate, 1001, 0);
	assert_true(shift.has_interval && shift.low < 1001 && shift.high > 1001);
}

/* 95 of 100 intervals hold the true shift. */
static void test_shift_covers(void **state)
{
	(void)state;
	enum { TRIALS = 2000, COUNT = 12 };
	struct random_stream stream = random_stream(7, (const char *const[]){ "shift", NULL });
	size_t covered = 0;
	for (size_t trial = 0; trial < TRIALS; trial++) {
		double a[COUNT], b[COUNT];
		for (size_t i = 0; i < COUNT; i++) {
			a[i] = uniform(&stream);
			b[i] = uniform(&stream) + 0.3;
		}
		struct shift shift = hodges_lehmann(&chances, a, COUNT, b, COUNT);
		assert_true(shift.low <= shift.estimate && shift.estimate <= shift.high);
		covered += shift.low <= 0.3 && 0.3 <= shift.high;
	}
	assert_in_range(covered, 1880, 1945); /* 95 % and a little, since its steps are whole */
}

/* Every one of a report's figures had as many values; with a distribution for each this takes minutes. */
static void test_many_figures(void **state)
{
	(void)state;
	enum { FIGURES = 20000, COUNT = MANN_WHITNEY_EXACT_MAX };
	double a[COUNT], b[COUNT];
	for (int figure = 0; figure < FIGURES; figure++) {
		for (size_t i = 0; i < COUNT; i++) {
			a[i] = (double)(2 * i);
			b[i] = (double)(2 * (i + (size_t)(figure % 30)) + 1);
		}
		struct mann_whitney test = mann_whitney(&chances, a, COUNT, b, COUNT);
		assert_true(test.exact && test.least_p <= test.p);
		assert_true(hodges_lehmann(&chances, a, COUNT, b, COUNT).estimate == 2 * (figure % 30) + 1);
	}
}

static int release_chances(void **state)
{
	(void)state;
	rank_chances_release(&chances);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_published),
		cmocka_unit_test(test_published_with_ties),
		cmocka_unit_test(test_ties_by_all_dealings),
		cmocka_unit_test(test_few_with_ties),
		cmocka_unit_test(test_many_with_ties),
		cmocka_unit_test(test_two_values),
		cmocka_unit_test(test_approximation_with_ties),
		cmocka_unit_test(test_tables),
		cmocka_unit_test(test_approximation),
		cmocka_unit_test(test_without_news),
		cmocka_unit_test(test_least_p),
		cmocka_unit_test(test_uniform),
		cmocka_unit_test(test_shift),
		cmocka_unit_test(test_shift_is_the_median),
		cmocka_unit_test(test_shift_of_very_many),
		cmocka_unit_test(test_shift_covers),
		cmocka_unit_test(test_many_figures),
	};
	return cmocka_run_group_tests(tests, NULL, release_chances);
}
