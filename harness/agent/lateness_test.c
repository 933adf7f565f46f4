/* An agent that was held up says so, and by how much. */
#include "agent/lateness.h"
#include "agent/output.h"
#include "agent/reactor.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#define MS INT64_C(1000000)
#define HELD_UP_NS (150 * MS)

/* Nothing else of the agent runs meanwhile, as when it gets no processor. */
static void hold_up(struct timeout *timeout)
{
	(void)timeout;
	for (int64_t until_ns = now_ns() + HELD_UP_NS; now_ns() < until_ns;)
		;
}

static void stop(struct timeout *timeout)
{
	(void)timeout;
	reactor_stop();
}

/* What was written within these milliseconds. */
static ssize_t listen_for(int64_t milliseconds, int fd, char *bytes, size_t size)
{
	struct timeout end = { .fire = stop };
	timeout_set(&end, now_ns() + milliseconds * MS);
	assert_int_equal(reactor_run(), 0);
	ssize_t length = read(fd, bytes, size - 1);
	bytes[length > 0 ? length : 0] = '\0';
	return length;
}

static void test_lateness(void **state)
{
	(void)state;
	int ends[2];
	char said[4096];
	int64_t at_ns, late_ns;
	assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
	assert_int_equal(output_open(ends[1]), 0);
	struct timeout nuisance = { .fire = hold_up };
	int64_t begun_ns = now_ns();
	lateness_begin();
	lateness_begin(); /* once is enough */
	timeout_set(&nuisance, begun_ns + MS);
	assert_true(listen_for(320, ends[0], said, sizeof(said)) > 0);
	assert_int_equal(sscanf(said, "late %ld %ld\n", &at_ns, &late_ns), 2); /* NOLINT(cert-err34-c) */
	assert_true(at_ns >= begun_ns + 250 * MS && at_ns <= now_ns());
	/* The tick was due in the middle of it. */
	assert_true(late_ns >= HELD_UP_NS - 60 * MS && late_ns <= at_ns - begun_ns);
	close(ends[0]);
	close(ends[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_lateness) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
