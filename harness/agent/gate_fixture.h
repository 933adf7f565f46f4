/*
 * gate_fixture: two network namespaces with a cable between them. The test is the client, in the one; in the
 * other are an echo server on PORT and the gate with its reactor, each a process of its own.
 */
#ifndef AGENT_GATE_FIXTURE_H
#define AGENT_GATE_FIXTURE_H

#include "agent/gate_private.h"
#include "agent/netlink.h"
#include "agent/nft.h"
#include "agent/output.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define PORT 7000
#define FREE_PORT 7001 /* nobody listens there */
#define DEADLINE_MS 5000
#define SERVER_4 "10.9.0.2"
#define SERVER_6 "fd09::2"
#define CLIENT_4 "10.9.0.1"
#define OTHER_CLIENT_4 "10.9.0.3"

enum order_kind {
	ORDER_SCRIPT,
	ORDER_IGNORE,
	ORDER_CLOSE_ALL,
	ORDER_DIAL_INSIDE,
	ORDER_LISTEN_INSIDE,
	ORDER_HAS_TABLE,
};
struct order {
	enum order_kind kind;
	int count;
	struct gate_step steps[GATE_STEPS_MAX];
	uint16_t port; /* of the script; 0: PORT */
	struct sockaddr_storage address;
};
struct outcome {
	char message[256]; /* "": none */
	int value;         /* DIAL_INSIDE, LISTEN_INSIDE: errno; HAS_TABLE: 0 or 1 */
};

struct fixture {
	pid_t gate, server;
	int orders;  /* socket to the gate's process */
	FILE *lines; /* what it says */
	bool is_six; /* which address dial() takes */
};

static inline struct sockaddr_storage address_of(const char *host, uint16_t port)
{
	struct sockaddr_storage address = { 0 };
	struct sockaddr_in *four = (struct sockaddr_in *)&address;
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)&address;
	if (inet_pton(AF_INET, host, &four->sin_addr) == 1) {
		four->sin_family = AF_INET;
		four->sin_port = htons(port);
	} else {
		inet_pton(AF_INET6, host, &six->sin6_addr);
		six->sin6_family = AF_INET6;
		six->sin6_port = htons(port);
	}
	return address;
}

/* ---- the echo server ---- */

static inline void echo(int fd)
{
	char bytes[65536];
	ssize_t length = recv(fd, bytes, sizeof(bytes), 0);
	for (ssize_t sent = 0; sent < length;) {
		ssize_t step = send(fd, bytes + sent, (size_t)(length - sent), MSG_NOSIGNAL);
		if (step < 0)
			break;
		sent += step;
	}
	if (length <= 0)
		close(fd);
}

static inline void serve(int listener)
{
	int set = epoll_create1(0);
	struct epoll_event event = { .events = EPOLLIN, .data.fd = listener };
	epoll_ctl(set, EPOLL_CTL_ADD, listener, &event);
	for (;;) {
		if (epoll_wait(set, &event, 1, -1) < 1)
			continue;
		if (event.data.fd != listener) {
			echo(event.data.fd);
			continue;
		}
		struct epoll_event client = { .events = EPOLLIN, .data.fd = accept(listener, NULL, NULL) };
		epoll_ctl(set, EPOLL_CTL_ADD, client.data.fd, &client);
	}
}

/* ---- the gate's process ---- */

static inline bool has_table(void)
{
	static struct batch batch;
	char table[GATE_TABLE_BYTES];
	gate_table_name(table, PORT);
	batch_begin(&batch);
	size_t start = batch.length;
	batch_message(&batch, FAMILY_INET, NFT_MSG_GETTABLE, NLM_F_ACK);
	batch_text(&batch, NFTA_TABLE_NAME, table);
	int fd = netlink_open(NETLINK_NETFILTER, 0);
	bool has = send(fd, batch.bytes + start, batch.length - start, 0) > 0 &&
		   netlink_wait(fd, batch.sequence) == 0;
	close(fd);
	return has;
}

static inline int dial_inside(void)
{
	struct sockaddr_storage address = address_of(SERVER_4, PORT);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	int failure = connect(fd, (struct sockaddr *)&address, sizeof(struct sockaddr_in)) < 0 ? errno : 0;
	close(fd);
	return failure;
}

/* As servers do: with SO_REUSEADDR. */
static inline int listen_inside(void)
{
	struct sockaddr_in6 any = { .sin6_family = AF_INET6, .sin6_port = htons(FREE_PORT) };
	int fd = socket(AF_INET6, SOCK_STREAM, 0), yes = 1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	int failure = bind(fd, (struct sockaddr *)&any, sizeof(any)) < 0 || listen(fd, 1) < 0 ? errno : 0;
	close(fd);
	return failure;
}

