#include "engine/log_stream.h"

#include "base/buf.h"
#include "base/duration.h"
#include "engine/stamp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include <cmocka.h>

#define STAMP "2024-05-06T07:08:09.123456789Z "
#define STAMP_NS INT64_C(1714979289123456789)

static void log_stream_free_pointer(struct log_stream **stream)
{
	log_stream_free(*stream);
}

static void add_frame(struct buf *out, char output, const char *bytes, size_t length)
{
	char header[8] = { output, 0, 0, 0, (char)(length >> 24), (char)(length >> 16), (char)(length >> 8),
		(char)length };
	buf_add(out, header, sizeof(header));
	buf_add(out, bytes, length);
}

static void add_text_frame(struct buf *out, char output, const char *text)
{
	add_frame(out, output, text, strlen(text));
}

static void tell(struct buf *out, const struct engine_log_line *line)
{
	buf_addf(out, "%s%s%s ", line->output == ENGINE_STDERR ? "err" : "out",
	    line->engine_stamp_ns == STAMP_NS ? "@"
	    : line->engine_stamp_ns           ? "?"
					      : "",
	    line->cut ? "-" : "");
	buf_add_visible(out, line->text, line->length, 60);
	buf_add_char(out, '|');
}

/* Feeds the bytes in the given pieces and tells every line; "! message" for an error. */
static void run(struct buf *out, bool tty, const char *const pieces[], const size_t lengths[], size_t count)
{
	struct log_stream *stream CLEANUP(log_stream_free_pointer) = log_stream_new(tty);
	struct engine_log_line line;
	struct err err = ERR_INIT;
	int got = 0;
	for (size_t i = 0; i < count && got >= 0; i++) {
		const char *bytes = pieces[i];
		size_t length = lengths[i];
		while ((got = log_stream_next(stream, &bytes, &length, &line, &err)) > 0)
			tell(out, &line);
		assert_true(got < 0 || length == 0);
	}
	while (got >= 0 && (got = log_stream_finish(stream, &line, &err)) > 0)
		tell(out, &line);
	if (got < 0)
		buf_addf(out, "! %s", err.message);
}

/* The same lines must come whatever the pieces: whole, cut in two at every place, and byte by byte. */
static void check(bool tty, const struct buf *input, const char *expected)
{
	for (size_t split = 0; split <= input->length; split++) {
		struct buf out CLEANUP(buf_release) = { 0 };
		run(&out, tty, (const char *const[]){ input->bytes, input->bytes + split },
		    (const size_t[]){ split, input->length - split }, 2);
		assert_string_equal(buf_string(&out), expected);
	}
	const char **pieces OWNED = xcalloc(input->length, sizeof(*pieces));
	size_t *lengths OWNED = xcalloc(input->length, sizeof(*lengths));
	for (size_t i = 0; i < input->length; i++) {
		pieces[i] = input->bytes + i;
		lengths[i] = 1;
	}
	struct buf out CLEANUP(buf_release) = { 0 };
	run(&out, tty, pieces, lengths, input->length);
	assert_string_equal(buf_string(&out), expected);
}

static void test_outputs_are_told_apart(void **state)
{
	(void)state;
	struct buf input CLEANUP(buf_release) = { 0 };
	add_text_frame(&input, 1, STAMP "Redis: Initializing client\n");
	add_text_frame(&input, 2, STAMP "warning\n");
	add_text_frame(&input, 1, STAMP "\n");
	add_text_frame(&input, 0, STAMP "from stdin\n");
	check(false, &input, "out@ Redis: Initializing client|err@ warning|out@ |out@ from stdin|");
}

/* Long enough to be a part of a line, and short enough that two parts are not a line that is cut. */
static void test_a_line_in_several_messages_is_one(void **state)
{
	(void)state;
	char part[16384];
	memset(part, 'p', sizeof(part));
	struct buf message CLEANUP(buf_release) = { 0 };
	buf_add_string(&message, STAMP);
	buf_add(&message, part, sizeof(part));
	struct buf input CLEANUP(buf_release) = { 0 };
	add_frame(&input, 1, message.bytes, message.length);
	add_text_frame(&input, 2, STAMP "between\n");
	add_text_frame(&input, 1, "2024-05-06T07:08:10Z \n");
	add_text_frame(&input, 1, STAMP "\xff\x1b[31m\n");
	struct buf out CLEANUP(buf_release) = { 0 };
	run(&out, false, (const char *const[]){ input.bytes }, (const size_t[]){ input.length }, 1);
	assert_non_null(strstr(out.bytes, "err@ between|out@ ppppp"));
	assert_non_null(strstr(out.bytes, "pppp…|out@ \\xff\\x1b[31m|"));
}

