/* The agent's own end of a phase: where the kernel hands connections over to, and who takes them in. */
#include "agent/gate_private.h"
#include "agent/output.h"

#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

/* Of all gates' present scripts, and of past ones that have connections left. */
#define LISTENERS_MAX (2 * GATES_MAX * GATE_STEPS_MAX)
#define BACKLOG 4096
/* How long the handshake of the connection that was counted last may take. */
#define HANDSHAKE_NS INT64_C(1000000000)

static struct listener listeners[LISTENERS_MAX];
static int listeners_used; /* no listener at or behind this one was ever used */
/* Given up for a moment when there is no descriptor left, to take a connection in and refuse it: otherwise it
 * would wait in the backlog for ever, and look hung. */
static int spare_fd = -1;

struct listener *listener_at(int n)
{
	return n < listeners_used ? &listeners[n] : NULL;
}

void close_with_reset(int fd)
{
	struct linger abort = { .l_onoff = 1 };
	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &abort, sizeof(abort));
	close(fd);
}

static struct listener *free_listener(void)
{
	for (int i = 0; i < LISTENERS_MAX; i++) {
		if (listeners[i].gate_port)
			continue;
		if (i >= listeners_used)
			listeners_used = i + 1;
		return &listeners[i];
	}
	return NULL;
}

static void open_spare(void)
{
	if (spare_fd < 0)
		spare_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

/* As many connections as are promised need more than the usual 1024. */
static void raise_descriptors(void)
{
	struct rlimit limit;
	if (spare_fd >= 0 || getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	rlim_t wanted = HELD_MAX + 2 * RELAYS_MAX + LISTENERS_MAX + 64;
	if (limit.rlim_cur >= wanted)
		return;
	limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

/* What is handed over is for the server's port, not for this socket's: only a transparent one takes that. Its
 * connections inherit the mark. */
static int listen_on(int family, uint32_t mark, uint16_t *ret_port)
{
	struct sockaddr_in6 any = { .sin6_family = (sa_family_t)family }; /* all zero for IPv4 as well */
	socklen_t length = family == AF_INET6 ? sizeof(any) : sizeof(struct sockaddr_in);
	int yes = 1, no = 0;
	int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	/* Its connections have the server's own port, and inherit SO_REUSEADDR: without it no server could
	 * bind there as long as one of them is open. */
	bool is_listening =
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) == 0 &&
	    (family == AF_INET || setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof(no)) == 0) &&
	    setsockopt(fd, IPPROTO_IP, IP_TRANSPARENT, &yes, sizeof(yes)) == 0 &&
	    setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)) == 0 &&
	    bind(fd, (struct sockaddr *)&any, length) == 0 && listen(fd, BACKLOG) == 0 &&
	    getsockname(fd, (struct sockaddr *)&any, &length) == 0;
	if (is_listening) {
		*ret_port = ntohs(any.sin6_port); /* at the same place for both families */
		return fd;
	}
	close(fd);
	return -1;
}

/* One socket for both families; for IPv4 alone where there is no IPv6. */
static int listen_anywhere(uint32_t mark, uint16_t *ret_port)
{
	int fd = listen_on(AF_INET6, mark, ret_port);
	return fd >= 0 ? fd : listen_on(AF_INET, mark, ret_port);
}

/* The phase was over before the connection got here. */
static void end_at_once(struct listener *listener)
{
	switch (listener->step.phase) {
	case GATE_HUNG:
		held_reset(listener);
		return;
	case GATE_LOADING:
	case GATE_DENIED:
		held_end(listener);
		return;
	case GATE_UNREACHABLE:
	case GATE_REFUSED:
	case GATE_CLOSING:
	case GATE_SLOW:
	case GATE_READY:
		return;
	}
}

static void take_in(struct listener *listener, int fd)
{
	if (listener->step.phase == GATE_CLOSING && listener->step.reset) {
		close_with_reset(fd);
		return;
	}
	bool is_taken =
	    listener->step.phase == GATE_SLOW ? relay_take(listener, fd) : held_take(listener, fd);
	if (!is_taken) {
		close_with_reset(fd);
		output_count_lost(1);
	} else if (listener->is_over) {
		end_at_once(listener);
	}
}

