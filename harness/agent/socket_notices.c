/*
 * The ends of sockets: sock_diag tells when the kernel destroys one. It is how one knows that a connect(2)
 * was given up, or a look-up: nothing of that is on the wire.
 *
 * Notices come by a queue that can overflow, and not at all from a kernel without inet_diag; /proc lists the
 * sockets there are, and what is missing there twice in a row is gone. The list also knows sockets whose SYN
 * waits for a neighbour (an address nobody has): the packet is shown to nobody until ARP is answered.
 */
#include "agent/connections.h"
#include "agent/output.h"
#include "agent/reactor.h"
#include "agent/rooms.h"
#include "agent/socket_table.h"

#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define NS_PER_MS INT64_C(1000000)
#define QUEUE_BYTES (1024 * 1024)
#define SWEEP_NS (20 * NS_PER_MS)
#define IDLE_SWEEPS 25 /* between two looks at connections that are established */
#define LOOK_NS (5 * NS_PER_MS)
#define LOOK_AGAIN_NS (8 * NS_PER_MS)
#define SELFTEST_MS 250
/* The kernel sends a SYN again after a second (TCP_TIMEOUT_INIT); how long until then says when it began. */
#define FIRST_TIMEOUT_NS (1000 * NS_PER_MS)
#define TICK_NS (10 * NS_PER_MS)
#define ATTRIBUTE_HEADER sizeof(struct nlattr) /* four bytes: aligned as it is */
#define BATCH_MAX 4096
#define LOOKS 8

static struct {
	struct source source;
	bool is_open;
	bool speaks;       /* the kernel was heard */
	int sweeps;        /* still to do, because notices were lost */
	int idle;          /* since the last sweep of established connections */
	uint16_t expected; /* selftest: the port of the socket that was closed; 0: heard */
	struct timeout sweep, look;
	int64_t looks_ns[LOOKS]; /* when the namespace last asked for a neighbour */
	size_t next_look;
} notices;

static struct sockaddr_storage address_of(uint8_t family, uint16_t port, const uint32_t words[4])
{
	struct sockaddr_storage address = { .ss_family = family };
	if (family == AF_INET) {
		struct sockaddr_in *in = (struct sockaddr_in *)&address;
		in->sin_port = port;
		memcpy(&in->sin_addr, words, 4);
	} else {
		struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&address;
		in6->sin6_port = port;
		memcpy(&in6->sin6_addr, words, 16);
	}
	return address;
}

/* IPPROTO_TCP or IPPROTO_UDP; 0 when the message does not say. */
static int protocol_of(const struct nlmsghdr *header)
{
	const char *bytes = (const char *)header;
	size_t at = NLMSG_SPACE(sizeof(struct inet_diag_msg));
	while (at + sizeof(struct nlattr) <= header->nlmsg_len) {
		struct nlattr attribute;
		memcpy(&attribute, bytes + at, sizeof(attribute));
		if (attribute.nla_len < ATTRIBUTE_HEADER || attribute.nla_len > header->nlmsg_len - at)
			return 0;
		if (attribute.nla_type == INET_DIAG_PROTOCOL && attribute.nla_len > ATTRIBUTE_HEADER)
			return (unsigned char)bytes[at + ATTRIBUTE_HEADER];
		at += (size_t)NLA_ALIGN((int)attribute.nla_len);
	}
	return 0;
}

static void visit_tcp(void *owner, const struct socket_entry *entry)
{
	(void)owner;
	if (entry->state != SOCKET_TIME_WAIT)
		connections_list_socket(&entry->local, &entry->remote);
}

/* When connect(2) fails, the socket forgets where it wanted to go: its end has no address and port 0. Which
 * one it was is what is missing among the sockets there are. */
static void failed_socket_gone(uint16_t port, int64_t at_ns)
{
	if (!connections_begun_from(port))
		return;
	connections_list_begin();
	if (socket_table_read("tcp", visit_tcp, NULL) == 0)
		connections_list_end_from(port, at_ns);
}

