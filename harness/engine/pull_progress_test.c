#include "engine/pull_progress.h"

#include "engine/json_stream.h"
#include "engine/json_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static int setup(void **state)
{
	*state = pull_progress_new();
	return 0;
}

static int teardown(void **state)
{
	pull_progress_free(*state);
	return 0;
}

static int add(struct pull_progress *progress, const char *text, struct err *err)
{
	json_t *object CLEANUP(json_release) = json_text_parse(text, strlen(text), err);
	assert_non_null(object);
	return pull_progress_add(progress, object, err);
}

static void check(
    struct pull_progress *progress, const char *text, const char *status, int64_t current, int64_t total)
{
	struct err err = ERR_INIT;
	int64_t is_current, is_total;
	assert_int_equal(add(progress, text, &err), 0);
	pull_progress_bytes(progress, &is_current, &is_total);
	assert_string_equal(pull_progress_status(progress), status);
	assert_int_equal(is_current, current);
	assert_int_equal(is_total, total);
}

static void check_result(const struct pull_progress *progress, const char *expected)
{
	json_t *result CLEANUP(json_release) = pull_progress_result(progress);
	char *text OWNED = json_dumps(result, JSON_COMPACT);
	assert_string_equal(text, expected);
}

static void test_layers_are_added_up(void **state)
{
	struct pull_progress *progress = *state;
	check(progress, "{\"status\":\"Pulling from redis\",\"id\":\"7\"}", "Pulling from redis", 0, 0);
	check(progress, "{\"status\":\"Pulling fs layer\",\"progressDetail\":{},\"id\":\"a\"}",
	    "Pulling fs layer", 0, 0);
	check(progress,
	    "{\"status\":\"Downloading\",\"progressDetail\":{\"current\":10,\"total\":100},\"id\":\"a\"}",
	    "Downloading", 10, 100);
	check(progress,
	    "{\"status\":\"Downloading\",\"progressDetail\":{\"current\":5,\"total\":50},\"id\":\"b\"}",
	    "Downloading", 15, 150);
	check(progress, "{\"status\":\"Download complete\",\"progressDetail\":{},\"id\":\"a\"}",
	    "Download complete", 105, 150);
	/* Unpacking counts from the beginning again: the figures do not. */
	check(progress,
	    "{\"status\":\"Extracting\",\"progressDetail\":{\"current\":1,\"total\":100},\"id\":\"a\"}",
	    "Extracting", 105, 150);
	check(progress, "{\"status\":\"Pull complete\",\"progressDetail\":{},\"id\":\"b\"}", "Pull complete",
	    150, 150);
	check(progress, "{\"status\":\"Digest: sha256:123\"}", "Digest: sha256:123", 150, 150);
	check_result(progress, "{\"Digest\":\"sha256:123\"}");
}

static void test_figures_that_cannot_be(void **state)
{
	struct pull_progress *progress = *state;
	check(progress,
	    "{\"status\":\"Downloading\",\"progressDetail\":{\"current\":99,\"total\":10},\"id\":\"a\"}",
	    "Downloading", 10, 10);
	check(progress,
	    "{\"status\":\"Downloading\",\"progressDetail\":{\"current\":-5,\"total\":-7},\"id\":\"a\"}",
	    "Downloading", 10, 10);
	check(progress,
	    "{\"status\":\"Downloading\",\"progressDetail\":{\"current\":1,\"total\":9223372036854775807},"
	    "\"id\":\"a\"}",
	    "Downloading", 10, 10);
	check(progress, "{\"status\":\"Downloading\",\"progressDetail\":\"x\",\"id\":7}", "Downloading", 10,
	    10);
	check(progress, "{\"status\":[],\"stream\":{}}", "Downloading", 10, 10);
}

static void test_more_layers_than_there_can_be(void **state)
{
	struct pull_progress *progress = *state;
	struct err err = ERR_INIT;
	for (int i = 0; i < 300; i++) {
		char text[128];
		snprintf(text, sizeof(text),
		    "{\"status\":\"Downloading\",\"progressDetail\":{\"current\":1,\"total\":1},\"id\":\"%"
		    "d\"}",
		    i);
		assert_int_equal(add(progress, text, &err), 0);
	}
	int64_t current, total;
	pull_progress_bytes(progress, &current, &total);
	assert_int_equal(total, 256);
}

static void test_a_build_and_a_load(void **state)
{
	struct pull_progress *progress = *state;
	check(progress, "{\"stream\":\"Step 1/2 : FROM scratch\"}", "Step 1/2 : FROM scratch", 0, 0);
	check(progress, "{\"stream\":\"\\n\"}", "Step 1/2 : FROM scratch", 0, 0);
	check(progress, "{\"stream\":\"a\\u001b[2Jb\\nc\\n\"}", "a\\x1b[2Jb\\nc", 0, 0);
	check(progress, "{\"aux\":{\"ID\":\"sha256:abc\"}}", "a\\x1b[2Jb\\nc", 0, 0);
	check(progress, "{\"stream\":\"Loaded image: a:1\\n\"}", "Loaded image: a:1", 0, 0);
	check(
	    progress, "{\"stream\":\"Loaded image ID: sha256:def\\n\"}", "Loaded image ID: sha256:def", 0, 0);
	check_result(progress, "{\"Id\":\"sha256:abc\",\"Loaded\":[\"a:1\",\"sha256:def\"]}");
}

static void check_failure(
    struct pull_progress *progress, const char *text, enum err_kind kind, const char *message)
{
	struct err err = ERR_INIT;
	assert_int_equal(add(progress, text, &err), -1);
	assert_int_equal(err.kind, kind);
	assert_string_equal(err.message, message);
}

static void test_an_error_inside_a_good_reply(void **state)
{
	struct pull_progress *progress = *state;
	check_failure(progress,
	    "{\"errorDetail\":{\"message\":\"no space left on device\"},\"error\":\"short\"}",
	    ERR_ENVIRONMENT, "no space left on device");
	check_failure(progress, "{\"error\":\"manifest for a:1 not found: manifest unknown\\r\\n\"}",
	    ERR_NOT_FOUND, "manifest for a:1 not found: manifest unknown");
	check_failure(progress, "{\"error\":\"\\u001b]0;x\"}", ERR_ENVIRONMENT, "\\x1b]0;x");
	check_failure(progress, "{\"error\":null}", ERR_ENVIRONMENT,
	    "the engine reports an error without saying which");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_layers_are_added_up, setup, teardown),
		cmocka_unit_test_setup_teardown(test_figures_that_cannot_be, setup, teardown),
		cmocka_unit_test_setup_teardown(test_more_layers_than_there_can_be, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_build_and_a_load, setup, teardown),
		cmocka_unit_test_setup_teardown(test_an_error_inside_a_good_reply, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
