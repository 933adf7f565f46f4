#include "engine/json_stream.h"

#include "base/buf.h"
#include "engine/json_text.h"

#include <stdbool.h>
#include <string.h>

#define SHOWN_MAX 200

struct json_stream {
	size_t object_max;
	struct buf object; /* what is there of the current object */
	size_t depth;      /* of brackets and braces; 0: between objects */
	bool in_string, after_backslash;
};

struct json_stream *json_stream_new(size_t object_max)
{
	struct json_stream *stream = xcalloc(1, sizeof(*stream));
	stream->object_max = object_max;
	stream->object.max = object_max;
	return stream;
}

void json_stream_free(struct json_stream *stream)
{
	if (!stream)
		return;
	buf_release(&stream->object);
	free(stream);
}

/* Follows one byte inside an object; true if it closed the object. Brackets that do not match are left for
 * the parser to complain about. */
static bool follow(struct json_stream *stream, char byte)
{
	if (stream->after_backslash) {
		stream->after_backslash = false;
	} else if (stream->in_string) {
		if (byte == '\\')
			stream->after_backslash = true;
		else if (byte == '"')
			stream->in_string = false;
	} else if (byte == '"') {
		stream->in_string = true;
	} else if (byte == '{' || byte == '[') {
		stream->depth++;
	} else if (byte == '}' || byte == ']') {
		stream->depth--;
	}
	return stream->depth == 0;
}

static void skip_blanks(const char **bytes, size_t *length)
{
	while (*length && memchr(" \t\r\n", **bytes, 4)) {
		(*bytes)++;
		(*length)--;
	}
}

static int not_an_object(const char *bytes, size_t length, struct err *err)
{
	struct buf shown CLEANUP(buf_release) = { 0 };
	buf_add_visible(&shown, bytes, length, SHOWN_MAX);
	return err_set(err, ERR_ENVIRONMENT, "a JSON object was due, but there came: %s", buf_string(&shown));
}

int json_stream_next(
    struct json_stream *stream, const char **bytes, size_t *length, json_t **ret_object, struct err *err)
{
	if (stream->depth == 0) {
		buf_clear(&stream->object);
		skip_blanks(bytes, length);
		if (*length && **bytes != '{')
			return not_an_object(*bytes, *length, err);
	}
	size_t taken = 0;
	bool whole = false;
	while (taken < *length && !whole)
		whole = follow(stream, (*bytes)[taken++]);
	buf_add(&stream->object, *bytes, taken);
	*bytes += taken;
	*length -= taken;
	if (stream->object.cut)
		return err_set(err, ERR_ENVIRONMENT, "a JSON object is longer than the %zu bytes allowed",
		    stream->object_max);
	if (!whole)
		return 0;
	json_t *object = json_text_parse(stream->object.bytes, stream->object.length, err);
	if (!object)
		return -1;
	*ret_object = object;
	return 1;
}

int json_stream_finish(const struct json_stream *stream, struct err *err)
{
	if (stream->depth == 0)
		return 0;
	return err_set(err, ERR_ENVIRONMENT, "the stream ended inside a JSON object, after %zu bytes of it",
	    stream->object.length);
}
