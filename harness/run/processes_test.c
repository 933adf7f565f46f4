#include "run/processes.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <unistd.h>

#include <cmocka.h>

static void test_folders(void **state)
{
	(void)state;
	static const struct {
		const char *text, *folder;
	} cases[] = {
		{ "4:memory:/docker/2e\n12:pids:/docker/1f\n0::/docker/3d\n", "pids/docker/1f" },
		{ "0::/system.slice/docker-1f.scope\n", "system.slice/docker-1f.scope" },
		{ "0::/docker/3d\n4:pids:/\n", "docker/3d" },
		{ "4:pids:/docker/2e", "pids/docker/2e" },
		/* Everybody's, or not to be reached. */
		{ "0::/\n", NULL },
		{ "4:pids:/\n0::/\n", NULL },
		{ "0::/../docker-1f.scope\n", NULL },
		{ "4:pids:/docker/../x\n", NULL },
		{ "", NULL },
		{ "no colon", NULL },
	};
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		char *folder = processes_folder(cases[i].text);
		if (cases[i].folder)
			assert_string_equal(folder, cases[i].folder);
		else
			assert_null(folder);
		free(folder);
	}
}

static void test_one_is_among_its_own(void **state)
{
	(void)state;
	struct processes *processes = test_calloc(1, sizeof(*processes));
	processes_find(processes, getpid());
	bool found = false;
	for (size_t i = 0; i < processes->count; i++)
		found = found || processes->pids[i] == getpid();
	assert_true(found);
	processes_find(processes, 0x7ffffff0);
	assert_int_equal(processes->count, 0);
	test_free(processes);
}

static void test_descriptors_are_counted(void **state)
{
	(void)state;
	struct err err = ERR_INIT;
	assert_int_equal(processes_count_descriptors(0x7ffffff0, &err), 0);
	int64_t before = processes_count_descriptors(getpid(), &err);
	int opened[3];
	for (size_t i = 0; i < ARRAY_LENGTH(opened); i++)
		assert_true((opened[i] = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0);
	int64_t after = processes_count_descriptors(getpid(), &err);
	for (size_t i = 0; i < ARRAY_LENGTH(opened); i++)
		close(opened[i]);
	assert_true(before > 0);
	assert_false(err_is_set(&err));
	/* Where the test has no control group of its own, only it is counted; else others may come and go. */
	struct processes *processes = test_calloc(1, sizeof(*processes));
	processes_find(processes, getpid());
	if (processes->count == 1)
		assert_int_equal(after - before, 3);
	test_free(processes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_folders),
		cmocka_unit_test(test_one_is_among_its_own),
		cmocka_unit_test(test_descriptors_are_counted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
