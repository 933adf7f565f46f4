/* cut: what a trace that was cut short leaves open. */
#ifndef CHECK_CUT_H
#define CHECK_CUT_H

#include "check/judge.h"

/* What its kind has found, if there is no `end`. */
void doubt_cut(const struct index *index, struct draft *draft);

#endif
