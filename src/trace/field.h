/*
 * field: the members of each kind of event, as one table that the writer and the reader share, so that they
 * cannot disagree. docs/trace.md says the same in words.
 */
#ifndef TRACE_FIELD_H
#define TRACE_FIELD_H

#include "trace/event.h"

enum field_type {
	FIELD_TIME, /* int64 nanoseconds, at most TRACE_TIME_MAX from 0 in either direction */
	FIELD_INT64,
	FIELD_INT,
	FIELD_DOUBLE,
	FIELD_BOOL,
	FIELD_WORD, /* a string out of a small set: interned by the reader, so that equal ones share a pointer
		     */
	FIELD_STRING, /* any other string without NULs */
	FIELD_TEXT,   /* struct text: any bytes */
};

struct field {
	const char *key;
	size_t key_length;
	enum field_type type;
	size_t offset; /* in struct event */
	/* A required member is always written and must be read. Another one is left out when it has the value
	 * that absence means: 0, false, "", and `absent` for FIELD_INT. */
	bool required;
	int absent;
};

struct field_list {
	const struct field *fields;
	size_t count; /* less than 32, for a bit mask */
};

#define EVENT_KIND_COUNT ((size_t)EVENT_END + 1)

/* 126 years: differences of two times never overflow. */
#define TRACE_TIME_MAX INT64_C(4000000000000000000)

/* Without "k", which comes first in every line. Indexed by enum event_kind. */
extern const struct field_list event_fields[];

#endif
