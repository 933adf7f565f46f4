#include "wire/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct notice parse(const char *line)
{
	struct notice notice;
	struct err err = ERR_INIT;
	if (wire_parse(line, strlen(line), &notice, &err) < 0)
		fail_msg("%s", err.message);
	return notice;
}

/* `complaint` is the end of the message. */
static void assert_refused(const char *line, size_t length, const char *complaint)
{
	struct notice notice, before;
	struct err err = ERR_INIT;
	memset(&notice, 0x5a, sizeof(notice));
	memset(&before, 0x5a, sizeof(before));
	if (wire_parse(line, length, &notice, &err) == 0)
		fail_msg("`%s` was taken", line);
	assert_int_equal(err.kind, ERR_ENVIRONMENT);
	size_t message_length = strlen(err.message), complaint_length = strlen(complaint);
	if (message_length < complaint_length ||
	    strcmp(err.message + message_length - complaint_length, complaint) != 0)
		fail_msg("`%s`: %s\nexpected: %s", line, err.message, complaint);
	assert_memory_equal(&notice, &before, sizeof(notice));
}

/* ---- what every line says ---- */

static void test_replies(void **state)
{
	(void)state;
	struct notice notice = parse("hello 1 x86_64 0e1b3a52-0000-4000-8000-000000000001 123456789");
	assert_int_equal(notice.kind, NOTICE_HELLO);
	assert_string_equal(notice.word, "x86_64");
	assert_string_equal(notice.text, "0e1b3a52-0000-4000-8000-000000000001");
	assert_int_equal(notice.at_ns, 123456789);
	notice = parse("ok 7 9223372036854775807");
	assert_int_equal(notice.kind, NOTICE_OK);
	assert_int_equal(notice.number, 7);
	assert_int_equal(notice.at_ns, INT64_MAX);
	notice = parse("error 8 there is no gate 99999: ports end at 65535");
	assert_int_equal(notice.kind, NOTICE_ERROR);
	assert_int_equal(notice.number, 8);
	assert_string_equal(notice.text, "there is no gate 99999: ports end at 65535");
}

static void test_look_ups(void **state)
{
	(void)state;
	struct notice notice = parse("query 1000 127.0.0.1:40000 65535 A Redis.LocalDomain.");
	assert_int_equal(notice.kind, NOTICE_QUERY);
	assert_int_equal(notice.at_ns, 1000);
	assert_string_equal(notice.local.address, "127.0.0.1");
	assert_int_equal(notice.local.port, 40000);
	assert_int_equal(notice.number, 65535);
	assert_string_equal(notice.type, "A");
	assert_string_equal(notice.name, "redis.localdomain");
	notice = parse("query 1000 [::1]:53000 0 65 _http%20x%25.example");
	assert_string_equal(notice.local.address, "::1");
	assert_string_equal(notice.type, "65");
	assert_string_equal(notice.name, "_http x%.example");
	notice = parse("query 1 127.0.0.1:1 1 A .");
	assert_string_equal(notice.name, "");
	notice = parse("query 1 127.0.0.1:1 1 A redis%00.evil");
	assert_string_equal(notice.name, "redis?.evil");
	notice = parse("answer 1100 127.0.0.1:40000 4711 AAAA redis noerror 2001:DB8:0::1 192.0.2.7");
	assert_int_equal(notice.kind, NOTICE_ANSWER);
	assert_string_equal(notice.word, "noerror");
	assert_int_equal(notice.address_count, 2);
	assert_string_equal(notice.addresses[0], "2001:db8::1");
	assert_string_equal(notice.addresses[1], "192.0.2.7");
	notice = parse("answer 1100 127.0.0.1:40000 4711 A redis nxdomain");
	assert_string_equal(notice.word, "nxdomain");
	assert_int_equal(notice.address_count, 0);
	notice = parse("abandoned 5 [::ffff:127.0.0.1]:40000");
	assert_int_equal(notice.kind, NOTICE_ABANDONED);
	assert_string_equal(notice.local.address, "127.0.0.1");
}

static void test_addresses_past_the_sixteenth_are_left_out(void **state)
{
	(void)state;
	char line[WIRE_LINE_MAX] = "answer 1 127.0.0.1:1 1 A redis noerror";
	for (int i = 1; i <= NOTICE_ADDRESSES_MAX + 1; i++) {
		size_t length = strlen(line);
		snprintf(line + length, sizeof(line) - length, " 192.0.2.%d", i);
	}
	struct notice notice = parse(line);
	assert_int_equal(notice.address_count, NOTICE_ADDRESSES_MAX);
	assert_string_equal(notice.addresses[NOTICE_ADDRESSES_MAX - 1], "192.0.2.16");
}

