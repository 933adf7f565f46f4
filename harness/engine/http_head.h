/*
 * http_head: the head of an HTTP reply, for a connection that is used by hand. Knows no socket: it is fed
 * bytes. Only what the end of a refused request and a connection that is handed over need.
 */
#ifndef ENGINE_HTTP_HEAD_H
#define ENGINE_HTTP_HEAD_H

#include "base/buf.h"
#include "base/err.h"
#include "base/memory.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTP_HEAD_MAX (64UL << 10)

struct http_head {
	/* Valid when the head is whole. */
	int status;
	int64_t content_length; /* -1: not said */
	bool is_raw;            /* the body is the engine's own plain text, not JSON */

	struct buf line; /* the line under way */
	size_t length;   /* bytes so far */
	bool has_status;
};

void http_head_init(struct http_head *head);
void http_head_release(struct http_head *head);

/* Takes bytes off the front of *bytes (moving it and lowering *length) until the head is whole.
 * 1: it is; what is left is the body's, or the next protocol's. 0: all bytes are taken; feed more. -1: that
 * is not HTTP, or longer than HTTP_HEAD_MAX; no further calls but release. */
int http_head_take(struct http_head *head, const char **bytes, size_t *length, struct err *err) MUST_CHECK;

#endif
