/*
 * The relay of the phase `slow`: between the client, handed over to the agent, and the real server, dialled
 * from inside of the namespace (past the gate). What the server sends is late by the latency, so that an
 * answer, or a round trip, takes so much longer; the bandwidth and the late FIN are for each way.
 */
#include "agent/gate_private.h"
#include "agent/slow_way.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum side { CLIENT, SERVER };

struct end {
	struct source source;
	struct relay *relay;
	uint32_t watched; /* for these events; 0: not at all */
};

struct relay {
	struct end ends[2];
	struct way ways[2]; /* from that side to the other */
	struct timeout timer;
	struct listener *listener; /* NULL: this one is free */
	bool is_connecting;
};

static struct relay all[RELAYS_MAX];
static int used; /* none at or behind this one was ever used */

static struct relay *free_relay(void)
{
	for (int i = 0; i < RELAYS_MAX; i++) {
		if (all[i].listener)
			continue;
		if (i >= used)
			used = i + 1;
		return &all[i];
	}
	return NULL;
}

/* An end nothing is wanted from is not watched at all: epoll would tell of its hang-up again and again. */
static void watch(struct end *end, uint32_t events)
{
	if (events == end->watched)
		return;
	if (!events)
		reactor_remove(&end->source);
	else if (end->watched)
		(void)reactor_change(&end->source, events);
	else if (reactor_add(&end->source, events) < 0)
		return;
	end->watched = events;
}

static void finish(struct relay *relay, void (*close_it)(int fd))
{
	struct listener *listener = relay->listener;
	timeout_cancel(&relay->timer);
	for (int i = 0; i < 2; i++) {
		watch(&relay->ends[i], 0);
		close_it(relay->ends[i].source.fd);
	}
	relay->listener = NULL;
	listener_left(listener);
}

static void close_plainly(int fd)
{
	close(fd);
}

/* One read: epoll tells of the rest, and the others get their turn. -1: the connection is broken. */
static int read_some(struct relay *relay, enum side side)
{
	struct way *way = &relay->ways[side];
	unsigned char *place;
	size_t room = way_room(way, &place);
	if (!room)
		return 0;
	ssize_t length = recv(relay->ends[side].source.fd, place, room, 0);
	if (length > 0)
		way_add(way, (size_t)length, now_ns());
	else if (length == 0)
		way_end(way, now_ns());
	else if (errno != EAGAIN && errno != EINTR)
		return -1;
	return 0;
}

/* What is due. *ret_blocked: the receiver does not take it. */
static int write_due(struct relay *relay, enum side side, bool *ret_blocked)
{
	struct way *way = &relay->ways[side];
	int fd = relay->ends[!side].source.fd;
	int64_t now = now_ns();
	const unsigned char *bytes;
	size_t due;
	while ((due = way_due(way, now, &bytes))) {
		ssize_t sent = send(fd, bytes, due, MSG_NOSIGNAL);
		if (sent < 0 && errno != EAGAIN && errno != EINTR)
			return -1;
		if (sent < 0) {
			*ret_blocked = true;
			return 0;
		}
		way_took(way, (size_t)sent);
	}
	if (way_end_due(way, now)) {
		way->is_closed = true;
		(void)shutdown(fd, SHUT_WR);
	}
	return 0;
}

static void timer_fired(struct timeout *timeout);

static void arm(struct relay *relay, const bool blocked[static 2])
{
	int64_t next_ns = INT64_MAX;
	for (int side = 0; side < 2; side++) {
		int64_t due_ns = blocked[side] ? INT64_MAX : way_next_ns(&relay->ways[side]);
		next_ns = due_ns < next_ns ? due_ns : next_ns;
	}
	relay->timer.fire = timer_fired;
	if (next_ns == INT64_MAX)
		timeout_cancel(&relay->timer);
	else
		timeout_set(&relay->timer, next_ns);
}

