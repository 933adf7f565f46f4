/* Writing and reading are each other's inverse; what no writer of ours wrote is refused with a place, or
 * survived. */
#include "trace/field.h"
#include "trace/generate.h"
#include "trace/trace.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define HEADER "{\"k\":\"world\",\"version\":1,\"from\":0,\"to\":0,\"speed\":1}\n"
#define END "{\"k\":\"end\",\"from\":9,\"to\":9,\"reason\":\"completed\"}\n"
#define TRY(of, number)                                                               \
	"{\"k\":\"attempt\",\"of\":\"" of "\",\"from\":1,\"to\":1,\"number\":" number \
	",\"outcome\":\"refused\",\"began_known\":true}\n"
#define LOST "{\"k\":\"lost\",\"of\":\"dial\",\"from\":1,\"to\":2}\n"

/* ---- random events ---- */

static uint64_t random_state;

static uint64_t random_below(uint64_t limit)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return limit ? random_state % limit : random_state;
}

/* Valid UTF-8 out of what JSON finds difficult. The pool outlives the event. */
static char pool[1 << 16];
static size_t pool_used;

static struct text random_text(bool with_nul)
{
	static const char *const pieces[] = { "a", "ready", "\"", "\\", "/", "\b\f\n\r\t", "\x01\x1f\x7f",
		"é", "…", "😀", "\\u0041", "{\"k\":1}", " ", "\xC2\x9B" };
	char *start = pool + pool_used;
	size_t length = 0;
	for (uint64_t left = random_below(6); left > 0; left--) {
		const char *piece = pieces[random_below(ARRAY_LENGTH(pieces))];
		memcpy(start + length, piece, strlen(piece));
		length += strlen(piece);
		if (with_nul && random_below(4) == 0)
			start[length++] = '\0';
	}
	start[length] = '\0';
	pool_used += length + 1;
	return (struct text){ .bytes = start, .length = length };
}

static int64_t random_int64(void)
{
	static const int64_t edges[] = { 0, 1, -1, INT64_MAX, INT64_MIN, INT_MAX, INT_MIN };
	return random_below(3) ? (int64_t)random_below(0) : edges[random_below(ARRAY_LENGTH(edges))];
}

static void random_member(struct event *event, const struct field *field)
{
	static const double doubles[] = { 1, 0.1, 20, 1e-300, 1e300, 0.30000000000000004, 123456.789 };
	void *member = (char *)event + field->offset;
	switch (field->type) {
	case FIELD_TIME:
		*(int64_t *)member = random_int64() % TRACE_TIME_MAX;
		break;
	case FIELD_INT64:
		*(int64_t *)member = random_int64();
		break;
	case FIELD_INT:
		*(int *)member = (int)random_int64();
		break;
	case FIELD_DOUBLE:
		*(double *)member = doubles[random_below(ARRAY_LENGTH(doubles))];
		break;
	case FIELD_BOOL:
		*(bool *)member = random_below(2);
		break;
	case FIELD_WORD:
	case FIELD_STRING:
		*(const char **)member = random_text(false).bytes;
		break;
	case FIELD_TEXT:
		*(struct text *)member = random_below(4) ? random_text(true) : (struct text){ 0 };
		break;
	}
}

static struct event random_event(enum event_kind kind)
{
	struct event event = { .kind = kind, .of = "" };
	for (size_t i = 0; i < event_fields[kind].count; i++)
		random_member(&event, &event_fields[kind].fields[i]);
	if (event.from_ns > event.to_ns) {
		int64_t swap = event.from_ns;
		event.from_ns = event.to_ns;
		event.to_ns = swap;
	}
	if (kind == EVENT_WORLD)
		event.world.version = TRACE_VERSION;
	return event;
}

