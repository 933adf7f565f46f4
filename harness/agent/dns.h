/*
 * dns: DNS messages (RFC 1035, EDNS of RFC 6891), read and written.
 *
 * Pure. What is read is outside data: names of other servers are stepped over, not followed, and every length
 * ends at the message's end.
 */
#ifndef AGENT_DNS_H
#define AGENT_DNS_H

#include "agent/rooms.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define DNS_HEADER 12
#define DNS_UDP_MAX 512 /* an answer without EDNS */
#define DNS_MESSAGE_MAX 4096
#define DNS_ADDRESSES_MAX 16
#define DNS_TTL_S 600 /* as Docker's resolver says */

#define DNS_TYPE_A 1
#define DNS_TYPE_AAAA 28

enum dns_rcode {
	DNS_NOERROR = 0,
	DNS_FORMERR = 1,
	DNS_SERVFAIL = 2,
	DNS_NXDOMAIN = 3,
	DNS_NOTIMP = 4,
	DNS_REFUSED = 5,
};

struct dns_query {
	uint16_t id, flags;
	uint16_t type;
	bool edns;
	uint16_t udp_size;         /* how long an answer by UDP may be */
	char name[NAME_BYTES_MAX]; /* lower case, no dot at its end; "" is the root. A dot or NUL within a
				      label, which no name of ours has, is \xff */
	/* The question as it was asked: its letters come back as they were. */
	uint8_t question[260];
	uint16_t question_length; /* 0 when there is none that can be repeated */
};

/* NOERROR when it is a question that can be answered; another code to answer it with; -1 when it is nothing
 * to answer at all (an answer itself, or no header). `ret_query` is then good for dns_build() unless -1. */
int dns_parse_query(const uint8_t *message, size_t length, struct dns_query *ret_query);

/* An answer in `out`, of at most `limit` bytes (DNS_HEADER or more); what does not fit is left out and the
 * answer says so (TC). Only addresses of the type asked for are put in. Returns its length. */
size_t dns_build(uint8_t *out, size_t limit, const struct dns_query *query, int rcode,
    const struct sockaddr_storage *addresses, int count);

struct dns_answer {
	uint16_t id;
	int rcode;
	bool truncated;
	struct sockaddr_storage addresses[DNS_ADDRESSES_MAX]; /* of A and AAAA records, port 0 */
	int count;
};
/* An answer of another server. 0, or -1 when it is none. */
int dns_parse_answer(const uint8_t *message, size_t length, struct dns_answer *ret_answer);

/* "noerror", "nxdomain", …; NULL when it has no name here. */
const char *dns_rcode_name(int rcode);
/* A name of the control lines as dns_query.name has it. 0, or -1 when it is too long, empty or has an empty
 * label. */
int dns_normalise(const char *name, char ret_name[static NAME_BYTES_MAX]);

#endif
