/* Connections: what is one attempt, what came out of it, what is lost. */
#include "wire/testing.h"

static const char *const one_address[] = { "10.0.0.3" };
static const char *const three_addresses[] = { "10.0.0.3", "10.0.0.4", "2001:db8::3" };

static struct story *speaking(void)
{
	return story_of(true, one_address, ARRAY_LENGTH(one_address));
}

static struct story *silent(void)
{
	return story_of(false, one_address, ARRAY_LENGTH(one_address));
}

static struct story *with_addresses(bool speaks)
{
	return story_of(speaks, three_addresses, ARRAY_LENGTH(three_addresses));
}

/* ---- outcomes ---- */

static void test_what_the_server_said(void **state)
{
	(void)state;
	static const struct {
		const char *said, *outcome;
	} cases[] = {
		{ "connected +PONG", "connected 0..3 10.0.0.3:6379 #5001 (+PONG)" },
		{ "loading -LOADING%20dataset", "loading 0..3 10.0.0.3:6379 #5001 (-LOADING dataset)" },
		{ "denied -NOAUTH", "denied 0..3 10.0.0.3:6379 #5001 (-NOAUTH)" },
		{ "tls x", "accepted 0..3 10.0.0.3:6379 #5001 (x)" },
		{ "unknown HTTP/1.1", "accepted 0..3 10.0.0.3:6379 #5001 (HTTP/1.1)" },
	};
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		struct story *story = speaking();
		say(story, "syn 0 #5001 @3; open 1 #5001 @3; asked 2 #5001 @3");
		char line[120], expected[120];
		snprintf(line, sizeof(line), "said 3 #5001 @3 %s", cases[i].said);
		say(story, line);
		advance(story, 20);
		snprintf(expected, sizeof(expected), "1 %s\n", cases[i].outcome);
		expect_told(story, expected);
		assert_int_equal(fold_open(story->fold), 1);
		story_end(story, 500, "");
	}
}

static void test_the_ends_of_a_connection_that_said_nothing(void **state)
{
	(void)state;
	static const struct {
		const char *lines, *told;
	} cases[] = {
		{ "refused 1 #5001 @3", "1 refused 0..1 10.0.0.3:6379 #5001\n" },
		{ "unreachable 1 #5001 @3 13", "1 unreachable 0..1 10.0.0.3:6379 #5001 (ICMP code 13)\n" },
		{ "gone 2000 #5001 @3", "1 timeout 0..2000 10.0.0.3:6379 #5001\n" },
		{ "open 1 #5001 @3; closed 4 #5001 @3 server", "1 closed 0..4 10.0.0.3:6379 #5001\n" },
		{ "open 1 #5001 @3; asked 2 #5001 @3; closed 4 #5001 @3 server; closed 5 #5001 @3 client",
		    "1 closed 0..4 10.0.0.3:6379 #5001\n" },
		{ "open 1 #5001 @3; asked 2 #5001 @3; reset 4 #5001 @3 server; gone 5 #5001 @3",
		    "1 reset 0..4 10.0.0.3:6379 #5001\n" },
		{ "open 1 #5001 @3; asked 2 #5001 @3; closed 2000 #5001 @3 client",
		    "1 hung 0..2000 10.0.0.3:6379 #5001\n" },
		{ "open 1 #5001 @3; asked 2 #5001 @3; reset 2000 #5001 @3 client",
		    "1 hung 0..2000 10.0.0.3:6379 #5001\n" },
		{ "open 1 #5001 @3; asked 2 #5001 @3; gone 2000 #5001 @3",
		    "1 hung 0..2000 10.0.0.3:6379 #5001\n" },
		/* The notice that it opened was lost. */
		{ "asked 2 #5001 @3; said 3 #5001 @3 connected +",
		    "1 connected 0..3 10.0.0.3:6379 #5001 (+)\n" },
		{ "reset 2 #5001 @3 server", "1 reset 0..2 10.0.0.3:6379 #5001\n" },
	};
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		struct story *story = speaking();
		say(story, "syn 0 #5001 @3");
		say(story, cases[i].lines);
		story_end(story, 9000, cases[i].told);
	}
}

/* wait-for-it, nc -z: whoever asks nothing has not waited for an answer. */
static void test_a_client_that_asks_nothing_found_it_open(void **state)
{
	(void)state;
	struct story *story = speaking();
	say(story, "syn 0 #5001 @3; open 1 #5001 @3; closed 5 #5001 @3 client; gone 6 #5001 @3");
	story_end(
	    story, 500, "1 accepted 0..[1..]5 10.0.0.3:6379 #5001\nlost 5 closed client #5001 open 0\n");
}

