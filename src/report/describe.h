/* describe: events, findings and figures in words, the same in every format. What is appended here is raw: it
 * may hold outside bytes, and is redacted and escaped by whoever writes it. */
#ifndef REPORT_DESCRIBE_H
#define REPORT_DESCRIBE_H

#include "base/buf.h"
#include "report/report.h"

/* "+7.020s", or "+7.020..7.041s" for an interval that a reader would see as one. */
void describe_time(struct buf *out, int64_t from_ns, int64_t to_ns);
/* Who an event is of, as a scenario says it: "gateway.log", "dial", "redis". */
void describe_subject(struct buf *out, const struct event *event);
/* What it says: "attempt 3 failed: connection refused". */
void describe_event(struct buf *out, const struct event *event);

enum unit { UNIT_NS, UNIT_COUNT, UNIT_BYTES };
extern const char *const unit_names[]; /* "ns", "count", "bytes" */
/* The unit of a finding's slack and measure. */
enum unit unit_of(const struct expectation *expectation);
/* There is a limit that the slack is a distance to: "1 or more lines" has none above. */
bool has_limit(const struct finding *finding);
/* "1.25s", "3", "4.2MB"; with its sign if `sign`. */
void describe_amount(struct buf *out, enum unit unit, int64_t amount, bool sign);

extern const char *const expectation_kind_names[]; /* "reach", "sequence", … */
extern const char *const claim_result_names[];     /* "none", "holds", "differs", "unknown" */

/* "step start-redis began 120ms after it was due (2 % of the 6s before it)" */
void describe_late(struct buf *out, const struct plan *plan, const struct late_step *late);

/* The scenario's name, " [3/20]" behind it when repeated, " (retry 1)" when tried again. */
void describe_world(struct buf *out, const struct report_result *result);
/* A word of a command line, so that a POSIX shell reads it as it is: in quotes where it needs them. */
void describe_word(struct buf *out, const char *word);
/* "falsestart run --seed 7 --speed 20 scenarios/x.yaml": what draws the same delays again; nothing if the
 * trace has no seed. */
void describe_replay(struct buf *out, const struct report_result *result);
/* "falsestart check scenarios/x.yaml reports/latest/x.ndjson": what judges it again; nothing if there is no
 * trace file. */
void describe_check(struct buf *out, const struct report_result *result);
/* "6 passed, 0 failed, 0 inconclusive in 19.2s (speed 20, host late by at most 3.1ms)" */
void describe_totals(struct buf *out, const struct report *report);

#endif
