/* Attempts of the wire: ends that are intervals, and clients that hold several connections. */
#include "check/testing.h"

#define DOUBLING "{ id: x, of: tap, backoff: { first: 1s, factor: 2, cap: 4s } }"
#define CONSTANT "{ id: x, of: tap, backoff: { first: 1s } }"

/* When each connection of a pool tries: at 0, 1, 3, 7, 11, … seconds with DOUBLING. */
static const int64_t doubling_ms[] = { 0, 1000, 3000, 7000, 11000, 15000 };

struct pool {
	int connections;
	int64_t begin_ns, apart_ns; /* a connection begins so much after the one before */
	size_t tries;               /* of each; the last one connects if `connects` */
	bool connects;
	int first_number;
	const int64_t *at_ms;
};

static int compare_tries(const void *left, const void *right)
{
	const struct try *a = left, *b = right;
	return (a->from_ns > b->from_ns) - (a->from_ns < b->from_ns);
}

/* Tells the attempts of a pool in the order of their beginnings; returns the end of the last. Each takes
 * 200 µs, and the gaps are counted from there. */
static int64_t tell_pool(struct story *story, struct pool pool)
{
	struct try tries[64] = { 0 };
	size_t count = 0;
	int open = 0;
	const int64_t *at_ms = pool.at_ms ? pool.at_ms : doubling_ms;
	for (int c = 0; c < pool.connections; c++)
		for (size_t i = 0; i < pool.tries; i++)
			tries[count++] = (struct try){
				.from_ns = pool.begin_ns + c * pool.apart_ns + at_ms[i] * MS +
					   (int64_t)i * NS_PER_MS / 5,
				.connection = 40000 + 100 * (int)i + c,
				.outcome = pool.connects && i + 1 == pool.tries ? "connected" : "refused",
			};
	qsort(tries, count, sizeof(tries[0]), compare_tries);
	for (size_t i = 0; i < count; i++) {
		tries[i].number = (pool.first_number ? pool.first_number : 1) + (int)i;
		tries[i].open = open;
		try(story, tries[i]);
		open += strcmp(tries[i].outcome, "connected") == 0;
	}
	return tries[count - 1].from_ns + NS_PER_MS / 5;
}

/* ---- one connection ---- */

/* Whatever works ends the run, whatever does not goes on with it. */
static void test_outcomes(void **state)
{
	(void)state;
	static const char *const failures[] = { "nxdomain", "timeout", "refused", "loading" };
	for (int accepted = 0; accepted <= 1; accepted++) {
		struct story story = story_begin();
		for (int i = 0; i < 4; i++)
			try(&story, (struct try){ .number = i + 1,
					.from_ns = doubling_ms[i] * MS + i * NS_PER_MS / 5,
					.outcome = failures[i] });
		try(&story,
		    (struct try){
			.number = 5, .from_ns = 11001 * MS, .outcome = accepted ? "accepted" : "connected" });
		end(&story, 60 * S, "completed");
		expect_verdict(&story, DOUBLING, VERDICT_PASS, "");
	}
	struct story story = story_begin();
	for (int i = 0; i < 5; i++)
		try(&story, (struct try){ .number = i + 1,
				.from_ns = doubling_ms[i] * MS + i * NS_PER_MS / 5,
				.outcome = i == 4 ? "denied" : "refused" });
	end(&story, 60 * S, "completed");
	expect_verdict(
	    &story, DOUBLING, VERDICT_FAIL, "no attempt came after attempt 5 until 49s later, due after 4s");
}

/* What is under way at the end has begun: it ends the gap before it, and no gap begins with it. */
static void test_pending(void **state)
{
	(void)state;
	for (int early = 0; early <= 1; early++) {
		struct story story = story_begin();
		for (int i = 0; i < 3; i++)
			try(&story, (struct try){ .number = i + 1,
					.from_ns = doubling_ms[i] * MS + i * NS_PER_MS / 5 });
		try(&story, (struct try){ .number = 4,
				.from_ns = early ? 4 * S : 7 * S,
				.to_ns = 60 * S,
				.outcome = "pending" });
		end(&story, 60 * S, "completed");
		expect_verdict(&story, DOUBLING, early ? VERDICT_FAIL : VERDICT_PASS,
		    early ? "gap 3 (after attempt 3) was 999ms, expected 4s ± 400ms: 2.6s too short" : "");
	}
	struct story story = story_begin();
	try(&story, (struct try){ .number = 1, .from_ns = 1 * S, .to_ns = 60 * S, .outcome = "pending" });
	service_event(&story, 0, 0, "gateway", "started");
	end(&story, 60 * S, "completed");
	expect_verdict(&story, "{ id: x, of: tap, reach: { attempt: 1 } }", VERDICT_FAIL,
	    "never happened until the end, 1m00s after world.started");
}

