/* never, always and sequence: what lies in the window, on its edges, and in holes between polls. */
#include "check/testing.h"

/* Started at exactly 1 s, and the world completed at 5 s. */
static struct story gateway_started(void)
{
	struct story story = story_begin();
	service_event(&story, 1 * S, 1 * S, "gateway", "started");
	return story;
}

#define NEVER_UNHEALTHY "{ id: x, of: ready, never: [unhealthy], after: gateway.started }"

static void test_never_state(void **state)
{
	(void)state;
	struct story story = gateway_started();
	samples(&story, 1 * S, 5 * S, "healthy");
	end(&story, 5 * S, "completed");
	expect_verdict(&story, NEVER_UNHEALTHY, VERDICT_PASS, "");

	story = gateway_started();
	samples(&story, 1 * S, 2 * S, "healthy");
	sample(&story, 2 * S, 2002 * MS, "unhealthy");
	samples(&story, 2050 * MS, 5 * S, "healthy");
	end(&story, 5 * S, "completed");
	expect_verdict(&story, NEVER_UNHEALTHY, VERDICT_FAIL, "ready was `unhealthy` at 2s");

	/* The beginning of the window, to the nanosecond. */
	for (int64_t shift = -1; shift <= 0; shift++) {
		story = gateway_started();
		sample(&story, 1 * S + shift, 1 * S + 2 * MS, "unhealthy");
		samples(&story, 1050 * MS, 5 * S, "healthy");
		end(&story, 5 * S, "completed");
		expect_verdict(&story, NEVER_UNHEALTHY, shift ? VERDICT_PASS : VERDICT_FAIL,
		    shift ? "" : "ready was `unhealthy` at 1s");
	}

	story = gateway_started();
	samples(&story, 1 * S, 5 * S, "healthy");
	expect_verdict(
	    &story, NEVER_UNHEALTHY, VERDICT_INCONCLUSIVE, "nothing so far, but the trace was cut short");

	story = gateway_started();
	sample(&story, 1 * S - 1, 1002 * MS, "unhealthy");
	end(&story, 5 * S, "completed");
	expect_verdict(&story, NEVER_UNHEALTHY, VERDICT_INCONCLUSIVE,
	    "vacuous: nothing of ready was seen wholly inside the window");
}

/* A poll that timed out is the subject's fault only if the host gave the subject its time. */
static void test_starved_timeout(void **state)
{
	(void)state;
	for (int64_t lateness = 150 * MS; lateness <= 250 * MS; lateness += 100 * MS) {
		struct story story = gateway_started();
		samples(&story, 1 * S, 2 * S, "healthy");
		tell(&story, &(struct event){ .kind = EVENT_SAMPLE,
				 .of = "ready",
				 .from_ns = 2 * S,
				 .to_ns = 3 * S,
				 .sample = { .outcome = "timeout", .state = "timeout" } });
		samples(&story, 3 * S, 5 * S, "healthy");
		late(&story, 2500 * MS, 2750 * MS, lateness);
		end(&story, 5 * S, "completed");
		bool starved = lateness > 200 * MS;
		expect_verdict(&story,
		    "{ id: x, of: ready, always: healthy, during: { from: gateway.started, until: "
		    "world.ended } }",
		    starved ? VERDICT_INCONCLUSIVE : VERDICT_FAIL,
		    starved ? "1 poll shows `timeout`, at 2s to 3s, and may count or not: the host ran up to "
			      "250ms late meanwhile"
			    : "ready was `timeout` at 2s to 3s");
	}
}

#define NEVER_EXITED "{ id: x, of: gateway, never: [exited, restarted], until: redis.ready }"

/* A step that kills for want of memory asks for what it does: the service is to blame for what it does
 * itself. */
