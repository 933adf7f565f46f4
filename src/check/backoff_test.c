/* backoff: each gap alone, to the nanosecond; runs, limits, what never comes. */
#include "check/testing.h"

#define DOUBLING "{ id: x, of: dial, backoff: { first: 1s, factor: 2, cap: 4s } }"

/* Attempts of 10 ms, each beginning a gap after the end of the one before; returns the end of the last. */
static int64_t attempts(struct story *story, int first_number, int64_t begin_ns, const int64_t *gaps,
    size_t gap_count, const char *last_outcome)
{
	for (size_t i = 0; i <= gap_count; i++) {
		attempt(story, first_number + (int)i, begin_ns, begin_ns + 10 * MS,
		    i == gap_count ? last_outcome : "failed");
		begin_ns += 10 * MS + (i < gap_count ? gaps[i] : 0);
	}
	return begin_ns;
}

#define ATTEMPTS(story, first_number, begin_ns, last_outcome, ...)          \
	attempts(story, first_number, begin_ns, (int64_t[]){ __VA_ARGS__ }, \
	    sizeof((int64_t[]){ __VA_ARGS__ }) / sizeof(int64_t), last_outcome)

static struct story one_run(const int64_t *gaps, size_t count)
{
	struct story story = story_begin();
	service_event(&story, 0, 0, "gateway", "started");
	int64_t last_ns = attempts(&story, 1, 1 * S, gaps, count, "connected");
	end(&story, last_ns + 1 * S, "completed");
	return story;
}

#define ONE_RUN(...) one_run((int64_t[]){ __VA_ARGS__ }, sizeof((int64_t[]){ __VA_ARGS__ }) / sizeof(int64_t))

static void look_at_table(const struct judgement *judgement)
{
	const struct finding *finding = &judgement->findings[0];
	assert_string_equal(finding->actual, "1s 2.1s 4s 4.4s");
	assert_string_equal(
	    finding->expected, "gaps of 1s, each 2 times the one before, at most 4s, tolerance 10% or 20ms");
	assert_true(finding->has_slack);
	assert_int_equal(finding->slack, 0);
	assert_int_equal(finding->measured_low, 11500 * MS);
}

static void test_tolerance(void **state)
{
	(void)state;
	struct story story = ONE_RUN(1 * S, 2100 * MS, 4 * S, 4400 * MS);
	expect_judgement(&story, DOUBLING, VERDICT_PASS, "", look_at_table);
	story = ONE_RUN(1 * S, 2100 * MS, 4 * S, 4400 * MS + 1);
	expect_verdict(&story, DOUBLING, VERDICT_FAIL,
	    "gap 4 (after attempt 4) was 4.4s, expected 4s ± 400ms: 1ns too long");
	story = ONE_RUN(900 * MS, 2 * S, 4 * S);
	expect_verdict(&story, DOUBLING, VERDICT_PASS, "");
	story = ONE_RUN(900 * MS - 1, 2 * S, 4 * S);
	expect_verdict(&story, DOUBLING, VERDICT_FAIL,
	    "gap 1 (after attempt 1) was 900ms, expected 1s ± 100ms: 1ns too short");
	/* At 100 ms the floor of 20 ms is larger than 10 %. */
	for (int64_t past = 0; past <= 1; past++) {
		story = ONE_RUN(120 * MS + past, 100 * MS, 100 * MS);
		expect_verdict(&story,
		    "{ id: x, of: dial, backoff: { first: 100ms, factor: 1, cap: 100ms } }",
		    past ? VERDICT_FAIL : VERDICT_PASS,
		    past ? "gap 1 (after attempt 1) was 120ms, expected 100ms ± 20ms: 1ns too long" : "");
	}
}

/* Each gap is judged alone: a sum that is right hides nothing. */
static void test_each_alone(void **state)
{
	(void)state;
	struct story story = ONE_RUN(1 * S, 1 * S, 5 * S, 4 * S);
	expect_verdict(&story, DOUBLING, VERDICT_FAIL,
	    "gap 2 (after attempt 2) was 1s, expected 2s ± 200ms: 800ms too short; "
	    "gap 3 (after attempt 3) was 5s, expected 4s ± 400ms: 600ms too long");
}

