/* matches, respond and memory. */
#include "check/testing.h"

static struct story gateway_started(void)
{
	struct story story = story_begin();
	service_event(&story, 1 * S, 1 * S, "gateway", "started");
	return story;
}

/* ---- matches ---- */

static struct story retries(const char *const *lines)
{
	struct story story = gateway_started();
	for (int64_t at = 2 * S; *lines; lines++, at += 1 * S)
		line(&story, at, *lines);
	return story;
}

#define RETRIES(...) retries((const char *const[]){ __VA_ARGS__, NULL })
#define TWICE "{ id: x, of: gateway.log, matches: 'retry (\\w+)', times: 2 }"

static void test_times(void **state)
{
	(void)state;
	struct story story = RETRIES("retry 1", "other", "retry 2");
	end(&story, 9 * S, "completed");
	expect_verdict(&story, TWICE, VERDICT_PASS, "");

	story = RETRIES("retry 1");
	end(&story, 9 * S, "completed");
	expect_verdict(&story, TWICE, VERDICT_FAIL, "1 line matches, expected 2");

	story = RETRIES("retry 1");
	end(&story, 9 * S, "interrupted");
	expect_verdict(&story, TWICE, VERDICT_INCONCLUSIVE, "1 line matched when the world was interrupted");

	/* Too many are too many, however the trace goes on. */
	story = RETRIES("retry 1", "retry 2", "retry 3");
	expect_verdict(&story, TWICE, VERDICT_FAIL, "3 lines match, expected 2");

	story = gateway_started();
	service_event(&story, 2 * S, 2 * S, "gateway", "exited");
	end(&story, 9 * S, "wait");
	expect_verdict(&story, TWICE, VERDICT_FAIL, "0 lines match, expected 2; gateway exited with 1 at 2s");

	story = story_begin();
	end(&story, 9 * S, "completed");
	expect_verdict(&story, TWICE, VERDICT_INCONCLUSIVE, "vacuous: gateway.log has no line at all");
}

static void test_edge(void **state)
{
	(void)state;
	struct story story = gateway_started();
	line(&story, 2 * S, "retry 1");
	line(&story, 3 * S, "retry 2");
	service_event(&story, 2990 * MS, 3010 * MS, "redis", "ready");
	end(&story, 9 * S, "completed");
	expect_verdict(&story, "{ id: x, of: gateway.log, matches: retry, times: 2, until: redis.ready }",
	    VERDICT_INCONCLUSIVE, "1 more line may count: at the window's edge, cut, or too long to match");
}

#define ONE_TWO_THREES "{ id: x, of: gateway.log, matches: 'retry (\\w+)', numbers: [1, 2, 3, 3, ...] }"
#define ONE_TWO "{ id: x, of: gateway.log, matches: 'retry (\\w+)', numbers: [1, 2] }"

