#include "agent/netlink.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ATTRIBUTE_HEADER sizeof(struct nlattr)

static void *reserve(struct batch *batch, size_t length)
{
	size_t aligned = NLMSG_ALIGN(length);
	if (batch->is_overflowed || aligned > sizeof(batch->bytes) - batch->length) {
		batch->is_overflowed = true;
		return NULL;
	}
	unsigned char *place = batch->bytes + batch->length;
	memset(place, 0, aligned);
	batch->length += aligned;
	return place;
}

static struct nlmsghdr *last_message(struct batch *batch)
{
	return (struct nlmsghdr *)(batch->bytes + batch->message);
}

static void begin_message(
    struct batch *batch, uint16_t type, uint16_t flags, uint8_t family, uint16_t resource)
{
	size_t start = batch->length;
	struct nlmsghdr *header = reserve(batch, NLMSG_HDRLEN + sizeof(struct nfgenmsg));
	if (!header)
		return;
	batch->message = start;
	*header = (struct nlmsghdr){
		.nlmsg_len = NLMSG_HDRLEN + sizeof(struct nfgenmsg),
		.nlmsg_type = type,
		.nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags),
		.nlmsg_seq = ++batch->sequence,
	};
	struct nfgenmsg *general = NLMSG_DATA(header);
	*general =
	    (struct nfgenmsg){ .nfgen_family = family, .version = NFNETLINK_V0, .res_id = htons(resource) };
}

void batch_begin(struct batch *batch)
{
	batch->length = 0;
	batch->is_overflowed = false;
	begin_message(batch, NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
}

void batch_message(struct batch *batch, uint8_t family, uint16_t type, uint16_t flags)
{
	begin_message(batch, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type), flags, family, 0);
}

static struct nlattr *add_attribute(struct batch *batch, uint16_t attribute, size_t length)
{
	struct nlattr *header = reserve(batch, ATTRIBUTE_HEADER + length);
	if (!header)
		return NULL;
	header->nla_type = attribute;
	header->nla_len = (uint16_t)(ATTRIBUTE_HEADER + length);
	last_message(batch)->nlmsg_len = (uint32_t)(batch->length - batch->message);
	return header;
}

void batch_bytes(struct batch *batch, uint16_t attribute, const void *bytes, size_t length)
{
	struct nlattr *header = add_attribute(batch, attribute, length);
	if (header)
		memcpy((unsigned char *)header + ATTRIBUTE_HEADER, bytes, length);
}

void batch_text(struct batch *batch, uint16_t attribute, const char *text)
{
	batch_bytes(batch, attribute, text, strlen(text) + 1);
}

void batch_number(struct batch *batch, uint16_t attribute, uint32_t number)
{
	uint32_t big = htonl(number);
	batch_bytes(batch, attribute, &big, sizeof(big));
}

void batch_long(struct batch *batch, uint16_t attribute, uint64_t number)
{
	uint64_t big = htobe64(number);
	batch_bytes(batch, attribute, &big, sizeof(big));
}

size_t batch_nest(struct batch *batch, uint16_t attribute)
{
	size_t start = batch->length;
	add_attribute(batch, attribute | NLA_F_NESTED, 0);
	return start;
}

void batch_nest_end(struct batch *batch, size_t nest)
{
	if (!batch->is_overflowed)
		((struct nlattr *)(batch->bytes + nest))->nla_len = (uint16_t)(batch->length - nest);
}

int netlink_open(int protocol, uint32_t groups)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
	if (fd < 0)
		return -1;
	struct sockaddr_nl self = { .nl_family = AF_NETLINK, .nl_groups = groups };
	if (bind(fd, (struct sockaddr *)&self, sizeof(self)) == 0)
		return fd;
	int failure = errno;
	close(fd);
	errno = failure;
	return -1;
}

/* The errno of the first refusal among these messages, or 0; *ret_done when the last has been answered. */
static int read_answers(const unsigned char *bytes, size_t length, uint32_t sequence, bool *ret_done)
{
	int failure = 0;
	while (length >= NLMSG_HDRLEN) {
		const struct nlmsghdr *header = (const void *)bytes;
		if (header->nlmsg_len < NLMSG_HDRLEN || header->nlmsg_len > length)
			break;
		const struct nlmsgerr *answer = NLMSG_DATA(header);
		if (header->nlmsg_type == NLMSG_ERROR && header->nlmsg_len >= NLMSG_LENGTH(sizeof(*answer))) {
			if (answer->error && !failure)
				failure = -answer->error;
			*ret_done |= header->nlmsg_seq == sequence;
		}
		size_t step = NLMSG_ALIGN(header->nlmsg_len);
		if (step >= length)
			break;
		bytes += step;
		length -= step;
	}
	return failure;
}

int netlink_wait(int fd, uint32_t sequence)
{
	_Alignas(NLMSG_ALIGNTO) unsigned char bytes[8192];
	int failure = 0;
	bool is_done = false;
	/* The kernel has answered before send() returned: when there is nothing more to read, that was all.
	 */
	for (;;) {
		ssize_t length = recv(fd, bytes, sizeof(bytes), 0);
		if (length < 0 && errno == EINTR)
			continue;
		if (length <= 0)
			break;
		int refusal = read_answers(bytes, (size_t)length, sequence, &is_done);
		failure = failure ? failure : refusal;
	}
	if (!failure && !is_done)
		failure = errno == EAGAIN ? EPROTO : errno;
	if (!failure)
		return 0;
	errno = failure;
	return -1;
}

int batch_send(struct batch *batch)
{
	static int fd = -1;
	uint32_t last = batch->sequence;
	if (!batch->is_overflowed)
		last_message(batch)->nlmsg_flags |= NLM_F_ACK;
	begin_message(batch, NFNL_MSG_BATCH_END, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
	if (batch->is_overflowed) {
		errno = EMSGSIZE;
		return -1;
	}
	if (fd < 0 && (fd = netlink_open(NETLINK_NETFILTER, 0)) < 0)
		return -1;
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	ssize_t sent = sendto(fd, batch->bytes, batch->length, 0, (struct sockaddr *)&kernel, sizeof(kernel));
	return sent < 0 ? -1 : netlink_wait(fd, last);
}

const struct nlattr *netlink_next(const unsigned char **rest, const unsigned char *end)
{
	size_t length = (size_t)(end - *rest);
	const struct nlattr *attribute = (const void *)*rest;
	if (length < ATTRIBUTE_HEADER || attribute->nla_len < ATTRIBUTE_HEADER || attribute->nla_len > length)
		return NULL;
	size_t step = NLA_ALIGN(attribute->nla_len);
	*rest += step < length ? step : length;
	return attribute;
}
