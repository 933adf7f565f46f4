/*
 * ranks: have two handfuls of figures the same distribution, and if not, how far apart are they? By their
 * order alone: times of recovery have no bell shape, and one outlier must decide nothing.
 */
#ifndef STATS_RANKS_H
#define STATS_RANKS_H

#include "stats/rank_chances.h"

#include <stdbool.h>
#include <stddef.h>

struct mann_whitney {
	double u; /* pairs in which the value of `b` is the larger; a tie counts one half */
	double p; /* two-sided; 1 where one of the two is empty */
	/* The smallest p that these very values could have given, however they were dealt to the two sides:
	 * above the limit, no test can find anything here. */
	double least_p;
	bool exact;
};

/* H. B. Mann and D. R. Whitney (1947); exact, with ties as without, where that is affordable: up to
 * MANN_WHITNEY_EXACT_MAX values a side at least. Else the normal approximation with its corrections. Both,
 * with their sources, are in stats/rank_chances.h. */
struct mann_whitney mann_whitney(
    struct rank_chances *chances, const double *a, size_t a_count, const double *b, size_t b_count);

/* The smallest p of values without ties of which only the number is known: 2 of all ways to deal them. */
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
