/* The filter's program, run here by a small machine of our own on packets of the fuzzer's corpus. */
#include "agent/filter.h"
#include "agent/rooms.h"

#include <linux/if_arp.h>
#include <linux/if_packet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define FOLDER "fixtures/corpora/agent_packet_fuzz/"
#define SNAP 4000

struct seen {
	uint8_t bytes[4096];
	uint32_t length, mark, hatype, type, protocol;
};

static struct sock_filter code[FILTER_LENGTH_MAX];

static bool load_word(const struct seen *seen, uint32_t at, unsigned size, uint32_t *ret_value)
{
	if (at == (uint32_t)(SKF_AD_OFF + SKF_AD_MARK))
		*ret_value = seen->mark;
	else if (at == (uint32_t)(SKF_AD_OFF + SKF_AD_HATYPE))
		*ret_value = seen->hatype;
	else if (at == (uint32_t)(SKF_AD_OFF + SKF_AD_PKTTYPE))
		*ret_value = seen->type;
	else if (at == (uint32_t)(SKF_AD_OFF + SKF_AD_PROTOCOL))
		*ret_value = seen->protocol;
	else if (at + size > seen->length)
		return false; /* the kernel drops the packet */
	else
		for (*ret_value = 0; size; size--)
			*ret_value = *ret_value << 8 | seen->bytes[at++];
	return true;
}

static uint32_t execute(const struct seen *seen)
{
	uint32_t a = 0, x = 0, memory[16] = { 0 };
	for (size_t i = 0;; i++) {
		uint32_t k = code[i].k;
		assert_true(i < FILTER_LENGTH_MAX);
		switch (code[i].code) {
		case BPF_LD | BPF_W | BPF_ABS:
		case BPF_LD | BPF_W | BPF_IND:
			if (!load_word(seen, k + (code[i].code & BPF_IND ? x : 0), 4, &a))
				return 0;
			break;
		case BPF_LD | BPF_H | BPF_ABS:
			if (!load_word(seen, k, 2, &a))
				return 0;
			break;
		case BPF_LD | BPF_B | BPF_ABS:
		case BPF_LD | BPF_B | BPF_IND:
			if (!load_word(seen, k + (code[i].code & BPF_IND ? x : 0), 1, &a))
				return 0;
			break;
		case BPF_LD | BPF_W | BPF_LEN:
			a = seen->length;
			break;
		case BPF_LDX | BPF_B | BPF_MSH:
			x = (seen->bytes[k] & 15u) * 4;
			break;
		case BPF_LDX | BPF_MEM:
			x = memory[k];
			break;
		case BPF_STX:
			memory[k] = x;
			break;
		case BPF_ALU | BPF_RSH | BPF_K:
			a >>= k;
			break;
		case BPF_ALU | BPF_AND | BPF_K:
			a &= k;
			break;
		case BPF_ALU | BPF_ADD | BPF_X:
			a += x;
			break;
		case BPF_ALU | BPF_ADD | BPF_K:
			a += k;
			break;
		case BPF_MISC | BPF_TAX:
			x = a;
			break;
		case BPF_JMP | BPF_JA:
			i += k;
			break;
		case BPF_JMP | BPF_JEQ | BPF_K:
			i += a == k ? code[i].jt : code[i].jf;
			break;
		case BPF_JMP | BPF_JGE | BPF_K:
			i += a >= k ? code[i].jt : code[i].jf;
			break;
		case BPF_JMP | BPF_JGT | BPF_X:
			i += a > x ? code[i].jt : code[i].jf;
			break;
		case BPF_JMP | BPF_JSET | BPF_K:
			i += a & k ? code[i].jt : code[i].jf;
			break;
		case BPF_RET | BPF_K:
			return k;
		default:
			fail_msg("instruction %zu is %x", i, code[i].code);
		}
	}
}

static struct seen load(const char *name)
{
	char path[256];
	uint8_t head[4];
	struct seen seen = { .hatype = ARPHRD_ETHER, .type = PACKET_OUTGOING };
	snprintf(path, sizeof(path), FOLDER "%s", name);
	FILE *stream = fopen(path, "rb");
	if (!stream)
		fail_msg("%s cannot be opened", path);
	assert_int_equal(fread(head, 1, sizeof(head), stream), sizeof(head));
	seen.protocol = (uint32_t)(head[0] << 8 | head[1]);
	seen.length = (uint32_t)fread(seen.bytes, 1, sizeof(seen.bytes), stream);
	fclose(stream);
	return seen;
}

static void test_kinds(void **state)
{
	(void)state;
	static const struct {
		const char *file;
		uint32_t keeps;
	} cases[] = {
		{ "syn", SNAP },
		{ "syn-ack", SNAP },
		{ "rst", SNAP },
		{ "payload", SNAP },
		{ "options", SNAP },
		{ "first-fragment", SNAP },
		{ "later-fragment", 0 },
		{ "udp", 0 },
		{ "vlan", 0 },
		{ "syn6", SNAP },
		{ "hop-by-hop", SNAP },
		{ "fragment6", SNAP },
		{ "unreachable", 1280 },
		{ "time-exceeded", 1280 },
		{ "unreachable6", 1280 },
		{ "arp", 128 },
		{ "solicitation6", 128 },
	};
	filter_build(code, SNAP, NULL, 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct seen seen = load(cases[i].file);
		if (execute(&seen) != cases[i].keeps)
			fail_msg(
			    "%s: keeps %u bytes, expected %u", cases[i].file, execute(&seen), cases[i].keeps);
		seen.mark = AGENT_MARK;
		assert_int_equal(execute(&seen), 0);
	}
}

