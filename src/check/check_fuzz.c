/* Whatever the trace says: no crash, and a judgement that is whole. The scenarios are fixed: together they
 * have every kind of expectation. */
#include "check/check.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const scenarios[] = {
	"fixtures/traces/conduct-right/scenario.yaml",
	"fixtures/traces/delayed-redis-right/scenario.yaml",
	"fixtures/traces/order-in-time/scenario.yaml",
	"fixtures/traces/redis-stops-right/scenario.yaml",
	"fixtures/traces/requests-right/scenario.yaml",
	"fixtures/traces/wire-right/scenario.yaml",
};

/* Loaded once; they live as long as the process. */
static struct plan *plans[ARRAY_LENGTH(scenarios)];

static void load_plans(void)
{
	struct err err = ERR_INIT;
	for (size_t i = 0; i < ARRAY_LENGTH(scenarios) && !plans[i]; i++) {
		plans[i] = plan_load(scenarios[i], 1, &err);
		if (!plans[i])
			BUG("%s: %s (the fuzzer runs in the source root)", scenarios[i], err.message);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err err = ERR_INIT;
	load_plans();
	struct trace *trace = trace_read((const char *)data, size, "fuzz", &err);
	for (size_t p = 0; trace && p < ARRAY_LENGTH(plans); p++) {
		struct judgement *judgement = check(plans[p], trace);
		for (size_t i = 0; i < judgement->finding_count; i++) {
			const struct finding *finding = &judgement->findings[i];
			if ((finding->verdict == VERDICT_PASS) != (*finding->reason == '\0') ||
			    !*finding->expected)
				BUG("%s: %s with the reason `%s`", finding->expectation->id,
				    verdict_names[finding->verdict], finding->reason);
		}
		judgement_free(judgement);
	}
	trace_free(trace);
	return 0;
}