static void test_never_of_what_was_asked_for(void **state)
{
	(void)state;
	for (int asked = 0; asked <= 1; asked++) {
		struct story story = gateway_started();
		tell(&story, &(struct event){ .kind = EVENT_SERVICE,
				 .of = "gateway",
				 .from_ns = 2 * S,
				 .to_ns = 2 * S,
				 .service = { .event = "oom-killed", .asked = asked, .exit_code = 137 } });
		end(&story, 5 * S, "completed");
		expect_verdict(&story, "{ id: x, of: gateway, never: [exited, oom-killed] }",
		    asked ? VERDICT_PASS : VERDICT_FAIL, asked ? "" : "gateway oom-killed at 2s");
	}
	struct story story = gateway_started();
	tell(&story, &(struct event){ .kind = EVENT_SERVICE,
			 .of = "gateway",
			 .from_ns = 2 * S,
			 .to_ns = 2 * S,
			 .service = { .event = "crashed", .asked = true, .exit_code = 137 } });
	service_event(&story, 3 * S, 3 * S, "gateway", "restarted");
	end(&story, 5 * S, "completed");
	expect_verdict(&story, "{ id: x, of: gateway, never: [exited, restarted, oom-killed] }", VERDICT_FAIL,
	    "gateway restarted at 3s");
}

static void test_never_event(void **state)
{
	(void)state;
	struct story story = gateway_started();
	service_event(&story, 4 * S, 4 * S, "gateway", "killed");
	end(&story, 5 * S, "completed");
	expect_verdict(&story, NEVER_EXITED, VERDICT_PASS, "");

	story = gateway_started();
	service_event(&story, 2300 * MS, 2300 * MS, "gateway", "exited");
	end(&story, 5 * S, "wait");
	expect_verdict(&story, NEVER_EXITED, VERDICT_FAIL, "gateway exited with 1 at 2.3s");

	story = gateway_started();
	service_event(&story, 2 * S, 2 * S, "redis", "ready");
	service_event(&story, 2300 * MS, 2300 * MS, "gateway", "exited");
	end(&story, 5 * S, "completed");
	expect_verdict(&story, NEVER_EXITED, VERDICT_PASS, "");

	story = gateway_started();
	service_event(&story, 1990 * MS, 2010 * MS, "redis", "ready");
	service_event(&story, 2 * S, 2 * S, "gateway", "exited");
	end(&story, 5 * S, "completed");
	expect_verdict(
	    &story, NEVER_EXITED, VERDICT_INCONCLUSIVE, "1 at the window's edge may have been inside");

	story = story_begin();
	end(&story, 5 * S, "completed");
	expect_verdict(&story, NEVER_EXITED, VERDICT_INCONCLUSIVE, "vacuous: gateway was never started");
}

#define NEVER_ERROR "{ id: x, of: gateway.log, never: 'ERROR', after: redis.ready }"

static void test_never_line(void **state)
{
	(void)state;
	struct story story = gateway_started();
	line(&story, 1500 * MS, "ERROR: before");
	service_event(&story, 2 * S, 2 * S, "redis", "ready");
	end(&story, 5 * S, "completed");
	expect_verdict(&story, NEVER_ERROR, VERDICT_PASS, "");

	story = gateway_started();
	service_event(&story, 2 * S, 2 * S, "redis", "ready");
	line(&story, 3 * S, "[\x1b[31mERROR] \"x\"");
	end(&story, 5 * S, "completed");
	expect_verdict(&story, NEVER_ERROR, VERDICT_FAIL, "gateway.log has `[\\x1b[31mERROR] \"x\"` at 3s");

	story = gateway_started();
	service_event(&story, 2 * S, 2 * S, "redis", "ready");
	end(&story, 5 * S, "completed");
	expect_verdict(&story, NEVER_ERROR, VERDICT_INCONCLUSIVE, "vacuous: gateway.log has no line at all");

	story = gateway_started();
	service_event(&story, 2 * S, 2 * S, "redis", "ready");
	line(&story, 3 * S, "fine");
	tell(&story, &(struct event){ .kind = EVENT_END,
			 .of = "",
			 .from_ns = 5 * S,
			 .to_ns = 5 * S,
			 .end = { .reason = "completed", .dropped = 7 } });
	expect_verdict(
	    &story, NEVER_ERROR, VERDICT_INCONCLUSIVE, "7 lines were not recorded because of a flood");
}

#define ALWAYS_HEALTHY                                                                                   \
	"{ id: x, of: ready, always: healthy, during: { from: gateway.started, until: redis.stopped }, " \
	"ignore: [refused] }"