/* The end is known to within 300 ms: it matters where, and only there. */
static void test_interval(void **state)
{
	(void)state;
	static const struct {
		int64_t begin_ms; /* of attempt 3, due 2 s after the end of attempt 2 at 1.5 s to 1.8 s */
		enum verdict verdict;
		const char *reason;
	} cases[] = {
		{ 3600, VERDICT_PASS, "" }, /* 1.8 s to 2.1 s */
		{ 3700, VERDICT_PASS, "" }, /* 1.9 s to 2.2 s */
		{ 3701, VERDICT_INCONCLUSIVE,
		    "gap 2 was 1.9s to 2.2s, expected 2s ± 200ms: when attempt 2 ended is not known well "
		    "enough" },
		{ 3300, VERDICT_INCONCLUSIVE,
		    "gap 2 was 1.5s to 1.8s, expected 2s ± 200ms: when attempt 2 ended is not known well "
		    "enough" },
		{ 3299, VERDICT_FAIL,
		    "gap 2 (after attempt 2) was 1.5s to 1.8s, expected 2s ± 200ms: 1ms too short" },
		{ 4001, VERDICT_FAIL,
		    "gap 2 (after attempt 2) was 2.2s to 2.5s, expected 2s ± 200ms: 1ms too long" },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct story story = story_begin();
		try(&story, (struct try){ .number = 1, .from_ns = 0 });
		try(&story, (struct try){ .number = 2,
				.from_ns = 1 * S,
				.to_ns = 1800 * MS,
				.ended_after_ns = 1500 * MS,
				.outcome = "timeout" });
		try(&story, (struct try){ .number = 3, .from_ns = cases[i].begin_ms * MS });
		try(&story,
		    (struct try){
			.number = 4, .from_ns = (cases[i].begin_ms + 4000) * MS, .outcome = "connected" });
		end(&story, 60 * S, "completed");
		expect_verdict(&story, DOUBLING, cases[i].verdict, cases[i].reason);
	}
}

/* ---- several ---- */

static void test_innocent_pools(void **state)
{
	(void)state;
	/* Begun together, in the same millisecond, or half a second apart; refused, or let in at the end. */
	static const int64_t apart_ns[] = { NS_PER_MS / 10, NS_PER_MS, 70 * NS_PER_MS, 500 * NS_PER_MS };
	for (size_t i = 0; i < sizeof(apart_ns) / sizeof(apart_ns[0]); i++) {
		struct story story = story_begin();
		int64_t at = tell_pool(&story, (struct pool){ .connections = 3,
						   .begin_ns = 1 * S,
						   .apart_ns = apart_ns[i],
						   .tries = 5,
						   .connects = true });
		end(&story, at + 30 * S, "completed");
		expect_verdict(&story, DOUBLING, VERDICT_PASS, "");
	}
	/* All three are lost, and come back. The first of them tries while the others are still open. */
	struct story story = story_begin();
	int64_t at = tell_pool(&story,
	    (struct pool){
		.connections = 3, .begin_ns = 1 * S, .apart_ns = NS_PER_MS, .tries = 1, .connects = true });
	for (int i = 0; i < 3; i++)
		lose(&story, at + 10 * S + i * NS_PER_MS, 40000 + i, 2 - i);
	try(&story,
	    (struct try){
		.number = 4, .from_ns = at + 10 * S + NS_PER_MS / 10, .connection = 41000, .open = 2 });
	try(&story,
	    (struct try){
		.number = 5, .from_ns = at + 10 * S + 11 * NS_PER_MS / 10, .connection = 41001, .open = 1 });
	int64_t back_ns = at + 10 * S + 21 * NS_PER_MS / 10;
	tell_pool(
	    &story, (struct pool){ .connections = 1, .begin_ns = back_ns, .tries = 1, .first_number = 6 });
	for (int i = 0; i < 3; i++)
		try(&story,
		    (struct try){ .number = 7 + i, .from_ns = back_ns + 1 * S + (i - 2) * NS_PER_MS });
	for (int i = 0; i < 3; i++)
		try(&story,
		    (struct try){ .number = 10 + i, .from_ns = back_ns + 3 * S + (i - 2) * NS_PER_MS });
	for (int i = 0; i < 3; i++)
		try(&story, (struct try){ .number = 13 + i,
				.from_ns = back_ns + 7 * S + (i - 2) * NS_PER_MS,
				.outcome = "connected",
				.connection = 42000 + i,
				.open = i });
	end(&story, back_ns + 30 * S, "completed");
	expect_verdict(&story, DOUBLING, VERDICT_PASS, "");
}

