#include "agent/filter.h"

#include "agent/rooms.h"

#include <linux/if_arp.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>

#define FLAGS_THAT_TELL 0x07 /* FIN, SYN, RST */
#define LEAF 16              /* words that are compared one after the other */
#define KEEP_HEADERS 128
#define KEEP_ERROR 1280 /* an ICMPv6 error quotes as much as fits into the least MTU */

struct program {
	struct sock_filter *code;
	size_t length;
};

static void emit(struct program *program, unsigned code, uint32_t k)
{
	program->code[program->length++] = (struct sock_filter){ .code = (uint16_t)code, .k = k };
}

static void emit_jump(struct program *program, unsigned code, uint32_t k, unsigned yes, unsigned no)
{
	program->code[program->length++] = (struct sock_filter){
		.code = (uint16_t)(BPF_JMP | code | BPF_K), .k = k, .jt = (uint8_t)yes, .jf = (uint8_t)no
	};
}

static void emit_load(struct program *program, unsigned size, int offset)
{
	emit(program, BPF_LD | BPF_ABS | size, (uint32_t)offset);
}

static void emit_keep(struct program *program, uint32_t bytes)
{
	emit(program, BPF_RET | BPF_K, bytes);
}

/* A forward jump of any length, whose end is known later. */
static size_t emit_far(struct program *program)
{
	emit(program, BPF_JMP | BPF_JA, 0);
	return program->length - 1;
}

static void land(struct program *program, size_t jump)
{
	program->code[jump].k = (uint32_t)(program->length - jump - 1);
}

/* A: the word of the segment. Every path ends. */
static void emit_search(struct program *program, uint32_t snap, const uint32_t *words, size_t count)
{
	if (count <= LEAF) {
		for (size_t i = 0; i < count; i++)
			emit_jump(program, BPF_JEQ, words[i], (unsigned)(count - i), 0);
		emit_keep(program, snap);
		emit_keep(program, 0);
		return;
	}
	size_t half = count / 2;
	emit_jump(program, BPF_JGE, words[half], 0, 1);
	size_t upper = emit_far(program);
	emit_search(program, snap, words, half);
	land(program, upper);
	emit_search(program, snap, words + half, count - half);
}

/* Flags that tell: all of it is kept. Else A: the length of the TCP header. */
static void emit_flags(struct program *program, uint32_t snap, unsigned mode, int segment)
{
	emit(program, BPF_LD | BPF_B | mode, (uint32_t)(segment + 13));
	emit_jump(program, BPF_JSET, FLAGS_THAT_TELL, 0, 1);
	emit_keep(program, snap);
	emit(program, BPF_LD | BPF_B | mode, (uint32_t)(segment + 12));
	emit(program, BPF_ALU | BPF_RSH | BPF_K, 2);
	emit(program, BPF_ALU | BPF_AND | BPF_K, 0x3c);
}

/* A: the length of all headers. Nothing behind them: an acknowledgement. */
static void emit_payload(struct program *program)
{
	emit(program, BPF_MISC | BPF_TAX, 0);
	emit(program, BPF_LD | BPF_W | BPF_LEN, 0);
	program->code[program->length++] = (struct sock_filter){ .code = BPF_JMP | BPF_JGT | BPF_X, .jt = 1 };
	emit_keep(program, 0);
}

/* The TCP header begins at X. A: the word of the segment. */
static void emit_segment(struct program *program, uint32_t snap)
{
	emit(program, BPF_STX, 0);
	emit_flags(program, snap, BPF_IND, 0);
	emit(program, BPF_LDX | BPF_MEM, 0);
	emit(program, BPF_ALU | BPF_ADD | BPF_X, 0);
	emit_payload(program);
	emit(program, BPF_LDX | BPF_MEM, 0);
	emit(program, BPF_LD | BPF_W | BPF_IND, 0);
}

/* The same where it is known where it begins, as nearly always. The kernel compiles a load from a fixed place
 * into an access, and one from X into a call: on the tap of a busy connection that is a quarter of the cost.
 */
static void emit_segment_at(struct program *program, uint32_t snap, int segment)
{
	emit_flags(program, snap, BPF_ABS, segment);
	emit(program, BPF_ALU | BPF_ADD | BPF_K, (uint32_t)segment);
	emit_payload(program);
	emit_load(program, BPF_W, segment);
}

static void emit_if_outgoing(struct program *program, uint32_t bytes)
{
	emit_load(program, BPF_B, SKF_AD_OFF + SKF_AD_PKTTYPE);
	emit_jump(program, BPF_JEQ, PACKET_OUTGOING, 0, 1);
	emit_keep(program, bytes);
	emit_keep(program, 0);
}

