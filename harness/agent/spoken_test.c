/* What a listener understands of its client, and what it says. */
#include "agent/spoken.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define TURNS_MAX 16
struct turns {
	enum spoken_turn turns[TURNS_MAX];
	int count;
	struct spoken spoken;
};

static void feed(struct turns *turns, const void *bytes, size_t length)
{
	const unsigned char *rest = bytes;
	while (length) {
		enum spoken_turn turn = spoken_feed(&turns->spoken, &rest, &length);
		if (turn == SPOKEN_WAIT)
			assert_int_equal(length, 0);
		else if (turns->count < TURNS_MAX)
			turns->turns[turns->count++] = turn;
	}
}

/* The same turns, in whatever pieces the bytes come. */
static struct turns turns_of(enum protocol protocol, const void *bytes, size_t length)
{
	struct turns whole = { 0 };
	spoken_init(&whole.spoken, protocol);
	feed(&whole, bytes, length);
	for (size_t piece = 1; piece < length; piece++) {
		struct turns cut = { 0 };
		spoken_init(&cut.spoken, protocol);
		for (size_t at = 0; at < length; at += piece)
			feed(&cut, (const char *)bytes + at, length - at < piece ? length - at : piece);
		assert_int_equal(cut.count, whole.count);
		assert_memory_equal(cut.turns, whole.turns, sizeof(cut.turns));
	}
	return whole;
}

static void expect_turns(
    enum protocol protocol, const void *bytes, size_t length, int count, const enum spoken_turn *expected)
{
	struct turns turns = turns_of(protocol, bytes, length);
	assert_int_equal(turns.count, count);
	for (int i = 0; i < count; i++)
		assert_int_equal(turns.turns[i], expected[i]);
}

#define EXPECT(protocol, bytes, ...)                                                       \
	expect_turns(protocol, bytes, sizeof(bytes) - 1,                                   \
	    (int)(sizeof((enum spoken_turn[]){ __VA_ARGS__ }) / sizeof(enum spoken_turn)), \
	    (enum spoken_turn[]){ __VA_ARGS__ })
#define EXPECT_NOTHING(protocol, bytes) expect_turns(protocol, bytes, sizeof(bytes) - 1, 0, NULL)

static void test_redis_commands(void **state)
{
	(void)state;
	EXPECT(PROTOCOL_REDIS, "PING\r\n", SPOKEN_ANSWER);
	EXPECT(PROTOCOL_REDIS, "PING\nGET a\n", SPOKEN_ANSWER, SPOKEN_ANSWER);
	EXPECT(PROTOCOL_REDIS, "*1\r\n$4\r\nPING\r\n", SPOKEN_ANSWER);
	EXPECT(PROTOCOL_REDIS, "*2\r\n$3\r\nGET\r\n$0\r\n\r\n*1\r\n$4\r\nPING\r\nPING\r\n", SPOKEN_ANSWER,
	    SPOKEN_ANSWER, SPOKEN_ANSWER);
	/* What looks like a command inside of an argument is none. */
	EXPECT(PROTOCOL_REDIS, "*2\r\n$3\r\nSET\r\n$14\r\n*1\r\n$4\r\nPING\r\n\r\n", SPOKEN_ANSWER);
	EXPECT(PROTOCOL_REDIS, "\x16\x03\x01 TLS\n", SPOKEN_ANSWER);
}

static void test_redis_half_a_command(void **state)
{
	(void)state;
	EXPECT_NOTHING(PROTOCOL_REDIS, "PING");
	EXPECT_NOTHING(PROTOCOL_REDIS, "\r\n\r\n \r\n");
	EXPECT_NOTHING(PROTOCOL_REDIS, "*0\r\n*-1\r\n");
	EXPECT_NOTHING(PROTOCOL_REDIS, "*2\r\n$3\r\nGET\r\n$2\r\nab");
	EXPECT_NOTHING(PROTOCOL_REDIS, "*2\r\n$3\r\nGET\r\n$2\r\nab\r");
}

static void test_redis_broken(void **state)
{
	(void)state;
	EXPECT(PROTOCOL_REDIS, "*1\r\n+4\r\nPING\r\n", SPOKEN_BROKEN);
	EXPECT(PROTOCOL_REDIS, "*x\r\n", SPOKEN_BROKEN);
	EXPECT(PROTOCOL_REDIS, "*-x\r\n", SPOKEN_BROKEN);
	EXPECT(PROTOCOL_REDIS, "*1048577\r\n", SPOKEN_BROKEN);
	EXPECT_NOTHING(PROTOCOL_REDIS, "*1048576\r\n");
	EXPECT(PROTOCOL_REDIS, "*1\r\n$536870913\r\n", SPOKEN_BROKEN);
	EXPECT_NOTHING(PROTOCOL_REDIS, "*1\r\n$536870912\r\n");
	EXPECT(PROTOCOL_REDIS, "*99999999999\r\n", SPOKEN_BROKEN);
	EXPECT(PROTOCOL_REDIS, "*1\r\n$-1\r\n", SPOKEN_BROKEN);
	struct turns turns = { 0 };
	spoken_init(&turns.spoken, PROTOCOL_REDIS);
	for (int i = 0; i < 64 * 1024; i++)
		feed(&turns, "a", 1);
	assert_int_equal(turns.count, 0);
	feed(&turns, "a", 1); /* an inline command has an end */
	assert_int_equal(turns.count, 1);
	assert_int_equal(turns.turns[0], SPOKEN_BROKEN);
}

