/*
 * spoken: what a listener says in place of a server. Knows no socket: bytes in, what is to be done out.
 *
 * It understands just enough of the client to know when it is its turn: where a Redis command ends (inline or
 * array, however it is cut up), and which of PostgreSQL's first messages this is.
 */
#ifndef AGENT_SPOKEN_H
#define AGENT_SPOKEN_H

#include "agent/rooms.h"

#include <stddef.h>
#include <stdint.h>

#define SPOKEN_USER_MAX 64
struct spoken {
	enum protocol protocol;
	unsigned char state;
	unsigned char matched; /* PostgreSQL: bytes of the key that were those of "user" */
	uint32_t arguments;    /* Redis: still to come */
	uint64_t number;       /* the one being read, then how many bytes are still to come */
	uint32_t code;         /* PostgreSQL */
	uint32_t read;         /* bytes of the present line, number or message */
	char user[SPOKEN_USER_MAX];
};

enum spoken_turn {
	SPOKEN_WAIT,   /* it is still the client's turn: all bytes were taken */
	SPOKEN_ANSWER, /* a command is complete: answer it, go on */
	SPOKEN_NO,     /* an encryption request: say 'N', go on */
	SPOKEN_LAST,   /* answer, then close */
	SPOKEN_BROKEN, /* not the protocol: say so, then close */
	SPOKEN_CLOSE,  /* close without a word */
};

void spoken_init(struct spoken *spoken, enum protocol protocol);
/* Takes bytes until there is something to be done. */
enum spoken_turn spoken_feed(struct spoken *spoken, const unsigned char **bytes, size_t *length);

#define SPOKEN_ANSWER_MAX 512
/* The bytes of the answer; their number, 0 for WAIT and CLOSE. */
size_t spoken_answer(const struct spoken *spoken, enum spoken_turn turn, const struct gate_step *step,
    char ret_bytes[static SPOKEN_ANSWER_MAX]);

#endif
