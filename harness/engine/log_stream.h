/*
 * log_stream: the engine's reply to GET /containers/x/logs?timestamps=1, as lines. Knows no socket: it is fed
 * bytes.
 *
 * A container without a terminal is multiplexed: frames of an 8-byte header (output, three zeros, big-endian
 * length) and one log message each, which begins with the engine's stamp. A line longer than the engine's own
 * buffer (16 KiB) comes as several messages, each with a stamp; those in the middle of a line are taken out
 * again. With a terminal there are no frames, everything is stdout, and lines end in CR LF.
 *
 * An attachment (POST /containers/x/attach) is multiplexed too, but there a frame is whatever was read from
 * the process at once: parts of lines, without a stamp.
 *
 * Memory is bounded by one line per output, whatever comes.
 */
#ifndef ENGINE_LOG_STREAM_H
#define ENGINE_LOG_STREAM_H

#include "engine/engine.h"

struct log_stream;

struct log_stream *log_stream_new(bool tty);
struct log_stream *log_stream_new_attached(void);
void log_stream_free(struct log_stream *stream);

/* Takes bytes off the front of *bytes (moving it and lowering *length) until a line is whole.
 * 1: *ret_line is a line; its text is valid until the next call, and as long as the bytes are.
 * 0: all bytes are taken; feed more.
 * -1: not a log stream, or the engine reports an error of its own inside it; no further calls but free. */
int log_stream_next(struct log_stream *stream, const char **bytes, size_t *length,
    struct engine_log_line *ret_line, struct err *err) MUST_CHECK;
/* After the last byte, until it returns 0: lines that never got their newline, stdout before stderr. -1,
 * after those lines, if the stream ended inside a frame. */
int log_stream_finish(
    struct log_stream *stream, struct engine_log_line *ret_line, struct err *err) MUST_CHECK;

#endif