static void assert_same_member(const struct event *a, const struct event *b, const struct field *field)
{
	const void *left = (const char *)a + field->offset, *right = (const char *)b + field->offset;
	switch (field->type) {
	case FIELD_TIME:
	case FIELD_INT64:
		assert_true(*(const int64_t *)left == *(const int64_t *)right);
		break;
	case FIELD_INT:
		assert_int_equal(*(const int *)left, *(const int *)right);
		break;
	case FIELD_DOUBLE:
		assert_true(*(const double *)left == *(const double *)right);
		break;
	case FIELD_BOOL:
		assert_int_equal(*(const bool *)left, *(const bool *)right);
		break;
	case FIELD_WORD:
	case FIELD_STRING:
		assert_string_equal(*(const char *const *)left, *(const char *const *)right);
		break;
	case FIELD_TEXT: {
		const struct text *one = left, *other = right;
		assert_int_equal(one->bytes == NULL, other->bytes == NULL);
		assert_int_equal(one->length, other->length);
		if (one->bytes)
			assert_memory_equal(one->bytes, other->bytes, one->length);
		break;
	}
	}
}

/* Attempts of a watch are counted as they are told. */
static void count_attempt(struct event *events, size_t i)
{
	int number = 1;
	for (size_t k = 0; k < i; k++)
		number += events[k].kind == EVENT_ATTEMPT && strcmp(events[k].of, events[i].of) == 0;
	if (events[i].kind == EVENT_ATTEMPT)
		events[i].attempt.number = number;
}

static void test_round_trip(void **state)
{
	(void)state;
	random_state = 20260101;
	for (int round = 0; round < 2000; round++) {
		struct event events[12];
		size_t count = 2 + random_below(10);
		CLEANUP(buf_release) struct buf text = { 0 };
		pool_used = 0;
		for (size_t i = 0; i < count; i++) {
			enum event_kind kind =
			    i == 0 ? EVENT_WORLD : (enum event_kind)(1 + random_below(EVENT_END - 1));
			events[i] = random_event(i == count - 1 ? EVENT_END : kind);
			count_attempt(events, i);
			trace_write_event(&text, &events[i]);
		}
		struct err err = ERR_INIT;
		struct trace *trace = trace_read(text.bytes, text.length, "random", &err);
		if (!trace)
			fail_msg("%d:%d: %s\n%s", err.line, err.column, err.message, text.bytes);
		assert_int_equal(trace->event_count, count);
		assert_true(trace->complete);
		for (size_t i = 0; i < count; i++) {
			const struct field_list *list = &event_fields[events[i].kind];
			assert_int_equal(trace->events[i].kind, events[i].kind);
			for (size_t f = 0; f < list->count; f++)
				assert_same_member(&events[i], &trace->events[i], &list->fields[f]);
		}
		trace_free(trace);
	}
}

static void test_stable_text(void **state)
{
	(void)state;
	CLEANUP(buf_release) struct buf text = { 0 };
	struct event sample = { .kind = EVENT_SAMPLE,
		.from_ns = 1200000000,
		.to_ns = 1201500000,
		.of = "ready",
		.sample = { .outcome = "answered", .status = 200, .state = "healthy" } };
	trace_write_event(&text, &sample);
	struct event log = { .kind = EVENT_LOG,
		.from_ns = -5,
		.to_ns = 7,
		.of = "gateway",
		.log = { .output = 2, .line = { .bytes = "a\xFFz", .length = 3 } } };
	trace_write_event(&text, &log);
	assert_string_equal(text.bytes,
	    "{\"k\":\"sample\",\"of\":\"ready\",\"from\":1200000000,\"to\":1201500000,"
	    "\"outcome\":\"answered\",\"status\":200,\"state\":\"healthy\"}\n"
	    "{\"k\":\"log\",\"of\":\"gateway\",\"from\":-5,\"to\":7,\"output\":2,"
	    "\"line\":\"a\\ufffdz\"}\n");
}

