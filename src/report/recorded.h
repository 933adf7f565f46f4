/*
 * recorded: what a JSON report (json.c) says of each scenario: how often it passed, and the figures of its
 * expectations. A parser of outside input: reports come from archives of other machines.
 */
#ifndef REPORT_RECORDED_H
#define REPORT_RECORDED_H

#include "base/err.h"
#include "base/memory.h"
#include "report/describe.h"

struct recorded_figure {
	char *id;
	enum unit unit;
	int kind;       /* enum expectation_kind, or -1: of a falsestart that knows more */
	double *values; /* every try's: the middle of the measured interval */
	size_t count;
};

struct recorded_scenario {
	char *name;
	size_t passed, failed; /* worlds: flaky is failed; what was inconclusive is neither */
	struct recorded_figure *figures;
	size_t figure_count;
};

struct recorded {
	double speed;
	struct recorded_scenario *scenarios;
	size_t scenario_count;
};

/* The message names file and what is missing or wrong in which result. */
struct recorded *recorded_read(
    const char *bytes, size_t length, const char *file, struct err *err) MUST_CHECK;
void recorded_free(struct recorded *recorded);

#endif
