#include "agent/nft.h"

#include <arpa/inet.h>
#include <linux/netfilter/nf_tables.h>
#include <netinet/in.h>
#include <string.h>

#define INGRESS 0   /* NF_NETDEV_INGRESS */
#define KEY_BYTES 8 /* source port, destination port, sequence number: how a TCP header begins */
#define KEY_TYPE 4  /* "integer", for whoever lists the set with nft(8) */
#define FLAG_FIN 0x01
#define FLAG_SYN 0x02
#define FLAG_RST 0x04
#define FLAG_ACK 0x10

static void add_table(const struct nft *nft, uint16_t type)
{
	batch_message(nft->batch, (uint8_t)nft->family, type, type == NFT_MSG_NEWTABLE ? NLM_F_CREATE : 0);
	batch_text(nft->batch, NFTA_TABLE_NAME, nft->table);
}

void nft_table_remove(const struct nft *nft)
{
	/* One that is not there cannot be deleted, and making one that is there does nothing. */
	add_table(nft, NFT_MSG_NEWTABLE);
	add_table(nft, NFT_MSG_DELTABLE);
}

void nft_table_anew(const struct nft *nft)
{
	nft_table_remove(nft);
	add_table(nft, NFT_MSG_NEWTABLE);
}

void nft_rules_remove(const struct nft *nft)
{
	batch_message(nft->batch, (uint8_t)nft->family, NFT_MSG_DELRULE, 0);
	batch_text(nft->batch, NFTA_RULE_TABLE, nft->table);
}

static void begin_chain(const struct nft *nft, const char *name)
{
	batch_message(nft->batch, (uint8_t)nft->family, NFT_MSG_NEWCHAIN, NLM_F_CREATE);
	batch_text(nft->batch, NFTA_CHAIN_TABLE, nft->table);
	batch_text(nft->batch, NFTA_CHAIN_NAME, name);
}

void nft_chain(const struct nft *nft, const char *name)
{
	begin_chain(nft, name);
}

void nft_chain_hooked(
    const struct nft *nft, const char *name, const char *type, enum nft_hook hook, int priority)
{
	begin_chain(nft, name);
	size_t nest = batch_nest(nft->batch, NFTA_CHAIN_HOOK);
	batch_number(nft->batch, NFTA_HOOK_HOOKNUM, hook);
	batch_number(nft->batch, NFTA_HOOK_PRIORITY, (uint32_t)priority);
	batch_nest_end(nft->batch, nest);
	batch_text(nft->batch, NFTA_CHAIN_TYPE, type);
}

void nft_chain_at_interface(const struct nft *nft, const char *name, const char *interface)
{
	begin_chain(nft, name);
	size_t nest = batch_nest(nft->batch, NFTA_CHAIN_HOOK);
	batch_number(nft->batch, NFTA_HOOK_HOOKNUM, INGRESS);
	batch_number(nft->batch, NFTA_HOOK_PRIORITY, 0);
	batch_text(nft->batch, NFTA_HOOK_DEV, interface);
	batch_nest_end(nft->batch, nest);
	batch_text(nft->batch, NFTA_CHAIN_TYPE, "filter");
}

void nft_set(const struct nft *nft, const char *name, uint32_t size)
{
	batch_message(nft->batch, (uint8_t)nft->family, NFT_MSG_NEWSET, NLM_F_CREATE);
	batch_text(nft->batch, NFTA_SET_TABLE, nft->table);
	batch_text(nft->batch, NFTA_SET_NAME, name);
	batch_number(nft->batch, NFTA_SET_FLAGS, NFT_SET_EVAL);
	batch_number(nft->batch, NFTA_SET_KEY_TYPE, KEY_TYPE);
	batch_number(nft->batch, NFTA_SET_KEY_LEN, KEY_BYTES);
	batch_number(nft->batch, NFTA_SET_ID, nft->batch->sequence);
	size_t nest = batch_nest(nft->batch, NFTA_SET_DESC);
	batch_number(nft->batch, NFTA_SET_DESC_SIZE, size);
	batch_nest_end(nft->batch, nest);
}