static void test_processes_are_told_apart(void **state)
{
	(void)state;
	struct buf input CLEANUP(buf_release) = { 0 };
	add_text_frame(&input, 1, STAMP "last words");
	add_text_frame(&input, 1, "2024-05-06T07:08:10Z first words\n");
	add_text_frame(&input, 1, "");
	add_text_frame(&input, 1, STAMP);
	check(false, &input, "out@ last words|out? first words|out@ |");
}

static void test_a_last_line_without_newline_is_told_at_the_end(void **state)
{
	(void)state;
	struct buf input CLEANUP(buf_release) = { 0 };
	add_text_frame(&input, 2, STAMP "panic: no newline");
	add_text_frame(&input, 1, STAMP "bye");
	check(false, &input, "err@ panic: no newline|out@ bye|");
	buf_clear(&input);
	add_text_frame(&input, 2, STAMP "cut off in a frame");
	input.bytes[7]++;
	check(false, &input, "err@ cut off in a frame|! the log stream ended inside a frame");
}

static void test_text_without_stamp_is_kept(void **state)
{
	(void)state;
	struct buf input CLEANUP(buf_release) = { 0 };
	add_text_frame(&input, 1, "plain text\n");
	add_text_frame(&input, 1, "2024-05-06T07:08:09Zebra crossing\n");
	add_text_frame(&input, 1, "averyveryveryveryverylongfirstwordofaline\n");
	add_text_frame(&input, 1, "short");
	check(false, &input,
	    "out plain text|out 2024-05-06T07:08:09Zebra crossing|"
	    "out averyveryveryveryverylongfirstwordofaline|out short|");
}

static void test_a_frame_of_several_lines(void **state)
{
	(void)state;
	struct buf input CLEANUP(buf_release) = { 0 };
	add_text_frame(&input, 1, STAMP "a\nb\n");
	check(false, &input, "out@ a|out b|");
}

static void test_a_terminal(void **state)
{
	(void)state;
	struct buf input CLEANUP(buf_release) = { 0 };
	buf_add_string(&input, STAMP "one\r\n" STAMP "two\n" STAMP "\r\nno stamp\r\n" STAMP "login: ");
	check(true, &input, "out@ one|out@ two|out@ |out no stamp|out@ login: |");
}

static void test_an_engine_error_inside(void **state)
{
	(void)state;
	struct buf input CLEANUP(buf_release) = { 0 };
	add_text_frame(&input, 1, STAMP "a\n");
	add_text_frame(&input, 3, "Error grabbing logs: \x1b[2Jinvalid character\n");
	check(false, &input, "out@ a|! Error grabbing logs: \\x1b[2Jinvalid character");
}

static void test_what_is_no_log_stream(void **state)
{
	(void)state;
	struct buf input CLEANUP(buf_release) = { 0 };
	buf_add_string(&input, STAMP "this container has a terminal\r\n");
	check(false, &input,
	    "! the log stream has a frame that begins with 32 30 32 34, not with an output number from 0 to "
	    "3 and "
	    "three zeros (was the container created with a terminal?)");
}

static void test_an_end_inside_a_frame(void **state)
{
	(void)state;
	struct buf input CLEANUP(buf_release) = { 0 };
	add_text_frame(&input, 1, STAMP "half a mess");
	input.bytes[7]++;
	check(false, &input, "out@ half a mess|! the log stream ended inside a frame");
	buf_clear(&input);
	add_text_frame(&input, 1, STAMP "whole\n");
	buf_add(&input, "\1\0", 2);
	check(false, &input, "out@ whole|! the log stream ended inside a frame");
	buf_clear(&input);
	add_text_frame(&input, 1, "2024-05-06T07:");
	input.bytes[7]++;
	check(false, &input, "! the log stream ended inside a frame");
}

