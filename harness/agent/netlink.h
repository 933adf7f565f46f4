/*
 * netlink: requests to the kernel's packet filter, many in one batch that takes effect as a whole or not at
 * all. Knows nothing of rules: attributes are put behind one another (nft.h has the words made of them).
 *
 * Nothing is allocated. What does not fit is dropped, and batch_send() then fails with EMSGSIZE and changes
 * nothing.
 */
#ifndef AGENT_NETLINK_H
#define AGENT_NETLINK_H

#include <linux/netlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BATCH_BYTES (64 * 1024)
struct batch {
	size_t length;
	size_t message;     /* where the last message begins */
	uint32_t sequence;  /* of the last message */
	bool is_overflowed; /* something did not fit */
	_Alignas(NLMSG_ALIGNTO) unsigned char bytes[BATCH_BYTES];
};

void batch_begin(struct batch *batch);
/* A message of nf_tables (NFT_MSG_…), for tables of that family (NFPROTO_…). What is added next belongs to
 * it. */
void batch_message(struct batch *batch, uint8_t family, uint16_t type, uint16_t flags);
void batch_text(struct batch *batch, uint16_t attribute, const char *text);
void batch_bytes(struct batch *batch, uint16_t attribute, const void *bytes, size_t length);
/* Numbers go in the network's order, as nf_tables wants them. */
void batch_number(struct batch *batch, uint16_t attribute, uint32_t number);
void batch_long(struct batch *batch, uint16_t attribute, uint64_t number);
/* What is added before the end is inside of it. */
size_t batch_nest(struct batch *batch, uint16_t attribute);
void batch_nest_end(struct batch *batch, size_t nest);

/* Blocks only as long as the kernel works on it. 0 when all of it is in force; -1 with the errno of the first
 * message that was refused, and nothing has changed. */
int batch_send(struct batch *batch);

/* A socket of that netlink protocol, not blocking; -1 with errno. */
int netlink_open(int protocol, uint32_t groups);

/* Reads replies until the acknowledgement of `sequence`. 0, or -1 with the errno of the first refusal. */
int netlink_wait(int fd, uint32_t sequence);

/* The next attribute of *rest; NULL at the end, or where the rest is broken. */
const struct nlattr *netlink_next(const unsigned char **rest, const unsigned char *end);

#endif
