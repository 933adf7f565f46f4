/*
 * connections: what the packets of the namespace's own connections tell, as lines.
 *
 * A fixed table. Knows no socket: tap.c feeds it with packets, socket_notices.c with the ends of sockets. A
 * connection stays in the table until its socket is gone, so that late packets are not taken for new ones;
 * but a refused one, whose socket forgets its ports when connect(2) returns. Payload of other people's
 * connections is remembered as well, for the filter to be spared it.
 */
#ifndef AGENT_CONNECTIONS_H
#define AGENT_CONNECTIONS_H

#include "agent/packet.h"
#include "agent/rooms.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONNECTIONS_MAX 4096 /* begun and not gone; one more is counted as lost */
#define SETTLED_NS INT64_C(1000000000)

/* At most 16 ports; -1 when there is no room. */
int connections_classify(uint16_t port, enum protocol protocol);
/* Connections to this port are the agent's own business: of the loopback, or wherever they go. Two ports at
 * most; -1 when there is no room. */
int connections_ignore(uint16_t port, bool everywhere);

void connections_packet(const struct packet *packet, int interface, bool outgoing, int64_t at_ns);
void connections_gone(const struct endpoint *local, const struct endpoint *remote, int64_t at_ns);

/* A socket that is connecting, as /proc has it: its SYN may wait for a neighbour that does not answer, and no
 * packet shows it. `at_ns`: when it began. */
void connections_connecting(const struct endpoint *local, const struct endpoint *remote, int64_t at_ns);
/* Has there been a connection without a packet so far? */
bool connections_wait_for_neighbour(void);

/* A list of all sockets: begin, one call a socket, end. What was missing in two lists is gone. */
void connections_list_begin(void);
void connections_list_socket(const struct endpoint *local, const struct endpoint *remote);
void connections_list_end(int64_t at_ns);
/* The same, of those that wait for an answer to their SYN from this port: one list is enough. */
bool connections_begun_from(uint16_t port);
void connections_list_end_from(uint16_t port, int64_t at_ns);

/* Those whose greeting was answered well and who left it at that for SETTLED_NS are connected. Returns when
 * the next one is due, INT64_MAX when there is none. */
int64_t connections_settle(int64_t now);
int64_t connections_settle_due_ns(void);

size_t connections_begun(void); /* waiting for an answer to their SYN */
size_t connections_count(void);

/* What the filter need not let through: connections that have told. */
enum filter_need { FILTER_FITS, FILTER_SOON, FILTER_NOW };
enum filter_need connections_filter_need(void);
/* Their ports as they stand at the beginning of a segment, for both ways (source << 16 | destination),
 * sorted. At most `max`; returns how many. They count as listed then. */
size_t connections_list_quiet(uint32_t *words, size_t max);

#endif
