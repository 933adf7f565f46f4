#include "agent/names_private.h"
#include "agent/output.h"
#include "agent/reactor.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S INT64_C(1000000000)
#define BATCH_MAX 64
#define QUEUE_BYTES (1024 * 1024)

static struct listener {
	struct source source;
	uint32_t dropped; /* by the kernel so far */
} listeners[2];

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsign-conversion" /* in musl's macro */
static struct cmsghdr *next_control(struct msghdr *header, struct cmsghdr *control)
{
	return CMSG_NXTHDR(header, control);
}
#pragma GCC diagnostic pop

/* The kernel's stamp, and how many questions it had no room for. */
static int64_t read_control(struct listener *listener, struct msghdr *header)
{
	int64_t at_ns = 0;
	for (struct cmsghdr *control = CMSG_FIRSTHDR(header); control;
	     control = next_control(header, control)) {
		if (control->cmsg_level != SOL_SOCKET)
			continue;
		if (control->cmsg_type == SO_TIMESTAMPNS) {
			struct timespec stamp;
			memcpy(&stamp, CMSG_DATA(control), sizeof(stamp));
			at_ns = monotonic_of_ns(stamp.tv_sec * NS_PER_S + stamp.tv_nsec);
		} else if (control->cmsg_type == SO_RXQ_OVFL) {
			uint32_t dropped;
			memcpy(&dropped, CMSG_DATA(control), sizeof(dropped));
			output_count_lost(dropped - listener->dropped);
			listener->dropped = dropped;
		}
	}
	return at_ns ? at_ns : now_ns();
}

static void udp_ready(struct source *source, uint32_t events)
{
	(void)events;
	struct listener *listener = (struct listener *)source;
	for (int i = 0; i < BATCH_MAX; i++) {
		uint8_t message[DNS_MESSAGE_MAX];
		char control[128] __attribute__((aligned(8)));
		struct asker asker = { .slot = -1 };
		struct iovec part = { .iov_base = message, .iov_len = sizeof(message) };
		struct msghdr header = { .msg_name = &asker.client,
			.msg_namelen = sizeof(asker.client),
			.msg_iov = &part,
			.msg_iovlen = 1,
			.msg_control = control,
			.msg_controllen = sizeof(control) };
		ssize_t length = recvmsg(source->fd, &header, MSG_DONTWAIT);
		if (length < 0 && errno == EAGAIN)
			return;
		if (length >= 0)
			names_question(message, (size_t)length, &asker, read_control(listener, &header));
	}
}

void names_udp_reply(const struct sockaddr_storage *client, const uint8_t *message, size_t length)
{
	struct listener *listener = &listeners[client->ss_family == AF_INET ? 0 : 1];
	/* A client that is gone has no use for it, and a full queue is the fate of datagrams. */
	(void)sendto(listener->source.fd, message, length, MSG_DONTWAIT | MSG_NOSIGNAL,
	    (const struct sockaddr *)client, address_length(client));
}

/* 0, or -1 with errno and nothing left open. */
static int open_listener(struct listener *listener, int family, uint16_t *port)
{
	struct sockaddr_storage address = loopback_address(family, *port);
	socklen_t length = address_length(&address);
	int yes = 1, bytes = QUEUE_BYTES;
	int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	listener->source.fd = fd;
	listener->source.ready = udp_ready;
	if (fd < 0)
		return -1;
	if (family == AF_INET6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof(yes));
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	(void)setsockopt(fd, SOL_SOCKET, SO_RXQ_OVFL, &yes, sizeof(yes));
	if (setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &yes, sizeof(yes)) < 0 ||
	    bind(fd, (struct sockaddr *)&address, length) < 0 ||
	    getsockname(fd, (struct sockaddr *)&address, &length) < 0 ||
	    reactor_add(&listener->source, EPOLLIN) < 0) {
		int failure = errno;
		close(fd);
		errno = failure;
		return -1;
	}
	*port = ntohs(((struct sockaddr_in *)&address)->sin_port);
	return 0;
}

const char *names_udp_open(uint16_t *port, bool *ret_has_ipv6)
{
	if (open_listener(&listeners[0], AF_INET, port) < 0)
		return "no UDP socket on 127.0.0.1 for the resolver";
	*ret_has_ipv6 = open_listener(&listeners[1], AF_INET6, port) == 0;
	if (*ret_has_ipv6)
		return NULL;
	listeners[1].source.fd = -1;
	if (errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL)
		return NULL; /* a namespace without IPv6 */
	reactor_remove(&listeners[0].source);
	close(listeners[0].source.fd);
	return "no UDP socket on ::1 for the resolver";
}

void names_udp_close(void)
{
	for (int i = 0; i < 2; i++) {
		if (listeners[i].source.fd < 0)
			continue;
		reactor_remove(&listeners[i].source);
		close(listeners[i].source.fd);
		listeners[i].source.fd = -1;
	}
}
