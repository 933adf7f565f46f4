/*
 * scalars: the small values of a scenario, read from one node each. All are field_read functions of fields.h;
 * the comment says what `into` points at. Strings are owned by the struct they are put into and replace what
 * is there.
 */
#ifndef PLAN_SCALARS_H
#define PLAN_SCALARS_H

#include "base/buf.h"
#include "plan/fields.h"

field_read read_text;      /* char *: any text but an empty one */
field_read read_any_text;  /* char *: also an empty one */
field_read read_name;      /* char *: letters, digits, - and _ */
field_read read_flag;      /* bool */
field_read read_duration;  /* int64_t, ns, by the speed unless ` real` follows; may be 0 */
field_read read_span;      /* int64_t, ns: as a duration, more than 0 */
field_read read_period;    /* int64_t, ns: as a span, 1 ms at least at this speed */
field_read read_count;     /* int, 1 or more */
field_read read_port;      /* int, 1..65535 */
field_read read_number;    /* double, finite */
field_read read_tolerance; /* double: `10%` is 0.10; less than 100% */
field_read read_bytes;     /* int64_t: `5MB`, `16MiB` */
field_read read_pattern;   /* char *: PCRE2 that compiles, ${ms:…} and ${s:…} replaced */
field_read read_jq;        /* char *: a jq program that compiles */
field_read read_texts;     /* struct strings: one text, or a list of them, not empty */

/* Ranges: `3`, `1..3`, `1..`, `..3`; a single value is both ends. struct range. */
field_read read_count_range;
field_read read_duration_range;
field_read read_bytes_range;

/* `50%..100%`: both ends are needed. */
int read_percent_range(struct reader *reader, const struct node *node, double *ret_low, double *ret_high,
    struct err *err) MUST_CHECK;

/* The text of a scalar; an error that names `what` otherwise. */
const char *scalar_text(
    struct reader *reader, const struct node *node, const char *what, struct err *err) MUST_CHECK;
/* A whole number in decimal digits (a sign is allowed if `low` is negative), low to high. */
int parse_whole(const char *text, int64_t low, int64_t high, int64_t *ret_value) MUST_CHECK;
/* A duration with an optional ` real` behind it. The message has no position. */
int parse_story_duration(const char *text, double speed, int64_t *ret_ns, struct err *err) MUST_CHECK;
/* ${ms:15s} becomes 15000 divided by the speed, ${s:1m} 60; what stands behind a backslash is left alone. */
int expand_durations(const char *text, double speed, struct buf *out, struct err *err) MUST_CHECK;
/* Is it made of letters, digits, - and _ (and . if `dots`), beginning with a letter or digit? */
bool is_name(const char *text, bool dots);
/* Holds a control character other than a tabulator. */
bool has_control(const char *text);
void strings_add(struct strings *strings, char *owned);
void strings_release(struct strings *strings);

#endif
