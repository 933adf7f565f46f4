/* Look-ups reach the agent whichever server they are meant for, in a namespace of the test's own. */
#include "agent/netlink.h"
#include "agent/rooms.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define DEADLINE_MS 5000

static bool is_ready;
static int agent_4 = -1, agent_6 = -1; /* where the agent listens */
static uint16_t agent_port;

static struct sockaddr_storage address_of(const char *host, uint16_t port, socklen_t *ret_length)
{
	struct sockaddr_storage address = { 0 };
	struct sockaddr_in *four = (struct sockaddr_in *)&address;
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)&address;
	*four = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(port) };
	*ret_length = sizeof(*four);
	if (inet_pton(AF_INET, host, &four->sin_addr) == 1)
		return address;
	*six = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_port = htons(port) };
	*ret_length = sizeof(*six);
	assert_int_equal(inet_pton(AF_INET6, host, &six->sin6_addr), 1);
	return address;
}

static int bound(const char *host, uint16_t port, int type)
{
	socklen_t length;
	struct sockaddr_storage address = address_of(host, port, &length);
	int fd = socket(address.ss_family, type, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, length), 0);
	return fd;
}

static int start_namespace(void **state)
{
	(void)state;
	if (geteuid() != 0 || unshare(CLONE_NEWNET) < 0)
		return 0;
	/* NOLINTNEXTLINE(cert-env33-c): constant text */
	if (system("ip link set lo up && ip address add 10.9.0.2/24 dev lo && ip route add default dev lo && "
		   "ip address add fd09::2/64 dev lo nodad && ip -6 route add default dev lo") != 0)
		return -1;
	struct sockaddr_in self = { 0 };
	socklen_t length = sizeof(self);
	agent_4 = bound("127.0.0.1", 0, SOCK_DGRAM);
	assert_int_equal(getsockname(agent_4, (struct sockaddr *)&self, &length), 0);
	agent_port = ntohs(self.sin_port);
	agent_6 = bound("::1", agent_port, SOCK_DGRAM);
	is_ready = true;
	return 0;
}

static int start_test(void **state)
{
	(void)state;
	if (!is_ready) {
		print_message("needs root: a network namespace with nf_tables rules\n");
		skip();
	}
	return 0;
}

static bool gets_something(int fd)
{
	return poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, DEADLINE_MS) == 1;
}

/* The answer comes from the server that was asked, as far as the client can see: its socket is connected. */
static void ask(const char *server, int agent)
{
	char byte;
	socklen_t length, client_length = sizeof(struct sockaddr_storage);
	struct sockaddr_storage address = address_of(server, 53, &length), client;
	int fd = socket(address.ss_family, SOCK_DGRAM, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, length), 0);
	assert_int_equal(send(fd, "?", 1, 0), 1);
	assert_true(gets_something(agent));
	assert_int_equal(recvfrom(agent, &byte, 1, 0, (struct sockaddr *)&client, &client_length), 1);
	assert_int_equal(sendto(agent, "!", 1, 0, (struct sockaddr *)&client, client_length), 1);
	assert_true(gets_something(fd));
	assert_int_equal(recv(fd, &byte, 1, 0), 1);
	assert_int_equal(byte, '!');
	close(fd);
}

static void test_any_server(void **state)
{
	(void)state;
	assert_null(redirect_names(agent_port));
	ask("127.0.0.11", agent_4);
	ask("10.9.0.2", agent_4);
	ask("192.0.2.53", agent_4);
	ask("::1", agent_6);
	ask("2001:db8::53", agent_6);
	assert_null(redirect_names(agent_port)); /* once more does no harm */
	ask("127.0.0.11", agent_4);
}

static void test_tcp(void **state)
{
	(void)state;
	socklen_t length;
	struct sockaddr_storage address = address_of("192.0.2.53", 53, &length);
	int listener = bound("127.0.0.1", agent_port, SOCK_STREAM);
	assert_int_equal(listen(listener, 1), 0);
	assert_null(redirect_names(agent_port));
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, length), 0);
	close(fd);
	close(listener);
}

