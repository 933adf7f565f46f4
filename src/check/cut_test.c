/* A trace that was cut short: what its missing rest leaves open, and what it does not. */
#include "check/testing.h"

static struct story gateway_started(void)
{
	struct story story = story_begin();
	service_event(&story, 1 * S, 1 * S, "gateway", "started");
	return story;
}

/* Judged with its end it fails, for `reason`; without it is open, since that does not tell what is not in it.
 */
static void expect_open_when_cut(struct story *(*tell_story)(bool whole), const char *expectation,
    const char *reason, const char *not_told)
{
	CLEANUP(buf_release) struct buf open = { 0 };
	struct story *story = tell_story(true);
	expect_verdict(story, expectation, VERDICT_FAIL, reason);
	story = tell_story(false);
	buf_addf(&open, "%s, but the trace was cut short, and %s", reason, not_told);
	expect_verdict(story, expectation, VERDICT_INCONCLUSIVE, buf_string(&open));
}

static struct story told;

static struct story *finish(struct story story, int64_t at_ns, bool whole)
{
	told = story;
	if (whole)
		end(&told, at_ns, "timeout");
	return &told;
}

/* ---- what did not come ---- */

#define MAY_COME "what came, or was under way, may not be in it"

static struct story *nothing_came(bool whole)
{
	struct story story = gateway_started();
	samples(&story, 1 * S, 10 * S, "degraded");
	return finish(story, 9952 * MS, whole);
}

static void test_what_did_not_come(void **state)
{
	(void)state;
	expect_open_when_cut(nothing_came,
	    "{ id: x, of: gateway.log, reach: Ready, within: 5s, after: gateway.started }",
	    "never happened: still not 8.95s after gateway.started", MAY_COME);
	expect_open_when_cut(nothing_came,
	    "{ id: x, of: tap, reach: { attempt: 1 }, within: 5s, after: gateway.started }",
	    "never happened: still not 8.95s after gateway.started", MAY_COME);
	expect_open_when_cut(nothing_came,
	    "{ id: x, of: gateway, ends: { exit: 0, within: 5s }, after: gateway.started }",
	    "gateway did not end: still running 8.95s after gateway.started", MAY_COME);
	/* Polls that show something else are something that came. */
	for (int whole = 0; whole <= 1; whole++)
		expect_verdict(nothing_came(whole),
		    "{ id: x, of: ready, reach: healthy, within: 5s, after: gateway.started }", VERDICT_FAIL,
		    "never happened: still not 8.95s after gateway.started");
}

static struct story *none_connects(bool whole)
{
	struct story story = gateway_started();
	service_event(&story, 2 * S, 2 * S, "redis", "ready");
	try(&story, (struct try){ .number = 1, .from_ns = 3 * S });
	samples(&story, 3 * S, 9 * S, "degraded");
	return finish(story, 9 * S, whole);
}

static void test_none_connects(void **state)
{
	(void)state;
	expect_open_when_cut(none_connects,
	    "{ id: x, of: ready, reach: healthy, within: { steps: 1, of: tap }, after: redis.ready }",
	    "1 attempt of tap began after redis.ready and none connected; the last, 1, refused", MAY_COME);
}

/* ---- attempts that were under way ---- */

static const int64_t second_by_second[] = { 2 * S, 3001 * MS, 4002 * MS, 5003 * MS };

static struct story attempts(void)
{
	struct story story = gateway_started();
	for (size_t i = 0; i < ARRAY_LENGTH(second_by_second); i++)
		try(&story, (struct try){ .number = (int)i + 1,
				.from_ns = second_by_second[i],
				.to_ns = second_by_second[i] + 1 * MS });
	return story;
}

static void test_silence(void **state)
{
	(void)state;
	struct story story = attempts();
	samples(&story, 6 * S, 20 * S, "degraded");
	end(&story, 20 * S, "timeout");
	expect_verdict(&story, "{ id: x, of: tap, backoff: { first: 1s } }", VERDICT_FAIL,
	    "no attempt came after attempt 4 until 15s later, due after 1s");
	story = attempts();
	samples(&story, 6 * S, 20 * S, "degraded");
	expect_verdict(&story, "{ id: x, of: tap, backoff: { first: 1s } }", VERDICT_INCONCLUSIVE,
	    "no attempt was seen after attempt 4 until 14.9s later, but the trace was cut short, and one "
	    "that was "
	    "under way is not in it");
	/* What came is judged, but is not all. */
	story = attempts();
	expect_verdict(&story, "{ id: x, of: tap, backoff: { first: 1s } }", VERDICT_INCONCLUSIVE,
	    "right so far, but the trace was cut short, and what follows is not in it");
	story = attempts();
	expect_verdict(&story, "{ id: x, of: tap, backoff: { first: 2s, at-least: 1 } }", VERDICT_FAIL,
	    "gap 1 (after attempt 1) was 1s, expected 2s ± 200ms: 800ms too short; "
	    "gap 2 (after attempt 2) was 1s, expected 2s ± 200ms: 800ms too short; "
	    "gap 3 (after attempt 3) was 1s, expected 2s ± 200ms: 800ms too short");
}

