/* socket_watch: sockets that the protocols drive themselves, on the loop. Private to this room. */
#ifndef PROBE_SOCKET_WATCH_H
#define PROBE_SOCKET_WATCH_H

#include "loop/loop.h"

/* A non-blocking socket that is connecting, or -1 with *ret_errnum set if that failed at once. The address is
 * numeric. It is connected (or not: socket_errnum()) when it becomes writable. */
int socket_dial(const char *address, int port, int *ret_errnum);
/* The pending error of a socket, which is forgotten by asking; 0 if none. */
int socket_errnum(int fd);

/* Watches a socket that somebody else owns and closes, after socket_watch_stop(). */
struct socket_watch;
struct socket_watch *socket_watch_start(
    struct loop *loop, int fd, void (*ready)(void *owner), void *owner) MUST_CHECK;
/* UV_READABLE, UV_WRITABLE, both. */
void socket_watch_for(struct socket_watch *watch, int events);
int socket_watch_fd(const struct socket_watch *watch);
/* NULL is allowed. */
void socket_watch_stop(struct socket_watch *watch);

#endif
