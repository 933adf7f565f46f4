/*
 * holm: many tests at once. Of a hundred figures that did not change, one in a hundred has p < 0.01.
 */
#ifndef STATS_HOLM_H
#define STATS_HOLM_H

#include <stddef.h>

/* Adjusts the p of a family of tests, in place and in their order: whoever then calls all below alpha real is
 * wrong anywhere with at most that probability, however the tests depend on each other. S. Holm, "A simple
 * sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6 (1979), 65–70. */
void holm_adjust(double *p, size_t count);

#endif
