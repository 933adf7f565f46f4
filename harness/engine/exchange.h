/*
 * exchange: a curl handle made ready for one request to the engine: address, TLS, times, body or upload.
 * Private to this room; what becomes of the reply is the caller's (call.c).
 */
#ifndef ENGINE_EXCHANGE_H
#define ENGINE_EXCHANGE_H

#include "engine/call.h"

#include <curl/curl.h>
#include <sys/types.h>

#define TIMEOUT_CONNECT_NS (10 * NS_PER_S)

struct exchange {
	CURL *easy;
	struct curl_slist *headers;
	char *body;
	int64_t timeout_ns; /* what is allowed in the end, or CALL_NO_TIMEOUT */
	int upload_fd;
	off_t upload_at;
	struct err upload_failure; /* why the upload could not be read on */
	char curl_error[CURL_ERROR_SIZE];
};

/* -1: the request cannot be sent; the exchange is to be released all the same. It must not move while it is
 * used. */
int exchange_init(struct exchange *exchange, const struct engine *engine, const struct call_request *request,
    struct err *err) MUST_CHECK;
void exchange_release(struct exchange *exchange);

/* HTTP status of the reply; 0 while there is none. */
long exchange_status(const struct exchange *exchange);
/* Why there is no whole reply, by curl's result. Returns -1. */
int exchange_explain(const struct exchange *exchange, const struct engine *engine,
    const struct call_request *request, CURLcode result, struct err *err);

#endif