static void test_lateness(void **state)
{
	(void)state;
	for (int64_t past = 0; past <= 1; past++) {
		struct story story = story_begin();
		late(&story, 0, 3 * S, 50 * MS);
		late(&story, 8 * S, 30 * S, 900 * MS); /* in another gap */
		int64_t last_ns = ATTEMPTS(&story, 1, 1 * S, "connected", 1150 * MS + past, 2 * S, 4 * S);
		end(&story, last_ns, "completed");
		expect_verdict(&story, DOUBLING, past ? VERDICT_FAIL : VERDICT_INCONCLUSIVE,
		    past
			? "gap 1 (after attempt 1) was 1.15s, expected 1s ± 100ms: 50ms too long"
			: "gap 1 was 1.15s, expected 1s ± 100ms, but the host ran up to 50ms late meanwhile");
	}
}

static void test_vacuous(void **state)
{
	(void)state;
	struct story story = ONE_RUN(1 * S, 2 * S);
	expect_verdict(&story, DOUBLING, VERDICT_INCONCLUSIVE, "vacuous: 2 gaps were seen, 3 are needed");
	story = ONE_RUN(1 * S, 3 * S);
	expect_verdict(&story, DOUBLING, VERDICT_FAIL,
	    "gap 2 (after attempt 2) was 3s, expected 2s ± 200ms: 800ms too long");
}

/* After a success, and after a loss, the schedule begins again. */
static void test_runs(void **state)
{
	(void)state;
	struct story story = story_begin();
	int64_t at = ATTEMPTS(&story, 1, 1 * S, "connected", 1 * S, 2 * S, 4 * S);
	lost(&story, at + 10 * S);
	at = ATTEMPTS(&story, 5, at + 11 * S, "connected", 1 * S, 2 * S);
	end(&story, at, "completed");
	expect_verdict(&story, DOUBLING, VERDICT_PASS, "");

	story = story_begin();
	at = ATTEMPTS(&story, 1, 1 * S, "connected", 1 * S, 2 * S, 4 * S);
	at = ATTEMPTS(&story, 5, at + 11 * S, "connected", 4 * S);
	end(&story, at, "completed");
	expect_verdict(&story, DOUBLING, VERDICT_FAIL,
	    "gap 1 of run 2 (after attempt 5) was 4s, expected 1s ± 100ms: 2.9s too long");

	/* A client that is started anew begins anew, too. */
	story = story_begin();
	at = ATTEMPTS(&story, 1, 1 * S, "failed", 1 * S, 2 * S, 4 * S);
	service_event(&story, at + 500 * MS, at + 500 * MS, "gateway", "restarted");
	at = ATTEMPTS(&story, 5, at + 600 * MS, "connected", 1 * S, 2 * S);
	end(&story, at, "completed");
	expect_verdict(&story, DOUBLING, VERDICT_PASS, "");

	/* The engine stamps the start when the new process has been at it for a while. */
	story = story_begin();
	at = ATTEMPTS(&story, 1, 1 * S, "failed", 1 * S, 2 * S, 4 * S);
	service_event(&story, at + 500 * MS, at + 500 * MS, "gateway", "exited");
	service_event(&story, at + 500 * MS, at + 700 * MS, "gateway", "restarted");
	at = ATTEMPTS(&story, 5, at + 600 * MS, "connected", 1 * S, 2 * S);
	end(&story, at, "completed");
	expect_verdict(&story, DOUBLING, VERDICT_PASS, "");

	/* A start that is asked for during an attempt is not before it, even if there was no gap at all. */
	story = story_begin();
	at = ATTEMPTS(&story, 1, 1 * S, "connected", 0, 2 * S, 4 * S);
	service_event(&story, 1015 * MS, 1015 * MS, "gateway", "restarted");
	end(&story, at, "completed");
	expect_verdict(&story, DOUBLING, VERDICT_FAIL,
	    "gap 1 (after attempt 1) was 0s, expected 1s ± 100ms: 900ms too short");
}

