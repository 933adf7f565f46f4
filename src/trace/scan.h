/*
 * scan: one line of flat JSON, scanned once from left to right.
 *
 * Every function moves the cursor past what it has read, or records what is wrong and where and returns -1.
 * Running into the end of the line is told apart (`at_end`): a line that was cut in the middle fails in this
 * way only.
 */
#ifndef TRACE_SCAN_H
#define TRACE_SCAN_H

#include "base/memory.h"
#include "trace/arena.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct scanner {
	const char *start, *cursor, *end; /* the line, without its newline */
	struct trace_arena *arena;
	/* After -1: */
	const char *complaint; /* static text */
	const char *place;
	bool at_end;
};

/* The bytes of a string. They point into the line where it has no escapes, else into the arena. */
struct slice {
	const char *bytes;
	size_t length;
	bool in_arena;
};

int scan_fail(struct scanner *scanner, const char *place, const char *complaint);
void scan_blanks(struct scanner *scanner);
/* This character after optional blanks. `complaint` says what was wanted. */
int scan_char(struct scanner *scanner, char wanted, const char *complaint) MUST_CHECK;
int scan_string(struct scanner *scanner, struct slice *ret_slice) MUST_CHECK;
int scan_int64(struct scanner *scanner, int64_t *ret_value) MUST_CHECK;
int scan_double(struct scanner *scanner, double *ret_value) MUST_CHECK;
int scan_bool(struct scanner *scanner, bool *ret_value) MUST_CHECK;
/* "null", if it is what comes next. */
bool scan_null(struct scanner *scanner);
/* Any value, nested ones too. */
int scan_skip_value(struct scanner *scanner) MUST_CHECK;

#endif
