#include "report/repetition.h"

#include "base/err.h"
#include "report/describe.h"

#include <math.h>
#include <string.h>

static bool is_same(const char *left, const char *right)
{
	return strcmp(left ? left : "", right ? right : "") == 0;
}

static void count_outcome(struct repetition *repetition, enum outcome outcome)
{
	repetition->runs++;
	switch (outcome) {
	case OUTCOME_PASS:
		repetition->passed++;
		return;
	case OUTCOME_FAIL:
		repetition->failed++;
		return;
	case OUTCOME_INCONCLUSIVE:
		repetition->inconclusive++;
		return;
	case OUTCOME_FLAKY:
		repetition->flaky++;
		return;
	case OUTCOME_RETRIED:
		break;
	}
	BUG("a world of outcome %d", (int)outcome);
}

/* What nobody wrote down is in some worlds and not in others: by id, not by place. */
static struct figure *figure_for(struct repetition *repetition, const struct expectation *expectation)
{
	for (size_t i = 0; i < repetition->figure_count; i++) {
		const struct expectation *known = repetition->figures[i].expectation;
		if (known == expectation ||
		    (known->kind == expectation->kind && is_same(known->id, expectation->id)))
			return &repetition->figures[i];
	}
	struct figure *figure = array_push(repetition->figures, repetition->figure_count);
	figure->expectation = expectation;
	return figure;
}

static void add_value(struct figure *figure, const struct finding *finding)
{
	if (!finding->has_measured || finding->measured_high == INT64_MAX)
		return;
	*array_push(figure->values, figure->summary.count) =
	    (double)finding->measured_low +
	    ((double)finding->measured_high - (double)finding->measured_low) / 2;
}

/* Once a world, however many of its tries it spoiled. */
static void blame(struct figure *figure, enum outcome outcome, size_t world)
{
	if (figure->last_blamed == world)
		return;
	figure->last_blamed = world;
	figure->blamed[outcome]++;
}

/* The tries from `first` to `last`. */
static void add_world(struct repetition *repetition, const struct report *report, size_t first, size_t last)
{
	enum outcome outcome = report_outcome(report, last);
	enum verdict blamed = outcome == OUTCOME_INCONCLUSIVE ? VERDICT_INCONCLUSIVE : VERDICT_FAIL;
	repetition->count += last - first + 1;
	count_outcome(repetition, outcome);
	for (size_t i = first; i <= last; i++) {
		const struct judgement *judgement = report->results[i].judgement;
		for (size_t k = 0; k < judgement->finding_count; k++) {
			const struct finding *finding = &judgement->findings[k];
			struct figure *figure = figure_for(repetition, finding->expectation);
			if (finding->verdict == blamed)
				blame(figure, outcome, repetition->runs);
			if (i == last)
				add_value(figure, finding);
		}
	}
}

static void conclude(struct repetition *repetition)
{
	size_t decided = repetition->passed + repetition->failed + repetition->flaky;
	repetition->rate = wilson_interval(repetition->passed, decided);
	for (size_t i = 0; i < repetition->figure_count; i++) {
		struct figure *figure = &repetition->figures[i];
		figure->summary = summarise(figure->values, figure->summary.count);
		figure->failed = figure->blamed[OUTCOME_FAIL] + figure->blamed[OUTCOME_FLAKY];
	}
}

struct repetition *repetitions_of(const struct report *report, size_t *ret_count)
{
	struct repetition *repetitions = NULL;
	size_t count = 0;
	for (size_t i = 0, last; i < report->result_count; i = last + 1) {
		const struct report_result *result = &report->results[i];
		if (i == 0 || !is_same(result[-1].plan->name, result->plan->name))
			array_push(repetitions, count)->first = i;
		last = report_last_try(report, i);
		add_world(&repetitions[count - 1], report, i, last);
	}
	for (size_t i = 0; i < count; i++)
		conclude(&repetitions[i]);
	*ret_count = count;
	return repetitions;
}

void repetitions_free(struct repetition *repetitions, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		for (size_t k = 0; k < repetitions[i].figure_count; k++)
			free(repetitions[i].figures[k].values);
		free(repetitions[i].figures);
	}
	free(repetitions);
}

void describe_repetition(struct buf *out, const struct repetition *repetition)
{
	buf_addf(out, "%zu of %zu passed (95 %% interval %.1f %% to %.1f %%)", repetition->passed,
	    repetition->runs, 100 * repetition->rate.low, 100 * repetition->rate.high);
	if (repetition->failed)
		buf_addf(out, ", %zu failed", repetition->failed);
	if (repetition->flaky)
		buf_addf(out, ", %zu flaky", repetition->flaky);
	if (repetition->inconclusive)
		buf_addf(out, ", %zu inconclusive", repetition->inconclusive);
}

void describe_spread(struct buf *out, const struct figure *figure)
{
	const struct summary *summary = &figure->summary;
	buf_addf(out, "%zu run%s: least ", summary->count, summary->count == 1 ? "" : "s");
	describe_figure(out, figure, summary->least);
	buf_add_string(out, ", median ");
	describe_figure(out, figure, summary->median);
	buf_add_string(out, ", p90 ");
	describe_figure(out, figure, summary->p90);
	buf_add_string(out, ", most ");
	describe_figure(out, figure, summary->most);
	buf_addf(out, "; %zu failed", figure->failed);
}

void describe_figure(struct buf *out, const struct figure *figure, double amount)
{
	enum unit unit = unit_of(figure->expectation);
	/* The median of an even number of counts may lie between two. */
	if (unit == UNIT_COUNT && amount != floor(amount))
		buf_addf(out, "%.1f", amount);
	else
		describe_amount(out, unit, (int64_t)llround(amount), false);
}
