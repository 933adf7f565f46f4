/* ends: so, in time; and what is not known. */
#include "check/testing.h"

#define QUICKLY "{ id: x, of: gateway, ends: { exit: 0, within: 2s }, after: start-redis }"
#define SOMEHOW "{ id: x, of: gateway, ends: { exit: 0..1 }, after: redis.ready }"

static void dies(
    struct story *story, int64_t from_ns, int64_t to_ns, const char *event, bool asked, int exit_code)
{
	tell(story,
	    &(struct event){ .kind = EVENT_SERVICE,
		.of = "gateway",
		.from_ns = from_ns,
		.to_ns = to_ns,
		.service = { .event = event, .asked = asked, .exit_code = exit_code, .by = "engine" } });
}

/* The gateway runs; redis is ready at 4 s; something is done at 5 s. */
static struct story running(void)
{
	struct story story = story_begin();
	service_event(&story, 1 * S, 1 * S, "gateway", "started");
	service_event(&story, 4 * S, 4 * S, "redis", "ready");
	tell(&story, &(struct event){ .kind = EVENT_STEP,
			 .of = "start-redis",
			 .from_ns = 5 * S,
			 .to_ns = 5 * S + 10 * MS,
			 .step = { .action = "start", .target = "redis", .due_ns = 5 * S, .done = true } });
	return story;
}

static void test_how_it_ends(void **state)
{
	(void)state;
	static const struct {
		int64_t at_ns;
		const char *event;
		int exit_code;
		enum verdict verdict;
		const char *reason;
	} cases[] = {
		{ 6 * S, "exited", 0, VERDICT_PASS, "" },
		{ 6 * S, "exited", 1, VERDICT_FAIL, "gateway exited with 1 at 6s, expected 0" },
		{ 6 * S, "exited", -1, VERDICT_INCONCLUSIVE,
		    "gateway exited at 6s, and its exit status is not known" },
		{ 6 * S, "stopped", 137, VERDICT_FAIL,
		    "gateway stopped with 137 at 6s (the engine killed it when its grace period was over), "
		    "expected 0" },
		/* The moment of the step is somewhere in it, and the end in the second before it was told. */
		{ 8500 * MS, "exited", 0, VERDICT_FAIL, "took 2.49s to 3.5s" },
		{ 8500 * MS, "exited", 3, VERDICT_FAIL,
		    "gateway exited with 3 at 8.5s, expected 0; took 2.49s to 3.5s" },
		{ 8010 * MS + 1, "exited", 0, VERDICT_FAIL, "took 2.000000001s to 3.01s" },
		{ 8010 * MS, "exited", 0, VERDICT_INCONCLUSIVE, "took 2s to 3.01s, and the limit is inside" },
		{ 7 * S, "exited", 0, VERDICT_PASS, "" },
	};
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		struct story story = running();
		dies(&story, cases[i].at_ns, cases[i].at_ns, cases[i].event, false, cases[i].exit_code);
		end(&story, 20 * S, "completed");
		expect_verdict(&story, QUICKLY, cases[i].verdict, cases[i].reason);
	}
}

/* Asked to end at 5 s: when it did the engine says at most a second late. */
static void test_what_the_engine_tells_late(void **state)
{
	(void)state;
	struct story story = running();
	dies(&story, 5 * S, 7900 * MS, "killed", true, 0);
	end(&story, 20 * S, "completed");
	expect_verdict(&story, QUICKLY, VERDICT_INCONCLUSIVE, "took 1.89s to 2.9s, and the limit is inside");

	story = running();
	dies(&story, 5 * S, 8100 * MS, "killed", true, 0);
	end(&story, 20 * S, "completed");
	expect_verdict(&story, QUICKLY, VERDICT_FAIL, "took 2.09s to 3.1s");

	/* A late host may have made it so. */
	story = running();
	late(&story, 5 * S, 6 * S, 200 * MS);
	dies(&story, 5 * S, 8100 * MS, "killed", true, 0);
	end(&story, 20 * S, "completed");
	expect_verdict(&story, QUICKLY, VERDICT_INCONCLUSIVE,
	    "took 2.09s to 3.1s, but the host ran up to 200ms late meanwhile");
}