static void test_always(void **state)
{
	(void)state;
	struct story story = gateway_started();
	samples(&story, 1 * S, 2 * S, "refused");
	samples(&story, 2 * S, 3 * S, "healthy");
	service_event(&story, 3 * S, 3 * S, "redis", "stopped");
	samples(&story, 3 * S, 5 * S, "degraded");
	end(&story, 5 * S, "completed");
	expect_verdict(&story, ALWAYS_HEALTHY, VERDICT_PASS, "");

	/* Straddles the end of the window. */
	story = gateway_started();
	samples(&story, 1 * S, 2950 * MS, "healthy");
	sample(&story, 2950 * MS, 3 * S + 1, "degraded");
	service_event(&story, 3 * S, 3 * S, "redis", "stopped");
	end(&story, 5 * S, "completed");
	expect_verdict(&story, ALWAYS_HEALTHY, VERDICT_PASS, "");

	story = gateway_started();
	samples(&story, 1 * S, 2950 * MS, "healthy");
	sample(&story, 2950 * MS, 3 * S, "degraded");
	service_event(&story, 3 * S, 3 * S, "redis", "stopped");
	end(&story, 5 * S, "completed");
	expect_verdict(&story, ALWAYS_HEALTHY, VERDICT_FAIL, "ready was `degraded` at 2.95s to 3s");

	story = gateway_started();
	samples(&story, 1 * S, 3 * S, "refused");
	service_event(&story, 3 * S, 3 * S, "redis", "stopped");
	end(&story, 5 * S, "completed");
	expect_verdict(&story, ALWAYS_HEALTHY, VERDICT_INCONCLUSIVE,
	    "vacuous: no poll of ready lies wholly inside the window");
}

static struct story with_hole(int64_t hole_ns)
{
	struct story story = gateway_started();
	samples(&story, 1 * S, 2 * S, "healthy"); /* the last one is answered at 1952 ms */
	samples(&story, 1952 * MS + hole_ns, 4 * S, "healthy");
	service_event(&story, 4 * S, 4 * S, "redis", "stopped");
	return story;
}

static void test_always_hole(void **state)
{
	(void)state;
	struct story story = with_hole(150 * MS);
	end(&story, 5 * S, "completed");
	expect_verdict(&story, ALWAYS_HEALTHY, VERDICT_PASS, "");

	story = with_hole(150 * MS + 1);
	end(&story, 5 * S, "completed");
	expect_verdict(&story, ALWAYS_HEALTHY, VERDICT_INCONCLUSIVE, "no poll of ready for 150ms from 1.95s");

	/* A host that ran late explains a hole as large as its lateness. */
	story = with_hole(150 * MS + 1);
	late(&story, 1 * S, 3 * S, 1);
	end(&story, 5 * S, "completed");
	expect_verdict(&story, ALWAYS_HEALTHY, VERDICT_PASS, "");

	/* But not that there was no poll for ten periods and a second, however late it was. */
	for (int64_t more = 0; more <= 1; more++) {
		story = with_hole(1 * S + more);
		late(&story, 1 * S, 3 * S, 10 * S);
		end(&story, 5 * S, "completed");
		expect_verdict(&story, ALWAYS_HEALTHY, more ? VERDICT_INCONCLUSIVE : VERDICT_PASS,
		    more ? "no poll of ready for 1s from 1.95s" : "");
	}
}

