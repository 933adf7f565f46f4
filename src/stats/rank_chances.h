/*
 * rank_chances: what U of Mann and Whitney comes to where nothing but chance deals the values to the two
 * sides.
 *
 * U counts the pairs in which the value of `b` is the larger; a tie counts one half. Every way to deal the
 * values that were seen is as likely as another, so that the distribution of U knows their ties. It is worked
 * out where that can be afforded; elsewhere the normal distribution is near enough.
 */
#ifndef STATS_RANK_CHANCES_H
#define STATS_RANK_CHANCES_H

#include "base/lookup.h"

#include <stdbool.h>
#include <stddef.h>

/* With or without ties, the distribution is worked out for up to so many values a side; and for more, too,
 * where that takes no longer: for few against many, and where most values are equal. */
#define MANN_WHITNEY_EXACT_MAX 50

/* All values of both sides in ascending order: how many there are of each. */
struct ties {
	size_t *sizes; /* of groups of equal values */
	size_t count;
	size_t all; /* the sum of the sizes */
};

struct ties ties_find(const double *sorted, size_t count);
void ties_release(struct ties *ties);

/* Distributions without ties, each of which is worked out once, however many figures are compared: the
 * largest takes a millisecond. {0} has none yet. */
struct rank_chances {
	struct lookup places; /* by the numbers of values */
	double **of_u;
	size_t count;
};

void rank_chances_release(struct rank_chances *chances);

/* P(U = u) for u from 0 to a_count b_count, where no two values are equal, by the recurrence of H. B. Mann
 * and D. R. Whitney, "On a test of whether one of two random variables is stochastically larger than the
 * other", Annals of Mathematical Statistics 18 (1947), 50–60. NULL: too many. */
const double *rank_chances_of_u(struct rank_chances *chances, size_t a_count, size_t b_count);

struct tails {
	double p;       /* P(|U - a_count b_count / 2| >= |u - a_count b_count / 2|) */
	double least_p; /* of the u that is the farthest from the middle */
};

/* Exact, on condition of the ties. Without ties it is the distribution above, and p twice the smaller tail;
 * with ties group by group of equal values: how many of them are in the smaller side, and what its ranks add
 * up to (J. H. Klotz, "The Wilcoxon, ties, and the computer", Journal of the American Statistical Association
 * 61 (1966), 772–787; B. Streitberg and J. Röhmel, "Exact distributions for permutation and rank tests",
 * Statistical Software Newsletter 12 (1986), 10–17). False: it is not affordable, and nothing is returned. */
bool exact_tails(struct rank_chances *chances, const struct ties *ties, size_t a_count, size_t b_count,
    double u, struct tails *ret_tails);

/* Of U where it is taken as normal: corrected for ties (M. Hollander and D. A. Wolfe, "Nonparametric
 * statistical methods", 2nd edition (1999), section 4.1), and for continuity by half the step in which U
 * moves, 1/2 at least: where two values only are there, it is that of F. Yates for a table of four fields. */
double normal_p(const struct ties *ties, size_t a_count, size_t b_count, double u);
/* The standard deviation of U without ties. With ties it is less. */
double deviation_of_u(size_t a_count, size_t b_count);

#endif
