#include "report/comparison.h"

#include "stats/holm.h"
#include "stats/proportion.h"
#include "stats/summary.h"

#include <math.h>
#include <string.h>

const char *const change_names[] = {
	[CHANGE_WORSE] = "worse",
	[CHANGE_OTHER] = "other",
	[CHANGE_BETTER] = "better",
	[CHANGE_NONE] = "none",
	[CHANGE_UNKNOWN] = "unknown",
};

/* While rows are put together. */
struct row {
	struct compared compared;
	int kind;
	bool implied;
	bool can_tell;  /* there is an outcome of these very values that chance would hardly make */
	double least_p; /* of so many values, with these ties or without any */
};

struct rows {
	struct row *items;
	size_t count;
	struct rank_chances chances;
};

/* Longer, larger, more often: is that worse? Not of what is implied: when a phase was met, and by how much a
 * step was in time, is the scenario's doing. */
static bool more_is_worse(const struct row *row)
{
	if (!row->compared.id || row->implied || row->kind < 0)
		return false;
	switch ((enum expectation_kind)row->kind) {
	case EXPECT_REACH:
	case EXPECT_NEVER:
	case EXPECT_ALWAYS:
	case EXPECT_RESPOND:
	case EXPECT_MEMORY:
	case EXPECT_DESCRIPTORS:
	case EXPECT_CONNECTIONS:
	case EXPECT_ENDS:
	case EXPECT_DISCLOSES:
	case EXPECT_HONEST:
		return true;
	case EXPECT_SEQUENCE:
	case EXPECT_BACKOFF:
	case EXPECT_MATCHES:
	case EXPECT_AGREES:
		return false;
	}
	return false;
}

static double median_of(const double *values, size_t count)
{
	double *copy OWNED = xmalloc((count + 1) * sizeof(*copy));
	memcpy(copy, values, count * sizeof(*copy));
	return summarise(copy, count).median;
}

static void add_figure(
    struct rows *rows, const char *scenario, const struct recorded_figure *a, const struct recorded_figure *b)
{
	struct mann_whitney test = mann_whitney(&rows->chances, a->values, a->count, b->values, b->count);
	struct row *row = array_push(rows->items, rows->count);
	*row = (struct row){
		.compared = { .scenario = scenario,
		    .id = a->id,
		    .unit = a->unit,
		    .old_count = a->count,
		    .new_count = b->count,
		    .old_middle = median_of(a->values, a->count),
		    .new_middle = median_of(b->values, b->count),
		    .p = test.p,
		    .shift = hodges_lehmann(&rows->chances, a->values, a->count, b->values, b->count) },
		.kind = a->kind,
		.implied = a->implied,
		.can_tell = test.least_p < 1,
		.least_p = fmin(test.least_p, mann_whitney_least_p_of(a->count, b->count)),
	};
}

static void add_rate(struct rows *rows, const struct recorded_scenario *a, const struct recorded_scenario *b)
{
	size_t a_count = a->passed + a->failed, b_count = b->passed + b->failed;
	if (a_count == 0 || b_count == 0)
		return;
	struct row *row = array_push(rows->items, rows->count);
	*row = (struct row){
		.compared = { .scenario = a->name,
		    .old_count = a_count,
		    .new_count = b_count,
		    .old_middle = (double)a->passed / (double)a_count,
		    .new_middle = (double)b->passed / (double)b_count,
		    .p = fisher_exact(a->passed, a->failed, b->passed, b->failed) },
		.kind = -1,
		.can_tell = a->failed + b->failed > 0 && a->passed + b->passed > 0,
		.least_p = fisher_exact(a_count, 0, 0, b_count),
	};
}

static void add_scenario(
    struct rows *rows, const struct recorded_scenario *a, const struct recorded_scenario *b)
{
	add_rate(rows, a, b);
	for (size_t i = 0; i < a->figure_count; i++) {
		const struct recorded_figure *other = recorded_figure_like(b, &a->figures[i]);
		if (other)
			add_figure(rows, a->name, &a->figures[i], other);
	}
}

