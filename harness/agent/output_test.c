/* The lines the agent writes: their fields, and what happens when nobody reads them. */
#include "agent/output.h"
#include "agent/reactor.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <cmocka.h>

static void expect_line(const struct line *line, const char *expected)
{
	char text[LINE_MAX_BYTES + 1];
	memcpy(text, line->bytes, line->length);
	text[line->length] = '\0';
	assert_string_equal(text, expected);
}

static struct sockaddr_storage address_of(int family, const char *text, uint16_t port)
{
	union {
		struct sockaddr_in four;
		struct sockaddr_in6 six;
		struct sockaddr_storage any;
	} address = { .any = { .ss_family = (sa_family_t)family } };
	address.four.sin_port = htons(port);
	void *place = family == AF_INET ? (void *)&address.four.sin_addr : (void *)&address.six.sin6_addr;
	assert_int_equal(inet_pton(family, text, place), 1);
	return address.any;
}

static void test_fields(void **state)
{
	(void)state;
	struct line line = { 0 };
	line_text(&line, "x");
	line_word(&line, "a word");
	line_number(&line, 0);
	line_number(&line, -1);
	line_number(&line, INT64_MAX);
	line_number(&line, INT64_MIN);
	line_escaped(&line, "\0\n %!~\177\377", 8);
	line_escaped(&line, "", 0);
	expect_line(&line, "x a word 0 -1 9223372036854775807 -9223372036854775808 %00%0A%20%25!~%7F%FF ");
}

static void test_addresses(void **state)
{
	(void)state;
	struct sockaddr_storage four = address_of(AF_INET, "192.0.2.1", 6379);
	struct sockaddr_storage six = address_of(AF_INET6, "2001:db8:1:2:3:4:5:6", 65535);
	struct sockaddr_storage mapped = address_of(AF_INET6, "::ffff:192.0.2.1", 80);
	struct line line = { 0 };
	line_address(&line, &four);
	line_address(&line, &six);
	line_address(&line, &mapped);
	line_host(&line, &four);
	line_host(&line, &six);
	line_host(&line, &mapped);
	expect_line(&line, " 192.0.2.1:6379 [2001:db8:1:2:3:4:5:6]:65535 192.0.2.1:80"
			   " 192.0.2.1 2001:db8:1:2:3:4:5:6 192.0.2.1");
}

/* Every pattern of zero groups is written as the C library writes it. */
static void test_zero_groups(void **state)
{
	(void)state;
	static const uint16_t values[] = { 0x1, 0xa0, 0xf00, 0xabcd };
	for (unsigned int pattern = 0; pattern < 256; pattern++) {
		struct sockaddr_storage address = address_of(AF_INET6, "::", 0);
		struct in6_addr *six = &((struct sockaddr_in6 *)&address)->sin6_addr;
		for (unsigned int i = 0; i < 8; i++)
			six->s6_addr16[i] = htons(pattern >> i & 1 ? values[(pattern + i) % 4] : 0);
		char expected[INET6_ADDRSTRLEN + 1] = " ";
		assert_non_null(inet_ntop(AF_INET6, six, expected + 1, INET6_ADDRSTRLEN));
		struct line line = { 0 };
		line_host(&line, &address);
		if (!strchr(expected, '.')) /* ::1.2.3.4, which nobody has used since 2006 (RFC 4291) */
			expect_line(&line, expected);
	}
}

/* A field is whole or missing, an escape is whole, and there is always room for the newline. */
static void test_cut(void **state)
{
	(void)state;
	static char long_text[2 * LINE_MAX_BYTES];
	memset(long_text, 'x', sizeof(long_text) - 1);
	struct line line = { 0 };
	line_text(&line, long_text);
	assert_int_equal(line.length, LINE_MAX_BYTES - 1);
	line_number(&line, 1);
	line_word(&line, "a");
	line_escaped(&line, "a", 1);
	assert_int_equal(line.length, LINE_MAX_BYTES - 1);

	line.length = LINE_MAX_BYTES - 6;
	line_number(&line, 12345);
	assert_int_equal(line.length, LINE_MAX_BYTES - 6);
	line_number(&line, 1234);
	assert_int_equal(line.length, LINE_MAX_BYTES - 1);

	line.length = LINE_MAX_BYTES - 6;
	line_escaped(&line, "a\n\n", 3);
	assert_int_equal(line.length, LINE_MAX_BYTES - 1);
	assert_memory_equal(line.bytes + LINE_MAX_BYTES - 6, " a%0A", 5);
}

static int ends[2];

static int open_pipe(void **state)
{
	(void)state;
	signal(SIGPIPE, SIG_IGN);
	return pipe2(ends, O_CLOEXEC) < 0 || fcntl(ends[1], F_SETPIPE_SZ, 4096) < 0 ||
	       fcntl(ends[0], F_SETFL, O_NONBLOCK) < 0 || output_open(ends[1]) < 0;
}

static int close_pipe(void **state)
{
	(void)state;
	int status = output_open(ends[1]); /* forgets what is queued */
	close(ends[1]);
	if (ends[0] >= 0)
		close(ends[0]);
	return status;
}

#define COUNT 5000

static struct {
	struct source source;
	char bytes[COUNT * 40];
	size_t length;
	bool is_late;
} reader;

