/* The tap with a real kernel: a namespace with a veth to another one, where the servers are. */
#include "agent/agent_under_test.h"
#include "agent/rooms.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#define SERVER "10.77.0.2"
#define SERVER6 "fd77::2"
#define BLACKHOLE "10.77.0.9"    /* has a link address, and nobody answers */
#define NOBODY "10.77.0.8"       /* no link address either */
#define SLACK_NS INT64_C(500000) /* what two clocks and a busy machine may be apart */

static int subject_namespace = -1, server_namespace = -1;
static pid_t holder; /* keeps the servers' namespace until it is configured */

static const char *begin(void)
{
	const char *message = tap_classify(6379, PROTOCOL_REDIS);
	if (!message)
		message = socket_notices_begin();
	return message ? message : tap_begin();
}

static void configure_server(int ready, int go)
{
	char byte = 0;
	if (unshare(CLONE_NEWNET) < 0 || write(ready, &byte, 1) != 1 || read(go, &byte, 1) != 1)
		_exit(1);
	/* NOLINTNEXTLINE(cert-env33-c): constant text */
	_exit(system("ip link set lo up && ip addr add " SERVER "/24 dev fs1 && ip -6 addr add " SERVER6
		     "/64 dev fs1 nodad && ip link set fs1 up") != 0);
}

static void make_namespaces(void)
{
	int ready[2], go[2];
	char byte = 0, path[64], command[256];
	assert_int_equal(pipe(ready), 0);
	assert_int_equal(pipe(go), 0);
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	subject_namespace = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	holder = fork();
	if (holder == 0)
		configure_server(ready[1], go[0]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	snprintf(path, sizeof(path), "/proc/%d/ns/net", holder);
	server_namespace = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(server_namespace >= 0);
	snprintf(command, sizeof(command),
	    "ip link set lo up && ip link add fs0 type veth peer name fs1 netns %d && ip addr add "
	    "10.77.0.1/24 "
	    "dev fs0 && ip -6 addr add fd77::1/64 dev fs0 nodad && ip link set fs0 up && "
	    "ip neigh add " BLACKHOLE " lladdr 02:00:00:00:00:99 dev fs0",
	    holder);
	run(command);
	assert_int_equal(write(go[1], &byte, 1), 1);
	int status = -1;
	assert_int_equal(waitpid(holder, &status, 0), holder);
	assert_int_equal(status, 0);
	for (int i = 0; i < 2; i++) {
		close(ready[i]);
		close(go[i]);
	}
}

static int set_up(void **state)
{
	(void)state;
	if (!may_make_namespaces())
		return 0;
	if (subject_namespace < 0)
		make_namespaces();
	agent_start(begin);
	agent_expect("began", "-");
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	agent_stop();
	free(agent.lines);
	agent.lines = NULL;
	return 0;
}

#define NEEDS_ROOT()                \
	do {                        \
		if (geteuid() != 0) \
			skip();     \
	} while (0)

static struct sockaddr_storage place(const char *host, uint16_t port)
{
	struct sockaddr_storage address = { 0 };
	struct sockaddr_in *in = (struct sockaddr_in *)&address;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&address;
	if (strchr(host, ':')) {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(port);
		assert_int_equal(inet_pton(AF_INET6, host, &in6->sin6_addr), 1);
	} else {
		in->sin_family = AF_INET;
		in->sin_port = htons(port);
		assert_int_equal(inet_pton(AF_INET, host, &in->sin_addr), 1);
	}
	return address;
}

static int listen_in(int namespace, const char *host, uint16_t port)
{
	struct sockaddr_storage address = place(host, port);
	int yes = 1;
	assert_int_equal(setns(namespace, CLONE_NEWNET), 0);
	int fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(setns(subject_namespace, CLONE_NEWNET), 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 4096) < 0)
		fail_msg("no listener on %s port %d: %s", host, port, strerror(errno));
	return fd;
}

struct client {
	int fd;
	int64_t before_ns, after_ns; /* around connect(2) */
	int error;
	char ends[128]; /* as lines have them */
};

