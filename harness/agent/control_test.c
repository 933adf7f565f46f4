/* Control lines: what each means, and what is said of those that mean nothing. */
#include "agent/control.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct command command;

static void accept_line(const char *line)
{
	int field;
	const char *message = control_parse(line, strlen(line), &command, &field);
	if (message)
		fail_msg("`%s` was refused: field %d: %s", line, field, message);
}

/* `part` is in the message, which is about this field. */
static void refuse_line(const char *line, int field_wanted, const char *part)
{
	int field = -1;
	const char *message = control_parse(line, strlen(line), &command, &field);
	if (!message || !strstr(message, part) || field != field_wanted)
		fail_msg("`%s`: expected field %d: …%s…, got field %d: %s", line, field_wanted, part, field,
		    message ? message : "no message");
}

static const char *host(const struct sockaddr_storage *address)
{
	static char text[INET6_ADDRSTRLEN];
	const void *place = address->ss_family == AF_INET
				? (const void *)&((const struct sockaddr_in *)address)->sin_addr
				: (const void *)&((const struct sockaddr_in6 *)address)->sin6_addr;
	return inet_ntop(address->ss_family, place, text, sizeof(text));
}

static int port(const struct sockaddr_storage *address)
{
	return ntohs(((const struct sockaddr_in *)address)->sin_port);
}

static void test_plain(void **state)
{
	(void)state;
	accept_line("0 ping");
	assert_int_equal(command.kind, COMMAND_PING);
	accept_line("999999999999999999 quit");
	assert_int_equal(command.kind, COMMAND_QUIT);
	assert_int_equal(command.number, 999999999999999999);
	accept_line("5 alone");
	assert_int_equal(command.kind, COMMAND_ALONE);
	accept_line("5 seal");
	assert_int_equal(command.kind, COMMAND_SEAL);
	assert_false(command.seal_but_answers);
	accept_line("5 seal answers");
	assert_true(command.seal_but_answers);
	refuse_line("5 seal eth0", 3, "`answers`, or nothing more");
	refuse_line("5 seal answers eth0", 4, "nothing more");
	refuse_line("5 alone redis", 3, "nothing more");
	refuse_line("", 1, "a number of at most 18 digits");
	refuse_line("ping", 1, "a number");
	refuse_line("-1 ping", 1, "a number");
	refuse_line("1000000000000000000 ping", 1, "a number");
	refuse_line("4", 2, "ping, name");
	refuse_line("4 ", 2, "ping, name");
	refuse_line("4  ping", 2, "ping, name");
	refuse_line("4 pingx", 2, "ping, name");
	refuse_line("4 PING", 2, "ping, name");
	refuse_line("4 ping ", 3, "nothing more");
	refuse_line("4 quit now", 3, "nothing more");
	assert_int_equal(command.number, 4); /* the reply repeats it all the same */
}

static void test_name(void **state)
{
	(void)state;
	accept_line("1 name Redis.EXAMPLE. 192.0.2.1 2001:db8::1");
	assert_int_equal(command.kind, COMMAND_NAME);
	assert_string_equal(command.name.name, "redis.example");
	assert_int_equal(command.name.count, 2);
	assert_string_equal(host(&command.name.addresses[0]), "192.0.2.1");
	assert_string_equal(host(&command.name.addresses[1]), "2001:db8::1");
	assert_int_equal(port(&command.name.addresses[1]), 0);
	accept_line(
	    "1 name a 10.0.0.1 10.0.0.2 10.0.0.3 10.0.0.4 10.0.0.5 10.0.0.6 10.0.0.7 10.0.0.8 10.0.0.9 "
	    "10.0.0.10 10.0.0.11 10.0.0.12 10.0.0.13 10.0.0.14 10.0.0.15 10.0.0.16");
	assert_int_equal(command.name.count, 16);
	refuse_line(
	    "1 name a 10.0.0.1 10.0.0.2 10.0.0.3 10.0.0.4 10.0.0.5 10.0.0.6 10.0.0.7 10.0.0.8 10.0.0.9 "
	    "10.0.0.10 10.0.0.11 10.0.0.12 10.0.0.13 10.0.0.14 10.0.0.15 10.0.0.16 10.0.0.17",
	    20, "at most 16 addresses");
	refuse_line("1 name", 3, "a host name");
	refuse_line("1 name redis", 4, "without a port");
	refuse_line("1 name redis 192.0.2.1:6379", 4, "without a port");
	refuse_line("1 name redis 192.0.2.1 ", 5, "IPv4 or IPv6");
	refuse_line("1 name redis 192.0.2.256", 4, "IPv4 or IPv6");
	refuse_line("1 name * 192.0.2.1", 3, "a host name");
	refuse_line("1 name . 192.0.2.1", 3, "a host name");
	refuse_line("1 name a..b 192.0.2.1", 3, "a host name");
	refuse_line("1 name .a 192.0.2.1", 3, "a host name");
	refuse_line("1 name a%00b 192.0.2.1", 3, "a host name");
	refuse_line("1 name a%2 192.0.2.1", 3, "a host name");
}