void nft_bell(const struct nft *nft, const char *name)
{
	/* A quota of one byte: the kernel tells when it is used up, which the first packet does. */
	batch_message(nft->batch, (uint8_t)nft->family, NFT_MSG_NEWOBJ, NLM_F_CREATE);
	batch_text(nft->batch, NFTA_OBJ_TABLE, nft->table);
	batch_text(nft->batch, NFTA_OBJ_NAME, name);
	batch_number(nft->batch, NFTA_OBJ_TYPE, NFT_OBJECT_QUOTA);
	size_t nest = batch_nest(nft->batch, NFTA_OBJ_DATA);
	batch_long(nft->batch, NFTA_QUOTA_BYTES, 1);
	batch_number(nft->batch, NFTA_QUOTA_FLAGS, NFT_QUOTA_F_INV); /* matches once used up */
	batch_nest_end(nft->batch, nest);
}

void nft_rule(struct nft *nft, const char *chain)
{
	batch_message(nft->batch, (uint8_t)nft->family, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);
	batch_text(nft->batch, NFTA_RULE_TABLE, nft->table);
	batch_text(nft->batch, NFTA_RULE_CHAIN, chain);
	nft->expressions = batch_nest(nft->batch, NFTA_RULE_EXPRESSIONS);
}

void nft_rule_end(struct nft *nft)
{
	batch_nest_end(nft->batch, nft->expressions);
}

struct expression {
	size_t element, data;
};

static struct expression begin(struct nft *nft, const char *name)
{
	struct expression expression = { .element = batch_nest(nft->batch, NFTA_LIST_ELEM) };
	batch_text(nft->batch, NFTA_EXPR_NAME, name);
	expression.data = batch_nest(nft->batch, NFTA_EXPR_DATA);
	return expression;
}

static void end(struct nft *nft, struct expression expression)
{
	batch_nest_end(nft->batch, expression.data);
	batch_nest_end(nft->batch, expression.element);
}

static void add_value(struct nft *nft, uint16_t attribute, const void *bytes, size_t length)
{
	size_t nest = batch_nest(nft->batch, attribute);
	batch_bytes(nft->batch, NFTA_DATA_VALUE, bytes, length);
	batch_nest_end(nft->batch, nest);
}

/* Everything goes through one register. */
static void load_meta(struct nft *nft, uint32_t key)
{
	struct expression meta = begin(nft, "meta");
	batch_number(nft->batch, NFTA_META_DREG, NFT_REG_1);
	batch_number(nft->batch, NFTA_META_KEY, key);
	end(nft, meta);
}

static void load_payload(struct nft *nft, uint32_t base, uint32_t offset, uint32_t length)
{
	struct expression payload = begin(nft, "payload");
	batch_number(nft->batch, NFTA_PAYLOAD_DREG, NFT_REG_1);
	batch_number(nft->batch, NFTA_PAYLOAD_BASE, base);
	batch_number(nft->batch, NFTA_PAYLOAD_OFFSET, offset);
	batch_number(nft->batch, NFTA_PAYLOAD_LEN, length);
	end(nft, payload);
}

static void load_value(struct nft *nft, const void *bytes, size_t length)
{
	struct expression immediate = begin(nft, "immediate");
	batch_number(nft->batch, NFTA_IMMEDIATE_DREG, NFT_REG_1);
	add_value(nft, NFTA_IMMEDIATE_DATA, bytes, length);
	end(nft, immediate);
}

static void add_comparison(struct nft *nft, uint32_t how, const void *bytes, size_t length)
{
	struct expression compare = begin(nft, "cmp");
	batch_number(nft->batch, NFTA_CMP_SREG, NFT_REG_1);
	batch_number(nft->batch, NFTA_CMP_OP, how);
	add_value(nft, NFTA_CMP_DATA, bytes, length);
	end(nft, compare);
}

static void expect(struct nft *nft, const void *bytes, size_t length)
{
	add_comparison(nft, NFT_CMP_EQ, bytes, length);
}

void nft_arrives_on_loopback(struct nft *nft)
{
	load_meta(nft, NFT_META_IIF);
	expect(nft, &(uint32_t){ LOOPBACK_INDEX }, sizeof(uint32_t));
}