/* What nobody looked at may have been anything; who did not run was nothing. */
static void test_other_holes(void **state)
{
	(void)state;
	static const char *const expectations[] = {
		"{ id: x, of: ready, never: unhealthy, during: { from: gateway.started, until: redis.stopped "
		"} "
		"}",
		"{ id: x, of: ready, sequence: [healthy], during: { from: gateway.started, until: "
		"redis.stopped } }",
	};
	static const struct {
		int64_t hole_ns, late_ns, exits_ns;
		bool is_hole;
		const char *reason;
	} cases[] = {
		{ 150 * MS, 0, 0, false, "" },
		{ 150 * MS + 1, 0, 0, true, "no poll of ready for 150ms from 1.95s" },
		{ 150 * MS + 1, 1, 0, false, "" },
		{ 1 * S, 10 * S, 0, false, "" },
		{ 1 * S + 1, 10 * S, 0, true, "no poll of ready for 1s from 1.95s" },
		{ 1500 * MS, 0, 2 * S, false, "" },
		{ 1500 * MS, 0, 2200 * MS, true, "no poll of ready for 1.5s from 1.95s" },
	};
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		for (size_t e = 0; e < ARRAY_LENGTH(expectations); e++) {
			char reason[128];
			struct story story = with_hole(cases[i].hole_ns);
			late(&story, 1 * S, 3 * S, cases[i].late_ns);
			if (cases[i].exits_ns) {
				service_event(
				    &story, cases[i].exits_ns, cases[i].exits_ns, "gateway", "stopped");
				service_event(&story, 3400 * MS, 3400 * MS, "gateway", "started");
			}
			end(&story, 5 * S, "completed");
			snprintf(reason, sizeof(reason), "%s%s",
			    cases[i].is_hole && e == 1 ? "right, but " : "", cases[i].reason);
			expect_verdict(&story, expectations[e],
			    cases[i].is_hole ? VERDICT_INCONCLUSIVE : VERDICT_PASS, reason);
		}
	}
	/* Nobody looked at the end of the window, either. */
	for (size_t e = 0; e < ARRAY_LENGTH(expectations); e++) {
		struct story story = gateway_started();
		samples(&story, 1 * S, 2 * S, "healthy");
		service_event(&story, 4 * S, 4 * S, "redis", "stopped");
		end(&story, 5 * S, "completed");
		expect_verdict(&story, expectations[e], VERDICT_INCONCLUSIVE,
		    e == 1 ? "right, but no poll of ready for 2.05s from 1.95s"
			   : "no poll of ready for 2.05s from 1.95s");
	}
}

#define DEGRADED_THEN_HEALTHY "{ id: x, of: ready, sequence: [degraded, healthy], ignore: [refused] }"

static void test_sequence(void **state)
{
	(void)state;
	struct story story = gateway_started();
	samples(&story, 1 * S, 2 * S, "refused");
	samples(&story, 2 * S, 3 * S, "degraded");
	sample(&story, 3 * S, 3001 * MS, "refused");
	samples(&story, 3050 * MS, 4 * S, "degraded");
	samples(&story, 4 * S, 5 * S, "healthy");
	end(&story, 5 * S, "completed");
	expect_verdict(&story, DEGRADED_THEN_HEALTHY, VERDICT_PASS, "");

	story = gateway_started();
	samples(&story, 1 * S, 2 * S, "degraded");
	sample(&story, 2 * S, 2002 * MS, "unhealthy");
	samples(&story, 2050 * MS, 5 * S, "healthy");
	end(&story, 5 * S, "completed");
	expect_verdict(&story, DEGRADED_THEN_HEALTHY, VERDICT_FAIL,
	    "`unhealthy` came at 2s where `healthy` was expected");

	story = gateway_started();
	samples(&story, 1 * S, 2 * S, "degraded");
	samples(&story, 2 * S, 3 * S, "healthy");
	samples(&story, 3 * S, 5 * S, "degraded");
	end(&story, 5 * S, "completed");
	expect_verdict(
	    &story, DEGRADED_THEN_HEALTHY, VERDICT_FAIL, "`degraded` came at 3s after the last of them");

	story = gateway_started();
	samples(&story, 1 * S, 5 * S, "degraded");
	end(&story, 5 * S, "wait");
	expect_verdict(
	    &story, DEGRADED_THEN_HEALTHY, VERDICT_FAIL, "`healthy` was not seen until the end at 5s");

	story = gateway_started();
	samples(&story, 1 * S, 3 * S, "degraded");
	expect_verdict(&story, DEGRADED_THEN_HEALTHY, VERDICT_INCONCLUSIVE,
	    "not what was expected, but the trace was cut short");

	story = gateway_started();
	samples(&story, 1 * S, 5 * S, "healthy");
	end(&story, 5 * S, "completed");
	expect_verdict(&story, DEGRADED_THEN_HEALTHY, VERDICT_FAIL,
	    "`healthy` came at 1s where `degraded` was expected");

	story = gateway_started();
	end(&story, 5 * S, "completed");
	expect_verdict(
	    &story, DEGRADED_THEN_HEALTHY, VERDICT_INCONCLUSIVE, "vacuous: ready was never polled");
}

