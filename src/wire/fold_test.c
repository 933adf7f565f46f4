/* Look-ups, time and order. Connections are in fold_connection_test.c. */
#include "wire/testing.h"

static const char *const addresses[] = { "10.0.0.3" };

static struct story *speaking(void)
{
	return story_of(true, addresses, ARRAY_LENGTH(addresses));
}

/* ---- what is one attempt ---- */

static void test_an_attempt_begins_with_the_look_up(void **state)
{
	(void)state;
	struct story *story = speaking();
	say(story, "query 0 #1000 7 A redis; answer 0.2 #1000 7 A redis noerror 3");
	say(story,
	    "syn 0.3 #5001 @3; open 0.4 #5001 @3; asked 0.5 #5001 @3; said 1 #5001 @3 connected +PONG");
	story_end(story, 500, "1 connected 0..1 look 0.2 10.0.0.3:6379 #5001 (+PONG)\n");
}

static void test_an_attempt_begins_with_the_syn_when_nothing_was_looked_up(void **state)
{
	(void)state;
	struct story *story = speaking();
	say(story, "syn 3 #5001 @3; refused 4 #5001 @3; gone 4.1 #5001 @3");
	story_end(story, 500, "1 refused 3..4 10.0.0.3:6379 #5001\n");
}

static void test_a_and_aaaa_in_parallel(void **state)
{
	(void)state;
	struct story *story = speaking();
	say(story, "query 0 #1000 7 A redis; query 0.1 #1000 8 AAAA redis");
	say(story, "answer 0.2 #1000 7 A redis nxdomain; answer 0.5 #1000 8 AAAA redis nxdomain");
	story_end(story, 500, "1 nxdomain 0..0.5 look 0.5\n");
}

static void test_a_and_aaaa_in_sequence(void **state)
{
	(void)state;
	struct story *story = speaking();
	say(story, "query 0 #1000 7 AAAA redis; answer 0.2 #1000 7 AAAA redis noerror");
	say(story, "query 40 #1001 8 A redis; answer 40.5 #1001 8 A redis noerror 3");
	say(story, "syn 41 #5001 @3; refused 42 #5001 @3");
	story_end(story, 500, "1 refused 0..42 look 40.5 10.0.0.3:6379 #5001\n");
}

static void test_search_domains_after_nxdomain(void **state)
{
	(void)state;
	struct story *story = speaking();
	say(story, "query 0 #1000 1 A redis.localdomain; query 0 #1000 2 AAAA redis.localdomain");
	say(story, "answer 1 #1000 1 A redis.localdomain nxdomain");
	say(story, "answer 1 #1000 2 AAAA redis.localdomain nxdomain");
	say(story, "query 2 #1001 3 A redis; query 2 #1001 4 AAAA redis");
	say(story, "answer 3 #1001 3 A redis nxdomain; answer 3.5 #1001 4 AAAA redis nxdomain");
	story_end(story, 500, "1 nxdomain 0..3.5 look 3.5\n");
}

static void test_a_search_domain_that_comes_too_late_is_an_attempt(void **state)
{
	(void)state;
	struct story *story = speaking();
	say(story, "query 0 #1000 1 A redis; answer 1 #1000 1 A redis nxdomain");
	say(story, "query 102 #1001 3 A redis.lan; answer 103 #1001 3 A redis.lan nxdomain");
	story_end(story, 500, "1 nxdomain 0..1 look 1\n2 nxdomain 102..103 look 1\n");
}

static void test_an_alias_is_not_a_search_domain(void **state)
{
	(void)state;
	struct story *story = speaking();
	say(story, "query 0 #1000 1 A redis; answer 1 #1000 1 A redis nxdomain");
	say(story, "query 2 #1001 3 A Cache.Example.Com; answer 3 #1001 3 A cache.example.com nxdomain");
	story_end(story, 500, "1 nxdomain 0..1 look 1\n2 nxdomain 2..3 look 1\n");
}

static void test_a_query_sent_again_is_the_same_attempt(void **state)
{
	(void)state;
	struct story *story = speaking();
	say(story, "query 0 #1000 7 A redis; query 5000 #1000 7 A redis");
	say(story, "answer 7000 #1000 7 A redis nxdomain; answer 12000 #1000 7 A redis nxdomain");
	story_end(story, 20000, "1 nxdomain 0..7000 look 7000\n");
}

