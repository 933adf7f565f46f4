/* When the bytes of a slow connection may go on. */
#include "agent/slow_way.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define MS INT64_C(1000000)

static struct way way;

static size_t put(const void *bytes, size_t length, int64_t now_ns)
{
	unsigned char *place;
	size_t room = way_room(&way, &place);
	length = length < room ? length : room;
	if (!length)
		return 0;
	memcpy(place, bytes, length);
	way_add(&way, length, now_ns);
	return length;
}

static size_t due_at(int64_t now_ns)
{
	const unsigned char *bytes;
	return way_due(&way, now_ns, &bytes);
}

static void test_no_delay(void **state)
{
	(void)state;
	const unsigned char *bytes;
	way_init(&way, &(struct pace){ 0 }, 1);
	assert_int_equal(way_next_ns(&way), INT64_MAX);
	assert_int_equal(put("hello", 5, 100), 5);
	assert_int_equal(way_due(&way, 99, &bytes), 0);
	assert_int_equal(way_due(&way, 100, &bytes), 5);
	assert_memory_equal(bytes, "hello", 5);
	way_took(&way, 2);
	assert_int_equal(way_due(&way, 100, &bytes), 3);
	assert_memory_equal(bytes, "llo", 3);
	way_took(&way, 3);
	assert_int_equal(way_next_ns(&way), INT64_MAX);
}

static void test_latency(void **state)
{
	(void)state;
	way_init(&way, &(struct pace){ .latency_ns = 20 * MS }, 1);
	put("a", 1, 0);
	put("bc", 2, 5 * MS);
	assert_int_equal(way_next_ns(&way), 20 * MS);
	assert_int_equal(due_at(20 * MS - 1), 0);
	assert_int_equal(due_at(20 * MS), 1);
	assert_int_equal(due_at(25 * MS), 3);
	way_took(&way, 1);
	assert_int_equal(way_next_ns(&way), 25 * MS);
}

/* Spread over latency ± jitter, the same each time, and nothing overtakes. */
static void test_jitter(void **state)
{
	(void)state;
	int64_t first[1000], before_ns = 0, least = INT64_MAX, most = 0;
	for (int round = 0; round < 2; round++) {
		way_init(&way, &(struct pace){ .latency_ns = 20 * MS, .jitter_ns = 15 * MS }, 42);
		for (int i = 0; i < 1000; i++) {
			int64_t now = i * 100 * MS;
			put("a", 1, now);
			int64_t delay = way_next_ns(&way) - now;
			way_took(&way, 1);
			if (round)
				assert_int_equal(delay, first[i]);
			first[i] = delay;
			least = delay < least ? delay : least;
			most = delay > most ? delay : most;
		}
	}
	assert_true(least >= 5 * MS && least < 6 * MS);
	assert_true(most > 34 * MS && most <= 35 * MS);
	way_init(&way, &(struct pace){ .latency_ns = 1 * MS, .jitter_ns = 15 * MS }, 42);
	for (int i = 0; i < 200; i++) {
		put("a", 1, i);
		int64_t due_ns = way.last_due_ns;
		assert_true(due_ns >= before_ns && due_ns >= i);
		before_ns = due_ns;
	}
}

/* The same story told twenty times faster: each delay a twentieth, but for rounding. */
static void test_jitter_at_another_speed(void **state)
{
	(void)state;
	enum { COUNT = 1000, SPEED = 20 };
	int64_t delays[COUNT];
	for (int round = 0; round < 2; round++) {
		int64_t speed = round ? SPEED : 1;
		way_init(
		    &way, &(struct pace){ .latency_ns = 20 * MS / speed, .jitter_ns = 15 * MS / speed }, 42);
		for (int i = 0; i < COUNT; i++) {
			int64_t now = i * 100 * MS;
			put("a", 1, now);
			int64_t delay = way_next_ns(&way) - now;
			way_took(&way, 1);
			if (round)
				assert_in_range(delay * SPEED, delays[i] - SPEED, delays[i] + SPEED);
			delays[i] = delay;
		}
	}
}

static void test_bandwidth(void **state)
{
	(void)state;
	static const char bytes[WAY_BYTES];
	int64_t now = 0;
	way_init(&way, &(struct pace){ .bandwidth = 1000000 }, 1);
	size_t passed = 0;
	while (passed < 100000) {
		assert_true(put(bytes, sizeof(bytes), now) <= 5001); /* 5 ms worth */
		now = way_next_ns(&way);
		size_t due = due_at(now);
		assert_true(due > 0);
		passed += due;
		way_took(&way, due);
	}
	assert_true(now >= 99 * MS && now <= 106 * MS);
	/* A line that was idle has not saved anything up. */
	put(bytes, 1000, 900 * MS);
	assert_int_equal(way_next_ns(&way), 901 * MS);
}

static void test_full(void **state)
{
	(void)state;
	static const char bytes[WAY_BYTES];
	unsigned char *place;
	way_init(&way, &(struct pace){ .latency_ns = 1 * MS }, 1);
	assert_int_equal(put(bytes, 40000, 0), 40000);
	assert_int_equal(put(bytes, 40000, 0), WAY_BYTES - 40000);
	assert_int_equal(way_room(&way, &place), 0);
	assert_int_equal(due_at(1 * MS), WAY_BYTES);
	way_took(&way, 100);
	assert_int_equal(way_room(&way, &place), 100); /* round the corner */
	assert_ptr_equal(place, way.bytes);
	put(bytes, 100, 0);
	assert_int_equal(due_at(1 * MS), WAY_BYTES - 100);
	way_took(&way, WAY_BYTES - 100);
	assert_int_equal(due_at(1 * MS), 100);
	way_init(&way, &(struct pace){ .latency_ns = 1 * MS }, 1);
	for (int i = 0; i < WAY_CHUNKS; i++)
		assert_int_equal(put("a", 1, 0), 1);
	assert_int_equal(put("a", 1, 0), 0);
}

static void test_end(void **state)
{
	(void)state;
	way_init(&way, &(struct pace){ .latency_ns = 20 * MS, .close_ns = 50 * MS }, 1);
	put("a", 1, 0);
	way_end(&way, 1 * MS);
	unsigned char *place;
	assert_int_equal(way_room(&way, &place), 0);
	assert_int_equal(way_next_ns(&way), 20 * MS);
	assert_false(way_end_due(&way, 100 * MS)); /* not before the bytes */
	way_took(&way, 1);
	assert_int_equal(way_next_ns(&way), 71 * MS);
	assert_false(way_end_due(&way, 71 * MS - 1));
	assert_true(way_end_due(&way, 71 * MS));
	way.is_closed = true;
	assert_false(way_end_due(&way, 71 * MS));
	assert_int_equal(way_next_ns(&way), INT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_delay),
		cmocka_unit_test(test_latency),
		cmocka_unit_test(test_jitter),
		cmocka_unit_test(test_jitter_at_another_speed),
		cmocka_unit_test(test_bandwidth),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