/* As long as DNS allows, and one byte more. */
static void test_long_names(void **state)
{
	(void)state;
	char name[300], line[400];
	for (int length = 253; length <= 254; length++) {
		memset(name, 'a', (size_t)length);
		name[length] = '\0';
		for (int dot = 63; dot < length; dot += 64)
			name[dot] = '.';
		snprintf(line, sizeof(line), "1 name %s. ::1", name);
		if (length == 253)
			accept_line(line);
		else
			refuse_line(line, 3, "at most 253 bytes");
	}
	assert_int_equal(strlen(name), 254);
	memset(name, 'a', 64);
	name[64] = '\0';
	snprintf(line, sizeof(line), "1 name %s ::1", name);
	refuse_line(line, 3, "labels of at most 63");
	snprintf(line, sizeof(line), "1 name %s ::1", name + 1);
	accept_line(line);
	assert_int_equal(strlen(command.name.name), 63);
}

static void test_resolve(void **state)
{
	(void)state;
	accept_line("2 resolve * servfail attempts=3");
	assert_int_equal(command.kind, COMMAND_RESOLVE);
	assert_string_equal(command.resolve.name, "*");
	assert_int_equal(command.resolve.how, RESOLVE_SERVFAIL);
	assert_int_equal(command.resolve.attempts, 3);
	accept_line("2 resolve redis late 1500");
	assert_int_equal(command.resolve.how, RESOLVE_LATE);
	assert_int_equal(command.resolve.late_ns, 1500000000);
	assert_int_equal(command.resolve.attempts, 0);
	assert_false(command.resolve.stays);
	accept_line("2 resolve redis nxdomain attempts=3 stays");
	assert_int_equal(command.resolve.attempts, 3);
	assert_true(command.resolve.stays);
	accept_line("2 resolve redis stale 192.0.2.9 attempts=1");
	assert_int_equal(command.resolve.how, RESOLVE_STALE);
	assert_string_equal(host(&command.resolve.stale), "192.0.2.9");
	accept_line("2 resolve redis nxdomain");
	accept_line("2 resolve redis silent");
	accept_line("2 resolve redis answer");
	assert_int_equal(command.resolve.how, RESOLVE_ANSWER);
	refuse_line("2 resolve", 3, "or *");
	refuse_line("2 resolve redis", 4, "expected answer, nxdomain");
	refuse_line("2 resolve redis never", 4, "expected answer, nxdomain");
	refuse_line("2 resolve redis late", 5, "milliseconds");
	refuse_line("2 resolve redis late 1.5", 5, "milliseconds");
	refuse_line("2 resolve redis late 86400001", 5, "milliseconds");
	refuse_line("2 resolve redis stale", 5, "IPv4 or IPv6");
	refuse_line("2 resolve redis answer attempts=2", 5, "nothing more");
	refuse_line("2 resolve redis silent attempts=0", 5, "attempts=N");
	refuse_line("2 resolve redis silent attempts", 5, "attempts=N");
	refuse_line("2 resolve redis silent attempts=1000001", 5, "attempts=N");
	refuse_line("2 resolve redis silent attempts=1 x", 6, "`stays`, or nothing more");
	refuse_line("2 resolve redis silent attempts=1 stays x", 7, "nothing more");
	refuse_line("2 resolve redis silent stays", 5, "attempts=N");
}

