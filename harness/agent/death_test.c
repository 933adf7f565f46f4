/* What tells one process from another; that they die of it is the engine's tests'
 * (tests/e2e/dying_docker_test.sh). */
#include "agent/death.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define ID "1f2e3d4c5b6a1f2e3d4c5b6a1f2e3d4c5b6a1f2e3d4c5b6a1f2e3d4c5b6a0123"

static void test_whose_process(void **state)
{
	(void)state;
	assert_true(death_is_of("4:memory:/docker/" ID "\n", ID));
	assert_true(death_is_of("12:cpu:/\n4:memory:/docker/" ID, ID));
	assert_true(death_is_of("0::/system.slice/docker-" ID ".scope\n", ID));
	assert_true(death_is_of("0::/../" ID "\n", ID));
	assert_false(death_is_of("4:memory:/docker/\n0::/\n", ID));
	assert_false(death_is_of("", ID));
	/* Of a container inside of that container. */
	assert_false(death_is_of("4:memory:/docker/" ID "/docker/77\n", ID));
	/* What could be anything names nobody. */
	assert_false(death_is_of("4:memory:/docker/" ID "\n", ""));
	assert_false(death_is_of("4:memory:/docker/" ID "\n", "docker"));
}

static void test_parent(void **state)
{
	(void)state;
	static const char tail[] =
	    " S 17 1 1 0 -1 4194560 100 0 1 0 0 0 0 0 20 0 1 0 98765 1000 20 18446744073709551615";
	unsigned long long began = 0;
	char text[256];
	const char *const names[] = { "(redis)", "(a b)", "(x) S 3 (y)", "(()" };
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		text[0] = '\0';
		size_t length = 0;
		for (const char *part = "42 "; *part; part++)
			text[length++] = *part;
		for (const char *part = names[i]; *part; part++)
			text[length++] = *part;
		for (const char *part = tail; *part; part++)
			text[length++] = *part;
		text[length] = '\0';
		assert_int_equal(death_parent_of(text, &began), 17);
		assert_int_equal(began, 98765);
	}
	assert_int_equal(death_parent_of("", &began), -1);
	assert_int_equal(death_parent_of("42 (redis)", &began), -1);
	assert_int_equal(death_parent_of("42 (redis) S x", &began), -1);
	/* Cut short: its beginning is not known, and it is nobody's first child. */
	assert_int_equal(death_parent_of("42 (redis) S 17 1", &began), 17);
	assert_int_equal(began, 0);
}

#define is_meant(count, ...) death_is_meant(count, (char **)(const char *[]){ __VA_ARGS__, NULL })

static void test_what_it_is_started_for(void **state)
{
	(void)state;
	assert_true(is_meant(6, "agent", "kill", "1", ID, "SIGKILL", "first"));
	assert_true(is_meant(4, "agent", "exhaust", "1", ID));
	assert_false(is_meant(5, "agent", "kill", "1", ID, "SIGKILL"));
	assert_false(is_meant(6, "agent", "exhaust", "1", ID, "x", "y"));
	assert_false(is_meant(2, "agent", "selftest"));
	assert_false(is_meant(1, "agent"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whose_process),
		cmocka_unit_test(test_parent),
		cmocka_unit_test(test_what_it_is_started_for),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