static void write_end(const struct sockaddr_storage *address, char *text, size_t size)
{
	char host[64] = "";
	bool six = address->ss_family == AF_INET6;
	const struct sockaddr_in *in = (const struct sockaddr_in *)address;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)address;
	inet_ntop(
	    address->ss_family, six ? (const void *)&in6->sin6_addr : &in->sin_addr, host, sizeof(host));
	/* NOLINTNEXTLINE(clang-analyzer-core.uninitialized.Assign): place() or getsockname() has filled it */
	uint16_t port = six ? in6->sin6_port : in->sin_port;
	snprintf(text, size, six ? "[%s]:%d" : "%s:%d", host, ntohs(port));
}

/* `local_port` 0: any. Flags SOCK_NONBLOCK: does not wait. */
static struct client client_connect(
    const char *host, uint16_t port, uint16_t local_port, int flags, uint32_t mark)
{
	struct sockaddr_storage address = place(host, port), local = { 0 };
	struct client client = { .fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | flags, 0) };
	socklen_t length = sizeof(local);
	int yes = 1;
	assert_true(client.fd >= 0);
	if (mark)
		assert_int_equal(setsockopt(client.fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)), 0);
	/* Bound, so that a connection that was refused keeps its address to be read. */
	const char *from_host = strcmp(host, SERVER6) == 0       ? "fd77::1"
				: strcmp(host, "127.0.0.1") == 0 ? host
				: strcmp(host, "10.77.0.1") == 0 ? SERVER
								 : "10.77.0.1";
	struct sockaddr_storage from = place(from_host, local_port);
	setsockopt(client.fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	assert_int_equal(bind(client.fd, (struct sockaddr *)&from, sizeof(from)), 0);
	client.before_ns = now_ns();
	client.error = connect(client.fd, (struct sockaddr *)&address, sizeof(address)) < 0 ? errno : 0;
	client.after_ns = now_ns();
	char ends[2][64];
	assert_int_equal(getsockname(client.fd, (struct sockaddr *)&local, &length), 0);
	write_end(&local, ends[0], sizeof(ends[0]));
	write_end(&address, ends[1], sizeof(ends[1]));
	snprintf(client.ends, sizeof(client.ends), "%s %s", ends[0], ends[1]);
	return client;
}

static void assert_between(const struct said_line *line, int64_t from_ns, int64_t to_ns)
{
	if (line->at_ns < from_ns - SLACK_NS || line->at_ns > to_ns + SLACK_NS)
		fail_msg("`%s` is stamped %lld µs after the earliest and %lld µs before the latest it can be",
		    line->word, (long long)(line->at_ns - from_ns) / 1000,
		    (long long)(to_ns - line->at_ns) / 1000);
}

static void test_accepted(void **state)
{
	(void)state;
	NEEDS_ROOT();
	int listener = listen_in(server_namespace, SERVER, 6379);
	struct client client = client_connect(SERVER, 6379, 0, 0, 0);
	assert_int_equal(client.error, 0);
	int server = accept(listener, NULL, NULL);
	char buffer[64];
	assert_between(agent_expect("syn", client.ends), client.before_ns, client.after_ns);
	assert_between(agent_expect("open", client.ends), client.before_ns, client.after_ns);
	int64_t asked_ns = now_ns();
	assert_int_equal(send(client.fd, "PING\r\n", 6, 0), 6);
	assert_int_equal(recv(server, buffer, sizeof(buffer), 0), 6);
	int64_t said_ns = now_ns();
	assert_int_equal(send(server, "-LOADING not yet\r\n", 18, 0), 18);
	assert_true(recv(client.fd, buffer, sizeof(buffer), 0) > 0);
	assert_between(agent_expect("asked", client.ends), asked_ns, said_ns);
	struct said_line *said = agent_expect("said", client.ends);
	assert_between(said, said_ns, now_ns());
	assert_string_equal(said->text + strlen(client.ends), " loading -LOADING%20not%20yet");
	int64_t closed_ns = now_ns();
	close(client.fd);
	assert_int_equal(recv(server, buffer, sizeof(buffer), 0), 0);
	struct said_line *closed = agent_expect("closed", client.ends);
	assert_between(closed, closed_ns, now_ns());
	assert_string_equal(closed->text + strlen(client.ends), " client");
	close(server);
	agent_expect("gone", client.ends);
	assert_int_equal(agent_count("syn", ""), 1);
	assert_int_equal(agent_count("lost", ""), 0);
	close(listener);
}

