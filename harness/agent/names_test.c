/* The resolver as programs meet it: through getaddrinfo(3), and through sockets of our own where that hides
 * things. */
#include "agent/agent_under_test.h"
#include "agent/dns.h"
#include "agent/rooms.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/mount.h>
#include <sys/socket.h>

#define MANY "a-name-so-long-that-its-answer-is-too-long-for-512" /* bytes */
#define NAMESERVER "127.0.0.11" /* nobody: what is sent there is redirected */

static struct sockaddr_storage place(const char *host, uint16_t port)
{
	struct sockaddr_storage address = { 0 };
	struct sockaddr_in *in = (struct sockaddr_in *)&address;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&address;
	bool six = strchr(host, ':') != NULL;
	address.ss_family = six ? AF_INET6 : AF_INET;
	in->sin_port = htons(port);
	assert_int_equal(
	    inet_pton(address.ss_family, host, six ? (void *)&in6->sin6_addr : &in->sin_addr), 1);
	return address;
}

static const char *set_names(void)
{
	struct sockaddr_storage both[] = { place("10.1.2.3", 0), place("fd00::3", 0) };
	struct sockaddr_storage stale = place("10.9.9.9", 0), many[16];
	const char *message = names_set("Redis", both, 2);
	for (uint8_t i = 0; i < 16; i++) {
		many[i] = place("fd00::", 0);
		((struct sockaddr_in6 *)&many[i])->sin6_addr.s6_addr[15] = i;
	}
	static const char *const known[] = { "four", "fails", "silent", "late", "stale", "twice", "once",
		"absent" };
	for (size_t i = 0; !message && i < sizeof(known) / sizeof(known[0]); i++)
		message = names_set(known[i], both, 1);
	if (!message)
		message = names_set(MANY, many, 16);
	if (!message)
		message = names_resolve("absent", RESOLVE_NXDOMAIN, 0, NULL, 0, false);
	if (!message)
		message = names_resolve("fails", RESOLVE_SERVFAIL, 0, NULL, 0, false);
	if (!message)
		message = names_resolve("silent", RESOLVE_SILENT, 0, NULL, 0, false);
	if (!message)
		message = names_resolve("late", RESOLVE_LATE, INT64_C(300000000), NULL, 0, false);
	if (!message)
		message = names_resolve("stale", RESOLVE_STALE, 0, &stale, 0, false);
	if (!message)
		message = names_resolve("twice", RESOLVE_NXDOMAIN, 0, NULL, 2, false);
	if (!message)
		message = names_resolve("once", RESOLVE_SERVFAIL, 0, NULL, 1, true);
	return message;
}

static bool is_alone; /* without NAT */

static const char *begin(void)
{
	uint16_t port;
	const char *message = names_open(&port);
	if (!message)
		message = redirect_names(port);
	if (!message && is_alone)
		message = names_alone();
	if (!message)
		message = socket_notices_begin();
	return message ? message : set_names();
}

static bool has_namespace;

