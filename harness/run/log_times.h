/*
 * log_times: when the lines of a container's log were written. Pure.
 *
 * The engine stamps a line when it has read it, so it was written not later. A line that begins with a time
 * of its own (line_stamp_ns()) was written not before that. Any other was written at most LOG_LAG_NS before
 * the engine's stamp: of the lines with a time of their own in recorded worlds the engine read 99 % within 24
 * ms, on a quiet machine all within 47 ms, and some after 200 ms and more while it started containers. Nor
 * was it written before its process began, nor before the line above it of the same output.
 */
#ifndef RUN_LOG_TIMES_H
#define RUN_LOG_TIMES_H

#include "base/duration.h"
#include "engine/engine.h"

#define LOG_LAG_NS (250 * NS_PER_MS)

/* Of one container. All zero to begin with. */
struct log_times {
	int64_t began_ns;                       /* its process did, not before this */
	int64_t earliest_ns[ENGINE_STDERR + 1]; /* of each output, a line that is still to come */
};

/* Loop times. */
struct written {
	int64_t from_ns, to_ns;
	bool is_stamped; /* by the line itself */
};

/* A process has begun; lines of the one before may still come. */
void log_times_begin(struct log_times *times, int64_t earliest_ns);
/* The next line of this output, which the engine read at `read_ns`, give or take `error_ns`; its own stamp
 * lies `lag_ns` before that, 0: it has none. */
struct written log_times_next(
    struct log_times *times, enum engine_output output, int64_t read_ns, int64_t lag_ns, int64_t error_ns);

#endif
