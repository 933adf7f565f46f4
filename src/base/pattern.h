/*
 * pattern: a PCRE2 regular expression with limits, over lines that may be hostile.
 *
 * Patterns are UTF-8 tolerant (invalid bytes never match as characters, never abort the match) and
 * unanchored. Match and depth limits make catastrophic backtracking an answer (PATTERN_LIMIT), not a hang.
 */
#ifndef BASE_PATTERN_H
#define BASE_PATTERN_H

#include "base/err.h"
#include "base/memory.h"

#include <stddef.h>

struct pattern;

enum pattern_result { PATTERN_NO_MATCH, PATTERN_MATCH, PATTERN_LIMIT };

/* NULL on error; the message says what is wrong at which character of the pattern. */
struct pattern *pattern_compile(const char *expression, struct err *err) MUST_CHECK;
void pattern_free(struct pattern *pattern);
enum pattern_result pattern_match(struct pattern *pattern, const char *text, size_t length);
/* After PATTERN_MATCH: the number of groups (0: none in the expression), and group `group` (1-based) as a
 * slice of the text matched last; returns 0, or -1 if the group did not take part. */
size_t pattern_group_count(const struct pattern *pattern);
int pattern_group(const struct pattern *pattern, size_t group, size_t *ret_start, size_t *ret_length);

#endif