/* What `one` has and `other` has not: whole scenarios, and figures of those that both have. What is no more
 * measured is no more compared, and nobody may take that for "did not change". */
static void find_missing(struct only *only, const struct recorded *one, const struct recorded *other)
{
	for (size_t i = 0; i < one->scenario_count; i++) {
		const struct recorded_scenario *scenario = &one->scenarios[i];
		const struct recorded_scenario *same = recorded_find(other, scenario->name);
		if (!same)
			*array_push(only->items, only->count) =
			    (struct missing){ .scenario = scenario->name };
		for (size_t k = 0; same && k < scenario->figure_count; k++)
			if (!recorded_figure_like(same, &scenario->figures[k]))
				*array_push(only->items, only->count) =
				    (struct missing){ .scenario = scenario->name,
					    .id = scenario->figures[k].id };
	}
}

static bool was_judged(const struct recorded_scenario *scenario)
{
	return scenario->passed + scenario->failed > 0;
}

static void find_unjudged(struct only *unjudged, const struct recorded *one, const struct recorded *other)
{
	for (size_t i = 0; i < one->scenario_count; i++) {
		const struct recorded_scenario *scenario = &one->scenarios[i];
		const struct recorded_scenario *same = recorded_find(other, scenario->name);
		if (same && was_judged(same) && !was_judged(scenario))
			*array_push(unjudged->items, unjudged->count) =
			    (struct missing){ .scenario = scenario->name };
	}
}

/* ---- what it means ---- */

/* The tests that could have come out either way; the others (no violation, on both sides, in every run)
 * cannot err. */
static size_t adjust(struct rows *rows)
{
	double *p OWNED = xcalloc(rows->count + 1, sizeof(*p));
	size_t count = 0, at = 0;
	for (size_t i = 0; i < rows->count; i++)
		if (rows->items[i].can_tell)
			p[count++] = rows->items[i].compared.p;
	holm_adjust(p, count);
	for (size_t i = 0; i < rows->count; i++)
		rows->items[i].compared.p = rows->items[i].can_tell ? p[at++] : 1;
	return count;
}

static bool is_large(const struct compared *row, double threshold)
{
	double moved = fabs(row->new_middle - row->old_middle);
	return moved > 0 && (!row->id || moved >= threshold * fabs(row->old_middle));
}

static const char *word_for(const struct compared *row, bool is_more)
{
	if (!row->id)
		return is_more ? "fails less" : "fails more";
	switch (row->unit) {
	case UNIT_NS:
		return is_more ? "slower" : "faster";
	case UNIT_COUNT:
	case UNIT_BYTES:
		return is_more ? "more" : "less";
	}
	BUG("unit %d", (int)row->unit);
}

static void conclude(struct row *row, const struct comparison_limits *limits, size_t family)
{
	struct compared *compared = &row->compared;
	bool is_more = compared->new_middle > compared->old_middle;
	compared->word = "";
	if (!(compared->p < limits->alpha)) {
		bool is_hopeless = row->least_p * (double)(family ? family : 1) >= limits->alpha;
		compared->change = is_hopeless ? CHANGE_UNKNOWN : CHANGE_NONE;
		return;
	}
	if (!is_large(compared, limits->threshold)) {
		compared->change = CHANGE_NONE;
		return;
	}
	bool worse_if_more = more_is_worse(row), better_if_more = !compared->id;
	compared->word = worse_if_more || better_if_more ? word_for(compared, is_more) : "changed";
	compared->change = worse_if_more    ? is_more ? CHANGE_WORSE : CHANGE_BETTER
			   : better_if_more ? is_more ? CHANGE_BETTER : CHANGE_WORSE
					    : CHANGE_OTHER;
}

