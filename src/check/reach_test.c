/* reach: limits to the nanosecond, lateness, what never comes, attempts. */
#include "check/testing.h"

#define WITHIN_10S "{ id: x, of: ready, reach: healthy, within: 10s, after: redis.ready }"
#define EVENTUALLY "{ id: x, of: ready, reach: healthy, after: redis.ready }"
#define SECOND_ATTEMPT "{ id: x, of: dial, reach: { attempt: 2 }, within: 10s, after: redis.ready }"
#define WITHIN_A_STEP \
	"{ id: x, of: ready, reach: healthy, within: { steps: 1, of: dial }, after: redis.ready }"

/* redis.ready at exactly 1 s; `healthy` between the last other poll and the first that shows it. */
static struct story reached(int64_t last_other_ns, int64_t first_ns)
{
	struct story story = story_begin();
	service_event(&story, 1 * S, 1 * S, "redis", "ready");
	samples(&story, 1 * S, last_other_ns - 10 * MS, "degraded");
	sample(&story, last_other_ns, last_other_ns + 1 * MS, "degraded");
	sample(&story, first_ns - 1 * MS, first_ns, "healthy");
	return story;
}

static void test_limit(void **state)
{
	(void)state;
	struct story story = reached(11 * S - 50 * MS, 11 * S);
	end(&story, 15 * S, "completed");
	expect_verdict(&story, WITHIN_10S, VERDICT_PASS, "");

	story = reached(11 * S - 50 * MS, 11 * S + 1);
	end(&story, 15 * S, "completed");
	expect_verdict(&story, WITHIN_10S, VERDICT_INCONCLUSIVE,
	    "the answer lies between 9.95s and 10.000000001s, the limit of 10s is inside");

	story = reached(11 * S, 11 * S + 50 * MS);
	end(&story, 15 * S, "completed");
	expect_verdict(&story, WITHIN_10S, VERDICT_INCONCLUSIVE,
	    "the answer lies between 10s and 10.1s, the limit of 10s is inside");

	story = reached(11 * S + 1, 11 * S + 50 * MS);
	end(&story, 15 * S, "completed");
	expect_verdict(
	    &story, WITHIN_10S, VERDICT_FAIL, "took 10.000000001s to 10.1s, 1ns past the limit of 10.0s");
}

static void test_lateness(void **state)
{
	(void)state;
	struct story story = reached(11 * S + 40 * MS, 11 * S + 90 * MS);
	late(&story, 0, 20 * S, 40 * MS);
	end(&story, 20 * S, "completed");
	expect_verdict(&story, WITHIN_10S, VERDICT_INCONCLUSIVE,
	    "took 10.04s to 10.1s, past the limit of 10.0s, but the host ran up to 40ms late meanwhile");

	story = reached(11 * S + 40 * MS + 1, 11 * S + 90 * MS);
	late(&story, 0, 20 * S, 40 * MS);
	end(&story, 20 * S, "completed");
	expect_verdict(
	    &story, WITHIN_10S, VERDICT_FAIL, "took 10.040000001s to 10.1s, 40ms past the limit of 10.0s");

	/* Late, but when it no longer mattered. */
	story = reached(11 * S + 40 * MS, 11 * S + 90 * MS);
	late(&story, 12 * S, 20 * S, 40 * MS);
	end(&story, 20 * S, "completed");
	expect_verdict(
	    &story, WITHIN_10S, VERDICT_FAIL, "took 10.04s to 10.1s, 40ms past the limit of 10.0s");
}

static void test_never_reached(void **state)
{
	(void)state;
	struct story story = story_begin();
	service_event(&story, 1 * S, 1 * S, "redis", "ready");
	samples(&story, 1 * S, 12 * S, "degraded");
	end(&story, 12 * S, "wait");
	expect_verdict(&story, WITHIN_10S, VERDICT_FAIL, "never happened: still not 10.9s after redis.ready");

	story = story_begin();
	service_event(&story, 1 * S, 1 * S, "redis", "ready");
	samples(&story, 1 * S, 5 * S, "degraded");
	end(&story, 5 * S, "wait");
	expect_verdict(&story, WITHIN_10S, VERDICT_INCONCLUSIVE,
	    "the trace ended 3.95s after redis.ready, before the limit");

	/* Dead for good: it cannot come any more, however short the trace. */
	story = story_begin();
	tell(&story, &(struct event){ .kind = EVENT_STEP,
			 .of = "start-gateway",
			 .from_ns = 1,
			 .to_ns = 2,
			 .step = { .action = "start", .target = "gateway", .done = true } });
	service_event(&story, 1 * S, 1 * S, "redis", "ready");
	samples(&story, 1 * S, 3 * S, "degraded");
	service_event(&story, 2300 * MS, 2300 * MS, "gateway", "exited");
	end(&story, 3 * S, "wait");
	expect_verdict(&story, WITHIN_10S, VERDICT_FAIL,
	    "never happened, and cannot any more; gateway exited with 1 at 2.3s");
}

