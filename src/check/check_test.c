/* The world as a whole: trouble, ends, steps that did not happen, moments, claims, lateness. */
#include "check/testing.h"

#include "check/lateness.h"

#define NEVER_EXITED "{ id: x, of: gateway, never: [exited] }"

static const char *wanted_world;
static enum verdict wanted_verdict;
static bool wanted_environment;

static void look_at_world(const struct judgement *judgement)
{
	assert_string_equal(judgement->reason, wanted_world);
	assert_int_equal(judgement->verdict, wanted_verdict);
	assert_int_equal(judgement->environment, wanted_environment);
}

static void expect_world(struct story *story, enum verdict finding, const char *finding_reason,
    enum verdict world, const char *world_reason, bool environment)
{
	wanted_world = world_reason;
	wanted_verdict = world;
	wanted_environment = environment;
	expect_judgement(story, NEVER_EXITED, finding, finding_reason, look_at_world);
}

static struct story gateway_started(void)
{
	struct story story = story_begin();
	service_event(&story, 1 * S, 1 * S, "gateway", "started");
	return story;
}

static void test_ends(void **state)
{
	(void)state;
	struct story story = gateway_started();
	end(&story, 5 * S, "completed");
	expect_world(&story, VERDICT_PASS, "", VERDICT_PASS, "", false);

	story = gateway_started();
	end(&story, 5 * S, "wait");
	expect_world(&story, VERDICT_PASS, "", VERDICT_INCONCLUSIVE, "a wait never came true", false);

	story = gateway_started();
	tell(&story, &(struct event){ .kind = EVENT_STEP,
			 .of = "start-redis",
			 .from_ns = 2 * S,
			 .to_ns = 3 * S,
			 .step = { .action = "start", .detail = "no such image" } });
	end(&story, 5 * S, "wait");
	expect_world(&story, VERDICT_PASS, "", VERDICT_INCONCLUSIVE,
	    "step start-redis did not happen: no such image", false);

	story = gateway_started();
	expect_world(&story, VERDICT_INCONCLUSIVE, "nothing so far, but the trace was cut short",
	    VERDICT_INCONCLUSIVE, "the trace was cut short", false);

	story = gateway_started();
	end(&story, 5 * S, "timeout");
	expect_world(&story, VERDICT_INCONCLUSIVE, "nothing so far, but the world ran out of its time",
	    VERDICT_INCONCLUSIVE, "the world ran out of its time", false);
}

/* A failure before the trouble stays one; what came after it may be its consequence. */
static void test_trouble(void **state)
{
	(void)state;
	struct story story = gateway_started();
	service_event(&story, 2 * S, 2 * S, "gateway", "exited");
	trouble(&story, 2 * S + 1, true);
	end(&story, 5 * S, "trouble");
	expect_world(&story, VERDICT_FAIL, "gateway exited with 1 at 2s", VERDICT_FAIL,
	    "the engine hung up; gateway exited with 1 at 2s", true);

	story = gateway_started();
	trouble(&story, 2 * S, true);
	service_event(&story, 2 * S, 2 * S, "gateway", "exited");
	end(&story, 5 * S, "trouble");
	expect_world(&story, VERDICT_INCONCLUSIVE,
	    "gateway exited with 1 at 2s, but the harness had trouble before, at 2s: the engine hung up",
	    VERDICT_INCONCLUSIVE, "the engine hung up; gateway exited with 1 at 2s", true);

	/* Trouble that did not end the world: not seeing anything is worth less. */
	story = gateway_started();
	trouble(&story, 2 * S, false);
	end(&story, 5 * S, "completed");
	expect_world(&story, VERDICT_INCONCLUSIVE,
	    "the harness had trouble before, at 2s: the engine hung up", VERDICT_INCONCLUSIVE, "", false);
}

/* ---- moments ---- */

static void expect_moment(struct story *story, const char *after, enum verdict verdict, const char *reason)
{
	char expectation[300];
	snprintf(expectation, sizeof(expectation),
	    "{ id: x, of: ready, reach: healthy, within: 1s, after: %s }", after);
	expect_verdict(story, expectation, verdict, reason);
}

