/*
 * engine_clock: the engine's wall clock on the loop's monotonic clock.
 *
 * A local engine shares this machine's clocks: the offset is read from both at once, each time it is asked
 * for, so that a stepped wall clock does no harm to what is converted afterwards. For a remote engine it is
 * measured once from the time in GET /info, with half the round trip as the bound of the error.
 */
#ifndef RUN_ENGINE_CLOCK_H
#define RUN_ENGINE_CLOCK_H

#include "base/duration.h"
#include "base/err.h"
#include "engine/engine.h"
#include "loop/loop.h"

struct engine_clock {
	struct loop *loop;
	bool local;
	int64_t offset_ns; /* monotonic minus wall */
	int64_t error_ns;
};

/* Measures from a reply of engine_info() that was asked at asked_ns and answered now. */
int engine_clock_init(struct engine_clock *clock, struct loop *loop, bool local, const json_t *info,
    int64_t asked_ns, struct err *err) MUST_CHECK;
/* The loop's time of an engine stamp (nanoseconds since 1970); never later than now. */
int64_t engine_clock_loop_ns(struct engine_clock *clock, int64_t engine_stamp_ns);
/* The engine stamp of a moment of the loop. */
int64_t engine_clock_stamp_ns(struct engine_clock *clock, int64_t loop_ns);

/* "2026-11-23T17:00:00.123456789Z" as nanoseconds since 1970; -1 if it is not such a time. */
int64_t rfc3339_parse_ns(const char *text);

/*
 * The engine stamps a line of output when it reads it, and under load it reads late (by 200 ms and more while
 * it starts containers, measured on 20.10). Most applications begin a line with a time of their own, on the
 * same machine's clock: the line was written not before the one and not after the other. Returns the
 * application's stamp (since 1970) where the line begins with an RFC 3339 time of a millisecond or better,
 * optionally in brackets or quotes, that lies not more than LINE_STAMP_LAG_NS before the engine's; else the
 * engine's.
 */
int64_t line_stamp_ns(const char *line, size_t length, int64_t engine_stamp_ns);
#define LINE_STAMP_LAG_NS (10 * NS_PER_S)
/* What such a stamp is precise to. */
#define LINE_STAMP_GRAIN_NS NS_PER_MS

#endif
