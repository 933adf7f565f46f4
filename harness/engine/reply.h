/*
 * reply: what the end of an HTTP exchange with the engine means, as a value or as a message.
 */
#ifndef ENGINE_REPLY_H
#define ENGINE_REPLY_H

#include "base/err.h"
#include "base/memory.h"
#include "engine/address.h"

#include <curl/curl.h>
#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

/* A reply with a status of success. 0, with a new reference in *ret_value, or NULL there if it is not JSON at
 * all. */
int reply_read(const char *content_type, const char *body, size_t length, json_t **ret_value,
    struct err *err) MUST_CHECK;

/* A reply with a status of failure: the engine's own "message", or, if the body is not the engine's JSON, its
 * start. Sets err->status. Returns -1. */
int reply_refused(long status, const char *body, size_t length, struct err *err);

/* No reply, or half of one. `connect_errno` is why connecting failed, `timeout_ns` what was allowed, `detail`
 * curl's own words. Returns -1. */
int reply_missing(CURLcode result, const struct address *address, int connect_errno, int64_t timeout_ns,
    const char *detail, struct err *err);

#endif
