/*
 * likeness: are gaps that should be drawn at random all the same share of their delay?
 *
 * Of n gaps g with delays d, let E be the least error with which one share c explains all of them:
 *
 *	E = min over c of max over i of |g[i] - c d[i]|
 *
 * If every g[i] was drawn on its own, uniformly from a range W d[i] wide, then E is at most e with a chance
 * of no more than
 *
 *	sum over i of  product over j != i of  min(1, 2 e / (W d[j]))
 *
 * Proof: with shares s = g / d and h = e / d, one c within h[i] of every s[i] exists only if the largest of
 * s - h is not above the least of s + h. Let i have the largest. Then every other s[j] lies between
 * s[i] - h[i] - h[j] and s[i] - h[i] + h[j], which is 2 h[j] of a range of W. The sum is over who i is. For
 * equal delays that is n w^(n-1), of which the exact distribution of the range of a uniform sample is
 * n w^(n-1) - (n-1) w^n (David and Nagaraja, Order Statistics, 3rd edition, section 2.4).
 *
 * A gap is known as an interval. The largest E that the intervals allow, wherever in each of them its gap
 *was, is what a chance is computed from, so that nobody is blamed for what was not seen. How late the host
 *was does not widen them: lateness knows nothing of what was drawn, and to shift a uniform draw by anything
 *independent of it makes no value of it likelier, so that the proof holds as it stands. It can make gaps that
 *are alike seem to vary, though: the least E, which says whether they vary for certain, allows for it.
 */
#ifndef CHECK_LIKENESS_H
#define CHECK_LIKENESS_H

#include "check/interval.h"

#include <stddef.h>

struct draw {
	struct interval gap;
	int64_t lateness; /* of the host: the gap may have been so much shorter */
	int64_t delay;    /* more than 0 */
};

struct likeness {
	double share;              /* c, for the largest E */
	int64_t least_ns, most_ns; /* E */
	double chance;             /* of an E as small as `most_ns`, at most; 1 at most */
};

/* Less likely than this is no chance. */
#define LIKENESS_CHANCE 1e-4

/* `width`: W, the range as a share of the delay; more than 0. `count`: 1 or more. */
void likeness_find(const struct draw *draws, size_t count, double width, struct likeness *ret_likeness);

#endif
