/* text: figures as sentences have them. */
#ifndef CHECK_TEXT_H
#define CHECK_TEXT_H

#include "base/buf.h"
#include "check/interval.h"
#include "plan/plan.h"

/* "1.25s" */
void text_add_time(struct buf *out, int64_t ns);
/* As text_add_time(), but with all its digits where the short form would not tell it from `other`. */
void text_add_time_beside(struct buf *out, int64_t ns, int64_t other);
/* Nothing to be told apart from. */
#define TEXT_ALONE INT64_MIN
/* "1.25s", "1.2s to 1.25s", "more than 1.2s"; told apart from `other`. */
void text_add_interval(struct buf *out, struct interval interval, int64_t other);
void text_add_bytes(struct buf *out, int64_t bytes);
/* "3", "3 to 5", "3 or more" */
void text_add_count(struct buf *out, struct interval count);
/* "1 line", "2 lines" */
void text_add_plural(struct buf *out, int64_t count, const char *singular);
/* "`a`, `b` or `c`" */
void text_add_list(struct buf *out, const struct strings *strings, const char *last_word);
/* "gateway.started", "redis.ready + 1s", "attempt 6 of dial" */
void text_add_moment(struct buf *out, const struct plan *plan, const struct moment *moment);

#endif
