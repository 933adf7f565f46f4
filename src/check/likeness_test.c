/* likeness: the formula against brute force and chance; and what backoff makes of it. */
#include "check/testing.h"

#include "check/likeness.h"

#include <math.h>

#define EQUAL "{ id: x, of: dial, backoff: { first: 1s, factor: 2, cap: 4s, jitter: 50%..100% } }"
#define FULL "{ id: x, of: dial, backoff: { first: 1s, factor: 2, cap: 4s, jitter: 0%..100% } }"
#define TWO "{ id: x, of: dial, backoff: { first: 1s, factor: 2, cap: 4s, jitter: 50%..100%, at-least: 2 } }"
#define POOL "{ id: x, of: tap, backoff: { first: 1s, factor: 2, cap: 4s, jitter: 50%..100% } }"

enum { GAPS_MAX = 8, SAMPLES = 10000 };

static uint64_t random_state = 88172645463325252;

static double random_share(double low, double high)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return low + (high - low) * (double)(random_state >> 11) * 0x1p-53;
}

/* ---- the formula ---- */

static const int64_t delays[GAPS_MAX] = { 1 * S, 2 * S, 4 * S, 4 * S, 8 * S, 8 * S, 8 * S, 8 * S };

static void draw_all(struct draw *draws, size_t count, double low, double high)
{
	for (size_t i = 0; i < count; i++) {
		int64_t gap = llround((double)delays[i] * random_share(low, high));
		draws[i] = (struct draw){ .gap = { gap, gap }, .delay = delays[i] };
	}
}

/* A chance of p comes in no more than p of all cases, and is no empty promise either: for few gaps it is not
 * far above. */
static void test_chance_is_no_less_than_it_says(void **state)
{
	(void)state;
	static const double chances[] = { 0.3, 0.1, 0.03, 0.01 };
	for (size_t count = 2; count <= 5; count++) {
		size_t below[ARRAY_LENGTH(chances)] = { 0 };
		for (size_t n = 0; n < SAMPLES; n++) {
			struct draw draws[GAPS_MAX];
			struct likeness likeness;
			draw_all(draws, count, 0.5, 1);
			likeness_find(draws, count, 0.5, &likeness);
			assert_true(likeness.least_ns <= likeness.most_ns + 1);
			for (size_t k = 0; k < ARRAY_LENGTH(chances); k++)
				below[k] += likeness.chance < chances[k];
		}
		for (size_t k = 0; k < ARRAY_LENGTH(chances); k++) {
			double part = (double)below[k] / SAMPLES;
			double error = 4 * sqrt(chances[k] * (1 - chances[k]) / SAMPLES);
			assert_true(part <= chances[k] + error);
			assert_true(part >= chances[k] / 3);
		}
	}
}

/* E by trying a great many shares. */
static void test_error_is_the_least(void **state)
{
	(void)state;
	for (size_t n = 0; n < 50; n++) {
		struct draw draws[GAPS_MAX];
		struct likeness likeness;
		draw_all(draws, GAPS_MAX, 0.5, 1);
		for (size_t i = 0; i < GAPS_MAX; i++)
			draws[i].gap.low -= llround(random_share(0, 2e8));
		likeness_find(draws, GAPS_MAX, 0.5, &likeness);
		double least = INFINITY, most = INFINITY;
		for (size_t step = 0; step < 2400; step++) {
			double share = (double)step * 0.0005;
			double near = 0, far = 0;
			for (size_t i = 0; i < GAPS_MAX; i++) {
				double at = share * (double)draws[i].delay;
				double low = (double)draws[i].gap.low, high = (double)draws[i].gap.high;
				near = fmax(near, at < low ? low - at : at > high ? at - high : 0);
				far = fmax(far, fmax(fabs(at - low), fabs(at - high)));
			}
			least = fmin(least, near);
			most = fmin(most, far);
		}
		/* A step of the trial moves 8 s by 4 ms. */
		assert_true(
		    (double)likeness.least_ns <= least + 1 && (double)likeness.least_ns >= least - 4e6);
		assert_true((double)likeness.most_ns <= most + 1 && (double)likeness.most_ns >= most - 4e6);
	}
}

