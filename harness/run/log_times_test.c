#include "run/log_times.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* Times in milliseconds. */
static void next(struct log_times *times, enum engine_output output, int64_t read_ms, int64_t lag_ms,
    int64_t from_ms, int64_t to_ms)
{
	struct written written = log_times_next(times, output, read_ms * NS_PER_MS, lag_ms * NS_PER_MS, 0);
	assert_int_equal(written.from_ns, from_ms * NS_PER_MS);
	assert_int_equal(written.to_ns, to_ms * NS_PER_MS);
	assert_int_equal(written.is_stamped, lag_ms != 0);
}

/* The engine may have read it late. */
static void test_a_line_without_a_stamp(void **state)
{
	(void)state;
	struct log_times times = { 0 };
	next(&times, ENGINE_STDOUT, 1000, 0, 750, 1000);
	next(&times, ENGINE_STDOUT, 5000, 0, 4750, 5000);
}

static void test_not_before_its_process_began(void **state)
{
	(void)state;
	struct log_times times = { 0 };
	log_times_begin(&times, 900 * NS_PER_MS);
	next(&times, ENGINE_STDOUT, 1000, 0, 900, 1000);
	next(&times, ENGINE_STDERR, 1100, 0, 900, 1100);
	next(&times, ENGINE_STDERR, 1200, 0, 950, 1200);
	/* The next process; of the one before, lines are still to come. */
	log_times_begin(&times, 2000 * NS_PER_MS);
	next(&times, ENGINE_STDOUT, 1990, 0, 1740, 1990);
	next(&times, ENGINE_STDOUT, 2010, 0, 2000, 2010);
}

static void test_not_before_the_line_above(void **state)
{
	(void)state;
	struct log_times times = { 0 };
	next(&times, ENGINE_STDOUT, 1000, 10, 990, 1000);
	next(&times, ENGINE_STDOUT, 1001, 0, 990, 1001);
	next(&times, ENGINE_STDOUT, 1002, 0, 990, 1002);
	/* The other output is read by itself. */
	next(&times, ENGINE_STDERR, 1003, 0, 753, 1003);
	next(&times, ENGINE_STDOUT, 1300, 0, 1050, 1300);
	/* A stamp of its own is believed, whatever is above it, and binds only as far as it is later. */
	next(&times, ENGINE_STDOUT, 1301, 300, 1001, 1301);
	next(&times, ENGINE_STDOUT, 1302, 0, 1052, 1302);
	next(&times, ENGINE_STDOUT, 1303, 3, 1300, 1303);
	next(&times, ENGINE_STDOUT, 1304, 0, 1300, 1304);
}

/* An engine whose clock is known to within 20 ms. */
static void test_a_clock_that_is_not_known_better(void **state)
{
	(void)state;
	struct log_times times = { 0 };
	const int64_t error_ns = 20 * NS_PER_MS;
	struct written written = log_times_next(&times, ENGINE_STDOUT, 1000 * NS_PER_MS, 0, error_ns);
	assert_int_equal(written.from_ns, 730 * NS_PER_MS);
	assert_int_equal(written.to_ns, 1020 * NS_PER_MS);
	/* As old as the process by the engine's clock, but perhaps of the one before. */
	log_times_begin(&times, 1100 * NS_PER_MS);
	written = log_times_next(&times, ENGINE_STDOUT, 1110 * NS_PER_MS, 0, error_ns);
	assert_int_equal(written.from_ns, 840 * NS_PER_MS);
	written = log_times_next(&times, ENGINE_STDOUT, 1120 * NS_PER_MS, 0, error_ns);
	assert_int_equal(written.from_ns, 1100 * NS_PER_MS);
	/* The engine's stamps go forward, and so does what is known. */
	written = log_times_next(&times, ENGINE_STDOUT, 1060 * NS_PER_MS, 0, error_ns);
	assert_int_equal(written.from_ns, 1080 * NS_PER_MS);
	assert_int_equal(written.to_ns, 1080 * NS_PER_MS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_line_without_a_stamp),
		cmocka_unit_test(test_not_before_its_process_began),
		cmocka_unit_test(test_not_before_the_line_above),
		cmocka_unit_test(test_a_clock_that_is_not_known_better),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