static void test_a_query_that_crosses_its_answer_is_nothing(void **state)
{
	(void)state;
	struct story *story = speaking();
	say(story, "query 0 #1000 7 A redis; answer 5000 #1000 7 A redis nxdomain");
	say(story, "query 5000.2 #1000 7 A redis; answer 10000 #1000 7 A redis nxdomain");
	say(story, "query 10100 #1000 7 A redis; answer 10101 #1000 7 A redis nxdomain");
	story_end(story, 20000, "1 nxdomain 0..5000 look 5000\n2 nxdomain 10100..10101 look 1\n");
}

static void test_a_resolvers_next_try_is_the_same_attempt(void **state)
{
	(void)state;
	struct story *story = speaking();
	say(story, "query 0 #1000 7 A redis; abandoned 5000 #1000");
	say(story, "query 5001 #1001 99 A redis; abandoned 10001 #1001");
	story_end(story, 20000, "1 dns-timeout 0..10001 look 10001\n");
}

static void test_a_next_try_after_a_while_is_the_next_attempt(void **state)
{
	(void)state;
	struct story *story = speaking();
	say(story, "query 0 #1000 7 A redis; abandoned 5000 #1000");
	say(story, "query 5006 #1001 99 A redis; abandoned 10006 #1001");
	story_end(story, 20000, "1 dns-timeout 0..5000 look 5000\n2 dns-timeout 5006..10006 look 5000\n");
}

/* An application that asks again at once after its resolver tried twice. */
static void test_a_third_try_is_the_next_attempt_unless_its_id_is_the_same(void **state)
{
	(void)state;
	struct story *story = speaking();
	say(story, "query 0 #1000 7 A redis; abandoned 5000 #1000");
	say(story, "query 5001 #1001 8 A redis; abandoned 10001 #1001");
	say(story, "query 10002 #1002 8 A redis; abandoned 15002 #1002");
	say(story, "query 15003 #1003 9 A redis; abandoned 20003 #1003");
	story_end(story, 30000, "1 dns-timeout 0..15002 look 15002\n2 dns-timeout 15003..20003 look 5000\n");
}

/* glibc and musl send the same packet once more after SERVFAIL. */
static void test_servfail_is_tried_again_by_the_resolver(void **state)
{
	(void)state;
	struct story *story = speaking();
	say(story, "query 0 #1000 7 A redis; answer 1 #1000 7 A redis servfail");
	say(story, "query 2 #1001 7 A redis; answer 3 #1001 7 A redis servfail");
	say(story, "query 4 #1002 8 A redis; answer 5 #1002 8 A redis servfail");
	story_end(story, 500, "1 servfail 0..3 look 3\n2 servfail 4..5 look 1\n");
}

static void test_a_third_question_after_servfail_is_another_call(void **state)
{
	(void)state;
	struct story *story = speaking();
	say(story, "query 0 #1000 7 A redis; answer 1 #1000 7 A redis servfail");
	say(story, "query 2 #1001 8 A redis; answer 3 #1001 8 A redis servfail");
	say(story, "query 4 #1002 9 A redis; answer 5 #1002 9 A redis servfail");
	story_end(story, 500, "1 servfail 0..3 look 3\n2 servfail 4..5 look 1\n");
}

/* A pool: once the resolver is known to ask again with the same id, another id is another call. */
static void test_another_id_after_servfail_is_another_call_where_ids_are_kept(void **state)
{
	(void)state;
	struct story *story = speaking();
	say(story, "query 0 #1000 7 A redis; query 3 #1000 7 A redis; answer 4 #1000 7 A redis servfail");
	say(story, "query 50 #1001 8 A redis; answer 51 #1001 8 A redis servfail");
	say(story, "query 52 #1002 9 A redis; answer 53 #1002 9 A redis servfail");
	say(story, "query 53.5 #1003 8 A redis; answer 54 #1003 8 A redis servfail");
	story_end(story, 500, "1 servfail 0..4 look 4\n2 servfail 52..53 look 1\n3 servfail 50..54 look 4\n");
}

static void test_the_same_question_after_its_answer_begins_an_attempt(void **state)
{
	(void)state;
	struct story *story = speaking();
	say(story, "query 0 #1000 7 A redis; answer 1 #1000 7 A redis nxdomain");
	say(story, "query 3 #1001 7 A redis; answer 4 #1001 7 A redis nxdomain");
	say(story, "query 6 #1002 9 A redis; answer 7 #1002 9 A redis nxdomain");
	story_end(story, 500, "1 nxdomain 0..1 look 1\n2 nxdomain 3..4 look 1\n3 nxdomain 6..7 look 1\n");
}

