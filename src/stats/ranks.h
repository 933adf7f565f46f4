/*
 * ranks: have two handfuls of figures the same distribution, and if not, how far apart are they? By their
 * order alone: times of recovery have no bell shape, and one outlier must decide nothing.
 */
#ifndef STATS_RANKS_H
#define STATS_RANKS_H

#include <stdbool.h>
#include <stddef.h>

struct mann_whitney {
	double u; /* pairs in which the value of `b` is the larger; a tie counts one half */
	double p; /* two-sided; 1 where one of the two is empty */
	bool exact;
};

/* H. B. Mann and D. R. Whitney, "On a test of whether one of two random variables is stochastically larger
 * than the other", Annals of Mathematical Statistics 18 (1947), 50–60. Exact, by their recurrence, for up to
 * MANN_WHITNEY_EXACT_MAX values a side without ties; else the normal approximation with correction for ties
 * and continuity (M. Hollander and D. A. Wolfe, "Nonparametric statistical methods", 2nd edition (1999),
 * section 4.1). */
#define MANN_WHITNEY_EXACT_MAX 50

/* The exact distributions, each of which is worked out once, however many figures are compared: the largest
 * takes a millisecond. {0} has none yet. */
struct rank_chances {
	double *of_u[MANN_WHITNEY_EXACT_MAX + 1][MANN_WHITNEY_EXACT_MAX + 1]; /* [fewer][more values] */
};
void rank_chances_release(struct rank_chances *chances);

struct mann_whitney mann_whitney(
    struct rank_chances *chances, const double *a, size_t a_count, const double *b, size_t b_count);

/* The smallest p that these very values could have given, however they were dealt to the two sides: above the
 * limit, no test can find anything here. */
double mann_whitney_least_p(const double *a, size_t a_count, const double *b, size_t b_count);
/* The same for values without ties of which only the number is known: 2 of all ways to deal them. */
double mann_whitney_least_p_of(size_t a_count, size_t b_count);

struct shift {
	double estimate;   /* the median of all differences b - a */
	double low, high;  /* 95 %; valid if has_interval */
	bool has_interval; /* false: too few values for 95 % */
};

/* J. L. Hodges and E. L. Lehmann, "Estimates of location based on rank tests", Annals of Mathematical
 * Statistics 34 (1963), 598–611; the interval is P. A. P. Moran's (Hollander and Wolfe, sections 4.2
 * and 4.3). Neither may be empty.
 */
struct shift hodges_lehmann(
    struct rank_chances *chances, const double *a, size_t a_count, const double *b, size_t b_count);

#endif