#define UNBOUNDED "{ id: x, of: dial, backoff: { first: 1s, factor: 2 } }"
static void look_at_unbounded(const struct judgement *judgement)
{
	assert_string_equal(judgement->findings[0].expected,
	    "gaps of 1s, each 2 times the one before, tolerance 10% or 20ms");
}

static void test_unbounded(void **state)
{
	(void)state;
	struct story story = ONE_RUN(1 * S, 2 * S, 4 * S);
	expect_judgement(&story, UNBOUNDED, VERDICT_PASS, "", look_at_unbounded);
}

static void look_at_log(const struct judgement *judgement)
{
	const struct finding *finding = &judgement->findings[0];
	assert_non_null(strstr(finding->expected, "; the log has no beginnings: at most from end to end"));
	assert_string_equal(finding->actual, "0s to 1s 0s to 2s 0s to 4s");
	assert_int_equal(finding->measured_low, 0);
	assert_int_equal(finding->measured_high, 7 * S);
}

static struct story of_log(int64_t first_gap_ns)
{
	struct story story = story_begin();
	int64_t at = 1 * S + first_gap_ns;
	logged_attempt(&story, 1, 0, 1 * S, "failed");
	logged_attempt(&story, 2, 1 * S, at, "failed");
	logged_attempt(&story, 3, at, at + 2 * S, "failed");
	logged_attempt(&story, 4, at + 2 * S, at + 6 * S, "connected");
	end(&story, 9 * S, "completed");
	return story;
}

/* How much of the time from end to end was the attempt itself? A gap that is too long for a delay may be a
 * slow connection behind a right one; one that is too short is too short. */
static void test_from_log(void **state)
{
	(void)state;
	struct story story = of_log(1 * S);
	expect_judgement(&story, DOUBLING, VERDICT_INCONCLUSIVE,
	    "gap 1 was 0s to 1s, expected 1s ± 100ms: when attempt 2 began is not known well enough; and 2 "
	    "more "
	    "gaps like it",
	    look_at_log);
	story = of_log(2 * S);
	expect_verdict(&story, DOUBLING, VERDICT_INCONCLUSIVE,
	    "gap 1 was 0s to 2s, expected 1s ± 100ms: when attempt 2 began is not known well enough; and 2 "
	    "more "
	    "gaps like it");
	story = of_log(900 * MS);
	expect_verdict(&story, DOUBLING, VERDICT_INCONCLUSIVE,
	    "gap 1 was 0s to 900ms, expected 1s ± 100ms: when attempt 2 began is not known well enough; and "
	    "2 "
	    "more gaps like it");
	story = of_log(900 * MS - 1);
	expect_verdict(&story, DOUBLING, VERDICT_FAIL,
	    "gap 1 (after attempt 1) was 0s to 900ms, expected 1s ± 100ms: 1ns too short; left open: gap 2 "
	    "was 0s to 2s, expected 2s ± 200ms: when attempt 3 began is not known well enough; and 1 more "
	    "gap like it");
}

#define THREE_THEN_NONE                                                                                      \
	"{ id: x, of: dial, backoff: { first: 1s, factor: 2, cap: 4s, attempts: 3, then: none, at-least: 2 " \
	"} }"
#define THREE_THEN_FOUR                                                                                      \
	"{ id: x, of: dial, backoff: { first: 1s, factor: 1, cap: 1s, attempts: 3, then: 4s, at-least: 2 } " \
	"}"

