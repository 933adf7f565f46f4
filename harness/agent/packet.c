#include "agent/packet.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>

#define TYPE_IPV4 0x0800
#define TYPE_ARP 0x0806
#define TYPE_VLAN 0x8100
#define TYPE_IPV6 0x86dd
#define TYPE_VLAN_OUTER 0x88a8

#define PROTOCOL_ICMP 1
#define PROTOCOL_TCP_ 6
#define PROTOCOL_ICMPV6 58

#define IPV6_HEADER 40
#define EXTENSIONS_MAX 8 /* more than any sender uses, few enough to end soon */

/* What is left of a packet: `captured` bytes are there, `length` were sent. */
struct rest {
	const uint8_t *bytes;
	size_t captured, length;
};

static uint16_t get16(const uint8_t *bytes)
{
	return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

static uint32_t get32(const uint8_t *bytes)
{
	return (uint32_t)get16(bytes) << 16 | get16(bytes + 2);
}

static bool skip(struct rest *rest, size_t count)
{
	if (rest->captured < count || rest->length < count)
		return false;
	rest->bytes += count;
	rest->captured -= count;
	rest->length -= count;
	return true;
}

/* The sender says that so much belongs to the packet: what follows is padding. */
static bool shorten(struct rest *rest, size_t length)
{
	if (length > rest->length)
		return false;
	rest->length = length;
	if (rest->captured > length)
		rest->captured = length;
	return true;
}

static void set_address(struct endpoint *endpoint, uint8_t family, const uint8_t *bytes)
{
	endpoint->family = family;
	memcpy(endpoint->bytes, bytes, family == 4 ? 4 : 16);
}

/* Steps over the network header, with options and extensions; the addresses go to `packet`. Within an ICMP
 * error the packet is cut where the sender of the error liked, whatever its length says. */
static bool parse_ipv4(struct rest *rest, bool quoted, struct packet *packet, uint8_t *ret_protocol)
{
	const uint8_t *header = rest->bytes;
	if (rest->captured < 20 || header[0] >> 4 != 4)
		return false;
	size_t header_length = (size_t)(header[0] & 15) * 4;
	size_t total = get16(header + 2);
	if (header_length < 20 || (total && total < header_length))
		return false;
	if (get16(header + 6) & 0x1fff) /* a later fragment: no ports in it */
		return false;
	/* The length is 0 in a segment of more than 64 KiB that the kernel keeps whole. */
	if (!quoted && total && !shorten(rest, total))
		return false;
	set_address(&packet->from, 4, header + 12);
	set_address(&packet->to, 4, header + 16);
	*ret_protocol = header[9];
	return skip(rest, header_length);
}

static bool is_extension(uint8_t next)
{
	return next == 0 || next == 43 || next == 60 || next == 44 || next == 51;
}

/* A hop-by-hop, routing, destination, fragment or authentication header. */
static bool skip_extension(struct rest *rest, uint8_t *next)
{
	if (rest->captured < 8)
		return false;
	const uint8_t *header = rest->bytes;
	size_t length = ((size_t)header[1] + 1) * 8;
	if (*next == 44) {
		length = 8;
		if (get16(header + 2) & 0xfff8)
			return false;
	} else if (*next == 51) {
		length = ((size_t)header[1] + 2) * 4;
	}
	*next = header[0];
	return skip(rest, length);
}

static bool parse_ipv6(struct rest *rest, bool quoted, struct packet *packet, uint8_t *ret_protocol)
{
	const uint8_t *header = rest->bytes;
	if (rest->captured < IPV6_HEADER || header[0] >> 4 != 6)
		return false;
	size_t payload = get16(header + 4);
	if (!quoted && payload && !shorten(rest, IPV6_HEADER + payload))
		return false;
	set_address(&packet->from, 6, header + 8);
	set_address(&packet->to, 6, header + 24);
	uint8_t next = header[6];
	if (!skip(rest, IPV6_HEADER))
		return false;
	for (int i = 0; is_extension(next); i++)
		if (i == EXTENSIONS_MAX || !skip_extension(rest, &next))
			return false;
	*ret_protocol = next;
	return true;
}

static bool parse_network(struct rest *rest, bool quoted, struct packet *packet, uint8_t *ret_protocol)
{
	if (!rest->captured)
		return false;
	return rest->bytes[0] >> 4 == 4 ? parse_ipv4(rest, quoted, packet, ret_protocol)
					: parse_ipv6(rest, quoted, packet, ret_protocol);
}

static void parse_segment(struct rest *rest, struct packet *packet)
{
	const uint8_t *header = rest->bytes;
	if (rest->captured < 20)
		return;
	size_t header_length = (size_t)(header[12] >> 4) * 4;
	if (header_length < 20 || header_length > rest->length)
		return;
	packet->from.port = get16(header);
	packet->to.port = get16(header + 2);
	packet->sequence = get32(header + 4);
	packet->acknowledged = get32(header + 8);
	packet->flags = header[13];
	packet->length = rest->length - header_length;
	if (rest->captured > header_length) {
		packet->payload = header + header_length;
		packet->captured = rest->captured - header_length;
	}
	packet->kind = PACKET_TCP;
}

/* The errors that end a connection in its making (Linux' tcp_v4_err() and tcp_v6_err()): unreachable but for
 * "fragmentation needed", time exceeded, parameter problem. */
static bool is_fatal(bool version6, uint8_t type, uint8_t code)
{
	if (version6)
		return type == 1 || type == 3 || type == 4;
	return (type == 3 && code != 4) || type == 11 || type == 12;
}

static void parse_icmp(struct rest *rest, bool version6, struct packet *packet)
{
	if (rest->captured < 8)
		return;
	uint8_t type = rest->bytes[0], code = rest->bytes[1];
	if (version6 && type == 135 && rest->captured >= 24) {
		memset(&packet->to, 0, sizeof(packet->to));
		set_address(&packet->to, 6, rest->bytes + 8);
		packet->kind = PACKET_SOLICITATION;
		return;
	}
	struct packet about = { 0 };
	uint8_t protocol = 0;
	if (!is_fatal(version6, type, code) || !skip(rest, 8) ||
	    !parse_network(rest, true, &about, &protocol) || protocol != PROTOCOL_TCP_ || rest->captured < 8)
		return;
	packet->from = about.from;
	packet->to = about.to;
	packet->from.port = get16(rest->bytes);
	packet->to.port = get16(rest->bytes + 2);
	packet->sequence = get32(rest->bytes + 4);
	packet->code = type == (version6 ? 1 : 3) ? code : 200 + type;
	packet->kind = PACKET_UNREACHABLE;
}

static void parse_arp(const struct rest *rest, struct packet *packet)
{
	/* Ethernet or whatever has 6-byte addresses, IPv4, a request. */
	static const uint8_t request[] = { 0x08, 0x00, 6, 4, 0, 1 };
	if (rest->captured < 28 || memcmp(rest->bytes + 2, request, sizeof(request)) != 0)
		return;
	set_address(&packet->from, 4, rest->bytes + 14);
	set_address(&packet->to, 4, rest->bytes + 24);
	packet->kind = PACKET_SOLICITATION;
}

void packet_parse(
    uint16_t protocol, const uint8_t *bytes, size_t captured, size_t length, struct packet *ret_packet)
{
	memset(ret_packet, 0, sizeof(*ret_packet));
	struct rest rest = { bytes, captured, length < captured ? captured : length };
	for (int tags = 0; tags < 2 && (protocol == TYPE_VLAN || protocol == TYPE_VLAN_OUTER); tags++) {
		if (rest.captured < 4)
			return;
		protocol = get16(rest.bytes + 2);
		if (!skip(&rest, 4))
			return;
	}
	if (protocol == TYPE_ARP) {
		parse_arp(&rest, ret_packet);
		return;
	}
	uint8_t next = 0;
	bool version6 = protocol == TYPE_IPV6;
	if (version6) {
		if (!parse_ipv6(&rest, false, ret_packet, &next))
			return;
	} else if (protocol != TYPE_IPV4 || !parse_ipv4(&rest, false, ret_packet, &next)) {
		return;
	}
	if (next == PROTOCOL_TCP_)
		parse_segment(&rest, ret_packet);
	else if (next == (version6 ? PROTOCOL_ICMPV6 : PROTOCOL_ICMP))
		parse_icmp(&rest, version6, ret_packet);
}

struct endpoint endpoint_of_sockaddr(const struct sockaddr_storage *address)
{
	struct endpoint endpoint = { 0 };
	if (address->ss_family == AF_INET) {
		const struct sockaddr_in *in = (const struct sockaddr_in *)address;
		set_address(&endpoint, 4, (const uint8_t *)&in->sin_addr);
		endpoint.port = ntohs(in->sin_port);
	} else if (address->ss_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)address;
		const uint8_t *bytes = in6->sin6_addr.s6_addr;
		bool mapped = IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr);
		set_address(&endpoint, mapped ? 4 : 6, mapped ? bytes + 12 : bytes);
		endpoint.port = ntohs(in6->sin6_port);
	}
	return endpoint;
}

void endpoint_to_sockaddr(const struct endpoint *endpoint, struct sockaddr_storage *ret_address)
{
	memset(ret_address, 0, sizeof(*ret_address));
	if (endpoint->family == 4) {
		struct sockaddr_in *in = (struct sockaddr_in *)ret_address;
		in->sin_family = AF_INET;
		in->sin_port = htons(endpoint->port);
		memcpy(&in->sin_addr, endpoint->bytes, 4);
	} else {
		struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ret_address;
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(endpoint->port);
		memcpy(&in6->sin6_addr, endpoint->bytes, 16);
	}
}
