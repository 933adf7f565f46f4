#include "agent/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void test_numbers(void **state)
{
	(void)state;
	assert_string_equal(number_text(0).text, "0");
	assert_string_equal(number_text(-7).text, "-7");
	assert_string_equal(number_text(INT64_MAX).text, "9223372036854775807");
	assert_string_equal(number_text(INT64_MIN).text, "-9223372036854775808");
}

static void test_join(void **state)
{
	(void)state;
	char buffer[8] = "before";
	assert_true(text_join(buffer, sizeof(buffer), (const char *const[]){ NULL }));
	assert_string_equal(buffer, "");
	assert_true(text_join(buffer, sizeof(buffer), (const char *const[]){ "ab", "", "cde", "fg", NULL }));
	assert_string_equal(buffer, "abcdefg");
	assert_false(text_join(buffer, sizeof(buffer), (const char *const[]){ "abcd", "efgh", "i", NULL }));
	assert_string_equal(buffer, "abcdefg");
	assert_false(text_join(buffer, 1, (const char *const[]){ "a", NULL }));
	assert_string_equal(buffer, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_numbers), cmocka_unit_test(test_join) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