static void refuse_one(struct listener *listener)
{
	if (spare_fd < 0)
		return;
	close(spare_fd);
	int fd = accept4(listener->source.fd, NULL, NULL, SOCK_CLOEXEC);
	if (fd >= 0) {
		close_with_reset(fd);
		output_count_lost(1);
	}
	spare_fd = -1;
	open_spare();
}

/* One batch of a listener does not keep the others waiting for ever. */
#define ACCEPTED_AT_ONCE 128

static void accept_all(struct listener *listener, int most)
{
	for (int i = 0; i < most; i++) {
		int fd = accept4(listener->source.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0)
			take_in(listener, fd);
		else if (errno == EMFILE || errno == ENFILE)
			refuse_one(listener);
		else if (errno != EINTR && errno != ECONNABORTED)
			return;
	}
}

static void listener_ready(struct source *source, uint32_t events)
{
	(void)events;
	accept_all((struct listener *)source, ACCEPTED_AT_ONCE);
}

static void free_if_unused(struct listener *listener)
{
	if (listener->source.fd < 0 && !listener->live)
		listener->gate_port = 0;
}

static void closing_due(struct timeout *timeout)
{
	listener_close((struct listener *)(void *)((char *)timeout - offsetof(struct listener, closing)));
}

struct listener *listener_open(
    uint16_t gate_port, const struct gate_step *step, uint16_t generation, int index)
{
	struct listener *listener = free_listener();
	if (!listener)
		return NULL;
	raise_descriptors();
	open_spare();
	*listener = (struct listener){ .step = *step, .generation = generation, .index = index };
	listener->source.ready = listener_ready;
	listener->closing.fire = closing_due;
	listener->source.fd = listen_anywhere(STEP_MARK_OF(generation, index), &listener->port);
	if (listener->source.fd < 0)
		return NULL;
	if (reactor_add(&listener->source, EPOLLIN) < 0) {
		close(listener->source.fd);
		return NULL;
	}
	listener->gate_port = gate_port;
	return listener;
}

void listener_close(struct listener *listener)
{
	if (!listener->gate_port || listener->source.fd < 0)
		return;
	timeout_cancel(&listener->closing);
	listener->live++; /* it must last, whatever ends meanwhile */
	accept_all(listener, BACKLOG);
	listener->live--;
	reactor_remove(&listener->source);
	close(listener->source.fd);
	listener->source.fd = -1;
	free_if_unused(listener);
}

void listener_close_later(struct listener *listener)
{
	if (listener->gate_port && listener->source.fd >= 0 && !listener->closing.active)
		timeout_set(&listener->closing, now_ns() + HANDSHAKE_NS);
}

void listener_joined(struct listener *listener)
{
	listener->live++;
	listener->taken++;
}

void listener_left(struct listener *listener)
{
	listener->live--;
	free_if_unused(listener);
}

void listener_end(struct listener *listener, enum gate_phase next)
{
	bool is_reset = gate_phase_resets(next);
	listener->is_over = true;
	listener->live++;
	switch (listener->step.phase) {
	case GATE_HUNG:
		held_reset(listener);
		break;
	case GATE_LOADING:
	case GATE_DENIED:
		if (is_reset)
			held_reset(listener);
		else
			held_end(listener);
		break;
	case GATE_SLOW:
		if (is_reset)
			relay_reset(listener);
		break;
	case GATE_CLOSING: /* is on its way out already */
	case GATE_UNREACHABLE:
	case GATE_REFUSED:
	case GATE_READY:
		break;
	}
	listener->live--;
	free_if_unused(listener);
}

void listener_drop(struct listener *listener)
{
	if (!listener->gate_port)
		return;
	listener->live++;
	listener_close(listener);
	if (listener->step.phase == GATE_SLOW)
		relay_reset(listener);
	else
		held_reset(listener);
	listener->live--;
	free_if_unused(listener);
}
