#include "probe/readiness_protocol.h"

#include "probe/socket_watch.h"

#include <unistd.h>

struct tcp_try {
	struct readiness_probe *probe;
	struct socket_watch *watch;
	int fd;
};

static void connected(void *owner)
{
	struct tcp_try *attempt = owner;
	socket_watch_stop(steal_ptr(attempt->watch));
	int errnum = socket_errnum(attempt->fd);
	if (errnum)
		readiness_say_errno(attempt->probe, errnum);
	else
		readiness_say(attempt->probe, READINESS_READY, "accepted", 8);
}

static void *tcp_begin(
    struct loop *loop, const struct readiness_config *config, struct readiness_probe *probe)
{
	struct tcp_try *attempt = xcalloc(1, sizeof(*attempt));
	int errnum = 0;
	*attempt =
	    (struct tcp_try){ .probe = probe, .fd = socket_dial(config->address, config->port, &errnum) };
	if (attempt->fd < 0) {
		readiness_say_errno(probe, errnum);
		return attempt;
	}
	attempt->watch = socket_watch_start(loop, attempt->fd, connected, attempt);
	socket_watch_for(attempt->watch, UV_WRITABLE);
	return attempt;
}

static bool tcp_accepted(const void *attempt)
{
	(void)attempt;
	return false; /* or it would have said so */
}

static void tcp_end(void *pointer)
{
	struct tcp_try *attempt = pointer;
	socket_watch_stop(attempt->watch);
	if (attempt->fd >= 0)
		close(attempt->fd);
	free(attempt);
}

const struct readiness_protocol tcp_readiness = {
	.name = "tcp",
	.begin = tcp_begin,
	.accepted = tcp_accepted,
	.end = tcp_end,
};