static void make_namespace(void)
{
	assert_int_equal(unshare(CLONE_NEWNET | CLONE_NEWNS), 0);
	assert_int_equal(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	char path[] = "/tmp/resolv.conf.XXXXXX";
	int fd = mkstemp(path);
	FILE *file = fdopen(fd, "w");
	assert_non_null(file);
	fputs("nameserver " NAMESERVER "\noptions timeout:1 attempts:2\n", file);
	fclose(file);
	assert_int_equal(mount(path, "/etc/resolv.conf", NULL, MS_BIND, NULL), 0);
	unlink(path);
	/* An IPv6 address, so that resolvers find it worth to ask for one. */
	run("ip link set lo up && ip link add fs0 type veth peer name fs1 && ip link set fs1 up && ip addr "
	    "add 10.77.0.1/24 dev fs0 && "
	    "ip -6 addr add fd77::1/64 dev fs0 nodad && ip link set fs0 up");
	has_namespace = true;
}

static int set_up(void **state)
{
	(void)state;
	if (!may_make_namespaces())
		return 0;
	if (!has_namespace)
		make_namespace();
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

/* Numbers joined by blanks, in the order of getaddrinfo(); or its error. */
static const char *look_up(const char *name, int family)
{
	static char text[512];
	struct addrinfo hints = { .ai_family = family, .ai_socktype = SOCK_STREAM }, *found = NULL;
	int status = getaddrinfo(name, NULL, &hints, &found);
	if (status)
		return gai_strerror(status);
	text[0] = '\0';
	for (struct addrinfo *info = found; info; info = info->ai_next) {
		char host[64];
		getnameinfo(info->ai_addr, info->ai_addrlen, host, sizeof(host), NULL, 0, NI_NUMERICHOST);
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s", *text ? " " : "", host);
	}
	freeaddrinfo(found);
	return text;
}

static void expect_answer(const char *end)
{
	struct said_line *line = agent_expect("answer", "");
	const char *type = strstr(line->text, " A");
	if (!type || strcmp(type + 1, end) != 0)
		fail_msg("the agent says `answer %s`, expected `… %s`", line->text, end);
}

static void test_known(void **state)
{
	(void)state;
	NEEDS_ROOT();
	int64_t before_ns = now_ns();
	assert_string_equal(look_up("rEdis", AF_INET), "10.1.2.3");
	struct said_line *query = agent_expect("query", "127.0.0.1:");
	assert_in_range(query->at_ns, before_ns, now_ns());
	assert_non_null(strstr(query->text, " A redis"));
	expect_answer("A redis noerror 10.1.2.3");
	assert_string_equal(look_up("redis", AF_INET6), "fd00::3");
	expect_answer("AAAA redis noerror fd00::3");
	const char *both = look_up("redis", AF_UNSPEC);
	assert_non_null(strstr(both, "10.1.2.3"));
	assert_non_null(strstr(both, "fd00::3"));
}

static void test_one_family(void **state)
{
	(void)state;
	NEEDS_ROOT();
	assert_string_equal(look_up("four", AF_UNSPEC), "10.1.2.3");
	const char *none = look_up("four", AF_INET6);
	assert_true(
	    strcmp(none, gai_strerror(EAI_NODATA)) == 0 || strcmp(none, gai_strerror(EAI_NONAME)) == 0);
}

static void test_unknown(void **state)
{
	(void)state;
	NEEDS_ROOT();
	assert_string_equal(look_up("nowhere.example.com", AF_UNSPEC), gai_strerror(EAI_NONAME));
	assert_string_equal(look_up("absent", AF_INET), gai_strerror(EAI_NONAME));
	agent_expect("query", "");
}

static void test_fails(void **state)
{
	(void)state;
	NEEDS_ROOT();
	assert_string_equal(look_up("fails", AF_INET), gai_strerror(EAI_AGAIN));
	expect_answer("A fails servfail");
}

static void test_stale(void **state)
{
	(void)state;
	NEEDS_ROOT();
	assert_string_equal(look_up("stale", AF_INET), "10.9.9.9");
}

static void test_late(void **state)
{
	(void)state;
	NEEDS_ROOT();
	int64_t before_ns = now_ns();
	assert_string_equal(look_up("late", AF_INET), "10.1.2.3");
	assert_in_range(now_ns() - before_ns, INT64_C(300000000), INT64_C(1000000000));
	struct said_line *query = agent_expect("query", "");
	struct said_line *answer = agent_expect("answer", "");
	assert_true(answer->at_ns - query->at_ns >= INT64_C(299000000));
}

/* How long after a look-up was given up it is told. */
static int64_t delay_of_abandonment(void)
{
	for (size_t i = 0; i < agent.count; i++)
		agent.lines[i].taken = true; /* of the try before */
	assert_string_equal(look_up("silent", AF_INET), gai_strerror(EAI_AGAIN));
	int64_t over_ns = now_ns();
	struct said_line *query = agent_expect("query", "");
	struct said_line *abandoned = agent_expect("abandoned", "");
	assert_memory_equal(query->text, abandoned->text, strlen(abandoned->text));
	assert_true(abandoned->at_ns - query->at_ns > INT64_C(900000000));
	assert_int_equal(agent_count("answer", ""), 0);
	return abandoned->at_ns - over_ns;
}

/* At once, and not by the list of sockets that is looked at now and then; on a busy host, not every time. */
static void test_silent(void **state)
{
	(void)state;
	NEEDS_ROOT();
	int tries = 5;
	while (delay_of_abandonment() >= INT64_C(200000000))
		assert_true(--tries > 0);
}

/* A and AAAA of one look-up count once; then the name is answered. */
static void test_attempts(void **state)
{
	(void)state;
	NEEDS_ROOT();
	assert_string_equal(look_up("twice", AF_UNSPEC), gai_strerror(EAI_NONAME));
	assert_string_equal(look_up("twice", AF_UNSPEC), gai_strerror(EAI_NONAME));
	struct said_line *phase = agent_expect("phase", "");
	assert_string_equal(phase->text, "0 answer twice");
	assert_string_equal(look_up("twice", AF_UNSPEC), "10.1.2.3");
}

/* Told that they are used up, and nothing else changes. */
static void test_stays(void **state)
{
	(void)state;
	NEEDS_ROOT();
	assert_string_equal(look_up("once", AF_INET), gai_strerror(EAI_AGAIN));
	struct said_line *phase = agent_expect("phase", "");
	assert_string_equal(phase->text, "0 answer once");
	assert_string_equal(look_up("once", AF_INET), gai_strerror(EAI_AGAIN));
	assert_int_equal(agent_count("phase", "0 answer once"), 1);
}

/* ---- by hand ---- */

static size_t write_query(uint8_t *message, const char *name, uint8_t type, bool edns)
{
	static const uint8_t head[] = { 0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0 };
	static const uint8_t option[] = { 0, 0, 41, 0x10, 0, 0, 0, 0, 0, 0, 0 };
	size_t length = sizeof(head), label = strlen(name);
	memcpy(message, head, sizeof(head));
	message[11] = edns;
	message[length++] = (uint8_t)label;
	memcpy(message + length, name, label + 1);
	length += label + 1;
	const uint8_t tail[] = { 0, type, 0, 1 };
	memcpy(message + length, tail, sizeof(tail));
	length += sizeof(tail);
	if (edns)
		memcpy(message + length, option, sizeof(option));
	return length + (edns ? sizeof(option) : 0);
}

static int ask(int kind, const char *server, const uint8_t *message, size_t length)
{
	struct sockaddr_storage address = place(server, 53);
	struct timeval limit = { .tv_sec = 10 };
	int fd = socket(address.ss_family, kind | SOCK_CLOEXEC, 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		fail_msg("%s: %s", server, strerror(errno));
	assert_int_equal(send(fd, message, length, 0), (ssize_t)length);
	return fd;
}

/* Sixteen IPv6 addresses are 16 * 28 bytes; with the name, more than goes into 512, not more than EDNS
 * allows. */
static void test_sizes(void **state)
{
	(void)state;
	NEEDS_ROOT();
	for (int edns = 0; edns < 2; edns++) {
		uint8_t message[DNS_MESSAGE_MAX];
		struct dns_answer answer;
		size_t length = write_query(message, MANY, DNS_TYPE_AAAA, edns);
		int fd = ask(SOCK_DGRAM, NAMESERVER, message, length);
		ssize_t got = recv(fd, message, sizeof(message), 0);
		assert_true(got > 0);
		assert_int_equal(dns_parse_answer(message, (size_t)got, &answer), 0);
		assert_int_equal(answer.truncated, !edns);
		assert_int_equal(answer.count, edns ? 16 : 15);
		assert_true(edns || got <= DNS_UDP_MAX);
		close(fd);
	}
}

/* Two questions at once on one connection, in crumbs. */
static void test_tcp(void **state)
{
	(void)state;
	NEEDS_ROOT();
	uint8_t message[256], reply[DNS_MESSAGE_MAX];
	struct dns_answer answer;
	size_t length = write_query(message + 2, "redis", DNS_TYPE_A, false);
	message[0] = 0;
	message[1] = (uint8_t)length;
	memcpy(message + 2 + length, message, 2 + length);
	int fd = ask(SOCK_STREAM, NAMESERVER, message, 5);
	assert_int_equal(send(fd, message + 5, 2 * (2 + length) - 5, 0), (ssize_t)(2 * (2 + length) - 5));
	for (int i = 0; i < 2; i++) {
		assert_int_equal(recv(fd, reply, 2, MSG_WAITALL), 2);
		size_t size = (size_t)reply[0] << 8 | reply[1];
		assert_int_equal(recv(fd, reply, size, MSG_WAITALL), (ssize_t)size);
		assert_int_equal(dns_parse_answer(reply, size, &answer), 0);
		assert_int_equal(answer.count, 1);
	}
	close(fd);
}

/* Over IPv6, to a server that is not there either; and its answer comes from there. */
static void test_ipv6_server(void **state)
{
	(void)state;
	NEEDS_ROOT();
	uint8_t message[DNS_MESSAGE_MAX];
	size_t length = write_query(message, "redis", DNS_TYPE_AAAA, false);
	int fd = ask(SOCK_DGRAM, "fd77::53", message, length);
	assert_true(recv(fd, message, sizeof(message), 0) > 0);
	struct said_line *query = agent_expect("query", "[fd77::1]:");
	assert_non_null(strstr(query->text, " 4660 AAAA redis"));
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_known, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_one_family, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_unknown, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_fails, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_stale, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_late, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_silent, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_attempts, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_stays, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_sizes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_tcp, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_ipv6_server, set_up, tear_down),
	};
	int failures = cmocka_run_group_tests_name("names, by NAT", tests, NULL, NULL);
	is_alone = true;
	return failures + cmocka_run_group_tests_name("names, by routes", tests, NULL, NULL);
}
