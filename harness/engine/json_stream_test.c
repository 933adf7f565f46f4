#include "engine/json_stream.h"

#include "base/buf.h"
#include "engine/json_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define OBJECT_MAX 200

static void json_stream_free_pointer(struct json_stream **stream)
{
	json_stream_free(*stream);
}

static int feed(
    struct json_stream *stream, struct buf *out, const char *bytes, size_t length, struct err *err)
{
	json_t *object = NULL;
	int got;
	while ((got = json_stream_next(stream, &bytes, &length, &object, err)) > 0) {
		char *text OWNED = json_dumps(object, JSON_COMPACT | JSON_SORT_KEYS);
		json_decref(object);
		buf_addf(out, "%s|", text);
	}
	return got;
}

/* In two pieces, cut at every place. */
static void check(const char *input, const char *expected)
{
	size_t length = strlen(input);
	for (size_t split = 0; split <= length; split++) {
		struct json_stream *stream CLEANUP(json_stream_free_pointer) = json_stream_new(OBJECT_MAX);
		struct buf out CLEANUP(buf_release) = { 0 };
		struct err err = ERR_INIT;
		if (feed(stream, &out, input, split, &err) < 0 ||
		    feed(stream, &out, input + split, length - split, &err) < 0 ||
		    json_stream_finish(stream, &err) < 0)
			buf_addf(&out, "! %s", err.message);
		assert_string_equal(buf_string(&out), expected);
	}
}

static void test_objects(void **state)
{
	(void)state;
	check("", "");
	check(" \r\n\t ", "");
	check("{\"a\":1}", "{\"a\":1}|");
	check("{\"a\":1}\r\n{\"b\":[{},[]]}{}\n", "{\"a\":1}|{\"b\":[{},[]]}|{}|");
	check("{\"a\":\"}{]\\\"\\\\\"} {\"\\\\\":\"\\u0041\"}", "{\"a\":\"}{]\\\"\\\\\"}|{\"\\\\\":\"A\"}|");
}

static void test_what_is_no_object(void **state)
{
	(void)state;
	check("{\"a\":1}{\"b\":", "{\"a\":1}|! the stream ended inside a JSON object, after 5 bytes of it");
	check("{\"a\" 1}", "! not valid JSON at byte 6 (':' expected near '1'): {\"a\" 1}");
	struct json_stream *stream CLEANUP(json_stream_free_pointer) = json_stream_new(OBJECT_MAX);
	struct buf out CLEANUP(buf_release) = { 0 };
	struct err err = ERR_INIT;
	const char garbage[] = "{} \x1b[2J<html>";
	assert_int_equal(feed(stream, &out, garbage, strlen(garbage), &err), -1);
	assert_string_equal(buf_string(&out), "{}|");
	assert_string_equal(err.message, "a JSON object was due, but there came: \\x1b[2J<html>");
}

static void test_a_long_object_is_refused(void **state)
{
	(void)state;
	char text[OBJECT_MAX + 2] = "{\"a\":\"";
	memset(text + 6, 'x', OBJECT_MAX - 8);
	memcpy(text + OBJECT_MAX - 2, "\"}", 3);
	struct json_stream *stream CLEANUP(json_stream_free_pointer) = json_stream_new(OBJECT_MAX);
	struct buf out CLEANUP(buf_release) = { 0 };
	struct err err = ERR_INIT;
	assert_int_equal(feed(stream, &out, text, OBJECT_MAX, &err), 0);
	assert_true(out.length > OBJECT_MAX);
	memcpy(text + OBJECT_MAX - 2, "x\"}", 3);
	assert_int_equal(feed(stream, &out, text, OBJECT_MAX + 1, &err), -1);
	assert_string_equal(err.message, "a JSON object is longer than the 200 bytes allowed");
}

static void check_text(const char *input, const char *expected)
{
	struct err err = ERR_INIT;
	json_t *value CLEANUP(json_release) = json_text_parse(input, strlen(input), &err);
	char *text OWNED =
	    value ? json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY) : xasprintf("! %s", err.message);
	assert_string_equal(text, expected);
}

static void test_numbers_beyond_64_bits_are_held(void **state)
{
	(void)state;
	check_text("{\"limit\":18446744073709551615}", "{\"limit\":9223372036854775807}");
	check_text("[9223372036854775807,9223372036854775808,-9223372036854775809]",
	    "[9223372036854775807,9223372036854775807,-9223372036854775807]");
	check_text("[18446744073709551615,\"18446744073709551615 \\\"18446744073709551615\",1.5,7]",
	    "[9223372036854775807,\"18446744073709551615 \\\"18446744073709551615\",1.5,7]");
	check_text("\"\\u0000\"", "\"\\u0000\"");
	check_text("", "! not valid JSON at byte 0 (unexpected token near end of file): nothing at all");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_objects),
		cmocka_unit_test(test_what_is_no_object),
		cmocka_unit_test(test_a_long_object_is_refused),
		cmocka_unit_test(test_numbers_beyond_64_bits_are_held),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