static void test_refused(void **state)
{
	(void)state;
	NEEDS_ROOT();
	struct client client = client_connect(SERVER, 6380, 0, 0, 0);
	assert_int_equal(client.error, ECONNREFUSED);
	assert_between(agent_expect("syn", client.ends), client.before_ns, client.after_ns);
	assert_between(agent_expect("refused", client.ends), client.before_ns, client.after_ns);
	close(client.fd);
	assert_int_equal(agent_count("open", ""), 0);
}

/* The kernel gives up by itself, and connect(2) returns with a socket that has forgotten where it wanted to
 * go. */
static void time_out(bool keeps_its_socket)
{
	int tries = 1;
	struct client client = { .fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) };
	struct sockaddr_storage address = place(BLACKHOLE, 6379);
	assert_int_equal(setsockopt(client.fd, IPPROTO_TCP, TCP_SYNCNT, &tries, sizeof(tries)), 0);
	assert_int_equal(connect(client.fd, (struct sockaddr *)&address, sizeof(address)), -1);
	assert_int_equal(errno, ETIMEDOUT);
	int64_t returned_ns = now_ns();
	if (!keeps_its_socket)
		close(client.fd);
	struct said_line *gone = agent_expect("gone", "10.77.0.1:");
	assert_in_range(gone->at_ns, returned_ns, returned_ns + (keeps_its_socket ? 1000000000 : 200000000));
	if (keeps_its_socket)
		close(client.fd);
	assert_int_equal(agent_count("syn", ""), 1);
	assert_true(agent_count("again", "") >= 1);
}

static void test_timed_out(void **state)
{
	(void)state;
	NEEDS_ROOT();
	time_out(false);
}

static void test_timed_out_and_kept(void **state)
{
	(void)state;
	NEEDS_ROOT();
	time_out(true);
}

static void test_given_up(void **state)
{
	(void)state;
	NEEDS_ROOT();
	struct client client = client_connect(BLACKHOLE, 6379, 0, SOCK_NONBLOCK, 0);
	assert_int_equal(client.error, EINPROGRESS);
	struct said_line *syn = agent_expect("syn", client.ends);
	assert_between(syn, client.before_ns, client.after_ns);
	struct said_line *again = agent_expect("again", client.ends);
	assert_true(again->at_ns - syn->at_ns > INT64_C(900000000));
	int64_t closed_ns = now_ns();
	close(client.fd);
	struct said_line *gone = agent_expect("gone", client.ends);
	assert_between(gone, closed_ns, now_ns());
	assert_int_equal(agent_count("syn", ""), 1);
}

/* The same port again at once: two connections, and the end of the first is not the second's. */
static void test_port_is_used_again(void **state)
{
	(void)state;
	NEEDS_ROOT();
	char ends[128] = "";
	for (int i = 0; i < 20; i++) {
		struct client client = client_connect(BLACKHOLE, 6379, 23456, SOCK_NONBLOCK, 0);
		assert_int_equal(client.error, EINPROGRESS);
		memcpy(ends, client.ends, sizeof(ends));
		close(client.fd);
	}
	for (int i = 0; i < 20; i++) {
		agent_expect("syn", ends);
		agent_expect("gone", ends);
	}
	struct client last = client_connect(SERVER, 6381, 0, 0, 0);
	agent_expect("refused", last.ends);
	close(last.fd);
	assert_int_equal(agent_count("syn", ends), 20);
	assert_int_equal(agent_count("gone", ends), 20);
	assert_int_equal(agent_count("again", ends), 0);
}

