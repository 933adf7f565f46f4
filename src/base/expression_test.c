#include "base/expression.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* The result, or "error: …". Owned by the caller. */
static char *result_of(const char *program, const char *json)
{
	struct err err = ERR_INIT;
	struct expression *expression = expression_compile(program, &err);
	char *result = expression ? expression_run(expression, json, strlen(json), &err) : NULL;
	expression_free(expression);
	return result ? result : xasprintf("error: %s", err.message);
}

static void expect_result(const char *program, const char *json, const char *expected)
{
	char *result OWNED = result_of(program, json);
	if (strcmp(result, expected) != 0)
		fail_msg("%s of %s is `%s`, expected `%s`", program, json, result, expected);
}

static void test_results(void **state)
{
	(void)state;
	expect_result(".status", "{\"status\": \"healthy\"}", "healthy");
	expect_result(".a.b", "{\"a\": {\"b\": 12.5}}", "12.5");
	expect_result(".a", "{}", "null");
	expect_result(".a.b.c", "{\"a\": null}", "null");
	expect_result(".", "[1, {\"b\": true}]", "[1,{\"b\":true}]");
	expect_result(".a | length", "{\"a\": \"four\"}", "4");
	expect_result(".n >= 3", "{\"n\": 3}", "true");
}

static void test_errors(void **state)
{
	(void)state;
	expect_result(".a.b", "{\"a\": \"text\"}",
	    "error: the expression gave no result: Cannot index string with string \"b\"");
	expect_result(
	    ".status", "", "error: the body is empty, not JSON: Expected JSON value (while parsing '')");
	expect_result("empty", "{}", "error: the expression gave no result");
	char *result OWNED = result_of(".status", "<html>");
	assert_non_null(strstr(result, "error: the body is not JSON"));
	char *wrong OWNED = result_of(".a |", "{}");
	assert_non_null(strstr(wrong, "error: the jq expression `.a |` is not valid"));
}

/* A plain path is walked without jq; behind a pipe the same path is jq's. Both must say the same. */
static void test_paths_are_as_in_jq(void **state)
{
	(void)state;
	static const char *const paths[] = { ".", ".a", ".a.b", ".a.b.c", "._x1", ".A" };
	static const char *const documents[] = { "{}", "null", "[]", "3", "\"a\"", "true", "{\"a\": 1e300}",
		"{\"a\": {\"b\": {\"c\": [1, 2.50, -0.1e-7, 9007199254740993, null]}}}",
		"{\"a\": {\"b\": \"\u00e4\\n\"}}", "{\"a\": [1]}",
		"{\"_x1\": false, \"A\": {\"z\": 1, \"b\": 2}}", "{\"a\": 1, \"a\": 2}", "{\"a\":", "1 2" };
	for (size_t i = 0; i < ARRAY_LENGTH(paths); i++) {
		char *piped OWNED = xasprintf("%s | .", paths[i]);
		for (size_t k = 0; k < ARRAY_LENGTH(documents); k++) {
			char *expected OWNED = result_of(piped, documents[k]);
			expect_result(paths[i], documents[k], expected);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_results),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_paths_are_as_in_jq),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
