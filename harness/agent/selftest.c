#include "agent/selftest.h"
#include "agent/control.h"
#include "agent/output.h"
#include "agent/reactor.h"

#include <stdbool.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

static int say(const char *text, int status)
{
	ssize_t written = write(STDOUT_FILENO, text, strlen(text));
	return written < 0 ? 1 : status;
}

static const char *parse(const char *line, struct command *command)
{
	int field;
	return control_parse(line, strlen(line), command, &field);
}

static bool parses(void)
{
	struct command command;
	return !parse(
		   "7 gate 6379 refused attempts=3 then loading protocol=redis say=-LOADING%20wait for=2000 "
		   "then ready",
		   &command) &&
	       command.number == 7 && command.gate.port == 6379 && command.gate.count == 3 &&
	       command.gate.steps[1].for_ns == 2000000 &&
	       strcmp(command.gate.steps[1].say, "-LOADING wait") == 0 &&
	       command.gate.steps[2].phase == GATE_READY &&
	       parse("8 gate 6379 refused then ready", &command) && command.number == 8;
}

static bool writes(void)
{
	static const char expected[] = "said -9223372036854775808 [2001:db8::1]:6379 192.0.2.1 %00%25%20~%FF";
	struct command command;
	struct line line = { 0 };
	if (parse("1 forward [2001:db8::1]:6379", &command))
		return false;
	line_text(&line, "said");
	line_number(&line, INT64_MIN);
	line_address(&line, &command.forward);
	if (parse("1 ignore 192.0.2.1", &command))
		return false;
	line_host(&line, &command.ignore);
	line_escaped(&line, "\0% ~\xff", 5);
	return line.length == strlen(expected) && memcmp(line.bytes, expected, line.length) == 0;
}

static struct {
	int fired; /* the number of the last, if all came in order */
	bool is_early;
	char byte;
} seen;

static void first(struct timeout *timeout)
{
	seen.is_early = seen.is_early || now_ns() < timeout->due_ns;
	seen.fired = seen.fired == 0 ? 1 : -1;
}

static void second(struct timeout *timeout)
{
	seen.is_early = seen.is_early || now_ns() < timeout->due_ns;
	seen.fired = seen.fired == 1 ? 2 : -1;
}

static void readable(struct source *source, uint32_t events)
{
	if (events & EPOLLIN && read(source->fd, &seen.byte, 1) == 1)
		reactor_stop();
}

static int ends[2];

static void third(struct timeout *timeout)
{
	(void)timeout;
	seen.fired = seen.fired == 2 ? 3 : -1;
	if (write(ends[1], "x", 1) != 1)
		reactor_stop();
}

static bool waits(void)
{
	struct timeout one = { .fire = first }, two = { .fire = second }, three = { .fire = third };
	int64_t now = now_ns();
	if (pipe(ends) < 0)
		return false;
	struct source source = { .fd = ends[0], .ready = readable };
	if (reactor_add(&source, EPOLLIN) < 0)
		return false;
	timeout_set(&three, now + 3000000);
	timeout_set(&two, now + 2000000);
	timeout_set(&one, now + 4000000);
	timeout_set(&one, now + 1000000);
	bool has_run = reactor_run() == 0;
	reactor_remove(&source);
	close(ends[0]);
	close(ends[1]);
	return has_run && seen.fired == 3 && !seen.is_early && seen.byte == 'x';
}

int selftest(void)
{
	if (!parses())
		return say("the control lines are misread\n", 1);
	if (!writes())
		return say("lines are written wrong\n", 1);
	if (!waits())
		return say("timers or descriptors do not work\n", 1);
	return say("ok\n", 0);
}