static void test_without_limit(void **state)
{
	(void)state;
	struct story story = reached(20 * S, 20 * S + 50 * MS);
	end(&story, 21 * S, "completed");
	expect_verdict(&story, EVENTUALLY, VERDICT_PASS, "");

	static const struct {
		const char *end, *reason;
		enum verdict verdict;
	} ends[] = {
		{ "completed", "never happened until the end, 950ms after redis.ready", VERDICT_FAIL },
		{ "wait", "never happened until the end, 950ms after redis.ready", VERDICT_FAIL },
		{ "timeout", "had not happened when the world ran out of its time", VERDICT_INCONCLUSIVE },
		{ "interrupted", "had not happened when the world was interrupted", VERDICT_INCONCLUSIVE },
		{ NULL, "had not happened when the trace was cut short", VERDICT_INCONCLUSIVE },
	};
	for (size_t i = 0; i < ARRAY_LENGTH(ends); i++) {
		story = story_begin();
		service_event(&story, 1 * S, 1 * S, "redis", "ready");
		samples(&story, 1 * S, 2 * S, "degraded");
		if (ends[i].end)
			end(&story, 2 * S, ends[i].end);
		expect_verdict(&story, EVENTUALLY, ends[i].verdict, ends[i].reason);
	}
}

static void test_vacuous(void **state)
{
	(void)state;
	struct story story = story_begin();
	samples(&story, 0, 2 * S, "healthy");
	service_event(&story, 2300 * MS, 2300 * MS, "gateway", "exited");
	end(&story, 20 * S, "wait");
	expect_verdict(&story, WITHIN_10S, VERDICT_INCONCLUSIVE,
	    "vacuous: redis.ready never happened; gateway exited with 1 at 2.3s");

	story = story_begin();
	service_event(&story, 1 * S, 1 * S, "redis", "ready");
	end(&story, 20 * S, "completed");
	expect_verdict(&story, WITHIN_10S, VERDICT_INCONCLUSIVE, "vacuous: ready was never polled then");
}

/* A poll that straddles `after` may show what was before. */
static void test_straddling(void **state)
{
	(void)state;
	struct story story = story_begin();
	service_event(&story, 1 * S, 1 * S, "redis", "ready");
	sample(&story, 1 * S - 1, 1 * S + 1, "healthy");
	samples(&story, 1050 * MS, 2 * S, "degraded");
	end(&story, 2 * S, "completed");
	expect_verdict(&story, EVENTUALLY, VERDICT_INCONCLUSIVE,
	    "seen only while its `after` may still have been to come");
}

static void test_attempt(void **state)
{
	(void)state;
	for (int64_t past = 0; past <= 1; past++) {
		struct story story = story_begin();
		service_event(&story, 1 * S, 1 * S, "redis", "ready");
		service_event(&story, 1 * S, 1 * S, "gateway", "started");
		attempt(&story, 1, 2 * S, 3 * S, "failed");
		attempt(&story, 2, 10 * S, 11 * S + past, "failed");
		end(&story, 30 * S, "completed");
		expect_verdict(&story, SECOND_ATTEMPT, past ? VERDICT_FAIL : VERDICT_PASS,
		    past ? "took 10.000000001s, 1ns past the limit of 10.0s" : "");
	}
	struct story story = story_begin();
	attempt(&story, 1, 0, 1, "failed");
	attempt(&story, 2, 1 * MS, 2 * MS, "failed");
	service_event(&story, 1 * S, 1 * S, "redis", "ready");
	end(&story, 30 * S, "completed");
	expect_verdict(&story, SECOND_ATTEMPT, VERDICT_INCONCLUSIVE, "vacuous: attempt 2 had ended before");
}

/* ---- within steps ---- */

static struct story redis_ready_at_1s(void)
{
	struct story story = story_begin();
	attempt(&story, 1, 500 * MS, 501 * MS, "failed");
	service_event(&story, 990 * MS, 1 * S, "redis", "ready");
	return story;
}