/* What a gap may be at its longest and at its shortest it was not both. */
static void test_one_gap_is_not_known(void **state)
{
	(void)state;
	struct draw draws[3] = { { .gap = { 0, 1 * S }, .delay = 1 * S },
		{ .gap = { 500 * MS, 500 * MS }, .delay = 1 * S },
		{ .gap = { 600 * MS, 600 * MS }, .delay = 1 * S } };
	struct likeness likeness;
	likeness_find(draws, 3, 1, &likeness);
	assert_int_equal(likeness.most_ns, 300 * MS);
	assert_int_equal(likeness.least_ns, 50 * MS);
	draws[2].lateness = 100 * MS;
	likeness_find(draws, 3, 1, &likeness);
	assert_int_equal(likeness.most_ns, 300 * MS);
	assert_int_equal(likeness.least_ns, 0);
}

/* ---- verdicts ---- */

static int64_t attempts(struct story *story, const int64_t *gaps_ms, size_t count)
{
	int64_t at_ns = 1 * S;
	for (size_t i = 0; i <= count; i++) {
		attempt(story, (int)i + 1, at_ns, at_ns + 1 * MS, i < count ? "refused" : "connected");
		at_ns += 1 * MS + (i < count ? gaps_ms[i] * MS : 0);
	}
	return at_ns;
}

struct verdict_case {
	const char *expectation;
	int64_t gaps_ms[GAPS_MAX];
	enum verdict verdict;
	const char *reason;
};

static void test_verdicts(void **state)
{
	(void)state;
	static const struct verdict_case cases[] = {
		{ EQUAL, { 700, 1100, 3900, 2200 }, VERDICT_PASS, "" },
		{ FULL, { 10, 900, 3900, 1 }, VERDICT_PASS, "" },
		/* Always all of it, always six tenths of it. */
		{ EQUAL, { 1001, 2001, 4001, 4001 }, VERDICT_FAIL,
		    "no jitter: all 4 gaps are 100% of their delay to within 600µs; if they were drawn from "
		    "50% to "
		    "100% they would be so alike with a chance of 5e-09" },
		{ FULL, { 601, 1201, 2401, 2401 }, VERDICT_FAIL,
		    "no jitter: all 4 gaps are 60% of their delay to within 600µs; if they were drawn from "
		    "0% to 100% "
		    "they would be so alike with a chance of 6e-10" },
		/* Each alone. */
		{ EQUAL, { 300, 1100, 3900, 2200 }, VERDICT_FAIL,
		    "gap 1 (after attempt 1) was 300ms, expected 500ms to 1s ± 100ms: 100ms too short" },
		{ EQUAL, { 700, 2300, 3900, 2200 }, VERDICT_FAIL,
		    "gap 2 (after attempt 2) was 2.3s, expected 1s to 2s ± 200ms: 100ms too long" },
		{ EQUAL, { 400, 2200, 1600, 4400 }, VERDICT_PASS, "" },
		/* So alike may be chance. */
		{ TWO, { 1000, 2001 }, VERDICT_INCONCLUSIVE,
		    "2 gaps are too few, or too short, to tell whether they vary: all are 100% of their "
		    "delay to "
		    "within 333µs, which has a chance of 0.002" },
		{ TWO, { 700, 1900 }, VERDICT_PASS, "" },
		{ EQUAL, { 1000, 2001 }, VERDICT_INCONCLUSIVE, "vacuous: 2 gaps were seen, 3 are needed" },
	};
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		struct story story = story_begin();
		size_t count = 0;
		while (count < GAPS_MAX && cases[i].gaps_ms[count])
			count++;
		service_event(&story, 0, 0, "gateway", "started");
		int64_t last_ns = attempts(&story, cases[i].gaps_ms, count);
		end(&story, last_ns + 1 * S, "completed");
		expect_verdict(&story, cases[i].expectation, cases[i].verdict, cases[i].reason);
	}
}

/* A late host may make gaps seem to vary, but it knows nothing of what was drawn: it does not make them
 * alike. */