/* A line of `length` bytes, as the engine gives it: in messages of at most 16384. */
static void check_long_line(bool tty, size_t length, bool expect_cut)
{
	struct buf input CLEANUP(buf_release) = { 0 };
	char *text OWNED = xmalloc(length);
	memset(text, 'x', length);
	for (size_t at = 0; at < length; at += 16384) {
		size_t part = length - at < 16384 ? length - at : 16384;
		struct buf message CLEANUP(buf_release) = { 0 };
		buf_add_string(&message, STAMP);
		buf_add(&message, text + at, part);
		if (at + part == length)
			buf_add_string(&message, tty ? "\r\n" : "\n");
		if (tty)
			buf_add(&input, message.bytes, message.length);
		else
			add_frame(&input, 1, message.bytes, message.length);
	}
	struct log_stream *stream CLEANUP(log_stream_free_pointer) = log_stream_new(tty);
	struct engine_log_line line;
	struct err err = ERR_INIT;
	const char *bytes = input.bytes;
	size_t left = input.length;
	assert_int_equal(log_stream_next(stream, &bytes, &left, &line, &err), 1);
	assert_int_equal(line.length, length > ENGINE_LOG_LINE_MAX ? ENGINE_LOG_LINE_MAX : length);
	assert_memory_equal(line.text, text, line.length);
	assert_int_equal(line.cut, expect_cut);
	assert_int_equal(line.engine_stamp_ns, STAMP_NS);
	assert_int_equal(log_stream_next(stream, &bytes, &left, &line, &err), 0);
	assert_int_equal(log_stream_finish(stream, &line, &err), 0);
}

static void test_long_lines_are_cut(void **state)
{
	(void)state;
	check_long_line(false, ENGINE_LOG_LINE_MAX, false);
	check_long_line(false, ENGINE_LOG_LINE_MAX + 1, true);
	check_long_line(false, 100000, true);
	check_long_line(true, ENGINE_LOG_LINE_MAX - 1, false);
	check_long_line(true, ENGINE_LOG_LINE_MAX, false);
	check_long_line(true, 100000, true);
}

static int64_t resident_peak_kb(void)
{
	struct rusage usage;
	assert_int_equal(getrusage(RUSAGE_SELF, &usage), 0);
	return usage.ru_maxrss;
}

/* A gigabyte of output, as a subject gone mad writes it: memory must not follow. */
static void check_flood(const char *name, size_t line_length, bool newlines)
{
	const size_t total = 1UL << 30;
	struct buf chunk CLEANUP(buf_release) = { 0 };
	char *text OWNED = xmalloc(line_length);
	memset(text, 'y', line_length);
	if (newlines)
		text[line_length - 1] = '\n';
	while (chunk.length < 256UL << 10) {
		struct buf message CLEANUP(buf_release) = { 0 };
		buf_add_string(&message, STAMP);
		buf_add(&message, text, line_length);
		add_frame(&chunk, 1, message.bytes, message.length);
	}
	struct log_stream *stream CLEANUP(log_stream_free_pointer) = log_stream_new(false);
	struct engine_log_line line;
	struct err err = ERR_INIT;
	size_t fed = 0;
	size_t lines = 0;
	struct timespec start, end;
	int64_t before_kb = resident_peak_kb();
	clock_gettime(CLOCK_MONOTONIC, &start);
	while (fed < total) {
		const char *bytes = chunk.bytes;
		size_t length = chunk.length;
		int got;
		while ((got = log_stream_next(stream, &bytes, &length, &line, &err)) > 0)
			lines++;
		assert_int_equal(got, 0);
		fed += chunk.length;
	}
	clock_gettime(CLOCK_MONOTONIC, &end);
	double seconds = (double)(end.tv_sec - start.tv_sec) + (double)(end.tv_nsec - start.tv_nsec) / 1e9;
	print_message(
	    "%s: %zu MiB, %zu lines: %.0f MB/s\n", name, fed >> 20, lines, (double)fed / 1e6 / seconds);
	assert_int_equal(lines > 0, newlines);
	assert_true(resident_peak_kb() - before_kb < 1024);
}

static void test_a_gigabyte_of_flood(void **state)
{
	(void)state;
	check_flood("lines of 100 bytes", 100, true);
	check_flood("one endless line", 16384, false);
}