static void test_attempts(void **state)
{
	(void)state;
	struct story story = story_begin();
	int64_t at = ATTEMPTS(&story, 1, 1 * S, "failed", 1 * S, 2 * S);
	end(&story, at + 4400 * MS + 1, "completed");
	expect_verdict(&story, THREE_THEN_NONE, VERDICT_PASS, "");

	story = story_begin();
	at = ATTEMPTS(&story, 1, 1 * S, "failed", 1 * S, 2 * S);
	end(&story, at + 4400 * MS, "completed");
	expect_verdict(&story, THREE_THEN_NONE, VERDICT_INCONCLUSIVE,
	    "only 4.4s were seen after attempt 3: too short to know that no other follows");

	story = story_begin();
	at = ATTEMPTS(&story, 1, 1 * S, "failed", 1 * S, 2 * S, 4 * S);
	end(&story, at + 20 * S, "completed");
	expect_verdict(
	    &story, THREE_THEN_NONE, VERDICT_FAIL, "attempt 4 came, although there were to be 3 and no more");

	story = story_begin();
	at = ATTEMPTS(&story, 1, 1 * S, "failed", 1 * S, 1 * S, 4 * S, 4 * S);
	end(&story, at + 1 * S, "completed");
	expect_verdict(&story, THREE_THEN_FOUR, VERDICT_PASS, "");

	story = story_begin();
	at = ATTEMPTS(&story, 1, 1 * S, "failed", 1 * S, 1 * S, 1 * S);
	end(&story, at + 1 * S, "completed");
	expect_verdict(&story, THREE_THEN_FOUR, VERDICT_FAIL,
	    "gap 3 (after attempt 3) was 1s, expected 4s ± 400ms: 2.6s too short");

	story = story_begin();
	at = ATTEMPTS(&story, 1, 1 * S, "connected", 1 * S);
	end(&story, at + 1 * S, "completed");
	expect_verdict(&story, THREE_THEN_NONE, VERDICT_INCONCLUSIVE,
	    "attempt 2 connected, so that 3 attempts were not needed; vacuous: 1 gap was seen, 2 are "
	    "needed");
}

/* Right so far is not right: there were to be more. */
static void test_fewer_attempts(void **state)
{
	(void)state;
	struct story story = story_begin();
	int64_t at = ATTEMPTS(&story, 1, 1 * S, "failed", 1 * S, 2 * S);
	service_event(&story, at + 50 * MS, at + 50 * MS, "gateway", "exited");
	end(&story, at + 60 * S, "completed");
	expect_verdict(&story,
	    "{ id: x, of: dial, backoff: { first: 1s, factor: 2, attempts: 4, then: none, at-least: 2 } }",
	    VERDICT_INCONCLUSIVE, "only 3 of 4 attempts were seen: gateway exited with 1 at 4.08s");

	static const struct {
		const char *end, *reason;
	} ends[] = {
		{ "completed", "only 3 of 4 attempts were seen: the world ended" },
		{ "timeout", "only 3 of 4 attempts were seen: the world ran out of its time" },
	};
	for (size_t i = 0; i < ARRAY_LENGTH(ends); i++) {
		story = story_begin();
		at = ATTEMPTS(&story, 1, 1 * S, "failed", 1 * S, 2 * S);
		end(&story, at + 1 * S, ends[i].end);
		expect_verdict(&story,
		    "{ id: x, of: dial, backoff: { first: 1s, factor: 2, attempts: 4, at-least: 2 } }",
		    VERDICT_INCONCLUSIVE, ends[i].reason);
	}

	story = story_begin();
	at = ATTEMPTS(&story, 1, 1 * S, "failed", 1 * S, 2 * S);
	service_event(&story, at + 500 * MS, at + 500 * MS, "redis", "ready");
	at = ATTEMPTS(&story, 4, at + 4 * S, "failed", 8 * S);
	end(&story, at + 1 * S, "completed");
	expect_verdict(&story,
	    "{ id: x, of: dial, backoff: { first: 1s, factor: 2, attempts: 6, at-least: 2 }, until: "
	    "redis.ready "
	    "}",
	    VERDICT_INCONCLUSIVE, "only 5 of 6 attempts were seen: the window ended");

	/* Of the first run only: where it came to so many, a later one need not. */
	story = story_begin();
	at = ATTEMPTS(&story, 1, 1 * S, "failed", 1 * S, 2 * S, 4 * S);
	service_event(&story, at + 500 * MS, at + 500 * MS, "gateway", "restarted");
	at = ATTEMPTS(&story, 5, at + 600 * MS, "failed", 1 * S, 2 * S);
	end(&story, at + 1 * S, "completed");
	expect_verdict(&story,
	    "{ id: x, of: dial, backoff: { first: 1s, factor: 2, attempts: 4, then: 1s, at-least: 2 } }",
	    VERDICT_PASS, "");

	story = story_begin();
	at = ATTEMPTS(&story, 1, 1 * S, "failed", 1 * S, 2 * S);
	lost(&story, at + 500 * MS);
	at = ATTEMPTS(&story, 4, at + 600 * MS, "failed", 1 * S, 2 * S, 4 * S, 8 * S);
	end(&story, at + 1 * S, "completed");
	expect_verdict(&story,
	    "{ id: x, of: dial, backoff: { first: 1s, factor: 2, attempts: 4, at-least: 2 } }",
	    VERDICT_INCONCLUSIVE, "only 3 of 4 attempts were seen: another run began");
}

