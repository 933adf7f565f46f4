#include "report/report.h"

#include "plan/secrets.h"

struct report_totals report_totals(const struct report *report)
{
	struct report_totals totals = { 0 };
	for (size_t i = 0; i < report->result_count; i++) {
		const struct judgement *judgement = report->results[i].judgement;
		totals.passed += judgement->verdict == VERDICT_PASS;
		totals.failed += judgement->verdict == VERDICT_FAIL;
		totals.inconclusive += judgement->verdict == VERDICT_INCONCLUSIVE;
		totals.environment += judgement->verdict == VERDICT_INCONCLUSIVE && judgement->environment;
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
	if (report->result_count == 0)
		return 5;
	if (totals.failed)
		return 1;
	if (totals.environment)
		return 3;
	return totals.inconclusive ? 4 : 0;
}

struct redactor *report_redactor(const struct report *report)
{
	struct redactor *redactor = redactor_new();
	for (size_t i = 0; i < report->result_count; i++)
		if (report->results[i].plan->stack)
			stack_add_secrets(report->results[i].plan->stack, redactor);
	return redactor;
}