static void take_message(const struct nlmsghdr *header, int64_t at_ns)
{
	struct inet_diag_msg message;
	if (header->nlmsg_type != SOCK_DIAG_BY_FAMILY || header->nlmsg_len < NLMSG_LENGTH(sizeof(message)))
		return;
	memcpy(&message, NLMSG_DATA(header), sizeof(message));
	if (message.idiag_family != AF_INET && message.idiag_family != AF_INET6)
		return;
	struct sockaddr_storage local =
	    address_of(message.idiag_family, message.id.idiag_sport, message.id.idiag_src);
	struct sockaddr_storage remote =
	    address_of(message.idiag_family, message.id.idiag_dport, message.id.idiag_dst);
	if (notices.expected && message.id.idiag_sport == notices.expected) {
		notices.expected = 0;
		notices.speaks = true;
	}
	int protocol = protocol_of(header);
	if (protocol == IPPROTO_TCP && !message.id.idiag_dport)
		failed_socket_gone(ntohs(message.id.idiag_sport), at_ns);
	else if (protocol == IPPROTO_TCP)
		tap_socket_gone(&local, &remote, at_ns);
	else if (protocol == IPPROTO_UDP)
		names_socket_gone(&local, at_ns);
}

static void take_batch(const char *bytes, size_t length)
{
	int64_t at_ns = now_ns();
	size_t at = 0;
	while (length - at >= sizeof(struct nlmsghdr)) {
		const struct nlmsghdr *header = (const struct nlmsghdr *)(bytes + at);
		if (header->nlmsg_len < sizeof(*header) || header->nlmsg_len > length - at)
			return;
		take_message(header, at_ns);
		at += NLMSG_ALIGN(header->nlmsg_len);
		if (at > length)
			return;
	}
}

void socket_notices_sweep(void)
{
	if (!notices.is_open)
		return;
	notices.sweeps = 2;
	if (!notices.sweep.active)
		timeout_set(&notices.sweep, now_ns() + SWEEP_NS);
}

void socket_notices_catch_up(void)
{
	static char buffer[16 * 1024] __attribute__((aligned(8)));
	/* What was captured is older than the ends of its sockets. */
	tap_catch_up();
	for (int i = 0; notices.is_open && i < BATCH_MAX; i++) {
		ssize_t length = recv(notices.source.fd, buffer, sizeof(buffer), MSG_DONTWAIT);
		if (length > 0) {
			/* Sockets may have lived and ended since: their packets come first. */
			tap_catch_up();
			take_batch(buffer, (size_t)length);
			continue;
		}
		if (length == 0 || errno == EAGAIN)
			return;
		if (errno != EINTR) {
			output_count_lost(1);
			socket_notices_sweep();
		}
	}
}

static void notices_ready(struct source *source, uint32_t events)
{
	(void)source;
	(void)events;
	socket_notices_catch_up();
}

/* ---- the list of sockets ---- */

static void visit_udp(void *owner, const struct socket_entry *entry)
{
	(void)owner;
	struct sockaddr_storage local;
	endpoint_to_sockaddr(&entry->local, &local);
	names_list_socket(&local);
}

static void sweep_tcp(void)
{
	tap_catch_up();
	connections_list_begin();
	if (socket_table_read("tcp", visit_tcp, NULL) == 0)
		connections_list_end(now_ns());
	else
		output_count_lost(1);
}

static void sweep_udp(void)
{
	names_list_begin();
	if (socket_table_read("udp", visit_udp, NULL) == 0)
		names_list_end(now_ns());
	else
		output_count_lost(1);
}

static void sweep(struct timeout *timeout)
{
	bool must = notices.sweeps > 0 || ++notices.idle >= IDLE_SWEEPS;
	if (must || connections_begun()) {
		if (connections_count())
			sweep_tcp();
		notices.idle = 0;
	}
	if (must || names_unanswered())
		sweep_udp();
	if (notices.sweeps)
		notices.sweeps--;
	if (notices.sweeps || !notices.speaks)
		timeout_set(timeout, now_ns() + SWEEP_NS);
}

