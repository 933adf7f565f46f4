/*
 * summary: what a handful of figures looks like.
 */
#ifndef STATS_SUMMARY_H
#define STATS_SUMMARY_H

#include <stddef.h>

struct summary {
	size_t count;
	double least, median, p90, most; /* all 0 where there is nothing */
};

void sort_values(double *values, size_t count);
/* Of sorted values, `share` from 0 to 1: between two values by the way from one to the other; definition 7 of
 * R. J. Hyndman and Y. Fan, "Sample quantiles in statistical packages", The American Statistician 50 (1996),
 * 361–365. */
double quantile(const double *sorted, size_t count, double share);
/* Sorts the values. */
struct summary summarise(double *values, size_t count);

#endif
