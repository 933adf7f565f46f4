#include "probe/socket_watch.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

struct socket_watch {
	uv_poll_t poll; /* first: uv frees us through it */
	int fd;
	void (*ready)(void *owner);
	void *owner;
};

static socklen_t make_address(struct sockaddr_storage *storage, const char *address, int port)
{
	struct sockaddr_in *four = (struct sockaddr_in *)storage;
	if (inet_pton(AF_INET, address, &four->sin_addr) == 1) {
		four->sin_family = AF_INET;
		four->sin_port = htons((uint16_t)port);
		return sizeof(*four);
	}
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)storage;
	if (inet_pton(AF_INET6, address, &six->sin6_addr) == 1) {
		six->sin6_family = AF_INET6;
		six->sin6_port = htons((uint16_t)port);
		return sizeof(*six);
	}
	return 0;
}

int socket_dial(const char *address, int port, int *ret_errnum)
{
	struct sockaddr_storage storage = { 0 };
	socklen_t size = make_address(&storage, address, port);
	if (size == 0) {
		*ret_errnum = EADDRNOTAVAIL;
		return -1;
	}
	int fd = socket(storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		*ret_errnum = errno;
		return -1;
	}
	int yes = 1;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
	/* Over loopback a refusal is known before connect() returns. */
	if (connect(fd, (const struct sockaddr *)&storage, size) && errno != EINPROGRESS) {
		*ret_errnum = errno;
		close(fd);
		return -1;
	}
	return fd;
}

int socket_errnum(int fd)
{
	int errnum = 0;
	socklen_t size = sizeof(errnum);
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &errnum, &size))
		return errno;
	return errnum;
}

static void poll_ready(uv_poll_t *poll, int status, int events)
{
	(void)status; /* reading or writing will meet the error and know more of it */
	(void)events;
	struct socket_watch *watch = poll->data;
	watch->ready(watch->owner);
}

struct socket_watch *socket_watch_start(struct loop *loop, int fd, void (*ready)(void *owner), void *owner)
{
	struct socket_watch *watch = xcalloc(1, sizeof(*watch));
	*watch = (struct socket_watch){ .fd = fd, .ready = ready, .owner = owner };
	int status = uv_poll_init_socket(loop_uv(loop), &watch->poll, fd);
	if (status)
		BUG("uv_poll_init_socket: %s", uv_strerror(status));
	watch->poll.data = watch;
	return watch;
}

void socket_watch_for(struct socket_watch *watch, int events)
{
	uv_poll_start(&watch->poll, events, poll_ready);
}

int socket_watch_fd(const struct socket_watch *watch)
{
	return watch->fd;
}

static void closed(uv_handle_t *handle)
{
	free(handle->data);
}

void socket_watch_stop(struct socket_watch *watch)
{
	if (watch)
		uv_close((uv_handle_t *)&watch->poll, closed);
}