/* Reads what there is from these sides, passes on what is due, waits for what is next. */
static void pump(struct relay *relay, const bool readable[static 2])
{
	bool blocked[2] = { false, false };
	for (int side = 0; side < 2; side++) {
		if ((readable[side] && read_some(relay, side) < 0) ||
		    write_due(relay, side, &blocked[side]) < 0) {
			finish(relay, close_with_reset); /* as the one end was, the other is */
			return;
		}
	}
	if (relay->ways[CLIENT].is_closed && relay->ways[SERVER].is_closed) {
		finish(relay, close_plainly);
		return;
	}
	for (int side = 0; side < 2; side++) {
		unsigned char *place;
		uint32_t events = way_room(&relay->ways[side], &place) ? EPOLLIN : 0;
		watch(&relay->ends[side], events | (blocked[!side] ? EPOLLOUT : 0));
	}
	arm(relay, blocked);
}

static void timer_fired(struct timeout *timeout)
{
	struct relay *relay = (struct relay *)(void *)((char *)timeout - offsetof(struct relay, timer));
	pump(relay, (const bool[2]){ false, false });
}

static void connected(struct relay *relay)
{
	int failure = 0;
	socklen_t length = sizeof(failure);
	(void)getsockopt(relay->ends[SERVER].source.fd, SOL_SOCKET, SO_ERROR, &failure, &length);
	if (failure) {
		finish(relay, close_with_reset);
		return;
	}
	relay->is_connecting = false;
	pump(relay, (const bool[2]){ true, true });
}

static void end_ready(struct source *source, uint32_t events)
{
	struct end *end = (struct end *)source;
	struct relay *relay = end->relay;
	if (relay->is_connecting) {
		connected(relay);
		return;
	}
	bool readable[2] = { false, false };
	readable[end == &relay->ends[SERVER]] = (events & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0;
	pump(relay, readable);
}

static void send_at_once(int fd)
{
	int yes = 1;
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
}

/* The address the client has dialled: the server's own. */
static int dial(int client_fd)
{
	uint32_t mark = AGENT_MARK;
	struct sockaddr_storage server = { 0 };
	socklen_t length = sizeof(server);
	if (getsockname(client_fd, (struct sockaddr *)&server, &length) < 0)
		return -1;
	int fd = socket(server.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	(void)setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)); /* the tap leaves it out */
	send_at_once(fd);
	if (connect(fd, (const struct sockaddr *)&server, length) == 0 || errno == EINPROGRESS)
		return fd;
	close(fd);
	return -1;
}

static void init_ways(struct relay *relay)
{
	const struct gate_step *step = &relay->listener->step;
	struct pace ask = { .bandwidth = step->bandwidth, .close_ns = step->close_ns };
	struct pace answer = ask;
	answer.latency_ns = step->latency_ns;
	answer.jitter_ns = step->jitter_ns;
	way_init(&relay->ways[CLIENT], &ask, 0);
	/* Each connection has its own numbers, so that they do not depend on who was read from first. */
	way_init(&relay->ways[SERVER], &answer, step->seed + relay->listener->taken * 0x2545f4914f6cdd1d);
}

bool relay_take(struct listener *listener, int fd)
{
	struct relay *relay = free_relay();
	if (!relay)
		return false;
	int server_fd = dial(fd);
	if (server_fd < 0)
		return false;
	send_at_once(fd);
	relay->ends[CLIENT] = (struct end){ .source = { .fd = fd, .ready = end_ready }, .relay = relay };
	relay->ends[SERVER] =
	    (struct end){ .source = { .fd = server_fd, .ready = end_ready }, .relay = relay };
	relay->is_connecting = true;
	relay->timer = (struct timeout){ 0 };
	watch(&relay->ends[SERVER], EPOLLOUT);
	if (!relay->ends[SERVER].watched) {
		close(server_fd);
		return false;
	}
	relay->listener = listener;
	listener_joined(listener);
	init_ways(relay);
	return true;
}

void relay_reset(struct listener *listener)
{
	for (int i = 0; i < used; i++) {
		if (all[i].listener == listener)
			finish(&all[i], close_with_reset);
	}
}
