/*
 * lateness: how late the host can have made anything in a stretch of the trace, in O(log n).
 *
 * Every report says how late a timer was at worst in its short stretch. What takes longer than that (a gap
 * between two attempts: a timer, a connection, a line of the log) can have been held up in each of the
 * stretches it spans, so the worst of each are added up: a bound, not an estimate.
 */
#ifndef CHECK_LATENESS_H
#define CHECK_LATENESS_H

#include "trace/trace.h"

struct lateness_table;

struct lateness_table *lateness_table_new(const struct trace *trace);
void lateness_table_free(struct lateness_table *table);
/* The sum over all reports that touch [from, to]; 0 where the trace has none. */
int64_t lateness_within(const struct lateness_table *table, int64_t from_ns, int64_t to_ns);
/* The largest single report of the trace. */
int64_t lateness_worst(const struct lateness_table *table);

#endif
