/*
 * json_stream: JSON objects one after the other (with or without newlines between), in pieces of any size, as
 * /events, /images/create, /images/load and /build answer. Knows no socket: it is fed bytes.
 */
#ifndef ENGINE_JSON_STREAM_H
#define ENGINE_JSON_STREAM_H

#include "base/err.h"
#include "base/memory.h"

#include <jansson.h>
#include <stddef.h>

struct json_stream;

/* An object longer than `object_max` bytes breaks the stream. */
struct json_stream *json_stream_new(size_t object_max);
void json_stream_free(struct json_stream *stream);

/* Takes bytes off the front of *bytes (moving it and lowering *length) until an object is whole.
 * 1: *ret_object is a new reference. 0: all bytes are taken; feed more.
 * -1: not a stream of objects, or one too long; no further calls but free. */
int json_stream_next(struct json_stream *stream, const char **bytes, size_t *length, json_t **ret_object,
    struct err *err) MUST_CHECK;
/* After the last byte: -1 if it ended inside an object. */
int json_stream_finish(const struct json_stream *stream, struct err *err) MUST_CHECK;

#endif
