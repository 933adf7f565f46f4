/* Clients whose delay grows exponentially, with each kind of jitter. */
#include "infer/property.h"

static const struct sort sorts[] = {
	{ "exponential, full", { .family = FAMILY_EXPONENTIAL, .jitter = JITTER_FULL, .cap = 1, .runs = 5 },
	    0.5, 0.01 },
	{ "exponential, equal", { .family = FAMILY_EXPONENTIAL, .jitter = JITTER_EQUAL, .cap = 1, .runs = 4 },
	    0.55, 0.01 },
	{ "exponential, additive",
	    { .family = FAMILY_EXPONENTIAL, .jitter = JITTER_ADDITIVE, .cap = 1, .runs = 4 }, 0.6, 0.01 },
	{ "exponential, proportional",
	    { .family = FAMILY_EXPONENTIAL, .jitter = JITTER_PROPORTIONAL, .cap = 1, .runs = 4 }, 0.6, 0.01 },
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
