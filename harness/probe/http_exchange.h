/*
 * http_exchange: one HTTP request that can be made again and again with the same curl handle and the same
 * buffers. What a single request and a poller have in common; nobody outside this room includes it.
 */
#ifndef PROBE_HTTP_EXCHANGE_H
#define PROBE_HTTP_EXCHANGE_H

#include "probe/probe.h"

struct http_exchange;

/* Copies what it needs of `request`. A new connection is made for each exchange when `fresh`. A URL that
 * cannot be asked (not http, a name instead of an address) is reported by the answer of each exchange. */
struct http_exchange *http_exchange_new(struct loop *loop, const struct probe_request *request, bool fresh);
/* Ends it without a call back. NULL is allowed. May be called from `done`, the answer is then gone. */
void http_exchange_free(struct http_exchange *exchange);
/* Not while it is busy. */
void http_exchange_start(struct http_exchange *exchange, probe_done *done, void *owner);
bool http_exchange_is_busy(const struct http_exchange *exchange);

#endif
