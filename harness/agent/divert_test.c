/* Look-ups reach the agent without NAT: from whichever socket, to whichever server; and nothing else changes.
 * The agent runs in a namespace whose engine has a resolver of its own, and a neighbour. */
#include "agent/agent_under_test.h"
#include "agent/dns.h"
#include "agent/rooms.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#define ENGINE "127.0.0.11"
#define OWN "10.79.0.2"
#define OWN_6 "fd79::2"
#define NEIGHBOUR "10.79.0.3"

static int inside = -1, outside = -1;
static uint16_t agent_port;
static int port_pipe[2];

static struct sockaddr_storage place(const char *host, uint16_t port, socklen_t *ret_length)
{
	struct sockaddr_storage address = { 0 };
	bool six = strchr(host, ':') != NULL;
	struct sockaddr_in *in = (struct sockaddr_in *)&address;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&address;
	address.ss_family = six ? AF_INET6 : AF_INET;
	in->sin_port = htons(port);
	assert_int_equal(
	    inet_pton(address.ss_family, host, six ? (void *)&in6->sin6_addr : &in->sin_addr), 1);
	*ret_length = six ? sizeof(*in6) : sizeof(*in);
	return address;
}

static int open_socket(int type, const char *host, uint16_t port)
{
	socklen_t length;
	struct sockaddr_storage address = place(host, port, &length);
	int fd = socket(address.ss_family, type, 0);
	struct timeval patience = { .tv_sec = 5 };
	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
	if (bind(fd, (struct sockaddr *)&address, length) < 0)
		fail_msg("bind to %s:%d: %s", host, port, strerror(errno));
	return fd;
}

/* ---- the namespaces ---- */

static int make_namespace(void)
{
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	return open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
}

/* What Docker Engine 20.10 makes for its resolver; here it goes to a port of nobody. */
static const char engine_rules[] =
    "nft -f - <<END\n"
    "table ip nat {\n"
    " chain OUTPUT { type nat hook output priority -100; ip daddr " ENGINE " jump DOCKER_OUTPUT; }\n"
    " chain DOCKER_OUTPUT { ip daddr " ENGINE " udp dport 53 dnat to " ENGINE ":45129; }\n"
    "}\n"
    "END\n";

static int start_namespaces(void **state)
{
	(void)state;
	char command[200];
	if (!may_make_namespaces())
		return 0;
	outside = make_namespace();
	inside = make_namespace();
	run("ip link set lo up");
	snprintf(command, sizeof(command), "ip link add in0 type veth peer name out0 netns /proc/%d/fd/%d",
	    (int)getpid(), outside);
	run(command);
	run("ip link set in0 up && ip addr add " OWN "/24 dev in0 && ip addr add " OWN_6 "/64 dev in0 nodad");
	assert_int_equal(setns(outside, CLONE_NEWNET), 0);
	run("ip link set lo up && ip link set out0 up && ip addr add " NEIGHBOUR "/24 dev out0");
	assert_int_equal(setns(inside, CLONE_NEWNET), 0);
	return 0;
}

static const char *begin_by_nat(void)
{
	uint16_t port = 0;
	const char *message = names_open(&port);
	if (!message)
		message = redirect_names(port);
	return message || write(port_pipe[1], &port, sizeof(port)) == sizeof(port) ? message : "no pipe";
}

static const char *begin_alone(void)
{
	socklen_t length;
	struct sockaddr_storage redis = place("10.1.2.3", 0, &length);
	const char *message = begin_by_nat();
	if (!message)
		message = names_alone();
	return message ? message : names_set("redis", &redis, 1);
}

static void start_agent(const char *(*begin)(void))
{
	run(engine_rules);
	assert_int_equal(pipe(port_pipe), 0);
	agent_start(begin);
	agent_expect("began", "-");
	assert_int_equal(read(port_pipe[0], &agent_port, sizeof(agent_port)), sizeof(agent_port));
	close(port_pipe[0]);
	close(port_pipe[1]);
}

