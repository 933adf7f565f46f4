/*
 * The kernel's notices that a step has met as many connections as it was to: the first packet that reaches a
 * quota object (a bell) makes nf_tables multicast it.
 */
#include "agent/gate_private.h"
#include "agent/netlink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define NEW_OBJECT (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWOBJ)
#define GET_OBJECT (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETOBJ)
#define TABLE_PREFIX "falsestart-"
#define BELL_PREFIX "bell-"

static char *put_number(char *place, unsigned number)
{
	char digits[10];
	int count = 0;
	do {
		digits[count++] = (char)('0' + number % 10);
		number /= 10;
	} while (number);
	while (count)
		*place++ = digits[--count];
	return place;
}

void gate_bell_name(char ret_name[static BELL_NAME_BYTES], uint16_t generation, int index)
{
	memcpy(ret_name, BELL_PREFIX, sizeof(BELL_PREFIX) - 1);
	char *place = put_number(ret_name + sizeof(BELL_PREFIX) - 1, generation);
	*place++ = '-';
	*put_number(place, (unsigned)index) = '\0';
}

void gate_table_name(char ret_name[static GATE_TABLE_BYTES], uint16_t port)
{
	memcpy(ret_name, TABLE_PREFIX, sizeof(TABLE_PREFIX) - 1);
	*put_number(ret_name + sizeof(TABLE_PREFIX) - 1, port) = '\0';
}

/* The digits at *text, and moves behind them; -1 if there are none. */
static int take_number(const char **text)
{
	int number = -1;
	for (; **text >= '0' && **text <= '9' && number < 100000; (*text)++)
		number = (number < 0 ? 0 : number * 10) + (**text - '0');
	return number;
}

static const char *skip_prefix(const char *text, const char *prefix)
{
	size_t length = strlen(prefix);
	return text && strncmp(text, prefix, length) == 0 ? text + length : NULL;
}

struct object {
	const char *table, *name; /* NULL if there is none, or no NUL behind it */
	uint32_t flags;           /* NFT_QUOTA_F_… */
};

static const char *text_of(const struct nlattr *attribute)
{
	const char *text = (const char *)(attribute + 1);
	size_t length = attribute->nla_len - sizeof(*attribute);
	return memchr(text, '\0', length) ? text : NULL;
}

static uint32_t quota_flags(const struct nlattr *data)
{
	const unsigned char *rest = (const unsigned char *)(data + 1);
	const unsigned char *end = (const unsigned char *)data + data->nla_len;
	const struct nlattr *attribute;
	uint32_t flags = 0;
	while ((attribute = netlink_next(&rest, end))) {
		if ((attribute->nla_type & NLA_TYPE_MASK) == NFTA_QUOTA_FLAGS &&
		    attribute->nla_len == sizeof(*attribute) + sizeof(flags))
			memcpy(&flags, attribute + 1, sizeof(flags));
	}
	return ntohl(flags);
}

static void object_seen(const struct object *object)
{
	const char *port_text = skip_prefix(object->table, TABLE_PREFIX);
	const char *rest = skip_prefix(object->name, BELL_PREFIX);
	if (!port_text || !rest || !(object->flags & NFT_QUOTA_F_DEPLETED))
		return;
	int port = take_number(&port_text);
	int generation = take_number(&rest);
	if (*rest++ != '-' || generation < 0 || generation > UINT16_MAX || port < 0 || port > UINT16_MAX)
		return;
	int index = take_number(&rest);
	if (index >= 0)
		gate_counted_out((uint16_t)port, (uint16_t)generation, index);
}

static void read_object(const struct nlmsghdr *header)
{
	const unsigned char *end = (const unsigned char *)header + header->nlmsg_len;
	const unsigned char *rest =
	    (const unsigned char *)header + NLMSG_HDRLEN + NLMSG_ALIGN(sizeof(struct nfgenmsg));
	const struct nlattr *attribute;
	struct object object = { 0 };
	if (rest > end)
		return;
	while ((attribute = netlink_next(&rest, end))) {
		int type = attribute->nla_type & NLA_TYPE_MASK;
		if (type == NFTA_OBJ_TABLE)
			object.table = text_of(attribute);
		else if (type == NFTA_OBJ_NAME)
			object.name = text_of(attribute);
		else if (type == NFTA_OBJ_DATA)
			object.flags = quota_flags(attribute);
	}
	object_seen(&object);
}

static void read_messages(const unsigned char *bytes, size_t length)
{
	while (length >= NLMSG_HDRLEN) {
		const struct nlmsghdr *header = (const void *)bytes;
		if (header->nlmsg_len < NLMSG_HDRLEN || header->nlmsg_len > length)
			return;
		if (header->nlmsg_type == NEW_OBJECT)
			read_object(header);
		size_t step = NLMSG_ALIGN(header->nlmsg_len);
		if (step >= length)
			return;
		bytes += step;
		length -= step;
	}
}

/* Notices were lost: which bells have rung can still be read. */
static void ask_again(int fd)
{
	struct {
		struct nlmsghdr header;
		struct nfgenmsg general;
	} request = {
		.header = { .nlmsg_len = sizeof(request),
		    .nlmsg_type = GET_OBJECT,
		    .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
		.general = { .nfgen_family = AF_UNSPEC, .version = NFNETLINK_V0 },
	};
	(void)send(fd, &request, sizeof(request), 0);
}

static void bell_ready(struct source *source, uint32_t events)
{
	(void)events;
	_Alignas(NLMSG_ALIGNTO) static unsigned char bytes[32 * 1024];
	/* Until there is nothing more, since what it makes the gate do is heard here too. */
	for (;;) {
		ssize_t length = recv(source->fd, bytes, sizeof(bytes), 0);
		if (length > 0)
			read_messages(bytes, (size_t)length);
		else if (length < 0 && errno == ENOBUFS)
			ask_again(source->fd);
		else if (length == 0 || errno != EINTR)
			return;
	}
}

/* The group tells of every change to any table; only objects are let in. */
static int listen_to_objects(int fd)
{
	struct sock_filter program[] = {
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, offsetof(struct nlmsghdr, nlmsg_type)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htons(NEW_OBJECT), 0, 1), /* loads are big-endian */
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog filter = { .len = sizeof(program) / sizeof(program[0]), .filter = program };
	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter));
}

int gate_bell_open(void)
{
	static struct source source = { .fd = -1, .ready = bell_ready };
	if (source.fd >= 0)
		return 0;
	int fd = netlink_open(NETLINK_NETFILTER, 1u << (NFNLGRP_NFTABLES - 1));
	if (fd < 0)
		return -1;
	source.fd = fd;
	if (listen_to_objects(fd) == 0 && reactor_add(&source, EPOLLIN) == 0)
		return 0;
	int failure = errno;
	close(fd);
	source.fd = -1;
	errno = failure;
	return -1;
}