void nft_leaves_on_loopback(struct nft *nft)
{
	load_meta(nft, NFT_META_OIF);
	expect(nft, &(uint32_t){ LOOPBACK_INDEX }, sizeof(uint32_t));
}

void nft_leaves_elsewhere(struct nft *nft)
{
	load_meta(nft, NFT_META_OIF);
	add_comparison(nft, NFT_CMP_NEQ, &(uint32_t){ LOOPBACK_INDEX }, sizeof(uint32_t));
}

void nft_protocol(struct nft *nft, uint8_t protocol)
{
	load_meta(nft, NFT_META_L4PROTO);
	expect(nft, &protocol, sizeof(protocol));
}

#define PORT_FROM 0 /* where they are in the headers of TCP and UDP */
#define PORT_TO 2
#define CHECKSUM_TCP 16
#define CHECKSUM_UDP 6

static void expect_port(struct nft *nft, uint32_t offset, uint16_t port)
{
	load_payload(nft, NFT_PAYLOAD_TRANSPORT_HEADER, offset, sizeof(port));
	expect(nft, &(uint16_t){ htons(port) }, sizeof(port));
}

void nft_port_from(struct nft *nft, uint16_t port)
{
	expect_port(nft, PORT_FROM, port);
}

void nft_port_to(struct nft *nft, uint16_t port)
{
	expect_port(nft, PORT_TO, port);
}

static void keep_bits(struct nft *nft, const void *mask, size_t length)
{
	static const unsigned char zero[sizeof(struct in6_addr)];
	struct expression bitwise = begin(nft, "bitwise");
	batch_number(nft->batch, NFTA_BITWISE_SREG, NFT_REG_1);
	batch_number(nft->batch, NFTA_BITWISE_DREG, NFT_REG_1);
	batch_number(nft->batch, NFTA_BITWISE_LEN, (uint32_t)length);
	add_value(nft, NFTA_BITWISE_MASK, mask, length);
	add_value(nft, NFTA_BITWISE_XOR, zero, length);
	end(nft, bitwise);
}

void nft_begins_connection(struct nft *nft)
{
	static const uint8_t mask = FLAG_FIN | FLAG_SYN | FLAG_RST | FLAG_ACK, syn = FLAG_SYN;
	load_payload(nft, NFT_PAYLOAD_TRANSPORT_HEADER, 13, 1);
	keep_bits(nft, &mask, sizeof(mask));
	expect(nft, &syn, sizeof(syn));
}

#define SOURCE_4 12 /* where addresses are in the headers of IPv4 and IPv6 */
#define SOURCE_6 8
#define DESTINATION_4 16
#define DESTINATION_6 24

/* The bytes of an address, as they stand in a header. */
static const void *address_bytes(const struct sockaddr_storage *address, uint32_t *ret_length)
{
	bool is_six = address->ss_family == AF_INET6;
	*ret_length = is_six ? sizeof(struct in6_addr) : sizeof(struct in_addr);
	return is_six ? (const void *)&((const struct sockaddr_in6 *)address)->sin6_addr
		      : (const void *)&((const struct sockaddr_in *)address)->sin_addr;
}

static void expect_family(struct nft *nft, const struct sockaddr_storage *address)
{
	/* NFPROTO_IPV6 and NFPROTO_IPV4 are the same numbers. */
	uint8_t family = address->ss_family == AF_INET6 ? AF_INET6 : AF_INET;
	load_meta(nft, NFT_META_NFPROTO);
	expect(nft, &family, sizeof(family));
}

void nft_comes_from(struct nft *nft, const struct sockaddr_storage *address)
{
	uint32_t length;
	const void *bytes = address_bytes(address, &length);
	expect_family(nft, address);
	load_payload(
	    nft, NFT_PAYLOAD_NETWORK_HEADER, address->ss_family == AF_INET6 ? SOURCE_6 : SOURCE_4, length);
	expect(nft, bytes, length);
}

