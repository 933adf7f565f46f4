/*
 * packet: the headers of a captured packet, from the network layer on.
 *
 * Pure. Outside data: a length in it is believed only as far as it lies within what was captured; a packet
 * that contradicts itself is PACKET_OTHER. Payloads may be captured in part.
 */
#ifndef AGENT_PACKET_H
#define AGENT_PACKET_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/* Compared with memcmp(): every byte counts, and unused ones are 0. */
struct endpoint {
	uint8_t family; /* 4 or 6 */
	uint8_t zero;
	uint16_t port;     /* host order */
	uint8_t bytes[16]; /* network order */
};

enum packet_kind {
	PACKET_OTHER,        /* nothing for the tap */
	PACKET_TCP,          /* a segment; of a fragmented packet, its first fragment */
	PACKET_UNREACHABLE,  /* an ICMP error that ends a connect(2), about a TCP segment */
	PACKET_SOLICITATION, /* ARP or IPv6 asks for a neighbour: something waits to be sent to `to` */
};

#define SEGMENT_FIN 0x01
#define SEGMENT_SYN 0x02
#define SEGMENT_RST 0x04
#define SEGMENT_ACK 0x10

struct packet {
	enum packet_kind kind;
	struct endpoint from, to; /* UNREACHABLE: of the segment that the error is about */
	uint8_t flags;
	uint32_t sequence, acknowledged;
	const uint8_t *payload; /* `captured` bytes of the `length` that were sent */
	size_t captured, length;
	int code; /* UNREACHABLE: the code of "destination unreachable"; 200 + type of another error */
};

/* `protocol` is the EtherType in host order, `length` what the packet had before it was cut to `captured`. */
void packet_parse(
    uint16_t protocol, const uint8_t *bytes, size_t captured, size_t length, struct packet *ret_packet);

/* Of an IPv4 address, an IPv6 one, or an IPv4 one in IPv6's clothes (::ffff:192.0.2.1). */
struct endpoint endpoint_of_sockaddr(const struct sockaddr_storage *address);
void endpoint_to_sockaddr(const struct endpoint *endpoint, struct sockaddr_storage *ret_address);

#endif
