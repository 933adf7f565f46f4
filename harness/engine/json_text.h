/*
 * json_text: the engine's JSON, read tolerantly where engines are known to differ from jansson's idea of it:
 * unsigned 64-bit numbers ("no limit" is 18446744073709551615) are held to INT64_MAX, and \u0000 is allowed.
 */
#ifndef ENGINE_JSON_TEXT_H
#define ENGINE_JSON_TEXT_H

#include "base/err.h"
#include "base/memory.h"

#include <jansson.h>
#include <stddef.h>

/* A new reference, or NULL: what is wrong, and what the text begins with. */
json_t *json_text_parse(const char *bytes, size_t length, struct err *err) MUST_CHECK;

/* "" unless the object has a string member of that name. */
const char *json_text_member(const json_t *object, const char *name);

static inline void json_release(json_t **value)
{
	json_decref(*value);
}

#endif