void nft_goes_to_network(
    struct nft *nft, const struct sockaddr_storage *network, const struct sockaddr_storage *mask)
{
	unsigned char masked[sizeof(struct in6_addr)];
	uint32_t length;
	const unsigned char *bits = address_bytes(mask, &length), *bytes = address_bytes(network, &length);
	for (uint32_t i = 0; i < length; i++)
		masked[i] = bytes[i] & bits[i];
	expect_family(nft, network);
	load_payload(nft, NFT_PAYLOAD_NETWORK_HEADER,
	    network->ss_family == AF_INET6 ? DESTINATION_6 : DESTINATION_4, length);
	keep_bits(nft, bits, length);
	expect(nft, masked, length);
}

void nft_is_an_answer(struct nft *nft)
{
	static const uint8_t reply = 1; /* IP_CT_DIR_REPLY */
	struct expression connection = begin(nft, "ct");
	batch_number(nft->batch, NFTA_CT_DREG, NFT_REG_1);
	batch_number(nft->batch, NFTA_CT_KEY, NFT_CT_DIRECTION);
	end(nft, connection);
	expect(nft, &reply, sizeof(reply));
}

void nft_mark_is(struct nft *nft, uint32_t mark)
{
	load_meta(nft, NFT_META_MARK);
	expect(nft, &mark, sizeof(mark));
}

void nft_mark_is_like(struct nft *nft, uint32_t mark, uint32_t mask)
{
	load_meta(nft, NFT_META_MARK);
	keep_bits(nft, &mask, sizeof(mask));
	expect(nft, &mark, sizeof(mark));
}

static void load_socket(struct nft *nft, uint32_t key)
{
	struct expression socket = begin(nft, "socket");
	batch_number(nft->batch, NFTA_SOCKET_KEY, key);
	batch_number(nft->batch, NFTA_SOCKET_DREG, NFT_REG_1);
	end(nft, socket);
}

void nft_socket_mark_is(struct nft *nft, uint32_t mark)
{
	load_socket(nft, NFT_SOCKET_MARK);
	expect(nft, &mark, sizeof(mark));
}

void nft_socket_is_transparent(struct nft *nft)
{
	load_socket(nft, NFT_SOCKET_TRANSPARENT);
	expect(nft, &(uint8_t){ 1 }, sizeof(uint8_t));
}

void nft_connection_mark_is(struct nft *nft, uint32_t mark)
{
	struct expression connection = begin(nft, "ct");
	batch_number(nft->batch, NFTA_CT_DREG, NFT_REG_1);
	batch_number(nft->batch, NFTA_CT_KEY, NFT_CT_MARK);
	end(nft, connection);
	expect(nft, &mark, sizeof(mark));
}

static void load_connection_key(struct nft *nft)
{
	load_payload(nft, NFT_PAYLOAD_TRANSPORT_HEADER, 0, KEY_BYTES);
}

void nft_is_in(struct nft *nft, const char *set)
{
	load_connection_key(nft);
	struct expression lookup = begin(nft, "lookup");
	batch_text(nft->batch, NFTA_LOOKUP_SET, set);
	batch_number(nft->batch, NFTA_LOOKUP_SREG, NFT_REG_1);
	end(nft, lookup);
}

void nft_fits_in(struct nft *nft, const char *set)
{
	load_connection_key(nft);
	struct expression addition = begin(nft, "dynset");
	batch_text(nft->batch, NFTA_DYNSET_SET_NAME, set);
	batch_number(nft->batch, NFTA_DYNSET_OP, NFT_DYNSET_OP_ADD);
	batch_number(nft->batch, NFTA_DYNSET_SREG_KEY, NFT_REG_1);
	end(nft, addition);
}

void nft_ring(struct nft *nft, const char *bell)
{
	struct expression reference = begin(nft, "objref");
	batch_number(nft->batch, NFTA_OBJREF_IMM_TYPE, NFT_OBJECT_QUOTA);
	batch_text(nft->batch, NFTA_OBJREF_IMM_NAME, bell);
	end(nft, reference);
}