static void test_look_ups_in_parallel_are_attempts_of_their_own(void **state)
{
	(void)state;
	struct story *story = speaking();
	say(story, "query 0 #1000 1 A redis; query 0.1 #1001 2 A redis");
	say(story, "query 0.2 #1000 3 AAAA redis; query 0.3 #1001 4 AAAA redis");
	say(story, "answer 1 #1000 1 A redis nxdomain; answer 1.1 #1001 2 A redis nxdomain");
	say(story, "answer 1.2 #1001 4 AAAA redis nxdomain; answer 1.5 #1000 3 AAAA redis nxdomain");
	story_end(story, 500, "1 nxdomain 0.1..1.2 look 1.1\n2 nxdomain 0..1.5 look 1.5\n");
}

/* ---- what comes out of a look-up ---- */

static void test_the_worst_answer_counts(void **state)
{
	(void)state;
	struct story *story = speaking();
	say(story, "query 0 #1000 1 A redis; query 0 #1000 2 AAAA redis");
	say(story, "answer 1 #1000 1 A redis servfail; answer 2 #1000 2 AAAA redis nxdomain");
	advance(story, 1000);
	expect_told(story, "1 servfail 0..2 look 2\n");
	say(story, "query 2000 #1001 1 A redis; query 2000 #1001 2 AAAA redis");
	say(story, "answer 2001 #1001 1 A redis servfail; abandoned 7000 #1001");
	story_end(story, 9000, "2 dns-timeout 2000..7000 look 5000\n");
}

static void test_no_address_is_as_no_name(void **state)
{
	(void)state;
	struct story *story = speaking();
	say(story, "query 0 #1000 1 A redis; answer 1 #1000 1 A redis noerror");
	story_end(story, 500, "1 nxdomain 0..1 look 1\n");
}

static void test_one_family_is_enough(void **state)
{
	(void)state;
	struct story *story = speaking();
	say(story, "query 0 #1000 1 A redis; query 0 #1000 2 AAAA redis");
	say(story, "answer 1 #1000 1 A redis noerror 3; abandoned 5000 #1000");
	say(story, "syn 5001 #5001 @3; refused 5002 #5001 @3");
	story_end(story, 9000, "1 refused 0..5002 look 5000 10.0.0.3:6379 #5001\n");
}

static void test_a_health_check_that_only_resolves_is_no_attempt(void **state)
{
	(void)state;
	struct story *story = speaking();
	for (int i = 0; i < 10; i++) {
		char lines[160];
		snprintf(lines, sizeof(lines),
		    "query %d #1000 %d A redis; answer %d.5 #1000 %d A redis noerror 3", 50 * i, i, 50 * i,
		    i);
		say(story, lines);
	}
	say(story, "query 475 #1001 77 A redis; answer 475.2 #1001 77 A redis noerror 3");
	say(story, "syn 475.5 #5001 @3; refused 476 #5001 @3");
	story_end(story, 1000, "1 refused 475..476 look 0.2 10.0.0.3:6379 #5001\n");
}

static void test_a_look_up_of_long_ago_does_not_begin_an_attempt(void **state)
{
	(void)state;
	struct story *story = speaking();
	say(story, "query 0 #1000 7 A redis; answer 0.5 #1000 7 A redis noerror 3");
	say(story, "syn 1001 #5001 @3; refused 1002 #5001 @3");
	story_end(story, 2000, "1 refused 1001..1002 10.0.0.3:6379 #5001\n");
}

static void test_a_stale_address_is_the_dependencys(void **state)
{
	(void)state;
	struct story *story = speaking();
	say(story, "syn 0 #5000 @9; refused 0.1 #5000 @9");
	say(story, "query 10 #1000 7 A redis; answer 10.5 #1000 7 A redis noerror 9");
	say(story, "syn 11 #5001 @9; gone 2011 #5001 @9; syn 3000 #5002 @9; gone 5000 #5002 @9");
	story_end(story, 9000,
	    "1 timeout 10..2011 look 0.5 10.0.0.9:6379 #5001\n2 timeout 3000..5000 10.0.0.9:6379 #5002\n");
}

