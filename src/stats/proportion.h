/*
 * proportion: how often something came true, and what that says about how often it will.
 */
#ifndef STATS_PROPORTION_H
#define STATS_PROPORTION_H

#include <stddef.h>

struct interval {
	double low, high;
};

/* The 95 % score interval of a proportion: E. B. Wilson, "Probable inference, the law of succession, and
 * statistical inference", Journal of the American Statistical Association 22 (1927), 209–212. It is what R.
 * G. Newcombe ("Two-sided confidence intervals for the single proportion", Statistics in Medicine 17 (1998),
 * 857–872, method 3) advises: right for few runs and for rates of 0 and 1, where the textbook's ± is not. Of
 * no runs: 0 to 1. */
struct interval wilson_interval(size_t passed, size_t runs);

/* Two-sided p of Fisher's exact test: how likely two groups with one true rate differ as much, the totals
 * being what they are; the sum over all tables that are not likelier than this one. R. A. Fisher, "The design
 * of experiments" (1935), chapter II. */
double fisher_exact(size_t passed_a, size_t failed_a, size_t passed_b, size_t failed_b);

#endif