void nft_set_mark(struct nft *nft, uint32_t mark)
{
	load_value(nft, &mark, sizeof(mark));
	struct expression meta = begin(nft, "meta");
	batch_number(nft->batch, NFTA_META_SREG, NFT_REG_1);
	batch_number(nft->batch, NFTA_META_KEY, NFT_META_MARK);
	end(nft, meta);
}

void nft_set_connection_mark(struct nft *nft, uint32_t mark)
{
	load_value(nft, &mark, sizeof(mark));
	struct expression connection = begin(nft, "ct");
	batch_number(nft->batch, NFTA_CT_SREG, NFT_REG_1);
	batch_number(nft->batch, NFTA_CT_KEY, NFT_CT_MARK);
	end(nft, connection);
}

void nft_reject(struct nft *nft)
{
	struct expression reject = begin(nft, "reject");
	batch_number(nft->batch, NFTA_REJECT_TYPE, NFT_REJECT_TCP_RST);
	end(nft, reject);
}

void nft_reject_unreachable(struct nft *nft)
{
	struct expression reject = begin(nft, "reject");
	batch_number(nft->batch, NFTA_REJECT_TYPE, NFT_REJECT_ICMPX_UNREACH);
	batch_bytes(nft->batch, NFTA_REJECT_ICMP_CODE, &(uint8_t){ NFT_REJECT_ICMPX_NO_ROUTE }, 1);
	end(nft, reject);
}

void nft_hand_over(struct nft *nft, uint16_t port)
{
	load_value(nft, &(uint16_t){ htons(port) }, sizeof(port));
	struct expression proxy = begin(nft, "tproxy");
	batch_number(nft->batch, NFTA_TPROXY_FAMILY, 0); /* both */
	batch_number(nft->batch, NFTA_TPROXY_REG_PORT, NFT_REG_1);
	end(nft, proxy);
}

void nft_redirect(struct nft *nft, uint16_t port)
{
	load_value(nft, &(uint16_t){ htons(port) }, sizeof(port));
	struct expression redirect = begin(nft, "redir");
	batch_number(nft->batch, NFTA_REDIR_REG_PROTO_MIN, NFT_REG_1);
	end(nft, redirect);
}

static void set_port(struct nft *nft, uint8_t protocol, uint32_t offset, uint16_t port)
{
	load_value(nft, &(uint16_t){ htons(port) }, sizeof(port));
	struct expression payload = begin(nft, "payload");
	batch_number(nft->batch, NFTA_PAYLOAD_SREG, NFT_REG_1);
	batch_number(nft->batch, NFTA_PAYLOAD_BASE, NFT_PAYLOAD_TRANSPORT_HEADER);
	batch_number(nft->batch, NFTA_PAYLOAD_OFFSET, offset);
	batch_number(nft->batch, NFTA_PAYLOAD_LEN, sizeof(port));
	batch_number(nft->batch, NFTA_PAYLOAD_CSUM_TYPE, NFT_PAYLOAD_CSUM_INET);
	batch_number(
	    nft->batch, NFTA_PAYLOAD_CSUM_OFFSET, protocol == IPPROTO_TCP ? CHECKSUM_TCP : CHECKSUM_UDP);
	end(nft, payload);
}

void nft_set_port_from(struct nft *nft, uint8_t protocol, uint16_t port)
{
	set_port(nft, protocol, PORT_FROM, port);
}

void nft_set_port_to(struct nft *nft, uint8_t protocol, uint16_t port)
{
	set_port(nft, protocol, PORT_TO, port);
}

void nft_verdict(struct nft *nft, enum nft_verdict verdict, const char *chain)
{
	struct expression immediate = begin(nft, "immediate");
	batch_number(nft->batch, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
	size_t data = batch_nest(nft->batch, NFTA_IMMEDIATE_DATA);
	size_t nest = batch_nest(nft->batch, NFTA_DATA_VERDICT);
	batch_number(nft->batch, NFTA_VERDICT_CODE, (uint32_t)verdict);
	if (chain)
		batch_text(nft->batch, NFTA_VERDICT_CHAIN, chain);
	batch_nest_end(nft->batch, nest);
	batch_nest_end(nft->batch, data);
	end(nft, immediate);
}