static void test_other_destinations_are_ignored(void **state)
{
	(void)state;
	struct story *story = speaking();
	say(story, "query 0 #1000 7 A postgres; answer 1 #1000 7 A postgres nxdomain");
	say(story, "query 2 #1000 8 A redistribution; answer 3 #1000 8 A redistribution nxdomain");
	say(story, "query 4 #1000 9 15 redis; answer 5 #1000 9 15 redis nxdomain");
	say(story,
	    "syn 6 #5000 @9; refused 7 #5000 @9; syn 8 #5000 10.0.0.3:5432; refused 9 #5000 10.0.0.3:5432");
	say(story, "refused 10 #5001 @3; open 11 #5001 @3; gone 12 #5001 @3");
	story_end(story, 500, "");
}

/* ---- time and order ---- */

static void test_failed_look_ups_are_told_when_silence_has_told_them(void **state)
{
	(void)state;
	struct story *story = speaking();
	say(story, "query 0 #1000 7 A redis; answer 1 #1000 7 A redis nxdomain");
	advance(story, 11);
	assert_int_equal(fold_due_ns(story->fold), STORY_BEGIN_NS + 111 * NS_PER_MS + 1);
	advance(story, 111);
	expect_told(story, "");
	fold_advance(story->fold, fold_due_ns(story->fold));
	expect_told(story, "1 nxdomain 0..1 look 1\n");
	assert_int_equal(fold_due_ns(story->fold), INT64_MAX);
	story_end(story, 500, "");
}

static void test_due_is_when_the_next_notice_may_be_looked_at(void **state)
{
	(void)state;
	struct story *story = speaking();
	assert_int_equal(fold_due_ns(story->fold), INT64_MAX);
	say(story, "syn 3 #5001 @3; refused 4 #5001 @3");
	assert_int_equal(fold_due_ns(story->fold), STORY_BEGIN_NS + 13 * NS_PER_MS);
	advance(story, 13.9);
	expect_told(story, "");
	fold_advance(story->fold, fold_due_ns(story->fold));
	expect_told(story, "1 refused 3..4 10.0.0.3:6379 #5001\n");
	story_end(story, 500, "");
}

static void test_lines_of_others_move_time(void **state)
{
	(void)state;
	struct story *story = speaking();
	say(story, "syn 3 #5001 @3; refused 4 #5001 @3; query 14 #1000 1 A example.com");
	expect_told(story, "1 refused 3..4 10.0.0.3:6379 #5001\n");
	story_end(story, 500, "");
}

static void test_a_syn_before_the_line_of_its_answer(void **state)
{
	(void)state;
	struct story *story = story_of(true, NULL, 0);
	say(story, "query 0 #1000 7 A redis; syn 0.3 #5001 @3; answer 0.2 #1000 7 A redis noerror 3");
	say(story, "refused 0.4 #5001 @3");
	story_end(story, 500, "1 refused 0..0.4 look 0.2 10.0.0.3:6379 #5001\n");
}

static void test_a_syn_with_an_earlier_stamp_than_its_answer(void **state)
{
	(void)state;
	struct story *story = story_of(true, NULL, 0);
	say(story, "query 0 #1000 7 A redis; syn 0.3 #5001 @3; refused 0.4 #5001 @3");
	say(story, "answer 9 #1000 7 A redis noerror 3");
	story_end(story, 500, "1 refused 0..0.4 look 0.3 10.0.0.3:6379 #5001\n");
}

/* While nobody has the address, the agent finds the SYN in a list of sockets and tells it later than its
 * stamp says. */
static void test_a_syn_that_is_told_late_finds_its_look_up(void **state)
{
	(void)state;
	struct story *story = speaking();
	say(story, "query 0 #1000 7 A redis; answer 0.5 #1000 7 A redis noerror 3");
	advance(story, 40);
	say(story, "syn 0.6 #5001 @3; gone 3000 #5001 @3");
	story_end(story, 5000, "1 timeout 0..3000 look 0.5 10.0.0.3:6379 #5001\n");
}

static void test_the_end_of_a_socket_before_its_refusal(void **state)
{
	(void)state;
	struct story *story = speaking();
	say(story, "syn 0 #5001 @3; gone 0.5 #5001 @3; query 8 #1000 1 A redis; refused 0.4 #5001 @3");
	say(story, "answer 8.5 #1000 1 A redis nxdomain");
	story_end(story, 500, "1 refused 0..0.4 10.0.0.3:6379 #5001\n2 nxdomain 8..8.5 look 0.5\n");
}

