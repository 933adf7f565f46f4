/* connections: how many are open at once, for certain and perhaps. */
#include "check/testing.h"

#define ONE "{ id: x, of: tap, connections: ..1 }"
#define POOL "{ id: x, of: tap, connections: 2..4, after: redis.ready }"

static void connects(struct story *story, int number, int64_t at_ns, int port, int open)
{
	try(story, (struct try){ .number = number,
		       .from_ns = at_ns,
		       .outcome = "connected",
		       .connection = port,
		       .open = open });
}

static void test_one_after_the_other(void **state)
{
	(void)state;
	struct story story = story_begin();
	try(&story, (struct try){ .number = 1, .from_ns = 1 * S });
	try(&story, (struct try){
			.number = 2, .from_ns = 2 * S, .to_ns = 3 * S, .outcome = "hung", .connection = 1 });
	try(&story, (struct try){ .number = 3, .from_ns = 4 * S, .outcome = "loading", .connection = 2 });
	connects(&story, 4, 5 * S, 3, 0);
	lose(&story, 6 * S, 3, 0);
	connects(&story, 5, 7 * S, 4, 0);
	end(&story, 9 * S, "completed");
	expect_verdict(&story, ONE, VERDICT_PASS, "");
}

/* What each attempt leaves open is seen as the next one begins. */
static void test_leaks(void **state)
{
	(void)state;
	struct story story = story_begin();
	for (int i = 0; i < 4; i++)
		try(&story, (struct try){ .number = i + 1,
				.from_ns = (1 + i) * S,
				.outcome = "loading",
				.connection = 1 + i,
				.open = i });
	end(&story, 9 * S, "completed");
	expect_verdict(&story, ONE, VERDICT_FAIL, "up to 3 open at once, and out of range since 3s");

	/* Connections that a silent server never answered end with the world. */
	story = story_begin();
	for (int i = 0; i < 3; i++)
		try(&story, (struct try){ .number = i + 1,
				.from_ns = (1 + i) * S,
				.to_ns = 9 * S,
				.outcome = "pending",
				.connection = 1 + i,
				.open = i });
	end(&story, 9 * S, "completed");
	expect_verdict(&story, ONE, VERDICT_FAIL, "up to 2 open at once, and out of range since 3s");

	/* The last one, with nothing behind it. */
	story = story_begin();
	connects(&story, 1, 1 * S, 1, 0);
	connects(&story, 2, 2 * S, 2, 1);
	end(&story, 9 * S, "completed");
	expect_verdict(&story, ONE, VERDICT_FAIL, "up to 2 open at once, and out of range since 2s");

	/* Made before the old one is let go: told by the loss. */
	story = story_begin();
	connects(&story, 1, 1 * S, 1, 0);
	try(&story, (struct try){ .number = 2,
			.from_ns = 2 * S,
			.to_ns = 3 * S,
			.ended_after_ns = 2 * S,
			.outcome = "accepted",
			.connection = 2,
			.open = 1 });
	lose(&story, 2500 * MS, 1, 1);
	end(&story, 9 * S, "completed");
	expect_verdict(&story, ONE, VERDICT_FAIL, "up to 2 open at once, and out of range since 2.5s");
}

/* What went on before the window is still there. */
static void test_window(void **state)
{
	(void)state;
	for (int leaks = 0; leaks < 2; leaks++) {
		struct story story = story_begin();
		connects(&story, 1, 1 * S, 1, 0);
		connects(&story, 2, 2 * S, 2, 1);
		if (!leaks)
			lose(&story, 3 * S, 1, 1);
		service_event(&story, 5 * S, 5 * S, "redis", "ready");
		end(&story, 9 * S, "completed");
		expect_verdict(&story, "{ id: x, of: tap, connections: ..1, after: redis.ready }",
		    leaks ? VERDICT_FAIL : VERDICT_PASS,
		    leaks ? "up to 2 open at once, and out of range since 5s" : "");
	}
	struct story story = story_begin();
	connects(&story, 1, 1 * S, 1, 0);
	connects(&story, 2, 6 * S, 2, 1);
	service_event(&story, 5 * S, 5 * S, "redis", "stopped");
	end(&story, 9 * S, "completed");
	expect_verdict(
	    &story, "{ id: x, of: tap, connections: ..1, until: redis.stopped }", VERDICT_PASS, "");

	/* Whether the third was before the edge is not known. */
	story = story_begin();
	connects(&story, 1, 1 * S, 1, 0);
	service_event(&story, 5 * S, 7 * S, "redis", "stopped");
	connects(&story, 2, 6 * S, 2, 1);
	end(&story, 9 * S, "completed");
	expect_verdict(&story, "{ id: x, of: tap, connections: ..1, until: redis.stopped }",
	    VERDICT_INCONCLUSIVE,
	    "1 to 2 were open at 6s: how many, or whether then, is not known well enough");
}