/* No link address: the SYN is never sent, and nobody sees it. */
static void test_nobody_there(void **state)
{
	(void)state;
	NEEDS_ROOT();
	struct client first = client_connect(NOBODY, 6379, 0, SOCK_NONBLOCK, 0);
	assert_int_equal(first.error, EINPROGRESS);
	assert_between(agent_expect("syn", first.ends), first.before_ns, first.after_ns);
	struct client second = client_connect(NOBODY, 6379, 0, SOCK_NONBLOCK, 0);
	struct said_line *syn = agent_expect("syn", second.ends);
	/* Nothing at all is sent for the second: known from the socket's timer, in 1/100 s. */
	assert_in_range(syn->at_ns, second.before_ns - 30000000, second.after_ns + 30000000);
	close(second.fd);
	agent_expect("gone", second.ends);
	struct said_line *unreachable = agent_expect("unreachable", first.ends);
	assert_string_equal(unreachable->text + strlen(first.ends), " 1");
	close(first.fd);
	agent_expect("gone", first.ends);
	assert_int_equal(agent_count("syn", ""), 2);
}

static void test_ipv6(void **state)
{
	(void)state;
	NEEDS_ROOT();
	int listener = listen_in(server_namespace, SERVER6, 6379);
	struct client good = client_connect(SERVER6, 6379, 0, 0, 0);
	struct client bad = client_connect(SERVER6, 6380, 0, 0, 0);
	assert_int_equal(good.error, 0);
	assert_int_equal(bad.error, ECONNREFUSED);
	assert_between(agent_expect("open", good.ends), good.before_ns, good.after_ns);
	assert_between(agent_expect("refused", bad.ends), bad.before_ns, bad.after_ns);
	close(good.fd);
	close(bad.fd);
	agent_expect("closed", good.ends);
	close(listener);
}

static void test_loopback(void **state)
{
	(void)state;
	NEEDS_ROOT();
	int listener = listen_in(subject_namespace, "127.0.0.1", 7000);
	struct client client = client_connect("127.0.0.1", 7000, 0, 0, 0);
	int server = accept(listener, NULL, NULL);
	assert_int_equal(send(server, "220 hello\r\n", 11, 0), 11);
	struct said_line *said = agent_expect("said", client.ends);
	assert_string_equal(said->text + strlen(client.ends), " unknown 220%20hello%0D%0A");
	close(server);
	struct said_line *closed = agent_expect("closed", client.ends);
	assert_string_equal(closed->text + strlen(client.ends), " server");
	close(client.fd);
	agent_expect("gone", client.ends);
	assert_int_equal(agent_count("syn", ""), 1);
	assert_int_equal(agent_count("open", ""), 1);
	assert_int_equal(agent_count("again", ""), 0);
	close(listener);
}

