#include "agent/spoken.h"

#include <stdbool.h>
#include <string.h>

/* Redis' own limits (PROTO_INLINE_MAX_SIZE, the count of a multibulk, proto-max-bulk-len). */
#define INLINE_MAX (64 * 1024)
#define ARGUMENTS_MAX (1024 * 1024)
#define BULK_MAX (512 * 1024 * 1024)
/* PostgreSQL's (MAX_STARTUP_PACKET_LENGTH). */
#define STARTUP_MIN 8
#define STARTUP_MAX 10000

enum { /* codes where a protocol version would be */
	CODE_CANCEL = 80877102,
	CODE_SSL = 80877103,
	CODE_GSSENC = 80877104,
};

enum state {
	REDIS_COMMAND, /* its first byte is next */
	REDIS_INLINE,
	REDIS_COUNT,
	REDIS_COUNT_NEGATIVE,
	REDIS_DOLLAR,
	REDIS_LENGTH,
	REDIS_BULK,
	POSTGRES_LENGTH,
	POSTGRES_CODE,
	POSTGRES_KEY,
	POSTGRES_VALUE,
	POSTGRES_USER,
	POSTGRES_REST,
	DONE,
};

static void enter(struct spoken *spoken, enum state state)
{
	spoken->state = (unsigned char)state;
	spoken->number = 0;
	spoken->read = 0;
}

void spoken_init(struct spoken *spoken, enum protocol protocol)
{
	*spoken = (struct spoken){ .protocol = protocol };
	enter(spoken, protocol == PROTOCOL_POSTGRES ? POSTGRES_LENGTH : REDIS_COMMAND);
}

static enum spoken_turn finish(struct spoken *spoken, enum spoken_turn turn)
{
	enter(spoken, DONE);
	return turn;
}

static enum spoken_turn command_complete(struct spoken *spoken)
{
	enter(spoken, REDIS_COMMAND);
	return SPOKEN_ANSWER;
}

/* A line of digits, ended by CR LF; true when it is over. *ret_bad when it is something else. */
static bool read_number(struct spoken *spoken, unsigned char byte, bool *ret_bad)
{
	if (byte == '\n' && spoken->read)
		return true;
	if (byte == '\r' && spoken->read)
		return false;
	spoken->read++;
	*ret_bad = byte < '0' || byte > '9' || spoken->read > 10;
	spoken->number = spoken->number * 10 + (uint64_t)(byte - '0');
	return false;
}

static enum spoken_turn feed_inline(struct spoken *spoken, unsigned char byte)
{
	if (byte == '\n') {
		if (spoken->read)
			return command_complete(spoken);
		enter(spoken, REDIS_COMMAND); /* a blank line is no command */
		return SPOKEN_WAIT;
	}
	if (byte != '\r' && byte != ' ' && byte != '\t')
		spoken->read++;
	spoken->number++;
	return spoken->number > INLINE_MAX ? finish(spoken, SPOKEN_BROKEN) : SPOKEN_WAIT;
}

static enum spoken_turn begin_command(struct spoken *spoken, unsigned char byte)
{
	if (byte == '*') {
		enter(spoken, REDIS_COUNT);
		return SPOKEN_WAIT;
	}
	enter(spoken, REDIS_INLINE);
	return feed_inline(spoken, byte);
}

static enum spoken_turn feed_count(struct spoken *spoken, unsigned char byte)
{
	bool is_bad = false;
	if (!spoken->read && byte == '-') {
		enter(spoken, REDIS_COUNT_NEGATIVE);
		return SPOKEN_WAIT;
	}
	if (!read_number(spoken, byte, &is_bad))
		return is_bad ? finish(spoken, SPOKEN_BROKEN) : SPOKEN_WAIT;
	if (spoken->number > ARGUMENTS_MAX)
		return finish(spoken, SPOKEN_BROKEN);
	spoken->arguments = (uint32_t)spoken->number;
	enter(spoken, spoken->arguments ? REDIS_DOLLAR : REDIS_COMMAND);
	return SPOKEN_WAIT;
}

/* An array of less than no elements: Redis takes it for none, and answers nothing. */
static enum spoken_turn feed_count_negative(struct spoken *spoken, unsigned char byte)
{
	bool is_bad = false;
	if (read_number(spoken, byte, &is_bad))
		enter(spoken, REDIS_COMMAND);
	return is_bad ? finish(spoken, SPOKEN_BROKEN) : SPOKEN_WAIT;
}

