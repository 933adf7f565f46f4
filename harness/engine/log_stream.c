#include "engine/log_stream.h"

#include "base/buf.h"
#include "engine/stamp.h"

#include <string.h>

#define FRAME_HEADER_LENGTH 8
/* The engine's word for "this frame is an error of mine", beside 0 (stdin), 1 and 2. */
#define FRAME_ENGINE_ERROR 3
#define ENGINE_ERROR_MAX 1024
/* The engine breaks a line into messages of at least this; a shorter one without a newline is the last word
 * of a process, and what comes next is said by the next process. */
#define PART_LENGTH_LEAST 16384

/* A line being put together. */
struct channel {
	struct buf
	    text; /* one more than a line may have: the CR of a terminal's line end is not part of it */
	int64_t stamp_ns;
	bool open; /* a message of this line has begun */
	bool cut;
};

struct log_stream {
	bool tty;
	bool attached; /* frames have no stamps and end no lines */
	unsigned char header[FRAME_HEADER_LENGTH];
	size_t header_length;
	uint64_t frame_left; /* bytes of the current frame still to come */
	size_t part_length;  /* text since the frame's stamp or its last newline */
	enum engine_output output;
	bool in_engine_error;
	struct buf engine_error;

	bool at_stamp; /* a stamp may stand here */
	char stamp[STAMP_LENGTH_MAX];
	size_t stamp_length;

	struct channel channels[2];
	struct channel *given; /* whose line the caller was given last: emptied at the next call */
};

struct log_stream *log_stream_new(bool tty)
{
	struct log_stream *stream = xcalloc(1, sizeof(*stream));
	stream->tty = tty;
	stream->at_stamp = tty;
	stream->output = ENGINE_STDOUT;
	stream->engine_error.max = ENGINE_ERROR_MAX;
	for (size_t i = 0; i < ARRAY_LENGTH(stream->channels); i++)
		stream->channels[i].text.max = ENGINE_LOG_LINE_MAX + 1;
	return stream;
}

struct log_stream *log_stream_new_attached(void)
{
	struct log_stream *stream = log_stream_new(false);
	stream->attached = true;
	return stream;
}

void log_stream_free(struct log_stream *stream)
{
	if (!stream)
		return;
	buf_release(&stream->engine_error);
	for (size_t i = 0; i < ARRAY_LENGTH(stream->channels); i++)
		buf_release(&stream->channels[i].text);
	free(stream);
}

static struct channel *channel_of(struct log_stream *stream, enum engine_output output)
{
	return &stream->channels[output == ENGINE_STDERR];
}

static void channel_clear(struct channel *channel)
{
	buf_clear(&channel->text);
	channel->stamp_ns = 0;
	channel->open = false;
	channel->cut = false;
}

static void drop_given_line(struct log_stream *stream)
{
	if (stream->given)
		channel_clear(stream->given);
	stream->given = NULL;
}

static void give_line(struct log_stream *stream, struct channel *channel, const char *text, size_t length,
    struct engine_log_line *ret_line)
{
	if (stream->tty && length && text[length - 1] == '\r')
		length--;
	bool cut = channel->cut || channel->text.cut || length > ENGINE_LOG_LINE_MAX;
	*ret_line = (struct engine_log_line){
		.output = channel == channel_of(stream, ENGINE_STDERR) ? ENGINE_STDERR : ENGINE_STDOUT,
		.engine_stamp_ns = channel->stamp_ns,
		.text = text ? text : "",
		.length = length > ENGINE_LOG_LINE_MAX ? ENGINE_LOG_LINE_MAX : length,
		.cut = cut,
	};
	stream->given = channel;
}

static void take(const char **bytes, size_t *length, size_t count)
{
	*bytes += count;
	*length -= count;
}

static int begin_frame(struct log_stream *stream, struct err *err)
{
	const unsigned char *header = stream->header;
	if (header[0] > FRAME_ENGINE_ERROR || header[1] || header[2] || header[3])
		return err_set(err, ERR_ENVIRONMENT,
		    "the log stream has a frame that begins with %02x %02x %02x %02x, not with an output "
		    "number "
		    "from 0 to 3 and three zeros (was the container created with a terminal?)",
		    header[0], header[1], header[2], header[3]);
	stream->frame_left =
	    (uint64_t)header[4] << 24 | (uint64_t)header[5] << 16 | (uint64_t)header[6] << 8 | header[7];
	stream->header_length = 0;
	stream->in_engine_error = header[0] == FRAME_ENGINE_ERROR;
	stream->output = header[0] == ENGINE_STDERR ? ENGINE_STDERR : ENGINE_STDOUT;
	stream->at_stamp = !stream->in_engine_error && !stream->attached;
	stream->stamp_length = 0;
	stream->part_length = 0;
	return 0;
}

static int take_header(struct log_stream *stream, const char **bytes, size_t *length, struct err *err)
{
	size_t count = FRAME_HEADER_LENGTH - stream->header_length;
	if (count > *length)
		count = *length;
	memcpy(stream->header + stream->header_length, *bytes, count);
	stream->header_length += count;
	take(bytes, length, count);
	return stream->header_length == FRAME_HEADER_LENGTH ? begin_frame(stream, err) : 0;
}