static void test_connections(void **state)
{
	(void)state;
	static const struct {
		const char *word, *rest;
		enum notice_kind kind;
	} cases[] = {
		{ "syn", "", NOTICE_SYN },
		{ "again", "", NOTICE_AGAIN },
		{ "open", "", NOTICE_OPEN },
		{ "refused", "", NOTICE_REFUSED },
		{ "unreachable", " 1", NOTICE_UNREACHABLE },
		{ "asked", "", NOTICE_ASKED },
		{ "said", " connected +PONG", NOTICE_SAID },
		{ "closed", " server", NOTICE_CLOSED },
		{ "reset", " client", NOTICE_RESET },
		{ "gone", "", NOTICE_GONE },
	};
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		char line[128];
		snprintf(line, sizeof(line), "%s 42 10.0.0.2:40000 [2001:db8::1]:6379%s", cases[i].word,
		    cases[i].rest);
		struct notice notice = parse(line);
		assert_int_equal(notice.kind, cases[i].kind);
		assert_int_equal(notice.at_ns, 42);
		assert_string_equal(notice.local.address, "10.0.0.2");
		assert_int_equal(notice.local.port, 40000);
		assert_string_equal(notice.remote.address, "2001:db8::1");
		assert_int_equal(notice.remote.port, 6379);
	}
	assert_int_equal(parse("unreachable 42 10.0.0.2:4 10.0.0.3:6 13").number, 13);
	assert_string_equal(parse("closed 42 10.0.0.2:4 10.0.0.3:6 server").word, "server");
	assert_string_equal(parse("reset 42 10.0.0.2:4 10.0.0.3:6 client").word, "client");
}

static void test_said(void **state)
{
	(void)state;
	struct notice notice =
	    parse("said 42 10.0.0.2:4 10.0.0.3:6 loading LOADING%20Redis%20is%20loading%21%c3%A9");
	assert_string_equal(notice.word, "loading");
	assert_string_equal(notice.text, "LOADING Redis is loading!\xc3\xa9");
	notice = parse("said 42 10.0.0.2:4 10.0.0.3:6 unknown ab%00cd");
	assert_string_equal(notice.text, "ab");
	notice = parse("said 42 10.0.0.2:4 10.0.0.3:6 tls ");
	assert_string_equal(notice.word, "tls");
	assert_string_equal(notice.text, "");
}

static void test_the_agent_itself(void **state)
{
	(void)state;
	struct notice notice = parse("lost 5 12");
	assert_int_equal(notice.kind, NOTICE_LOST);
	assert_int_equal(notice.number, 12);
	notice = parse("late 6 2500000");
	assert_int_equal(notice.kind, NOTICE_LATE);
	assert_int_equal(notice.at_ns, 6);
	assert_int_equal(notice.number, 2500000);
	notice = parse("phase 7 6379 loading 2");
	assert_int_equal(notice.kind, NOTICE_PHASE);
	assert_int_equal(notice.remote.port, 6379);
	assert_string_equal(notice.word, "loading");
	assert_int_equal(notice.number, 2);
	notice = parse("phase 7 0 answer redis");
	assert_string_equal(notice.word, "answer");
	assert_string_equal(notice.name, "redis");
}

/* ---- what is wrong ---- */

