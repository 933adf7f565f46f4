#include "run/cpu_wait.h"

#include "base/duration.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
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

/* A control group as a container's, for which one has to be root, and this machine has cgroup v1 or v2. */
static bool make_group(char *folder, size_t size)
{
	const char *const roots[] = { "/sys/fs/cgroup/pids", "/sys/fs/cgroup" };
	for (size_t i = 0; i < ARRAY_LENGTH(roots); i++) {
		snprintf(folder, size, "%s/cpu-wait-test-%d", roots[i], (int)getpid());
		if (mkdir(folder, 0755) == 0)
			return true;
	}
	return false;
}

static bool join_group(const char *folder)
{
	char path[128];
	snprintf(path, sizeof(path), "%s/cgroup.procs", folder);
	FILE *file = fopen(path, "we");
	if (!file)
		return false;
	bool joined = fprintf(file, "0") == 1 && fflush(file) == 0;
	return fclose(file) == 0 && joined;
}

/* The first process only waits; it is one that it is not even the parent of that starves. */
static void test_starvation_of_another_process(void **state)
{
	(void)state;
	char folder[96];
	if (access("/proc/self/schedstat", R_OK) != 0 || !make_group(folder, sizeof(folder))) {
		print_message("no control group can be made here\n");
		skip();
	}
	int hold[2], joined[2];
	assert_int_equal(pipe(hold), 0);
	assert_int_equal(pipe(joined), 0);
	pid_t pids[3];
	for (size_t i = 0; i < ARRAY_LENGTH(pids); i++) {
		pids[i] = fork();
		assert_true(pids[i] >= 0);
		if (pids[i] > 0)
			continue;
		char byte = join_group(folder) ? 'y' : 'n';
		close(hold[1]);
		if (write(joined[1], &byte, 1) == 1 && i == 0)
			_exit(read(hold[0], &byte, 1) == 1);
		spin(NULL);
		_exit(0);
	}
	struct cpu_wait *wait = cpu_wait_new();
	bool all_joined = true;
	char byte;
	for (size_t i = 0; i < ARRAY_LENGTH(pids); i++)
		all_joined = read(joined[0], &byte, 1) == 1 && byte == 'y' && all_joined;
	int64_t worst_ns = 0, deadline_ns = now_ns() + 30 * NS_PER_S;
	while (all_joined && worst_ns < 50 * NS_PER_MS && now_ns() < deadline_ns)
		worst_ns += cpu_wait_worst_ns(wait, pids[0]);
	cpu_wait_free(wait);
	for (size_t i = 0; i < ARRAY_LENGTH(hold); i++) {
		close(hold[i]); /* lets the first one go */
		close(joined[i]);
	}
	for (size_t i = 0; i < ARRAY_LENGTH(pids); i++)
		waitpid(pids[i], NULL, 0);
	rmdir(folder);
	if (!all_joined)
		skip();
	assert_true(worst_ns >= 50 * NS_PER_MS);
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
		cmocka_unit_test(test_starvation_of_another_process),
		cmocka_unit_test(test_nothing_there),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
