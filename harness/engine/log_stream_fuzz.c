/* First byte: bit 0 is "terminal", bit 7 without it "attachment", the rest the size of the pieces. What comes
 * out must not depend on the pieces. */
#include "engine/log_stream.h"

#include "base/buf.h"

#include <string.h>

#define TERMINAL 0x01
#define ATTACHMENT 0x80

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void tell(struct buf *out, const struct engine_log_line *line)
{
	if (line->length > ENGINE_LOG_LINE_MAX)
		BUG("a line of %zu bytes", line->length);
	buf_addf(out, "%d %lld %d ", line->output, (long long)line->engine_stamp_ns, line->cut);
	buf_add(out, line->text, line->length);
	buf_add_char(out, '\n');
}

static void run(struct buf *out, unsigned char form, const char *bytes, size_t size, size_t piece_size)
{
	struct log_stream *stream =
	    form == ATTACHMENT ? log_stream_new_attached() : log_stream_new(form & TERMINAL);
	struct engine_log_line line;
	struct err err = ERR_INIT;
	int got = 0;
	for (size_t at = 0; at < size && got >= 0; at += piece_size) {
		const char *piece = bytes + at;
		size_t length = size - at < piece_size ? size - at : piece_size;
		while ((got = log_stream_next(stream, &piece, &length, &line, &err)) > 0)
			tell(out, &line);
	}
	while (got >= 0 && (got = log_stream_finish(stream, &line, &err)) > 0)
		tell(out, &line);
	if ((got < 0) != err_is_set(&err))
		BUG("an error without a message, or the other way round");
	buf_add_string(out, err.message);
	log_stream_free(stream);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	const char *bytes = (const char *)data + 1;
	size_t piece_size = (size_t)(data[0] >> 1) + 1;
	struct buf whole CLEANUP(buf_release) = { 0 };
	struct buf pieces CLEANUP(buf_release) = { 0 };
	run(&whole, data[0] & (TERMINAL | ATTACHMENT), bytes, size - 1, size);
	run(&pieces, data[0] & (TERMINAL | ATTACHMENT), bytes, size - 1, piece_size);
	if (whole.length != pieces.length ||
	    memcmp(buf_string(&whole), buf_string(&pieces), whole.length) != 0)
		BUG("pieces of %zu bytes give other lines than the whole", piece_size);
	return 0;
}
