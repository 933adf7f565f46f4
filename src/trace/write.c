#include "trace/field.h"
#include "trace/trace.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* buf_addf() allocates; a trace line has a handful of numbers, so they are written by hand. */
static void add_int64(struct buf *out, int64_t value)
{
	char digits[24];
	size_t start = sizeof(digits);
	uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
	do {
		digits[--start] = (char)('0' + rest % 10);
		rest /= 10;
	} while (rest);
	if (value < 0)
		digits[--start] = '-';
	buf_add(out, digits + start, sizeof(digits) - start);
}

/* The shortest text that reads back as the same number. JSON has no infinities: they and NAN become 0. */
static void add_double(struct buf *out, double value)
{
	char text[40] = "0";
	for (int digits = 15; isfinite(value) && digits <= 17; digits++) {
		snprintf(text, sizeof(text), "%.*g", digits, value);
		if (strtod(text, NULL) == value)
			break;
	}
	buf_add_string(out, text);
}

static bool is_plain(const char *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		unsigned char byte = (unsigned char)bytes[i];
		if (byte < 0x20 || byte >= 0x7F || byte == '"' || byte == '\\')
			return false;
	}
	return true;
}

static void add_string(struct buf *out, const char *bytes, size_t length)
{
	if (!is_plain(bytes, length)) {
		buf_add_json_string(out, bytes, length);
		return;
	}
	buf_add_char(out, '"');
	buf_add(out, bytes, length);
	buf_add_char(out, '"');
}

static void add_key(struct buf *out, const struct field *field)
{
	buf_add(out, ",\"", 2);
	buf_add(out, field->key, field->key_length);
	buf_add(out, "\":", 2);
}

static void add_integer(struct buf *out, const struct field *field, int64_t value)
{
	if (!field->required && value == field->absent)
		return;
	add_key(out, field);
	add_int64(out, value);
}

static void add_field(struct buf *out, const struct field *field, const struct event *event)
{
	const void *member = (const char *)event + field->offset;
	switch (field->type) {
	case FIELD_TIME:
	case FIELD_INT64:
		add_integer(out, field, *(const int64_t *)member);
		break;
	case FIELD_INT:
		add_integer(out, field, *(const int *)member);
		break;
	case FIELD_DOUBLE:
		add_key(out, field);
		add_double(out, *(const double *)member);
		break;
	case FIELD_BOOL:
		if (field->required || *(const bool *)member) {
			add_key(out, field);
			buf_add_string(out, *(const bool *)member ? "true" : "false");
		}
		break;
	case FIELD_WORD:
	case FIELD_STRING: {
		const char *string = *(const char *const *)member;
		if (field->required || (string && *string)) {
			add_key(out, field);
			add_string(out, string ? string : "", string ? strlen(string) : 0);
		}
		break;
	}
	case FIELD_TEXT: {
		const struct text *text = member;
		if (text->bytes) {
			add_key(out, field);
			add_string(out, text->bytes, text->length);
		}
		break;
	}
	}
}

void trace_write_event(struct buf *out, const struct event *event)
{
	const struct field_list *list = &event_fields[event->kind];
	buf_add_string(out, "{\"k\":\"");
	buf_add_string(out, event_kind_names[event->kind]);
	buf_add_char(out, '"');
	for (size_t i = 0; i < list->count; i++)
		add_field(out, &list->fields[i], event);
	buf_add(out, "}\n", 2);
}
