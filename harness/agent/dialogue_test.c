/* Standard input to replies, with rooms that only write down what they are asked. */
#include "agent/control.h"
#include "agent/dialogue.h"
#include "agent/output.h"
#include "agent/reactor.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <cmocka.h>

#define DEADLINE_NS INT64_C(10000000000)

static char asked[4096]; /* of the rooms, a line each */
static const char *answer;

static const char *note(const char *format, ...)
{
	size_t length = strlen(asked);
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(asked + length, sizeof(asked) - length, format, arguments);
	va_end(arguments);
	return answer;
}

const char *names_set(const char *name, const struct sockaddr_storage *addresses, int count)
{
	return note("name %s %d %d\n", name, addresses[0].ss_family, count);
}

const char *names_resolve(const char *name, enum resolution how, int64_t late_ns,
    const struct sockaddr_storage *stale, int attempts, bool stays)
{
	return note("resolve %s %d %ld %d %d%s\n", name, how, late_ns, stale ? stale->ss_family : 0, attempts,
	    stays ? " stays" : "");
}

const char *names_forward(const struct sockaddr_storage *server)
{
	return note("forward %d\n", server->ss_family);
}

const char *names_alone(void)
{
	return note("alone\n");
}

const char *seal(bool but_answers)
{
	return note("seal %d\n", but_answers);
}

const char *tap_classify(uint16_t port, enum protocol protocol)
{
	return note("tap %d %d\n", port, protocol);
}

const char *tap_begin(void)
{
	return note("tap begins\n");
}

const char *socket_notices_begin(void)
{
	return note("socket notices begin\n");
}

static bool has_seen; /* something that was not told yet */

void socket_notices_catch_up(void)
{
	struct line line = { 0 };
	line_text(&line, "seen");
	if (has_seen)
		line_send(&line);
	has_seen = false;
}

const char *gate_script(uint16_t port, const struct gate_step *steps, int count)
{
	return note("gate %d %d %d\n", port, steps[0].phase, count);
}

const char *gate_ignore(const struct sockaddr_storage *source)
{
	return note("ignore %d\n", source->ss_family);
}

static int input[2], output[2];

static struct {
	struct source source;
	char bytes[256 * 1024];
	size_t length;
	bool has_run_out; /* of time */
} reader;

static void read_some(struct source *source, uint32_t events)
{
	(void)events;
	ssize_t count =
	    read(source->fd, reader.bytes + reader.length, sizeof(reader.bytes) - 1 - reader.length);
	if (count > 0)
		reader.length += (size_t)count;
	reader.bytes[reader.length] = '\0';
}

static void out_of_time(struct timeout *timeout)
{
	(void)timeout;
	reader.has_run_out = true;
	reactor_stop();
}

static struct timeout deadline = { .fire = out_of_time };

static int set_up(void **state)
{
	(void)state;
	memset(asked, 0, sizeof(asked));
	memset(&reader, 0, sizeof(reader));
	answer = NULL;
	if (pipe2(input, O_CLOEXEC) < 0 || pipe2(output, O_CLOEXEC) < 0 ||
	    fcntl(output[0], F_SETFL, O_NONBLOCK) < 0 || output_open(output[1]) < 0 ||
	    dialogue_open(input[0]) < 0)
		return -1;
	timeout_set(&deadline, now_ns() + DEADLINE_NS);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	timeout_cancel(&deadline);
	close(input[0]);
	if (input[1] >= 0)
		close(input[1]);
	close(output[0]);
	close(output[1]);
	return 0;
}

static void type(const char *text)
{
	assert_int_equal(write(input[1], text, strlen(text)), strlen(text));
}

/* Until the end of the input or `quit`; then everything that was said is in reader.bytes, without times. */
static void run(void)
{
	assert_int_equal(reactor_run(), 0);
	assert_false(reader.has_run_out);
	dialogue_finish();
	reader.source.fd = output[0];
	read_some(&reader.source, EPOLLIN);
	char *to = reader.bytes;
	for (const char *from = reader.bytes; *from; from++) {
		bool is_time = *from == ' ' && strspn(from + 1, "0123456789") > 8;
		if (is_time)
			from += 1 + strspn(from + 1, "0123456789");
		*to++ = *from;
	}
	*to = '\0';
}

static void end_input(void)
{
	close(input[1]);
	input[1] = -1;
}

