/* What packets tell, without a kernel: the table is fed by hand and its lines are read. */
#include "agent/connections.h"
#include "agent/output.h"
#include "agent/reactor.h"
#include "agent/socket_table.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define ACK SEGMENT_ACK
#define SYN SEGMENT_SYN
#define FIN SEGMENT_FIN
#define RST SEGMENT_RST

static int pipe_ends[2];
static int64_t clock_ns = 1;
static uint16_t client_port = 20000; /* another one for each test: there is one table a process */

static int open_output(void **state)
{
	(void)state;
	if (pipe(pipe_ends) < 0 || fcntl(pipe_ends[0], F_SETFL, O_NONBLOCK) < 0)
		return -1;
	return connections_classify(6379, PROTOCOL_REDIS) | output_open(pipe_ends[1]);
}

static int next_port(void **state)
{
	(void)state;
	client_port++;
	return 0;
}

static struct endpoint end(uint8_t last, uint16_t port)
{
	return (struct endpoint){ .family = 4, .port = port, .bytes = { 10, 0, 0, last } };
}

static void segment(
    bool by_client, uint8_t flags, uint32_t sequence, uint32_t acknowledged, const char *payload)
{
	struct packet packet = { .kind = PACKET_TCP,
		.flags = flags,
		.sequence = sequence,
		.acknowledged = acknowledged,
		.payload = (const uint8_t *)payload,
		.captured = strlen(payload),
		.length = strlen(payload) };
	packet.from = by_client ? end(1, client_port) : end(2, 6379);
	packet.to = by_client ? end(2, 6379) : end(1, client_port);
	connections_packet(&packet, 2, by_client, clock_ns++);
}

static void open_connection(void)
{
	segment(true, SYN, 100, 0, "");
	segment(false, SYN | ACK, 500, 101, "");
}

/* The lines since the last time, without times and addresses: "syn;said loading -LOADING;". */
static void assert_lines(const char *expected)
{
	static char bytes[64 * 1024];
	char found[4096] = "";
	ssize_t length = read(pipe_ends[0], bytes, sizeof(bytes) - 1);
	bytes[length > 0 ? length : 0] = '\0';
	for (char *line = bytes, *newline; (newline = strchr(line, '\n')) != NULL; line = newline + 1) {
		*newline = '\0';
		char *field = line;
		for (int i = 0; i < 4 && field; i++)
			field = strchr(field + 1, ' ');
		size_t used = strlen(found);
		snprintf(found + used, sizeof(found) - used, "%.*s%s;", (int)strcspn(line, " "), line,
		    field ? field : "");
	}
	assert_string_equal(found, expected);
}

static void gone(void)
{
	struct endpoint local = end(1, client_port), remote = end(2, 6379);
	connections_gone(&local, &remote, clock_ns++);
}

static void test_a_life(void **state)
{
	(void)state;
	open_connection();
	segment(true, ACK, 101, 501, "PING\r\n");
	segment(false, ACK, 501, 107, "+PO");
	segment(false, ACK, 504, 107, "NG\r\n");
	segment(false, FIN | ACK, 508, 107, "");
	segment(true, FIN | ACK, 107, 509, "");
	segment(true, RST, 108, 0, "");
	gone();
	gone();
	assert_lines("syn;open;asked;said connected +PONG;closed server;gone;");
}

static void test_refused(void **state)
{
	(void)state;
	segment(true, SYN, 100, 0, "");
	segment(false, RST | ACK, 0, 77, ""); /* a predecessor's */
	segment(true, SYN, 100, 0, "");
	segment(false, RST | ACK, 0, 101, "");
	segment(false, RST | ACK, 0, 101, "");
	gone();
	assert_lines("syn;again;refused;");
}

/* The end of the first is heard after the second has begun, and is not the second's. */
static void test_ports_used_again(void **state)
{
	(void)state;
	segment(true, SYN, 100, 0, "");
	segment(true, SYN, 900, 0, "");
	gone();
	segment(false, SYN | ACK, 5, 901, "");
	gone();
	assert_lines("syn;gone;syn;open;gone;");
}

static void test_sent_again(void **state)
{
	(void)state;
	open_connection();
	segment(true, ACK, 101, 501, "PING\r\n");
	segment(true, ACK, 101, 501, "PING\r\n");
	segment(false, ACK, 501, 107, "-LOAD");
	segment(false, ACK, 501, 107, "-LOAD");
	segment(false, ACK, 503, 107, "OADING x\r\n"); /* overlaps */
	gone();
	assert_lines("syn;open;asked;said loading -LOADING%20x;gone;");
}

static void test_hole(void **state)
{
	(void)state;
	open_connection();
	segment(true, ACK, 101, 501, "INFO\r\n");
	segment(false, ACK, 501, 107, "$90\r\n# Ser");
	segment(false, ACK, 600, 107, "loading:1\r\n");
	gone();
	assert_lines("syn;open;asked;said unknown $90%0D%0A#%20Ser;gone;");
}