static struct story long_story(void)
{
	struct story story = gateway_started();
	service_event(&story, 2 * S, 2 * S, "redis", "ready");
	samples(&story, 1 * S, 3 * S, "healthy");
	samples(&story, 3 * S, 10 * S, "degraded");
	attempt(&story, 1, 4 * S, 5 * S, "failed");
	attempt(&story, 2, 6 * S, 7 * S, "failed");
	line(&story, 8 * S, "Reconnecting");
	tell(&story, &(struct event){ .kind = EVENT_STEP,
			 .of = "start-redis",
			 .from_ns = 8900 * MS,
			 .to_ns = 9100 * MS,
			 .step = { .action = "start", .target = "redis", .done = true } });
	service_event(&story, 9 * S, 9 * S, "redis", "ready");
	samples(&story, 10 * S, 12 * S, "healthy");
	end(&story, 12 * S, "completed");
	return story;
}

static void test_moments(void **state)
{
	(void)state;
	static const struct {
		const char *after, *reason;
		enum verdict verdict;
	} cases[] = {
		{ "world.started", "the answer lies between 0s and 1.002s, the limit of 1s is inside",
		    VERDICT_INCONCLUSIVE },
		{ "redis.ready", "", VERDICT_PASS },
		{ "{ event: redis.ready, plus: 1s }", "took 6.95s to 7s, 5.95s past the limit of 1s",
		    VERDICT_FAIL },
		{ "start-redis", "the answer lies between 850ms and 1.1s, the limit of 1s is inside",
		    VERDICT_INCONCLUSIVE },
		{ "{ event: redis.ready, after: start-redis }",
		    "the answer lies between 950ms and 1.002s, the limit of 1s is inside",
		    VERDICT_INCONCLUSIVE },
		{ "{ event: redis.ready, after: start-redis, plus: 10ms }", "", VERDICT_PASS },
		{ "{ attempt: 2, of: dial }", "took 2.95s to 3s, 1.95s past the limit of 1s", VERDICT_FAIL },
		{ "{ attempt: 3, of: dial }", "vacuous: attempt 3 of dial never happened",
		    VERDICT_INCONCLUSIVE },
		{ "{ state: degraded, of: ready }", "took 6.95s to 7.05s, 5.95s past the limit of 1s",
		    VERDICT_FAIL },
		{ "{ log: '^Reconn', of: gateway.log }", "took 1.95s to 2s, 950ms past the limit of 1s",
		    VERDICT_FAIL },
		{ "{ log: gone, of: gateway.log }",
		    "vacuous: a line of gateway.log that matches `gone` never happened",
		    VERDICT_INCONCLUSIVE },
		{ "get", "vacuous: step get never happened", VERDICT_INCONCLUSIVE },
	};
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		struct story story = long_story();
		expect_moment(&story, cases[i].after, cases[i].verdict, cases[i].reason);
	}
}

/* ---- claims ---- */

static void look_at_held(const struct judgement *judgement)
{
	assert_int_equal(judgement->findings[0].claim, CLAIM_HOLDS);
	assert_string_equal(judgement->findings[0].claim_measured, "950ms to 1s");
}

static void look_at_differing(const struct judgement *judgement)
{
	assert_int_equal(judgement->findings[0].claim, CLAIM_DIFFERS);
}

static void look_at_unknown(const struct judgement *judgement)
{
	assert_int_equal(judgement->findings[0].claim, CLAIM_UNKNOWN);
}

static void look_at_more_than(const struct judgement *judgement)
{
	assert_int_equal(judgement->findings[0].claim, CLAIM_DIFFERS);
	assert_string_equal(judgement->findings[0].claim_measured, "more than 3.95s");
}

/* Compared as an interval, reported, never gating. */
static void test_claims(void **state)
{
	(void)state;
	static const struct {
		const char *claim;
		void (*look)(const struct judgement *judgement);
	} cases[] = {
		{ "0.9s..2s", look_at_held },
		{ "..900ms", look_at_differing },
		{ "960ms..2s", look_at_unknown },
	};
	char expectation[200];
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		struct story story = gateway_started();
		samples(&story, 1 * S, 2 * S, "degraded");
		samples(&story, 2 * S, 3 * S, "healthy");
		end(&story, 3 * S, "completed");
		snprintf(expectation, sizeof(expectation),
		    "{ id: x, of: ready, reach: healthy, after: gateway.started, claim: %s }",
		    cases[i].claim);
		expect_judgement(&story, expectation, VERDICT_PASS, "", cases[i].look);
	}
	struct story story = gateway_started();
	samples(&story, 1 * S, 5 * S, "degraded");
	end(&story, 5 * S, "completed");
	expect_judgement(&story, "{ id: x, of: ready, reach: healthy, after: gateway.started, claim: ..2s }",
	    VERDICT_FAIL, "never happened until the end, 3.95s after gateway.started", look_at_more_than);
}

