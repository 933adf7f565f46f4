/*
 * interpolate: ${…} in a compose file, as compose does it.
 *
 *	$NAME ${NAME}        the value
 *	${NAME:-default}     `default` when NAME is unset or empty     ${NAME-default}   when it is unset
 *	${NAME:?message}     an error when it is unset or empty        ${NAME?message}   when it is unset
 *	${NAME:+other}       `other` when it is set and not empty      ${NAME+other}     when it is set
 *	$$                   a dollar sign
 *
 * Default, message and other may hold further ${…}. Unlike compose, which warns and goes on with nothing, a
 * variable that is not set and has no default is an error: a harness has no place for a warning that nobody
 * reads.
 */
#ifndef PLAN_INTERPOLATE_H
#define PLAN_INTERPOLATE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/memory.h"
#include "plan/stack.h"

enum { INTERPOLATED_BYTES_MAX = 65536, INTERPOLATE_DEPTH_MAX = 8 };

/* Looked up in `first`, the environment, then `last`; each list ends with a NULL name, and may be NULL.
 * Messages have no position. */
int interpolate(const char *text, const struct variable *first, const struct variable *last, struct buf *out,
    struct err *err) MUST_CHECK;
const char *variable_find(const struct variable *variables, const char *name);

#endif