/* What the benchmarks judge is what a world with an agent leaves behind. */
static void test_generated(void **state)
{
	(void)state;
	CLEANUP(buf_release) struct buf text = { 0 };
	struct err err = ERR_INIT;
	trace_generate(&text, 2000);
	struct trace *trace = trace_read(text.bytes, text.length, "generated", &err);
	if (!trace)
		BUG("%d:%d: %s", err.line, err.column, err.message);
	int phases = 0, lost = 0, refused = 0, connected = 0;
	for (size_t i = 0; i < trace->event_count; i++) {
		const struct event *event = &trace->events[i];
		phases += event->kind == EVENT_PHASE && strcmp(event->phase.made, "gate") == 0;
		lost += event->kind == EVENT_LOST && event->lost.connection > 0;
		if (event->kind != EVENT_ATTEMPT)
			continue;
		assert_string_equal(event->attempt.source, "wire");
		assert_true(event->attempt.packets == 1 && event->attempt.lookup_ns > 0);
		assert_string_equal(event->attempt.address, "172.20.0.3:6379");
		refused += strcmp(event->attempt.outcome, "refused") == 0;
		connected += strcmp(event->attempt.outcome, "connected") == 0;
	}
	assert_true(trace->complete);
	assert_true(lost >= 2);
	assert_int_equal(phases, 2 * lost);
	assert_int_equal(refused, 3 * lost);
	assert_int_equal(connected, lost);
	trace_free(trace);
}

/* The example of docs/trace.md is a trace, with an event of each kind. */
static void test_documented(void **state)
{
	(void)state;
	FILE *file = fopen("docs/trace.md", "r");
	assert_non_null(file);
	CLEANUP(buf_release) struct buf text = { 0 };
	char line[1024];
	while (fgets(line, sizeof(line), file))
		if (strncmp(line, "{\"k\":", 5) == 0)
			buf_add_string(&text, line);
	fclose(file);
	struct err err = ERR_INIT;
	struct trace *trace = trace_read(buf_string(&text), text.length, "docs/trace.md", &err);
	if (!trace)
		BUG("example %d:%d: %s", err.line, err.column, err.message);
	bool shown[EVENT_KIND_COUNT] = { false };
	for (size_t i = 0; i < trace->event_count; i++)
		shown[trace->events[i].kind] = true;
	for (size_t i = 0; i < ARRAY_LENGTH(shown); i++)
		if (!shown[i])
			fail_msg("docs/trace.md shows no event of kind \"%s\"", event_kind_names[i]);
	assert_true(trace->complete);
	trace_free(trace);
}

/* Puts the keys of the page's row of a kind into `out`, each with `*` behind it if it may be left out: they
 * stand in italics there, *`so` `as these`*. */
static void read_row(const char *row, struct buf *out)
{
	bool italic = false;
	for (; *row && *row != '|'; row++) {
		if (*row == '*')
			italic = !italic;
		if (*row != '`')
			continue;
		size_t length = strcspn(row + 1, "`");
		buf_addf(out, "%.*s%s ", (int)length, row + 1, italic ? "*" : "");
		row += length + 1;
	}
}

static const char *row_of(const char *page, const char *kind, char start[static 40])
{
	snprintf(start, 40, "\n| `%s` | ", kind);
	const char *row = strstr(page, start);
	if (!row)
		fail_msg("docs/trace.md has no row of kind \"%s\"", kind);
	return row + strlen(start);
}

/* Whoever reads a trace with jq reads the page first. */
static void test_page_has_every_key(void **state)
{
	(void)state;
	FILE *file = fopen("docs/trace.md", "r");
	assert_non_null(file);
	CLEANUP(buf_release) struct buf page = { 0 };
	char line[4096];
	while (fgets(line, sizeof(line), file))
		buf_add_string(&page, line);
	fclose(file);
	for (size_t kind = 0; kind < EVENT_KIND_COUNT; kind++) {
		CLEANUP(buf_release) struct buf said = { 0 }, real = { 0 };
		char start[40];
		read_row(row_of(buf_string(&page), event_kind_names[kind], start), &said);
		for (size_t i = 0; i < event_fields[kind].count; i++)
			buf_addf(&real, "%s%s ", event_fields[kind].fields[i].key,
			    event_fields[kind].fields[i].required ? "" : "*");
		assert_string_equal(buf_string(&said), buf_string(&real));
	}
}