static void test_attempts_are_told_in_the_order_of_their_ends(void **state)
{
	(void)state;
	struct story *story = speaking();
	say(story, "syn 0 #5001 @3; query 1 #1000 7 A redis; answer 2 #1000 7 A redis nxdomain");
	say(story, "refused 20 #5001 @3");
	advance(story, 50);
	expect_told(story, "");
	advance(story, 150);
	expect_told(story, "1 nxdomain 1..2 look 1\n2 refused 0..20 10.0.0.3:6379 #5001\n");
	story_end(story, 500, "");
}

static void test_what_is_under_way_at_the_end_is_pending(void **state)
{
	(void)state;
	struct story *story = speaking();
	say(story, "query 0 #1000 7 A redis; syn 1 #5001 @3; again 1001 #5001 @3; syn 2 #5002 @3");
	say(story, "open 3 #5002 @3; asked 4 #5002 @3; query 1190 #1001 7 A redis");
	say(story, "answer 1191 #1001 7 A redis nxdomain; query 1195 #1002 8 A redis");
	say(story, "answer 1196 #1002 8 A redis noerror 3");
	story_end(story, 1200,
	    "1 nxdomain 1190..1191 look 1 open 1\n"
	    "2 pending 0..1200 look 1200\n"
	    "3 pending 1..1200 x2 10.0.0.3:6379 #5001\n"
	    "4 pending 2..1200 10.0.0.3:6379 #5002\n");
}

/* ---- what the agent lost ---- */

static void test_after_a_loss_a_look_up_ends_with_the_next_sign_of_life(void **state)
{
	(void)state;
	struct story *story = speaking();
	say(story, "query 0 #1000 7 A redis; query 5000 #1000 7 A redis; lost 8000 3");
	say(story, "query 12000 #1001 9 A redis; answer 12001 #1001 9 A redis nxdomain");
	story_end(
	    story, 20000, "1 dns-timeout 0..[5000..]12000 look 12000\n2 nxdomain 12000..12001 look 1\n");
}

static void test_after_a_loss_a_connection_ends_with_the_next_sign_of_life(void **state)
{
	(void)state;
	struct story *story = speaking();
	say(story,
	    "syn 0 #5001 @3; again 1000 #5001 @3; lost 2000 1; syn 6000 #5002 @3; refused 6001 #5002 @3");
	story_end(story, 20000,
	    "1 timeout 0..[1000..]6000 x2 10.0.0.3:6379 #5001\n2 refused 6000..6001 10.0.0.3:6379 #5002\n");
}

static void test_after_a_loss_a_syn_does_without_its_answer(void **state)
{
	(void)state;
	struct story *story = speaking();
	say(story, "query 0 #1000 7 A redis; lost 1 1; syn 2 #5001 @3; refused 3 #5001 @3");
	story_end(story, 500, "1 refused 0..3 look 2 10.0.0.3:6379 #5001\n");
}

/* c-ares keeps its socket: no end of it is seen. */
static void test_another_id_on_the_same_socket_gives_up_the_first(void **state)
{
	(void)state;
	struct story *story = speaking();
	say(story,
	    "query 0 #1000 7 A redis; query 6000 #1000 8 A redis; answer 6001 #1000 8 A redis nxdomain");
	story_end(story, 20000, "1 dns-timeout 0..[0..]6000 look 6000\n2 nxdomain 6000..6001 look 1\n");
}

static void test_another_id_on_the_same_socket_soon_is_asked_in_parallel(void **state)
{
	(void)state;
	struct story *story = speaking();
	say(story, "query 0 #1000 7 A redis; query 900 #1000 8 A redis");
	say(story, "answer 1000 #1000 7 A redis nxdomain; answer 1001 #1000 8 A redis nxdomain");
	story_end(story, 20000, "1 nxdomain 0..1000 look 1000\n2 nxdomain 900..1001 look 101\n");
}

/* ---- bounds ---- */

static void test_the_oldest_is_forgotten_and_counted(void **state)
{
	(void)state;
	struct story *story = story_of(false, addresses, ARRAY_LENGTH(addresses));
	enum { MOST = 4096, MORE = 5 };
	for (int i = 0; i < MOST + MORE; i++) {
		char lines[160];
		snprintf(lines, sizeof(lines), "syn %d #%d @3; open %d.5 #%d @3", i, 10000 + i, i, 10000 + i);
		say(story, lines);
	}
	advance(story, MOST + MORE + 20);
	assert_int_equal(fold_forgotten(story->fold), MORE);
	assert_int_equal(fold_open(story->fold), MOST);
	buf_clear(&story->told);
	say(story, "closed 9000 #10000 @3 client; closed 9001 #10005 @3 client");
	story_end(story, 9100, "lost 9001 closed client #10005 open 4095\n");
}

