#include "loop/loop.h"

#include "base/duration.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define EVERY_NS (3 * NS_PER_MS)
#define STALL_NS (10 * NS_PER_MS)
#define TICKS 20
#define STALLED 5 /* the tick that holds the loop up */

struct fixture {
	struct loop *loop;
	struct ticker *ticker;
	int64_t first_ns;
	int64_t due_ns[TICKS], actual_ns[TICKS];
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
	ticker_stop(fixture->ticker);
	loop_free(fixture->loop);
	free(fixture);
	return 0;
}

static void tick(void *owner, int64_t due_ns)
{
	struct fixture *fixture = owner;
	fixture->due_ns[fixture->count] = due_ns;
	fixture->actual_ns[fixture->count++] = loop_now_ns(fixture->loop);
	if (fixture->count == STALLED) {
		int64_t until_ns = loop_now_ns(fixture->loop) + STALL_NS;
		while (loop_now_ns(fixture->loop) < until_ns)
			;
	}
	if (fixture->count == TICKS)
		ticker_stop(steal_ptr(fixture->ticker));
}

static void test_the_grid_does_not_drift(void **state)
{
	struct fixture *fixture = *state;
	fixture->first_ns = loop_now_ns(fixture->loop);
	fixture->ticker = ticker_start(fixture->loop, fixture->first_ns, EVERY_NS, tick, fixture);
	assert_int_equal(fixture->count, 0);
	loop_run(fixture->loop);
	assert_int_equal(fixture->count, TICKS);
	assert_int_equal(fixture->due_ns[0], fixture->first_ns);
	for (size_t i = 0; i < TICKS; i++) {
		assert_int_equal((fixture->due_ns[i] - fixture->first_ns) % EVERY_NS, 0);
		assert_true(fixture->actual_ns[i] >= fixture->due_ns[i]);
		if (i > 0)
			assert_true(fixture->due_ns[i] > fixture->due_ns[i - 1]);
	}
	/* Of the points that fell into the stall only the first was made up for. */
	int64_t points = (fixture->due_ns[TICKS - 1] - fixture->first_ns) / EVERY_NS + 1;
	assert_true(points - TICKS >= STALL_NS / EVERY_NS - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_the_grid_does_not_drift, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
