/* interval: arithmetic with what is only known to lie between two figures, both ends included. */
#ifndef CHECK_INTERVAL_H
#define CHECK_INTERVAL_H

#include <stdbool.h>
#include <stdint.h>

struct interval {
	int64_t low, high; /* low INT64_MIN, high INT64_MAX: no bound known */
};

enum answer { ANSWER_NO, ANSWER_YES, ANSWER_UNKNOWN };

/* Saturating, so that the unbounded stays unbounded. */
int64_t saturating_add(int64_t a, int64_t b);
int64_t saturating_subtract(int64_t a, int64_t b);

struct interval interval_shift(struct interval interval, int64_t by);
/* later - earlier; what would be negative is 0, for the later of two moments is asked for. */
struct interval interval_since(struct interval later, struct interval earlier);

/* Is it at most the limit? YES if all of it is; NO if all of it is, by more than `lateness`, above. */
enum answer interval_at_most(struct interval measured, int64_t limit, int64_t lateness);
/* Is it inside the range? NO if they do not touch. */
enum answer interval_inside(struct interval measured, struct interval range);

/* How far a figure may be from what is expected: the larger of a share of it and a floor. */
int64_t tolerance_of(int64_t expected, double share, int64_t floor);

#endif
