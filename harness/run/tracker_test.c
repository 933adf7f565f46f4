#include "run/tracker.h"

#include "base/duration.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

static const char SCENARIO[] =
    "falsestart: 1\n"
    "name: test\n"
    "stack: { services: { gateway: { image: gateway }, redis: { image: 'redis:7' } } }\n"
    "subject: gateway\n"
    "watch:\n"
    "  ready: { http: 'gateway:4000/health/ready', every: 50ms, timeout: 1s, state: .status }\n"
    "  dial: { attempts: gateway, to: 'redis:6379', from: log, fails: F, succeeds: S, lost: L }\n"
    "steps:\n"
    "  - { id: up, start: all }\n"                                                       /* 0 */
    "  - { id: first-healthy, wait: { for: ready, state: healthy } }\n"                  /* 1 */
    "  - { id: away, stop: redis }\n"                                                    /* 2 */
    "  - { id: degraded, wait: { for: ready, state: degraded } }\n"                      /* 3 */
    "  - { id: third, hold: 1s, after: { attempt: 3, of: dial, plus: 250ms } }\n"        /* 4 */
    "  - { id: second-since, hold: 1s, after: { attempt: 2, of: dial, after: away } }\n" /* 5 */
    "  - { id: back, start: redis }\n"                                                   /* 6 */
    "  - { id: again-healthy, wait: { for: ready, state: healthy } }\n"                  /* 7 */
    "  - { id: redis-ready, wait: { for: redis, phase: ready } }\n"                      /* 8 */
    "  - { id: line, wait: { for: gateway.log, matches: 'Job \\d scheduled' } }\n"       /* 9 */
    "  - { id: ever, wait: { for: ready, state: healthy, after: world.started } }\n"     /* 10 */
    "expect: [ { of: gateway, never: [exited] } ]\n";

struct fixture {
	struct plan *plan;
	struct tracker *tracker;
};

static int set_up(void **state)
{
	static struct fixture fixture;
	char path[64];
	struct err err = ERR_INIT;
	int file = memfd_create("scenario", 0);
	dprintf(file, "%s", SCENARIO);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	fixture.plan = plan_load(path, 1, &err);
	close(file);
	if (!fixture.plan)
		fail_msg("%d:%d: %s", err.line, err.column, err.message);
	fixture.tracker = tracker_new(fixture.plan, &err);
	*state = &fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;
	tracker_free(fixture->tracker);
	plan_free(fixture->plan);
	return 0;
}

static void sample(struct fixture *fixture, int64_t from_ms, int64_t to_ms, const char *seen)
{
	tracker_feed(
	    fixture->tracker, &(struct event){ .kind = EVENT_SAMPLE,
				  .of = "ready",
				  .from_ns = from_ms * NS_PER_MS,
				  .to_ns = to_ms * NS_PER_MS,
				  .sample = { .status = 200, .state = seen, .outcome = "answered" } });
}

static void attempt(struct fixture *fixture, int64_t at_ms, int number)
{
	tracker_feed(fixture->tracker, &(struct event){ .kind = EVENT_ATTEMPT,
					   .of = "dial",
					   .from_ns = at_ms * NS_PER_MS,
					   .to_ns = at_ms * NS_PER_MS,
					   .attempt = { .number = number, .outcome = "failed" } });
}

static void step_done(struct fixture *fixture, int64_t from_ms, int64_t to_ms, const char *id)
{
	tracker_feed(fixture->tracker, &(struct event){ .kind = EVENT_STEP,
					   .of = id,
					   .from_ns = from_ms * NS_PER_MS,
					   .to_ns = to_ms * NS_PER_MS,
					   .step = { .done = true } });
}

static void service(struct fixture *fixture, int64_t at_ms, const char *what)
{
	tracker_feed(fixture->tracker, &(struct event){ .kind = EVENT_SERVICE,
					   .of = "redis",
					   .from_ns = at_ms * NS_PER_MS,
					   .to_ns = at_ms * NS_PER_MS,
					   .service = { .event = what } });
}

static void expect_until(struct fixture *fixture, size_t step, bool happened)
{
	int64_t at_ns;
	if (tracker_until(fixture->tracker, step, &at_ns) != happened)
		fail_msg(
		    "step `%s` should %s", fixture->plan->steps[step].id, happened ? "have come" : "wait");
}