static enum spoken_turn feed_length(struct spoken *spoken, unsigned char byte)
{
	bool is_bad = false;
	if (!read_number(spoken, byte, &is_bad))
		return is_bad ? finish(spoken, SPOKEN_BROKEN) : SPOKEN_WAIT;
	if (spoken->number > BULK_MAX)
		return finish(spoken, SPOKEN_BROKEN);
	uint64_t length = spoken->number;
	enter(spoken, REDIS_BULK);
	spoken->number = length + 2; /* and CR LF, which Redis does not look at either */
	return SPOKEN_WAIT;
}

static enum spoken_turn skip_bulk(struct spoken *spoken, const unsigned char **bytes, size_t *length)
{
	size_t step = *length < spoken->number ? *length : (size_t)spoken->number;
	*bytes += step;
	*length -= step;
	spoken->number -= step;
	if (spoken->number)
		return SPOKEN_WAIT;
	if (!--spoken->arguments)
		return command_complete(spoken);
	enter(spoken, REDIS_DOLLAR);
	return SPOKEN_WAIT;
}

static enum spoken_turn startup_code(struct spoken *spoken, uint32_t code, uint32_t rest)
{
	spoken->code = code;
	switch (code) {
	case CODE_SSL:
	case CODE_GSSENC:
		if (rest)
			return finish(spoken, SPOKEN_CLOSE);
		enter(spoken, POSTGRES_LENGTH);
		return SPOKEN_NO;
	case CODE_CANCEL:
		return finish(spoken, SPOKEN_CLOSE);
	default:
		if (!rest)
			return finish(spoken, SPOKEN_LAST);
		enter(spoken, POSTGRES_KEY);
		spoken->number = rest;
		spoken->matched = 0;
		return SPOKEN_WAIT;
	}
}

/* The parameters: name NUL value NUL …, of which the user's is kept for the message. */
static void feed_parameter(struct spoken *spoken, unsigned char byte)
{
	static const char wanted[] = "user";
	switch ((enum state)spoken->state) {
	case POSTGRES_KEY:
		if (byte)
			spoken->matched =
			    spoken->matched < sizeof(wanted) - 1 && wanted[spoken->matched] == (char)byte
				? (unsigned char)(spoken->matched + 1)
				: sizeof(wanted);
		else if (!spoken->matched)
			spoken->state = POSTGRES_REST; /* an empty name ends the list */
		else
			spoken->state =
			    spoken->matched == sizeof(wanted) - 1 ? POSTGRES_USER : POSTGRES_VALUE;
		if (!byte)
			spoken->read = 0;
		return;
	case POSTGRES_USER:
		if (byte && spoken->read < sizeof(spoken->user) - 1)
			spoken->user[spoken->read++] = (char)byte;
		if (byte)
			return;
		spoken->user[spoken->read] = '\0';
		spoken->state = POSTGRES_KEY;
		spoken->matched = 0;
		return;
	case POSTGRES_VALUE:
		if (byte)
			return;
		spoken->state = POSTGRES_KEY;
		spoken->matched = 0;
		return;
	case REDIS_COMMAND:
	case REDIS_INLINE:
	case REDIS_COUNT:
	case REDIS_COUNT_NEGATIVE:
	case REDIS_DOLLAR:
	case REDIS_LENGTH:
	case REDIS_BULK:
	case POSTGRES_LENGTH:
	case POSTGRES_CODE:
	case POSTGRES_REST:
	case DONE:
		return;
	}
}

static enum spoken_turn feed_startup(struct spoken *spoken, unsigned char byte)
{
	if (spoken->state != POSTGRES_LENGTH && spoken->state != POSTGRES_CODE) {
		feed_parameter(spoken, byte);
		return --spoken->number ? SPOKEN_WAIT : finish(spoken, SPOKEN_LAST);
	}
	spoken->number = spoken->number << 8 | byte;
	if (++spoken->read < 4)
		return SPOKEN_WAIT;
	uint32_t number = (uint32_t)spoken->number;
	if (spoken->state == POSTGRES_CODE)
		return startup_code(spoken, number, spoken->arguments);
	if (number < STARTUP_MIN || number > STARTUP_MAX)
		return finish(spoken, SPOKEN_CLOSE); /* as the server does, without a word */
	spoken->arguments = number - STARTUP_MIN;
	enter(spoken, POSTGRES_CODE);
	return SPOKEN_WAIT;
}