static int take_engine_error(
    struct log_stream *stream, const char **bytes, size_t *length, size_t available, struct err *err)
{
	buf_add(&stream->engine_error, *bytes, available);
	take(bytes, length, available);
	stream->frame_left -= available;
	if (stream->frame_left)
		return 0;
	struct buf text CLEANUP(buf_release) = { 0 };
	size_t shown = stream->engine_error.length;
	while (shown && stream->engine_error.bytes[shown - 1] == '\n')
		shown--;
	buf_add_visible(&text, buf_string(&stream->engine_error), shown, ENGINE_ERROR_MAX);
	return err_set(err, ERR_ENVIRONMENT, "%s", buf_string(&text));
}

/* The stamp is known, or it is known that there is none: what was held back is then text. True if it is one.
 */
static bool end_stamp(struct log_stream *stream)
{
	struct channel *channel = channel_of(stream, stream->output);
	int64_t ns = 0;
	bool is_stamp = stream->stamp_length &&
			stamp_parse(stream->stamp, stream->stamp_length, &ns) == stream->stamp_length;
	if (!channel->open)
		channel->stamp_ns = is_stamp ? ns : 0;
	if (!is_stamp) {
		buf_add(&channel->text, stream->stamp, stream->stamp_length);
		stream->part_length += stream->stamp_length;
	}
	channel->open = true;
	stream->at_stamp = false;
	stream->stamp_length = 0;
	return is_stamp;
}

/* Holds back bytes up to a blank, which ends a stamp. Returns how many of `available` were taken. */
static size_t take_stamp(struct log_stream *stream, const char *bytes, size_t available)
{
	size_t room = STAMP_LENGTH_MAX - stream->stamp_length;
	size_t length = 0;
	while (length < available && length < room && bytes[length] != ' ' && bytes[length] != '\n')
		length++;
	memcpy(stream->stamp + stream->stamp_length, bytes, length);
	stream->stamp_length += length;
	if (length == available)
		return length;
	bool has_blank = bytes[length] == ' ';
	return end_stamp(stream) && has_blank ? length + 1 : length;
}

/* Text up to a newline. Returns 1 if that ends a line; *ret_taken is what was used of `available`. */
static int take_text(struct log_stream *stream, const char *bytes, size_t available, size_t *ret_taken,
    struct engine_log_line *ret_line)
{
	struct channel *channel = channel_of(stream, stream->output);
	const char *newline = memchr(bytes, '\n', available);
	size_t text_length = newline ? (size_t)(newline - bytes) : available;
	channel->open = true;
	if (!newline) {
		buf_add(&channel->text, bytes, text_length);
		stream->part_length += available;
		*ret_taken = available;
		return 0;
	}
	*ret_taken = text_length + 1;
	if (channel->text.length == 0) {
		give_line(
		    stream, channel, bytes, text_length, ret_line); /* the usual case: nothing is copied */
	} else {
		buf_add(&channel->text, bytes, text_length);
		give_line(stream, channel, channel->text.bytes, channel->text.length, ret_line);
	}
	stream->at_stamp = stream->tty;
	stream->part_length = 0;
	return 1;
}

/* At the end of a frame. Returns 1 if that ends a line. */
static int end_frame(struct log_stream *stream, struct engine_log_line *ret_line)
{
	struct channel *channel = channel_of(stream, stream->output);
	if (stream->at_stamp)
		(void)end_stamp(stream);
	if (stream->attached || stream->part_length == 0 || stream->part_length >= PART_LENGTH_LEAST)
		return 0;
	give_line(stream, channel, channel->text.bytes, channel->text.length, ret_line);
	return 1;
}

int log_stream_next(struct log_stream *stream, const char **bytes, size_t *length,
    struct engine_log_line *ret_line, struct err *err)
{
	drop_given_line(stream);
	while (*length) {
		if (!stream->tty && stream->frame_left == 0) {
			if (take_header(stream, bytes, length, err) < 0)
				return -1;
			continue;
		}
		size_t available = *length;
		if (!stream->tty && available > stream->frame_left)
			available = (size_t)stream->frame_left;
		if (stream->in_engine_error) {
			if (take_engine_error(stream, bytes, length, available, err) < 0)
				return -1;
			continue;
		}
		size_t taken = 0;
		int has_line = 0;
		if (stream->at_stamp)
			taken = take_stamp(stream, *bytes, available);
		else
			has_line = take_text(stream, *bytes, available, &taken, ret_line);
		take(bytes, length, taken);
		if (!stream->tty) {
			stream->frame_left -= taken;
			if (stream->frame_left == 0 && !has_line)
				has_line = end_frame(stream, ret_line);
		}
		if (has_line)
			return 1;
	}
	return 0;
}

int log_stream_finish(struct log_stream *stream, struct engine_log_line *ret_line, struct err *err)
{
	drop_given_line(stream);
	if (!stream->tty && stream->frame_left)
		stream->stamp_length = 0; /* half a stamp of a message that never came */
	if (stream->at_stamp && stream->stamp_length)
		(void)end_stamp(stream);
	for (size_t i = 0; i < ARRAY_LENGTH(stream->channels); i++) {
		struct channel *channel = &stream->channels[i];
		if (channel->text.length || channel->stamp_ns) {
			give_line(stream, channel, channel->text.bytes, channel->text.length, ret_line);
			return 1;
		}
	}
	if (stream->frame_left || stream->header_length)
		return err_set(err, ERR_ENVIRONMENT, "the log stream ended inside a frame");
	return 0;
}
