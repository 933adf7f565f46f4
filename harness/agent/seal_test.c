/* What a sealed namespace can reach, and who can reach it: two namespaces, of which the second one routes. */
#include "agent/rooms.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define DEADLINE_MS 5000
#define PORT 8181

/* The sealed one has 10.9.0.2 and fd09::2; the router 10.9.0.1 and fd09::1, and behind it are 198.51.100.7
 * and 2001:db8::7. */
static int inside = -1, outside = -1;

static int make_namespace(void)
{
	if (unshare(CLONE_NEWNET) < 0)
		return -1;
	return open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
}

static void enter(int namespace)
{
	assert_int_equal(setns(namespace, CLONE_NEWNET), 0);
}

static void run(const char *command)
{
	int status = system(command); /* NOLINT(cert-env33-c): constant text, and a process id */
	if (status != 0)
		fail_msg("`%s` ended with status %d", command, status);
}

static int start_namespaces(void **state)
{
	char command[200];
	(void)state;
	if (geteuid() != 0 || (outside = make_namespace()) < 0 || (inside = make_namespace()) < 0)
		return 0;
	run("ip link set lo up");
	snprintf(command, sizeof(command), "ip link add in0 type veth peer name out0 netns /proc/%d/fd/%d",
	    (int)getpid(), outside);
	run(command);
	run("ip link set in0 up && ip address add 10.9.0.2/24 dev in0 && ip address add fd09::2/64 dev in0 "
	    "nodad");
	enter(outside);
	run("ip link set lo up && ip link set out0 up && ip address add 10.9.0.1/24 dev out0 && "
	    "ip address add fd09::1/64 dev out0 nodad && ip address add 198.51.100.7/32 dev lo && "
	    "ip address add 2001:db8::7/128 dev lo nodad");
	enter(inside);
	run("ip route add default via 10.9.0.1 && ip -6 route add default via fd09::1");
	return 0;
}

static int start_test(void **state)
{
	(void)state;
	if (inside < 0) {
		print_message("needs root: network namespaces with nf_tables rules\n");
		skip();
	}
	return 0;
}

static struct sockaddr_storage address_of(const char *host, uint16_t port)
{
	struct sockaddr_storage address = { 0 };
	struct sockaddr_in *four = (struct sockaddr_in *)&address;
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)&address;
	*four = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(port) };
	if (inet_pton(AF_INET, host, &four->sin_addr) == 1)
		return address;
	*six = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_port = htons(port) };
	assert_int_equal(inet_pton(AF_INET6, host, &six->sin6_addr), 1);
	return address;
}

static socklen_t length_of(const struct sockaddr_storage *address)
{
	return address->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
}

/* A socket of that namespace, bound. */
static int bound(int namespace, const char *host, uint16_t port, int type)
{
	struct sockaddr_storage address = address_of(host, port);
	enter(namespace);
	int fd = socket(address.ss_family, type | SOCK_CLOEXEC, 0);
	enter(inside);
	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int)), 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, length_of(&address)), 0);
	if (type == SOCK_STREAM)
		assert_int_equal(listen(fd, 4), 0);
	return fd;
}

static bool gets_something(int fd, int milliseconds)
{
	return poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, milliseconds) == 1;
}

/* The errno of a connect(2) from one to the other, 0 for none; *ret_fd is the socket. */
static int connect_to(int namespace, const char *from, const char *to, int *ret_fd)
{
	struct sockaddr_storage source = address_of(from, 0), target = address_of(to, PORT);
	struct timeval patience = { .tv_sec = DEADLINE_MS / 1000 };
	enter(namespace);
	int fd = socket(source.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	enter(inside);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)), 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&source, length_of(&source)), 0);
	int failure = connect(fd, (struct sockaddr *)&target, length_of(&target)) < 0 ? errno : 0;
	*ret_fd = fd;
	return failure;
}

/* The connection works, both ways. */
static void expect_connection(int client_namespace, const char *from, int server_namespace, const char *to)
{
	int client, listener = bound(server_namespace, to, PORT, SOCK_STREAM);
	char byte;
	assert_int_equal(connect_to(client_namespace, from, to, &client), 0);
	assert_true(gets_something(listener, DEADLINE_MS));
	int server = accept(listener, NULL, NULL);
	assert_int_equal(send(client, "?", 1, MSG_NOSIGNAL), 1);
	assert_true(gets_something(server, DEADLINE_MS));
	assert_int_equal(recv(server, &byte, 1, 0), 1);
	assert_int_equal(send(server, "!", 1, MSG_NOSIGNAL), 1);
	assert_true(gets_something(client, DEADLINE_MS));
	close(client);
	close(server);
	close(listener);
}

