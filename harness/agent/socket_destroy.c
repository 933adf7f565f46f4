/* Connections of a server that is said to be dead, reset at once (sock_diag(7), SOCK_DESTROY). */
#include "agent/gate_private.h"
#include "agent/netlink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#ifndef SOCK_DESTROY
#define SOCK_DESTROY 21 /* since Linux 4.5 */
#endif

/* include/net/tcp_states.h: all but LISTEN, CLOSE and TIME_WAIT, which has nobody to tell; and half-open ones
 * (NEW_SYN_RECV). */
#define LISTEN_STATE 10
#define OPEN_STATES (((1u << 13) - 2) & ~(1u << LISTEN_STATE | 1u << 7 | 1u << 6))

/* Passes over the sockets: destroying one may hide its neighbour from the pass under way. */
#define PASSES_MAX 4

struct request {
	struct nlmsghdr header;
	struct inet_diag_req_v2 query;
};

static bool is_loopback(int family, const void *address)
{
	if (family == AF_INET)
		return *(const unsigned char *)address == 127;
	const struct in6_addr *six = address;
	return IN6_IS_ADDR_LOOPBACK(six) || (IN6_IS_ADDR_V4MAPPED(six) && six->s6_addr[12] == 127);
}

/* From the namespace to itself: a health check, or the relay. */
static bool is_inside(const struct inet_diag_msg *socket)
{
	size_t length = socket->idiag_family == AF_INET6 ? 16 : 4;
	return is_loopback(socket->idiag_family, socket->id.idiag_dst) ||
	       memcmp(socket->id.idiag_src, socket->id.idiag_dst, length) == 0;
}

/* A listener of the agent stands in for the server: its connections have the server's port. */
static bool is_own(const struct nlmsghdr *header)
{
	const unsigned char *end = (const unsigned char *)header + header->nlmsg_len;
	const unsigned char *rest =
	    (const unsigned char *)header + NLMSG_LENGTH(sizeof(struct inet_diag_msg));
	const struct nlattr *attribute;
	uint32_t mark = 0;
	while ((attribute = netlink_next(&rest, end))) {
		if (attribute->nla_type == INET_DIAG_MARK &&
		    attribute->nla_len == sizeof(*attribute) + sizeof(mark))
			memcpy(&mark, attribute + 1, sizeof(mark));
	}
	return (mark & STEP_MARK_MASK) == STEP_MARK;
}

/* 1 when it was destroyed, 0 when it was gone already, -1 with errno. */
static int destroy(int fd, const struct inet_diag_msg *socket)
{
	struct request request = {
		.header = { .nlmsg_len = sizeof(request),
		    .nlmsg_type = SOCK_DESTROY,
		    .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK,
		    .nlmsg_seq = 1 },
		.query = { .sdiag_family = socket->idiag_family,
		    .sdiag_protocol = IPPROTO_TCP,
		    .idiag_states = OPEN_STATES,
		    .id = socket->id },
	};
	if (send(fd, &request, sizeof(request), 0) < 0)
		return -1;
	if (netlink_wait(fd, 1) == 0)
		return 1;
	return errno == ENOENT ? 0 : -1;
}

struct sweep {
	int list_fd, destroy_fd;
	uint16_t port;
	int destroyed;
};

/* 1 when the list goes on, 0 at its end, -1 with errno. */
static int destroy_listed(struct sweep *sweep, const unsigned char *bytes, size_t length)
{
	while (length >= NLMSG_HDRLEN) {
		const struct nlmsghdr *header = (const void *)bytes;
		if (header->nlmsg_len < NLMSG_HDRLEN || header->nlmsg_len > length)
			break;
		if (header->nlmsg_type == NLMSG_DONE)
			return 0;
		if (header->nlmsg_type == NLMSG_ERROR) {
			errno = -((const struct nlmsgerr *)NLMSG_DATA(header))->error;
			return -1;
		}
		const struct inet_diag_msg *socket = NLMSG_DATA(header);
		if (header->nlmsg_len >= NLMSG_LENGTH(sizeof(*socket)) &&
		    socket->id.idiag_sport == htons(sweep->port) && !is_inside(socket) && !is_own(header)) {
			int outcome = destroy(sweep->destroy_fd, socket);
			if (outcome < 0)
				return -1;
			sweep->destroyed += outcome;
		}
		size_t step = NLMSG_ALIGN(header->nlmsg_len);
		if (step >= length)
			break;
		bytes += step;
		length -= step;
	}
	return 1;
}

static int sweep_family(struct sweep *sweep, uint8_t family)
{
	_Alignas(NLMSG_ALIGNTO) static unsigned char bytes[32 * 1024];
	struct request request = {
		.header = { .nlmsg_len = sizeof(request),
		    .nlmsg_type = SOCK_DIAG_BY_FAMILY,
		    .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
		.query = { .sdiag_family = family,
		    .sdiag_protocol = IPPROTO_TCP,
		    .idiag_states = OPEN_STATES,
		    .id.idiag_sport = htons(sweep->port) },
	};
	if (send(sweep->list_fd, &request, sizeof(request), 0) < 0)
		return -1;
	int outcome = 1;
	while (outcome > 0) {
		ssize_t length = recv(sweep->list_fd, bytes, sizeof(bytes), 0);
		if (length < 0 && errno == EINTR)
			continue;
		if (length <= 0)
			return -1;
		outcome = destroy_listed(sweep, bytes, (size_t)length);
	}
	return outcome;
}

static int sweep_all(struct sweep *sweep)
{
	for (int pass = 0; pass < PASSES_MAX; pass++) {
		sweep->destroyed = 0;
		if (sweep_family(sweep, AF_INET) < 0)
			return -1;
		/* Without IPv6 there is nothing to list, and the kernel says ENOENT. */
		if (sweep_family(sweep, AF_INET6) < 0 && errno != ENOENT)
			return -1;
		if (!sweep->destroyed)
			break;
	}
	return 0;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

int socket_destroy(uint16_t port)
{
	__attribute__((cleanup(close_fd))) int list_fd = netlink_open(NETLINK_SOCK_DIAG, 0);
	__attribute__((cleanup(close_fd))) int destroy_fd = netlink_open(NETLINK_SOCK_DIAG, 0);
	if (list_fd < 0 || destroy_fd < 0)
		return -1;
	struct sweep sweep = { .list_fd = list_fd, .destroy_fd = destroy_fd, .port = port };
	return sweep_all(&sweep);
}
