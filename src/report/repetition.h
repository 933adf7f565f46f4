/*
 * repetition: what many runs of one scenario say together: how often it passed, and how its figures spread.
 */
#ifndef REPORT_REPETITION_H
#define REPORT_REPETITION_H

#include "report/report.h"
#include "stats/proportion.h"
#include "stats/summary.h"

/* The measured figure of an expectation, over all worlds of the scenario in which there was one, of each its
 * last try. An interval counts as its middle. */
struct figure {
	const struct expectation *expectation;
	double *values; /* sorted; in the unit of the expectation */
	struct summary summary;
	size_t failed; /* worlds of which a try failed on it, measured or not */
	/* The worlds of each outcome that it is to blame for, by any of their tries: of those that failed or
	 * were flaky, on which it failed; of those that were inconclusive, of which it could not be judged.
	 */
	size_t blamed[OUTCOME_COUNT];
	size_t last_blamed; /* the number of the world that was counted last, from 1 */
};

struct repetition {
	size_t first, count; /* the results of the report that are of this scenario: every try */
	size_t runs;         /* worlds, all tries of one counted once */
	size_t passed, failed, inconclusive, flaky;
	/* Where the rate of passing lies, by those runs that passed, failed or were flaky: what could not be
	 * judged says nothing about it. */
	struct interval rate;
	struct figure *figures;
	size_t figure_count;
};

/* Every result belongs to one; the caller releases all and frees the array. */
struct repetition *repetitions_of(const struct report *report, size_t *ret_count) MUST_CHECK;
void repetitions_free(struct repetition *repetitions, size_t count);

/* "97 of 100 passed (95 % interval 91.5 % to 99.0 %), 2 failed, 1 inconclusive" */
void describe_repetition(struct buf *out, const struct repetition *repetition);
/* "100 runs: 1.2s, median 1.4s, p90 1.9s, 2.2s; 3 failed" */
void describe_spread(struct buf *out, const struct figure *figure);
/* The figure's amount, rounded to its unit. */
void describe_figure(struct buf *out, const struct figure *figure, double amount);

#endif