static void test_acknowledgements_are_dropped(void **state)
{
	(void)state;
	filter_build(code, SNAP, NULL, 0);
	struct seen seen = load("padded");
	seen.length -= 6; /* without its padding */
	assert_int_equal(execute(&seen), 0);
}

static void test_loopback_once(void **state)
{
	(void)state;
	filter_build(code, SNAP, NULL, 0);
	struct seen seen = load("syn");
	seen.hatype = ARPHRD_LOOPBACK;
	assert_int_equal(execute(&seen), SNAP);
	seen.type = PACKET_HOST;
	assert_int_equal(execute(&seen), 0);
}

/* Solicitations of others are theirs. */
static void test_incoming_arp(void **state)
{
	(void)state;
	filter_build(code, SNAP, NULL, 0);
	struct seen seen = load("arp");
	seen.type = PACKET_BROADCAST;
	assert_int_equal(execute(&seen), 0);
}

static void set_ports_at(struct seen *seen, size_t segment, uint32_t word)
{
	for (size_t i = 0; i < 4; i++)
		seen->bytes[segment + i] = (uint8_t)(word >> (24 - 8 * i));
}

static void set_ports(struct seen *seen, uint32_t word)
{
	set_ports_at(seen, 20, word);
}

/* The same segment behind another network header, of `length` bytes. */
static struct seen behind(const struct seen *plain, uint32_t protocol, uint32_t length)
{
	struct seen seen = *plain;
	memset(seen.bytes, 0, length);
	memcpy(seen.bytes + length, plain->bytes + 20, plain->length - 20);
	seen.length = plain->length - 20 + length;
	seen.protocol = protocol;
	if (protocol == ETH_P_IPV6) {
		seen.bytes[0] = 0x60;
		seen.bytes[6] = 6;
	} else {
		memcpy(seen.bytes, plain->bytes, 20);
		seen.bytes[0] = (uint8_t)(0x40 | length / 4);
	}
	return seen;
}

/* Wherever the segment begins, its flags, its length and its ports are found. */
static void test_every_header(void **state)
{
	(void)state;
	static const uint32_t words[] = { 0x12345678 };
	static const struct {
		uint32_t protocol, length;
	} headers[] = { { ETH_P_IP, 20 }, { ETH_P_IP, 24 }, { ETH_P_IP, 60 }, { ETH_P_IPV6, 40 } };
	filter_build(code, SNAP, words, 1);
	struct seen plain = load("payload");
	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
		uint32_t segment = headers[i].length;
		struct seen seen = behind(&plain, headers[i].protocol, segment);
		set_ports_at(&seen, segment, words[0] + 1);
		assert_int_equal(execute(&seen), SNAP);
		set_ports_at(&seen, segment, words[0]);
		assert_int_equal(execute(&seen), 0);
		seen.bytes[segment + 13] |= 1; /* FIN */
		assert_int_equal(execute(&seen), SNAP);
		seen.bytes[segment + 13] &= (uint8_t)~1;
		set_ports_at(&seen, segment, words[0] + 1);
		seen.length = segment + (uint32_t)(seen.bytes[segment + 12] >> 4) * 4;
		assert_int_equal(execute(&seen), 0);
		seen.length++;
		assert_int_equal(execute(&seen), SNAP);
	}
}

/* Exactly the listed pairs of ports are dropped, however many there are, and every list fits. */
static void test_lists(void **state)
{
	(void)state;
	static uint32_t words[FILTER_WORDS_MAX];
	struct seen seen = load("payload");
	for (size_t i = 0; i < FILTER_WORDS_MAX; i++)
		words[i] = (uint32_t)i * 1700000u + 5;
	for (size_t count = 0; count <= FILTER_WORDS_MAX; count += count < 70 ? 1 : 97) {
		size_t length = filter_build(code, SNAP, words, count);
		assert_true(length <= FILTER_LENGTH_MAX);
		for (size_t i = 0; i < count; i++) {
			set_ports(&seen, words[i]);
			assert_int_equal(execute(&seen), 0);
			set_ports(&seen, words[i] + 1);
			assert_int_equal(execute(&seen), SNAP);
			set_ports(&seen, words[i] - 1);
			assert_int_equal(execute(&seen), SNAP);
		}
		set_ports(&seen, UINT32_MAX);
		assert_int_equal(execute(&seen), SNAP);
	}
	struct seen syn = load("syn");
	set_ports(&syn, words[7]);
	assert_int_equal(execute(&syn), SNAP); /* the ports are used again */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_acknowledgements_are_dropped),
		cmocka_unit_test(test_loopback_once),
		cmocka_unit_test(test_incoming_arp),
		cmocka_unit_test(test_every_header),
		cmocka_unit_test(test_lists),
	};
	return cmocka_run_group_tests_name("filter", tests, NULL, NULL);
}