static void test_unknown_kind_is_told_the_kinds(void **state)
{
	(void)state;
	struct err err = ERR_INIT;
	static const char text[] = "{\"k\":\"wurld\"}\n";
	assert_null(trace_read(text, sizeof(text) - 1, "t", &err));
	for (size_t kind = 0; kind < EVENT_KIND_COUNT; kind++)
		assert_non_null(strstr(err.message, event_kind_names[kind]));
}

/* The wire's own members: their keys are a promise to whoever reads a trace with jq. */
static void test_text_of_the_wire(void **state)
{
	(void)state;
	CLEANUP(buf_release) struct buf text = { 0 };
	trace_write_event(&text, &(struct event){ .kind = EVENT_ATTEMPT,
				     .from_ns = 1,
				     .to_ns = 9,
				     .of = "dial",
				     .attempt = { .number = 2,
					 .outcome = "timeout",
					 .source = "wire",
					 .began_known = true,
					 .ended_after_ns = 7,
					 .lookup_ns = 3,
					 .packets = 4,
					 .address = "172.20.0.3:6379",
					 .connection = 40212,
					 .open = 1 } });
	trace_write_event(&text, &(struct event){ .kind = EVENT_LOST,
				     .of = "dial",
				     .lost = { .how = "closed", .by = "client", .connection = 40212 } });
	trace_write_event(&text, &(struct event){ .kind = EVENT_PHASE,
				     .of = "redis",
				     .phase = { .phase = "denied",
					 .made = "spoken",
					 .index = 2,
					 .detail = "NOAUTH Authentication required." } });
	assert_string_equal(text.bytes,
	    "{\"k\":\"attempt\",\"of\":\"dial\",\"from\":1,\"to\":9,\"number\":2,\"outcome\":\"timeout\","
	    "\"source\":\"wire\",\"began_known\":true,\"ended_after\":7,\"lookup\":3,\"packets\":4,"
	    "\"address\":\"172.20.0.3:6379\",\"connection\":40212,\"open\":1}\n"
	    "{\"k\":\"lost\",\"of\":\"dial\",\"from\":0,\"to\":0,\"how\":\"closed\",\"by\":\"client\","
	    "\"connection\":40212}\n"
	    "{\"k\":\"phase\",\"of\":\"redis\",\"from\":0,\"to\":0,\"phase\":\"denied\",\"made\":\"spoken\","
	    "\"index\":2,\"detail\":\"NOAUTH Authentication required.\"}\n");
}

/* ---- what is accepted ---- */

static struct trace *read_text(const char *text, size_t length)
{
	struct err err = ERR_INIT;
	struct trace *trace = trace_read(text, length, "t.ndjson", &err);
	if (!trace)
		fail_msg("%d:%d: %s", err.line, err.column, err.message);
	return trace;
}

static void expect_events(const char *text, size_t length, size_t count, bool complete)
{
	struct trace *trace = read_text(text, length);
	assert_int_equal(trace->event_count, count);
	assert_int_equal(trace->complete, complete);
	trace_free(trace);
}

#define EXPECT_EVENTS(literal, count, complete) expect_events(literal, sizeof(literal) - 1, count, complete)

static void test_accepted(void **state)
{
	(void)state;
	EXPECT_EVENTS(HEADER LOST END, 3, true);
	EXPECT_EVENTS("\xEF\xBB\xBF" HEADER END, 2, true);
	EXPECT_EVENTS("\n \t\n" HEADER "\r\n" END "\n", 2, true);
	EXPECT_EVENTS(
	    "{ \"k\" : \"world\" , \"speed\" : 1.0 , \"to\":0,\"from\":0,\"version\" :\t1 } \r\n" END, 2,
	    true);
	EXPECT_EVENTS("{\"k\":\"world\",\"version\":1,\"from\":0,\"to\":0,\"speed\":1,\"later\":{\"a\":[1,{},"
		      "[],\"]}\"],"
		      "\"b\":{\"c\":null}},\"more\":[true,false,-1.5e3]}\n" END,
	    2, true);
	/* The end of a file after a power cut. */
	EXPECT_EVENTS(HEADER LOST "\0\0\0\0", 2, false);
	EXPECT_EVENTS(HEADER END "\0\0\0\0", 2, true);
}

