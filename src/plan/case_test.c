/*
 * Every folder under fixtures/scenarios/ is a test: valid/ must load, broken/ must be refused with exactly
 * the message in expect.txt. UPDATE_EXPECT=1 in the environment writes the messages anew, to be read before
 * they are committed.
 */
#include "base/buf.h"
#include "plan/file.h"
#include "plan/plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define CASES_MAX 1000

struct cases {
	struct CMUnitTest tests[CASES_MAX];
	size_t count;
};

static void enter(const char *folder)
{
	if (chdir(folder) < 0)
		fail_msg("%s cannot be entered", folder);
}

static void valid_case(void **state)
{
	const char *folder = *state;
	char *home = getcwd(NULL, 0);
	char text[2048] = "";
	struct err err = ERR_INIT;
	enter(folder);
	struct plan *plan = plan_load("scenario.yaml", 1, &err);
	if (!plan)
		err_format(&err, text, sizeof(text));
	plan_free(plan);
	enter(home);
	free(home);
	assert_string_equal(text, "");
}

static void write_expected(const char *text)
{
	FILE *file = fopen("expect.txt", "w");
	if (!file)
		fail_msg("expect.txt cannot be written");
	fprintf(file, "%s\n", text);
	fclose(file);
}

static void broken_case(void **state)
{
	const char *folder = *state;
	char *home = getcwd(NULL, 0);
	char text[2048] = "it was accepted";
	struct err err = ERR_INIT, ignored = ERR_INIT;
	enter(folder);
	struct plan *plan = plan_load("scenario.yaml", 1, &err);
	if (!plan)
		err_format(&err, text, sizeof(text));
	plan_free(plan);
	if (getenv("UPDATE_EXPECT"))
		write_expected(text);
	struct buf expected = { 0 };
	char *wanted = file_read("expect.txt", "a message", &expected, &ignored) < 0 ? xstrdup("")
										     : buf_steal(&expected);
	enter(home);
	free(home);
	/* Freed before the assertion, which does not return. */
	wanted[strcspn(wanted, "\n")] = '\0';
	char copy[2048];
	snprintf(copy, sizeof(copy), "%s", wanted);
	free(wanted);
	assert_string_equal(text, copy);
}

/* At its own speed and at one that a demonstration uses. */
static void scenario_file(void **state)
{
	const char *path = *state;
	char text[2048] = "";
	static const double speeds[] = { 1, 60 };
	for (size_t i = 0; i < ARRAY_LENGTH(speeds) && !text[0]; i++) {
		struct err err = ERR_INIT;
		struct plan *plan = plan_load(path, speeds[i], &err);
		if (!plan)
			err_format(&err, text, sizeof(text));
		plan_free(plan);
	}
	assert_string_equal(text, "");
}

static bool is_scenario(const char *path)
{
	struct err err = ERR_INIT;
	struct buf text CLEANUP(buf_release) = { 0 };
	return strstr(path, ".yaml") && file_read(path, "a scenario", &text, &err) == 0 &&
	       strstr(buf_string(&text), "\nfalsestart:");
}

static void add_cases(struct cases *cases, const char *root, CMUnitTestFunction function)
{
	DIR *dir = opendir(root);
	for (struct dirent *entry; dir && (entry = readdir(dir)) != NULL;) {
		if (entry->d_name[0] == '.' || cases->count == CASES_MAX)
			continue;
		char *folder = xasprintf("%s/%s", root, entry->d_name);
		if (function == scenario_file && !is_scenario(folder)) { /* a stack */
			free(folder);
			continue;
		}
		cases->tests[cases->count++] =
		    (struct CMUnitTest){ .name = folder, .test_func = function, .initial_state = folder };
	}
	if (dir)
		closedir(dir);
}

int main(void)
{
	static struct cases cases;
	unsetenv("FALSESTART_TEST_NOT_SET");
	setenv("USER", "somebody", 1);
	add_cases(&cases, "scenarios", scenario_file);
	add_cases(&cases, "fixtures/scenarios/valid", valid_case);
	size_t valid = cases.count;
	add_cases(&cases, "fixtures/scenarios/broken", broken_case);
	if (valid == 0 || cases.count == valid || cases.count == CASES_MAX) {
		fprintf(stderr, "%zu valid and %zu broken cases: run this from the source root\n", valid,
		    cases.count - valid);
		return 1;
	}
	int failures = _cmocka_run_group_tests("scenarios", cases.tests, cases.count, NULL, NULL);
	for (size_t i = 0; i < cases.count; i++)
		free((char *)cases.tests[i].name);
	return failures ? 1 : 0;
}