/* Three at a time begin together; in what is left of the trace the first of them has connected. */
static void test_pool(void **state)
{
	(void)state;
	static const char reason[] = "gap 1 (after attempt 1) was 1ms, expected 1s ± 100ms: 899ms too short; "
				     "gap 2 (after attempt 2) was "
				     "1ms, expected 1s ± 100ms: 899ms too short; gap 4 (after attempt 4) was "
				     "1ms, expected 1s ± 100ms: "
				     "899ms too short; and 3 more gaps are wrong";
	for (int whole = 0; whole <= 1; whole++) {
		CLEANUP(buf_release) struct buf open = { 0 };
		struct story story = gateway_started();
		for (int i = 0; i < 9; i++) {
			int64_t at_ns = (2 + i / 3) * S + i % 3 * MS;
			try(&story, (struct try){ .number = i + 1, .from_ns = at_ns, .to_ns = at_ns });
		}
		try(&story, (struct try){ .number = 10,
				.from_ns = 5 * S,
				.to_ns = 5 * S,
				.outcome = "connected",
				.connection = 1 });
		buf_addf(&open,
		    "%s, but it would be right for a client that holds 3 connections, which it never "
		    "got to show",
		    reason);
		if (whole)
			end(&story, 6 * S, "completed");
		expect_verdict(&story, "{ id: x, of: tap, backoff: { first: 1s } }",
		    whole ? VERDICT_FAIL : VERDICT_INCONCLUSIVE, whole ? reason : buf_string(&open));
	}
}

/* Of several connections any attempt may have been the next of one that is not told. */
static struct story *two_at_once(bool whole)
{
	struct story story = gateway_started();
	try(&story, (struct try){ .number = 1, .from_ns = 2 * S, .to_ns = 2010 * MS });
	try(&story, (struct try){ .number = 2, .from_ns = 2 * S, .to_ns = 2010 * MS });
	try(&story, (struct try){ .number = 3, .from_ns = 2500 * MS, .to_ns = 2510 * MS });
	try(&story, (struct try){ .number = 4, .from_ns = 3010 * MS, .to_ns = 3020 * MS });
	return finish(story, 3020 * MS, whole);
}

static void test_several(void **state)
{
	(void)state;
	expect_open_when_cut(two_at_once, "{ id: x, of: tap, backoff: { first: 1s, at-least: 1 } }",
	    "gap 1 (after attempt 1, connection 1 of 2) was 490ms, expected 1s ± 100ms: 410ms too short",
	    "which attempts were under way is not in it");
}

static void test_jitter(void **state)
{
	(void)state;
	for (int whole = 0; whole <= 1; whole++) {
		struct story story = gateway_started();
		for (int i = 0; i < 9; i++)
			try(&story, (struct try){ .number = i + 1,
					.from_ns = 2 * S + i * 800 * MS,
					.to_ns = 2 * S + i * 800 * MS });
		if (whole)
			end(&story, 2 * S + 8 * 800 * MS, "timeout");
		expect_verdict(&story, "{ id: x, of: tap, backoff: { first: 1s, jitter: 50%..100% } }",
		    whole ? VERDICT_FAIL : VERDICT_INCONCLUSIVE,
		    whole ? "no jitter: all 8 gaps are 80% of their delay to within 0s; if they were drawn "
			    "from "
			    "50% to 100% they would be so alike with a chance of 1e-58"
			  : "no jitter so far: all 8 gaps are 80% of their delay to within 0s, but the trace "
			    "was cut "
			    "short, and others may vary");
	}
}

#define AGREES "{ id: x, of: tap, agrees: { log: 'retrying in (\\d+)ms', in: gateway.log, unit: ms } }"

static void test_line(void **state)
{
	(void)state;
	/* Nothing followed: it is about nothing that is told. */
	struct story story = attempts();
	line(&story, 5010 * MS, "retrying in 1000ms");
	samples(&story, 6 * S, 20 * S, "degraded");
	expect_verdict(
	    &story, AGREES, VERDICT_INCONCLUSIVE, "vacuous: no line says a delay that a gap follows");
	/* It may be about an attempt that failed before and is told later; not if one is told that began
	 * later. */
	for (int is_followed = 0; is_followed <= 1; is_followed++) {
		story = gateway_started();
		try(&story, (struct try){ .number = 1, .from_ns = 2 * S, .to_ns = 2 * S });
		try(&story, (struct try){ .number = 2,
				.from_ns = 3 * S,
				.to_ns = 3001 * MS,
				.outcome = "connected",
				.connection = 1 });
		line(&story, 9 * S, "retrying in 2000ms");
		if (is_followed)
			try(&story, (struct try){ .number = 3, .from_ns = 9001 * MS });
		expect_verdict(&story, AGREES, is_followed ? VERDICT_FAIL : VERDICT_INCONCLUSIVE,
		    is_followed
			? "the log says 2s (line at 9s), the wire waited 1s"
			: "the log says 2s (line at 9s), the wire waited 1s, but the line may be about "
			  "something else");
	}
}