static void test_escapes(void **state)
{
	(void)state;
	static const char text[] = HEADER
	    "{\"k\":\"log\",\"of\":\"g\",\"from\":1,\"to\":1,\"line\":"
	    "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0000\\u00e9\\uD83D\\ude00\\ud800x\\udc00\\ud83d\\u0041\"}\n";
	static const char decoded[] = "\"\\/\b\f\n\r\t\0é😀\xEF\xBF\xBDx\xEF\xBF\xBD\xEF\xBF\xBD"
				      "A";
	struct trace *trace = read_text(text, sizeof(text) - 1);
	struct text line = trace->events[1].log.line;
	assert_int_equal(line.length, sizeof(decoded) - 1);
	assert_memory_equal(line.bytes, decoded, sizeof(decoded));
	trace_free(trace);
}

/* Cut anywhere, a trace keeps the lines before the cut and says that it is not complete. */
static void test_cut_anywhere(void **state)
{
	(void)state;
	static const char text[] =
	    HEADER "{\"k\":\"sample\",\"of\":\"é\\u00e9\",\"from\":-12,\"to\":3,\"outcome\":\"answered\","
		   "\"state\":\"x\",\"new\":[{\"a\":null},true,1.5e-7]}\n" END;
	size_t header = sizeof(HEADER) - 1;
	for (size_t length = header; length < sizeof(text) - 2; length++) {
		char *exact = xmemdup0(text, length); /* on the heap: the sanitizer sees an over-read */
		struct trace *trace = read_text(exact, length);
		assert_false(trace->complete);
		assert_in_range(trace->event_count, 1, 2);
		trace_free(trace);
		free(exact);
	}
	for (size_t length = 0; length < header - 2; length++) {
		struct err err = ERR_INIT;
		assert_null(trace_read(text, length, "t.ndjson", &err));
		assert_string_equal(err.message, "the trace is empty: it holds no whole line");
	}
}

/* ---- what is refused ---- */