static void test_guilty_pools(void **state)
{
	(void)state;
	/* Every connection waits one second and no more. */
	static const int64_t constant_ms[] = { 0, 1000, 2000, 3000, 4000 };
	struct story story = story_begin();
	int64_t at = tell_pool(&story, (struct pool){ .connections = 3,
					   .begin_ns = 1 * S,
					   .apart_ns = NS_PER_MS,
					   .tries = 5,
					   .connects = true,
					   .at_ms = constant_ms });
	end(&story, at + 30 * S, "completed");
	expect_verdict(&story, DOUBLING, VERDICT_FAIL,
	    "gap 2 (after attempt 4, connection 1 of 3) was 1s, expected 2s ± 200ms: 800ms too short; "
	    "gap 3 (after attempt 7, connection 1 of 3) was 1s, expected 4s ± 400ms: 2.6s too short; "
	    "gap 4 (after attempt 10, connection 1 of 3) was 1s, expected 4s ± 400ms: 2.6s too short; "
	    "and 4 more gaps are wrong");

	/* One of two, seen side by side, never tries a third time. */
	story = story_begin();
	static const int64_t both_ms[] = { 0, 0, 1000, 1000, 3000, 7000, 11000 };
	for (int i = 0; i < 7; i++)
		try(&story, (struct try){ .number = i + 1,
				.from_ns = both_ms[i] * MS + i * NS_PER_MS / 10,
				.to_ns = both_ms[i] * MS + 10 * NS_PER_MS });
	end(&story, 14 * S, "completed");
	expect_verdict(
	    &story, DOUBLING, VERDICT_FAIL, "no attempt came after attempt 4 until 13s later, due after 2s");
}

/* Nothing was seen of more than one connection; but if there are some, all is right. */
static void test_unseen_pools(void **state)
{
	(void)state;
	struct story story = story_begin();
	int64_t at = tell_pool(
	    &story, (struct pool){ .connections = 3, .begin_ns = 1 * S, .apart_ns = NS_PER_MS, .tries = 5 });
	end(&story, at + 1 * S, "completed");
	expect_verdict(&story, DOUBLING, VERDICT_INCONCLUSIVE,
	    "gap 1 (after attempt 1) was 800µs, expected 1s ± 100ms: 899ms too short; "
	    "gap 2 (after attempt 2) was 800µs, expected 2s ± 200ms: 1.8s too short; "
	    "gap 3 (after attempt 3) was 998ms, expected 4s ± 400ms: 2.6s too short; "
	    "and 9 more gaps are wrong, but it would be right for a client that holds 3 connections, "
	    "which it never got to show");

	/* A client that did get to show it, and held one, was too fast. */
	story = story_begin();
	for (int i = 0; i < 6; i++)
		try(&story,
		    (struct try){ .number = i + 1, .from_ns = doubling_ms[i / 2] * MS + i * NS_PER_MS });
	try(&story, (struct try){ .number = 7, .from_ns = 7 * S, .outcome = "connected" });
	end(&story, 30 * S, "completed");
	expect_verdict(&story, DOUBLING, VERDICT_FAIL,
	    "gap 1 (after attempt 1) was 800µs, expected 1s ± 100ms: 899ms too short; "
	    "gap 2 (after attempt 2) was 1s, expected 2s ± 200ms: 799ms too short; "
	    "gap 3 (after attempt 3) was 800µs, expected 4s ± 400ms: 3.6s too short; "
	    "and 2 more gaps are wrong");

	/* Nor is one forgiven that hammers. */
	story = story_begin();
	for (int i = 0; i < 40; i++)
		try(&story, (struct try){ .number = i + 1, .from_ns = i * 250 * MS });
	end(&story, 11 * S, "completed");
	expect_verdict(&story, DOUBLING, VERDICT_FAIL,
	    "gap 1 (after attempt 1) was 250ms, expected 1s ± 100ms: 650ms too short; "
	    "gap 2 (after attempt 2) was 250ms, expected 2s ± 200ms: 1.55s too short; "
	    "gap 3 (after attempt 3) was 250ms, expected 4s ± 400ms: 3.35s too short; "
	    "and 36 more gaps are wrong");
}

