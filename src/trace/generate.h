/*
 * generate: a long trace of a world in which everything is right, for benchmarks: two endpoints polled, a
 * log, memory, lateness, and a connection whose server refuses it again and again, as the wire shows it. The
 * same numbers give the same bytes.
 */
#ifndef TRACE_GENERATE_H
#define TRACE_GENERATE_H

#include "base/buf.h"

/* Appends a whole trace of about `event_count` events (a few more). */
void trace_generate(struct buf *out, size_t event_count);

#endif
