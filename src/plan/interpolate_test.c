#include "plan/interpolate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct variable first[] = { { "A", "1" }, { "EMPTY", "" }, { NULL, NULL } };
static const struct variable last[] = { { "A", "hidden" }, { "LAST", "z" }, { "HIDDEN", "file" },
	{ NULL, NULL } };

static int setup(void **state)
{
	(void)state;
	unsetenv("NOT_SET");
	setenv("HIDDEN", "environment", 1);
	return 0;
}

static void test_values(void **state)
{
	(void)state;
	static const struct {
		const char *text, *expected;
	} cases[] = {
		{ "", "" },
		{ "plain", "plain" },
		{ "$A-${A}", "1-1" },
		{ "$$A $${A}", "$A ${A}" },
		{ "${NOT_SET:-x}${NOT_SET-y}", "xy" },
		{ "${EMPTY:-x}${EMPTY-y}", "x" },
		{ "${A:+x}${EMPTY:+x}${EMPTY+y}${NOT_SET+z}", "xy" },
		{ "${A:?no}${A?no}${EMPTY?no}", "11" },
		{ "${NOT_SET:-${EMPTY:-${A}}}", "1" },
		{ "${NOT_SET:-a}b}", "ab}" },
		{ "${NOT_SET:-$$}", "$" },
		{ "${NOT_SET:-:-}", ":-" },
		{ "$LAST", "z" },
		{ "$HIDDEN", "environment" },
		{ "${NOT_SET:-}", "" },
	};
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		struct buf out = { 0 };
		struct err err = ERR_INIT;
		int result = interpolate(cases[i].text, first, last, &out, &err);
		char got[64] = "";
		snprintf(got, sizeof(got), "%s", buf_string(&out));
		buf_release(&out);
		assert_int_equal(result, 0);
		assert_string_equal(got, cases[i].expected);
	}
}

static void test_errors(void **state)
{
	(void)state;
	static const struct {
		const char *text, *part;
	} cases[] = {
		{ "$NOT_SET", "`NOT_SET` is not set; set it" },
		{ "${NOT_SET:?say ${A}}", "`NOT_SET` is not set: say 1" },
		{ "${EMPTY:?}", "`EMPTY` is not set" },
		{ "${A", "closing } is missing" },
		{ "${}", "does not begin with the name" },
		{ "${1}", "does not begin with the name" },
		{ "${A!}", "after the name may come" },
		{ "${A:}", "after the name may come" },
		{ "$", "write $$" },
		{ "$1", "write $$" },
	};
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		struct buf out = { 0 };
		struct err err = ERR_INIT;
		int result = interpolate(cases[i].text, first, NULL, &out, &err);
		buf_release(&out);
		assert_int_equal(result, -1);
		if (!strstr(err.message, cases[i].part))
			fail_msg("%s: `%s` is not in `%s`", cases[i].text, cases[i].part, err.message);
	}
}

/* A value that is named often does not grow without bound. */
static void test_bound(void **state)
{
	(void)state;
	char *value = xmalloc(5001);
	memset(value, 'x', 5000);
	value[5000] = '\0';
	const struct variable large[] = { { "L", value }, { NULL, NULL } };
	struct buf out = { .max = INTERPOLATED_BYTES_MAX };
	struct err err = ERR_INIT;
	int result = interpolate("$L$L$L$L$L$L$L$L$L$L$L$L$L$L", large, NULL, &out, &err);
	size_t length = out.length;
	buf_release(&out);
	free(value);
	assert_int_equal(result, -1);
	assert_true(length <= INTERPOLATED_BYTES_MAX);
	assert_non_null(strstr(err.message, "longer than 65536"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_values, setup),
		cmocka_unit_test_setup(test_errors, setup),
		cmocka_unit_test(test_bound),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
