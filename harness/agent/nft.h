/*
 * nft: tables, chains and rules of nf_tables, as messages of a batch. A rule is begun, given what it matches
 * and what it then does, in that order, and ended. All of it is inside of one table, named at the beginning.
 */
#ifndef AGENT_NFT_H
#define AGENT_NFT_H

#include "agent/netlink.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

/* The numbers of linux/netfilter.h, which cannot be read beside the C library's headers. */
#define LOOPBACK_INDEX 1u /* the first interface of every namespace */
enum nft_family { FAMILY_INET = 1, FAMILY_IP = 2, FAMILY_NETDEV = 5 };
enum nft_hook { HOOK_PREROUTING = 0, HOOK_INPUT = 1, HOOK_OUTPUT = 3 };
enum nft_verdict { VERDICT_DROP = 0, VERDICT_ACCEPT = 1, VERDICT_JUMP = -3, VERDICT_GOTO = -4 };

struct nft {
	struct batch *batch;
	enum nft_family family;
	const char *table;
	size_t expressions; /* the open rule's */
};

/* Afterwards there is this table and it is empty, whatever was before. */
void nft_table_anew(const struct nft *nft);
/* Afterwards there is no such table, whether there was one or not. */
void nft_table_remove(const struct nft *nft);
void nft_rules_remove(const struct nft *nft); /* all rules; chains, sets and objects stay */
void nft_chain(const struct nft *nft, const char *name);
void nft_chain_hooked(
    const struct nft *nft, const char *name, const char *type, enum nft_hook hook, int priority);
/* Of a table of the family netdev: every packet that arrives on that interface, before anything else is done
 * with it. */
void nft_chain_at_interface(const struct nft *nft, const char *name, const char *interface);
/* A set that rules fill: keys of KEY_BYTES (nft_connection_key), at most `size` of them. */
void nft_set(const struct nft *nft, const char *name, uint32_t size);
/* An object that makes the kernel multicast a notice about it, once, when a packet first gets to it. */
void nft_bell(const struct nft *nft, const char *name);

void nft_rule(struct nft *nft, const char *chain);
void nft_rule_end(struct nft *nft);

void nft_arrives_on_loopback(struct nft *nft);
void nft_leaves_on_loopback(struct nft *nft);
void nft_leaves_elsewhere(struct nft *nft);           /* not on the loopback */
void nft_protocol(struct nft *nft, uint8_t protocol); /* IPPROTO_…; before ports and flags */
void nft_port_from(struct nft *nft, uint16_t port);
void nft_port_to(struct nft *nft, uint16_t port);
void nft_begins_connection(struct nft *nft); /* SYN without ACK, FIN or RST */
void nft_comes_from(struct nft *nft, const struct sockaddr_storage *address);
void nft_goes_to_network(
    struct nft *nft, const struct sockaddr_storage *network, const struct sockaddr_storage *mask);
/* Of a connection (a datagram and what it answers are one, too) that the other side began. */
void nft_is_an_answer(struct nft *nft);
void nft_mark_is(struct nft *nft, uint32_t mark);
void nft_mark_is_like(struct nft *nft, uint32_t mark, uint32_t mask);
/* The packet is for a socket of that mark; for one that is transparent, connections being made included. */
void nft_socket_mark_is(struct nft *nft, uint32_t mark);
void nft_socket_is_transparent(struct nft *nft);
void nft_connection_mark_is(struct nft *nft, uint32_t mark);
/* Both match when the packet's connection is in the set; the second puts it there, and does not match when
 * the set is full and it is not in it. A connection is its ports and the sequence number of its SYN: the same
 * for IPv4 and IPv6, the same for a retransmission, another one for the next connection from that port. */
void nft_is_in(struct nft *nft, const char *set);
void nft_fits_in(struct nft *nft, const char *set);

void nft_ring(struct nft *nft, const char *bell);
void nft_set_mark(struct nft *nft, uint32_t mark);
void nft_set_connection_mark(struct nft *nft, uint32_t mark);
void nft_reject(struct nft *nft);             /* with a TCP reset */
void nft_reject_unreachable(struct nft *nft); /* by ICMP: there is no route */
/* The packet is taken by the transparent socket that listens on this port, as it is: no NAT. */
void nft_hand_over(struct nft *nft, uint16_t port);
void nft_redirect(struct nft *nft, uint16_t port);
/* The packet itself is changed (IPPROTO_TCP or _UDP, whichever was matched), and its checksum with it. */
void nft_set_port_from(struct nft *nft, uint8_t protocol, uint16_t port);
void nft_set_port_to(struct nft *nft, uint8_t protocol, uint16_t port);
void nft_verdict(struct nft *nft, enum nft_verdict verdict, const char *chain); /* NULL but for JUMP, GOTO */

#endif
