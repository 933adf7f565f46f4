/*
 * Redis: AUTH if there is a password, SELECT if there is a database, then PING.
 *
 * Every answer that counts is one line of RESP ("+PONG", "-LOADING …"), so the lines are read here. A general
 * reply reader would allocate what a hostile "*1000000000" announces.
 */
#include "probe/readiness_protocol.h"

#include "base/buf.h"
#include "probe/socket_watch.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Redis' own errors are far shorter; a longer line is somebody else's protocol. */
#define LINE_MAX_BYTES 1024

struct redis_try {
	struct readiness_probe *probe;
	struct socket_watch *watch;
	int fd;
	bool connected;
	struct buf questions; /* what is still to be sent */
	struct buf answers;   /* what came and is not read yet */
	int courtesies;       /* answers to come before that to PING, each "+OK" */
};

static void ask(struct buf *questions, size_t count, const char *const words[])
{
	buf_addf(questions, "*%zu\r\n", count);
	for (size_t i = 0; i < count; i++)
		buf_addf(questions, "$%zu\r\n%s\r\n", strlen(words[i]), words[i]);
}

static void ask_all(struct redis_try *attempt, const struct readiness_config *config)
{
	if (config->password && config->user) {
		ask(&attempt->questions, 3, (const char *[]){ "AUTH", config->user, config->password });
		attempt->courtesies++;
	} else if (config->password) {
		ask(&attempt->questions, 2, (const char *[]){ "AUTH", config->password });
		attempt->courtesies++;
	}
	if (config->database) {
		ask(&attempt->questions, 2, (const char *[]){ "SELECT", config->database });
		attempt->courtesies++;
	}
	ask(&attempt->questions, 1, (const char *[]){ "PING" });
}

static bool starts_with(const char *line, size_t length, const char *word)
{
	return length >= strlen(word) && memcmp(line, word, strlen(word)) == 0;
}

/* True once the try has said something. */
static bool take_line(struct redis_try *attempt, const char *line, size_t length)
{
	if (length > 0 && line[0] == '-') {
		/* Any other error is a no to this client: -NOAUTH, -WRONGPASS, -ERR max number of clients
		 * reached … */
		enum readiness readiness =
		    starts_with(line, length, "-LOADING ") ? READINESS_LOADING : READINESS_DENIED;
		readiness_say(attempt->probe, readiness, line, length);
		return true;
	}
	if (attempt->courtesies > 0 && starts_with(line, length, "+OK")) {
		attempt->courtesies--;
		return false;
	}
	if (attempt->courtesies == 0 && starts_with(line, length, "+PONG")) {
		readiness_say(attempt->probe, READINESS_READY, line, length);
		return true;
	}
	struct buf words CLEANUP(buf_release) = { 0 };
	buf_add_string(&words, "does not speak Redis: ");
	buf_add_visible(&words, line, length, 64);
	readiness_say(attempt->probe, READINESS_DENIED, words.bytes, words.length);
	return true;
}

/* True once the try has said something. */
static bool take_lines(struct redis_try *attempt)
{
	struct buf *answers = &attempt->answers;
	const char *end;
	while (answers->length > 0 && (end = memchr(answers->bytes, '\n', answers->length))) {
		size_t length = (size_t)(end - answers->bytes);
		bool return_before = length > 0 && answers->bytes[length - 1] == '\r';
		if (take_line(attempt, answers->bytes, length - return_before))
			return true;
		buf_consume(answers, length + 1);
	}
	return answers->length >= LINE_MAX_BYTES && take_line(attempt, answers->bytes, answers->length);
}

static bool would_block(void)
{
	return errno == EAGAIN || errno == EINTR;
}

static void listen_to(struct redis_try *attempt)
{
	for (;;) {
		char bytes[LINE_MAX_BYTES];
		ssize_t count = recv(attempt->fd, bytes, sizeof(bytes), 0);
		if (count > 0) {
			buf_add(&attempt->answers, bytes, (size_t)count);
			if (take_lines(attempt))
				break;
			continue;
		}
		if (count < 0 && would_block())
			return;
		if (count < 0)
			readiness_say_errno(attempt->probe, errno);
		else
			readiness_say(attempt->probe, READINESS_CLOSING, "closed without an answer", 24);
		break;
	}
	socket_watch_stop(steal_ptr(attempt->watch));
}

static void socket_ready(void *owner)
{
	struct redis_try *attempt = owner;
	if (!attempt->connected) {
		int errnum = socket_errnum(attempt->fd);
		/* Reset already means accepted before; what was said first can still be read. */
		if (errnum && errnum != ECONNRESET) {
			socket_watch_stop(steal_ptr(attempt->watch));
			readiness_say_errno(attempt->probe, errnum);
			return;
		}
		attempt->connected = true;
	}
	if (attempt->questions.length > 0) {
		ssize_t count =
		    send(attempt->fd, attempt->questions.bytes, attempt->questions.length, MSG_NOSIGNAL);
		/* An error here is not the answer yet: a server that is full says so first and hangs up then.
		 */
		if (count > 0)
			buf_consume(&attempt->questions, (size_t)count);
		else if (!would_block())
			buf_clear(&attempt->questions);
	}
	socket_watch_for(
	    attempt->watch, attempt->questions.length > 0 ? UV_READABLE | UV_WRITABLE : UV_READABLE);
	listen_to(attempt);
}

static void *redis_begin(
    struct loop *loop, const struct readiness_config *config, struct readiness_probe *probe)
{
	struct redis_try *attempt = xcalloc(1, sizeof(*attempt));
	int errnum = 0;
	*attempt =
	    (struct redis_try){ .probe = probe, .fd = socket_dial(config->address, config->port, &errnum) };
	if (attempt->fd < 0) {
		readiness_say_errno(probe, errnum);
		return attempt;
	}
	ask_all(attempt, config);
	attempt->watch = socket_watch_start(loop, attempt->fd, socket_ready, attempt);
	socket_watch_for(attempt->watch, UV_WRITABLE);
	return attempt;
}

static bool redis_accepted(const void *pointer)
{
	const struct redis_try *attempt = pointer;
	return attempt->connected;
}

static void redis_end(void *pointer)
{
	struct redis_try *attempt = pointer;
	socket_watch_stop(attempt->watch);
	if (attempt->fd >= 0)
		close(attempt->fd);
	buf_release(&attempt->questions);
	buf_release(&attempt->answers);
	free(attempt);
}

const struct readiness_protocol redis_readiness = {
	.name = "redis",
	.begin = redis_begin,
	.accepted = redis_accepted,
	.end = redis_end,
};
