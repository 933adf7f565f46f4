/*
 * comparison: two sets of runs, figure by figure: did something really change, or was it chance?
 *
 * A figure is compared by its order (stats/ranks.h), a rate of passing by Fisher's exact test; the p of all
 * that could have shown anything are adjusted by Holm's method, so that of a hundred figures that did not
 * change none is called changed but once in 1 / alpha comparisons. A change is called so when p is below
 * alpha and the median moved by the threshold at least; of rates there is no threshold: a failure more is
 * never too small.
 */
#ifndef REPORT_COMPARISON_H
#define REPORT_COMPARISON_H

#include "report/recorded.h"
#include "stats/ranks.h"

#include <stdbool.h>

enum change {
	CHANGE_WORSE,
	CHANGE_OTHER, /* it changed, and which way is better nobody knows: the sum of all gaps, a count of
			 lines; or it is the scenario's and not the subject's: when a phase was met */
	CHANGE_BETTER,
	CHANGE_NONE,    /* none that could be told from chance, or too small to matter */
	CHANGE_UNKNOWN, /* too few runs: whatever they had shown, chance could have done it */
};
extern const char *const change_names[]; /* "worse", "other", "better", "none", "unknown" */

struct compared {
	const char *scenario;
	const char *id; /* NULL: the rate of passing */
	enum unit unit;
	enum change change;
	const char *word; /* "slower", "faster", "more", "fails more", "" where nothing changed, … */
	size_t old_count, new_count;
	double old_middle, new_middle; /* medians; rates from 0 to 1 */
	double p;                      /* adjusted; 1 where nothing was tested */
	struct shift shift;            /* of a figure, where both sides have values */
};

/* What cannot be compared. */
struct missing {
	const char *scenario;
	const char *id; /* of a figure; NULL: the whole scenario */
};

struct only {
	struct missing *items;
	size_t count;
};

struct comparison {
	struct compared *rows; /* the worst first, then by p */
	size_t count;
	size_t runs_needed;             /* a side, to tell anything at all; 0: there were enough */
	struct only only_old, only_new; /* what the other does not have */
	/* Scenarios that both have, and of which no world of this one passed or failed, while some of the
	 * other did: nobody can say that they pass as before. */
	struct only unjudged_old, unjudged_new;
};

struct comparison_limits {
	double alpha;     /* 0.01 */
	double threshold; /* 0.1: 10 % of the old median */
};

/* Borrows both as long as the result lives. An error when they cannot be compared. */
struct comparison *compare(const struct recorded *old_runs, const struct recorded *new_runs,
    const struct comparison_limits *limits, struct err *err) MUST_CHECK;
void comparison_free(struct comparison *comparison);

/* There is a scenario that one of the two did not judge once. */
bool comparison_is_unjudged(const struct comparison *comparison);
/* 1: something got worse; 4: there were too few runs to tell anything, or a scenario was not judged once; 0.
 */
int comparison_exit_status(const struct comparison *comparison);
/* A table and a last line that says what it comes to. */
void comparison_text(const struct comparison *comparison, const struct comparison_limits *limits,
    const struct report_text_options *options, struct buf *out);
#define COMPARISON_JSON_VERSION 1
void comparison_json(
    const struct comparison *comparison, const struct comparison_limits *limits, struct buf *out);

#endif