/* What was seen before a fault never ends a wait for the recovery from it. */
static void test_states_are_forgotten(void **state)
{
	struct fixture *fixture = *state;
	tracker_act(fixture->tracker, 0, 0);
	sample(fixture, 100, 110, "refused");
	expect_until(fixture, 1, false);
	sample(fixture, 200, 210, "healthy");
	expect_until(fixture, 1, true);
	expect_until(fixture, 7, true);
	tracker_act(fixture->tracker, 2, 300 * NS_PER_MS);
	expect_until(fixture, 7, false);
	sample(fixture, 290, 310, "healthy"); /* asked before the stop */
	expect_until(fixture, 7, false);
	sample(fixture, 320, 330, "degraded");
	expect_until(fixture, 3, true);
	tracker_act(fixture->tracker, 6, 400 * NS_PER_MS);
	expect_until(fixture, 3, true); /* behind the running step: no longer of interest, and kept */
	expect_until(fixture, 7, false);
	sample(fixture, 410, 420, "healthy");
	expect_until(fixture, 7, true);
	/* With `after` the author says since when. */
	expect_until(fixture, 10, true);
}

static void test_attempts(void **state)
{
	struct fixture *fixture = *state;
	int64_t at_ns = 0;
	attempt(fixture, 100, 1);
	attempt(fixture, 200, 2);
	assert_false(tracker_after(fixture->tracker, 4, &at_ns));
	step_done(fixture, 300, 400, "away");
	attempt(fixture, 350, 3); /* ended while the stop was under way: not after it */
	assert_true(tracker_after(fixture->tracker, 4, &at_ns));
	assert_int_equal(at_ns, 600 * NS_PER_MS); /* its end plus 250 ms */
	attempt(fixture, 500, 4);
	assert_false(tracker_after(fixture->tracker, 5, &at_ns));
	attempt(fixture, 600, 5);
	assert_true(tracker_after(fixture->tracker, 5, &at_ns));
	assert_int_equal(at_ns, 600 * NS_PER_MS);
}

/* A service stays ready until a step acts on it; a step on another one changes nothing. */
static void test_services(void **state)
{
	struct fixture *fixture = *state;
	tracker_act(fixture->tracker, 0, 0);
	service(fixture, 100, "ready");
	expect_until(fixture, 8, true);
	tracker_act(fixture->tracker, 2, 200 * NS_PER_MS);
	expect_until(fixture, 8, false);
	service(fixture, 300, "refused");
	expect_until(fixture, 8, false);
	service(fixture, 310, "ready");
	expect_until(fixture, 8, true);
}

/* The engine may have read it late: it counts unless it surely was before. */
static void test_a_line_that_may_have_come_before(void **state)
{
	struct fixture *fixture = *state;
	tracker_act(fixture->tracker, 6, 100 * NS_PER_MS);
	for (int64_t read_ms = 99; read_ms <= 100; read_ms++) {
		static const char line[] = "Job 3 scheduled";
		tracker_feed(fixture->tracker, &(struct event){ .kind = EVENT_LOG,
						   .of = "gateway",
						   .from_ns = (read_ms - 90) * NS_PER_MS,
						   .to_ns = read_ms * NS_PER_MS,
						   .log = { .line = { line, strlen(line) } } });
		expect_until(fixture, 9, read_ms == 100);
	}
}

static void test_lines(void **state)
{
	struct fixture *fixture = *state;
	tracker_act(fixture->tracker, 6, 100 * NS_PER_MS);
	static const char *const lines[] = { "Job x scheduled", "the Job 3 scheduled" };
	for (size_t i = 0; i < 2; i++) {
		/* The engine may stamp it while the step is still under way. */
		tracker_feed(fixture->tracker, &(struct event){ .kind = EVENT_LOG,
						   .of = "gateway",
						   .from_ns = 150 * NS_PER_MS,
						   .to_ns = 150 * NS_PER_MS,
						   .log = { .line = { lines[i], strlen(lines[i]) } } });
		expect_until(fixture, 9, i == 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_states_are_forgotten, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_attempts, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_services, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_lines, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_line_that_may_have_come_before, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