/* Runs a side with which the clearest difference there can be is below alpha. */
static size_t runs_that_would_do(size_t family, double alpha)
{
	size_t runs = 2;
	while (mann_whitney_least_p_of(runs, runs) * (double)(family ? family : 1) >= alpha)
		runs++;
	return runs;
}

static double relative(const struct compared *row)
{
	double scale = row->id ? fabs(row->old_middle) : 1;
	double moved = fabs(row->new_middle - row->old_middle);
	return scale > 0 ? moved / scale : moved > 0 ? INFINITY : 0;
}

static int worst_first(const void *left, const void *right)
{
	const struct compared *a = left, *b = right;
	if (a->change != b->change)
		return (a->change > b->change) - (a->change < b->change);
	if (relative(a) != relative(b) && a->change < CHANGE_NONE)
		return relative(a) < relative(b) ? 1 : -1;
	if (a->p != b->p)
		return a->p > b->p ? 1 : -1;
	int order = strcmp(a->scenario, b->scenario);
	return order ? order : strcmp(a->id ? a->id : "", b->id ? b->id : "");
}

static void fill(struct comparison *comparison, struct rows *rows, const struct comparison_limits *limits)
{
	size_t family = adjust(rows), known = 0;
	comparison->rows = xcalloc(rows->count + 1, sizeof(*comparison->rows));
	comparison->count = rows->count;
	for (size_t i = 0; i < rows->count; i++) {
		conclude(&rows->items[i], limits, family);
		comparison->rows[i] = rows->items[i].compared;
		known += comparison->rows[i].change != CHANGE_UNKNOWN;
	}
	if (rows->count > 0 && known == 0)
		comparison->runs_needed = runs_that_would_do(family, limits->alpha);
	qsort(comparison->rows, comparison->count, sizeof(*comparison->rows), worst_first);
}

bool comparison_is_unjudged(const struct comparison *comparison)
{
	return comparison->unjudged_old.count + comparison->unjudged_new.count > 0;
}

struct comparison *compare(const struct recorded *old_runs, const struct recorded *new_runs,
    const struct comparison_limits *limits, struct err *err)
{
	if (old_runs->speed != new_runs->speed) {
		err_set(err, ERR_INVALID,
		    "the old runs were told at speed %g and the new ones at speed %g; only runs of one speed "
		    "can be "
		    "compared",
		    old_runs->speed, new_runs->speed);
		return NULL;
	}
	struct comparison *comparison = xcalloc(1, sizeof(*comparison));
	struct rows rows = { 0 };
	for (size_t i = 0; i < old_runs->scenario_count; i++) {
		const struct recorded_scenario *a = &old_runs->scenarios[i],
					       *b = recorded_find(new_runs, a->name);
		if (b)
			add_scenario(&rows, a, b);
	}
	rank_chances_release(&rows.chances);
	find_missing(&comparison->only_old, old_runs, new_runs);
	find_missing(&comparison->only_new, new_runs, old_runs);
	find_unjudged(&comparison->unjudged_old, old_runs, new_runs);
	find_unjudged(&comparison->unjudged_new, new_runs, old_runs);
	if (rows.count > 0 || comparison_is_unjudged(comparison)) {
		fill(comparison, &rows, limits);
		free(rows.items);
		return comparison;
	}
	comparison_free(comparison);
	err_set(err, ERR_INVALID,
	    "the two reports have no scenario in common that was judged; there is nothing to compare");
	return NULL;
}

void comparison_free(struct comparison *comparison)
{
	if (!comparison)
		return;
	free(comparison->rows);
	free(comparison->only_old.items);
	free(comparison->only_new.items);
	free(comparison->unjudged_old.items);
	free(comparison->unjudged_new.items);
	free(comparison);
}

int comparison_exit_status(const struct comparison *comparison)
{
	if (comparison->count && comparison->rows[0].change == CHANGE_WORSE)
		return 1;
	return comparison->runs_needed || comparison_is_unjudged(comparison) ? 4 : 0;
}