static void emit_ipv4(struct program *program, uint32_t snap, size_t ret_to_search[static 2])
{
	emit_load(program, BPF_H, 6);
	emit_jump(program, BPF_JSET, 0x1fff, 0, 1);
	emit_keep(program, 0); /* a later fragment */
	emit_load(program, BPF_B, 9);
	emit_jump(program, BPF_JEQ, 6, 0, 1);
	size_t to_segment = emit_far(program);
	emit_jump(program, BPF_JEQ, 1, 1, 0);
	emit_keep(program, 0);
	emit(program, BPF_LDX | BPF_B | BPF_MSH, 0);
	emit(program, BPF_LD | BPF_B | BPF_IND, 0);
	emit_jump(program, BPF_JEQ, 3, 2, 0);
	emit_jump(program, BPF_JEQ, 11, 1, 0);
	emit_jump(program, BPF_JEQ, 12, 0, 1);
	emit_keep(program, KEEP_ERROR);
	emit_keep(program, 0);
	land(program, to_segment);
	emit_load(program, BPF_B, 0);
	emit_jump(program, BPF_JEQ, 0x45, 1, 0); /* no options */
	size_t to_options = emit_far(program);
	emit_segment_at(program, snap, 20);
	ret_to_search[0] = emit_far(program);
	land(program, to_options);
	emit(program, BPF_LDX | BPF_B | BPF_MSH, 0);
	emit_segment(program, snap);
	ret_to_search[1] = emit_far(program);
}

static void emit_ipv6(struct program *program, uint32_t snap, size_t *ret_to_search)
{
	static const uint32_t extensions[] = { 0, 43, 44, 51, 60 };
	emit_load(program, BPF_B, 6);
	emit_jump(program, BPF_JEQ, 6, 1, 0);
	size_t to_others = emit_far(program);
	emit_segment_at(program, snap, 40);
	*ret_to_search = emit_far(program);
	land(program, to_others);
	for (size_t i = 0; i < sizeof(extensions) / sizeof(extensions[0]); i++) {
		emit_jump(program, BPF_JEQ, extensions[i], 0, 1);
		emit_keep(program, snap); /* rare enough to be looked at in full */
	}
	emit_jump(program, BPF_JEQ, 58, 1, 0);
	emit_keep(program, 0);
	emit_load(program, BPF_B, 40);
	emit_jump(program, BPF_JEQ, 1, 4, 0);
	emit_jump(program, BPF_JEQ, 3, 3, 0);
	emit_jump(program, BPF_JEQ, 4, 2, 0);
	emit_jump(program, BPF_JEQ, 135, 2, 0);
	emit_keep(program, 0);
	emit_keep(program, KEEP_ERROR);
	emit_if_outgoing(program, KEEP_HEADERS);
}

size_t filter_build(
    struct sock_filter code[static FILTER_LENGTH_MAX], uint32_t snap, const uint32_t *words, size_t count)
{
	struct program program = { .code = code };
	size_t to_search4[2], to_search6;
	emit_load(&program, BPF_W, SKF_AD_OFF + SKF_AD_MARK);
	emit_jump(&program, BPF_JEQ, AGENT_MARK, 0, 1);
	emit_keep(&program, 0);
	emit_load(&program, BPF_H, SKF_AD_OFF + SKF_AD_HATYPE);
	emit_jump(&program, BPF_JEQ, ARPHRD_LOOPBACK, 0, 3);
	emit_load(&program, BPF_B, SKF_AD_OFF + SKF_AD_PKTTYPE);
	emit_jump(&program, BPF_JEQ, PACKET_OUTGOING, 1, 0);
	emit_keep(&program, 0);
	emit_load(&program, BPF_H, SKF_AD_OFF + SKF_AD_PROTOCOL);
	emit_jump(&program, BPF_JEQ, ETH_P_IP, 0, 1);
	size_t to_ipv4 = emit_far(&program);
	emit_jump(&program, BPF_JEQ, ETH_P_IPV6, 0, 1);
	size_t to_ipv6 = emit_far(&program);
	emit_jump(&program, BPF_JEQ, ETH_P_ARP, 1, 0);
	emit_keep(&program, 0);
	emit_load(&program, BPF_H, 6);
	emit_jump(&program, BPF_JEQ, 1, 1, 0);
	emit_keep(&program, 0);
	emit_if_outgoing(&program, KEEP_HEADERS);
	land(&program, to_ipv4);
	emit_ipv4(&program, snap, to_search4);
	land(&program, to_ipv6);
	emit_ipv6(&program, snap, &to_search6);
	land(&program, to_search4[0]);
	land(&program, to_search4[1]);
	land(&program, to_search6);
	emit_search(&program, snap, words, count);
	return program.length;
}
