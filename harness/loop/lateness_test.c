#include "loop/loop.h"

#include "base/duration.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define PERIOD_NS (2 * NS_PER_MS)
#define WINDOW_NS (20 * NS_PER_MS)
#define STALL_NS (50 * NS_PER_MS)
#define REPORTS 10

struct report {
	int64_t from_ns, to_ns, worst_ns;
};

struct fixture {
	struct loop *loop;
	struct lateness *lateness;
	struct timer *stall;
	int64_t started_ns;
	struct report reports[REPORTS];
	size_t count;
};

static int setup(void **state)
{
	struct fixture *fixture = xcalloc(1, sizeof(*fixture));
	fixture->loop = loop_new();
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;
	lateness_stop(fixture->lateness);
	timer_cancel(fixture->stall);
	loop_free(fixture->loop);
	free(fixture);
	return 0;
}

static void report(void *owner, int64_t from_ns, int64_t to_ns, int64_t worst_ns)
{
	struct fixture *fixture = owner;
	fixture->reports[fixture->count++] = (struct report){ from_ns, to_ns, worst_ns };
	/* Stopping from inside the report; the loop then ends by itself. */
	if (fixture->count == REPORTS)
		lateness_stop(steal_ptr(fixture->lateness));
}

static void stall(void *owner)
{
	struct fixture *fixture = owner;
	fixture->stall = NULL;
	int64_t until_ns = loop_now_ns(fixture->loop) + STALL_NS;
	while (loop_now_ns(fixture->loop) < until_ns)
		;
}

static void test_windows_follow_each_other(void **state)
{
	struct fixture *fixture = *state;
	fixture->lateness = lateness_start(fixture->loop, PERIOD_NS, WINDOW_NS, report, fixture);
	loop_run(fixture->loop);
	assert_int_equal(fixture->count, REPORTS);
	for (size_t i = 0; i < REPORTS; i++) {
		assert_true(fixture->reports[i].worst_ns >= 0);
		assert_true(fixture->reports[i].to_ns - fixture->reports[i].from_ns >= WINDOW_NS);
		if (i > 0)
			assert_int_equal(fixture->reports[i].from_ns, fixture->reports[i - 1].to_ns);
	}
}

static void test_a_stall_is_seen_once(void **state)
{
	struct fixture *fixture = *state;
	fixture->lateness = lateness_start(fixture->loop, PERIOD_NS, WINDOW_NS, report, fixture);
	int64_t stalled_ns = loop_now_ns(fixture->loop) + 3 * NS_PER_MS;
	fixture->stall = timer_start(fixture->loop, stalled_ns, stall, fixture);
	loop_run(fixture->loop);
	/* The tick due during the stall was late by all but one period of it, and no later tick inherits
	 * that. */
	const struct report *first = &fixture->reports[0];
	assert_true(first->to_ns >= stalled_ns + STALL_NS);
	assert_true(first->worst_ns >= STALL_NS - PERIOD_NS);
	int64_t best_ns = INT64_MAX;
	for (size_t i = 1; i < REPORTS; i++)
		if (fixture->reports[i].worst_ns < best_ns)
			best_ns = fixture->reports[i].worst_ns;
	assert_true(best_ns < STALL_NS - PERIOD_NS);
}

/* The end of a stall is told at once, before the timer that it held up has run. */
static void stall_and_flush(void *owner)
{
	struct fixture *fixture = owner;
	stall(fixture);
	lateness_flush(fixture->lateness);
	loop_stop(fixture->loop);
}

static void test_flush(void **state)
{
	struct fixture *fixture = *state;
	fixture->lateness = lateness_start(fixture->loop, PERIOD_NS, 1000 * NS_PER_S, report, fixture);
	fixture->stall =
	    timer_start(fixture->loop, loop_now_ns(fixture->loop) + 3 * NS_PER_MS, stall_and_flush, fixture);
	loop_run(fixture->loop);
	assert_int_equal(fixture->count, 1);
	assert_true(fixture->reports[0].worst_ns >= STALL_NS - PERIOD_NS);
	lateness_flush(fixture->lateness);
	assert_int_equal(fixture->count, 2);
	assert_int_equal(fixture->reports[1].from_ns, fixture->reports[0].to_ns);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_windows_follow_each_other, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_stall_is_seen_once, setup, teardown),
		cmocka_unit_test_setup_teardown(test_flush, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
