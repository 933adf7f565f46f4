/*
 * socket_table: the sockets of the namespace as /proc/net/{tcp,udp}{,6} lists them.
 */
#ifndef AGENT_SOCKET_TABLE_H
#define AGENT_SOCKET_TABLE_H

#include "agent/packet.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SOCKET_CONNECTING 2 /* TCP_SYN_SENT */
#define SOCKET_TIME_WAIT 6  /* the socket itself is gone already */

struct socket_entry {
	struct endpoint local, remote;
	unsigned state;
	unsigned retransmits;
	unsigned timer_ticks; /* until its timer fires, in 1/100 s; 0 when none runs */
};

/* One line without its newline. 0, or -1 when it is not an entry (the heading). */
int socket_table_parse(const char *line, size_t length, struct socket_entry *ret_entry);

typedef void socket_table_visit(void *owner, const struct socket_entry *entry);
/* `what` is "tcp" or "udp"; both families. 0, or -1 with errno when it could not be read to its end. */
int socket_table_read(const char *what, socket_table_visit *visit, void *owner);

#endif
