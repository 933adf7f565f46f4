/* Polls that timed out while the host was late, and do not count: nothing passes as if they had not been, and
 * nothing fails because of them. */
#include "check/testing.h"

static void poll_of(
    struct story *story, const char *of, int64_t from_ns, int64_t to_ns, const char *state, int status)
{
	tell(story, &(struct event){ .kind = EVENT_SAMPLE,
			.of = of,
			.from_ns = from_ns,
			.to_ns = to_ns,
			.sample = { .outcome = strcmp(state, "timeout") == 0 ? "timeout" : "answered",
			    .status = status,
			    .state = state } });
}

/* Healthy, but for a poll that timed out at 2 s, and perhaps one at 4 s. */
static struct story hanging(int64_t lateness_ns, bool twice)
{
	struct story story = story_begin();
	service_event(&story, 500 * MS, 500 * MS, "gateway", "started");
	samples(&story, 1 * S, 2 * S, "healthy");
	poll_of(&story, "ready", 2 * S, 3 * S, "timeout", 0);
	samples(&story, 3 * S, 4 * S, "healthy");
	if (twice)
		poll_of(&story, "ready", 4 * S, 5 * S, "timeout", 0);
	samples(&story, twice ? 5 * S : 4 * S, 6 * S, "healthy");
	late(&story, 2500 * MS, 2750 * MS, lateness_ns);
	if (twice)
		late(&story, 4500 * MS, 4750 * MS, lateness_ns + 50 * MS);
	end(&story, 6 * S, "completed");
	return story;
}

#define LATE (250 * MS)
#define NOT_LATE (200 * MS) /* a fifth is not more than a fifth */
#define ONE \
	"1 poll shows `timeout`, at 2s to 3s, and may count or not: the host ran up to 250ms late meanwhile"

static void expect_each(const char *expectation, enum verdict starved, const char *starved_reason,
    enum verdict counted, const char *counted_reason)
{
	struct story story = hanging(LATE, false);
	expect_verdict(&story, expectation, starved, starved_reason);
	story = hanging(NOT_LATE, false);
	expect_verdict(&story, expectation, counted, counted_reason);
}

static void test_never(void **state)
{
	(void)state;
	expect_each("{ id: x, of: ready, never: timeout }", VERDICT_INCONCLUSIVE, ONE, VERDICT_FAIL,
	    "ready was `timeout` at 2s to 3s");
	/* What a poll that does not count has not shown is nothing that it may have shown. */
	expect_each("{ id: x, of: ready, never: unhealthy }", VERDICT_PASS, "", VERDICT_PASS, "");
	expect_each("{ id: x, of: ready, never: timeout, until: gateway.started }", VERDICT_INCONCLUSIVE,
	    "vacuous: nothing of ready was seen wholly inside the window; polls that timed out while the "
	    "host was late do not count (1)",
	    VERDICT_INCONCLUSIVE, "vacuous: nothing of ready was seen wholly inside the window");
	struct story story = hanging(LATE, true);
	expect_verdict(&story, "{ id: x, of: ready, never: [timeout, refused] }", VERDICT_INCONCLUSIVE,
	    "2 polls show `timeout`, the first at 2s to 3s, and may count or not: the host ran up to 300ms "
	    "late during one of them");
	/* One that counts fails, whatever else there is. */
	story = hanging(LATE, false);
	expect_verdict(&story, "{ id: x, of: ready, never: [timeout, healthy] }", VERDICT_FAIL,
	    "ready was `healthy` at 1s");
}

static void test_always(void **state)
{
	(void)state;
	expect_each("{ id: x, of: ready, always: healthy, ignore: [refused] }", VERDICT_INCONCLUSIVE, ONE,
	    VERDICT_FAIL, "ready was `timeout` at 2s to 3s");
	expect_each("{ id: x, of: ready, always: healthy, ignore: [timeout], until: { event: "
		    "gateway.started, plus: 1200ms } }",
	    VERDICT_PASS, "", VERDICT_PASS, "");
}