static void test_opening_was_lost(void **state)
{
	(void)state;
	segment(true, SYN, 100, 0, "");
	segment(true, ACK, 101, 501, "PING\r\n");
	segment(false, ACK, 501, 107, "+PONG\r\n");
	gone();
	assert_lines("syn;open;said unknown +PONG%0D%0A;gone;");
}

static void test_unreachable(void **state)
{
	(void)state;
	struct packet error = { .kind = PACKET_UNREACHABLE, .code = 1, .sequence = 99 };
	error.from = end(1, client_port);
	error.to = end(2, 6379);
	segment(true, SYN, 100, 0, "");
	connections_packet(&error, 2, false, clock_ns++);
	error.sequence = 100;
	connections_packet(&error, 2, false, clock_ns++);
	connections_packet(&error, 2, false, clock_ns++);
	segment(true, SYN, 100, 0, ""); /* it was taken for a hint */
	gone();
	assert_lines("syn;unreachable 1;again;gone;");
}

static void test_missing_from_lists(void **state)
{
	(void)state;
	struct endpoint local = end(1, client_port), remote = end(2, 6379);
	segment(true, SYN, 100, 0, "");
	for (int i = 0; i < 3; i++) {
		connections_list_begin();
		if (i == 1)
			connections_list_socket(&local, &remote);
		connections_list_end(clock_ns++);
	}
	assert_lines("syn;");
	connections_list_begin();
	connections_list_end(clock_ns++);
	assert_lines("gone;");
	assert_int_equal(connections_count(), 0);
}

static void test_waits_for_neighbour(void **state)
{
	(void)state;
	struct endpoint local = end(1, client_port), remote = end(2, 6379);
	connections_connecting(&local, &remote, clock_ns++);
	connections_connecting(&local, &remote, clock_ns++);
	assert_true(connections_wait_for_neighbour());
	segment(true, SYN, 100, 0, "");
	assert_false(connections_wait_for_neighbour());
	segment(true, SYN, 100, 0, "");
	segment(false, SYN | ACK, 500, 101, "");
	gone();
	assert_lines("syn;again;open;gone;");
}

static void test_settles(void **state)
{
	(void)state;
	open_connection();
	segment(true, ACK, 101, 501, "AUTH x\r\n");
	segment(false, ACK, 501, 109, "+OK\r\n");
	int64_t due_ns = connections_settle_due_ns();
	assert_int_equal(due_ns, clock_ns - 1 + SETTLED_NS);
	assert_int_equal(connections_settle(due_ns - 1), due_ns);
	assert_int_equal(connections_settle(due_ns), INT64_MAX);
	assert_int_equal(connections_settle(due_ns + 1), INT64_MAX);
	gone();
	assert_lines("syn;open;asked;said connected +OK;gone;");
}

/* The client need not stay for it. */
static void test_settles_at_its_end(void **state)
{
	(void)state;
	for (int reset = 0; reset < 2; reset++) {
		open_connection();
		segment(true, ACK, 101, 501, "AUTH x\r\n");
		segment(false, ACK, 501, 109, "+OK\r\n");
		segment(true, reset ? RST : FIN | ACK, 109, 506, "");
		gone();
		assert_lines(reset ? "syn;open;asked;said connected +OK;reset client;gone;"
				   : "syn;open;asked;said connected +OK;closed client;gone;");
		client_port++;
	}
	/* It went while its question was not answered; so had the server. */
	open_connection();
	segment(true, ACK, 101, 501, "AUTH x\r\n");
	segment(true, FIN | ACK, 109, 501, "");
	gone();
	assert_lines("syn;open;asked;closed client;gone;");
	client_port++;
	open_connection();
	segment(true, ACK, 101, 501, "AUTH x\r\n");
	segment(false, ACK, 501, 109, "+OK\r\n");
	segment(false, FIN | ACK, 506, 109, "");
	gone();
	assert_lines("syn;open;asked;closed server;gone;");
}

/* Listed are those that have told; not while another one of the same ports still has to. */
static void test_quiet_list(void **state)
{
	(void)state;
	uint32_t words[16], word = (uint32_t)client_port << 16 | 6379;
	assert_int_equal(connections_list_quiet(words, 16), 0);
	open_connection();
	assert_int_equal(connections_list_quiet(words, 16), 0);
	segment(true, ACK, 101, 501, "PING\r\n");
	segment(false, ACK, 501, 107, "+PONG\r\n");
	assert_int_equal(connections_filter_need(), FILTER_SOON);
	assert_int_equal(connections_list_quiet(words, 16), 2);
	assert_int_equal(words[0], (uint32_t)6379 << 16 | client_port);
	assert_int_equal(words[1], word);
	assert_int_equal(connections_filter_need(), FILTER_FITS);
	struct packet other = {
		.kind = PACKET_TCP, .flags = SYN, .from = end(1, client_port), .to = end(3, 6379)
	};
	connections_packet(&other, 2, true, clock_ns++);
	assert_int_equal(connections_list_quiet(words, 16), 0);
	connections_gone(&other.from, &other.to, clock_ns++);
	assert_int_equal(connections_list_quiet(words, 16), 2);
	segment(true, SYN, 7777, 0, "");
	assert_int_equal(connections_filter_need(), FILTER_NOW);
	gone();
	gone();
	assert_int_equal(connections_list_quiet(words, 16), 0);
	assert_lines("syn;open;asked;said connected +PONG;syn;gone;gone;syn;gone;");
}

