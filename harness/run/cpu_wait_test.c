#include "run/cpu_wait.h"

#include "base/duration.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static void test_schedstat(void **state)
{
	(void)state;
	assert_int_equal(schedstat_wait_ns("123 456 7\n"), 456);
	assert_int_equal(schedstat_wait_ns("0 0 0\n"), 0);
	assert_int_equal(schedstat_wait_ns("123"), -1);
	assert_int_equal(schedstat_wait_ns("123 456"), -1);
	assert_int_equal(schedstat_wait_ns(""), -1);
	assert_int_equal(schedstat_wait_ns("1 -5 2\n"), -1);
}

static int64_t now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * NS_PER_S + now.tv_nsec;
}

/* Two of these on one processor: each waits while the other runs. */
static void *spin(void *argument)
{
	(void)argument;
	cpu_set_t one;
	CPU_ZERO(&one);
	CPU_SET(0, &one);
	sched_setaffinity(0, sizeof(one), &one);
	int64_t until_ns = now_ns() + 400 * NS_PER_MS;
	while (now_ns() < until_ns)
		;
	return NULL;
}

static void test_starvation_is_seen(void **state)
{
	(void)state;
	if (access("/proc/self/schedstat", R_OK) != 0) {
		print_message("this kernel does not count the time threads wait for a processor\n");
		skip();
	}
	struct cpu_wait *wait = cpu_wait_new();
	(void)cpu_wait_worst_ns(wait, getpid());
	pthread_t threads[2];
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, spin, NULL), 0);
	int64_t worst_ns = 0, deadline_ns = now_ns() + 30 * NS_PER_S;
	while (worst_ns < 50 * NS_PER_MS && now_ns() < deadline_ns) {
		int64_t since_ns = cpu_wait_worst_ns(wait, getpid());
		worst_ns += since_ns;
		/* Nobody waits longer than the time that has passed: counted since the last look, not since
		 * ever. */
		assert_true(since_ns < 10 * NS_PER_S);
	}
	for (size_t i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	assert_true(worst_ns >= 50 * NS_PER_MS);
	cpu_wait_free(wait);
}

static void test_nothing_there(void **state)
{
	(void)state;
	struct cpu_wait *wait = cpu_wait_new();
	assert_int_equal(cpu_wait_worst_ns(wait, 0), 0);
	assert_int_equal(cpu_wait_worst_ns(wait, 0x7ffffff0), 0);
	cpu_wait_free(wait);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_schedstat),
		cmocka_unit_test(test_starvation_is_seen),
		cmocka_unit_test(test_nothing_there),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
