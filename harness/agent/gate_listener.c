/* The agent's own end of a phase: where the kernel redirects connections to, and who takes them in. */
#include "agent/gate_private.h"
#include "agent/output.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

/* Of all gates' present scripts, and of past ones that have connections left. */
#define LISTENERS_MAX (2 * GATES_MAX * GATE_STEPS_MAX)
#define BACKLOG 4096
/* linux/netfilter_ipv4.h and ip6_tables.h: the address before the redirection. */
#define ORIGINAL_DESTINATION 80

static struct listener listeners[LISTENERS_MAX];
static int listeners_used; /* no listener at or behind this one was ever used */
/* Given up for a moment when there is no descriptor left, to take a connection in and refuse it: otherwise it
 * would wait in the backlog for ever, and look hung. */
static int spare_fd = -1;

struct listener *listener_at(int n)
{
	return n < listeners_used ? &listeners[n] : NULL;
}

int gate_live(const struct gate *gate)
{
	int live = 0;
	for (int i = 0; i < listeners_used; i++)
		live += listeners[i].gate == gate ? listeners[i].live : 0;
	return live;
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
		if (listeners[i].gate)
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

/* One socket for both families; for IPv4 alone where there is no IPv6. */
static int listen_anywhere(uint16_t *ret_port)
{
	struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_ANY_INIT };
	struct sockaddr_in four = { .sin_family = AF_INET };
	int both = 0;
	socklen_t length = sizeof(six);
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd >= 0 && (setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &both, sizeof(both)) < 0 ||
			   bind(fd, (struct sockaddr *)&six, sizeof(six)) < 0)) {
		close(fd);
		fd = -1;
	}
	if (fd < 0) {
		fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		if (fd >= 0 && bind(fd, (struct sockaddr *)&four, sizeof(four)) < 0) {
			close(fd);
			return -1;
		}
	}
	if (fd < 0)
		return -1;
	if (listen(fd, BACKLOG) < 0 || getsockname(fd, (struct sockaddr *)&six, &length) < 0) {
		close(fd);
		return -1;
	}
	*ret_port = ntohs(six.sin6_port); /* at the same place for both families */
	return fd;
}

static bool server_address(int fd, const struct listener *listener, struct sockaddr_storage *ret_server)
{
	socklen_t length = sizeof(*ret_server);
	uint16_t port = htons(listener->gate->port);
	if (getsockopt(fd, IPPROTO_IP, ORIGINAL_DESTINATION, ret_server, &length) == 0)
		return true;
	length = sizeof(*ret_server);
	if (getsockopt(fd, IPPROTO_IPV6, ORIGINAL_DESTINATION, ret_server, &length) == 0)
		return true;
	/* The interface's own address, which the connection was redirected to, is as good. */
	length = sizeof(*ret_server);
	if (getsockname(fd, (struct sockaddr *)ret_server, &length) < 0)
		return false;
	if (ret_server->ss_family == AF_INET6)
		((struct sockaddr_in6 *)ret_server)->sin6_port = port;
	else
		((struct sockaddr_in *)ret_server)->sin_port = port;
	return true;
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
	struct sockaddr_storage server;
	bool is_taken = listener->step.phase == GATE_SLOW
			    ? server_address(fd, listener, &server) && relay_take(listener, fd, &server)
			    : held_take(listener, fd);
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

struct listener *listener_open(struct gate *gate, const struct gate_step *step, uint8_t generation, int index)
{
	struct listener *listener = free_listener();
	if (!listener)
		return NULL;
	raise_descriptors();
	open_spare();
	*listener = (struct listener){ .step = *step, .generation = generation, .index = index };
	listener->source.ready = listener_ready;
	listener->source.fd = listen_anywhere(&listener->port);
	if (listener->source.fd < 0)
		return NULL;
	if (reactor_add(&listener->source, EPOLLIN) < 0) {
		close(listener->source.fd);
		return NULL;
	}
	listener->gate = gate;
	return listener;
}

static void free_if_unused(struct listener *listener)
{
	if (listener->source.fd < 0 && !listener->live)
		listener->gate = NULL;
}

void listener_drain(struct listener *listener)
{
	if (listener->source.fd < 0)
		return;
	listener->live++; /* it must last, and its gate too, whatever ends meanwhile */
	accept_all(listener, BACKLOG);
	listener->live--;
}

void listener_close(struct listener *listener)
{
	if (!listener->gate || listener->source.fd < 0)
		return;
	listener_drain(listener);
	reactor_remove(&listener->source);
	close(listener->source.fd);
	listener->source.fd = -1;
	free_if_unused(listener);
}

void listener_joined(struct listener *listener)
{
	listener->live++;
	listener->taken++;
}

void listener_left(struct listener *listener)
{
	struct gate *gate = listener->gate;
	listener->live--;
	free_if_unused(listener);
	gate_settle(gate);
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
	if (!listener->gate)
		return;
	listener_close(listener);
	if (!listener->gate)
		return; /* it had no connections */
	listener->live++;
	if (listener->step.phase == GATE_SLOW)
		relay_reset(listener);
	else
		held_reset(listener);
	listener->live--;
	free_if_unused(listener);
}