#define SSL_REQUEST "\0\0\0\x08\x04\xd2\x16\x2f"
#define GSSENC_REQUEST "\0\0\0\x08\x04\xd2\x16\x30"
#define STARTUP "\0\0\0\x21\0\3\0\0database\0shop\0user\0anna\0\0"

static void test_postgres_turns(void **state)
{
	(void)state;
	EXPECT(PROTOCOL_POSTGRES, GSSENC_REQUEST SSL_REQUEST STARTUP, SPOKEN_NO, SPOKEN_NO, SPOKEN_LAST);
	EXPECT(PROTOCOL_POSTGRES, STARTUP "more", SPOKEN_LAST);
	EXPECT(PROTOCOL_POSTGRES, "\0\0\0\x10\x04\xd2\x16\x2e\0\0\0\1\0\0\0\2", SPOKEN_CLOSE);
	EXPECT(PROTOCOL_POSTGRES, "\0\0\0\x08\0\3\0\0", SPOKEN_LAST);
	EXPECT(PROTOCOL_POSTGRES, "\0\0\0\x07\0\3\0", SPOKEN_CLOSE);
	EXPECT(PROTOCOL_POSTGRES, "\0\0\x27\x11", SPOKEN_CLOSE); /* 10001 */
	EXPECT(PROTOCOL_POSTGRES, "GET / HTTP/1.1\r\n", SPOKEN_CLOSE);
	EXPECT_NOTHING(PROTOCOL_POSTGRES, "\0\0\0\x21\0\3\0\0database\0shop\0user\0anna\0");
}

static void expect_answer(const struct turns *turns, enum spoken_turn turn, const struct gate_step *step,
    const void *bytes, size_t length)
{
	char answer[SPOKEN_ANSWER_MAX];
	assert_int_equal(spoken_answer(&turns->spoken, turn, step, answer), length);
	assert_memory_equal(answer, bytes, length);
}
#define EXPECT_ANSWER(turns, turn, step, bytes) expect_answer(turns, turn, step, bytes, sizeof(bytes) - 1)

static void test_redis_answers(void **state)
{
	(void)state;
	struct gate_step step = { .phase = GATE_LOADING, .protocol = PROTOCOL_REDIS };
	struct turns turns = turns_of(PROTOCOL_REDIS, "PING\n", 5);
	EXPECT_ANSWER(&turns, SPOKEN_ANSWER, &step, "-LOADING Redis is loading the dataset in memory\r\n");
	EXPECT_ANSWER(&turns, SPOKEN_BROKEN, &step, "-ERR Protocol error\r\n");
	EXPECT_ANSWER(&turns, SPOKEN_WAIT, &step, "");
	step.phase = GATE_DENIED;
	EXPECT_ANSWER(&turns, SPOKEN_ANSWER, &step, "-NOAUTH Authentication required.\r\n");
	memcpy(step.say, "-ERR max number\r\nof clients reached", 36);
	EXPECT_ANSWER(&turns, SPOKEN_ANSWER, &step, "-ERR max number  of clients reached\r\n");
	memmove(step.say, step.say + 1, strlen(step.say));
	EXPECT_ANSWER(&turns, SPOKEN_ANSWER, &step, "-ERR max number  of clients reached\r\n");
}

static void test_postgres_answers(void **state)
{
	(void)state;
	struct gate_step step = { .phase = GATE_LOADING, .protocol = PROTOCOL_POSTGRES };
	struct turns turns = turns_of(PROTOCOL_POSTGRES, STARTUP, sizeof(STARTUP) - 1);
	EXPECT_ANSWER(&turns, SPOKEN_NO, &step, "N");
	EXPECT_ANSWER(&turns, SPOKEN_CLOSE, &step, "");
	EXPECT_ANSWER(&turns, SPOKEN_LAST, &step,
	    "E\0\0\0\x3eSFATAL\0VFATAL\0C57P03\0Mthe database system is starting up\0\0");
	step.phase = GATE_DENIED;
	EXPECT_ANSWER(&turns, SPOKEN_LAST, &step,
	    "E\0\0\0\x4aSFATAL\0VFATAL\0C28P01\0Mpassword authentication failed for user \"anna\"\0\0");
	memcpy(step.say, "53300 sorry", sizeof("53300 sorry"));
	EXPECT_ANSWER(&turns, SPOKEN_LAST, &step, "E\0\0\0\x21SFATAL\0VFATAL\0C53300\0Msorry\0\0");
	memcpy(step.say, "oh", sizeof("oh"));
	EXPECT_ANSWER(&turns, SPOKEN_LAST, &step, "E\0\0\0\x1cSFATAL\0VFATAL\0CXX000\0M\0\0");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_redis_commands),
		cmocka_unit_test(test_redis_half_a_command),
		cmocka_unit_test(test_redis_broken),
		cmocka_unit_test(test_postgres_turns),
		cmocka_unit_test(test_redis_answers),
		cmocka_unit_test(test_postgres_answers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