static const struct refused {
	const char *text;
	int line, column;
	const char *message; /* a part of it */
} refused[] = {
	{ LOST, 1, 1, "a trace starts with an event of kind \"world\", this one with \"lost\"" },
	{ HEADER HEADER, 2, 1, "a second event of kind \"world\"" },
	{ HEADER END LOST, 3, 1, "nothing may follow the event of kind \"end\"" },
	{ "{\"k\":\"world\",\"version\":2,\"harness\":\"3.1\"}\n", 1, 1,
	    "up to version 1; read it with falsestart 3.1" },
	{ "{\"k\":\"world\",\"version\":0,\"from\":0,\"to\":0,\"speed\":1}\n", 1, 1,
	    "there is no version 0" },
	{ "{\"k\":\"world\",\"from\":0,\"to\":0,\"speed\":1}\n", 1, 1, "there is no version 0" },
	{ HEADER "{\"k\":\"lost\",\"from\":1,\"to\":1}\n", 2, 1, "of kind \"lost\" has no \"of\"" },
	{ HEADER "{\"k\":\"lost\",\"of\":\"d\",\"from\":null,\"to\":1}\n", 2, 1, "has no \"from\"" },
	{ HEADER "{\"k\":\"sample\",\"of\":\"d\",\"from\":1,\"to\":1,\"state\":\"x\"}\n", 2, 1,
	    "has no \"outcome\"" },
	{ HEADER "{\"k\":\"lost\",\"of\":\"d\",\"from\":2,\"to\":1}\n", 2, 1,
	    "\"from\" (2) is later than \"to\" (1)" },
	{ HEADER "{\"k\":\"lost\",\"of\":\"d\",\"from\":9223372036854775808,\"to\":1}\n", 2, 29,
	    "does not fit 64 bits" },
	{ HEADER "{\"k\":\"lost\",\"of\":\"d\",\"from\":99999999999999999999,\"to\":1}\n", 2, 29,
	    "does not fit 64 bits" },
	{ HEADER "{\"k\":\"lost\",\"of\":\"d\",\"from\":9223372036854775807,\"to\":1}\n", 2, 29,
	    "farther than 126 years" },
	{ HEADER "{\"k\":\"lost\",\"of\":\"d\",\"from\":1.5,\"to\":1}\n", 2, 29,
	    "whole number is wanted here, not a fr" },
	{ HEADER "{\"k\":\"lost\",\"of\":\"d\",\"from\":01,\"to\":1}\n", 2, 29, "no leading zeros" },
	{ HEADER "{\"k\":\"lost\",\"of\":\"d\",\"from\":\"1\",\"to\":1}\n", 2, 29,
	    "a whole number is wanted" },
	{ HEADER "{\"k\":\"lost\",\"of\":7,\"from\":1,\"to\":1}\n", 2, 18, "a string is wanted" },
	{ HEADER "{\"k\":\"lost\",\"of\":{\"a\":1},\"from\":1,\"to\":1}\n", 2, 18, "a string is wanted" },
	{ HEADER "{\"k\":\"lost\",\"of\":\"\\u0000\",\"from\":1,\"to\":1}\n", 2, 18, "may not hold \\u0000" },
	{ HEADER "{\"k\":\"lost\",\"of\":\"d\",\"of\":\"d\"}\n", 2, 22, "second time" },
	{ HEADER "{\"k\":\"gone\",\"of\":\"d\"}\n", 2, 6, "there is no such kind of event" },
	{ "{\n  \"falsestart_report\": 1\n}\n", 1, 2, "the line ends before its object does" },
	{ HEADER "{\"of\":\"d\",\"k\":\"lost\"}\n", 2, 2, "the first key of every line has to be \"k\"" },
	{ HEADER "[1]\n", 2, 1, "starts with `{`" },
	{ HEADER "{\"k\":\"phase\",\"of\":\"redis\",\"from\":1,\"to\":1,\"made\":\"gate\"}\n", 2, 1,
	    "has no \"phase\"" },
	{ HEADER "{\"k\":\"attempt\",\"of\":\"d\",\"open\":\"2\"}\n", 2, 32, "a whole number is wanted" },
	{ HEADER "garbage\n" END, 2, 1, "starts with `{`" },
	{ HEADER "garbage", 2, 1, "starts with `{`" },
	{ HEADER "{\"k\":\"lost\",\"of\":\"d\n" END, 2, 20, "the string has no end" },
	{ HEADER "{\"k\":\"lost\",\"of\":\"a\tb\"}\n", 2, 20, "control character" },
	{ HEADER "{\"k\":\"lost\",\"of\":\"a\\qb\"}\n", 2, 21, "no such escape" },
	{ HEADER "{\"k\":\"lost\",\"of\":\"\\u12g4\"}\n", 2, 23, "four hexadecimal digits" },
	{ HEADER "{\"k\":\"lost\",\"of\":\"\xC0\x80zzzz\"}\n", 2, 19, "not valid UTF-8" },
	{ HEADER "{\"k\":\"lost\",\"of\":\"d\",}\n", 2, 22, "a string is wanted" },
	{ HEADER "{\"k\":\"lost\" \"of\":\"d\"}\n", 2, 13, "`,` or `}`" },
	{ HEADER "{\"k\":\"lost\",\"of\":\"d\",\"from\":1,\"to\":1} x\n", 2, 39,
	    "nothing may follow the object" },
	{ HEADER "{\"k\":\"lost\",\"new\":[1,]}\n", 2, 22, "a value is wanted" },
	{ HEADER "{\"k\":\"lost\",\"new\":[1}\n", 2, 21, "`,` or the end" },
	{ HEADER "{\"k\":\"lost\",\"new\":{1:2}}\n", 2, 20, "a string is wanted" },
	{ HEADER "{\"k\":\"service\",\"of\":\"d\",\"asked\":yes}\n", 2, 33, "true or false" },
	{ HEADER "{\"k\":\"service\",\"of\":\"d\",\"exit\":4294967296}\n", 2, 32, "32 bits" },
	{ HEADER TRY("d", "1") TRY("e", "1") TRY("d", "2") TRY("d", "4") END, 5, 1,
	    "attempt 3 of d is missing, this is attempt 4: lines of the trace were lost" },
	{ HEADER TRY("d", "2") END, 2, 1, "attempt 1 of d is missing, this is attempt 2" },
	{ HEADER TRY("d", "1") TRY("d", "2") TRY("d", "2") END, 4, 1,
	    "attempt 2 of d stands behind attempt 2: lines of the trace are out of their order" },
	{ HEADER TRY("d", "1") TRY("d", "2") TRY("d", "1") END, 4, 1,
	    "attempt 1 of d stands behind attempt 2" },
	{ HEADER TRY("a\\u001bb", "0"), 2, 1, "attempt 0 of a\\x1bb stands behind attempt 0" },
	{ "", 1, 1, "the trace is empty" },
	{ "\n\n", 1, 1, "the trace is empty" },
};