/* A window that begins with the end of an attempt has it behind it. */
static void test_window_of_an_attempt(void **state)
{
	(void)state;
	static const char from_second[] =
	    "{ id: x, of: tap, connections: 2, after: { attempt: 2, of: tap }, until: redis.stopped }";
	for (int64_t known_ns = 0; known_ns < 1 * S; known_ns += 450 * MS) {
		struct story story = story_begin();
		connects(&story, 1, 1 * S, 1, 0);
		try(&story, (struct try){ .number = 2,
				.from_ns = 2 * S,
				.to_ns = 3 * S,
				.ended_after_ns = 3 * S - known_ns,
				.outcome = "accepted",
				.connection = 2,
				.open = 1 });
		service_event(&story, 5 * S, 5 * S, "redis", "stopped");
		end(&story, 9 * S, "completed");
		expect_verdict(&story, from_second, VERDICT_PASS, "");
	}
	/* And up to its end: two are open while it is made, which comes to a third. */
	struct story story = story_begin();
	connects(&story, 1, 1 * S, 1, 0);
	connects(&story, 2, 2 * S, 2, 1);
	try(&story, (struct try){ .number = 3,
			.from_ns = 3 * S,
			.to_ns = 4 * S,
			.ended_after_ns = 3 * S,
			.outcome = "accepted",
			.connection = 3,
			.open = 2 });
	end(&story, 9 * S, "completed");
	expect_verdict(&story,
	    "{ id: x, of: tap, connections: ..2, during: { from: { attempt: 2, of: tap }, until: { attempt: "
	    "3, "
	    "of: tap } } }",
	    VERDICT_INCONCLUSIVE,
	    "2 to 3 were open at 3s to 4s: how many, or whether then, is not known well enough");
}

/* While it is not known when a connection was lost, it may have been. */
static void test_slow_loss(void **state)
{
	(void)state;
	struct story story = story_begin();
	connects(&story, 1, 1 * S, 1, 0);
	connects(&story, 2, 2 * S, 2, 1);
	tell(&story, &(struct event){ .kind = EVENT_LOST,
			 .of = "tap",
			 .from_ns = 4 * S,
			 .to_ns = 8 * S,
			 .lost = { .how = "gone", .connection = 1, .open = 1 } });
	service_event(&story, 3 * S, 3 * S, "redis", "ready");
	service_event(&story, 5 * S, 5 * S, "redis", "stopped");
	end(&story, 9 * S, "completed");
	expect_verdict(&story,
	    "{ id: x, of: tap, connections: 2, during: { from: redis.ready, until: redis.stopped } }",
	    VERDICT_INCONCLUSIVE,
	    "1 to 2 were open at 4s to 8s: how many, or whether then, is not known well enough");
}

/* An attempt that took no time, as far as the clock tells, has begun before it ended. */
static void test_at_once(void **state)
{
	(void)state;
	struct story story = story_begin();
	for (int i = 0; i < 2; i++)
		try(&story, (struct try){ .number = i + 1,
				.from_ns = (1 + i) * S,
				.to_ns = (1 + i) * S,
				.outcome = "connected",
				.connection = 1 + i,
				.open = i });
	end(&story, 9 * S, "completed");
	expect_verdict(&story, ONE, VERDICT_FAIL, "up to 2 open at once, and out of range since 2s");
}

