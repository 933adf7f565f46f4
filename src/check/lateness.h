/* lateness: the host's worst lateness in any stretch of the trace, in O(log n). */
#ifndef CHECK_LATENESS_H
#define CHECK_LATENESS_H

#include "trace/trace.h"

struct lateness_table;

struct lateness_table *lateness_table_new(const struct trace *trace);
void lateness_table_free(struct lateness_table *table);
/* Over all reports that touch [from, to]; 0 where the trace has none. */
int64_t lateness_worst(const struct lateness_table *table, int64_t from_ns, int64_t to_ns);

#endif
