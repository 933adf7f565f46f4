#include "run/phase_command.h"

#include "base/duration.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct service redis = {
	.name = (char[]){ "redis" }, .protocol = (char[]){ "redis" }, .protocol_port = 6379
};

static void expect_gate(const struct phase_step *steps, size_t count, const char *expected)
{
	CLEANUP(buf_release) struct buf line = { 0 };
	phase_gate_command(&line, &redis, steps, count, 77);
	assert_string_equal(buf_string(&line), expected);
}

static void test_gate(void **state)
{
	(void)state;
	expect_gate(&(struct phase_step){ .phase = PHASE_READY }, 1, "gate 6379 ready");
	expect_gate(
	    &(struct phase_step){ .phase = PHASE_CLOSING, .reset = true }, 1, "gate 6379 closing how=reset");
	expect_gate(&(struct phase_step){ .phase = PHASE_LOADING }, 1, "gate 6379 loading protocol=redis");
	expect_gate(
	    &(struct phase_step){
		.phase = PHASE_SLOW, .latency_ns = 100 * NS_PER_MS, .jitter_ns = 1500, .bandwidth = 1000000 },
	    1, "gate 6379 slow latency=100000 jitter=1 close=0 bandwidth=1000000 seed=77");
	/* Nothing is drawn where there is no jitter. */
	expect_gate(&(struct phase_step){ .phase = PHASE_SLOW, .latency_ns = NS_PER_MS }, 1,
	    "gate 6379 slow latency=1000 jitter=0 close=0");
}

static void test_script(void **state)
{
	(void)state;
	const struct phase_step steps[] = {
		{ .phase = PHASE_REFUSED, .attempts = 3 },
		{ .phase = PHASE_LOADING, .for_ns = 2 * NS_PER_S },
		{ .phase = PHASE_READY },
	};
	expect_gate(
	    steps, 3, "gate 6379 refused attempts=3 then loading protocol=redis for=2000000 then ready");
}

/* What a scenario has the agent say cannot end its field, nor the line. */
static void test_escapes(void **state)
{
	(void)state;
	expect_gate(
	    &(struct phase_step){ .phase = PHASE_DENIED, .say = (char[]){ "ERR a=b 100%\n\xc3\xa9" } }, 1,
	    "gate 6379 denied protocol=redis say=ERR%20a=b%20100%25%0A%C3%A9");
}

static void expect_resolution(const struct phase_step *step, const char *expected)
{
	CLEANUP(buf_release) struct buf line = { 0 };
	phase_resolve_command(&line, "cache", step, "10.0.0.254");
	assert_string_equal(buf_string(&line), expected);
}

static void test_resolve(void **state)
{
	(void)state;
	expect_resolution(NULL, "resolve cache answer");
	expect_resolution(&(struct phase_step){ .phase = PHASE_ABSENT }, "resolve cache nxdomain");
	expect_resolution(&(struct phase_step){ .phase = PHASE_UNRESOLVABLE, .attempts = 2 },
	    "resolve cache servfail attempts=2 stays");
	expect_resolution(&(struct phase_step){ .phase = PHASE_ABSENT, .attempts = 2 },
	    "resolve cache nxdomain attempts=2 stays");
	expect_resolution(
	    &(struct phase_step){
		.phase = PHASE_UNRESOLVABLE, .unresolvable = UNRESOLVABLE_LATE, .late_ns = 1500 * NS_PER_MS },
	    "resolve cache late 1500");
	expect_resolution(
	    &(struct phase_step){ .phase = PHASE_UNRESOLVABLE, .unresolvable = UNRESOLVABLE_STALE },
	    "resolve cache stale 10.0.0.254");
	expect_resolution(&(struct phase_step){ .phase = PHASE_UNRESOLVABLE,
			      .unresolvable = UNRESOLVABLE_STALE,
			      .stale = (char[]){ "192.0.2.1" } },
	    "resolve cache stale 192.0.2.1");
}

static void expect_words(const struct phase_step *step, const char *made, const char *expected)
{
	CLEANUP(buf_release) struct buf words = { 0 };
	phase_describe(&words, step);
	assert_string_equal(buf_string(&words), expected);
	assert_string_equal(phase_made(step), made);
}

static void test_describe(void **state)
{
	(void)state;
	expect_words(&(struct phase_step){ .phase = PHASE_REFUSED }, "gate", "");
	expect_words(&(struct phase_step){ .phase = PHASE_DENIED, .say = (char[]){ "NOAUTH x" } }, "spoken",
	    "NOAUTH x");
	expect_words(&(struct phase_step){ .phase = PHASE_UNRESOLVABLE, .unresolvable = UNRESOLVABLE_SILENT },
	    "names", "silent");
	expect_words(&(struct phase_step){ .phase = PHASE_SLOW,
			 .latency_ns = 20 * NS_PER_MS,
			 .jitter_ns = 5 * NS_PER_MS,
			 .bandwidth = 1000 },
	    "gate", "latency 20ms, jitter 5ms, 1000 bytes/s");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_gate),
		cmocka_unit_test(test_script),
		cmocka_unit_test(test_escapes),
		cmocka_unit_test(test_resolve),
		cmocka_unit_test(test_describe),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