/* The agent itself can ask a server. */
static void test_marked(void **state)
{
	(void)state;
	char byte;
	socklen_t length;
	struct sockaddr_storage address = address_of("10.9.0.2", 53, &length);
	int server = bound("10.9.0.2", 53, SOCK_DGRAM), fd = socket(AF_INET, SOCK_DGRAM, 0);
	uint32_t mark = AGENT_MARK;
	assert_null(redirect_names(agent_port));
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)), 0);
	assert_int_equal(sendto(fd, "?", 1, 0, (struct sockaddr *)&address, length), 1);
	assert_true(gets_something(server));
	assert_int_equal(recv(server, &byte, 1, 0), 1);
	close(fd);
	close(server);
}

static void test_undone(void **state)
{
	(void)state;
	char byte;
	socklen_t length;
	struct sockaddr_storage address = address_of("10.9.0.2", 53, &length);
	int server = bound("10.9.0.2", 53, SOCK_DGRAM), fd = socket(AF_INET, SOCK_DGRAM, 0);
	assert_null(redirect_names(agent_port));
	assert_null(redirect_names(0));
	assert_int_equal(sendto(fd, "?", 1, 0, (struct sockaddr *)&address, length), 1);
	assert_true(gets_something(server));
	assert_int_equal(recv(server, &byte, 1, 0), 1);
	assert_null(redirect_names(0));
	close(fd);
	close(server);
}

/* The one that is forwarded to asks others, from a socket of this namespace: its questions do not come back.
 */
static void test_one_server(void **state)
{
	(void)state;
	char byte;
	socklen_t length;
	struct sockaddr_storage four = address_of("127.0.0.11", 53, &length),
				address = address_of("10.9.0.2", 53, &length);
	int server = bound("10.9.0.2", 53, SOCK_DGRAM), fd = socket(AF_INET, SOCK_DGRAM, 0);
	assert_null(redirect_names(agent_port));
	assert_null(redirect_names_of(&four));
	ask("127.0.0.11", agent_4);
	assert_int_equal(sendto(fd, "?", 1, 0, (struct sockaddr *)&address, length), 1);
	assert_true(gets_something(server));
	assert_int_equal(recv(server, &byte, 1, 0), 1);
	assert_null(redirect_names(agent_port)); /* all of them again */
	ask("10.9.0.2", agent_4);
	close(fd);
	close(server);
	struct sockaddr_storage six = address_of("2001:db8::53", 53, &length);
	assert_null(redirect_names_of(&six));
	ask("2001:db8::53", agent_6);
	assert_null(redirect_names(0));
	assert_null(redirect_names_of(&four)); /* nothing is redirected, nor by this */
}

/* What does not fit is refused whole, and a refusal of the kernel is told. */
static void test_batch(void **state)
{
	(void)state;
	static struct batch batch;
	batch_begin(&batch);
	for (int i = 0; i < BATCH_BYTES / 16; i++) {
		batch_message(&batch, AF_UNSPEC, 0, 0);
		batch_text(&batch, 1, "a table");
	}
	assert_true(batch.is_overflowed);
	assert_int_equal(batch_send(&batch), -1);
	assert_int_equal(errno, EMSGSIZE);
	batch_begin(&batch);
	batch_message(&batch, AF_UNSPEC, 200, 0); /* no such message */
	assert_int_equal(batch_send(&batch), -1);
	assert_int_equal(errno, EINVAL);
	assert_null(redirect_names(0)); /* and the socket is still good */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_any_server, start_test),
		cmocka_unit_test_setup(test_tcp, start_test),
		cmocka_unit_test_setup(test_marked, start_test),
		cmocka_unit_test_setup(test_undone, start_test),
		cmocka_unit_test_setup(test_one_server, start_test),
		cmocka_unit_test_setup(test_batch, start_test),
	};
	return cmocka_run_group_tests(tests, start_namespace, NULL);
}
