/*
 * The tap: a packet socket on all interfaces, read through a ring that the kernel fills and stamps.
 *
 * Version 2 of the ring: every packet can be read as soon as it is there, so that catching up is exact; in
 * version 3 packets wait in a block until it is handed over. The ring holds what comes while the agent does
 * not run; what is more is counted by the kernel and reported.
 */
#include "agent/connections.h"
#include "agent/filter.h"
#include "agent/output.h"
#include "agent/reactor.h"
#include "agent/rooms.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S INT64_C(1000000000)
/* A frame holds the first 4 kB of a packet: INFO of Redis, in which `loading` is at byte 2200 or so. */
#define FRAME_BYTES 4096
#define FRAMES 2048
#define RING_BYTES ((size_t)FRAME_BYTES * FRAMES)
#define BLOCK_BYTES (4 * FRAME_BYTES)
#define SNAP 4000
#define LINK_OFFSET (size_t) TPACKET_ALIGN((int)sizeof(struct tpacket2_hdr))
/* Steady traffic should be spared soon; many short connections should not mean many filters. */
#define FILTER_SOON_NS (2 * NS_PER_MS)
#define FILTER_APART_NS (50 * NS_PER_MS)
#define STATISTICS_NS (250 * NS_PER_MS)

static struct {
	struct source source;
	bool is_on;
	uint8_t *ring;
	size_t next;         /* the frame that comes next */
	int64_t filtered_ns; /* when the filter was renewed last */
	size_t words_limit;  /* what fits into the kernel's limit for filters */
	struct timeout filter, statistics, settle;
} tap;

/* ---- the filter ---- */

