#include "agent/names_private.h"
#include "agent/output.h"
#include "agent/reactor.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S INT64_C(1000000000)
#define BATCH_MAX 64
#define QUEUE_BYTES (1024 * 1024)
#define TRIAL_MS 100 /* what is not there at once will not come */

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

static void read_server(struct cmsghdr *control, struct endpoint *ret_server)
{
	struct sockaddr_storage server = { 0 };
	if (control->cmsg_level == IPPROTO_IP && control->cmsg_type == IP_PKTINFO) {
		struct in_pktinfo info;
		memcpy(&info, CMSG_DATA(control), sizeof(info));
		server.ss_family = AF_INET;
		((struct sockaddr_in *)&server)->sin_addr = info.ipi_addr;
	} else if (control->cmsg_level == IPPROTO_IPV6 && control->cmsg_type == IPV6_PKTINFO) {
		struct in6_pktinfo info;
		memcpy(&info, CMSG_DATA(control), sizeof(info));
		server.ss_family = AF_INET6;
		((struct sockaddr_in6 *)&server)->sin6_addr = info.ipi6_addr;
	}
	if (server.ss_family)
		*ret_server = endpoint_of_sockaddr(&server);
}

/* The kernel's stamp, how many questions it had no room for, and who was asked. */
static int64_t read_control(struct listener *listener, struct msghdr *header, struct endpoint *ret_server)
{
	int64_t at_ns = 0;
	for (struct cmsghdr *control = CMSG_FIRSTHDR(header); control;
	     control = next_control(header, control)) {
		read_server(control, ret_server);
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
		if (length < 0)
			continue;
		int64_t at_ns = read_control(listener, &header, &asker.server);
		if (names_is_own(&asker.client))
			names_question(message, (size_t)length, &asker, at_ns);
	}
}

/* The source of what is sent. Lengths are constants: the two C libraries have other types for them. */
static void send_from_four(struct msghdr *header, const struct endpoint *server)
{
	struct in_pktinfo info = { 0 };
	struct cmsghdr *control = CMSG_FIRSTHDR(header);
	memcpy(&info.ipi_spec_dst, server->bytes, sizeof(info.ipi_spec_dst));
	control->cmsg_level = IPPROTO_IP;
	control->cmsg_type = IP_PKTINFO;
	control->cmsg_len = CMSG_LEN(sizeof(info));
	memcpy(CMSG_DATA(control), &info, sizeof(info));
	header->msg_controllen = CMSG_SPACE(sizeof(info));
}

static void send_from_six(struct msghdr *header, const struct endpoint *server)
{
	struct in6_pktinfo info = { 0 };
	struct cmsghdr *control = CMSG_FIRSTHDR(header);
	memcpy(&info.ipi6_addr, server->bytes, sizeof(info.ipi6_addr));
	control->cmsg_level = IPPROTO_IPV6;
	control->cmsg_type = IPV6_PKTINFO;
	control->cmsg_len = CMSG_LEN(sizeof(info));
	memcpy(CMSG_DATA(control), &info, sizeof(info));
	header->msg_controllen = CMSG_SPACE(sizeof(info));
}

void names_udp_reply(const struct asker *asker, const uint8_t *message, size_t length)
{
	bool is_four = asker->client.ss_family == AF_INET;
	struct sockaddr_storage client = asker->client;
	struct iovec part = { .iov_base = (void *)message, .iov_len = length };
	char control[64] __attribute__((aligned(8))) = { 0 };
	struct msghdr header = { .msg_name = &client,
		.msg_namelen = address_length(&client),
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control) };
	if (is_four)
		send_from_four(&header, &asker->server);
	else
		send_from_six(&header, &asker->server);
	/* A client that is gone has no use for it, and a full queue is the fate of datagrams. */
	(void)sendmsg(listeners[is_four ? 0 : 1].source.fd, &header, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* Does the next datagram come from that socket? The kernel has put one to this host in its queue before
 * send() returned. */
static bool is_next_from(int listener, int fd)
{
	struct pollfd question = { .fd = listener, .events = POLLIN };
	struct sockaddr_storage client = { 0 }, own = { 0 };
	socklen_t client_length = sizeof(client), own_length = sizeof(own);
	char byte;
	return poll(&question, 1, TRIAL_MS) == 1 &&
	       recvfrom(listener, &byte, 1, MSG_PEEK, (struct sockaddr *)&client, &client_length) >= 0 &&
	       getsockname(fd, (struct sockaddr *)&own, &own_length) == 0 &&
	       endpoint_of_sockaddr(&client).port == endpoint_of_sockaddr(&own).port;
}

bool names_udp_hears(const struct sockaddr_storage *server)
{
	struct listener *listener = &listeners[server->ss_family == AF_INET ? 0 : 1];
	int fd = socket(server->ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return false;
	/* Too short for a question: it is read, and dropped. */
	bool is_heard =
	    sendto(fd, "?", 1, MSG_NOSIGNAL, (const struct sockaddr *)server, address_length(server)) == 1 &&
	    is_next_from(listener->source.fd, fd);
	close(fd);
	if (is_heard)
		udp_ready(&listener->source, EPOLLIN);
	return is_heard;
}

static int ask_for_server(int fd, int family)
{
	int yes = 1;
	return family == AF_INET ? setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &yes, sizeof(yes))
				 : setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &yes, sizeof(yes));
}

/* 0, or -1 with errno and nothing left open. */
static int open_listener(struct listener *listener, int family, uint16_t *port)
{
	int yes = 1, bytes = QUEUE_BYTES, fd = names_socket(family, SOCK_DGRAM, port);
	listener->source.fd = fd;
	listener->source.ready = udp_ready;
	if (fd < 0)
		return -1;
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	(void)setsockopt(fd, SOL_SOCKET, SO_RXQ_OVFL, &yes, sizeof(yes));
	if (setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &yes, sizeof(yes)) == 0 &&
	    ask_for_server(fd, family) == 0 && reactor_add(&listener->source, EPOLLIN) == 0)
		return 0;
	int failure = errno;
	close(fd);
	errno = failure;
	return -1;
}

const char *names_udp_open(uint16_t *port, bool *ret_has_ipv6)
{
	if (open_listener(&listeners[0], AF_INET, port) < 0)
		return "no UDP socket for the resolver, which needs CAP_NET_ADMIN or CAP_NET_RAW";
	*ret_has_ipv6 = open_listener(&listeners[1], AF_INET6, port) == 0;
	if (*ret_has_ipv6)
		return NULL;
	listeners[1].source.fd = -1;
	if (errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL)
		return NULL; /* a namespace without IPv6 */
	reactor_remove(&listeners[0].source);
	close(listeners[0].source.fd);
	return "no UDP socket of IPv6 for the resolver";
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
