#include "base/lookup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

/* In order, which makes a tree that is not balanced a list: with one this test takes minutes. */
enum { MANY = 200000 };

static void test_many(void **state)
{
	(void)state;
	struct lookup lookup = { 0 };
	char name[32];
	for (size_t i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "%08zu", i);
		assert_true(lookup_place(&lookup, name) == LOOKUP_NONE);
		lookup_add(&lookup, name, i);
	}
	for (size_t i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "%08zu", i);
		assert_true(lookup_place(&lookup, name) == i);
	}
	assert_true(lookup_place(&lookup, "") == LOOKUP_NONE);
	assert_true(lookup_place(&lookup, "0000000") == LOOKUP_NONE);
	lookup_release(&lookup);
	assert_true(lookup_place(&lookup, name) == LOOKUP_NONE);
	lookup_release(&lookup);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_many),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