static void test_sequence(void **state)
{
	(void)state;
	/* Right without it, right with it. */
	expect_each("{ id: x, of: ready, sequence: [healthy] }", VERDICT_INCONCLUSIVE,
	    "right, but for what may not count: " ONE, VERDICT_FAIL,
	    "`timeout` came at 3s after the last of them");
	expect_each("{ id: x, of: ready, sequence: [healthy, timeout, healthy] }", VERDICT_INCONCLUSIVE,
	    "not what was expected, but " ONE, VERDICT_PASS, "");
}

static void test_reach(void **state)
{
	(void)state;
	expect_each("{ id: x, of: ready, reach: timeout }", VERDICT_INCONCLUSIVE,
	    "only polls show it that timed out while the host was late, and may count or not", VERDICT_PASS,
	    "");
	/* Too late, if it came. */
	expect_each("{ id: x, of: ready, reach: timeout, within: 500ms }", VERDICT_FAIL,
	    "never happened: still not 1.95s after world.started", VERDICT_FAIL,
	    "took 1.95s to 3s, 1.45s past the limit of 500ms");
}

/* As a moment: it may have come. */
static void test_moments(void **state)
{
	(void)state;
	expect_each(
	    "{ id: x, of: ready, reach: healthy, within: 500ms, after: { state: timeout, of: ready } }",
	    VERDICT_INCONCLUSIVE,
	    "vacuous: `timeout` of ready was shown by polls only that timed out while the host was late, and "
	    "do not count",
	    VERDICT_INCONCLUSIVE, "the answer lies between 0s and 1.05s, the limit of 500ms is inside");
	/* What is wrong behind it may not have been in the window. */
	expect_each("{ id: x, of: gateway, never: [started], until: { state: timeout, of: ready } }",
	    VERDICT_FAIL, "gateway started at 500ms", VERDICT_FAIL, "gateway started at 500ms");
}

/* Health says yes all the time; one poll of the work hangs. */
static void test_honest(void **state)
{
	(void)state;
	for (int starved = 0; starved < 2; starved++) {
		struct story story = story_begin();
		samples(&story, 1 * S, 6 * S, "healthy");
		for (int64_t at = 1 * S; at < 2 * S; at += 50 * MS)
			poll_of(&story, "work", at, at + 2 * MS, "200", 200);
		poll_of(&story, "work", 2 * S, 3 * S, "timeout", 0);
		for (int64_t at = 3 * S; at < 6 * S; at += 50 * MS)
			poll_of(&story, "work", at, at + 2 * MS, "200", 200);
		late(&story, 2500 * MS, 2750 * MS, starved ? LATE : NOT_LATE);
		end(&story, 6 * S, "completed");
		expect_verdict(&story,
		    "{ id: x, of: ready, honest: { by: work, says: healthy, within: 700ms } }",
		    starved ? VERDICT_INCONCLUSIVE : VERDICT_FAIL,
		    starved
			? "the longest lie lasted 0s to 1.05s, and the limit is inside: polls of ready and "
			  "work do not tell; polls that timed out while the host was late do not count "
			  "(1)"
			: "ready said `healthy` for 1s from 2s on, while work did not work (timeout)");
	}
	/* Health hangs in the middle of what would be a long lie. */
	for (int starved = 0; starved < 2; starved++) {
		struct story story = story_begin();
		samples(&story, 1 * S, 2 * S, "healthy");
		poll_of(&story, "ready", 2 * S, 3 * S, "timeout", 0);
		samples(&story, 3 * S, 4 * S, "healthy");
		for (int64_t at = 1 * S; at < 4 * S; at += 50 * MS)
			poll_of(&story, "work", at, at + 2 * MS, "503", 503);
		late(&story, 2500 * MS, 2750 * MS, starved ? LATE : 0);
		end(&story, 4 * S, "completed");
		expect_verdict(&story,
		    "{ id: x, of: ready, honest: { by: work, says: healthy, within: 1200ms } }",
		    VERDICT_INCONCLUSIVE,
		    starved
			? "the longest lie lasted 948ms to 3s, and the limit is inside: polls of ready and "
			  "work do not tell; polls that timed out while the host was late do not count "
			  "(1)"
			: "the longest lie lasted 948ms to 2s, and the limit is inside: polls of ready and "
			  "work do not tell");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_never),
		cmocka_unit_test(test_always),
		cmocka_unit_test(test_sequence),
		cmocka_unit_test(test_reach),
		cmocka_unit_test(test_moments),
		cmocka_unit_test(test_honest),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