static inline void obey(struct source *source, uint32_t events)
{
	(void)events;
	struct order order;
	struct outcome outcome = { 0 };
	const char *message = NULL;
	if (recv(source->fd, &order, sizeof(order), 0) != sizeof(order))
		exit(0);
	switch (order.kind) {
	case ORDER_SCRIPT:
		message = gate_script(order.port ? order.port : PORT, order.steps, order.count);
		break;
	case ORDER_IGNORE:
		message = gate_ignore(&order.address);
		break;
	case ORDER_CLOSE_ALL:
		gate_close_all();
		break;
	case ORDER_DIAL_INSIDE:
		outcome.value = dial_inside();
		break;
	case ORDER_LISTEN_INSIDE:
		outcome.value = listen_inside();
		break;
	case ORDER_HAS_TABLE:
		outcome.value = has_table();
		break;
	}
	snprintf(outcome.message, sizeof(outcome.message), "%s", message ? message : "");
	if (send(source->fd, &outcome, sizeof(outcome), 0) < 0)
		exit(1);
}

static inline void run_gate(int orders, int lines)
{
	static struct source source = { .ready = obey };
	source.fd = orders;
	if (output_open(lines) < 0 || reactor_add(&source, EPOLLIN) < 0 || reactor_run() < 0)
		exit(1);
	exit(0);
}

static inline pid_t start_process(void)
{
	pid_t parent = getpid();
	pid_t pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			exit(1);
	}
	return pid;
}

static inline bool shell(const char *command)
{
	return system(command) == 0; /* NOLINT(cert-env33-c): constant text, and a process id */
}

/* The server's namespace: both its processes begin in it. */
static inline void begin_inside(int orders, int lines, int ready, int begin)
{
	char byte = 0;
	bool is_up = unshare(CLONE_NEWNET) == 0 && write(ready, &byte, 1) == 1 &&
		     read(begin, &byte, 1) == 1 &&
		     shell("ip link set lo up && ip address add " SERVER_4 "/24 dev fs-server && "
			   "ip address add " SERVER_6 "/64 dev fs-server nodad && ip link set fs-server up");
	struct sockaddr_in6 any = { .sin6_family = AF_INET6, .sin6_port = htons(PORT) };
	int listener = socket(AF_INET6, SOCK_STREAM, 0);
	is_up =
	    is_up && bind(listener, (struct sockaddr *)&any, sizeof(any)) == 0 && listen(listener, 4096) == 0;
	if (!is_up)
		exit(1);
	if (start_process() == 0)
		serve(listener);
	close(listener);
	if (write(ready, &byte, 1) != 1)
		exit(1);
	run_gate(orders, lines);
}

static inline bool cable(pid_t other)
{
	char command[512];
	snprintf(command, sizeof(command),
	    "ip link set lo up && ip link add fs-client type veth peer name fs-server netns %d && "
	    "ip address add " CLIENT_4 "/24 dev fs-client && ip address add " OTHER_CLIENT_4
	    "/24 dev fs-client && ip address add fd09::1/64 dev fs-client nodad && ip link set fs-client up",
	    other);
	return shell(command);
}

static inline void raise_limit(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max < 8192 ? limit.rlim_max : 8192;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

/* NULL when it cannot be made on this machine at all. */
static inline struct fixture *fixture_start(void)
{
	static struct fixture fixture;
	int orders[2], lines[2], ready[2], begin[2];
	char byte = 0;
	raise_limit();
	if (geteuid() != 0 || unshare(CLONE_NEWNET) < 0)
		return NULL;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, orders) < 0 || pipe(lines) < 0 || pipe(ready) < 0 ||
	    pipe(begin) < 0)
		return NULL;
	fixture.gate = start_process();
	if (fixture.gate == 0) {
		close(orders[0]);
		close(ready[0]);
		begin_inside(orders[1], lines[1], ready[1], begin[0]);
	}
	close(orders[1]);
	close(lines[1]);
	close(ready[1]);
	if (read(ready[0], &byte, 1) != 1 || !cable(fixture.gate) || write(begin[1], &byte, 1) != 1 ||
	    read(ready[0], &byte, 1) != 1)
		return NULL;
	fixture.orders = orders[0];
	fixture.lines = fdopen(lines[0], "r");
	setvbuf(fixture.lines, NULL, _IONBF, 0); /* poll() sees what was not read yet */
	return &fixture;
}

#endif