static void test_steps(void **state)
{
	(void)state;
	struct story story = redis_ready_at_1s();
	samples(&story, 0, 1500 * MS, "degraded");
	attempt(&story, 2, 1490 * MS, 1500 * MS, "connected");
	samples(&story, 1500 * MS, 3 * S, "healthy");
	end(&story, 3 * S, "completed");
	expect_verdict(&story, WITHIN_A_STEP, VERDICT_PASS, "");

	story = redis_ready_at_1s();
	samples(&story, 0, 3 * S, "degraded");
	attempt(&story, 2, 1490 * MS, 1500 * MS, "failed");
	end(&story, 3 * S, "completed");
	expect_verdict(&story, WITHIN_A_STEP, VERDICT_FAIL,
	    "1 attempt of dial began after redis.ready and none connected; the last, 2, failed");

	story = redis_ready_at_1s();
	samples(&story, 0, 2 * S, "degraded");
	attempt(&story, 2, 1490 * MS, 1500 * MS, "failed");
	attempt(&story, 3, 1990 * MS, 2 * S, "connected");
	samples(&story, 2 * S, 3 * S, "healthy");
	end(&story, 3 * S, "completed");
	expect_verdict(&story, WITHIN_A_STEP, VERDICT_FAIL,
	    "connected only with attempt 3, 2 attempts after redis.ready");
}

/* The state is to follow the connection at 1.5 s within 50 + 2 + 20 ms. A late host leaves it open where it
 * took longer, and lets nothing pass. */
static void test_state_follows(void **state)
{
	(void)state;
	static const struct {
		int64_t from_ns, lateness_ns;
		enum verdict verdict;
		const char *reason;
	} cases[] = {
		{ 1550 * MS, 0, VERDICT_PASS, "" },
		{ 1600 * MS, 0, VERDICT_INCONCLUSIVE,
		    "attempt 2 connected and the state followed 50ms to 102ms later, which is around the "
		    "bound" },
		{ 1600 * MS, 10 * S, VERDICT_INCONCLUSIVE,
		    "attempt 2 connected and the state followed 50ms to 102ms later, which is around the "
		    "bound" },
		{ 1650 * MS, 27 * MS, VERDICT_FAIL,
		    "attempt 2 connected, but the state followed only 100ms to 152ms later" },
		{ 1650 * MS, 28 * MS, VERDICT_INCONCLUSIVE,
		    "attempt 2 connected, but the state followed only 100ms to 152ms later, and the host ran "
		    "up "
		    "to 28ms late meanwhile" },
		{ 9500 * MS, 8 * S, VERDICT_INCONCLUSIVE,
		    "attempt 2 connected, but the state followed only 7.95s to 8s later, and the host ran up "
		    "to "
		    "8s late meanwhile" },
	};
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		struct story story = redis_ready_at_1s();
		samples(&story, 0, cases[i].from_ns, "degraded");
		attempt(&story, 2, 1490 * MS, 1500 * MS, "connected");
		samples(&story, cases[i].from_ns, 10 * S, "healthy");
		late(&story, 1500 * MS, 1600 * MS, cases[i].lateness_ns);
		end(&story, 10 * S, "completed");
		expect_verdict(&story, WITHIN_A_STEP, cases[i].verdict, cases[i].reason);
	}
}

/* One that was under way when Redis became ready does not count; the log does not always tell. */
static void test_attempt_under_way(void **state)
{
	(void)state;
	struct story story = redis_ready_at_1s();
	samples(&story, 0, 2 * S, "degraded");
	attempt(&story, 2, 980 * MS, 1100 * MS, "failed");
	attempt(&story, 3, 1990 * MS, 2 * S, "connected");
	samples(&story, 2 * S, 3 * S, "healthy");
	end(&story, 3 * S, "completed");
	expect_verdict(&story, WITHIN_A_STEP, VERDICT_PASS, "");

	story = redis_ready_at_1s();
	samples(&story, 0, 2 * S, "degraded");
	logged_attempt(&story, 2, 501 * MS, 1100 * MS, "failed");
	logged_attempt(&story, 3, 1100 * MS, 2 * S, "connected");
	samples(&story, 2 * S, 3 * S, "healthy");
	end(&story, 3 * S, "completed");
	expect_verdict(&story, WITHIN_A_STEP, VERDICT_INCONCLUSIVE,
	    "1 to 2 attempts began after redis.ready, the limit of 1 is inside: the log does not tell "
	    "whether the first "
	    "of them was under way already");

	/* Quicker than the harness: connected before redis.ready was noticed. */
	story = story_begin();
	samples(&story, 0, 1 * S, "degraded");
	attempt(&story, 1, 900 * MS, 950 * MS, "connected");
	service_event(&story, 990 * MS, 1 * S, "redis", "ready");
	samples(&story, 1 * S, 3 * S, "healthy");
	end(&story, 3 * S, "completed");
	expect_verdict(&story, WITHIN_A_STEP, VERDICT_PASS, "");
}