static void test_open_is_accepted_where_nothing_is_known_of_the_protocol(void **state)
{
	(void)state;
	struct story *story = silent();
	say(story, "syn 0 #5001 @3; open 1 #5001 @3");
	advance(story, 11);
	expect_told(story, "1 accepted 0..1 10.0.0.3:6379 #5001\n");
	say(story, "asked 12 #5001 @3; said 13 #5001 @3 unknown x; closed 20 #5001 @3 server");
	story_end(story, 500, "lost 20 closed server #5001 open 0\n");
}

static void test_open_and_silent_is_under_way_and_counted(void **state)
{
	(void)state;
	struct story *story = speaking();
	say(story, "syn 0 #5001 @3; open 1 #5001 @3; asked 2 #5001 @3");
	advance(story, 60000);
	expect_told(story, "");
	assert_int_equal(fold_open(story->fold), 1);
	say(story, "syn 70000 #5002 @3; refused 70001 #5002 @3; said 80000 #5001 @3 connected +");
	story_end(story, 90000,
	    "1 refused 70000..70001 10.0.0.3:6379 #5002 open 1\n2 connected 0..80000 10.0.0.3:6379 #5001 "
	    "(+)\n");
}

static void test_loading_ends_the_attempt_even_if_the_client_stays(void **state)
{
	(void)state;
	struct story *story = speaking();
	say(story, "syn 0 #5001 @3; open 1 #5001 @3; asked 2 #5001 @3; said 3 #5001 @3 loading L");
	say(story, "asked 1000 #5001 @3; said 1001 #5001 @3 connected +; closed 5000 #5001 @3 server");
	story_end(story, 9000, "1 loading 0..3 10.0.0.3:6379 #5001 (L)\n");
}

/* ---- one attempt ---- */

/* The first retry after a kill goes to the dead address. */
static void test_a_syn_sent_again_is_the_same_attempt(void **state)
{
	(void)state;
	struct story *story = speaking();
	say(story, "syn 0 #5001 @3; again 1000 #5001 @3; again 3000 #5001 @3; gone 5000 #5001 @3");
	say(story, "syn 6000 #5002 @3; again 7000 #5002 @3; unreachable 9100 #5002 @3 1; gone 9101 #5002 @3");
	say(story, "syn 10000 #5003 @3; again 11000 #5003 @3; open 11001 #5003 @3; asked 11002 #5003 @3");
	say(story, "said 11003 #5003 @3 connected +");
	story_end(story, 20000,
	    "1 timeout 0..5000 x3 10.0.0.3:6379 #5001\n"
	    "2 unreachable 6000..9100 x2 10.0.0.3:6379 #5002 (ICMP code 1)\n"
	    "3 connected 10000..11003 x2 10.0.0.3:6379 #5003 (+)\n");
}

static void test_the_next_address_after_a_refusal_is_the_same_attempt(void **state)
{
	(void)state;
	struct story *story = speaking();
	say(story, "query 0 #1000 7 A redis; answer 1 #1000 7 A redis noerror 3 4");
	say(story, "syn 2 #5001 @3; refused 3 #5001 @3; syn 3.5 #5002 @4; refused 4 #5002 @4");
	story_end(story, 500, "1 refused 0..4 look 1 x2 10.0.0.4:6379 #5002\n");
}

static void test_a_refusal_by_the_only_address_is_told_at_once(void **state)
{
	(void)state;
	struct story *story = with_addresses(true);
	say(story, "query 0 #1000 7 A redis; answer 1 #1000 7 A redis noerror 3");
	say(story, "syn 2 #5001 @3; refused 3 #5001 @3");
	advance(story, 13);
	expect_told(story, "1 refused 0..3 look 1 10.0.0.3:6379 #5001\n");
	/* Without a look-up, any of its addresses may be next. */
	say(story, "syn 1000 #5001 @3; refused 1001 #5001 @3");
	advance(story, 1101);
	expect_told(story, "");
	advance(story, 1112);
	expect_told(story, "2 refused 1000..1001 10.0.0.3:6379 #5001\n");
	story_end(story, 2000, "");
}

static void test_the_next_address_after_a_while_is_the_next_attempt(void **state)
{
	(void)state;
	struct story *story = with_addresses(true);
	say(story, "syn 0 #5001 @3; refused 1 #5001 @3; syn 102 #5002 @4; refused 103 #5002 @4");
	story_end(story, 500, "1 refused 0..1 10.0.0.3:6379 #5001\n2 refused 102..103 10.0.0.4:6379 #5002\n");
}