static void test_every_command(void **state)
{
	(void)state;
	type("1 ping\n2 name redis 192.0.2.1 ::1\n3 resolve * late 5 attempts=2 stays\n4 forward ::1\n"
	     "5 tap 6379 redis\n6 tap on\n7 ignore 192.0.2.1\n8 gate 80 hung for=1 then ready\n9 seal "
	     "answers\n10 "
	     "alone\n"
	     "11 quit\n12 ping\n");
	run();
	assert_string_equal(reader.bytes,
	    "ok 1\nok 2\nok 3\nok 4\nok 5\nok 6\nok 7\nok 8\nok 9\nok 10\nok 11\n"); /* not 12 */
	char expected[512];
	snprintf(expected, sizeof(expected),
	    "name redis %d 2\nresolve * %d 5000000 0 2 stays\nforward %d\ntap 6379 %d\nsocket notices begin\n"
	    "tap begins\nignore %d\ngate 80 %d 2\nseal 1\nalone\n",
	    AF_INET, RESOLVE_LATE, AF_INET6, PROTOCOL_REDIS, AF_INET, GATE_HUNG);
	assert_string_equal(asked, expected);
}

/* What was seen before the reply's time comes before the reply. */
static void test_order(void **state)
{
	(void)state;
	has_seen = true;
	type("1 ping\n2 ping\n");
	end_input();
	run();
	assert_string_equal(reader.bytes, "seen\nok 1\nok 2\n");
}

static void test_errors(void **state)
{
	(void)state;
	answer = "no room for another gate";
	type("1 gate 80 ready\n2 gate 80\nnonsense\n\n3 tap on\n");
	end_input();
	run();
	assert_string_equal(reader.bytes,
	    "error 1 no room for another gate\n"
	    "error 2 field 4: expected unreachable, refused, hung, closing, loading, denied, slow or ready\n"
	    "error 0 field 1: expected a number of at most 18 digits\n"
	    "error 0 field 1: expected a number of at most 18 digits\n"
	    "error 3 no room for another gate\n");
	assert_string_equal(asked, "gate 80 7 1\nsocket notices begin\n");
}

/* 1023 bytes and the newline are a line; one more is refused once, and the next line is read again. */
static void test_long_lines(void **state)
{
	(void)state;
	char line[3 * COMMAND_LINE_MAX];
	snprintf(line, sizeof(line), "41 %0*d\n", COMMAND_LINE_MAX - 4, 0);
	assert_int_equal(strlen(line), COMMAND_LINE_MAX);
	type(line);
	snprintf(line, sizeof(line), "42 %0*d\n", COMMAND_LINE_MAX - 3, 0);
	type(line);
	type("43 ping\n");
	snprintf(line, sizeof(line), "44 %0*d\n", (int)sizeof(line) - 10, 0);
	type(line);
	type("45 ping\n46 ping"); /* the last is never ended, and never carried out */
	end_input();
	run();
	assert_string_equal(reader.bytes, "error 41 field 2: expected ping, name, resolve, forward, alone, "
					  "tap, ignore, gate, seal or quit\n"
					  "error 42 expected a line of at most 1024 bytes\nok 43\n"
					  "error 44 expected a line of at most 1024 bytes\nok 45\n");
}

/* Pieces of lines, as a pipe may bring them. */
static void type_rest(struct timeout *timeout)
{
	(void)timeout;
	type("ing\n2 p");
	type("ing\n3 quit\n");
}

static void test_pieces(void **state)
{
	(void)state;
	struct timeout rest = { .fire = type_rest };
	timeout_set(&rest, now_ns() + 1000000);
	type("1 p");
	run();
	assert_string_equal(reader.bytes, "ok 1\nok 2\nok 3\n");
}

#define PINGS 3000

static void begin_reading(struct timeout *timeout)
{
	(void)timeout;
	assert_false(output_takes_reply()); /* this is what it waited for */
	reader.source = (struct source){ .fd = output[0], .ready = read_some };
	assert_int_equal(reactor_add(&reader.source, EPOLLIN), 0);
}

/* While nobody reads replies no more commands are taken; none is lost. */
static void test_stalled_reader(void **state)
{
	(void)state;
	assert_true(fcntl(output[1], F_SETPIPE_SZ, 4096) > 0);
	for (int i = 0; i < 10000; i++) {
		struct line line = { 0 };
		line_text(&line, "syn");
		line_send(&line);
	}
	char text[16];
	for (int i = 0; i < PINGS; i++) {
		snprintf(text, sizeof(text), "%d ping\n", i);
		type(text);
	}
	end_input();
	struct timeout begin = { .fire = begin_reading };
	timeout_set(&begin, now_ns() + 50000000);
	run();
	reactor_remove(&reader.source);
	int expected = 0, number;
	for (char *line = reader.bytes, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
		*end = '\0';
		if (sscanf(line, "ok %d", &number) == 1) /* NOLINT(cert-err34-c): our own digits */
			assert_int_equal(number, expected++);
	}
	assert_int_equal(expected, PINGS);
}

/* A file cannot be waited for; the reactor, and thus the agent, says so. */
static void test_file(void **state)
{
	(void)state;
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	assert_int_equal(dialogue_open(fd), -1);
	assert_int_equal(errno, EPERM);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_every_command, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_order, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_errors, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_long_lines, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_pieces, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_stalled_reader, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_file, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