static void test_refused(void **state)
{
	(void)state;
	int wrong = 0;
	for (size_t i = 0; i < ARRAY_LENGTH(refused); i++) {
		struct err err = ERR_INIT;
		struct trace *trace = trace_read(refused[i].text, strlen(refused[i].text), "t.ndjson", &err);
		if (trace || !strstr(err.message, refused[i].message) || err.line != refused[i].line ||
		    err.column != refused[i].column || strcmp(err.file, "t.ndjson") != 0) {
			print_error("case %zu: %s\nwanted %d:%d %s\n   got %d:%d %s\n", i, refused[i].text,
			    refused[i].line, refused[i].column, refused[i].message, err.line, err.column,
			    err.message);
			wrong++;
		}
		trace_free(trace);
	}
	assert_int_equal(wrong, 0);
}

static void test_nul_in_the_middle(void **state)
{
	(void)state;
	static const char text[] = HEADER "{\"k\":\"lost\"\0,\"of\":\"d\"}\n" END;
	struct err err = ERR_INIT;
	assert_null(trace_read(text, sizeof(text) - 1, "t.ndjson", &err));
	assert_int_equal(err.line, 2);
	assert_int_equal(err.column, 12);
}

static void read_long_line(size_t size, bool accepted)
{
	CLEANUP(buf_release) struct buf text = { 0 };
	buf_add_string(&text, HEADER "{\"k\":\"log\",\"of\":\"g\",\"from\":1,\"to\":1,\"line\":\"");
	for (size_t i = 0; i < size; i++)
		buf_add_string(&text, "\\u0001");
	buf_add_string(&text, "\"}\n");
	struct err err = ERR_INIT;
	struct trace *trace = trace_read(text.bytes, text.length, "t.ndjson", &err);
	assert_int_equal(trace != NULL, accepted);
	if (trace)
		assert_int_equal(trace->events[1].log.line.length, size);
	else
		assert_non_null(strstr(err.message, "a trace has none of more than 4194304"));
	trace_free(trace);
}

static void test_long_lines(void **state)
{
	(void)state;
	read_long_line(256 * 1024, true);
	read_long_line(1024 * 1024, false);
	CLEANUP(buf_release) struct buf deep = { 0 };
	buf_add_string(&deep, HEADER "{\"k\":\"lost\",\"new\":");
	for (int i = 0; i < 100000; i++)
		buf_add_char(&deep, '[');
	buf_add_char(&deep, '\n');
	struct err err = ERR_INIT;
	assert_null(trace_read(deep.bytes, deep.length, "t.ndjson", &err));
	assert_non_null(strstr(err.message, "nested too deeply"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_stable_text),
		cmocka_unit_test(test_text_of_the_wire),
		cmocka_unit_test(test_documented),
		cmocka_unit_test(test_generated),
		cmocka_unit_test(test_accepted),
		cmocka_unit_test(test_escapes),
		cmocka_unit_test(test_cut_anywhere),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_nul_in_the_middle),
		cmocka_unit_test(test_long_lines),
		cmocka_unit_test(test_page_has_every_key),
		cmocka_unit_test(test_unknown_kind_is_told_the_kinds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
