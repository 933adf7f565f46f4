#include "stats/summary.h"

#include "base/memory.h"
#include "stats/holm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

static void assert_near(double value, double wanted)
{
	if (!(fabs(value - wanted) < 1e-12))
		fail_msg("%.15g is not %.15g", value, wanted);
}

static void test_summary(void **state)
{
	(void)state;
	double values[] = { 9, 1, 3, 7, 5, 2, 4, 8, 6, 10, 11 };
	struct summary summary = summarise(values, ARRAY_LENGTH(values));
	assert_int_equal(summary.count, 11);
	assert_near(summary.least, 1);
	assert_near(summary.median, 6);
	assert_near(summary.p90, 10);
	assert_near(summary.most, 11);
	/* Between two values. */
	assert_near(summarise((double[]){ 4, 1, 3, 2 }, 4).median, 2.5);
	assert_near(summarise((double[]){ 4, 1, 3, 2 }, 4).p90, 3.7);
	assert_near(summarise((double[]){ 42 }, 1).p90, 42);
	assert_int_equal(summarise(NULL, 0).count, 0);
}

/* The worked example of Wikipedia's "Holm–Bonferroni method". */
static void test_holm(void **state)
{
	(void)state;
	double p[] = { 0.01, 0.04, 0.03, 0.005 };
	holm_adjust(p, 4);
	assert_near(p[0], 0.03);
	assert_near(p[1], 0.06);
	assert_near(p[2], 0.06);
	assert_near(p[3], 0.02);
	double one[] = { 0.2 };
	holm_adjust(one, 1);
	assert_near(one[0], 0.2);
	double large[] = { 0.9, 0.8 };
	holm_adjust(large, 2);
	assert_near(large[0], 1);
	assert_near(large[1], 1);
	holm_adjust(NULL, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_summary),
		cmocka_unit_test(test_holm),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
