/* Clients with jitter whose delay does not grow, or grows linearly; decorrelated ones. */
#include "infer/property.h"

static const struct sort sorts[] = {
	{ "fixed, equal", { .family = FAMILY_FIXED, .jitter = JITTER_EQUAL, .runs = 3 }, 0.8, 0.005 },
	{ "fixed, additive", { .family = FAMILY_FIXED, .jitter = JITTER_ADDITIVE, .runs = 3 }, 0.6, 0.005 },
	{ "linear, equal", { .family = FAMILY_LINEAR, .jitter = JITTER_EQUAL, .runs = 4 }, 0.85, 0.005 },
	{ "decorrelated", { .family = FAMILY_DECORRELATED, .cap = 1, .runs = 3 }, 0.8, 0.005 },
};

static void test_sorts(void **state)
{
	(void)state;
	try_sorts(sorts, ARRAY_LENGTH(sorts));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_sorts) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
