/*
 * fields: the words of a control line and what they can mean. Outside data: nothing here reads past a piece.
 */
#ifndef AGENT_FIELDS_H
#define AGENT_FIELDS_H

#include "agent/rooms.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/* Bytes of the line, not ended by NUL. */
struct piece {
	const char *bytes;
	size_t length;
};

/* The fields of a line, one after the other. */
struct fields {
	const char *rest; /* NULL when there are no more */
	const char *end;
	int taken; /* the number of the one taken last */
};

/* False when there are no more; `taken` then names the one that is missing. */
bool next_field(struct fields *fields, struct piece *ret_field);

bool piece_is(struct piece piece, const char *word);
/* Its index among the words, or -1. */
int piece_find(const char *const words[], int count, struct piece piece);
/* "key=value": cuts the value out when the key is this one. */
bool piece_has_key(struct piece piece, const char *key, struct piece *ret_value);

/* Each is false, and its result untouched, when the piece is something else. */
bool parse_number(
    struct piece piece, int64_t least, int64_t most, int64_t *ret_number); /* 18 digits at most */
bool parse_port(struct piece piece, uint16_t *ret_port);
bool parse_host(struct piece piece, uint16_t port, struct sockaddr_storage *ret_address);
/* "192.0.2.1:53", "[2001:db8::1]:53", or the address alone, which then has port 53. */
bool parse_server(struct piece piece, struct sockaddr_storage *ret_address);
/* Undoes %XX, into a string: a NUL in it, or more than fits, is refused. */
bool parse_escaped(struct piece piece, char *ret_text, size_t size);
/* A name as DNS can carry it, in the one way of writing it that the resolver compares: lower case, and
 * without a dot at its end. */
bool parse_name(struct piece piece, char ret_name[static NAME_BYTES_MAX]);

#endif
