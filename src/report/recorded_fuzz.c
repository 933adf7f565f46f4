/* Any bytes as a report: refused with a message, or compared with itself without a change. */
#include "report/comparison.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct err err = ERR_INIT;
	struct recorded *recorded = recorded_read((const char *)bytes, size, "fuzz", &err);
	if (!recorded) {
		if (!err_is_set(&err))
			BUG("a report was refused without a word");
		return 0;
	}
	const struct comparison_limits limits = { .alpha = 0.01, .threshold = 0.1 };
	struct comparison *comparison = compare(recorded, recorded, &limits, &err);
	for (size_t i = 0; comparison && i < comparison->count; i++)
		if (comparison->rows[i].change < CHANGE_NONE)
			BUG("a report differs from itself");
	comparison_free(comparison);
	recorded_free(recorded);
	return 0;
}