/* ---- SYNs that wait for a neighbour ---- */

/* The request for the neighbour goes out in the same moment as the first SYN that waits for it. */
static int64_t refine(int64_t began_ns)
{
	for (size_t i = 0; i < LOOKS; i++) {
		int64_t off_ns = notices.looks_ns[i] - began_ns;
		if (off_ns > -25 * NS_PER_MS && off_ns < 25 * NS_PER_MS)
			return notices.looks_ns[i];
	}
	return began_ns;
}

static void visit_connecting(void *owner, const struct socket_entry *entry)
{
	int64_t now = *(const int64_t *)owner;
	/* Port 53 the namespace reaches through the agent; a connection there is the agent's own. */
	if (entry->state != SOCKET_CONNECTING || entry->remote.port == 53)
		return;
	int64_t left_ns = entry->timer_ticks * TICK_NS;
	bool is_first = !entry->retransmits && left_ns > 0 && left_ns <= FIRST_TIMEOUT_NS;
	int64_t began_ns = is_first ? now - (FIRST_TIMEOUT_NS - left_ns) : now;
	connections_connecting(&entry->local, &entry->remote, refine(began_ns));
}

static void look(struct timeout *timeout)
{
	socket_notices_catch_up();
	int64_t now = now_ns();
	if (socket_table_read("tcp", visit_connecting, &now) < 0)
		output_count_lost(1);
	/* Another one may join the queue for the same neighbour, and nothing is sent for it. */
	if (connections_wait_for_neighbour())
		timeout_set(timeout, now + LOOK_AGAIN_NS);
}

void socket_notices_look(int64_t at_ns)
{
	if (!notices.is_open)
		return;
	notices.looks_ns[notices.next_look++ % LOOKS] = at_ns;
	if (!notices.look.active)
		timeout_set(&notices.look, now_ns() + LOOK_NS);
}

/* ---- set-up ---- */

/* Is there anything to hear? Waits for the end of a socket of its own. */
static void selftest(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t length = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	if (bind(fd, (struct sockaddr *)&address, length) == 0 &&
	    getsockname(fd, (struct sockaddr *)&address, &length) == 0)
		notices.expected = address.sin_port;
	close(fd);
	int64_t until_ns = now_ns() + SELFTEST_MS * NS_PER_MS;
	while (notices.expected && now_ns() < until_ns) {
		struct pollfd poll_fd = { .fd = notices.source.fd, .events = POLLIN };
		if (poll(&poll_fd, 1, SELFTEST_MS) > 0)
			socket_notices_catch_up();
	}
}

const char *socket_notices_begin(void)
{
	if (notices.is_open)
		return NULL;
	struct sockaddr_nl address = { .nl_family = AF_NETLINK };
	static const int groups[] = { SKNLGRP_INET_TCP_DESTROY, SKNLGRP_INET_UDP_DESTROY,
		SKNLGRP_INET6_TCP_DESTROY, SKNLGRP_INET6_UDP_DESTROY };
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
		address.nl_groups |= 1u << (groups[i] - 1);
	notices.source.ready = notices_ready;
	notices.sweep.fire = sweep;
	notices.look.fire = look;
	notices.source.fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_SOCK_DIAG);
	if (notices.source.fd >= 0) {
		int bytes = QUEUE_BYTES;
		if (setsockopt(notices.source.fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) < 0)
			(void)setsockopt(notices.source.fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
		notices.is_open = bind(notices.source.fd, (struct sockaddr *)&address, sizeof(address)) == 0;
	}
	if (notices.is_open) {
		selftest();
		if (reactor_add(&notices.source, EPOLLIN) < 0)
			return "the ends of sockets cannot be waited for";
	}
	if (!notices.speaks)
		timeout_set(&notices.sweep, now_ns() + SWEEP_NS);
	return NULL;
}