static void test_addresses(void **state)
{
	(void)state;
	accept_line("3 forward 127.0.0.11");
	assert_int_equal(command.kind, COMMAND_FORWARD);
	assert_int_equal(port(&command.forward), 53);
	accept_line("3 forward 127.0.0.11:5353");
	assert_string_equal(host(&command.forward), "127.0.0.11");
	assert_int_equal(port(&command.forward), 5353);
	accept_line("3 forward [::1]:5353");
	assert_string_equal(host(&command.forward), "::1");
	assert_int_equal(port(&command.forward), 5353);
	accept_line("3 forward ::1");
	assert_int_equal(port(&command.forward), 53);
	refuse_line("3 forward", 3, "the address of a server");
	refuse_line("3 forward dns", 3, "the address of a server");
	refuse_line("3 forward [::1]", 3, "the address of a server");
	refuse_line("3 forward [::1:5353", 3, "the address of a server");
	refuse_line("3 forward 1::2::3:4", 3, "the address of a server");
	refuse_line("3 forward :53", 3, "the address of a server");
	refuse_line("3 forward []:53", 3, "the address of a server");
	refuse_line("3 forward 127.0.0.1:65536", 3, "the address of a server");
	accept_line("3 ignore 2001:db8::1");
	assert_int_equal(command.kind, COMMAND_IGNORE);
	assert_int_equal(command.ignore.ss_family, AF_INET6);
	refuse_line("3 ignore 192.0.2.1:80", 3, "without a port");
}

static void test_tap(void **state)
{
	(void)state;
	accept_line("4 tap on");
	assert_int_equal(command.kind, COMMAND_TAP_ON);
	accept_line("4 tap 5432 postgres");
	assert_int_equal(command.kind, COMMAND_TAP_PORT);
	assert_int_equal(command.tap.port, 5432);
	assert_int_equal(command.tap.protocol, PROTOCOL_POSTGRES);
	refuse_line("4 tap", 3, "`on` or a port");
	refuse_line("4 tap off", 3, "`on` or a port");
	refuse_line("4 tap 0 tcp", 3, "1 to 65535");
	refuse_line("4 tap 65536 tcp", 3, "1 to 65535");
	refuse_line("4 tap 6379", 4, "redis, postgres or tcp");
	refuse_line("4 tap 6379 http", 4, "redis, postgres or tcp");
	refuse_line("4 tap on now", 4, "nothing more");
}

static void test_gate(void **state)
{
	(void)state;
	accept_line(
	    "5 gate 6379 refused attempts=3 then loading protocol=redis say=-LOADING%20Redis%3d1 "
	    "for=2000000 then slow latency=1000 jitter=10 close=5 bandwidth=65536 seed=7 for=1 then ready");
	assert_int_equal(command.kind, COMMAND_GATE);
	assert_int_equal(command.gate.port, 6379);
	assert_int_equal(command.gate.count, 4);
	const struct gate_step *step = command.gate.steps;
	assert_int_equal(step[0].phase, GATE_REFUSED);
	assert_int_equal(step[0].attempts, 3);
	assert_int_equal(step[0].for_ns, 0);
	assert_int_equal(step[1].phase, GATE_LOADING);
	assert_int_equal(step[1].protocol, PROTOCOL_REDIS);
	assert_string_equal(step[1].say, "-LOADING Redis=1");
	assert_int_equal(step[1].for_ns, 2000000000);
	assert_int_equal(step[2].latency_ns, 1000000);
	assert_int_equal(step[2].jitter_ns, 10000);
	assert_int_equal(step[2].close_ns, 5000);
	assert_int_equal(step[2].bandwidth, 65536);
	assert_int_equal(step[2].seed, 7);
	assert_int_equal(step[3].phase, GATE_READY);
	accept_line("5 gate 80 closing how=reset");
	assert_true(command.gate.steps[0].reset);
	accept_line("5 gate 80 closing how=fin");
	assert_false(command.gate.steps[0].reset);
	accept_line("5 gate 80 closing");
	assert_false(command.gate.steps[0].reset);
	accept_line("5 gate 80 slow");
	accept_line("5 gate 80 hung for=86400000000");
	accept_line("5 gate 80 unreachable attempts=1000000");
	accept_line("5 gate 80 denied protocol=postgres say=28P01%20no");
	assert_int_equal(command.gate.steps[0].phase, GATE_DENIED);
}

