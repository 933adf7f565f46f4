/*
 * connection: a connection to the engine that is used by hand: bytes both ways, over a unix socket, TCP or
 * TLS. Private to this room; what the bytes mean is the caller's (attach.c).
 *
 * curl connects and carries the bytes, the loop says when. Small writes go out at once.
 */
#ifndef ENGINE_CONNECTION_H
#define ENGINE_CONNECTION_H

#include "engine/call.h"

struct connection;

/* All come from the loop. */
struct connection_events {
	void (*open)(void *owner);
	/* What came. Returns false if the connection was closed meanwhile. */
	bool (*received)(void *owner, const char *bytes, size_t length);
	/* The connection is gone: closed by the other end (err NULL), failed, or never made. All that came
	 * before has been received. */
	void (*ended)(void *owner, const struct err *err);
};

/* Of the request only what leads to the engine counts. `events` must outlive the connection. Never NULL. */
struct connection *connection_open(struct engine *engine, const struct call_request *request,
    const struct connection_events *events, void *owner);
/* Without a call back; NULL is allowed. */
void connection_close(struct connection *connection);

/* Sends what can be sent at once and keeps the rest: how much that may be is the caller's to watch. After a
 * failure to send it takes and forgets everything; `ended` tells, once all that came is received. Nothing is
 * called back from here. */
void connection_write(struct connection *connection, const void *bytes, size_t length);
size_t connection_unsent(const struct connection *connection);

#endif