static void test_numbers(void **state)
{
	(void)state;
	struct story story = RETRIES("retry 1", "retry 2", "retry 3", "retry 3");
	end(&story, 9 * S, "completed");
	expect_verdict(&story, ONE_TWO_THREES, VERDICT_PASS, "");

	story = RETRIES("retry 1", "retry 2", "retry 4");
	end(&story, 9 * S, "completed");
	expect_verdict(&story, ONE_TWO_THREES, VERDICT_FAIL, "number 3 is 4, expected 3");

	/* `...` goes on in the step of the last two. */
	story = RETRIES("retry 1", "retry 3", "retry 5", "retry 7");
	end(&story, 9 * S, "completed");
	expect_verdict(&story, "{ id: x, of: gateway.log, matches: 'retry (\\w+)', numbers: [1, 3, ...] }",
	    VERDICT_PASS, "");
	story = RETRIES("retry 1", "retry 3", "retry 3");
	end(&story, 9 * S, "completed");
	expect_verdict(&story, "{ id: x, of: gateway.log, matches: 'retry (\\w+)', numbers: [1, 3, ...] }",
	    VERDICT_FAIL, "number 3 is 3, expected 5");

	/* …and is followed only as far as there are lines. */
	story = RETRIES("retry 1");
	end(&story, 9 * S, "completed");
	expect_verdict(&story, "{ id: x, of: gateway.log, matches: 'retry (\\w+)', numbers: [1, 3, ...] }",
	    VERDICT_PASS, "");
	story = RETRIES("retry 1");
	end(&story, 9 * S, "completed");
	expect_verdict(&story,
	    "{ id: x, of: gateway.log, matches: 'retry (\\w+)', numbers: [1, 3, ...], times: 2.. }",
	    VERDICT_FAIL, "1 line matches, expected 2 or more");

	story = RETRIES("retry 1", "retry two");
	end(&story, 9 * S, "completed");
	expect_verdict(&story, ONE_TWO, VERDICT_FAIL, "number 2 is `two`, expected 2");

	story = RETRIES("retry 1");
	end(&story, 9 * S, "completed");
	expect_verdict(&story, ONE_TWO, VERDICT_FAIL, "1 number, expected 2");

	story = RETRIES("retry 1");
	expect_verdict(&story, ONE_TWO, VERDICT_INCONCLUSIVE,
	    "the numbers cannot be told: how many lines were lost in a flood is told at the end, and the "
	    "trace was cut "
	    "short");

	story = RETRIES("retry 1", "retry 2", "retry 3");
	end(&story, 9 * S, "completed");
	expect_verdict(&story, ONE_TWO, VERDICT_FAIL, "number 3 is 3, expected no more than 2");

	story = RETRIES("retry 99999999999999999999", "retry 2");
	end(&story, 9 * S, "completed");
	expect_verdict(&story, ONE_TWO, VERDICT_FAIL, "number 1 is `99999999999999999999`, expected 1");
}

static void look_at_differing_count(const struct judgement *judgement)
{
	assert_int_equal(judgement->findings[0].claim, CLAIM_DIFFERS);
	assert_string_equal(judgement->findings[0].claim_measured, "1");
}

static void test_count_claim(void **state)
{
	(void)state;
	struct story story = RETRIES("retry 1");
	end(&story, 9 * S, "completed");
	expect_judgement(&story, "{ id: x, of: gateway.log, matches: retry, claim: 2.. }", VERDICT_PASS, "",
	    look_at_differing_count);
}

/* ---- respond ---- */

static struct story answer(int status, const char *headers, const char *body, bool cut)
{
	struct story story = gateway_started();
	tell(&story, &(struct event){ .kind = EVENT_RESPONSE,
			 .of = "get",
			 .from_ns = 2 * S,
			 .to_ns = 3 * S,
			 .response = { .outcome = "answered",
			     .status = status,
			     .headers = headers,
			     .body = { .bytes = body, .length = strlen(body) },
			     .body_cut = cut } });
	end(&story, 4 * S, "completed");
	return story;
}

#define UNAVAILABLE                                                                                  \
	"{ id: x, of: get, respond: { status: 503, headers: { Retry-After: '30', X-Debug: false }, " \
	"body: { .error: down, .n: 1 }, within: 1s } }"

static void test_respond(void **state)
{
	(void)state;
	struct story story =
	    answer(503, "Server: x\nRETRY-AFTER:  30 \r\n", "{\"error\":\"down\",\"n\":1}", false);
	expect_verdict(&story, UNAVAILABLE, VERDICT_PASS, "");

	/* Every rule is judged. */
	story = answer(200, "Retry-After: 31\nx-debug: on\n", "{\"error\":null}", false);
	expect_verdict(&story, UNAVAILABLE, VERDICT_FAIL,
	    "status 200, expected 503; header Retry-After is `31`, expected `30`; header X-Debug is there: "
	    "`on`; "
	    "`.error` is `null`, expected `down`; `.n` is `null`, expected `1`");

	story = answer(503, "Retry-After-Not: 30\n", "{\"error\":\"down\",\"n\":1}", false);
	expect_verdict(&story, UNAVAILABLE, VERDICT_FAIL, "header Retry-After is missing");

	story = answer(503, "Retry-After: 30\n", "{\"error\":", true);
	expect_verdict(&story, UNAVAILABLE, VERDICT_INCONCLUSIVE,
	    "`.error` cannot be told: only the first 9 bytes of the body were kept; "
	    "`.n` cannot be told: only the first 9 bytes of the body were kept");
}