#define THERE_AND_BACK "{ id: x, of: ready, sequence: [healthy, degraded, healthy] }"

/* Where polls are missing, a state that was not seen may have been there. */
static void test_sequence_hole(void **state)
{
	(void)state;
	struct story story = gateway_started();
	samples(&story, 1 * S, 5 * S, "healthy");
	end(&story, 5 * S, "completed");
	expect_verdict(&story, THERE_AND_BACK, VERDICT_FAIL, "`degraded` was not seen until the end at 5s");

	for (int64_t past = 0; past <= 1; past++) {
		story = gateway_started();
		samples(&story, 1 * S, 2 * S, "healthy"); /* the last one is sent at 1950 ms */
		samples(&story, 2100 * MS + past, 5 * S, "healthy");
		end(&story, 5 * S, "completed");
		expect_verdict(&story, THERE_AND_BACK, past ? VERDICT_INCONCLUSIVE : VERDICT_FAIL,
		    past ? "not what was expected, but the polls have a hole where it may have been"
			 : "`degraded` was not seen until the end at 5s");
	}

	/* The host was late by more than the hole takes. */
	for (int64_t past = 0; past <= 1; past++) {
		story = gateway_started();
		samples(&story, 1 * S, 5 * S, "healthy");
		late(&story, 2 * S, 3 * S, 150 * MS + past);
		end(&story, 5 * S, "completed");
		expect_verdict(&story, THERE_AND_BACK, past ? VERDICT_INCONCLUSIVE : VERDICT_FAIL,
		    past ? "not what was expected, but the polls have a hole where it may have been"
			 : "`degraded` was not seen until the end at 5s");
	}

	/* A hole hides nothing that was seen elsewhere and is wrong. */
	story = gateway_started();
	samples(&story, 1 * S, 2 * S, "healthy");
	samples(&story, 3 * S, 4 * S, "unhealthy");
	samples(&story, 4 * S, 5 * S, "healthy");
	end(&story, 5 * S, "completed");
	expect_verdict(
	    &story, THERE_AND_BACK, VERDICT_FAIL, "`unhealthy` came at 3s where `degraded` was expected");
}

static void test_sequence_edge(void **state)
{
	(void)state;
	static const char expectation[] =
	    "{ id: x, of: ready, sequence: [healthy, degraded], after: gateway.started }";
	struct story story = gateway_started();
	sample(&story, 1 * S - 1, 1 * S + 1, "healthy");
	samples(&story, 1050 * MS, 5 * S, "degraded");
	end(&story, 5 * S, "completed");
	expect_verdict(&story, expectation, VERDICT_INCONCLUSIVE,
	    "not what was expected, but a poll at the window's edge may or may not count");
}

static void test_empty_window(void **state)
{
	(void)state;
	struct story story = gateway_started();
	service_event(&story, 2 * S, 2 * S, "redis", "stopped");
	service_event(&story, 3 * S, 3 * S, "redis", "ready");
	samples(&story, 1 * S, 5 * S, "healthy");
	end(&story, 5 * S, "completed");
	expect_verdict(&story,
	    "{ id: x, of: ready, never: [degraded], after: redis.ready, until: redis.stopped }",
	    VERDICT_INCONCLUSIVE, "vacuous: redis.stopped was before redis.ready");
}

/* ---- nothing that could have been wrong ---- */

/* The gateway runs from 1 s on, says one thing, and may have ended at 2 s; Redis is stopped at 3 s. */
static struct story until_redis_stopped(const char *ends)
{
	struct story story = gateway_started();
	line(&story, 1500 * MS, "hello");
	if (ends)
		service_event(&story, 2 * S, 2 * S, "gateway", ends);
	service_event(&story, 3 * S, 3 * S, "redis", "stopped");
	return story;
}

#define AFTER_THE_END "after: { event: redis.stopped, plus: 60s }"

