/* trace: reading and writing the NDJSON of event.h. Pure: bytes in, bytes out; files are the caller's. */
#ifndef TRACE_TRACE_H
#define TRACE_TRACE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/memory.h"
#include "trace/event.h"

/* Appends one line, newline included. */
void trace_write_event(struct buf *out, const struct event *event);

/* A whole trace in memory, events in the order of the file. */
struct trace {
	struct event *events;
	size_t event_count;
	bool complete;             /* the last line is EVENT_END */
	struct trace_arena *arena; /* owns the strings */
};

/* Reads NDJSON. A last line that was cut in the middle is dropped (complete is false then); anything else
 * that is wrong is an error with file:line:column. Unknown keys are skipped (a newer writer may add some); an
 * unknown kind is an error; a newer version is an error that says which falsestart reads it. */
struct trace *trace_read(const char *bytes, size_t length, const char *file, struct err *err) MUST_CHECK;
void trace_free(struct trace *trace);

#endif