static int attach_filter(const uint32_t *words, size_t count)
{
	static struct sock_filter code[FILTER_LENGTH_MAX];
	struct sock_fprog program = { .filter = code };
	program.len = (unsigned short)filter_build(code, SNAP, words, count);
	return setsockopt(tap.source.fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
}

/* net.core.optmem_max limits a filter's size, to 20 kB in older kernels: then as many as fit are listed, and
 * the rest costs what it costs. */
static int renew_filter(void)
{
	static uint32_t words[FILTER_WORDS_MAX];
	tap.filtered_ns = now_ns();
	for (;;) {
		size_t count = connections_list_quiet(words, tap.words_limit);
		if (attach_filter(words, count) == 0)
			return 0;
		if (count == 0 || (errno != ENOMEM && errno != EINVAL))
			return -1;
		tap.words_limit = count / 2;
	}
}

static void filter_due(struct timeout *timeout)
{
	(void)timeout;
	if (connections_filter_need() != FILTER_FITS)
		(void)
		    renew_filter(); /* the old one goes on: it lets through too much, or too little of few */
}

static void look_after_filter(void)
{
	int64_t soon_ns;
	switch (connections_filter_need()) {
	case FILTER_FITS:
		break;
	case FILTER_SOON:
		soon_ns = now_ns() + FILTER_SOON_NS;
		if (soon_ns < tap.filtered_ns + FILTER_APART_NS)
			soon_ns = tap.filtered_ns + FILTER_APART_NS;
		if (!tap.filter.active)
			timeout_set(&tap.filter, soon_ns);
		break;
	case FILTER_NOW:
		timeout_cancel(&tap.filter);
		filter_due(&tap.filter);
		break;
	}
}

/* ---- packets ---- */

static void count_drops(void)
{
	struct tpacket_stats statistics;
	socklen_t length = sizeof(statistics);
	if (getsockopt(tap.source.fd, SOL_PACKET, PACKET_STATISTICS, &statistics, &length) == 0 &&
	    statistics.tp_drops)
		output_count_lost(statistics.tp_drops);
}

static void take_frame(const uint8_t *frame)
{
	const struct tpacket2_hdr *header = (const struct tpacket2_hdr *)frame;
	const struct sockaddr_ll *link = (const struct sockaddr_ll *)(frame + LINK_OFFSET);
	if (header->tp_net > FRAME_BYTES || header->tp_snaplen > (size_t)FRAME_BYTES - header->tp_net)
		return;
	struct packet packet;
	packet_parse(
	    ntohs(link->sll_protocol), frame + header->tp_net, header->tp_snaplen, header->tp_len, &packet);
	if (packet.kind == PACKET_OTHER)
		return;
	int64_t at_ns = monotonic_of_ns(header->tp_sec * NS_PER_S + header->tp_nsec);
	if (packet.kind == PACKET_SOLICITATION)
		socket_notices_look(at_ns);
	else
		connections_packet(&packet, link->sll_ifindex, link->sll_pkttype == PACKET_OUTGOING, at_ns);
}

void tap_catch_up(void)
{
	if (!tap.is_on)
		return;
	bool losing = false;
	/* Not for ever: somebody may send faster than this. */
	for (size_t i = 0; i < FRAMES; i++) {
		uint8_t *frame = tap.ring + tap.next * FRAME_BYTES;
		__u32 *status = &((struct tpacket2_hdr *)frame)->tp_status;
		__u32 seen = __atomic_load_n(status, __ATOMIC_ACQUIRE);
		if (!(seen & TP_STATUS_USER))
			break;
		losing |= (seen & TP_STATUS_LOSING) != 0;
		take_frame(frame);
		__atomic_store_n(status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
		tap.next = (tap.next + 1) % FRAMES;
	}
	if (losing)
		count_drops();
	look_after_filter();
	int64_t settle_ns = connections_settle_due_ns();
	if (settle_ns != INT64_MAX && !tap.settle.active)
		timeout_set(&tap.settle, settle_ns);
}

static void tap_ready(struct source *source, uint32_t events)
{
	(void)source;
	if (events & EPOLLERR) {
		/* An interface went down; the socket itself goes on. */
		int error = 0;
		socklen_t length = sizeof(error);
		(void)getsockopt(tap.source.fd, SOL_SOCKET, SO_ERROR, &error, &length);
	}
	tap_catch_up();
}

static void settle(struct timeout *timeout)
{
	tap_catch_up();
	int64_t due_ns = connections_settle(now_ns());
	if (due_ns != INT64_MAX)
		timeout_set(timeout, due_ns);
	look_after_filter();
}

static void statistics_due(struct timeout *timeout)
{
	count_drops();
	/* A connect(2) that the kernel gave up may leave a socket behind that is not destroyed. */
	if (connections_begun() || connections_count() > CONNECTIONS_MAX / 2)
		socket_notices_sweep();
	timeout_set(timeout, now_ns() + STATISTICS_NS);
}

void tap_socket_gone(
    const struct sockaddr_storage *local, const struct sockaddr_storage *remote, int64_t at_ns)
{
	struct endpoint ends[] = { endpoint_of_sockaddr(local), endpoint_of_sockaddr(remote) };
	connections_gone(&ends[0], &ends[1], at_ns);
	if (tap.is_on)
		look_after_filter();
}

/* ---- set-up ---- */

const char *tap_classify(uint16_t port, enum protocol protocol)
{
	return connections_classify(port, protocol) < 0 ? "at most 16 ports can be tapped" : NULL;
}

void tap_ignore(uint16_t port, bool everywhere)
{
	(void)connections_ignore(port, everywhere); /* there is room for the two of the resolver */
}

static int set_up_ring(int fd)
{
	int version = TPACKET_V2;
	struct tpacket_req request = {
		.tp_block_size = BLOCK_BYTES,
		.tp_block_nr = RING_BYTES / BLOCK_BYTES,
		.tp_frame_size = FRAME_BYTES,
		.tp_frame_nr = FRAMES,
	};
	if (setsockopt(fd, SOL_PACKET, PACKET_VERSION, &version, sizeof(version)) < 0 ||
	    setsockopt(fd, SOL_PACKET, PACKET_RX_RING, &request, sizeof(request)) < 0)
		return -1;
	void *ring = mmap(NULL, RING_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (ring == MAP_FAILED)
		return -1;
	tap.ring = ring;
	return 0;
}

static const char *open_tap(int fd)
{
	struct sockaddr_ll all = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
	tap.source.fd = fd;
	tap.source.ready = tap_ready;
	tap.words_limit = FILTER_WORDS_MAX;
	if (renew_filter() < 0)
		return "the kernel takes no packet filter";
	if (set_up_ring(fd) < 0)
		return "the kernel gives no ring of packets";
	if (bind(fd, (struct sockaddr *)&all, sizeof(all)) < 0 || reactor_add(&tap.source, EPOLLIN) < 0)
		return "packets cannot be waited for";
	return NULL;
}

const char *tap_begin(void)
{
	if (tap.is_on)
		return NULL;
	/* Protocol 0: nothing is captured before filter and ring are there. */
	int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return errno == EPERM ? "a packet socket needs CAP_NET_RAW"
				      : "there is no packet socket here";
	const char *message = open_tap(fd);
	if (message) {
		if (tap.ring)
			munmap(tap.ring, RING_BYTES);
		tap.ring = NULL;
		close(fd);
		return message;
	}
	tap.is_on = true;
	tap.filter.fire = filter_due;
	tap.statistics.fire = statistics_due;
	tap.settle.fire = settle;
	timeout_set(&tap.statistics, now_ns() + STATISTICS_NS);
	return NULL;
}