static void test_lateness(void **state)
{
	(void)state;
	static const struct {
		int64_t gaps_ms[3];
		bool is_late;
		enum verdict verdict;
		const char *reason;
	} cases[] = {
		{ { 1000, 1700, 3300 }, false, VERDICT_PASS, "" },
		{ { 1000, 1700, 3300 }, true, VERDICT_INCONCLUSIVE,
		    "3 gaps are too few, or too short, to tell whether they vary: all are 86% of their "
		    "delay to "
		    "within 140ms, which has a chance of 0.3" },
		{ { 1000, 2001, 4001 }, true, VERDICT_FAIL,
		    "no jitter: all 3 gaps are 100% of their delay to within 333µs; if they were drawn from "
		    "50% to 100% they would be so alike with a chance of 2e-06" },
	};
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		struct story story = story_begin();
		service_event(&story, 0, 0, "gateway", "started");
		int64_t last_ns = attempts(&story, cases[i].gaps_ms, 3);
		if (cases[i].is_late)
			late(&story, 1 * S, 8 * S, 400 * MS);
		end(&story, last_ns + 1 * S, "completed");
		expect_verdict(&story, EQUAL, cases[i].verdict, cases[i].reason);
	}
}

/* The next attempt is overdue when the whole range has passed. */
static void test_missing_attempt(void **state)
{
	(void)state;
	static const int64_t gaps_ms[] = { 700, 1100 };
	for (int is_over = 0; is_over < 2; is_over++) {
		struct story story = story_begin();
		service_event(&story, 0, 0, "gateway", "started");
		int64_t at_ns = 1 * S;
		for (size_t i = 0; i < 3; i++) {
			attempt(&story, (int)i + 1, at_ns, at_ns + 1 * MS, "refused");
			at_ns += 1 * MS + (i < 2 ? gaps_ms[i] * MS : 0);
		}
		end(&story, at_ns + (is_over ? 4500 * MS : 4300 * MS), "completed");
		expect_verdict(&story, TWO, is_over ? VERDICT_FAIL : VERDICT_PASS,
		    is_over ? "no attempt came after attempt 3 until 4.5s later, due after 4s" : "");
	}
}

/* Of several connections nobody knows which attempt is of which. */
static void test_pool(void **state)
{
	(void)state;
	for (int is_wrong = 0; is_wrong < 2; is_wrong++) {
		static const int64_t first_ms[] = { 0, 700, 1850, 5000 },
				     second_ms[] = { 1, 900, 2800, 5400 };
		struct story story = story_begin();
		service_event(&story, 0, 0, "gateway", "started");
		for (int i = 0; i < 4; i++) {
			int64_t at_ns = 1 * S + first_ms[i] * MS + (is_wrong && i == 3 ? 3 * S : 0);
			try(&story,
			    (struct try){ .number = 2 * i + 1, .from_ns = at_ns, .to_ns = at_ns + 2 * MS });
			at_ns = 1 * S + second_ms[i] * MS + (is_wrong && i == 3 ? 4 * S : 0);
			try(&story,
			    (struct try){ .number = 2 * i + 2, .from_ns = at_ns, .to_ns = at_ns + 2 * MS });
		}
		end(&story, (is_wrong ? 11 : 7) * S, "completed");
		expect_verdict(&story, POOL, is_wrong ? VERDICT_FAIL : VERDICT_INCONCLUSIVE,
		    is_wrong
			? "no attempt came after attempt 5 until 8.15s later, due after 4s; gap 3 (after "
			  "attempt 6, connection 2 of 2) was 5.2s, expected 2s to 4s ± 400ms: 798ms too "
			  "long; gap 4 (after attempt 7, connection 2 of 2) was 1.4s, expected 2s to 4s ± "
			  "400ms: 202ms too short"
			: "which attempt is of which of 2 connections is not known well enough to say that "
			  "the gaps vary");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_chance_is_no_less_than_it_says),
		cmocka_unit_test(test_error_is_the_least),
		cmocka_unit_test(test_one_gap_is_not_known),
		cmocka_unit_test(test_verdicts),
		cmocka_unit_test(test_lateness),
		cmocka_unit_test(test_missing_attempt),
		cmocka_unit_test(test_pool),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
