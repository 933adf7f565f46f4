/*
 * names_private: between the resolver's files. names.c decides, names_udp.c and names_tcp.c carry, forward.c
 * asks elsewhere.
 */
#ifndef AGENT_NAMES_PRIVATE_H
#define AGENT_NAMES_PRIVATE_H

#include "agent/dns.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/* Who asked, and how it is answered. */
struct asker {
	struct sockaddr_storage client;
	int slot;            /* of a TCP connection; -1: UDP */
	uint32_t generation; /* of what is in the slot */
};

/* A message has arrived. */
void names_question(const uint8_t *message, size_t length, const struct asker *asker, int64_t at_ns);
/* An answer came from elsewhere: told and sent on. `answer` is NULL when it cannot be read. */
void names_relay(const struct asker *asker, const struct dns_query *query, const uint8_t *message,
    size_t length, const struct dns_answer *answer);
void asker_reply(const struct asker *asker, const uint8_t *message, size_t length);

const char *names_udp_open(uint16_t *port, bool *ret_has_ipv6); /* *port 0: any */
void names_udp_close(void);
void names_udp_reply(const struct sockaddr_storage *client, const uint8_t *message, size_t length);
const char *names_tcp_open(uint16_t port, bool has_ipv6);
void names_tcp_reply(const struct asker *asker, const uint8_t *message, size_t length);

bool forward_is_on(void);
/* false when it could not be sent on. */
bool forward_question(
    const struct asker *asker, const struct dns_query *query, const uint8_t *message, size_t length);

struct sockaddr_storage loopback_address(int family, uint16_t port);
socklen_t address_length(const struct sockaddr_storage *address);

#endif
