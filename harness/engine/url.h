/*
 * url: paths and queries of the engine's API, put together with what needs encoding encoded.
 */
#ifndef ENGINE_URL_H
#define ENGINE_URL_H

#include "base/buf.h"

#include <jansson.h>

/* Appends the text percent-encoded: everything but letters, digits and -._~ and, if `keep_slashes`, "/" and
 * ":". */
void url_add_encoded(struct buf *url, const char *text, bool keep_slashes);
/* Appends "?name=value" or "&name=value". */
void url_add_query(struct buf *url, const char *name, const char *value);
/* As url_add_query(), the value being compact JSON. NULL adds nothing. */
void url_add_query_json(struct buf *url, const char *name, const json_t *value);

#endif