static void test_the_same_address_again_is_the_next_attempt(void **state)
{
	(void)state;
	struct story *story = with_addresses(true);
	say(story, "syn 0 #5001 @3; refused 1 #5001 @3; syn 20 #5002 @3; refused 21 #5002 @3");
	story_end(story, 500, "1 refused 0..1 10.0.0.3:6379 #5001\n2 refused 20..21 10.0.0.3:6379 #5002\n");
}

static void test_happy_eyeballs_are_one_attempt(void **state)
{
	(void)state;
	struct story *story = speaking();
	say(story, "query 0 #1000 7 A redis; query 0 #1000 8 AAAA redis");
	say(story, "answer 1 #1000 7 A redis noerror 3; answer 1 #1000 8 AAAA redis noerror v6");
	say(story, "syn 2 #5001 @v6; syn 252 #5002 @3; open 253 #5002 @3; gone 253.2 #5001 @v6");
	say(story, "asked 253.5 #5002 @3; said 254 #5002 @3 connected +");
	say(story, "closed 400 #5002 @3 server");
	story_end(story, 500,
	    "1 connected 0..254 look 1 x2 10.0.0.3:6379 #5002 (+)\nlost 400 closed server #5002 open 0\n");
}

static void test_the_loser_of_a_race_is_neither_failed_nor_lost(void **state)
{
	(void)state;
	struct story *story = with_addresses(true);
	say(story, "syn 0 #5001 @v6; syn 250 #5002 @3; open 251 #5002 @3; open 251.5 #5001 @v6");
	say(story, "closed 252 #5001 @v6 client; asked 253 #5002 @3; said 254 #5002 @3 connected +");
	advance(story, 1000);
	expect_told(story, "1 connected 0..254 x2 10.0.0.3:6379 #5002 (+)\n");
	assert_int_equal(fold_open(story->fold), 1);
	story_free(story);
	story = with_addresses(false);
	say(story, "syn 0 #5001 @v6; syn 250 #5002 @3; open 251 #5002 @3; open 251.5 #5001 @v6");
	say(story, "reset 252 #5001 @v6 client; gone 253 #5001 @v6");
	advance(story, 1000);
	expect_told(story, "1 accepted 0..251 x2 10.0.0.3:6379 #5002\n");
	assert_int_equal(fold_open(story->fold), 1);
	story_end(story, 2000, "");
}

static void test_a_race_nobody_wins_is_one_attempt(void **state)
{
	(void)state;
	struct story *story = with_addresses(true);
	say(story, "syn 0 #5001 @v6; syn 250 #5002 @3; gone 2000 #5001 @v6; gone 2000.1 #5002 @3");
	story_end(story, 9000, "1 timeout 0..2000.1 x2 10.0.0.3:6379 #5002\n");
}

static void test_a_loser_that_is_used_was_an_attempt(void **state)
{
	(void)state;
	struct story *story = with_addresses(false);
	say(story, "syn 0 #5001 @v6; syn 250 #5002 @3; open 251 #5002 @3; open 252 #5001 @v6");
	say(story, "asked 260 #5001 @v6; closed 300 #5001 @v6 server");
	story_end(story, 500,
	    "1 accepted 0..251 x2 10.0.0.3:6379 #5002\n"
	    "2 accepted 0..[252..]260 [2001:db8::3]:6379 #5001 open 1\n"
	    "lost 300 closed server #5001 open 1\n");
	story = with_addresses(true);
	say(story, "syn 0 #5001 @v6; syn 250 #5002 @3; open 251 #5002 @3; open 252 #5001 @v6");
	say(story, "asked 260 #5002 @3; said 261 #5002 @3 connected a; asked 270 #5001 @v6");
	say(story, "said 271 #5001 @v6 connected b");
	story_end(story, 500,
	    "1 connected 0..261 x2 10.0.0.3:6379 #5002 (a)\n"
	    "2 connected 0..271 [2001:db8::3]:6379 #5001 open 1 (b)\n");
}

/* ---- several connections ---- */

static void test_a_pool_is_as_many_attempts(void **state)
{
	(void)state;
	struct story *story = silent();
	say(story, "syn 0 #5001 @3; syn 0.1 #5002 @3; open 1 #5001 @3; open 1.1 #5002 @3");
	say(story, "syn 50 #5003 @3; open 51 #5003 @3");
	story_end(story, 500,
	    "1 accepted 0..1 10.0.0.3:6379 #5001\n"
	    "2 accepted 0.1..1.1 10.0.0.3:6379 #5002\n"
	    "3 accepted 50..51 10.0.0.3:6379 #5003 open 2\n");
}