/* ---- lateness ---- */

static void test_lateness_table(void **state)
{
	(void)state;
	enum { REPORTS = 300 };
	struct event *events = xcalloc(REPORTS, sizeof(*events));
	for (int64_t i = 0; i < REPORTS; i++)
		events[i] = (struct event){ .kind = EVENT_LATENESS,
			.of = "",
			.from_ns = i * 7919 % 1000,
			.to_ns = i * 7919 % 1000 + i * 31 % 40,
			.lateness = { .worst_ns = i * 104729 % 1009 } };
	struct trace trace = { .events = events, .event_count = REPORTS };
	struct lateness_table *table = lateness_table_new(&trace);
	size_t exact = 0;
	for (int64_t from = -10; from < 1060; from += 3) {
		for (int64_t to = from; to < from + 200; to += 13) {
			int64_t sum = 0;
			for (size_t i = 0; i < REPORTS; i++)
				if (events[i].from_ns <= to && events[i].to_ns >= from)
					sum += events[i].lateness.worst_ns;
			/* Overlapping reports may be counted for one another, never forgotten. */
			assert_true(lateness_within(table, from, to) >= sum);
			exact += lateness_within(table, from, to) == sum;
		}
	}
	assert_true(exact > 300);
	assert_int_equal(lateness_within(table, -100, -1), 0);
	assert_int_equal(lateness_within(table, 5000, 6000), 0);
	lateness_table_free(table);
	free(events);
}

/* What is wrong after a dependency died unasked may be so because of that, started again or not. */
static void test_dead_dependency(void **state)
{
	(void)state;
	static const struct {
		const char *event;
		bool asked, is_again;
		int64_t told_ns;
		enum verdict verdict;
		const char *reason;
	} cases[] = {
		{ "exited", false, false, 4 * S, VERDICT_INCONCLUSIVE,
		    "ready was `degraded` at 5s, but redis exited with 0 at 4s, which nobody asked for" },
		{ "oom-killed", false, true, 4 * S, VERDICT_INCONCLUSIVE,
		    "ready was `degraded` at 5s, but redis was killed for want of memory with 0 at 4s, which "
		    "nobody asked for" },
		{ "killed", false, true, 4 * S, VERDICT_INCONCLUSIVE,
		    "ready was `degraded` at 5s, but redis was killed with 0 at 4s, which nobody asked for" },
		/* The engine tells of it up to a second late. */
		{ "exited", false, false, 6002 * MS, VERDICT_INCONCLUSIVE,
		    "ready was `degraded` at 5s, but redis exited with 0 at 6s, which nobody asked for" },
		{ "exited", false, false, 6002 * MS + 1, VERDICT_FAIL, "ready was `degraded` at 5s" },
		{ "killed", true, false, 4 * S, VERDICT_FAIL, "ready was `degraded` at 5s" },
		{ "stopped", false, false, 4 * S, VERDICT_FAIL, "ready was `degraded` at 5s" },
	};
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		struct story story = gateway_started();
		service_event(&story, 1 * S, 1 * S, "redis", "started");
		samples(&story, 2 * S, 5 * S, "healthy");
		tell(&story,
		    &(struct event){ .kind = EVENT_SERVICE,
			.of = "redis",
			.from_ns = cases[i].told_ns,
			.to_ns = cases[i].told_ns,
			.service = { .event = cases[i].event, .asked = cases[i].asked, .by = "engine" } });
		if (cases[i].is_again)
			service_event(&story, 4500 * MS, 4500 * MS, "redis", "restarted");
		sample(&story, 5 * S, 5002 * MS, "degraded");
		samples(&story, 5050 * MS, 8 * S, "healthy");
		end(&story, 8 * S, "completed");
		expect_verdict(
		    &story, "{ id: x, of: ready, never: degraded }", cases[i].verdict, cases[i].reason);
	}
	/* What is expected of the dependency itself is its own failure. */
	struct story story = gateway_started();
	service_event(&story, 1 * S, 1 * S, "redis", "started");
	service_event(&story, 4 * S, 4 * S, "redis", "exited");
	end(&story, 8 * S, "completed");
	expect_verdict(
	    &story, "{ id: x, of: redis, never: exited }", VERDICT_FAIL, "redis exited with 1 at 4s");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ends),
		cmocka_unit_test(test_trouble),
		cmocka_unit_test(test_moments),
		cmocka_unit_test(test_claims),
		cmocka_unit_test(test_lateness_table),
		cmocka_unit_test(test_dead_dependency),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
