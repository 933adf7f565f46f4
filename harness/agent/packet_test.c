/* Headers as the kernel sends them, and as nobody should; the fuzzer starts from the same files. */
#include "agent/packet.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define FOLDER "fixtures/corpora/agent_packet_fuzz/"

static uint8_t file[4096];
static size_t file_length;

static void load(const char *name)
{
	char path[256];
	snprintf(path, sizeof(path), FOLDER "%s", name);
	FILE *stream = fopen(path, "rb");
	if (!stream)
		fail_msg("%s cannot be opened", path);
	file_length = fread(file, 1, sizeof(file), stream);
	fclose(stream);
	assert_true(file_length > 4);
}

/* `cut`: bytes that were not captured. */
static struct packet parse(size_t cut)
{
	struct packet packet;
	packet_parse((uint16_t)(file[0] << 8 | file[1]), file + 4, file_length - 4 - cut,
	    (size_t)file[2] << 8 | file[3], &packet);
	return packet;
}

static void test_kinds(void **state)
{
	(void)state;
	static const struct {
		const char *file;
		enum packet_kind kind;
		uint8_t family, flags;
		size_t length;
		int code;
	} cases[] = {
		{ "syn", PACKET_TCP, 4, SEGMENT_SYN, 0, 0 },
		{ "syn-ack", PACKET_TCP, 4, SEGMENT_SYN | SEGMENT_ACK, 0, 0 },
		{ "rst", PACKET_TCP, 4, SEGMENT_RST | SEGMENT_ACK, 0, 0 },
		{ "payload", PACKET_TCP, 4, 0x18, 6, 0 },
		{ "padded", PACKET_TCP, 4, SEGMENT_ACK, 0, 0 },
		{ "options", PACKET_TCP, 4, 0x18, 1, 0 },
		{ "first-fragment", PACKET_TCP, 4, 0x18, 20, 0 },
		{ "later-fragment", PACKET_OTHER, 4, 0, 0, 0 },
		{ "big", PACKET_TCP, 4, 0x18, 65000 - 40, 0 },
		{ "lying-length", PACKET_OTHER, 4, 0, 0, 0 },
		{ "vlan", PACKET_TCP, 4, SEGMENT_SYN, 0, 0 },
		{ "vlan-twice", PACKET_TCP, 6, SEGMENT_SYN, 0, 0 },
		{ "syn6", PACKET_TCP, 6, SEGMENT_SYN, 0, 0 },
		{ "hop-by-hop", PACKET_TCP, 6, SEGMENT_SYN, 0, 0 },
		{ "fragment6", PACKET_TCP, 6, SEGMENT_SYN, 0, 0 },
		{ "many-extensions", PACKET_OTHER, 6, 0, 0, 0 },
		{ "unreachable", PACKET_UNREACHABLE, 4, 0, 0, 1 },
		{ "needs-fragmentation", PACKET_OTHER, 4, 0, 0, 0 },
		{ "time-exceeded", PACKET_UNREACHABLE, 4, 0, 0, 211 },
		{ "unreachable6", PACKET_UNREACHABLE, 6, 0, 0, 3 },
		{ "solicitation6", PACKET_SOLICITATION, 6, 0, 0, 0 },
		{ "arp", PACKET_SOLICITATION, 4, 0, 0, 0 },
		{ "udp", PACKET_OTHER, 4, 0, 0, 0 },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		load(cases[i].file);
		struct packet packet = parse(0);
		bool same = packet.kind == cases[i].kind && packet.flags == cases[i].flags &&
			    packet.length == cases[i].length && packet.code == cases[i].code &&
			    (packet.kind == PACKET_OTHER || packet.to.family == cases[i].family);
		if (!same)
			fail_msg("%s: kind %d, family %d, flags %x, %zu bytes, code %d", cases[i].file,
			    packet.kind, packet.to.family, packet.flags, packet.length, packet.code);
	}
}

static void assert_end(const struct endpoint *endpoint, const char *host, uint16_t port)
{
	struct sockaddr_storage address;
	char text[64];
	endpoint_to_sockaddr(endpoint, &address);
	const void *bytes = address.ss_family == AF_INET
				? (const void *)&((struct sockaddr_in *)&address)->sin_addr
				: (const void *)&((struct sockaddr_in6 *)&address)->sin6_addr;
	assert_string_equal(inet_ntop(address.ss_family, bytes, text, sizeof(text)), host);
	assert_int_equal(endpoint->port, port);
	struct endpoint again = endpoint_of_sockaddr(&address);
	assert_memory_equal(&again, endpoint, sizeof(again));
}

static void test_ends_and_numbers(void **state)
{
	(void)state;
	load("syn-ack");
	struct packet packet = parse(0);
	assert_end(&packet.from, "10.77.0.1", 6379);
	assert_end(&packet.to, "10.77.0.2", 40000);
	assert_int_equal(packet.sequence, 9);
	assert_int_equal(packet.acknowledged, 2);
	load("unreachable6");
	packet = parse(0);
	assert_end(&packet.from, "fd77::1", 40000);
	assert_end(&packet.to, "fd77::2", 6379);
	assert_int_equal(packet.sequence, 1);
}

/* The payload was captured in part, then not at all, then headers are missing. */
static void test_cut(void **state)
{
	(void)state;
	load("payload");
	for (size_t cut = 0; cut < file_length - 4; cut++) {
		struct packet packet = parse(cut);
		size_t expected = cut < 6 ? 6 - cut : 0;
		bool is_whole = file_length - 4 - cut >= 40;
		assert_int_equal(packet.kind, is_whole ? PACKET_TCP : PACKET_OTHER);
		assert_int_equal(packet.captured, expected);
		assert_int_equal(packet.length, is_whole ? 6 : 0);
	}
}

static void test_mapped_address(void **state)
{
	(void)state;
	struct sockaddr_storage address = { 0 };
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&address;
	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons(53);
	assert_int_equal(inet_pton(AF_INET6, "::ffff:192.0.2.1", &in6->sin6_addr), 1);
	struct endpoint endpoint = endpoint_of_sockaddr(&address);
	assert_end(&endpoint, "192.0.2.1", 53);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_ends_and_numbers),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_mapped_address),
	};
	return cmocka_run_group_tests_name("packet", tests, NULL, NULL);
}