static void test_broken_lines(void **state)
{
	(void)state;
	static const struct {
		const char *line, *complaint;
	} cases[] = {
		{ "", "an agent says no ``" },
		{ " syn", "an agent says no ``" },
		{ "hullo 1", "an agent says no `hullo`" },
		{ "syn", "it ends before its time" },
		{ "ok 1 2 3", "it goes on behind its last field" },
		{ "ok 1 2 ", "it goes on behind its last field" },
		{ "ok  2", "its number is ``, not a number from 0 to 9223372036854775807" },
		{ "ok -1 2", "its number is `-1`, not a number from 0 to 9223372036854775807" },
		{ "ok 1 9223372036854775808",
		    "its time is `9223372036854775808`, not a number from 0 to 9223372036854775807" },
		{ "hello 2 x86_64 b 1",
		    "it speaks version 2, this program speaks version 1: the two were not built together" },
		{ "hello 1  b 1", "its architecture `` is not a word of 1 to 31 bytes" },
		{ "error 3", "it ends before its message" },
		{ "query 1 127.0.0.1 2 A redis",
		    "its client is `127.0.0.1`, not an address and port as 192.0.2.1:6379" },
		{ "query 1 localhost:1 2 A redis",
		    "its client is `localhost:1`, not an address and port as 192.0.2.1:6379" },
		{ "query 1 ::1:53 2 A redis",
		    "its client is `::1:53`, not an address and port as 192.0.2.1:6379" },
		{ "query 1 [127.0.0.1]:53 2 A redis",
		    "its client is `[127.0.0.1]:53`, not an address and port as 192.0.2.1:6379" },
		{ "query 1 [::1:53 2 A redis",
		    "its client is `[::1:53`, not an address and port as 192.0.2.1:6379" },
		{ "query 1 127.0.0.1:65536 2 A redis",
		    "its client is `127.0.0.1:65536`, not an address and port as 192.0.2.1:6379" },
		{ "query 1 127.0.0.1:1 65536 A redis", "its id is `65536`, not a number from 0 to 65535" },
		{ "query 1 127.0.0.1:1 2 MX redis", "its type is `MX`, not A, AAAA or a number" },
		{ "query 1 127.0.0.1:1 2 00000001 redis", "its type is `00000001`, not A, AAAA or a number" },
		{ "query 1 127.0.0.1:1 2 A ", "its name is empty" },
		{ "query 1 127.0.0.1:1 2 A a%4",
		    "its name has a % that two hexadecimal digits do not follow" },
		{ "query 1 127.0.0.1:1 2 A a%g0",
		    "its name has a % that two hexadecimal digits do not follow" },
		{ "answer 1 127.0.0.1:1 2 A redis", "it ends before its rcode" },
		{ "answer 1 127.0.0.1:1 2 A redis noerror 1.2.3", "`1.2.3` is not an address" },
		{ "answer 1 127.0.0.1:1 2 A redis noerror ", "`` is not an address" },
		{ "unreachable 1 10.0.0.2:4 10.0.0.3:6 256",
		    "its code is `256`, not a number from 0 to 255" },
		{ "said 1 10.0.0.2:4 10.0.0.3:6 maybe x",
		    "its outcome is `maybe`, not one of: connected loading denied tls unknown" },
		{ "said 1 10.0.0.2:4 10.0.0.3:6 tls", "it ends before its text" },
		{ "closed 1 10.0.0.2:4 10.0.0.3:6 nobody", "its who is `nobody`, not one of: client server" },
		{ "closed 1 10.0.0.2:4 10.0.0.3:6", "it ends before its who" },
		{ "closed 1 10.0.0.2:4 10.0.0.3:6 ", "its who is ``, not one of: client server" },
		{ "phase 1 0 loading redis", "its resolution is `loading`, not one of: answer" },
		{ "phase 1 6379 answer 1",
		    "its phase is `answer`, not one of: unreachable refused hung closing loading denied slow "
		    "ready" },
		{ "syn 1 10.0.0.2:4 10.0.0.3:6\t", "its byte 28 is not printable ASCII" },
		{ "syn 1 10.0.0.2:4 10.0.0.3:6\xc3\xa9", "its byte 28 is not printable ASCII" },
	};
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++)
		assert_refused(cases[i].line, strlen(cases[i].line), cases[i].complaint);
	assert_refused("lost 1 1\0", 9, "its byte 9 is not printable ASCII");
}

static void test_too_long(void **state)
{
	(void)state;
	char line[WIRE_LINE_MAX + 2];
	memset(line, 'a', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\0';
	memcpy(line, "query 1 127.0.0.1:1 2 A ", 24);
	assert_refused(line, WIRE_LINE_MAX + 1, "it has 1025 bytes, more than 1024");
	assert_refused(line, WIRE_LINE_MAX, "its name is longer than 255 bytes");
	assert_refused(line, 24 + 256, "its name is longer than 255 bytes");
	struct notice notice;
	struct err err = ERR_INIT;
	assert_int_equal(wire_parse(line, 24 + 255, &notice, &err), 0);
	assert_int_equal(strlen(notice.name), 255);
	memcpy(line, "error 1 ", 8);
	assert_int_equal(wire_parse(line, WIRE_LINE_MAX, &notice, &err), 0);
	assert_int_equal(strlen(notice.text), sizeof(notice.text) - 1);
}

/* A line that is cut anywhere is never read past its end, and is refused or means something else. */
static void test_every_prefix(void **state)
{
	(void)state;
	static const char line[] = "answer 1100 [2001:db8::5]:40000 4711 AAAA redis%2e noerror 2001:db8::1";
	for (size_t length = 0; length < sizeof(line); length++) {
		char *exact = xmemdup0(line, length);
		struct notice notice;
		struct err err = ERR_INIT;
		if (wire_parse(exact, length, &notice, &err) < 0)
			assert_true(err_is_set(&err));
		free(exact);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_replies),
		cmocka_unit_test(test_look_ups),
		cmocka_unit_test(test_addresses_past_the_sixteenth_are_left_out),
		cmocka_unit_test(test_connections),
		cmocka_unit_test(test_said),
		cmocka_unit_test(test_the_agent_itself),
		cmocka_unit_test(test_broken_lines),
		cmocka_unit_test(test_too_long),
		cmocka_unit_test(test_every_prefix),
	};
	return cmocka_run_group_tests_name("parse", tests, NULL, NULL);
}
