/*
 * fit: how well each policy explains the gaps between attempts, in one currency.
 *
 * A score is the logarithm of the probability density of the gaps under a policy, less what its free
 * parameters cost: log(width of what was thought possible / width of what the gaps allow). Scores of
 * policies, and of chance, can therefore be compared, and become probabilities. Lengths are in seconds.
 */
#ifndef INFER_FIT_H
#define INFER_FIT_H

#include "infer/infer.h"

#include <math.h>

/* A gap is taken to be right within the larger of these, and twice as far off is an exception. */
#define GRAIN_S 0.005
#define GRAIN_SHARE 0.01
/* Shorter than what a program can mean. */
#define LENGTH_MIN_S 0.001
/* Gaps of one run behind this one are not looked at. */
#define INDEX_MAX 100
#define GAPS_MAX 1000
/* A delay grows by this at least, or it is not said to grow. */
#define FACTOR_MIN 1.05
#define FACTOR_MAX 12.0

struct gap {
	double length;
	double tolerance;
	int index; /* in its run, from 1 */
	size_t run;
};

/* In the order of time within each run; at most GAPS_MAX. */
struct gaps {
	struct gap items[GAPS_MAX];
	size_t count;
	size_t left_out; /* because the host was too late in them, or their beginning is not known well */
};

struct fit {
	enum family family;
	enum jitter jitter;
	double first;
	double growth; /* the factor, or the step in seconds */
	double cap;    /* 0: none */
	double range;  /* JITTER_ADDITIVE: seconds; JITTER_PROPORTIONAL: the share */
	bool initial_differs;
	double initial;
	bool from_start;
	enum resets resets;
	double score;
	size_t confirmed; /* gaps that are right beyond those that the parameters took */
	size_t odd;       /* gaps that are not explained */
	size_t at_cap;
	const char *chance; /* FAMILY_UNKNOWN: a clause on what the gaps look like */
};

/* The best of each sort. */
#define FITS_MAX 128
struct fits {
	struct fit items[FITS_MAX];
	size_t count;
	/* How the gaps were taken that are being fitted. */
	bool from_start;
	enum resets resets;
	double best; /* score */
};

void fits_add(struct fits *fits, struct fit fit);
/* Could a fit with this score still change anything? */
bool fits_matter(const struct fits *fits, double score);

/* Before any gap is seen, a time may be anything between 1 ms and 100 s, evenly in its logarithm: its density
 * is 1 / (TIME_RANGE t). */
#define TIME_RANGE 11.5
#define ROOT_TAU 2.50662827463 /* sqrt(2 pi) */

/* What a parameter costs whose logarithm is known to within so much. */
static inline double cost_of(double possible, double allowed)
{
	double cost = log(possible / (allowed > 1e-9 ? allowed : 1e-9));
	return cost > 0.7 ? cost : 0.7;
}

/* Without jitter. */
void fit_schedules(const struct gaps *gaps, struct fits *fits);
/* With jitter. */
void fit_jitters(const struct gaps *gaps, struct fits *fits);
/* Jitter is spread evenly (Kolmogorov and Smirnov), and one gap says nothing about the next. `places` are
 * those of the gaps in their bands, 0 to 1; their order is lost. */
bool spread_is_even(const struct gaps *gaps, double *places);
void fit_decorrelated(const struct gaps *gaps, struct fits *fits);
/* What the gaps would look like without any policy. */
void fit_chance(const struct gaps *gaps, struct fits *fits);

#endif
