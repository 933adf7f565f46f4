#include "base/random.h"

#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define WORDS(...) ((const char *const[]){ __VA_ARGS__, NULL })

/* The first numbers of Vigna's splitmix64.c from the state 1234567, as Rosetta Code publishes them
 * ("Pseudo-random numbers/Splitmix64"). */
static void test_published(void **state)
{
	(void)state;
	static const uint64_t published[] = { UINT64_C(6457827717110365317), UINT64_C(3203168211198807973),
		UINT64_C(9817491932198370423), UINT64_C(4593380528125082431),
		UINT64_C(16408922859458223821) };
	struct random_stream stream = { 1234567 };
	for (size_t i = 0; i < ARRAY_LENGTH(published); i++)
		assert_true(random_next(&stream) == published[i]);
}

/* A seed that somebody wrote down last year still means what it meant. */
static void test_stays(void **state)
{
	(void)state;
	struct random_stream stream = random_stream(42, WORDS("delayed-redis", "start-redis"));
	assert_int_equal(random_up_to(&stream, 500000000), 10082107);
	assert_int_equal(random_up_to(&stream, 500000000), 287607717);
}

static uint64_t first_of(int64_t seed, const char *const *words)
{
	struct random_stream stream = random_stream(seed, words);
	return random_next(&stream);
}

static void test_every_word_counts(void **state)
{
	(void)state;
	const uint64_t firsts[] = {
		first_of(1, WORDS("a", "bc")),
		first_of(2, WORDS("a", "bc")),
		first_of(1, WORDS("ab", "c")),
		first_of(1, WORDS("abc")),
		first_of(1, WORDS("bc", "a")),
		first_of(1, WORDS("a", "bc", "")),
		first_of(1, WORDS("")),
		first_of(SEED_MAX, WORDS("a", "bc")),
	};
	for (size_t i = 0; i < ARRAY_LENGTH(firsts); i++)
		for (size_t k = 0; k < i; k++)
			assert_true(firsts[i] != firsts[k]);
	assert_true(first_of(1, WORDS("a", "bc")) == firsts[0]);
}

/* Both ends are drawn, nothing beyond them, and nothing more often than chance has it. */
static void test_even(void **state)
{
	(void)state;
	enum { SIDES = 6, THROWS = 60000 };
	size_t counts[SIDES] = { 0 };
	struct random_stream stream = random_stream(7, WORDS("a die"));
	for (size_t i = 0; i < THROWS; i++) {
		int64_t side = random_up_to(&stream, SIDES - 1);
		assert_in_range(side, 0, SIDES - 1);
		counts[side]++;
	}
	double chi_squared = 0, wanted = (double)THROWS / SIDES;
	for (size_t i = 0; i < SIDES; i++)
		chi_squared += ((double)counts[i] - wanted) * ((double)counts[i] - wanted) / wanted;
	assert_true(chi_squared < 20.5); /* 5 degrees of freedom: exceeded once in a thousand seeds */
	assert_int_equal(random_up_to(&stream, 0), 0);
	assert_in_range(random_up_to(&stream, INT64_MAX), 0, INT64_MAX);
}

/* 2^64 is 2 2/3 times the count here: by a plain remainder the lowest third would come with 3 of 8. */
static void test_no_remainder(void **state)
{
	(void)state;
	const int64_t most = INT64_MAX / 2 + INT64_MAX / 4;
	size_t low = 0, throws = 30000;
	struct random_stream stream = random_stream(8, WORDS("remainder"));
	for (size_t i = 0; i < throws; i++)
		low += random_up_to(&stream, most) < most / 3;
	assert_in_range(low, throws / 3 - 500, throws / 3 + 500);
}

/* A maximum that is divided divides what was drawn, and changes nothing else: the same race at another speed.
 */
static void test_shares_scale(void **state)
{
	(void)state;
	const int64_t most = 500000000, speeds[] = { 1, 2, 20, 1000 };
	for (int64_t seed = 1; seed <= 1000; seed++) {
		struct random_stream first = random_stream(seed, WORDS("delayed-redis", "start-redis"));
		struct random_stream plain = first;
		int64_t whole = random_share_of(&plain, most);
		for (size_t i = 0; i < ARRAY_LENGTH(speeds); i++) {
			struct random_stream stream = first;
			int64_t told = random_share_of(&stream, most / speeds[i]) * speeds[i];
			assert_in_range(told, whole > speeds[i] ? whole - speeds[i] : 0, whole + speeds[i]);
			assert_true(stream.state == plain.state);
		}
	}
}

/* In each hundredth of the maximum as often as in any other. */
static void test_shares_are_even(void **state)
{
	(void)state;
	enum { PARTS = 100, DRAWN = 200000 };
	const int64_t most = 499999999;
	size_t counts[PARTS] = { 0 };
	struct random_stream stream = random_stream(9, WORDS("shares"));
	for (size_t i = 0; i < DRAWN; i++) {
		int64_t share = random_share_of(&stream, most);
		assert_in_range(share, 0, most);
		counts[share / ((most + 1) / PARTS)]++;
	}
	double chi_squared = 0, wanted = (double)DRAWN / PARTS;
	for (size_t i = 0; i < PARTS; i++)
		chi_squared += ((double)counts[i] - wanted) * ((double)counts[i] - wanted) / wanted;
	assert_true(chi_squared < 148.3); /* 99 degrees of freedom: exceeded once in a thousand seeds */
}

/* Next to nothing and next to all of it are drawn, and never more than that. */
static void test_shares_end_at_the_maximum(void **state)
{
	(void)state;
	const int64_t mosts[] = { 0, 1, 2, 1000, INT64_MAX - 1, INT64_MAX };
	struct random_stream stream = random_stream(10, WORDS("ends"));
	for (size_t i = 0; i < ARRAY_LENGTH(mosts); i++) {
		int64_t least = INT64_MAX, largest = 0;
		for (size_t k = 0; k < 20000; k++) {
			int64_t share = random_share_of(&stream, mosts[i]);
			assert_in_range(share, 0, mosts[i]);
			least = share < least ? share : least;
			largest = share > largest ? share : largest;
		}
		assert_in_range(least, 0, mosts[i] / 1000);
		assert_in_range(largest, mosts[i] - mosts[i] / 1000, mosts[i]);
	}
	/* The state after which 0 is drawn, the least there is. */
	struct random_stream nothing = { (uint64_t)0 - UINT64_C(0x9e3779b97f4a7c15) };
	assert_int_equal(random_share_of(&nothing, INT64_MAX), 0);
}

/* A seed that is written down draws the same delay in every version. */
static void test_share_stays(void **state)
{
	(void)state;
	struct random_stream stream = random_stream(42, WORDS("delayed-redis", "step", "start-redis"));
	assert_int_equal(random_share_of(&stream, 500000000), 399894907);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_published),
		cmocka_unit_test(test_stays),
		cmocka_unit_test(test_every_word_counts),
		cmocka_unit_test(test_even),
		cmocka_unit_test(test_no_remainder),
		cmocka_unit_test(test_shares_scale),
		cmocka_unit_test(test_shares_are_even),
		cmocka_unit_test(test_shares_end_at_the_maximum),
		cmocka_unit_test(test_share_stays),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
