#include "base/number.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define UNTOUCHED INT64_C(-7)

static void test_parse(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int64_t least, most;
		int64_t number; /* UNTOUCHED: refused */
	} cases[] = {
		{ "0", 0, 9, 0 },
		{ "007", 0, 9, 7 },
		{ "1", 1, 65535, 1 },
		{ "65535", 1, 65535, 65535 },
		{ "9223372036854775807", 0, INT64_MAX, INT64_MAX },
		{ "0", 1, 65535, UNTOUCHED },
		{ "65536", 1, 65535, UNTOUCHED },
		{ "9223372036854775808", 0, INT64_MAX, UNTOUCHED },
		{ "18446744073709551617", 0, INT64_MAX, UNTOUCHED },
		{ "100000000000000000000000", 0, INT64_MAX, UNTOUCHED },
		{ "", 0, 9, UNTOUCHED },
		{ "-1", 0, 9, UNTOUCHED },
		{ "+1", 0, 9, UNTOUCHED },
		{ " 1", 0, 9, UNTOUCHED },
		{ "1 ", 0, 9, UNTOUCHED },
		{ "0x1", 0, 9, UNTOUCHED },
		{ "1.0", 0, 9, UNTOUCHED },
		{ "one", 0, 9, UNTOUCHED },
	};
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		int64_t number = UNTOUCHED;
		int status = number_parse(cases[i].text, cases[i].least, cases[i].most, &number);
		int expected = cases[i].number == UNTOUCHED ? -1 : 0;
		if (status != expected || number != cases[i].number)
			fail_msg("`%s`: %d, %lld", cases[i].text, status, (long long)number);
	}
}

static void test_scan(void **state)
{
	(void)state;
	const char *const text = "1.410x";
	const char *cursor = text;
	int64_t number = UNTOUCHED;
	assert_int_equal(number_scan(&cursor, 0, 999, &number), 0);
	assert_int_equal(number, 1);
	assert_ptr_equal(cursor, text + 1);
	/* A failure moves nothing. */
	assert_int_equal(number_scan(&cursor, 0, 999, &number), -1);
	assert_ptr_equal(cursor, text + 1);
	cursor++;
	assert_int_equal(number_scan(&cursor, 0, 99, &number), -1);
	assert_ptr_equal(cursor, text + 2);
	assert_int_equal(number, 1);
	assert_int_equal(number_scan(&cursor, 0, 999, &number), 0);
	assert_int_equal(number, 410);
	assert_string_equal(cursor, "x");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_scan),
	};
	return cmocka_run_group_tests_name("number", tests, NULL, NULL);
}
