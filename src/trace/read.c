#include "base/buf.h"
#include "base/lookup.h"
#include "trace/field.h"
#include "trace/scan.h"
#include "trace/trace.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

/* A body of 256 KiB in which every byte is escaped fits; what is longer was not written by us. */
#define LINE_MAX_BYTES ((size_t)4 * 1024 * 1024)

struct reader {
	const char *file;
	int line;
	struct trace *trace;
	struct scanner scanner;
	/* The number of the last attempt of each watch. */
	struct lookup watches;
	int *numbers;
	size_t watch_count;
};

/* ---- one member ---- */

static int read_integer(
    struct scanner *scanner, int64_t low, int64_t high, const char *complaint, int64_t *ret_value)
{
	scan_blanks(scanner);
	const char *place = scanner->cursor;
	if (scan_int64(scanner, ret_value) < 0)
		return -1;
	return *ret_value < low || *ret_value > high ? scan_fail(scanner, place, complaint) : 0;
}

static int read_string(struct scanner *scanner, const struct field *field, struct event *event)
{
	void *member = (char *)event + field->offset;
	struct slice slice;
	scan_blanks(scanner);
	const char *place = scanner->cursor;
	if (scan_string(scanner, &slice) < 0)
		return -1;
	if (field->type != FIELD_TEXT && slice.in_arena && memchr(slice.bytes, '\0', slice.length))
		return scan_fail(scanner, place, "this string may not hold \\u0000");
	const char *bytes;
	if (field->type == FIELD_WORD)
		bytes = arena_intern(scanner->arena, slice.bytes, slice.length);
	else
		bytes = slice.in_arena ? slice.bytes : arena_copy(scanner->arena, slice.bytes, slice.length);
	if (field->type == FIELD_TEXT)
		*(struct text *)member = (struct text){ .bytes = bytes, .length = slice.length };
	else
		*(const char **)member = bytes;
	return 0;
}

static int read_member(struct scanner *scanner, const struct field *field, struct event *event)
{
	void *member = (char *)event + field->offset;
	int64_t value;
	switch (field->type) {
	case FIELD_TIME:
		if (read_integer(scanner, -TRACE_TIME_MAX, TRACE_TIME_MAX,
			"the time is farther than 126 years from the world's beginning", &value) < 0)
			return -1;
		*(int64_t *)member = value;
		return 0;
	case FIELD_INT64:
		return scan_int64(scanner, member);
	case FIELD_INT:
		if (read_integer(scanner, INT_MIN, INT_MAX, "the number does not fit 32 bits", &value) < 0)
			return -1;
		*(int *)member = (int)value;
		return 0;
	case FIELD_DOUBLE:
		return scan_double(scanner, member);
	case FIELD_BOOL:
		return scan_bool(scanner, member);
	case FIELD_WORD:
	case FIELD_STRING:
	case FIELD_TEXT:
		return read_string(scanner, field, event);
	}
	BUG("field type %d", (int)field->type);
}

/* ---- one event ---- */

/* What members have before any is read; nobody ever meets a NULL string.
 */
static void set_absent(struct event *event, enum event_kind kind)
{
	const struct field_list *list = &event_fields[kind];
	memset(event, 0, sizeof(*event));
	event->kind = kind;
	event->of = "";
	for (size_t i = 0; i < list->count; i++) {
		void *member = (char *)event + list->fields[i].offset;
		if (list->fields[i].type == FIELD_WORD || list->fields[i].type == FIELD_STRING)
			*(const char **)member = "";
		else if (list->fields[i].type == FIELD_INT)
			*(int *)member = list->fields[i].absent;
	}
}

static size_t find_field(const struct field_list *list, const struct slice *key, size_t expected)
{
	/* Our own writer has them in the order of the table, leaving some out. */
	for (size_t tried = 0; tried < list->count; tried++) {
		size_t i = expected + tried < list->count ? expected + tried : expected + tried - list->count;
		const struct field *field = &list->fields[i];
		if (field->key_length == key->length && memcmp(field->key, key->bytes, key->length) == 0)
			return i;
	}
	return list->count;
}

static const char UNKNOWN_KIND[] = "there is no such kind of event; the kinds are ";

static int read_kind(struct scanner *scanner, enum event_kind *ret_kind)
{
	struct slice slice;
	if (scan_char(
		scanner, '{', "a trace has one JSON object in every line, and an object starts with `{`") < 0)
		return -1;
	scan_blanks(scanner);
	const char *place = scanner->cursor;
	if (place >= scanner->end) /* of a JSON file that is laid out for people */
		return scan_fail(scanner, place,
		    "the line ends before its object does; a trace has one JSON object in every line");
	if (scan_string(scanner, &slice) < 0)
		return -1;
	if (slice.length != 1 || slice.bytes[0] != 'k')
		return scan_fail(
		    scanner, place, "the first key of every line has to be \"k\", the kind of the event");
	if (scan_char(scanner, ':', "`:` is wanted after a key") < 0)
		return -1;
	scan_blanks(scanner);
	place = scanner->cursor;
	if (scan_string(scanner, &slice) < 0)
		return -1;
	for (size_t kind = 0; kind < EVENT_KIND_COUNT; kind++) {
		if (strlen(event_kind_names[kind]) == slice.length &&
		    memcmp(event_kind_names[kind], slice.bytes, slice.length) == 0) {
			*ret_kind = (enum event_kind)kind;
			return 0;
		}
	}
	return scan_fail(scanner, place, UNKNOWN_KIND);
}