static void test_stamps(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		size_t taken;
		int64_t ns;
	} cases[] = {
		{ "1970-01-01T00:00:00Z", 20, 0 },
		{ "1970-01-01T00:00:01.5Z", 22, 1500000000 },
		{ "2024-02-29T23:59:59.000000001Z", 30, INT64_C(1709251199000000001) },
		{ "2024-03-01T01:59:59+02:00", 25, INT64_C(1709251199000000000) },
		{ "2024-02-29T20:29:59-03:30 x", 25, INT64_C(1709251199000000000) },
		{ "2016-12-31T23:59:60Z", 20, INT64_C(1483228800000000000) },
		{ "0001-01-01T00:00:00Z", 20, 0 },
		{ "2300-01-01T00:00:00Z", 20, 0 },
		{ "", 0, -1 },
		{ "2024-02-29", 0, -1 },
		{ "2024-13-01T00:00:00Z", 0, -1 },
		{ "2024-00-01T00:00:00Z", 0, -1 },
		{ "2024-01-01T24:00:00Z", 0, -1 },
		{ "2024-01-01T00:60:00Z", 0, -1 },
		{ "2024-01-01T00:00:00", 0, -1 },
		{ "2024-01-01T00:00:00.Z", 0, -1 },
		{ "2024-01-01T00:00:00.1234567890Z", 0, -1 },
		{ "2024-01-01T00:00:00+0200", 0, -1 },
		{ "2024-01-01 00:00:00Z", 0, -1 },
		{ "+024-01-01T00:00:00Z", 0, -1 },
	};
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		int64_t ns = -1;
		assert_int_equal(stamp_parse(cases[i].text, strlen(cases[i].text), &ns), cases[i].taken);
		assert_int_equal(ns, cases[i].ns);
		for (size_t length = 0; length < cases[i].taken; length++)
			assert_int_equal(stamp_parse(cases[i].text, length, &ns), 0);
	}
	char buffer[STAMP_QUERY_MAX];
	assert_string_equal(stamp_query(STAMP_NS, buffer), "1714979289.123456789");
	assert_string_equal(stamp_query(7, buffer), "0.000000007");
	assert_string_equal(stamp_query(-7, buffer), "0.000000000");
}

/* An attachment's frames are parts of lines, and have no stamps. */
static void test_an_attachment(void **state)
{
	(void)state;
	struct buf bytes CLEANUP(buf_release) = { 0 };
	struct buf out CLEANUP(buf_release) = { 0 };
	add_text_frame(&bytes, 1, "be");
	add_text_frame(&bytes, 2, STAMP "is text here\n");
	add_text_frame(&bytes, 1, "gins\n\nand ");
	add_text_frame(&bytes, 1, "ends\nrest");
	for (size_t size = 1; size <= bytes.length; size++) {
		struct log_stream *stream CLEANUP(log_stream_free_pointer) = log_stream_new_attached();
		struct engine_log_line line;
		struct err err = ERR_INIT;
		buf_clear(&out);
		for (size_t at = 0; at < bytes.length; at += size) {
			const char *piece = bytes.bytes + at;
			size_t length = bytes.length - at < size ? bytes.length - at : size;
			while (log_stream_next(stream, &piece, &length, &line, &err) > 0)
				tell(&out, &line);
		}
		while (log_stream_finish(stream, &line, &err) > 0)
			tell(&out, &line);
		assert_false(err_is_set(&err));
		assert_string_equal(
		    out.bytes, "err " STAMP "is text here|out begins|out |out and ends|out rest|");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_outputs_are_told_apart),
		cmocka_unit_test(test_a_line_in_several_messages_is_one),
		cmocka_unit_test(test_processes_are_told_apart),
		cmocka_unit_test(test_a_last_line_without_newline_is_told_at_the_end),
		cmocka_unit_test(test_text_without_stamp_is_kept),
		cmocka_unit_test(test_a_frame_of_several_lines),
		cmocka_unit_test(test_a_terminal),
		cmocka_unit_test(test_an_attachment),
		cmocka_unit_test(test_an_engine_error_inside),
		cmocka_unit_test(test_what_is_no_log_stream),
		cmocka_unit_test(test_an_end_inside_a_frame),
		cmocka_unit_test(test_long_lines_are_cut),
		cmocka_unit_test(test_a_gigabyte_of_flood),
		cmocka_unit_test(test_stamps),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
