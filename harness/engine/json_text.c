#include "engine/json_text.h"

#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define SHOWN_MAX 200

/* Is a number without fraction or exponent larger than INT64_MAX (or its negative)? */
static bool is_huge_integer(const char *digits, size_t length)
{
	static const char most[] = "9223372036854775807";
	const size_t most_length = sizeof(most) - 1;
	return length > most_length || (length == most_length && memcmp(digits, most, length) > 0);
}

/* Copies a number from text[at], held to 64 bits; returns where it ends. */
static size_t copy_number(struct buf *out, const char *text, size_t length, size_t at)
{
	size_t end = at;
	while (end < length && text[end] >= '0' && text[end] <= '9')
		end++;
	bool is_integer = end == length || !strchr(".eE", text[end]) || text[end] == '\0';
	if (is_integer && is_huge_integer(text + at, end - at))
		buf_add_string(out, "9223372036854775807");
	else
		buf_add(out, text + at, end - at);
	return end;
}

static void hold_integers(struct buf *out, const char *text, size_t length)
{
	bool in_string = false;
	for (size_t i = 0; i < length;) {
		char byte = text[i];
		bool follows_number = i && strchr(".eE+", text[i - 1]) && text[i - 1];
		if (!in_string && byte >= '0' && byte <= '9' && !follows_number) {
			i = copy_number(out, text, length, i);
			continue;
		}
		if (in_string && byte == '\\' && i + 1 < length)
			buf_add_char(out, text[i++]);
		else if (byte == '"')
			in_string = !in_string;
		buf_add_char(out, text[i++]);
	}
}

json_t *json_text_parse(const char *bytes, size_t length, struct err *err)
{
	const size_t flags = JSON_DECODE_ANY | JSON_ALLOW_NUL;
	json_error_t error;
	/* Nothing may come without a pointer. */
	if (!bytes)
		bytes = "";
	json_t *value = json_loadb(bytes, length, flags, &error);
	if (!value && json_error_code(&error) == json_error_numeric_overflow) {
		struct buf held CLEANUP(buf_release) = { 0 };
		hold_integers(&held, bytes, length);
		value = json_loadb(held.bytes, held.length, flags, &error);
	}
	if (value)
		return value;
	struct buf shown CLEANUP(buf_release) = { 0 };
	struct buf reason CLEANUP(buf_release) = { 0 };
	buf_add_visible(&shown, bytes, length, SHOWN_MAX);
	buf_add_visible(&reason, error.text, strlen(error.text), SHOWN_MAX);
	err_set(err, ERR_ENVIRONMENT, "not valid JSON at byte %d (%s): %s", error.position,
	    buf_string(&reason), length ? buf_string(&shown) : "nothing at all");
	return NULL;
}

const char *json_text_member(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));
	return text ? text : "";
}
