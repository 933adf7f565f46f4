/*
 * wire: from what an agent says to attempts.
 *
 * wire_parse() reads one line of an agent (docs/internals/agent.md). A fold is fed the notices of the
 * subject's agent and tells, for one dependency, which attempts there were: A and AAAA look-ups,
 * search-domain retries, the SYNs that follow and their retransmissions are ONE attempt. Pure: times come
 * with the notices.
 */
#ifndef WIRE_WIRE_H
#define WIRE_WIRE_H

#include "base/err.h"
#include "base/memory.h"
#include "trace/event.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum notice_kind {
	NOTICE_HELLO,
	NOTICE_OK,
	NOTICE_ERROR,
	NOTICE_QUERY,
	NOTICE_ANSWER,
	NOTICE_SYN,
	NOTICE_AGAIN,
	NOTICE_OPEN,
	NOTICE_REFUSED,
	NOTICE_UNREACHABLE,
	NOTICE_ASKED,
	NOTICE_SAID,
	NOTICE_CLOSED,
	NOTICE_RESET,
	NOTICE_GONE,
	NOTICE_ABANDONED,
	NOTICE_LOST,
	NOTICE_LATE,
	NOTICE_PHASE,
};

struct endpoint {
	char address[46]; /* as inet_ntop() writes it; no brackets */
	int port;
};

#define WIRE_LINE_MAX 1024 /* bytes, without the newline */
#define NOTICE_ADDRESSES_MAX 16
struct notice {
	enum notice_kind kind;
	int64_t at_ns;          /* the agent's clock; ERROR has none: 0 */
	int64_t number;         /* OK, ERROR: the command; QUERY, ANSWER: the DNS id; LOST: the count; LATE:
				   nanoseconds; UNREACHABLE: the ICMP code; PHASE: the index */
	struct endpoint local;  /* the client's end; QUERY, ANSWER, ABANDONED: the asking socket */
	struct endpoint remote; /* PHASE: only its port */
	char type[8];           /* QUERY, ANSWER: "A", "AAAA", "15" */
	char name[256]; /* QUERY, ANSWER: the name asked for, lower case, no dot at its end; PHASE: when the
			   port is 0, the name that is answered again */
	char word[32];  /* ANSWER: rcode; SAID: outcome; CLOSED, RESET: who; PHASE: phase; HELLO:
			   architecture */
	char text[256]; /* SAID: text, unescaped (a NUL in it ends it); ERROR: the message; HELLO: boot id */
	char addresses[NOTICE_ADDRESSES_MAX][46]; /* ANSWER: the first ones; as `address` above */
	int address_count;
};

/* One line without its newline; outside data. 0, or -1 with what is wrong with it (ERR_ENVIRONMENT, complete:
 * the line is quoted) and *ret_notice as it was. */
int wire_parse(const char *line, size_t length, struct notice *ret_notice, struct err *err) MUST_CHECK;

struct fold;
struct fold_target {
	const char *const *names; /* of the dependency: its name and aliases */
	size_t name_count;
	const char *const *addresses;
	size_t address_count;
	int port;
	bool speaks; /* its protocol is known: an attempt is `connected` when the server has said so, not
			before */
};
/* Called with EVENT_ATTEMPT and EVENT_LOST; `of` is left to the caller. Strings are valid during the call. */
typedef void fold_emit(void *owner, const struct event *event);
struct fold *fold_new(const struct fold_target *target, fold_emit *emit, void *owner);
void fold_free(struct fold *fold);
/* In the order of the agent's lines. Notices of other destinations are ignored. */
void fold_feed(struct fold *fold, const struct notice *notice);
/* Time has come this far: an attempt that can be told by a limit of time only (a lookup nothing followed, a
 * server that says nothing) is told. To be called a few times a second and when the world ends. */
void fold_advance(struct fold *fold, int64_t now_ns);
/* The world is over: attempts under way are told as what they are so far (outcome `pending`). */
void fold_end(struct fold *fold, int64_t now_ns);
/* Of this dependency's connections, how many are established. */
int fold_open(const struct fold *fold);

#endif