static void test_respond_time(void **state)
{
	(void)state;
	for (int64_t limit = 999; limit <= 1000; limit++) {
		char expectation[100];
		snprintf(expectation, sizeof(expectation), "{ id: x, of: get, respond: { within: %dms } }",
		    (int)limit);
		struct story story = answer(200, "", "", false);
		expect_verdict(&story, expectation, limit == 1000 ? VERDICT_PASS : VERDICT_FAIL,
		    limit == 1000 ? "" : "took 1s");
	}
	struct story story = gateway_started();
	late(&story, 1 * S, 4 * S, 1 * MS);
	tell(&story, &(struct event){ .kind = EVENT_RESPONSE,
			 .of = "get",
			 .from_ns = 2 * S,
			 .to_ns = 3 * S,
			 .response = { .outcome = "answered", .status = 200 } });
	end(&story, 4 * S, "completed");
	expect_verdict(&story, "{ id: x, of: get, respond: { within: 999ms } }", VERDICT_INCONCLUSIVE,
	    "took 1s, but the host ran up to 1ms late meanwhile");
}

static void test_no_answer(void **state)
{
	(void)state;
	struct story story = gateway_started();
	service_event(&story, 2 * S, 2 * S, "gateway", "exited");
	tell(&story, &(struct event){ .kind = EVENT_RESPONSE,
			 .of = "get",
			 .from_ns = 2 * S,
			 .to_ns = 3 * S,
			 .response = { .outcome = "refused", .detail = "connection refused" } });
	end(&story, 4 * S, "completed");
	expect_verdict(&story, UNAVAILABLE, VERDICT_FAIL,
	    "no answer: refused, connection refused; gateway exited with 1 at 2s");

	story = gateway_started();
	tell(&story, &(struct event){ .kind = EVENT_STEP,
			 .of = "get",
			 .from_ns = 2 * S,
			 .to_ns = 3 * S,
			 .step = { .action = "request", .detail = "the world ended before" } });
	end(&story, 4 * S, "wait");
	expect_verdict(&story, UNAVAILABLE, VERDICT_INCONCLUSIVE,
	    "vacuous: step get did not happen: the world ended before");

	/* In time for whom? */
	for (int64_t lateness = 100 * MS; lateness <= 300 * MS; lateness += 200 * MS) {
		story = gateway_started();
		late(&story, 2 * S, 2250 * MS, lateness);
		tell(&story, &(struct event){ .kind = EVENT_RESPONSE,
				 .of = "get",
				 .from_ns = 2 * S,
				 .to_ns = 3 * S,
				 .response = { .outcome = "timeout", .detail = "too slow" } });
		end(&story, 4 * S, "completed");
		bool unfair = lateness > 200 * MS;
		expect_verdict(&story, UNAVAILABLE, unfair ? VERDICT_INCONCLUSIVE : VERDICT_FAIL,
		    unfair ? "no answer in time, but the host was late meanwhile"
			   : "no answer: timeout, too slow");
	}

	story = answer(200, "", "not what was asked", false);
	expect_verdict(&story, "{ id: x, of: get, respond: { matches: '^ok$' } }", VERDICT_FAIL,
	    "the body does not match `^ok$`");
}

/* ---- memory ---- */

#define GROWTH "{ id: x, of: mem, memory: { growth: 1000B }, after: gateway.started }"

static void memory(struct story *story, int64_t at_ns, int64_t bytes)
{
	tell(story, &(struct event){ .kind = EVENT_MEMORY,
			.of = "mem",
			.from_ns = at_ns,
			.to_ns = at_ns,
			.memory = { .bytes = bytes } });
}