static enum spoken_turn feed_byte(struct spoken *spoken, unsigned char byte)
{
	switch ((enum state)spoken->state) {
	case REDIS_COMMAND:
		return begin_command(spoken, byte);
	case REDIS_INLINE:
		return feed_inline(spoken, byte);
	case REDIS_COUNT:
		return feed_count(spoken, byte);
	case REDIS_COUNT_NEGATIVE:
		return feed_count_negative(spoken, byte);
	case REDIS_DOLLAR:
		if (byte != '$')
			return finish(spoken, SPOKEN_BROKEN);
		enter(spoken, REDIS_LENGTH);
		return SPOKEN_WAIT;
	case REDIS_LENGTH:
		return feed_length(spoken, byte);
	case POSTGRES_LENGTH:
	case POSTGRES_CODE:
	case POSTGRES_KEY:
	case POSTGRES_VALUE:
	case POSTGRES_USER:
	case POSTGRES_REST:
		return feed_startup(spoken, byte);
	case REDIS_BULK:
	case DONE:
		break;
	}
	return SPOKEN_WAIT;
}

enum spoken_turn spoken_feed(struct spoken *spoken, const unsigned char **bytes, size_t *length)
{
	enum spoken_turn turn = SPOKEN_WAIT;
	while (*length && turn == SPOKEN_WAIT) {
		if (spoken->state == REDIS_BULK) {
			turn = skip_bulk(spoken, bytes, length);
			continue;
		}
		unsigned char byte = **bytes;
		(*bytes)++;
		(*length)--;
		turn = feed_byte(spoken, byte);
	}
	return turn;
}

struct text {
	char *bytes;
	size_t length;
};

static void add(struct text *text, const char *bytes, size_t length)
{
	size_t room = SPOKEN_ANSWER_MAX - text->length;
	length = length < room ? length : room;
	memcpy(text->bytes + text->length, bytes, length);
	text->length += length;
}

/* A line break inside would end the answer too early. */
static void add_line(struct text *text, const char *line)
{
	for (; *line; line++)
		add(text, *line == '\r' || *line == '\n' ? " " : line, 1);
}

static void redis_error(struct text *text, const char *line)
{
	if (*line != '-')
		add(text, "-", 1);
	add_line(text, line);
	add(text, "\r\n", 2);
}

static void postgres_field(struct text *text, char kind, const char *value, size_t length)
{
	add(text, &kind, 1);
	add(text, value, length);
	add(text, "", 1);
}

#define SQLSTATE_LENGTH 5
/* https://www.postgresql.org/docs/current/protocol-message-formats.html: 'E', the length, then fields. */
static void postgres_error(struct text *text, const char *state, const char *message, size_t length)
{
	add(text, "E\0\0\0\0", 5);
	postgres_field(text, 'S', "FATAL", 5);
	postgres_field(text, 'V', "FATAL", 5);
	postgres_field(text, 'C', state, SQLSTATE_LENGTH);
	postgres_field(text, 'M', message, length);
	add(text, "", 1);
	size_t behind_type = text->length - 1;
	text->bytes[3] = (char)(behind_type >> 8);
	text->bytes[4] = (char)behind_type;
}

static void postgres_answer(struct text *text, const struct spoken *spoken, const struct gate_step *step)
{
	static const char starting[] = "the database system is starting up";
	if (step->say[0]) {
		size_t length = strlen(step->say);
		size_t skip = length > SQLSTATE_LENGTH ? SQLSTATE_LENGTH + 1 : length;
		postgres_error(
		    text, length >= SQLSTATE_LENGTH ? step->say : "XX000", step->say + skip, length - skip);
		return;
	}
	if (step->phase == GATE_LOADING) {
		postgres_error(text, "57P03", starting, sizeof(starting) - 1);
		return;
	}
	char bytes[SPOKEN_ANSWER_MAX];
	struct text message = { .bytes = bytes };
	static const char failed[] = "password authentication failed for user \"";
	add(&message, failed, sizeof(failed) - 1);
	add(&message, spoken->user, strlen(spoken->user));
	add(&message, "\"", 1);
	postgres_error(text, "28P01", bytes, message.length);
}

size_t spoken_answer(const struct spoken *spoken, enum spoken_turn turn, const struct gate_step *step,
    char ret_bytes[static SPOKEN_ANSWER_MAX])
{
	struct text text = { .bytes = ret_bytes };
	switch (turn) {
	case SPOKEN_WAIT:
	case SPOKEN_CLOSE:
		break;
	case SPOKEN_NO:
		add(&text, "N", 1);
		break;
	case SPOKEN_BROKEN:
		redis_error(&text, "-ERR Protocol error");
		break;
	case SPOKEN_ANSWER:
	case SPOKEN_LAST:
		if (spoken->protocol == PROTOCOL_POSTGRES)
			postgres_answer(&text, spoken, step);
		else if (step->say[0])
			redis_error(&text, step->say);
		else
			redis_error(&text, step->phase == GATE_LOADING
					       ? "-LOADING Redis is loading the dataset in memory"
					       : "-NOAUTH Authentication required.");
		break;
	}
	return text.length;
}