/* ---- windows ---- */

static struct story *window_not_over(bool whole)
{
	struct story story = gateway_started();
	samples(&story, 1 * S, 3 * S, "degraded");
	return finish(story, 3 * S, whole);
}

static void test_window(void **state)
{
	(void)state;
	expect_open_when_cut(window_not_over, "{ id: x, of: ready, never: degraded, until: redis.stopped }",
	    "ready was `degraded` at 1s", "that the window was over may not be in it");
	/* What was told later of what was before. */
	for (int whole = 0; whole <= 1; whole++) {
		struct story story = gateway_started();
		line(&story, 2 * S, "fine");
		service_event(&story, 3 * S, 3 * S, "redis", "stopped");
		if (whole)
			end(&story, 9 * S, "timeout");
		expect_verdict(&story, "{ id: x, of: gateway.log, never: error, until: redis.stopped }",
		    whole ? VERDICT_PASS : VERDICT_INCONCLUSIVE,
		    whole ? "" : "right so far, but the trace was cut short, and what follows is not in it");
	}
}

/* ---- lateness ---- */

static void test_lateness(void **state)
{
	(void)state;
	static const char expectation[] = "{ id: x, of: tap, backoff: { first: 2s, at-least: 1 } }";
	static const char reason[] = "gap 1 (after attempt 1) was 1s, expected 2s ± 200ms: 800ms too short";
	/* Of the last stretch not all may be told. */
	for (int64_t past = 0; past <= 1; past++) {
		struct story story = gateway_started();
		try(&story, (struct try){ .number = 1, .from_ns = 2 * S, .to_ns = 2 * S });
		try(&story, (struct try){ .number = 2, .from_ns = 3 * S, .outcome = "pending" });
		late(&story, 0, 3 * S + past, 1 * MS);
		late(&story, 3 * S + past, 4 * S, 1 * MS);
		if (past)
			expect_verdict(&story, expectation, VERDICT_FAIL, reason);
		else
			expect_verdict(&story, expectation, VERDICT_INCONCLUSIVE,
			    "gap 1 (after attempt 1) was 1s, expected 2s ± 200ms: 800ms too short, but the "
			    "trace was cut short, and how late the host was then is not in it");
	}
}

/* ---- counts ---- */

static void test_counts(void **state)
{
	(void)state;
	struct story story = gateway_started();
	line(&story, 2 * S, "n 1");
	line(&story, 3 * S, "n 3");
	expect_verdict(&story, "{ id: x, of: gateway.log, matches: 'n (\\d)', numbers: [1, 2, 3] }",
	    VERDICT_INCONCLUSIVE,
	    "the numbers cannot be told: how many lines were lost in a flood is told at the end, and the "
	    "trace was "
	    "cut short");
	story = gateway_started();
	line(&story, 2 * S, "n 1");
	service_event(&story, 3 * S, 3 * S, "redis", "stopped");
	expect_verdict(&story, "{ id: x, of: gateway.log, matches: 'n', times: 2, until: redis.stopped }",
	    VERDICT_INCONCLUSIVE, "1 line matched when the trace was cut short");
	/* Of connections there may have been more. */
	for (int whole = 0; whole <= 1; whole++) {
		story = gateway_started();
		try(&story,
		    (struct try){ .number = 1, .from_ns = 2 * S, .outcome = "connected", .connection = 1 });
		lose(&story, 5 * S, 1, 0);
		if (whole)
			end(&story, 9 * S, "timeout");
		expect_verdict(&story,
		    "{ id: x, of: tap, connections: 1.., during: { from: { attempt: 1, of: tap }, until: "
		    "world.ended } }",
		    whole ? VERDICT_FAIL : VERDICT_INCONCLUSIVE,
		    whole ? "only 0 open at once, and out of range since 5s"
			  : "0 were open at 5s: how many, or whether then, is not known well enough");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_did_not_come),
		cmocka_unit_test(test_none_connects),
		cmocka_unit_test(test_silence),
		cmocka_unit_test(test_pool),
		cmocka_unit_test(test_several),
		cmocka_unit_test(test_jitter),
		cmocka_unit_test(test_line),
		cmocka_unit_test(test_window),
		cmocka_unit_test(test_lateness),
		cmocka_unit_test(test_counts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