static void test_resets(void **state)
{
	(void)state;
	NEEDS_ROOT();
	struct linger now = { .l_onoff = 1 };
	for (int by_client = 0; by_client < 2; by_client++) {
		int listener = listen_in(server_namespace, SERVER, 6379);
		struct client client = client_connect(SERVER, 6379, 0, 0, 0);
		int server = accept(listener, NULL, NULL);
		int first = by_client ? client.fd : server, other = by_client ? server : client.fd;
		setsockopt(first, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
		close(first);
		struct said_line *reset = agent_expect("reset", client.ends);
		assert_string_equal(reset->text + strlen(client.ends), by_client ? " client" : " server");
		close(other);
		close(listener);
	}
	assert_int_equal(agent_count("closed", ""), 0);
}

/* Connections of others to us, and the agent's own, are none of ours. */
static void test_not_ours(void **state)
{
	(void)state;
	NEEDS_ROOT();
	int listener = listen_in(subject_namespace, "10.77.0.1", 4000);
	assert_int_equal(setns(server_namespace, CLONE_NEWNET), 0);
	struct client incoming = client_connect("10.77.0.1", 4000, 0, 0, 0);
	assert_int_equal(setns(subject_namespace, CLONE_NEWNET), 0);
	assert_int_equal(incoming.error, 0);
	int server = accept(listener, NULL, NULL);
	assert_int_equal(send(server, "HTTP", 4, 0), 4);
	struct client own = client_connect(SERVER, 6381, 0, 0, AGENT_MARK);
	struct client last = client_connect(SERVER, 6382, 0, 0, 0);
	agent_expect("refused", last.ends);
	assert_int_equal(agent_count("syn", ""), 1);
	assert_int_equal(agent_count("open", ""), 0);
	assert_int_equal(agent_count("said", ""), 0);
	close(server);
	close(incoming.fd);
	close(own.fd);
	close(last.fd);
	close(listener);
}

/* A greeting that was answered well, and then nothing: as far as the client knows it is connected. */
static void test_settled(void **state)
{
	(void)state;
	NEEDS_ROOT();
	int listener = listen_in(server_namespace, SERVER, 6379);
	struct client client = client_connect(SERVER, 6379, 0, 0, 0);
	int server = accept(listener, NULL, NULL);
	char buffer[64];
	assert_int_equal(send(client.fd, "AUTH secret\r\n", 13, 0), 13);
	assert_int_equal(recv(server, buffer, sizeof(buffer), 0), 13);
	int64_t said_ns = now_ns();
	assert_int_equal(send(server, "+OK\r\n", 5, 0), 5);
	struct said_line *said = agent_expect("said", client.ends);
	assert_string_equal(said->text + strlen(client.ends), " connected +OK");
	assert_true(said->at_ns - said_ns > INT64_C(999000000));
	close(client.fd);
	close(server);
	close(listener);
}

#define MANY 2000
#define EVERY_NS INT64_C(2000000) /* 500 a second */

static void test_many(void **state)
{
	(void)state;
	NEEDS_ROOT();
	int listener = listen_in(server_namespace, SERVER, 6379);
	struct client *clients = calloc(MANY, sizeof(*clients));
	assert_non_null(clients);
	int64_t next_ns = now_ns();
	for (int i = 0; i < MANY; i++) {
		while (now_ns() < next_ns)
			agent_read(next_ns);
		next_ns += EVERY_NS;
		clients[i] = client_connect(SERVER, i % 2 ? 6379 : 6380, 0, 0, 0);
		assert_int_equal(clients[i].error, i % 2 ? 0 : ECONNREFUSED);
		close(clients[i].fd);
		if (i % 2)
			close(accept(listener, NULL, NULL));
	}
	struct client last = client_connect(SERVER, 6390, 0, 0, 0);
	close(last.fd);
	agent_expect("refused", last.ends);
	int64_t worst_ns = 0;
	int apart = 0; /* of one client's connections, those with a stamp outside of connect(2) */
	for (int i = 0; i < MANY; i++) {
		struct said_line *syn = agent_expect("syn", clients[i].ends);
		struct said_line *end = agent_expect(i % 2 ? "open" : "refused", clients[i].ends);
		if (i % 2)
			agent_expect("gone", clients[i].ends);
		int64_t off_ns = clients[i].before_ns - syn->at_ns;
		if (end->at_ns - clients[i].after_ns > off_ns)
			off_ns = end->at_ns - clients[i].after_ns;
		apart += off_ns > 0;
		if (off_ns > worst_ns)
			worst_ns = off_ns;
	}
	print_message("%d of %d stamps outside of connect(2), by %lld µs at most\n", apart, MANY,
	    (long long)worst_ns / 1000);
	assert_true(apart <= MANY / 100 && worst_ns < 1000000);
	assert_int_equal(agent_count("syn", ""), MANY + 1);
	assert_int_equal(agent_count("open", ""), MANY / 2);
	assert_int_equal(agent_count("refused", ""), MANY / 2 + 1);
	assert_int_equal(agent_count("gone", ""), MANY / 2);
	assert_int_equal(agent_count("again", ""), 0);
	assert_int_equal(agent_count("lost", ""), 0);
	free(clients);
	close(listener);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_accepted, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_given_up, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_timed_out, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_timed_out_and_kept, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_port_is_used_again, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_nobody_there, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_ipv6, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_loopback, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_resets, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_not_ours, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_settled, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_many, set_up, tear_down),
	};
	return cmocka_run_group_tests_name("tap", tests, NULL, NULL);
}
