/* Clients without jitter, alone and several at a time. */
#include "infer/property.h"

static const struct sort sorts[] = {
	{ "fixed", { .family = FAMILY_FIXED, .runs = 1 }, 0.98, 0.001 },
	{ "linear", { .family = FAMILY_LINEAR, .runs = 1 }, 0.95, 0.003 },
	{ "linear, capped", { .family = FAMILY_LINEAR, .cap = 1, .runs = 1 }, 0.65, 0.005 },
	{ "exponential", { .family = FAMILY_EXPONENTIAL, .runs = 1 }, 0.95, 0.003 },
	{ "exponential, capped", { .family = FAMILY_EXPONENTIAL, .cap = 1, .runs = 1 }, 0.65, 0.005 },
	{ "exponential, capped, runs", { .family = FAMILY_EXPONENTIAL, .cap = 1, .runs = 3 }, 0.7, 0.005 },
	{ "fixed, three lanes", { .family = FAMILY_FIXED, .lanes = 3, .runs = 1 }, 0.95, 0.005 },
	{ "exponential, two lanes", { .family = FAMILY_EXPONENTIAL, .lanes = 2, .runs = 1 }, 0.92, 0.005 },
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