static int set_up(void **state)
{
	(void)state;
	if (inside >= 0)
		start_agent(begin_alone);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	if (inside >= 0)
		assert_int_equal(setns(inside, CLONE_NEWNET), 0);
	agent_stop();
	free(agent.lines);
	agent.lines = NULL;
	return 0;
}

#define NEEDS_ROOT()            \
	do {                    \
		if (inside < 0) \
			skip(); \
	} while (0)

/* ---- questions ---- */

static size_t write_query(uint8_t *message)
{
	static const uint8_t query[] =
	    "\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x05redis\x00\x00\x01\x00\x01";
	memcpy(message, query, sizeof(query) - 1);
	return sizeof(query) - 1;
}

static void assert_answer(const uint8_t *message, ssize_t length)
{
	static struct dns_answer answer;
	assert_true(length > 0);
	assert_int_equal(dns_parse_answer(message, (size_t)length, &answer), 0);
	assert_int_equal(answer.count, 1);
	assert_int_equal(
	    ((struct sockaddr_in *)&answer.addresses[0])->sin_addr.s_addr, inet_addr("10.1.2.3"));
}

/* From a socket that is connected, and from one that is not and looks who answers. `from` NULL: not bound. */
static void ask(const char *server, const char *from)
{
	uint8_t message[DNS_MESSAGE_MAX];
	socklen_t length, from_length = sizeof(struct sockaddr_storage);
	struct sockaddr_storage address = place(server, 53, &length), answered = { 0 };
	const char *any = address.ss_family == AF_INET ? "0.0.0.0" : "::";
	size_t size = write_query(message);
	int fd = open_socket(SOCK_DGRAM, from ? from : any, 0);
	if (sendto(fd, message, size, 0, (struct sockaddr *)&address, length) < 0)
		fail_msg("to %s: %s", server, strerror(errno));
	assert_answer(
	    message, recvfrom(fd, message, sizeof(message), 0, (struct sockaddr *)&answered, &from_length));
	assert_int_equal(from_length, length);
	assert_memory_equal(&answered, &address, length);
	close(fd);
	fd = open_socket(SOCK_DGRAM, from ? from : any, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, length), 0);
	size = write_query(message);
	assert_int_equal(send(fd, message, size, 0), (ssize_t)size);
	assert_answer(message, recv(fd, message, sizeof(message), 0));
	close(fd);
}

static void test_any_server(void **state)
{
	(void)state;
	NEEDS_ROOT();
	ask(ENGINE, NULL);
	ask("127.0.0.1", NULL);
	ask(OWN, NULL);
	ask(NEIGHBOUR, NULL);
	ask("192.0.2.53", NULL);
	ask("::1", NULL);
	ask(OWN_6, NULL);
	ask("2001:db8::53", NULL);
}

static void test_any_socket(void **state)
{
	(void)state;
	NEEDS_ROOT();
	ask("192.0.2.53", OWN);
	ask(NEIGHBOUR, OWN);
	ask(ENGINE, "127.0.0.1");
	ask("2001:db8::53", OWN_6);
}

/* What others learn of themselves by it: the address that they would have been seen with. */
static void test_own_address(void **state)
{
	(void)state;
	NEEDS_ROOT();
	static const char *const pairs[][2] = { { "192.0.2.53", OWN }, { NEIGHBOUR, OWN },
		{ "2001:db8::53", OWN_6 } };
	for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++) {
		socklen_t length, own_length = sizeof(struct sockaddr_storage);
		struct sockaddr_storage address = place(pairs[i][0], 53, &length), own = { 0 };
		char host[INET6_ADDRSTRLEN];
		int fd = socket(address.ss_family, SOCK_DGRAM, 0);
		assert_int_equal(connect(fd, (struct sockaddr *)&address, length), 0);
		assert_int_equal(getsockname(fd, (struct sockaddr *)&own, &own_length), 0);
		const void *bytes = own.ss_family == AF_INET
					? (void *)&((struct sockaddr_in *)&own)->sin_addr
					: (void *)&((struct sockaddr_in6 *)&own)->sin6_addr;
		assert_non_null(inet_ntop(own.ss_family, bytes, host, sizeof(host)));
		assert_string_equal(host, pairs[i][1]);
		close(fd);
	}
}

