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

/*
 * The fold.
 *
 * Time is the agent's, and moves with every notice, also with those of other destinations and with OK: feed
 * all of them. Notices are put in order of time before they are looked at (what is off by at most
 * FOLD_REORDER_NS is put right), so an attempt is told that much after it ended, at the earliest. It is told
 * later where only silence can tell: look-ups that failed may be followed by the next search domain, a
 * refusal by the dependency's next address, both for FOLD_FOLLOW_NS.
 *
 * Attempts are told, and numbered, in the order in which they ended (`to_ns`), not in which they began: with
 * several under way at once, a later number may have begun earlier. An attempt that ended first is waited
 * for. EVENT_LOST are told in their place among them. Only notices that are late by more than
 * FOLD_REORDER_NS can break the order.
 *
 * What is one attempt:
 *  - A and AAAA, in parallel or one after the other; search-domain variants of the name after the one before
 *    failed; queries sent again (same socket and id). A resolver's own next try is part of it too: the same
 *    question within 5 ms after its unanswered predecessor's socket is gone, or after SERVFAIL, when it has
 *    the same id (glibc, musl) or, from a resolver that was never seen to do so, is the second one (Go). Any
 * other question that was answered before begins a new attempt.
 *  - The SYN that follows, sent again or not, and SYNs to other addresses of the dependency: after the one
 *    before failed, or 10 ms or more beside it (happy eyeballs). What then comes out of the connection that
 *    lost the race is not told, unless the client uses it after all: then it was an attempt of its own. The
 *    same address again is a new attempt.
 *  - Nothing that only looks a name up with success: that is a health check.
 *
 * Outcomes, where event.h does not say it all: a connection over which the server said `loading` or `denied`
 * ended its attempt there; when the client keeps it and asks again, that is the same attempt, and its end is
 * no EVENT_LOST. A client that closes without having asked anything (wait-for-it, nc -z) has found what it
 * wanted: `accepted`, at some time between the opening and the closing, and lost at once. A connection that
 * is open and silent is under way: not told, but counted by fold_open() and `open`.
 *
 * When the agent has lost notices, a connection or look-up under way then may have ended unseen. It is told
 * as a timeout when the next attempt begins, as an interval since its last sign of life.
 */
#define FOLD_REORDER_NS (10 * INT64_C(1000000))
#define FOLD_FOLLOW_NS (100 * INT64_C(1000000))

struct fold;
struct fold_target {
	const char *const *names; /* of the dependency: its name and aliases. A name that goes on behind one
				     of them and a dot is taken for it with a search domain */
	size_t name_count;
	const char *const *addresses; /* those its names are answered with need not be here */
	size_t address_count;
	int port;
	bool speaks; /* its protocol is known: an attempt is `connected` when the server has said so, not
			before */
};
/* Called with EVENT_ATTEMPT and EVENT_LOST; `of` is left to the caller. Strings are valid during the call, in
 * which the fold must not be used. */
typedef void fold_emit(void *owner, const struct event *event);
/* Copies the target. */
struct fold *fold_new(const struct fold_target *target, fold_emit *emit, void *owner) MUST_CHECK;
void fold_free(struct fold *fold);
/* In the order of the agent's lines. Notices of other destinations are ignored but for their time. */
void fold_feed(struct fold *fold, const struct notice *notice);
/* All that the agent stamped before `now_ns` has been fed: what silence tells is told. That is known from the
 * time of an `ok` (which fold_feed() takes as well), not from the runner's clock: lines may be held up on
 * their way. */
void fold_advance(struct fold *fold, int64_t now_ns);
/* When fold_advance() will have something to tell, so that the runner asks the agent for its time then and
 * not all the time; INT64_MAX: not before the next notice. */
int64_t fold_due_ns(const struct fold *fold);
/* The world is over: attempts under way are told as what they are so far (outcome `pending`). Nothing is fed
 * after it. */
void fold_end(struct fold *fold, int64_t now_ns);
/* Of this dependency's connections, how many are established. */
int fold_open(const struct fold *fold);
/* How many connections and attempts under way were forgotten because there were too many (4096 and 1024).
 * Not 0: the attempts told are not all there were. */
int64_t fold_forgotten(const struct fold *fold);

#endif