static void test_window_beyond_the_end(void **state)
{
	(void)state;
	static const char *const expectations[] = {
		"{ id: x, of: gateway, never: exited, " AFTER_THE_END " }",
		"{ id: x, of: gateway.log, never: ERROR, " AFTER_THE_END " }",
		"{ id: x, of: gateway.log, matches: hello, times: ..3, " AFTER_THE_END " }",
		"{ id: x, of: ready, sequence: [healthy], " AFTER_THE_END " }",
		"{ id: x, of: ready, reach: healthy, " AFTER_THE_END " }",
		"{ id: x, of: gateway, ends: { exit: 0 }, " AFTER_THE_END " }",
		"{ id: x, of: gateway, ends: { exit: 0, within: 1s }, " AFTER_THE_END " }",
	};
	for (size_t i = 0; i < ARRAY_LENGTH(expectations); i++) {
		struct story story = until_redis_stopped(NULL);
		samples(&story, 1 * S, 5 * S, "degraded");
		end(&story, 5 * S, "completed");
		expect_verdict(&story, expectations[i], VERDICT_INCONCLUSIVE,
		    "vacuous: redis.stopped + 1m00s was not before the end of the trace at 5s");
	}
	/* To the nanosecond. */
	for (int64_t before = 0; before <= 1; before++) {
		struct story story = until_redis_stopped(NULL);
		end(&story, 5 * S + before, "completed");
		expect_verdict(&story,
		    "{ id: x, of: gateway, never: exited, after: { event: redis.stopped, plus: 2s } }",
		    before ? VERDICT_PASS : VERDICT_INCONCLUSIVE,
		    before ? "" : "vacuous: redis.stopped + 2s was not before the end of the trace at 5s");
	}
}

#define NOT_RUNNING "vacuous: gateway was not running in the window"

static void test_dead_service(void **state)
{
	(void)state;
	static const char *const of_life[] = {
		"{ id: x, of: gateway, never: [exited, restarted], after: redis.stopped }",
		"{ id: x, of: gateway.log, never: ERROR, after: redis.stopped }",
		"{ id: x, of: gateway.log, matches: hello, times: ..3, after: redis.stopped }",
	};
	static const struct {
		const char *ends;
		int64_t again_ns;
		bool runs;
		const char *reason;
	} cases[] = {
		{ NULL, 0, true, "" },
		{ "paused", 0, true, "" },
		{ "exited", 0, false, NOT_RUNNING "; gateway exited with 1 at 2s" },
		{ "stopped", 0, false, NOT_RUNNING },
		{ "crashed", 0, false, NOT_RUNNING },
		{ "killed", 2500 * MS, true, "" },
		{ "killed", 5 * S - 1, true, "" },
		{ "killed", 5 * S, false, NOT_RUNNING },
	};
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		for (size_t e = 0; e < ARRAY_LENGTH(of_life); e++) {
			struct story story = until_redis_stopped(cases[i].ends);
			if (cases[i].again_ns)
				service_event(
				    &story, cases[i].again_ns, cases[i].again_ns, "gateway", "started");
			end(&story, 5 * S, "completed");
			expect_verdict(&story, of_life[e],
			    cases[i].runs ? VERDICT_PASS : VERDICT_INCONCLUSIVE, cases[i].reason);
		}
	}
	/* That it stays down can be asked of one that is. */
	struct story story = until_redis_stopped("exited");
	end(&story, 5 * S, "completed");
	expect_verdict(
	    &story, "{ id: x, of: gateway, never: [restarted], after: redis.stopped }", VERDICT_PASS, "");
	/* What is wrong is wrong. */
	story = until_redis_stopped("exited");
	line(&story, 4 * S, "ERROR");
	end(&story, 5 * S, "completed");
	expect_verdict(&story, of_life[1], VERDICT_FAIL, "gateway.log has `ERROR` at 4s");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_never_state),
		cmocka_unit_test(test_starved_timeout),
		cmocka_unit_test(test_never_event),
		cmocka_unit_test(test_never_of_what_was_asked_for),
		cmocka_unit_test(test_never_line),
		cmocka_unit_test(test_always),
		cmocka_unit_test(test_always_hole),
		cmocka_unit_test(test_other_holes),
		cmocka_unit_test(test_sequence),
		cmocka_unit_test(test_sequence_hole),
		cmocka_unit_test(test_sequence_edge),
		cmocka_unit_test(test_empty_window),
		cmocka_unit_test(test_window_beyond_the_end),
		cmocka_unit_test(test_dead_service),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