static void test_tcp(void **state)
{
	(void)state;
	NEEDS_ROOT();
	static const char *const servers[] = { ENGINE, "192.0.2.53", OWN, "2001:db8::53" };
	for (size_t i = 0; i < sizeof(servers) / sizeof(*servers); i++) {
		uint8_t message[DNS_MESSAGE_MAX] = { 0 };
		socklen_t length;
		struct sockaddr_storage address = place(servers[i], 53, &length);
		size_t size = write_query(message + 2);
		int fd = open_socket(SOCK_STREAM, address.ss_family == AF_INET ? "0.0.0.0" : "::", 0);
		message[1] = (uint8_t)size;
		if (connect(fd, (struct sockaddr *)&address, length) < 0)
			fail_msg("to %s: %s", servers[i], strerror(errno));
		assert_int_equal(send(fd, message, size + 2, 0), (ssize_t)size + 2);
		assert_int_equal(recv(fd, message, 2, MSG_WAITALL), 2);
		size = (size_t)message[0] << 8 | message[1];
		assert_answer(message, recv(fd, message, size, MSG_WAITALL));
		close(fd);
	}
}

/* ---- what must not change ---- */

/* A service may be a resolver itself. */
static void test_port_is_free(void **state)
{
	(void)state;
	NEEDS_ROOT();
	char byte;
	socklen_t length, from_length = sizeof(struct sockaddr_storage);
	struct sockaddr_storage address = place(OWN, 53, &length), from = { 0 };
	int server = open_socket(SOCK_DGRAM, "0.0.0.0", 53);
	assert_int_equal(setns(outside, CLONE_NEWNET), 0);
	int client = open_socket(SOCK_DGRAM, NEIGHBOUR, 0);
	assert_int_equal(setns(inside, CLONE_NEWNET), 0);
	assert_int_equal(sendto(client, "?", 1, 0, (struct sockaddr *)&address, length), 1);
	assert_int_equal(recvfrom(server, &byte, 1, 0, (struct sockaddr *)&from, &from_length), 1);
	assert_int_equal(sendto(server, "!", 1, 0, (struct sockaddr *)&from, from_length), 1);
	assert_int_equal(recv(client, &byte, 1, 0), 1);
	assert_int_equal(byte, '!');
	close(client);
	close(server);
	close(open_socket(SOCK_STREAM, "0.0.0.0", 53));
}

/* The agent's sockets are bound to every address, for those in here alone. */
static void test_strangers(void **state)
{
	(void)state;
	NEEDS_ROOT();
	uint8_t message[DNS_MESSAGE_MAX];
	socklen_t length;
	struct sockaddr_storage address = place(OWN, agent_port, &length);
	assert_int_equal(setns(outside, CLONE_NEWNET), 0);
	int udp = open_socket(SOCK_DGRAM, "0.0.0.0", 0), tcp = open_socket(SOCK_STREAM, "0.0.0.0", 0);
	size_t size = write_query(message);
	assert_int_equal(sendto(udp, message, size, 0, (struct sockaddr *)&address, length), (ssize_t)size);
	/* It is closed at once: by then the datagram, which came before it, has been read. */
	assert_int_equal(connect(tcp, (struct sockaddr *)&address, length), 0);
	assert_true(recv(tcp, message, sizeof(message), 0) <= 0);
	assert_true(errno != EAGAIN);
	assert_int_equal(setns(inside, CLONE_NEWNET), 0);
	ask(ENGINE, NULL);
	assert_int_equal(recv(udp, message, sizeof(message), MSG_DONTWAIT), -1);
	assert_int_equal(agent_count("query", NEIGHBOUR), 0);
	close(udp);
	close(tcp);
}

/* ---- what it is for ---- */

