/*
 * duration: lengths of time as people write them. In the program a duration is int64 nanoseconds, `_ns` in
 * its name.
 */
#ifndef BASE_DURATION_H
#define BASE_DURATION_H

#include "base/err.h"
#include "base/memory.h"

#include <stdint.h>

#define NS_PER_US INT64_C(1000)
#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S INT64_C(1000000000)
#define DURATION_YEAR_NS (365 * 24 * 3600 * NS_PER_S)

/* "250ms", "1.5s", "1m30s", "2h"; units ns us ms s m h are obligatory, largest first; no sign, no blank. The
 * whole text must be used. Error messages name the text and the units; they carry no position. */
int duration_parse(const char *text, int64_t *ret_ns, struct err *err) MUST_CHECK;

#define DURATION_TEXT_MAX 32
/* Three significant figures with the unit that fits: "950µs", "1.25s", "4m15s"; "-3ms" if negative. */
const char *duration_format(int64_t ns, char buffer[static DURATION_TEXT_MAX]);

#endif
