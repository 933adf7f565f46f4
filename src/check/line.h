/* line: does a line of a log match a pattern, as far as it can be known? */
#ifndef CHECK_LINE_H
#define CHECK_LINE_H

#include "base/pattern.h"
#include "check/interval.h"
#include "trace/event.h"

/* UNKNOWN: the pattern takes too long on it, or it was cut, and the rest of it may have matched. */
enum answer line_matches_pattern(const struct event *line, struct pattern *pattern);

#endif
