#include "report/report.h"

#include "base/err.h"
#include "plan/secrets.h"

#include <string.h>

const char *const outcome_names[] = {
	[OUTCOME_PASS] = "pass",
	[OUTCOME_FAIL] = "fail",
	[OUTCOME_INCONCLUSIVE] = "inconclusive",
	[OUTCOME_FLAKY] = "flaky",
	[OUTCOME_RETRIED] = "retried",
};

/* Tries of one world have one plan by name, one repetition, and numbers that go up. */
static bool is_next_try(const struct report_result *before, const struct report_result *after)
{
	return after->retry > before->retry && after->attempt == before->attempt && before->plan->name &&
	       after->plan->name && strcmp(before->plan->name, after->plan->name) == 0;
}

/* Was an earlier try of this world judged so? */
static bool was_before(const struct report *report, size_t index, enum verdict verdict)
{
	for (; index > 0 && is_next_try(&report->results[index - 1], &report->results[index]); index--)
		if (report->results[index - 1].judgement->verdict == verdict)
			return true;
	return false;
}

static bool is_last_try(const struct report *report, size_t index)
{
	return index + 1 == report->result_count ||
	       !is_next_try(&report->results[index], &report->results[index + 1]);
}

size_t report_last_try(const struct report *report, size_t index)
{
	while (!is_last_try(report, index))
		index++;
	return index;
}

enum outcome report_outcome(const struct report *report, size_t index)
{
	const struct report_result *result = &report->results[index];
	if (!is_last_try(report, index))
		return OUTCOME_RETRIED;
	bool failed = was_before(report, index, VERDICT_FAIL);
	switch (result->judgement->verdict) {
	case VERDICT_PASS:
		return failed ? OUTCOME_FLAKY : OUTCOME_PASS;
	case VERDICT_FAIL:
		return OUTCOME_FAIL;
	case VERDICT_INCONCLUSIVE:
		return failed ? OUTCOME_FAIL : OUTCOME_INCONCLUSIVE;
	}
	BUG("verdict %d", (int)result->judgement->verdict);
}

static void count_outcome(struct report_totals *totals, const struct report *report, size_t index)
{
	const struct judgement *judgement = report->results[index].judgement;
	switch (report_outcome(report, index)) {
	case OUTCOME_PASS:
		totals->passed++;
		totals->doubted += was_before(report, index, VERDICT_INCONCLUSIVE);
		return;
	case OUTCOME_FAIL:
		totals->failed++;
		return;
	case OUTCOME_INCONCLUSIVE:
		totals->inconclusive++;
		totals->environment += judgement->environment;
		return;
	case OUTCOME_FLAKY:
		totals->flaky++;
		return;
	case OUTCOME_RETRIED:
		totals->retried++;
		return;
	}
}

struct report_totals report_totals(const struct report *report)
{
	struct report_totals totals = { 0 };
	for (size_t i = 0; i < report->result_count; i++) {
		const struct judgement *judgement = report->results[i].judgement;
		count_outcome(&totals, report, i);
		for (size_t k = 0; k < judgement->finding_count; k++) {
			enum claim_result claim = judgement->findings[k].claim;
			totals.claims += claim == CLAIM_HOLDS || claim == CLAIM_DIFFERS;
			totals.differing += claim == CLAIM_DIFFERS;
		}
	}
	return totals;
}

int report_exit_status(const struct report *report)
{
	struct report_totals totals = report_totals(report);
	if (report->interrupted)
		return report->interrupted;
	/* What was seen to fail has failed, whatever became of the engine afterwards. */
	if (totals.failed || (totals.flaky && !report->flaky_allowed))
		return 1;
	if (totals.environment || report->has_trouble)
		return 3;
	if (report->result_count == 0)
		return 5;
	return totals.inconclusive ? 4 : 0;
}

int64_t report_decided_ns(const struct trace *trace, const struct finding *finding)
{
	int64_t last_ns = 0;
	for (size_t i = 0; i < finding->evidence_count; i++)
		if (finding->evidence[i] < trace->event_count) {
			int64_t at_ns = trace->events[finding->evidence[i]].to_ns;
			last_ns = at_ns > last_ns ? at_ns : last_ns;
		}
	return last_ns;
}

struct redactor *report_redactor(const struct report *report)
{
	struct redactor *redactor = redactor_new();
	for (size_t i = 0; i < report->result_count; i++)
		if (report->results[i].plan->stack)
			stack_add_secrets(report->results[i].plan->stack, redactor);
	return redactor;
}
