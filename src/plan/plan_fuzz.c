/* Bytes as a scenario: a plan or an error with a message, never a crash. */
#include "base/err.h"
#include "plan/plan_private.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__lsan_default_suppressions(void);

/* libfyaml 0.7.12 loses a page when a quoted text goes wrong. The case tests, which have no such exception,
 * prove that this room itself frees what it asks of libfyaml. */
const char *__lsan_default_suppressions(void)
{
	return "leak:libfyaml\n";
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err err = ERR_INIT;
	struct plan *plan = plan_load_bytes("fuzz.yaml", (const char *)data, size, 7, &err);
	if (!plan == !err_is_set(&err))
		BUG("neither a plan nor an error, or both");
	if (!plan && !err.message[0])
		BUG("an error without a message");
	plan_free(plan);
	return 0;
}