static void test_memory(void **state)
{
	(void)state;
	for (int64_t past = 0; past <= 1; past++) {
		struct story story = story_begin();
		memory(&story, 500 * MS, 1); /* before the window */
		service_event(&story, 1 * S, 1 * S, "gateway", "started");
		memory(&story, 1500 * MS, 50000);
		memory(&story, 2 * S, 51000 + past);
		memory(&story, 2500 * MS, 50000);
		end(&story, 3 * S, "completed");
		expect_verdict(&story, GROWTH, past ? VERDICT_FAIL : VERDICT_PASS,
		    past ? "grew by 1B more than allowed at 2s" : "");
	}
	struct story story = gateway_started();
	memory(&story, 2 * S, 50000);
	end(&story, 5 * S, "completed");
	expect_verdict(
	    &story, GROWTH, VERDICT_INCONCLUSIVE, "vacuous: 1 figure of mem in the window, two are needed");

	story = gateway_started();
	memory(&story, 1500 * MS, 50000);
	memory(&story, 2 * S, 40000);
	expect_verdict(
	    &story, GROWTH, VERDICT_INCONCLUSIVE, "within the limit so far, but the trace was cut short");
}

/* Each life of the process by itself: what the new one has is not compared with what the old one had. */
static void test_growth_between_starts(void **state)
{
	(void)state;
	for (int64_t past = 0; past <= 1; past++) {
		struct story story = gateway_started();
		memory(&story, 1500 * MS, 50000);
		memory(&story, 2 * S, 51000 + past);
		service_event(&story, 2500 * MS, 2500 * MS, "gateway", "exited");
		service_event(&story, 2500 * MS, 3 * S, "gateway", "restarted");
		memory(&story, 2750 * MS, 900000); /* of neither */
		memory(&story, 3500 * MS, 100000);
		memory(&story, 4 * S, 100500);
		end(&story, 4500 * MS, "completed");
		expect_verdict(&story, GROWTH, past ? VERDICT_FAIL : VERDICT_PASS,
		    past ? "grew by 1B more than allowed at 2s" : "");
	}
	struct story story = gateway_started();
	memory(&story, 2 * S, 50000);
	service_event(&story, 4 * S, 5 * S, "gateway", "restarted");
	memory(&story, 6 * S, 90000);
	end(&story, 8 * S, "completed");
	expect_verdict(&story, GROWTH, VERDICT_INCONCLUSIVE,
	    "vacuous: 2 figures of mem in the window, two between two starts are needed");
}

/* What it had while no figure was taken nobody knows; while it did not run it had nothing. */
static void test_growth_unseen(void **state)
{
	(void)state;
	static const struct {
		int64_t end_ns, late_ns, exits_ns;
		enum verdict verdict;
		const char *reason;
	} cases[] = {
		{ 2750 * MS, 0, 0, VERDICT_PASS, "" },
		{ 2750 * MS + 1, 0, 0, VERDICT_INCONCLUSIVE, "no figure of mem for 750ms from 2s" },
		{ 20 * S, 0, 0, VERDICT_INCONCLUSIVE, "no figure of mem for 18s from 2s" },
		{ 4500 * MS, 18 * S, 0, VERDICT_PASS, "" },
		{ 4500 * MS + 1, 18 * S, 0, VERDICT_INCONCLUSIVE, "no figure of mem for 2.5s from 2s" },
		{ 20 * S, 18 * S, 0, VERDICT_INCONCLUSIVE, "no figure of mem for 18s from 2s" },
		{ 20 * S, 0, 2500 * MS, VERDICT_PASS, "" },
	};
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		struct story story = gateway_started();
		memory(&story, 1500 * MS, 50000);
		memory(&story, 2 * S, 50000);
		late(&story, 2 * S, 2500 * MS, cases[i].late_ns);
		if (cases[i].exits_ns)
			service_event(&story, cases[i].exits_ns, cases[i].exits_ns, "gateway", "stopped");
		end(&story, cases[i].end_ns, "completed");
		expect_verdict(&story, GROWTH, cases[i].verdict, cases[i].reason);
	}
}

