/*
 * recorded: what a JSON report (json.c) says of each scenario: how often it passed, and the figures of its
 * expectations. A parser of outside input: reports come from archives of other machines.
 */
#ifndef REPORT_RECORDED_H
#define REPORT_RECORDED_H

#include "base/err.h"
#include "base/lookup.h"
#include "base/memory.h"
#include "report/describe.h"

struct recorded_figure {
	char *id;
	enum unit unit;
	int kind;       /* enum expectation_kind, or -1: of a falsestart that knows more */
	bool implied;   /* nobody wrote the expectation: the figure is the scenario's, not the subject's */
	double *values; /* every world's, of its last try: the middle of the measured interval; of a count its
			   low end, what is certain */
	size_t count;
};

struct recorded_scenario {
	char *name;
	size_t passed, failed; /* worlds: flaky is failed; what was inconclusive is neither */
	struct recorded_figure *figures;
	size_t figure_count;
	struct lookup figure_places; /* by id, unit, kind and whether it is implied */
};

struct recorded {
	double speed;
	struct recorded_scenario *scenarios;
	size_t scenario_count;
	struct lookup scenario_places; /* by name */
};

/* The message names file and what is missing or wrong in which result. */
struct recorded *recorded_read(
    const char *bytes, size_t length, const char *file, struct err *err) MUST_CHECK;
void recorded_free(struct recorded *recorded);

/* NULL: there is none of that name. */
const struct recorded_scenario *recorded_find(const struct recorded *recorded, const char *name);
/* The same figure of another report: one with that id, unit and kind, as implied; NULL: there is none. */
const struct recorded_figure *recorded_figure_like(
    const struct recorded_scenario *scenario, const struct recorded_figure *figure);

#endif