static int read_members(struct scanner *scanner, struct event *event, uint32_t *ret_seen)
{
	const struct field_list *list = &event_fields[event->kind];
	size_t expected = 0;
	for (;;) {
		struct slice key;
		scan_blanks(scanner);
		if (scanner->cursor < scanner->end && *scanner->cursor == '}') {
			scanner->cursor++;
			break;
		}
		if (scan_char(scanner, ',', "`,` or `}` is wanted here") < 0)
			return -1;
		scan_blanks(scanner);
		const char *place = scanner->cursor;
		if (scan_string(scanner, &key) < 0 ||
		    scan_char(scanner, ':', "`:` is wanted after a key") < 0)
			return -1;
		size_t found = find_field(list, &key, expected);
		if (found == list->count) {
			if (scan_skip_value(scanner) < 0)
				return -1;
			continue;
		}
		if (*ret_seen & UINT32_C(1) << found)
			return scan_fail(scanner, place, "the key stands here for the second time");
		expected = found + 1;
		if (scan_null(scanner))
			continue;
		*ret_seen |= UINT32_C(1) << found;
		if (read_member(scanner, &list->fields[found], event) < 0)
			return -1;
	}
	scan_blanks(scanner);
	return scanner->cursor < scanner->end
		   ? scan_fail(scanner, scanner->cursor, "nothing may follow the object in its line")
		   : 0;
}

/* ---- the whole ---- */

static void add_kinds(struct buf *out)
{
	for (size_t kind = 0; kind < EVENT_KIND_COUNT; kind++)
		buf_addf(out, "%s%s",
		    kind == 0                     ? ""
		    : kind + 1 < EVENT_KIND_COUNT ? ", "
						  : " and ",
		    event_kind_names[kind]);
}

static int fail_at(struct reader *reader, const char *place, struct err *err, const char *complaint)
{
	struct buf kinds CLEANUP(buf_release) = { 0 };
	if (complaint == UNKNOWN_KIND)
		add_kinds(&kinds);
	return err_set_at(err, reader->file, reader->line, (int)(place - reader->scanner.start) + 1, "%s%s",
	    complaint, buf_string(&kinds));
}

static int check_required(struct reader *reader, const struct event *event, uint32_t seen, struct err *err)
{
	const struct field_list *list = &event_fields[event->kind];
	for (size_t i = 0; i < list->count; i++) {
		if (!list->fields[i].required || seen & UINT32_C(1) << i)
			continue;
		return err_set_at(err, reader->file, reader->line, 1,
		    "the event of kind \"%s\" has no \"%s\"", event_kind_names[event->kind],
		    list->fields[i].key);
	}
	if (event->from_ns > event->to_ns)
		return err_set_at(err, reader->file, reader->line, 1,
		    "\"from\" (%lld) is later than \"to\" (%lld)", (long long)event->from_ns,
		    (long long)event->to_ns);
	return 0;
}

static int check_version(struct reader *reader, const struct event *world, struct err *err)
{
	if (world->world.version > TRACE_VERSION)
		return err_set_at(err, reader->file, reader->line, 1,
		    "the trace has version %d and this falsestart reads up to version %d; read it with "
		    "falsestart %s "
		    "or newer",
		    world->world.version, TRACE_VERSION,
		    *world->world.harness ? world->world.harness : "(a newer one)");
	if (world->world.version < 1)
		return err_set_at(err, reader->file, reader->line, 1,
		    "there is no version %d of the trace format", world->world.version);
	return 0;
}

/* Where an event may stand: the world first and only there, nothing after the end. */
static int check_order(struct reader *reader, enum event_kind kind, struct err *err)
{
	const struct trace *trace = reader->trace;
	if (trace->event_count == 0 && kind != EVENT_WORLD)
		return err_set_at(err, reader->file, reader->line, 1,
		    "a trace starts with an event of kind \"world\", this one with \"%s\"",
		    event_kind_names[kind]);
	if (trace->event_count > 0 && kind == EVENT_WORLD)
		return err_set_at(err, reader->file, reader->line, 1,
		    "a second event of kind \"world\"; are these two traces in one file?");
	if (trace->event_count > 0 && trace->events[trace->event_count - 1].kind == EVENT_END)
		return err_set_at(
		    err, reader->file, reader->line, 1, "nothing may follow the event of kind \"end\"");
	return 0;
}

/* Attempts of a watch are counted from 1 as they are told. Where a number is missing a line is, and what is
 * judged by the attempts that are left is not what happened. */