static bool is_all_there(void)
{
	return reader.length && memmem(reader.bytes, reader.length, "\nlast\n", 6);
}

static void read_some(struct source *source, uint32_t events)
{
	(void)events;
	ssize_t count = read(source->fd, reader.bytes + reader.length, sizeof(reader.bytes) - reader.length);
	if (count > 0)
		reader.length += (size_t)count;
	if (is_all_there())
		reactor_stop();
}

static void too_late(struct timeout *timeout)
{
	(void)timeout;
	reader.is_late = true;
	reactor_stop();
}

static void send_number(int64_t number)
{
	struct line line = { 0 };
	line_text(&line, "n");
	line_number(&line, number);
	line_send(&line);
}

static void read_everything(void)
{
	struct timeout deadline = { .fire = too_late };
	reader.source = (struct source){ .fd = ends[0], .ready = read_some };
	reader.length = 0;
	reader.is_late = false;
	assert_int_equal(reactor_add(&reader.source, EPOLLIN), 0);
	timeout_set(&deadline, now_ns() + INT64_C(10000000000));
	assert_int_equal(reactor_run(), 0);
	timeout_cancel(&deadline);
	reactor_remove(&reader.source);
	assert_false(reader.is_late);
}

/* Nobody reads: the first lines are kept, the rest counted, and where they are missing a line says so.
 * Replies get through all the same. */
static void test_stalled_reader(void **state)
{
	(void)state;
	for (int64_t i = 0; i < COUNT * 4; i++)
		send_number(i);
	output_count_lost(7);
	assert_true(output_takes_reply());
	struct line reply = { 0 };
	line_text(&reply, "last");
	line_send_reply(&reply);
	read_everything();

	int64_t next = 0, number, at_ns, lost = 0;
	int lost_lines = 0;
	reader.bytes[reader.length] = '\0';
	for (char *line = reader.bytes, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
		*end = '\0';
		if (sscanf(line, "n %ld", &number) == 1) /* NOLINT(cert-err34-c): our own digits */
			assert_int_equal(number, next++);
		else if (sscanf(line, "lost %ld %ld", &at_ns, &lost) == 2) /* NOLINT(cert-err34-c) */
			lost_lines++;
		else
			assert_string_equal(line, "last");
	}
	assert_true(next > 60000 / 8 && next < COUNT * 4);
	/* The reply may come before the room for the line that confesses. */
	if (!lost_lines) {
		reader.length = 0;
		struct line last = { 0 };
		line_text(&last, "\nlast");
		line_send(&last);
		read_everything();
		reader.bytes[reader.length] = '\0';
		assert_int_equal(
		    sscanf(reader.bytes, "lost %ld %ld", &at_ns, &lost), 2); /* NOLINT(cert-err34-c) */
	}
	assert_int_equal(lost, COUNT * 4 - next + 7);
}

/* Room for replies alone: lines stop before, replies go on until nothing more can be taken. */
static void test_reserve(void **state)
{
	(void)state;
	for (int64_t i = 0; i < COUNT * 4; i++)
		send_number(i);
	int replies = 0;
	while (output_takes_reply() && replies < COUNT) {
		struct line reply = { 0 };
		line_text(&reply, "ok");
		line_number(&reply, replies++);
		line_send_reply(&reply);
	}
	assert_true(replies >= 7 * LINE_MAX_BYTES / 8 && replies < COUNT);
}

/* A script's move gets through where observations are lost, and leaves room for one reply. */
static void test_moves(void **state)
{
	(void)state;
	for (int64_t i = 0; i < COUNT * 4; i++)
		send_number(i);
	for (int i = 0; i < COUNT; i++) {
		struct line move = { 0 };
		line_text(&move, "phase");
		line_send_move(&move);
	}
	assert_true(output_takes_reply());
	struct line reply = { 0 };
	line_text(&reply, "last");
	line_send_reply(&reply);
	read_everything();
	reader.bytes[reader.length] = '\0';
	assert_non_null(strstr(reader.bytes, "\nphase\nphase\n"));
}

static void test_reader_gone(void **state)
{
	(void)state;
	close(ends[0]);
	ends[0] = -1;
	send_number(1);
	assert_int_equal(reactor_run(), 0); /* it was stopped: nobody listens to an agent without a reader */
	send_number(2);
	output_count_lost(1);
	assert_true(output_takes_reply());
}

static void test_finish(void **state)
{
	(void)state;
	for (int64_t i = 0; i < COUNT; i++)
		send_number(i);
	int64_t before_ns = now_ns();
	output_finish(before_ns + 20000000); /* nobody reads: it gives up in time */
	assert_true(now_ns() - before_ns >= 19000000);
	assert_true(read(ends[0], reader.bytes, 4096) == 4096);
	output_finish(now_ns() + 20000000);
	assert_true(read(ends[0], reader.bytes, 4096) > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_zero_groups),
		cmocka_unit_test(test_cut),
		cmocka_unit_test_setup_teardown(test_stalled_reader, open_pipe, close_pipe),
		cmocka_unit_test_setup_teardown(test_reserve, open_pipe, close_pipe),
		cmocka_unit_test_setup_teardown(test_moves, open_pipe, close_pipe),
		cmocka_unit_test_setup_teardown(test_reader_gone, open_pipe, close_pipe),
		cmocka_unit_test_setup_teardown(test_finish, open_pipe, close_pipe),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