static void test_others(void **state)
{
	(void)state;
	uint32_t words[4];
	segment(false, SYN, 100, 0, ""); /* from outside */
	segment(true, ACK, 1, 1, "HTTP");
	segment(false, ACK, 1, 1, "GET");
	assert_int_equal(connections_list_quiet(words, 4), 2);
	segment(false, FIN | ACK, 4, 5, "");
	assert_int_equal(connections_list_quiet(words, 4), 0);
	assert_lines("");
}

/* One more than the table holds is lost and said so; foreign ones make room. */
static void test_full(void **state)
{
	(void)state;
	static char drained[1024 * 1024];
	struct packet syn = { .kind = PACKET_TCP, .flags = SYN, .from = end(9, 1), .to = end(2, 80) };
	segment(true, ACK, 1, 1, "foreign");
	for (int i = 0; i < CONNECTIONS_MAX; i++) {
		syn.from.port = (uint16_t)(i + 1);
		connections_packet(&syn, 2, true, clock_ns++);
		if (i % 500 == 0)
			(void)!read(pipe_ends[0], drained, sizeof(drained));
	}
	assert_int_equal(connections_count(), CONNECTIONS_MAX);
	assert_int_equal(connections_begun(), CONNECTIONS_MAX);
	(void)!read(pipe_ends[0], drained, sizeof(drained));
	syn.from.port = CONNECTIONS_MAX + 1;
	connections_packet(&syn, 2, true, clock_ns++);
	assert_int_equal(connections_count(), CONNECTIONS_MAX);
	for (int i = 0; i < CONNECTIONS_MAX; i++) {
		syn.from.port = (uint16_t)(i + 1);
		connections_gone(&syn.from, &syn.to, clock_ns++);
		if (i % 500 == 0)
			(void)!read(pipe_ends[0], drained, sizeof(drained));
	}
	assert_int_equal(connections_count(), 0);
}

static void test_socket_lines(void **state)
{
	(void)state;
	static const char four[] =
	    "   3: 0100007F:1F90 0200A8C0:C350 02 00000001:00000000 01:0000005A 00000001     0  0 1";
	static const char six[] =
	    "   0: 000000000000000000000000010000"
	    "00:0035 0000000000000000FFFF00000100007F:0001 06 00000000:00000000 00:00000000 00000000";
	struct socket_entry entry;
	assert_int_equal(socket_table_parse(four, strlen(four), &entry), 0);
	assert_memory_equal(entry.local.bytes, "\x7f\0\0\1", 4);
	assert_int_equal(entry.local.port, 8080);
	assert_memory_equal(entry.remote.bytes, "\xc0\xa8\0\2", 4);
	assert_int_equal(entry.remote.port, 50000);
	assert_int_equal(entry.state, SOCKET_CONNECTING);
	assert_int_equal(entry.timer_ticks, 90);
	assert_int_equal(entry.retransmits, 1);
	assert_int_equal(socket_table_parse(six, strlen(six), &entry), 0);
	assert_int_equal(entry.local.family, 6);
	assert_int_equal(entry.local.bytes[15], 1);
	assert_int_equal(entry.remote.family, 4); /* in IPv6's clothes */
	assert_int_equal(entry.state, SOCKET_TIME_WAIT);
	for (size_t length = 0; length < 75; length++)
		assert_int_equal(socket_table_parse(four, length, &entry), -1);
	assert_int_equal(socket_table_parse("  sl  local_address rem_address", 31, &entry), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_a_life, next_port),
		cmocka_unit_test_setup(test_refused, next_port),
		cmocka_unit_test_setup(test_ports_used_again, next_port),
		cmocka_unit_test_setup(test_sent_again, next_port),
		cmocka_unit_test_setup(test_hole, next_port),
		cmocka_unit_test_setup(test_opening_was_lost, next_port),
		cmocka_unit_test_setup(test_unreachable, next_port),
		cmocka_unit_test_setup(test_missing_from_lists, next_port),
		cmocka_unit_test_setup(test_waits_for_neighbour, next_port),
		cmocka_unit_test_setup(test_settles, next_port),
		cmocka_unit_test_setup(test_settles_at_its_end, next_port),
		cmocka_unit_test_setup(test_quiet_list, next_port),
		cmocka_unit_test_setup(test_others, next_port),
		cmocka_unit_test_setup(test_full, next_port),
		cmocka_unit_test(test_socket_lines),
	};
	return cmocka_run_group_tests_name("connections", tests, open_output, NULL);
}