static void test_gate_refused(void **state)
{
	(void)state;
	refuse_line("5 gate", 3, "a port");
	refuse_line("5 gate 80", 4, "expected unreachable, refused");
	refuse_line("5 gate 80 absent", 4, "expected unreachable, refused");
	refuse_line("5 gate 80 refused then", 5, "before `then`");
	refuse_line("5 gate 80 refused then ready", 5, "before `then`");
	refuse_line("5 gate 80 refused attempts=3 then", 7, "expected unreachable, refused");
	refuse_line("5 gate 80 refused attempts=3 then then", 7, "expected unreachable, refused");
	refuse_line("5 gate 80 refused attempts=3 ", 6, "expected `then` or one of");
	refuse_line("5 gate 80 refused attempts=3 attempts=4", 6, "every key once");
	refuse_line("5 gate 80 refused latency=3", 5, "a key that this phase has");
	refuse_line("5 gate 80 refused for=0", 5, "microseconds");
	refuse_line("5 gate 80 refused for=86400000001", 5, "microseconds");
	refuse_line("5 gate 80 refused for=1ms", 5, "microseconds");
	refuse_line("5 gate 80 refused for=", 5, "microseconds");
	refuse_line("5 gate 80 refused attempts=-1", 5, "attempts=N");
	refuse_line("5 gate 80 slow bandwidth=0", 5, "bytes a second");
	refuse_line("5 gate 80 slow seed=x", 5, "seed=N");
	refuse_line("5 gate 80 closing how=rst", 5, "how=fin or how=reset");
	refuse_line("5 gate 80 loading", 5, "this phase speaks");
	refuse_line("5 gate 80 loading attempts=1 then ready", 6, "this phase speaks");
	refuse_line("5 gate 80 loading protocol=tcp", 5, "protocol=redis or protocol=postgres");
	refuse_line("5 gate 80 loading protocol=redis say=a%0d%0ab", 6, "without an end of line");
	refuse_line("5 gate 80 loading protocol=redis say=a%00", 6, "without NUL");
	refuse_line("5 gate 80 loading protocol=redis say=", 6, "1 to 199 bytes");
	refuse_line("5 gate 80 loading protocol=redis say=%4", 6, "percent-encoded");
	refuse_line("5 gate 80 loading protocol=redis say=%g0", 6, "percent-encoded");
}

static void test_gate_limits(void **state)
{
	(void)state;
	char line[COMMAND_LINE_MAX] = "5 gate 80 ready";
	size_t length = strlen(line);
	for (int steps = 2; steps <= 17; steps++) {
		static const char more[] = " for=1 then ready";
		memcpy(line + length, more, sizeof(more));
		length += sizeof(more) - 1;
		if (steps <= GATE_STEPS_MAX)
			accept_line(line);
		else
			refuse_line(line, 4 + 3 * 16 - 1, "at most 16 phases");
	}
	for (int bytes = 199; bytes <= 200; bytes++) {
		snprintf(line, sizeof(line), "5 gate 80 loading protocol=redis say=%0*d", bytes, 0);
		if (bytes == 199)
			accept_line(line);
		else
			refuse_line(line, 6, "1 to 199 bytes");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_name),
		cmocka_unit_test(test_long_names),
		cmocka_unit_test(test_resolve),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_tap),
		cmocka_unit_test(test_gate),
		cmocka_unit_test(test_gate_refused),
		cmocka_unit_test(test_gate_limits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
