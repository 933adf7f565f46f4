/*
 * env_file: files of NAME=value lines, as compose reads them for `env_file` and `.env`.
 *
 * A line is blank, a comment (#), or [export] NAME=value. An unquoted value ends at ` #` and loses blanks at
 * its ends; in 'single quotes' everything is itself; in "double quotes" \n \r \t \" \\ \$ are escapes. ${…}
 * is put in outside single quotes. NAME alone takes the value of the environment, and is left out where there
 * is none.
 */
#ifndef PLAN_ENV_FILE_H
#define PLAN_ENV_FILE_H

#include "base/err.h"
#include "base/memory.h"
#include "plan/stack.h"

/* Adds "NAME=value" texts, in order. Variables in values: `first`, the environment, then earlier lines. */
int env_file_read(
    const char *path, const struct variable *first, struct strings *values, struct err *err) MUST_CHECK;

#endif