static void test_pool(void **state)
{
	(void)state;
	static const struct {
		int count, lost;
		enum verdict verdict;
		const char *reason;
	} cases[] = {
		{ 4, 0, VERDICT_PASS, "" },
		{ 2, 0, VERDICT_PASS, "" },
		{ 4, 2, VERDICT_PASS, "" },
		{ 5, 0, VERDICT_FAIL, "up to 5 open at once, and out of range since 5s" },
		{ 1, 0, VERDICT_FAIL, "only 1 open at once, and out of range since 5s" },
		{ 4, 3, VERDICT_FAIL, "only 1 open at once, and out of range since 8s" },
		{ 0, 0, VERDICT_FAIL, "only 0 open at once, and out of range since 5s" },
	};
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		struct story story = story_begin();
		for (int n = 0; n < cases[i].count; n++)
			connects(&story, n + 1, 1 * S + n * 100 * MS, n + 1, n);
		service_event(&story, 5 * S, 5 * S, "redis", "ready");
		for (int n = 0; n < cases[i].lost; n++)
			lose(&story, (6 + n) * S, n + 1, cases[i].count - n - 1);
		end(&story, 9 * S, "completed");
		expect_verdict(&story, POOL, cases[i].verdict, cases[i].reason);
	}
}

/* A connection over which nothing was said, beside one that works, may have been open or not. */
static void test_perhaps(void **state)
{
	(void)state;
	struct story story = story_begin();
	connects(&story, 1, 1 * S, 1, 0);
	try(&story, (struct try){ .number = 2,
			.from_ns = 2 * S,
			.to_ns = 3 * S,
			.outcome = "hung",
			.connection = 2,
			.open = 1 });
	end(&story, 9 * S, "completed");
	expect_verdict(&story, ONE, VERDICT_INCONCLUSIVE,
	    "1 to 2 were open at 2s to 3s: how many, or whether then, is not known well enough");

	/* One that was refused never was. */
	story = story_begin();
	connects(&story, 1, 1 * S, 1, 0);
	try(&story, (struct try){ .number = 2, .from_ns = 2 * S, .open = 1 });
	end(&story, 9 * S, "completed");
	expect_verdict(&story, ONE, VERDICT_PASS, "");
}

static void test_nothing_and_open(void **state)
{
	(void)state;
	struct story story = story_begin();
	try(&story, (struct try){ .number = 1, .from_ns = 1 * S });
	end(&story, 9 * S, "completed");
	expect_verdict(&story, ONE, VERDICT_INCONCLUSIVE, "vacuous: no connection of tap was seen open");

	story = story_begin();
	connects(&story, 1, 1 * S, 1, 0);
	end(&story, 9 * S, "timeout");
	expect_verdict(&story, ONE, VERDICT_INCONCLUSIVE, "right so far, but the world ran out of its time");

	/* Packets that were lost may have been ends. */
	story = story_begin();
	connects(&story, 1, 1 * S, 1, 0);
	connects(&story, 2, 2 * S, 2, 1);
	tell(&story, &(struct event){ .kind = EVENT_TROUBLE,
			 .of = "gateway",
			 .from_ns = 2 * S,
			 .to_ns = 2 * S,
			 .trouble = { .what = "the tap of `gateway` lost 3 packets" } });
	end(&story, 9 * S, "completed");
	expect_verdict(&story, ONE, VERDICT_INCONCLUSIVE,
	    "up to 2 open at once, and out of range since 2s, but attempts may have been missed: the tap of "
	    "`gateway` lost 3 packets (told at 2s)");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_after_the_other),
		cmocka_unit_test(test_leaks),
		cmocka_unit_test(test_window),
		cmocka_unit_test(test_window_of_an_attempt),
		cmocka_unit_test(test_slow_loss),
		cmocka_unit_test(test_at_once),
		cmocka_unit_test(test_pool),
		cmocka_unit_test(test_perhaps),
		cmocka_unit_test(test_nothing_and_open),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
