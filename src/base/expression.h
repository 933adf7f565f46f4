/*
 * expression: a jq program applied to a JSON document, one result wanted.
 *
 * An expression is compiled once and run many times. Input is outside data: invalid JSON, a runtime error of
 * the program, no result, or more than one are told apart from a value and never abort.
 */
#ifndef BASE_EXPRESSION_H
#define BASE_EXPRESSION_H

#include "base/err.h"
#include "base/memory.h"

#include <stddef.h>

struct expression;

struct expression *expression_compile(const char *program, struct err *err) MUST_CHECK;
void expression_free(struct expression *expression);
/* Runs on `length` bytes of JSON. Returns the first result as an owned string: a JSON string without its
 * quotes, anything else as compact JSON ("null", "true", "12.5", "{…}"). NULL with *err set when there is
 * none. */
char *expression_run(
    struct expression *expression, const char *json, size_t length, struct err *err) MUST_CHECK;

#endif