static void test_attempts_under_way_are_bounded(void **state)
{
	(void)state;
	struct story *story = speaking();
	enum { MOST = 1024, MORE = 7 };
	for (int i = 0; i < MOST + MORE; i++) {
		char line[80];
		snprintf(line, sizeof(line), "syn %d #%d @3", i, 10000 + i);
		say(story, line);
	}
	advance(story, MOST + MORE + 20);
	assert_int_equal(fold_forgotten(story->fold), MORE);
	say(story, "refused 2000 #10000 @3; refused 2001 #10007 @3");
	advance(story, 2100);
	expect_told(story, "1 refused 7..2001 10.0.0.3:6379 #10007\n");
	story_free(story);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_attempt_begins_with_the_look_up),
		cmocka_unit_test(test_an_attempt_begins_with_the_syn_when_nothing_was_looked_up),
		cmocka_unit_test(test_a_and_aaaa_in_parallel),
		cmocka_unit_test(test_a_and_aaaa_in_sequence),
		cmocka_unit_test(test_search_domains_after_nxdomain),
		cmocka_unit_test(test_a_search_domain_that_comes_too_late_is_an_attempt),
		cmocka_unit_test(test_an_alias_is_not_a_search_domain),
		cmocka_unit_test(test_a_query_sent_again_is_the_same_attempt),
		cmocka_unit_test(test_a_query_that_crosses_its_answer_is_nothing),
		cmocka_unit_test(test_a_resolvers_next_try_is_the_same_attempt),
		cmocka_unit_test(test_a_next_try_after_a_while_is_the_next_attempt),
		cmocka_unit_test(test_a_third_try_is_the_next_attempt_unless_its_id_is_the_same),
		cmocka_unit_test(test_servfail_is_tried_again_by_the_resolver),
		cmocka_unit_test(test_a_third_question_after_servfail_is_another_call),
		cmocka_unit_test(test_another_id_after_servfail_is_another_call_where_ids_are_kept),
		cmocka_unit_test(test_the_same_question_after_its_answer_begins_an_attempt),
		cmocka_unit_test(test_look_ups_in_parallel_are_attempts_of_their_own),
		cmocka_unit_test(test_the_worst_answer_counts),
		cmocka_unit_test(test_no_address_is_as_no_name),
		cmocka_unit_test(test_one_family_is_enough),
		cmocka_unit_test(test_a_health_check_that_only_resolves_is_no_attempt),
		cmocka_unit_test(test_a_look_up_of_long_ago_does_not_begin_an_attempt),
		cmocka_unit_test(test_a_stale_address_is_the_dependencys),
		cmocka_unit_test(test_other_destinations_are_ignored),
		cmocka_unit_test(test_failed_look_ups_are_told_when_silence_has_told_them),
		cmocka_unit_test(test_due_is_when_the_next_notice_may_be_looked_at),
		cmocka_unit_test(test_lines_of_others_move_time),
		cmocka_unit_test(test_a_syn_before_the_line_of_its_answer),
		cmocka_unit_test(test_a_syn_with_an_earlier_stamp_than_its_answer),
		cmocka_unit_test(test_a_syn_that_is_told_late_finds_its_look_up),
		cmocka_unit_test(test_the_end_of_a_socket_before_its_refusal),
		cmocka_unit_test(test_attempts_are_told_in_the_order_of_their_ends),
		cmocka_unit_test(test_what_is_under_way_at_the_end_is_pending),
		cmocka_unit_test(test_after_a_loss_a_look_up_ends_with_the_next_sign_of_life),
		cmocka_unit_test(test_after_a_loss_a_connection_ends_with_the_next_sign_of_life),
		cmocka_unit_test(test_after_a_loss_a_syn_does_without_its_answer),
		cmocka_unit_test(test_another_id_on_the_same_socket_gives_up_the_first),
		cmocka_unit_test(test_another_id_on_the_same_socket_soon_is_asked_in_parallel),
		cmocka_unit_test(test_the_oldest_is_forgotten_and_counted),
		cmocka_unit_test(test_attempts_under_way_are_bounded),
	};
	return cmocka_run_group_tests_name("fold", tests, NULL, NULL);
}
