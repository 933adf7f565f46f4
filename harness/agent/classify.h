/*
 * classify: what a server's first telling answer said, from the first bytes of a connection.
 *
 * Pure, fed with the payload of both ends in the order it was seen, in pieces of any size. Nothing is said as
 * long as what was answered would have been answered by a server that is not ready as well: Redis takes AUTH
 * while it loads, PostgreSQL takes SSLRequest. docs/internals/agent.md has the rules for people.
 *
 * Outside data: a connection that breaks its protocol's rules is OUTCOME_UNKNOWN, and so is one that has not
 * told after CLASSIFIER_BYTES_MAX from the server.
 */
#ifndef AGENT_CLASSIFY_H
#define AGENT_CLASSIFY_H

#include "agent/rooms.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CLASSIFIER_BYTES_MAX (64 * 1024)

enum outcome {
	OUTCOME_UNDECIDED,
	OUTCOME_CONNECTED,
	OUTCOME_LOADING,
	OUTCOME_DENIED,
	OUTCOME_TLS,
	OUTCOME_UNKNOWN,
};
extern const char *const outcome_names[]; /* as in the `said` line; "" for UNDECIDED */

/* Redis: commands that wait for their answer, by what a good answer tells. */
enum redis_command { REDIS_GREETING, REDIS_AUTH, REDIS_HELLO, REDIS_SELECT, REDIS_INFO, REDIS_TELLING };
#define REDIS_COMMANDS_MAX 32
struct redis_talk {
	struct {
		uint8_t state;
		bool in_name;
		bool heard; /* a telling command is waiting: later ones do not matter */
		int64_t number, arguments, skip;
		char name[16];
		uint8_t name_length;
	} client;
	struct {
		uint8_t state;
		uint8_t type;
		bool out_of_band; /* a push, nobody's answer */
		bool first_line;  /* of a reply */
		int64_t left;     /* elements that this reply still has; 0: between replies */
		int64_t skip;
		char line[200];
		uint8_t line_length;
		uint8_t
		    found; /* of "loading:", how much the line of an INFO has so far; 255: not this line */
	} server;
	uint8_t waiting[REDIS_COMMANDS_MAX]; /* oldest first */
	uint8_t waiting_count;
	bool well; /* something was answered, and not with an error */
};

struct postgres_talk {
	struct {
		uint8_t header[8];
		uint8_t header_length;
		uint32_t skip;
		bool started; /* the startup message has come: the rest does not matter */
	} client;
	char asked; /* 'S' or 'G': one byte will answer SSLRequest or GSSENCRequest; 0: messages */
	struct {
		uint8_t header[5];
		uint8_t header_length;
		bool is_old;   /* an error in protocol 2's form */
		uint32_t left; /* bytes of this message that are still to come */
		char field;    /* of an ErrorResponse: the one we are in; 0: its type comes next */
		char code[6];
		uint8_t code_length;
		char text[200];
		uint8_t text_length;
	} server;
};

struct classifier {
	enum protocol protocol;
	enum outcome outcome;
	bool client_seen, client_tls;
	bool deaf; /* what the client asked is not known: the next answer cannot be understood */
	size_t server_bytes;
	char first[200]; /* what the server said first */
	uint8_t first_length;
	char text[200]; /* what told */
	uint8_t text_length;
	union {
		struct redis_talk redis;
		struct postgres_talk postgres;
	};
};

void classifier_init(struct classifier *classifier, enum protocol protocol);
/* After an outcome other than UNDECIDED nothing changes any more. */
enum outcome classifier_client(struct classifier *classifier, const uint8_t *bytes, size_t length);
enum outcome classifier_server(struct classifier *classifier, const uint8_t *bytes, size_t length);
/* Bytes of that end were not seen. */
enum outcome classifier_gap(struct classifier *classifier, bool of_client);
/* Everything that was asked is answered, and well, but none of it was telling. A client that leaves it at
 * that is connected as far as it knows. */
bool classifier_is_settled(const struct classifier *classifier);
/* And so it is: CONNECTED, with the first line that the server said. */
void classifier_settle(struct classifier *classifier);

/* ---- between classify.c and its protocols ---- */
void classifier_decide(struct classifier *classifier, enum outcome outcome, const char *text, size_t length);
void classifier_give_up(struct classifier *classifier); /* UNKNOWN, with what the server said first */
void classifier_go_deaf(struct classifier *classifier); /* gives up at the server's next word */
void redis_client(struct classifier *classifier, const uint8_t *bytes, size_t length);
void redis_server(struct classifier *classifier, const uint8_t *bytes, size_t length);
bool redis_is_settled(const struct redis_talk *talk);
void postgres_client(struct classifier *classifier, const uint8_t *bytes, size_t length);
void postgres_server(struct classifier *classifier, const uint8_t *bytes, size_t length);
bool tls_is_hello(const uint8_t *bytes, size_t length);
/* The client has said ClientHello; judges `first`. */
void tls_server(struct classifier *classifier);

#endif
