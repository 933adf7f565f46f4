/*
 * environment: hides variables from a library for the length of a call. libpq reads PGSERVICE, PGOPTIONS,
 * PGTZ and a dozen more whatever it is told; those of the user's shell must not decide what a probe sees.
 * Private to this room.
 */
#ifndef PROBE_ENVIRONMENT_H
#define PROBE_ENVIRONMENT_H

#include "base/memory.h"

struct environment {
	char **hidden; /* owned, each "NAME=value" */
	size_t count;
};

/* Takes away all variables whose name starts with `prefix`. */
struct environment environment_hide(const char *prefix) MUST_CHECK;
/* Puts them back. */
void environment_restore(struct environment *environment);

#endif