static int check_number(struct reader *reader, const struct event *attempt, struct err *err)
{
	size_t place = lookup_place(&reader->watches, attempt->of);
	if (place == LOOKUP_NONE) {
		place = reader->watch_count;
		lookup_add(&reader->watches, attempt->of, place);
		*array_push(reader->numbers, reader->watch_count) = 0;
	}
	int number = attempt->attempt.number, last = reader->numbers[place];
	if (number != last + 1) {
		CLEANUP(buf_release) struct buf of = { 0 };
		buf_add_visible(&of, attempt->of, strlen(attempt->of), 80);
		if (number <= last)
			return err_set_at(err, reader->file, reader->line, 1,
			    "attempt %d of %s stands behind attempt %d: lines of the trace are out of their "
			    "order, and it cannot be judged",
			    number, buf_string(&of), last);
		return err_set_at(err, reader->file, reader->line, 1,
		    "attempt %d of %s is missing, this is attempt %d: lines of the trace were lost, and it "
		    "cannot be judged",
		    last + 1, buf_string(&of), number);
	}
	reader->numbers[place] = number;
	return 0;
}

/* Returns 1 if the line was cut short (it has no newline and ends too early). */
static int read_line(struct reader *reader, bool has_newline, struct err *err)
{
	struct scanner *scanner = &reader->scanner;
	struct event *event = &reader->trace->events[reader->trace->event_count];
	enum event_kind kind = EVENT_END;
	uint32_t seen = 0;
	if (read_kind(scanner, &kind) < 0)
		goto scan_failed;
	set_absent(event, kind);
	if (check_order(reader, kind, err) < 0)
		return -1;
	if (read_members(scanner, event, &seen) < 0)
		goto scan_failed;
	/* The version before anything that a newer version may have changed. */
	if (kind == EVENT_WORLD && check_version(reader, event, err) < 0)
		return -1;
	if (check_required(reader, event, seen, err) < 0)
		return -1;
	if (kind == EVENT_ATTEMPT && check_number(reader, event, err) < 0)
		return -1;
	reader->trace->event_count++;
	return 0;
scan_failed:
	if (scanner->at_end && !has_newline)
		return 1;
	return fail_at(reader, scanner->place, err, scanner->complaint);
}

static size_t count_lines(const char *bytes, size_t length)
{
	size_t count = 1;
	for (const char *cursor = bytes, *end = bytes + length; cursor < end; cursor++, count++) {
		cursor = memchr(cursor, '\n', (size_t)(end - cursor));
		if (!cursor)
			break;
	}
	return count;
}

static bool is_blank(const char *start, const char *end)
{
	while (start < end && (*start == ' ' || *start == '\t'))
		start++;
	return start == end;
}

static int read_lines(struct reader *reader, const char *cursor, const char *end, struct err *err)
{
	for (; cursor < end; reader->line++) {
		const char *newline = memchr(cursor, '\n', (size_t)(end - cursor));
		const char *stop = newline ? newline : end;
		const char *next = newline ? newline + 1 : end;
		if (stop > cursor && stop[-1] == '\r')
			stop--;
		reader->scanner.start = reader->scanner.cursor = cursor;
		reader->scanner.end = stop;
		if ((size_t)(stop - cursor) > LINE_MAX_BYTES)
			return err_set_at(err, reader->file, reader->line, 1,
			    "the line has %zu bytes; a trace has none of more than %zu",
			    (size_t)(stop - cursor), LINE_MAX_BYTES);
		if (!is_blank(cursor, stop) && read_line(reader, newline != NULL, err) < 0)
			return -1;
		cursor = next;
	}
	return 0;
}

struct trace *trace_read(const char *bytes, size_t length, const char *file, struct err *err)
{
	const char *end = bytes + length;
	if (length >= 3 && memcmp(bytes, "\xEF\xBB\xBF", 3) == 0)
		bytes += 3;
	/* What a file that was being written may end in after a power cut. */
	while (end > bytes && end[-1] == '\0')
		end--;
	struct trace *trace = xcalloc(1, sizeof(*trace));
	trace->arena = arena_new();
	/* Every line may become an event; one that is all newlines would waste a hundred times its size, so
	 * the array is no larger than what the shortest event allows. */
	size_t shortest = sizeof("{\"k\":\"lost\"}") - 1;
	size_t most = count_lines(bytes, (size_t)(end - bytes));
	if (most > (size_t)(end - bytes) / shortest + 1)
		most = (size_t)(end - bytes) / shortest + 1;
	trace->events = xmalloc(most * sizeof(*trace->events));
	struct reader reader = {
		.file = file, .line = 1, .trace = trace, .scanner = { .arena = trace->arena }
	};
	int result = read_lines(&reader, bytes, end, err);
	lookup_release(&reader.watches);
	free(reader.numbers);
	if (result == 0 && trace->event_count == 0)
		result = err_set_at(err, file, 1, 1, "the trace is empty: it holds no whole line");
	if (result < 0) {
		trace_free(trace);
		return NULL;
	}
	trace->complete = trace->events[trace->event_count - 1].kind == EVENT_END;
	return trace;
}

void trace_free(struct trace *trace)
{
	if (!trace)
		return;
	arena_free(trace->arena);
	free(trace->events);
	free(trace);
}