/* A question by datagram is answered. */
static void expect_datagrams(int client_namespace, const char *from, int server_namespace, const char *to)
{
	struct sockaddr_storage target = address_of(to, PORT), source;
	socklen_t length = sizeof(source);
	int server = bound(server_namespace, to, PORT, SOCK_DGRAM),
	    client = bound(client_namespace, from, 0, SOCK_DGRAM);
	char byte;
	assert_int_equal(sendto(client, "?", 1, 0, (struct sockaddr *)&target, length_of(&target)), 1);
	assert_true(gets_something(server, DEADLINE_MS));
	assert_int_equal(recvfrom(server, &byte, 1, 0, (struct sockaddr *)&source, &length), 1);
	assert_int_equal(sendto(server, "!", 1, 0, (struct sockaddr *)&source, length), 1);
	assert_true(gets_something(client, DEADLINE_MS));
	close(client);
	close(server);
}

static void expect_way(int client_namespace, const char *from, int server_namespace, const char *to)
{
	expect_connection(client_namespace, from, server_namespace, to);
	expect_datagrams(client_namespace, from, server_namespace, to);
}

static int64_t now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Refused at once, and nothing arrives: what is sent later, to the same socket, comes first. */
static void expect_no_way(const char *from, const char *to, const char *router)
{
	struct sockaddr_storage target = address_of(to, PORT), neighbour = address_of(router, PORT);
	const char *any = strchr(to, ':') ? "::" : "0.0.0.0";
	int client, listener = bound(outside, any, PORT, SOCK_STREAM),
		    server = bound(outside, any, PORT, SOCK_DGRAM),
		    datagrams = bound(inside, from, 0, SOCK_DGRAM);
	char byte;
	int64_t began_ms = now_ms();
	assert_int_equal(connect_to(inside, from, to, &client), ECONNREFUSED);
	close(client);
	assert_int_equal(sendto(datagrams, "?", 1, 0, (struct sockaddr *)&target, length_of(&target)), -1);
	assert_int_equal(errno, EPERM);
	assert_in_range(now_ms() - began_ms, 0, 900); /* no SYN is sent a second time */
	assert_int_equal(
	    sendto(datagrams, "!", 1, 0, (struct sockaddr *)&neighbour, length_of(&neighbour)), 1);
	assert_true(gets_something(server, DEADLINE_MS));
	assert_int_equal(recv(server, &byte, 1, 0), 1);
	assert_int_equal(byte, '!');
	assert_false(gets_something(listener, 0));
	close(datagrams);
	close(server);
	close(listener);
}

/* A question from outside of its networks arrives, and cannot be answered. */
static void expect_no_answer(const char *from, const char *to)
{
	struct sockaddr_storage target = address_of(to, PORT), source;
	socklen_t length = sizeof(source);
	int server = bound(inside, to, PORT, SOCK_DGRAM), client = bound(outside, from, 0, SOCK_DGRAM);
	char byte;
	assert_int_equal(sendto(client, "?", 1, 0, (struct sockaddr *)&target, length_of(&target)), 1);
	assert_true(gets_something(server, DEADLINE_MS));
	assert_int_equal(recvfrom(server, &byte, 1, 0, (struct sockaddr *)&source, &length), 1);
	assert_int_equal(sendto(server, "!", 1, 0, (struct sockaddr *)&source, length), -1);
	assert_int_equal(errno, EPERM);
	close(client);
	close(server);
}

/* Else the rest would show nothing. */
static void test_before(void **state)
{
	(void)state;
	expect_way(inside, "10.9.0.2", outside, "198.51.100.7");
	expect_way(inside, "fd09::2", outside, "2001:db8::7");
}

static void test_no_way_out(void **state)
{
	(void)state;
	assert_null(seal(false));
	expect_no_way("10.9.0.2", "198.51.100.7", "10.9.0.1");
	expect_no_way("fd09::2", "2001:db8::7", "fd09::1");
	assert_null(seal(false)); /* once more does no harm */
	expect_no_way("10.9.0.2", "198.51.100.7", "10.9.0.1");
}