static int tracked_connections(void)
{
	char text[32] = "";
	int fd = open("/proc/sys/net/netfilter/nf_conntrack_count", O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_true(read(fd, text, sizeof(text) - 1) > 0);
	close(fd);
	return (int)strtol(text, NULL, 10);
}

static void connect_to_neighbour(void)
{
	socklen_t length;
	struct sockaddr_storage address = place(NEIGHBOUR, 7000, &length);
	assert_int_equal(setns(outside, CLONE_NEWNET), 0);
	int listener = open_socket(SOCK_STREAM, NEIGHBOUR, 7000);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(setns(inside, CLONE_NEWNET), 0);
	int fd = open_socket(SOCK_STREAM, "0.0.0.0", 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, length), 0);
	close(fd);
	close(listener);
}

static bool is_tracked(void)
{
	int before = tracked_connections();
	connect_to_neighbour();
	return tracked_connections() > before;
}

/* The kernel takes rules down in the background, and stops tracking with the last; and it forgets old
 * connections while we count. */
static void await_tracking(bool wanted)
{
	int64_t until_ns = now_ns() + DEADLINE_NS;
	while (is_tracked() != wanted)
		assert_true(now_ns() < until_ns);
}

static void test_nothing_is_tracked(void **state)
{
	(void)state;
	NEEDS_ROOT();
	await_tracking(false);
	tear_down(NULL);
	start_agent(begin_by_nat);
	await_tracking(true);
}

/* Somebody else's NAT takes the questions to the engine's resolver away: then they are brought here by our
 * own. */
static void test_fallback(void **state)
{
	(void)state;
	NEEDS_ROOT();
	tear_down(NULL);
	run("nft -f - <<END\n"
	    "table ip foreign { chain output { type nat hook output priority -105; ip daddr " ENGINE
	    " udp dport 53 dnat to " ENGINE ":45129; }; }\n"
	    "END\n");
	start_agent(begin_alone);
	ask(ENGINE, NULL);
	ask(NEIGHBOUR, OWN); /* there is no way to others: NAT comes behind routing */
	ask("::1", NULL);
	await_tracking(true);
	run("nft delete table ip foreign");
}

static const char *begin_forward_too(void)
{
	socklen_t length;
	struct sockaddr_storage engine = place(ENGINE, 53, &length);
	const char *message = begin_alone();
	return message ? message : names_forward(&engine);
}

static const char *begin_alone_too(void)
{
	socklen_t length;
	struct sockaddr_storage engine = place(ENGINE, 53, &length);
	const char *message = begin_by_nat();
	if (!message)
		message = names_forward(&engine);
	return message ? message : names_alone();
}

/* Who is alone asks nobody: a question that is sent on would come back here, and be sent on. */
static void test_not_both(void **state)
{
	(void)state;
	NEEDS_ROOT();
	static const char *(*const begins[])(void) = { begin_forward_too, begin_alone_too };
	for (size_t i = 0; i < sizeof(begins) / sizeof(*begins); i++) {
		tear_down(NULL);
		run(engine_rules);
		assert_int_equal(pipe(port_pipe), 0);
		agent_start(begins[i]);
		agent_expect("failed", i == 0 ? "nobody else is asked" : "another resolver is asked already");
		close(port_pipe[0]);
		close(port_pipe[1]);
	}
}

/* Nothing is left of it. */
static void test_undone(void **state)
{
	(void)state;
	NEEDS_ROOT();
	divert_names_no_more();
	divert_names_no_more();
	socklen_t length;
	struct sockaddr_storage address = place(NEIGHBOUR, 53, &length);
	assert_int_equal(setns(outside, CLONE_NEWNET), 0);
	int server = open_socket(SOCK_DGRAM, NEIGHBOUR, 53);
	assert_int_equal(setns(inside, CLONE_NEWNET), 0);
	int fd = open_socket(SOCK_DGRAM, "0.0.0.0", 0);
	char byte;
	assert_int_equal(sendto(fd, "?", 1, 0, (struct sockaddr *)&address, length), 1);
	assert_int_equal(recv(server, &byte, 1, 0), 1);
	close(fd);
	close(server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_any_server, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_any_socket, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_own_address, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_tcp, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_port_is_free, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_strangers, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_nothing_is_tracked, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_fallback, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_not_both, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_undone, set_up, tear_down),
	};
	return cmocka_run_group_tests_name("divert", tests, start_namespaces, NULL);
}
