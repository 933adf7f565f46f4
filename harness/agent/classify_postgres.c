/*
 * PostgreSQL, protocol 3. Of the client only what comes before its startup message matters: a request for
 * encryption is answered with one byte, everything else with messages.
 */
#include "agent/classify.h"

#include <string.h>

#define REQUEST_SSL 80877103
#define REQUEST_GSS 80877104
#define STARTUP_MAX 10000 /* MAX_STARTUP_PACKET_LENGTH */
#define OLD_ERROR_LENGTH \
	30000 /* libpq's MAX_ERRLEN: a longer ErrorResponse is one of protocol 2, plain text */
#define MESSAGE_MAX (64 * 1024) /* nothing before ReadyForQuery is near it */

/* What an ErrorResponse before ReadyForQuery says; the longest prefix of the SQLSTATE counts. */
static const struct {
	const char *state;
	enum outcome outcome;
} states[] = {
	{ "57P03", OUTCOME_LOADING }, /* starting up, recovering, shutting down */
	{ "", OUTCOME_DENIED },       /* 28 authorisation, 3D000 no such database, 53 resources, 57P01 … */
};

static uint32_t get32(const uint8_t *bytes)
{
	return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

/* The header of what the client sends first is whole. 0, or -1 when it is none. */
static int take_request(struct postgres_talk *talk)
{
	uint32_t length = get32(talk->client.header), code = get32(talk->client.header + 4);
	if (length < 8 || length > STARTUP_MAX)
		return -1;
	talk->client.skip = length - 8;
	talk->client.header_length = 0;
	if (code == REQUEST_SSL)
		talk->asked = 'S';
	else if (code == REQUEST_GSS)
		talk->asked = 'G';
	else
		talk->client.started = true;
	return 0;
}

void postgres_client(struct classifier *classifier, const uint8_t *bytes, size_t length)
{
	struct postgres_talk *talk = &classifier->postgres;
	for (size_t i = 0; i < length && !talk->client.started; i++) {
		/* After "no" to encryption the same connection goes on; after "yes" nothing is read any more.
		 */
		if (talk->client.skip) {
			talk->client.skip--;
			continue;
		}
		talk->client.header[talk->client.header_length++] = bytes[i];
		if (talk->client.header_length == sizeof(talk->client.header) && take_request(talk) < 0) {
			classifier_go_deaf(classifier);
			return;
		}
	}
}

static void error_over(struct classifier *classifier)
{
	struct postgres_talk *talk = &classifier->postgres;
	char text[sizeof(talk->server.code) + sizeof(talk->server.text)];
	size_t length = talk->server.code_length;
	memcpy(text, talk->server.code, length);
	if (length)
		text[length++] = ' ';
	memcpy(text + length, talk->server.text, talk->server.text_length);
	length += talk->server.text_length;
	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		size_t count = strlen(states[i].state);
		if (talk->server.code_length >= count &&
		    memcmp(talk->server.code, states[i].state, count) == 0) {
			classifier_decide(classifier, states[i].outcome, text, length);
			return;
		}
	}
}

/* ErrorResponse: fields of a type byte and text up to NUL; type 0 ends it. */
static void error_byte(struct postgres_talk *talk, uint8_t byte)
{
	if (!talk->server.field)
		talk->server.field = (char)byte;
	else if (!byte)
		talk->server.field = 0;
	else if (talk->server.field == 'C' && talk->server.code_length < 5)
		talk->server.code[talk->server.code_length++] = (char)byte;
	else if (talk->server.field == 'M' && talk->server.text_length < sizeof(talk->server.text))
		talk->server.text[talk->server.text_length++] = (char)byte;
}

static void message_over(struct classifier *classifier)
{
	struct postgres_talk *talk = &classifier->postgres;
	talk->server.header_length = 0;
	if (talk->server.header[0] == 'E')
		error_over(classifier);
	else if (talk->server.header[0] == 'Z')
		classifier_decide(classifier, OUTCOME_CONNECTED, "ReadyForQuery", 13);
}

static void old_error_byte(struct classifier *classifier, uint8_t byte)
{
	struct postgres_talk *talk = &classifier->postgres;
	if (byte && talk->server.text_length < sizeof(talk->server.text))
		talk->server.text[talk->server.text_length++] = (char)byte;
	else
		classifier_decide(classifier, OUTCOME_DENIED, talk->server.text, talk->server.text_length);
}

/* A type and a length of a message that may come before ReadyForQuery. 0, or -1. */
static int take_header(struct classifier *classifier)
{
	struct postgres_talk *talk = &classifier->postgres;
	uint8_t type = talk->server.header[0];
	uint32_t length = get32(talk->server.header + 1);
	if (type == 'E' && (length < 8 || length > OLD_ERROR_LENGTH)) {
		/* A server that could not even fork says so in the old way: text, up to NUL. */
		talk->server.is_old = true;
		for (size_t i = 1; i < sizeof(talk->server.header); i++)
			old_error_byte(classifier, talk->server.header[i]);
		return 0;
	}
	/* Authentication, key data, parameter status, notice, negotiate protocol version, ready */
	if (!type || !strchr("RKSNvZE", type) || length < 4 || length > MESSAGE_MAX)
		return -1;
	talk->server.left = length - 4;
	talk->server.field = 0;
	if (!talk->server.left)
		message_over(classifier);
	return 0;
}

static int server_byte(struct classifier *classifier, uint8_t byte)
{
	struct postgres_talk *talk = &classifier->postgres;
	if (talk->asked) {
		char asked = talk->asked;
		talk->asked = 0;
		if (byte == (uint8_t)asked) {
			classifier_decide(classifier, OUTCOME_TLS, asked == 'S' ? "SSL" : "GSS", 3);
			return 0;
		}
		if (byte == 'N')
			return 0;
	}
	if (talk->server.is_old) {
		old_error_byte(classifier, byte);
		return 0;
	}
	if (talk->server.header_length < sizeof(talk->server.header)) {
		talk->server.header[talk->server.header_length++] = byte;
		if (talk->server.header_length == sizeof(talk->server.header))
			return take_header(classifier);
		return 0;
	}
	if (talk->server.header[0] == 'E')
		error_byte(talk, byte);
	if (!--talk->server.left)
		message_over(classifier);
	return 0;
}

void postgres_server(struct classifier *classifier, const uint8_t *bytes, size_t length)
{
	for (size_t i = 0; i < length && classifier->outcome == OUTCOME_UNDECIDED; i++) {
		if (server_byte(classifier, bytes[i]) < 0) {
			classifier_give_up(classifier);
			return;
		}
	}
}