static void test_own_networks(void **state)
{
	(void)state;
	assert_null(seal(false));
	expect_way(inside, "10.9.0.2", outside, "10.9.0.1");
	expect_way(inside, "fd09::2", outside, "fd09::1");
	expect_way(inside, "127.0.0.1", inside, "127.0.0.1");
	expect_way(inside, "::1", inside, "::1");
	expect_way(inside, "10.9.0.2", inside, "10.9.0.2");
}

/* A published port is dialled from anywhere. */
static void test_answers(void **state)
{
	(void)state;
	assert_null(seal(true));
	expect_way(outside, "198.51.100.7", inside, "10.9.0.2");
	expect_way(outside, "2001:db8::7", inside, "fd09::2");
	assert_null(seal(false));
	expect_no_answer("198.51.100.7", "10.9.0.2");
	expect_no_answer("2001:db8::7", "fd09::2");
	expect_way(outside, "10.9.0.1", inside, "10.9.0.2");
}

/* What is brought to the agent does not leave, whoever was meant. */
static void test_names(void **state)
{
	(void)state;
	struct sockaddr_storage server = address_of("198.51.100.53", 53);
	int agent = bound(inside, "127.0.0.1", 5353, SOCK_DGRAM),
	    client = bound(inside, "0.0.0.0", 0, SOCK_DGRAM);
	assert_null(redirect_names(5353));
	assert_null(seal(false));
	assert_int_equal(sendto(client, "?", 1, 0, (struct sockaddr *)&server, length_of(&server)), 1);
	assert_true(gets_something(agent, DEADLINE_MS));
	assert_null(redirect_names(0));
	close(agent);
	agent = bound(inside, "0.0.0.0", 5353, SOCK_DGRAM);
	assert_int_equal(divert_names(5353, true), 0);
	assert_int_equal(sendto(client, "?", 1, 0, (struct sockaddr *)&server, length_of(&server)), 1);
	assert_true(gets_something(agent, DEADLINE_MS));
	/* No route brings one whose socket names an interface: it does not get to a neighbour instead. */
	struct sockaddr_storage neighbour = address_of("10.9.0.1", 53);
	int resolver = bound(outside, "10.9.0.1", 53, SOCK_DGRAM),
	    tcp_resolver = bound(outside, "10.9.0.1", 53, SOCK_STREAM),
	    named = bound(inside, "0.0.0.0", 0, SOCK_DGRAM);
	assert_int_equal(setsockopt(named, SOL_SOCKET, SO_BINDTODEVICE, "in0", 4), 0);
	assert_int_equal(sendto(named, "?", 1, 0, (struct sockaddr *)&neighbour, length_of(&neighbour)), -1);
	assert_int_equal(errno, EPERM);
	enter(inside);
	int tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(setsockopt(tcp, SOL_SOCKET, SO_BINDTODEVICE, "in0", 4), 0);
	assert_int_equal(connect(tcp, (struct sockaddr *)&neighbour, length_of(&neighbour)), -1);
	assert_int_equal(errno, ECONNREFUSED);
	assert_false(gets_something(resolver, 0));
	assert_false(gets_something(tcp_resolver, 0));
	close(tcp);
	close(named);
	close(tcp_resolver);
	close(resolver);
	divert_names_no_more();
	close(client);
	close(agent);
}

static void test_groups(void **state)
{
	(void)state;
	struct sockaddr_storage group = address_of("224.0.0.251", PORT);
	int client = bound(inside, "10.9.0.2", 0, SOCK_DGRAM);
	assert_null(seal(false));
	assert_int_equal(sendto(client, "?", 1, 0, (struct sockaddr *)&group, length_of(&group)), 1);
	close(client);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_before, start_test),
		cmocka_unit_test_setup(test_no_way_out, start_test),
		cmocka_unit_test_setup(test_own_networks, start_test),
		cmocka_unit_test_setup(test_answers, start_test),
		cmocka_unit_test_setup(test_names, start_test),
		cmocka_unit_test_setup(test_groups, start_test),
	};
	return cmocka_run_group_tests(tests, start_namespaces, NULL);
}