static void test_a_pool_over_two_addresses_is_no_race(void **state)
{
	(void)state;
	struct story *story = with_addresses(false);
	say(story, "syn 0 #5001 @3; syn 0.1 #5002 @4; open 1 #5001 @3; open 1.1 #5002 @4");
	story_end(
	    story, 500, "1 accepted 0..1 10.0.0.3:6379 #5001\n2 accepted 0.1..1.1 10.0.0.4:6379 #5002\n");
}

static void test_look_ups_of_a_pool_have_a_syn_each(void **state)
{
	(void)state;
	struct story *story = speaking();
	say(story, "query 0 #1000 1 A redis; query 0.1 #1001 2 A redis");
	say(story, "answer 1 #1001 2 A redis noerror 3; answer 1.1 #1000 1 A redis noerror 3");
	say(story, "syn 2 #5001 @3; refused 3 #5001 @3; syn 4 #5002 @3; refused 5 #5002 @3");
	story_end(story, 500,
	    "1 refused 0..3 look 1.1 10.0.0.3:6379 #5001\n"
	    "2 refused 0.1..5 look 0.9 10.0.0.3:6379 #5002\n");
}

static void test_every_end_of_an_established_connection_is_told(void **state)
{
	(void)state;
	struct story *story = silent();
	say(story, "syn 0 #1 @3; open 1 #1 @3; syn 2 #2 @3; open 3 #2 @3; syn 4 #3 @3; open 5 #3 @3");
	say(story, "syn 6 #4 @3; open 7 #4 @3");
	advance(story, 50);
	buf_clear(&story->told);
	assert_int_equal(fold_open(story->fold), 4);
	say(story, "closed 100 #1 @3 server; closed 101 #1 @3 client; gone 102 #1 @3");
	say(story, "reset 110 #2 @3 server; closed 120 #3 @3 client; gone 130 #4 @3");
	story_end(story, 500,
	    "lost 100 closed server #1 open 3\n"
	    "lost 110 reset server #2 open 2\n"
	    "lost 120 closed client #3 open 1\n"
	    "lost 130 gone somebody #4 open 0\n");
}

static void test_a_port_used_again_ends_what_was_there(void **state)
{
	(void)state;
	struct story *story = silent();
	say(story, "syn 0 #1 @3; open 1 #1 @3; syn 500 #1 @3; again 1500 #1 @3; syn 3000 #1 @3");
	say(story, "open 3001 #1 @3");
	story_end(story, 9000,
	    "1 accepted 0..1 10.0.0.3:6379 #1\n"
	    "lost 1..500 gone somebody #1 open 0\n"
	    "2 timeout 500..[1500..]3000 x2 10.0.0.3:6379 #1\n"
	    "3 accepted 3000..3001 10.0.0.3:6379 #1\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_the_server_said),
		cmocka_unit_test(test_the_ends_of_a_connection_that_said_nothing),
		cmocka_unit_test(test_a_client_that_asks_nothing_found_it_open),
		cmocka_unit_test(test_open_is_accepted_where_nothing_is_known_of_the_protocol),
		cmocka_unit_test(test_open_and_silent_is_under_way_and_counted),
		cmocka_unit_test(test_loading_ends_the_attempt_even_if_the_client_stays),
		cmocka_unit_test(test_a_syn_sent_again_is_the_same_attempt),
		cmocka_unit_test(test_the_next_address_after_a_refusal_is_the_same_attempt),
		cmocka_unit_test(test_a_refusal_by_the_only_address_is_told_at_once),
		cmocka_unit_test(test_the_next_address_after_a_while_is_the_next_attempt),
		cmocka_unit_test(test_the_same_address_again_is_the_next_attempt),
		cmocka_unit_test(test_happy_eyeballs_are_one_attempt),
		cmocka_unit_test(test_the_loser_of_a_race_is_neither_failed_nor_lost),
		cmocka_unit_test(test_a_race_nobody_wins_is_one_attempt),
		cmocka_unit_test(test_a_loser_that_is_used_was_an_attempt),
		cmocka_unit_test(test_a_pool_is_as_many_attempts),
		cmocka_unit_test(test_a_pool_over_two_addresses_is_no_race),
		cmocka_unit_test(test_look_ups_of_a_pool_have_a_syn_each),
		cmocka_unit_test(test_every_end_of_an_established_connection_is_told),
		cmocka_unit_test(test_a_port_used_again_ends_what_was_there),
	};
	return cmocka_run_group_tests_name("fold_connection", tests, NULL, NULL);
}