/* What is tried after a later loss has nothing to do with the recovery that came before it. */
static void test_later_outage(void **state)
{
	(void)state;
	struct story story = story_begin();
	samples(&story, 0, 1 * S, "degraded");
	attempt(&story, 1, 900 * MS, 950 * MS, "connected");
	service_event(&story, 990 * MS, 1 * S, "redis", "ready");
	samples(&story, 1 * S, 2 * S, "healthy");
	lost(&story, 2 * S);
	for (int number = 2; number < 5; number++)
		attempt(&story, number, (number * 500 + 1000) * MS, (number * 500 + 1010) * MS, "failed");
	attempt(&story, 5, 3600 * MS, 3650 * MS, "connected");
	samples(&story, 4 * S, 5 * S, "healthy");
	end(&story, 5 * S, "completed");
	expect_verdict(&story, WITHIN_A_STEP, VERDICT_PASS, "");
}

/* Connected and lost again while redis.ready may have been to come: whether that one counts nobody knows. */
static void test_lost_meanwhile(void **state)
{
	(void)state;
	struct story story = story_begin();
	samples(&story, 0, 3 * S, "degraded");
	attempt(&story, 1, 600 * MS, 650 * MS, "connected");
	lost(&story, 800 * MS);
	service_event(&story, 500 * MS, 1 * S, "redis", "ready");
	attempt(&story, 2, 2900 * MS, 2950 * MS, "connected");
	samples(&story, 3 * S, 4 * S, "healthy");
	end(&story, 5 * S, "completed");
	expect_verdict(&story, WITHIN_A_STEP, VERDICT_INCONCLUSIVE,
	    "the connection of attempt 1 may have been lost before redis.ready");
}

static void test_state_has_to_follow(void **state)
{
	(void)state;
	struct story story = redis_ready_at_1s();
	attempt(&story, 2, 1490 * MS, 1500 * MS, "connected");
	samples(&story, 0, 2 * S, "degraded");
	samples(&story, 2 * S, 3 * S, "healthy");
	end(&story, 3 * S, "completed");
	expect_verdict(&story, WITHIN_A_STEP, VERDICT_FAIL,
	    "attempt 2 connected, but the state followed only 450ms to 502ms later");

	story = redis_ready_at_1s();
	attempt(&story, 2, 1490 * MS, 1500 * MS, "connected");
	samples(&story, 0, 3 * S, "degraded");
	end(&story, 3 * S, "completed");
	expect_verdict(
	    &story, WITHIN_A_STEP, VERDICT_FAIL, "attempt 2 connected, but the state never followed");

	/* It was connected long before: the time runs from when `after` came. */
	for (int64_t past = 0; past <= 1; past++) {
		story = story_begin();
		attempt(&story, 1, 490 * MS, 500 * MS, "connected");
		service_event(&story, 10 * S, 10 * S, "redis", "ready");
		sample(&story, 10 * S, 10 * S, "degraded");
		sample(&story, 11070 * MS + past, 11070 * MS + past, "degraded");
		end(&story, 11070 * MS + past, "timeout");
		expect_verdict(&story, WITHIN_A_STEP, past ? VERDICT_FAIL : VERDICT_INCONCLUSIVE,
		    past ? "attempt 1 connected, but the state never followed"
			 : "attempt 1 connected, but the world ran out of its time before the state could "
			   "follow");
	}
}

static void test_no_attempt(void **state)
{
	(void)state;
	struct story story = redis_ready_at_1s();
	samples(&story, 0, 30 * S, "degraded");
	end(&story, 30 * S, "wait");
	expect_verdict(&story, WITHIN_A_STEP, VERDICT_FAIL,
	    "no attempt of dial began after redis.ready until the end at 30s");

	story = redis_ready_at_1s();
	samples(&story, 0, 30 * S, "degraded");
	expect_verdict(&story, WITHIN_A_STEP, VERDICT_INCONCLUSIVE,
	    "no attempt of dial had connected when the trace was cut short");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_lateness),
		cmocka_unit_test(test_never_reached),
		cmocka_unit_test(test_without_limit),
		cmocka_unit_test(test_vacuous),
		cmocka_unit_test(test_straddling),
		cmocka_unit_test(test_attempt),
		cmocka_unit_test(test_steps),
		cmocka_unit_test(test_state_follows),
		cmocka_unit_test(test_attempt_under_way),
		cmocka_unit_test(test_later_outage),
		cmocka_unit_test(test_lost_meanwhile),
		cmocka_unit_test(test_state_has_to_follow),
		cmocka_unit_test(test_no_attempt),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