/* One that takes a second is on an edge of the window, and was looked at all the same. */
static void test_growth_on_an_edge(void **state)
{
	(void)state;
	struct story story = gateway_started();
	for (int64_t at = 1500 * MS; at < 5 * S; at += 1 * S)
		tell(&story, &(struct event){ .kind = EVENT_MEMORY,
				 .of = "mem",
				 .from_ns = at,
				 .to_ns = at + 980 * MS,
				 .memory = { .bytes = 50000 } });
	service_event(&story, 1600 * MS, 1600 * MS, "redis", "ready");
	service_event(&story, 5400 * MS, 5400 * MS, "redis", "stopped");
	end(&story, 6500 * MS, "completed");
	expect_verdict(&story,
	    "{ id: x, of: mem, memory: { growth: 1000B }, during: { from: redis.ready, until: redis.stopped "
	    "} }",
	    VERDICT_PASS, "");
}

static void descriptors(struct story *story, int64_t at_ns, int64_t count)
{
	tell(story, &(struct event){ .kind = EVENT_DESCRIPTORS,
			.of = "fds",
			.from_ns = at_ns,
			.to_ns = at_ns,
			.descriptors = { .count = count } });
}

static void test_descriptors(void **state)
{
	(void)state;
	for (int64_t past = 0; past <= 1; past++) {
		struct story story = gateway_started();
		descriptors(&story, 2 * S, 12);
		memory(&story, 2 * S, 1); /* of another watch */
		descriptors(&story, 2500 * MS, 17 + past);
		memory(&story, 2500 * MS, 1000000);
		descriptors(&story, 3 * S, 12);
		end(&story, 3500 * MS, "completed");
		expect_verdict(&story, "{ id: x, of: fds, descriptors: { growth: 5 }, claim: ..2 }",
		    past ? VERDICT_FAIL : VERDICT_PASS, past ? "grew by 1 more than allowed at 2.5s" : "");
	}
	struct story story = gateway_started();
	descriptors(&story, 2 * S, 12);
	end(&story, 5 * S, "completed");
	expect_verdict(&story, "{ id: x, of: fds, descriptors: { growth: 0 } }", VERDICT_INCONCLUSIVE,
	    "vacuous: 1 figure of fds in the window, two are needed");
}

/* ---- lines that are not known ---- */

static void cut_line(struct story *story, int64_t at_ns, const char *text)
{
	tell(story,
	    &(struct event){ .kind = EVENT_LOG,
		.of = "gateway",
		.from_ns = at_ns,
		.to_ns = at_ns,
		.log = { .output = 1, .cut = true, .line = { .bytes = text, .length = strlen(text) } } });
}

#define CUT_REACH "a line that was cut, or takes too long to match, may or may not be it"

