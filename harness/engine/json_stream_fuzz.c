/* First byte: the size of the pieces. What comes out must not depend on the pieces, up to the message of an
 * error. */
#include "engine/json_stream.h"

#include "base/buf.h"

#include <stdint.h>
#include <string.h>

#define OBJECT_MAX 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int run(struct buf *out, const char *bytes, size_t size, size_t piece_size)
{
	struct json_stream *stream = json_stream_new(OBJECT_MAX);
	struct err err = ERR_INIT;
	json_t *object = NULL;
	int got = 0;
	for (size_t at = 0; at < size && got >= 0; at += piece_size) {
		const char *piece = bytes + at;
		size_t length = size - at < piece_size ? size - at : piece_size;
		while ((got = json_stream_next(stream, &piece, &length, &object, &err)) > 0) {
			char *text OWNED = json_dumps(object, JSON_COMPACT);
			buf_add_string(out, text ? text : "?");
			json_decref(object);
		}
	}
	if (got == 0)
		got = json_stream_finish(stream, &err);
	if ((got < 0) != err_is_set(&err))
		BUG("an error without a message, or the other way round");
	json_stream_free(stream);
	return got;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	const char *bytes = (const char *)data + 1;
	size_t piece_size = (size_t)data[0] + 1;
	struct buf whole CLEANUP(buf_release) = { 0 };
	struct buf pieces CLEANUP(buf_release) = { 0 };
	int whole_result = run(&whole, bytes, size - 1, size);
	int pieces_result = run(&pieces, bytes, size - 1, piece_size);
	if (whole_result != pieces_result || strcmp(buf_string(&whole), buf_string(&pieces)) != 0)
		BUG("pieces of %zu bytes give other objects than the whole", piece_size);
	return 0;
}
