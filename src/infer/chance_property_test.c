/* Clients without a policy: unknown is the right answer. */
#include "infer/property.h"

static const struct sort sorts[] = {
	{ "random, even", { .random = RANDOM_EVEN, .runs = 1 }, 0.995, 0.005 },
	{ "random, exponential", { .random = RANDOM_EXPONENTIAL, .runs = 1 }, 0.995, 0.005 },
	{ "random, walk", { .random = RANDOM_WALK, .runs = 1 }, 0.985, 0.015 },
	{ "random, multiples", { .random = RANDOM_MULTIPLES, .runs = 1 }, 0.985, 0.015 },
	{ "random, any size", { .random = RANDOM_LOG, .runs = 1 }, 0.995, 0.005 },
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
