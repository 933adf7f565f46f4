/*
 * names_private: between the resolver's files. names.c decides, names_udp.c and names_tcp.c carry, by what
 * names_socket.c opens; forward.c asks elsewhere.
 */
#ifndef AGENT_NAMES_PRIVATE_H
#define AGENT_NAMES_PRIVATE_H

#include "agent/dns.h"
#include "agent/packet.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/* Who asked, and how it is answered. */
struct asker {
	struct sockaddr_storage client;
	struct endpoint server; /* the address that was asked, by UDP: the answer comes from there */
	int slot;               /* of a TCP connection; -1: UDP */
	uint32_t generation;    /* of what is in the slot */
};

/* A message has arrived. */
void names_question(const uint8_t *message, size_t length, const struct asker *asker, int64_t at_ns);
/* An answer came from elsewhere: told and sent on. `answer` is NULL when it cannot be read. */
void names_relay(const struct asker *asker, const struct dns_query *query, const uint8_t *message,
    size_t length, const struct dns_answer *answer);
void asker_reply(const struct asker *asker, const uint8_t *message, size_t length);

const char *names_udp_open(uint16_t *port, bool *ret_has_ipv6); /* *port 0: any */
void names_udp_close(void);
void names_udp_reply(const struct asker *asker, const uint8_t *message, size_t length);
/* Would a question to this server get here? */
bool names_udp_hears(const struct sockaddr_storage *server);
const char *names_tcp_open(uint16_t port, bool has_ipv6);
void names_tcp_reply(const struct asker *asker, const uint8_t *message, size_t length);

bool names_are_alone(void);
bool forward_is_on(void);
/* false when it could not be sent on. */
bool forward_question(
    const struct asker *asker, const struct dns_query *query, const uint8_t *message, size_t length);

/* Not blocking, and bound to every address of the family. `*port` 0: any, which is told. -1 with errno:
 * EAFNOSUPPORT or EADDRNOTAVAIL where the namespace does not have the family. */
int names_socket(int family, int type, uint16_t *port);
const char *names_learn_own(void);
/* The first that others can reach; the loopback's where there is none. `family`: AF_…; port 0. */
struct endpoint names_own_address(int family);
/* Is it an address of this namespace? Others have no business with its resolver. */
bool names_is_own(const struct sockaddr_storage *address);
socklen_t address_length(const struct sockaddr_storage *address);

#endif