static void test_still_running(void **state)
{
	(void)state;
	static const struct {
		int64_t end_ns;
		const char *how;
		const char *expectation;
		enum verdict verdict;
		const char *reason;
	} cases[] = {
		{ 8100 * MS, "completed", QUICKLY, VERDICT_FAIL,
		    "gateway did not end: still running 3.09s after step start-redis" },
		{ 8100 * MS, "timeout", QUICKLY, VERDICT_FAIL,
		    "gateway did not end: still running 3.09s after step start-redis" },
		{ 7900 * MS, "completed", QUICKLY, VERDICT_INCONCLUSIVE,
		    "the trace ended 2.89s after step start-redis, too early to know" },
		{ 8 * S, "completed", SOMEHOW, VERDICT_FAIL,
		    "gateway did not end: still running 4s after redis.ready" },
		{ 8 * S, "timeout", SOMEHOW, VERDICT_INCONCLUSIVE,
		    "gateway had not ended when the world ran out of its time" },
	};
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		struct story story = running();
		end(&story, cases[i].end_ns, cases[i].how);
		expect_verdict(&story, cases[i].expectation, cases[i].verdict, cases[i].reason);
	}
}

static void test_before_and_after(void **state)
{
	(void)state;
	/* It had ended, and runs again: the next end counts. */
	struct story story = story_begin();
	service_event(&story, 1 * S, 1 * S, "gateway", "started");
	dies(&story, 2 * S, 2 * S, "exited", false, 70);
	service_event(&story, 3 * S, 3 * S, "gateway", "restarted");
	service_event(&story, 4 * S, 4 * S, "redis", "ready");
	dies(&story, 6 * S, 6 * S, "exited", false, 1);
	end(&story, 9 * S, "completed");
	expect_verdict(&story, SOMEHOW, VERDICT_PASS, "");

	/* It had ended, and that was all. */
	story = story_begin();
	service_event(&story, 1 * S, 1 * S, "gateway", "started");
	dies(&story, 2 * S, 2 * S, "exited", false, 1);
	service_event(&story, 4 * S, 4 * S, "redis", "ready");
	end(&story, 9 * S, "completed");
	expect_verdict(&story, SOMEHOW, VERDICT_INCONCLUSIVE, "vacuous: gateway exited with 1 at 2s, before");

	/* Which of the two was first is not known. */
	story = story_begin();
	service_event(&story, 1 * S, 1 * S, "gateway", "started");
	service_event(&story, 4 * S, 4100 * MS, "redis", "ready");
	dies(&story, 4 * S, 4050 * MS, "exited", false, 70);
	end(&story, 9 * S, "completed");
	expect_verdict(&story, SOMEHOW, VERDICT_INCONCLUSIVE,
	    "gateway exited with 70 at 4.05s, which may have been before redis.ready");

	story = story_begin();
	service_event(&story, 4 * S, 4 * S, "redis", "ready");
	end(&story, 9 * S, "completed");
	expect_verdict(&story, SOMEHOW, VERDICT_INCONCLUSIVE, "vacuous: gateway was never started");

	story = running();
	end(&story, 9 * S, "completed");
	expect_verdict(&story, "{ id: x, of: gateway, ends: { exit: 0 }, after: redis.stopped }",
	    VERDICT_INCONCLUSIVE, "vacuous: redis.stopped never happened");
}

/* A step that acts on the service is counted from its beginning: it lasts until the end it causes. */
static void test_of_its_own_step(void **state)
{
	(void)state;
	for (int slow = 0; slow < 2; slow++) {
		int64_t at_ns = slow ? 6 * S : 3 * S;
		struct story story = story_begin();
		tell(&story,
		    &(struct event){ .kind = EVENT_STEP,
			.of = "start-gateway",
			.from_ns = 1 * S,
			.to_ns = at_ns + 10 * MS,
			.step = { .action = "start", .target = "gateway", .due_ns = 1 * S, .done = true } });
		service_event(&story, 1 * S, 1 * S, "gateway", "started");
		dies(&story, 1 * S, at_ns, "stopped", true, 0);
		end(&story, 9 * S, "completed");
		expect_verdict(&story,
		    "{ id: x, of: gateway, ends: { exit: 0, within: 2s }, after: start-gateway }",
		    slow ? VERDICT_FAIL : VERDICT_PASS, slow ? "took 4s to 5s" : "");
	}
}

static void test_trouble(void **state)
{
	(void)state;
	struct story story = running();
	trouble(&story, 6 * S, false);
	end(&story, 20 * S, "completed");
	expect_verdict(&story, QUICKLY, VERDICT_INCONCLUSIVE,
	    "gateway did not end: still running 15s after step start-redis, but the harness had trouble "
	    "before, "
	    "at 6s: the engine hung up");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_how_it_ends),
		cmocka_unit_test(test_what_the_engine_tells_late),
		cmocka_unit_test(test_still_running),
		cmocka_unit_test(test_before_and_after),
		cmocka_unit_test(test_of_its_own_step),
		cmocka_unit_test(test_trouble),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
