/*
 * connections_private: between the files of connections.h. connection_table.c keeps them, connections.c reads
 * packets, connection_sockets.c hears of sockets, connection_quiet.c says which need not be read any more.
 */
#ifndef AGENT_CONNECTIONS_PRIVATE_H
#define AGENT_CONNECTIONS_PRIVATE_H

#include "agent/classify.h"
#include "agent/connections.h"

#define BUCKETS 4096 /* a power of two */
#define PORTS_MAX 16
#define IGNORED_MAX 2

enum connection_state {
	FREE,
	FOREIGN, /* not begun by the namespace, or before the tap: not reported */
	BEGUN,
	OPEN,
	OVER, /* nothing more to tell but that its socket is gone */
};

enum { BY_CLIENT = 1, BY_SERVER = 2 };

struct connection {
	struct endpoint local, remote;
	struct connection *next; /* in its bucket, or among the free */
	enum connection_state state;
	int interface;    /* where its SYN was seen: seen elsewhere, it is the same packet once more */
	bool unsent;      /* its SYN was not seen yet */
	bool asked, said; /* told */
	bool listed;      /* in the filter */
	bool unreachable; /* an ICMP error has come */
	uint8_t fins;     /* BY_CLIENT | BY_SERVER */
	uint8_t missing;  /* from so many lists of sockets */
	bool present;     /* in the list under way */
	uint8_t owed;     /* ends of its predecessors at the same ports that are still to be heard of */
	uint32_t first_sequence, client_next, server_next, server_first;
	int64_t settled_ns; /* when it will count as connected; 0: it need not */
	struct classifier classifier;
};

extern struct connection_table {
	struct connection all[CONNECTIONS_MAX];
	struct connection *buckets[BUCKETS];
	struct connection *free;
	size_t used; /* of `all`, those that were ever taken */
	size_t count, begun, unsent, foreign;
	size_t next_victim;
	int64_t settle_due_ns; /* not later than the first; 0: none */
	enum filter_need need;
	struct {
		uint16_t port;
		enum protocol protocol;
	} ports[PORTS_MAX];
	size_t port_count;
	struct ignored {
		uint16_t port; /* 0: free */
		bool everywhere;
	} ignored[IGNORED_MAX];
} connections;

/* ---- connection_table.c ---- */

/* NULL: it is not in the table. */
struct connection *connection_find(const struct endpoint *local, const struct endpoint *remote);
/* NULL: there is no room. */
struct connection *connection_enter(const struct endpoint *local, const struct endpoint *remote);
void connection_forget(struct connection *connection);
void connection_set_state(struct connection *connection, enum connection_state state);
void connection_need_filter(enum filter_need need);
enum protocol connection_protocol_of(uint16_t port);
bool connection_is_ignored(const struct endpoint *to);

/* ---- connections.c ---- */

void connection_tell(const char *word, const struct connection *connection, int64_t at_ns);
void connection_begin(struct connection *connection, uint32_t sequence, int interface);
/* Good answers that decide nothing, and then no more questions: as far as the client knows it is connected.
 */
void connection_settle(struct connection *connection, int64_t at_ns);
/* Nothing more of what they say will be told. */
bool connection_has_told(const struct connection *connection);

#endif
