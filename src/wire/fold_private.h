/* The parts of a fold: what fold.c, fold_lookup.c, fold_connection.c and fold_attempt.c share. */
#ifndef WIRE_FOLD_PRIVATE_H
#define WIRE_FOLD_PRIVATE_H

#include "base/duration.h"
#include "wire/wire.h"

/* A resolver opens the socket of its next try as soon as it has closed the one before. */
#define NEXT_TRY_NS (5 * NS_PER_MS)
/* No resolver asks again earlier than this what has not been answered; RFC 8305 begins no race earlier than
 * that. */
#define RESEND_NS (1 * NS_PER_S)
#define RACE_NS (10 * NS_PER_MS)

/* Who looks a name up in order to connect does so at once, even on a starved host. */
#define USE_NS (1 * NS_PER_S)

enum {
	QUEUE_MAX = 256,
	CONNECTIONS_MAX = 4096,
	ATTEMPTS_MAX = 1024,
	QUERIES_MAX = 32,
	ADDRESSES_MAX = 32, /* of one attempt; of the dependency */
	TOLD_MAX = 64,
	ADDRESS_TEXT_MAX = 64,
	DETAIL_MAX = 256,
};

struct address {
	char text[46];
};

struct address_set {
	struct address items[ADDRESSES_MAX];
	size_t count;
};

bool address_set_has(const struct address_set *set, const char *address);
/* When it is full, the oldest makes room. */
void address_set_add(struct address_set *set, const char *address);

enum query_state {
	QUERY_WAITING,
	QUERY_RESOLVED, /* with addresses */
	QUERY_EMPTY,    /* NXDOMAIN, or no address of that type */
	QUERY_FAILED,   /* SERVFAIL and its like */
	QUERY_ABANDONED,
};

struct query {
	struct endpoint client;
	int64_t id;
	char type[8], name[256];
	enum query_state state;
	int64_t sent_ns, ended_ns; /* the last time it was sent; unless WAITING */
	int sends;
};

enum attempt_state {
	ATTEMPT_LOOKING,    /* a query is unanswered */
	ATTEMPT_RESOLVED,   /* an address is known, no SYN came yet */
	ATTEMPT_UNRESOLVED, /* held: its queries failed, a variant may follow */
	ATTEMPT_CONNECTING, /* has connections under way */
	ATTEMPT_BETWEEN,    /* held: its connections failed, another address may follow */
};

struct attempt {
	enum attempt_state state;
	int64_t begin_ns;
	int open;            /* connections established as it began */
	bool doubtful;       /* notices were lost while it was under way */
	size_t name;         /* which of the target's names was asked for */
	int64_t answered_ns; /* RESOLVED: since then */
	int64_t unused_ns;   /* RESOLVED: when another attempt began; 0: none did */
	struct query *queries;
	size_t query_count;
	int64_t lookups_ended_ns; /* as the first SYN came; 0: none came */
	struct address_set answers, tried;
	int live; /* connections under way */
	int packets;
	int64_t syn_ns; /* the last connection's first */
	/* Held, or with live connections beside it: how the last connection failed. */
	int64_t ended_ns, ended_after_ns;
	const char *outcome;
	char address[ADDRESS_TEXT_MAX];
	int connection;
	char detail[DETAIL_MAX];
};

enum connection_state {
	CONNECTION_SYN,
	CONNECTION_OPEN,        /* the attempt is under way */
	CONNECTION_ESTABLISHED, /* its attempt ended well */
	CONNECTION_TURNED_AWAY, /* its attempt ended with what the server said; not closed yet */
	CONNECTION_SPARE,       /* another connection of its attempt was faster */
};

struct connection {
	enum connection_state state;
	struct endpoint local, remote;
	struct attempt *attempt;          /* SYN, OPEN */
	int64_t syn_ns, sign_ns, open_ns; /* open_ns 0: not yet */
	int packets;
	bool has_asked;
};

/* An event that waits for its turn. */
struct told {
	struct event event;
	char address[ADDRESS_TEXT_MAX], detail[DETAIL_MAX];
};

struct fold {
	fold_emit *emit;
	void *owner;
	char **names;
	size_t name_count;
	struct address_set addresses; /* of the target */
	struct address_set learned;   /* that its names were answered with */
	int port;
	bool speaks;
	bool resolver_keeps_ids; /* it was seen to ask again with the same id (glibc, musl) */
	/* Notices not looked at yet, in order of time; those behind `queue_count` are free. */
	struct notice *queue[QUEUE_MAX], notices[QUEUE_MAX];
	size_t queue_count;
	int64_t newest_ns;
	struct attempt **attempts; /* under way or held, in the order in which they began */
	size_t attempt_count;
	struct connection *connections; /* in the order of their SYNs */
	size_t connection_count;
	int open;
	struct told told[TOLD_MAX]; /* in order of to_ns */
	size_t told_count;
	int number;
	int64_t forgotten;
};

/* fold.c: answers that are queued up to this time are taken before their turn (the SYN they lead to can have
 * the earlier stamp). Whether there were any. */
bool fold_take_answers(struct fold *fold, int64_t until_ns);

/* fold_attempt.c */
struct attempt *attempt_begin(struct fold *fold, int64_t at_ns);
void attempt_set_state(struct attempt *attempt, enum attempt_state state);
bool attempt_is_held(const struct attempt *attempt);
/* Ends it: it is told and freed. */
void attempt_tell(struct fold *fold, struct attempt *attempt);
/* Frees it without a word. Its connections have been seen to. */
void attempt_drop(struct fold *fold, struct attempt *attempt);
void attempt_expire(struct fold *fold, int64_t now_ns);
void attempt_pending(struct fold *fold, struct attempt *attempt, int64_t now_ns);
/* How long its look-ups took; 0: there were none. */
int64_t attempt_lookup_ns(const struct attempt *attempt);
void lost_tell(struct fold *fold, const struct event *event);
void told_flush(struct fold *fold);

/* fold_lookup.c */
size_t lookup_name(const struct fold *fold, const char *name); /* name_count: none of the target's */
void lookup_query(struct fold *fold, const struct notice *notice);
/* Whether it was waited for. */
bool lookup_answer(struct fold *fold, const struct notice *notice);
void lookup_abandoned(struct fold *fold, const struct notice *notice);
/* RESOLVED, LOOKING or UNRESOLVED, as its queries say. */
void lookup_settle(struct attempt *attempt);
/* It is not known when the queries that are unanswered ended, but not after `until_ns`. */
void lookup_give_up(struct fold *fold, struct attempt *attempt, int64_t until_ns);

/* fold_connection.c */
void connection_notice(struct fold *fold, const struct notice *notice);
/* As lookup_give_up(); leaves an attempt alone that has an open connection. */
void connection_give_up(struct fold *fold, struct attempt *attempt, int64_t until_ns);
void connection_forget_attempt(struct fold *fold, const struct attempt *attempt);

#endif