/* A subject that gives up is late for its next attempt. */
static void test_gives_up(void **state)
{
	(void)state;
	struct story story = story_begin();
	int64_t at = ATTEMPTS(&story, 1, 1 * S, "failed", 1 * S, 2 * S, 4 * S);
	end(&story, at + 4400 * MS, "completed");
	expect_verdict(&story, DOUBLING, VERDICT_PASS, "");

	story = story_begin();
	at = ATTEMPTS(&story, 1, 1 * S, "failed", 1 * S, 2 * S, 4 * S);
	end(&story, at + 4400 * MS + 1, "completed");
	expect_verdict(
	    &story, DOUBLING, VERDICT_FAIL, "no attempt came after attempt 4 until 4.4s later, due after 4s");

	/* It had been stopped: nothing was due. */
	story = story_begin();
	at = ATTEMPTS(&story, 1, 1 * S, "failed", 1 * S, 2 * S, 4 * S);
	service_event(&story, at + 1 * S, at + 1 * S, "gateway", "stopped");
	end(&story, at + 60 * S, "completed");
	expect_verdict(&story, DOUBLING, VERDICT_PASS, "");
}

/* A connection that nobody answers is told when it was given up, and its beginning by no log but one that
 * says so. */
static void test_silence_of_log(void **state)
{
	(void)state;
	static const char constant[] = "{ id: x, of: dial, backoff: { first: 1s, at-least: 1 } }";
	struct story story = story_begin();
	int64_t at = ATTEMPTS(&story, 1, 1 * S, "failed", 1 * S);
	logged_attempt(&story, 3, at, at + 1 * S, "failed");
	end(&story, at + 30 * S, "completed");
	expect_verdict(&story, constant, VERDICT_INCONCLUSIVE,
	    "gap 2 was 0s to 1s, expected 1s ± 100ms: when attempt 3 began is not known well enough; "
	    "no attempt was seen after attempt 3 until 29s later, but the log does not tell when one begins");

	for (int has_begun = 0; has_begun <= 1; has_begun++) {
		story = story_begin();
		line(&story, 1 * S, "BEGIN");
		at = ATTEMPTS(&story, 1, 1 * S, "failed", 1 * S);
		line(&story, at - 10 * MS, "BEGIN"); /* of the last that was told */
		if (has_begun)
			line(&story, at + 1 * S, "BEGIN");
		end(&story, at + 30 * S, "completed");
		expect_verdict(&story, constant, has_begun ? VERDICT_INCONCLUSIVE : VERDICT_FAIL,
		    has_begun
			? "no attempt was seen after attempt 2 until 30s later, but the log says that one "
			  "had begun"
			: "no attempt came after attempt 2 until 30s later, due after 1s");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tolerance),
		cmocka_unit_test(test_unbounded),
		cmocka_unit_test(test_each_alone),
		cmocka_unit_test(test_lateness),
		cmocka_unit_test(test_vacuous),
		cmocka_unit_test(test_runs),
		cmocka_unit_test(test_from_log),
		cmocka_unit_test(test_attempts),
		cmocka_unit_test(test_fewer_attempts),
		cmocka_unit_test(test_gives_up),
		cmocka_unit_test(test_silence_of_log),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
