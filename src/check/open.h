/* open: how many connections of an attempts watch worked beside each of its attempts. */
#ifndef CHECK_OPEN_H
#define CHECK_OPEN_H

#include "check/index.h"

/* An array beside the items of the series; free() it. */
int *count_open(const struct index *index, const struct series *series);

#endif
