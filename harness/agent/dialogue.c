#include "agent/dialogue.h"
#include "agent/control.h"
#include "agent/fields.h"
#include "agent/lateness.h"
#include "agent/output.h"
#include "agent/reactor.h"
#include "agent/rooms.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define RETRY_NS INT64_C(20000000)

static struct {
	struct source source;
	struct timeout retry; /* while there is no room for a reply nothing is read */
	char bytes[COMMAND_LINE_MAX];
	size_t length;
	bool is_skipping; /* the rest of a line that was too long */
	bool has_quit;
	int64_t quit_number;
} dialogue;

static const char *begin_tap(void)
{
	const char *message = socket_notices_begin();
	if (!message)
		message = tap_begin();
	if (!message)
		lateness_begin();
	return message;
}

static const char *carry_out(const struct command *command)
{
	switch (command->kind) {
	case COMMAND_PING:
		return NULL;
	case COMMAND_NAME:
		return names_set(command->name.name, command->name.addresses, command->name.count);
	case COMMAND_RESOLVE:
		return names_resolve(command->resolve.name, command->resolve.how, command->resolve.late_ns,
		    &command->resolve.stale, command->resolve.attempts, command->resolve.stays);
	case COMMAND_FORWARD:
		return names_forward(&command->forward);
	case COMMAND_ALONE:
		return names_alone();
	case COMMAND_TAP_PORT:
		return tap_classify(command->tap.port, command->tap.protocol);
	case COMMAND_TAP_ON:
		return begin_tap();
	case COMMAND_IGNORE:
		return gate_ignore(&command->ignore);
	case COMMAND_GATE:
		return gate_script(command->gate.port, command->gate.steps, command->gate.count);
	case COMMAND_SEAL:
		return seal(command->seal_but_answers);
	case COMMAND_QUIT:
		dialogue.has_quit = true;
		dialogue.quit_number = command->number;
		reactor_stop();
		return NULL;
	}
	return "expected a command"; /* the parser makes no other */
}

/* Promises that everything stamped earlier has been told. */
static void reply_ok(int64_t number)
{
	struct line line = { 0 };
	line_text(&line, "ok");
	line_number(&line, number);
	line_number(&line, now_ns());
	socket_notices_catch_up();
	line_send_reply(&line);
}

/* `field` 0: the message is not about one. */
static void reply_error(int64_t number, int field, const char *message)
{
	struct line line = { 0 };
	line_text(&line, "error");
	line_number(&line, number);
	if (field) {
		line_word(&line, "field");
		line_number(&line, field);
		line_text(&line, ":");
	}
	line_word(&line, message);
	line_send_reply(&line);
}

static void take_line(const char *bytes, size_t length)
{
	struct command command;
	int field;
	const char *message = control_parse(bytes, length, &command, &field);
	if (message) {
		reply_error(command.number, field, message);
		return;
	}
	message = carry_out(&command);
	if (message)
		reply_error(command.number, 0, message);
	else if (command.kind != COMMAND_QUIT)
		reply_ok(command.number);
}

/* The buffer is full of one line without an end. */
static void refuse_long_line(void)
{
	struct fields fields = { .rest = dialogue.bytes, .end = dialogue.bytes + dialogue.length };
	struct piece field;
	int64_t number = 0;
	if (next_field(&fields, &field))
		(void)parse_number(field, 0, INT64_MAX, &number);
	reply_error(number, 0, "expected a line of at most 1024 bytes");
	dialogue.is_skipping = true;
	dialogue.length = 0;
}

static void pause_reading(void)
{
	reactor_remove(&dialogue.source);
	timeout_set(&dialogue.retry, now_ns() + RETRY_NS);
}

/* True when the buffer has no whole line any more. */
static bool take_lines(void)
{
	size_t taken = 0;
	bool is_done = false;
	while (!is_done && !dialogue.has_quit && output_takes_reply()) {
		const char *start = dialogue.bytes + taken;
		const char *newline = memchr(start, '\n', dialogue.length - taken);
		is_done = !newline;
		if (newline && !dialogue.is_skipping)
			take_line(start, (size_t)(newline - start));
		if (newline) {
			dialogue.is_skipping = false;
			taken = (size_t)(newline + 1 - dialogue.bytes);
		}
	}
	dialogue.length -= taken;
	memmove(dialogue.bytes, dialogue.bytes + taken, dialogue.length);
	if (is_done && dialogue.is_skipping)
		dialogue.length = 0;
	if (is_done && dialogue.length == sizeof(dialogue.bytes)) {
		is_done = output_takes_reply();
		if (is_done)
			refuse_long_line();
	}
	return is_done;
}

static void input_ready(struct source *source, uint32_t events)
{
	(void)events; /* an end or an error is found by reading */
	ssize_t count =
	    read(source->fd, dialogue.bytes + dialogue.length, sizeof(dialogue.bytes) - dialogue.length);
	if (count < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (count <= 0) {
		reactor_remove(source);
		reactor_stop();
		return;
	}
	dialogue.length += (size_t)count;
	if (!take_lines() && !dialogue.has_quit)
		pause_reading();
}

static void go_on(struct timeout *timeout)
{
	if (!take_lines()) {
		if (!dialogue.has_quit)
			timeout_set(timeout, now_ns() + RETRY_NS);
		return;
	}
	if (reactor_add(&dialogue.source, EPOLLIN) < 0)
		reactor_stop();
}

int dialogue_open(int fd)
{
	int flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return -1;
	memset(&dialogue, 0, sizeof(dialogue));
	dialogue.source = (struct source){ .fd = fd, .ready = input_ready, .is_last = true };
	dialogue.retry.fire = go_on;
	return reactor_add(&dialogue.source, EPOLLIN);
}

void dialogue_finish(void)
{
	timeout_cancel(&dialogue.retry);
	if (dialogue.has_quit && output_takes_reply())
		reply_ok(dialogue.quit_number);
	dialogue.has_quit = false;
}