/* Twice as fast as it should be, or two that began half a gap apart? Seen side by side once, nobody knows. */
static void test_constant_gaps(void **state)
{
	(void)state;
	for (int apart = 0; apart <= 1; apart++) {
		static const int64_t constant_ms[] = { 0, 1000, 2000, 3000, 4000 };
		struct story story = story_begin();
		int64_t at = tell_pool(&story, (struct pool){ .connections = 2,
						   .begin_ns = 1 * S,
						   .apart_ns = apart ? 500 * MS : NS_PER_MS,
						   .tries = 5,
						   .connects = true,
						   .at_ms = constant_ms });
		end(&story, at + 1 * S, "completed");
		expect_verdict(&story, CONSTANT, apart ? VERDICT_INCONCLUSIVE : VERDICT_PASS,
		    apart ? "the attempts are right for 2 connections only if these did not begin together, "
			    "which one that is too fast looks like, too"
			  : "");
	}
}

/* While a connection is open others may be made at any time, and given up. */
static void test_growth(void **state)
{
	(void)state;
	struct story story = story_begin();
	for (int i = 0; i < 4; i++)
		try(&story, (struct try){ .number = i + 1,
				.from_ns = doubling_ms[i] * MS + i * NS_PER_MS / 5,
				.connection = 40001 + i,
				.outcome = i == 3 ? "connected" : "refused" });
	for (int i = 0; i < 5; i++)
		try(&story, (struct try){ .number = i + 5,
				.from_ns = 8 * S + i * 37 * MS,
				.connection = 40011 + i,
				.open = 1 + i / 2,
				.outcome = i % 2 ? "connected" : "denied" });
	end(&story, 60 * S, "completed");
	expect_verdict(&story, DOUBLING, VERDICT_PASS, "");

	/* The second of two connects beside the first: the gap before that is none of a retry. */
	story = story_begin();
	int64_t at = tell_pool(&story,
	    (struct pool){
		.connections = 2, .begin_ns = 1 * S, .apart_ns = NS_PER_MS, .tries = 4, .connects = true });
	end(&story, at + 1 * S, "completed");
	expect_verdict(&story, "{ id: x, of: tap, backoff: { first: 1s, factor: 2, cap: 4s, at-least: 6 } }",
	    VERDICT_INCONCLUSIVE, "vacuous: 5 gaps were seen, 6 are needed");

	/* What the network has open is not what works: turned away, and tried again at once. */
	story = story_begin();
	for (int i = 0; i < 5; i++)
		try(&story,
		    (struct try){
			.number = i + 1, .from_ns = i * 100 * MS, .outcome = "loading", .open = i > 0 });
	end(&story, 1 * S, "completed");
	expect_verdict(&story, CONSTANT, VERDICT_FAIL,
	    "gap 1 (after attempt 1) was 99.8ms, expected 1s ± 100ms: 800ms too short; "
	    "gap 2 (after attempt 2) was 99.8ms, expected 1s ± 100ms: 800ms too short; "
	    "gap 3 (after attempt 3) was 99.8ms, expected 1s ± 100ms: 800ms too short; "
	    "and 1 more gap is wrong");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_outcomes),
		cmocka_unit_test(test_pending),
		cmocka_unit_test(test_interval),
		cmocka_unit_test(test_innocent_pools),
		cmocka_unit_test(test_guilty_pools),
		cmocka_unit_test(test_unseen_pools),
		cmocka_unit_test(test_constant_gaps),
		cmocka_unit_test(test_growth),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
