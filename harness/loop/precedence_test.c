#include "loop/precedence.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* The nice value of a process that began with `nice` and took precedence; `as_nobody`: without the right to.
 */
static int nice_after(int nice, int as_nobody)
{
	int status;
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (setpriority(PRIO_PROCESS, 0, nice) < 0 || (as_nobody && setuid(65534) < 0))
			_exit(100);
		take_precedence();
		_exit(getpriority(PRIO_PROCESS, 0) + 20);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) < 100);
	return WEXITSTATUS(status) - 20;
}

/* Root in a container may lack it. */
static int has_the_right(void)
{
	int nice = getpriority(PRIO_PROCESS, 0);
	int has = geteuid() == 0 && setpriority(PRIO_PROCESS, 0, nice - 1) == 0;
	return has && setpriority(PRIO_PROCESS, 0, nice) == 0;
}

static void test_ahead(void **state)
{
	(void)state;
	if (!has_the_right())
		skip();
	assert_int_equal(nice_after(0, 0), PRECEDENCE_NICE);
	assert_int_equal(nice_after(5, 0), 5); /* whoever chose one knows why */
	assert_int_equal(nice_after(-15, 0), -15);
}

static void test_without_the_right(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(nice_after(0, 1), 0);
	assert_int_equal(nice_after(7, 1), 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ahead),
		cmocka_unit_test(test_without_the_right),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