/* What was cut off may match. */
static void test_cut_line(void **state)
{
	(void)state;
	static const struct {
		int64_t cut_ns, whole_ns; /* 0: there is none */
		const char *expectation;
		enum verdict verdict;
		const char *reason;
	} cases[] = {
		{ 2 * S, 0, "{ id: x, of: gateway.log, never: ERROR }", VERDICT_INCONCLUSIVE,
		    "1 line was cut, or the pattern takes too long on it" },
		{ 2 * S, 0, "{ id: x, of: gateway.log, never: ERROR, after: redis.ready }", VERDICT_PASS,
		    "" },
		{ 2 * S, 3 * S, "{ id: x, of: gateway.log, never: hello }", VERDICT_FAIL,
		    "gateway.log has `hello` at 3s" },
		{ 2 * S, 0, "{ id: x, of: gateway.log, matches: hello, times: 1 }", VERDICT_INCONCLUSIVE,
		    "1 more line may count: at the window's edge, cut, or too long to match" },
		{ 2 * S, 3 * S, "{ id: x, of: gateway.log, matches: hello, times: 1..2 }", VERDICT_PASS, "" },
		{ 2 * S, 0, "{ id: x, of: gateway.log, reach: hello }", VERDICT_INCONCLUSIVE, CUT_REACH },
		{ 2 * S, 0, "{ id: x, of: gateway.log, reach: hello, within: 2s }", VERDICT_INCONCLUSIVE,
		    CUT_REACH },
		/* Too late, if it was it. */
		{ 2 * S, 0, "{ id: x, of: gateway.log, reach: hello, within: 1999ms }", VERDICT_FAIL,
		    "never happened: still not 2s after world.started" },
		{ 2 * S, 3 * S, "{ id: x, of: gateway.log, reach: hello, within: 3s }", VERDICT_PASS, "" },
		{ 2 * S, 3 * S, "{ id: x, of: gateway.log, reach: hello, within: 2s }", VERDICT_INCONCLUSIVE,
		    "the answer lies between 2s and 3s, the limit of 2s is inside" },
		{ 4500 * MS, 0, "{ id: x, of: gateway.log, reach: hello, after: redis.ready }",
		    VERDICT_INCONCLUSIVE, CUT_REACH },
		{ 2 * S, 0, "{ id: x, of: gateway.log, reach: hello, after: redis.ready }", VERDICT_FAIL,
		    "never happened until the end, 5s after redis.ready" },
	};
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		struct story story = gateway_started();
		cut_line(&story, cases[i].cut_ns, "a long");
		if (cases[i].whole_ns)
			line(&story, cases[i].whole_ns, "hello");
		service_event(&story, 4 * S, 4 * S, "redis", "ready");
		end(&story, 9 * S, "completed");
		expect_verdict(&story, cases[i].expectation, cases[i].verdict, cases[i].reason);
	}
}

/* Lines were lost: any of them may have been it, sooner than the one that was seen. */
static void test_lost_lines(void **state)
{
	(void)state;
	static const struct {
		int64_t at_ns; /* 0: not seen */
		const char *expectation;
		enum verdict verdict;
		const char *reason;
	} cases[] = {
		{ 0, "{ id: x, of: gateway.log, reach: hello }", VERDICT_INCONCLUSIVE,
		    "5000 lines were not recorded because of a flood" },
		{ 0, "{ id: x, of: gateway.log, reach: hello, within: 1s }", VERDICT_INCONCLUSIVE,
		    "5000 lines were not recorded because of a flood" },
		{ 3 * S, "{ id: x, of: gateway.log, reach: hello }", VERDICT_PASS, "" },
		{ 3 * S, "{ id: x, of: gateway.log, reach: hello, within: 3s }", VERDICT_PASS, "" },
		{ 3 * S, "{ id: x, of: gateway.log, reach: hello, within: 2s }", VERDICT_INCONCLUSIVE,
		    "the answer lies between 0s and 3s, the limit of 2s is inside" },
	};
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		struct story story = gateway_started();
		line(&story, 2 * S, "another");
		if (cases[i].at_ns)
			line(&story, cases[i].at_ns, "hello");
		tell(&story, &(struct event){ .kind = EVENT_END,
				 .of = "",
				 .from_ns = 9 * S,
				 .to_ns = 9 * S,
				 .end = { .reason = "completed", .dropped = 5000 } });
		expect_verdict(&story, cases[i].expectation, cases[i].verdict, cases[i].reason);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_edge),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_count_claim),
		cmocka_unit_test(test_respond),
		cmocka_unit_test(test_respond_time),
		cmocka_unit_test(test_no_answer),
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_growth_unseen),
		cmocka_unit_test(test_growth_on_an_edge),
		cmocka_unit_test(test_growth_between_starts),
		cmocka_unit_test(test_descriptors),
		cmocka_unit_test(test_cut_line),
		cmocka_unit_test(test_lost_lines),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
