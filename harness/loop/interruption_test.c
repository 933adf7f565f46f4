#include "loop/interruption.h"

#include "base/memory.h"
#include "loop/loop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const char first[] = "still at work\n", second[] = "given up\n";

/* What a process does that has to be looked at from outside. */
struct fate {
	int status; /* of waitpid(2) */
	char said[200];
};

static struct fate fate_of(void (*work)(void))
{
	struct fate fate = { 0 };
	int pipe_ends[2];
	assert_return_code(pipe(pipe_ends), 0);
	pid_t child = fork();
	if (child == 0) {
		dup2(pipe_ends[1], STDERR_FILENO);
		close(pipe_ends[0]);
		close(pipe_ends[1]);
		work();
		_exit(0);
	}
	close(pipe_ends[1]);
	size_t length = 0;
	for (ssize_t count;
	     (count = read(pipe_ends[0], fate.said + length, sizeof(fate.said) - 1 - length)) > 0;)
		length += (size_t)count;
	close(pipe_ends[0]);
	assert_int_equal(waitpid(child, &fate.status, 0), child);
	return fate;
}

static void finish_after(int signal_number)
{
	interruption_hold(first, second);
	raise(signal_number);
	_exit(interruption_release() == signal_number ? 40 : 41);
}

static void finish_after_interrupt(void)
{
	finish_after(SIGINT);
}

static void finish_after_term(void)
{
	finish_after(SIGTERM);
}

static void finish_after_hang_up(void)
{
	finish_after(SIGHUP);
}

static void test_the_work_is_finished(void **state)
{
	(void)state;
	void (*const works[])(void) = { finish_after_interrupt, finish_after_term, finish_after_hang_up };
	for (size_t i = 0; i < ARRAY_LENGTH(works); i++) {
		struct fate fate = fate_of(works[i]);
		assert_true(WIFEXITED(fate.status));
		assert_int_equal(WEXITSTATUS(fate.status), 40);
		assert_string_equal(fate.said, first);
	}
}

static void insist(void)
{
	interruption_hold(first, second);
	raise(SIGINT);
	raise(SIGTERM);
}

static void test_the_second_ends_it(void **state)
{
	(void)state;
	struct fate fate = fate_of(insist);
	assert_true(WIFEXITED(fate.status));
	assert_int_equal(WEXITSTATUS(fate.status), 128 + SIGTERM);
	assert_string_equal(fate.said, "still at work\ngiven up\n");
}

/* Held twice: each hold has a first signal of its own, and what was before comes back in the end. */
static void hold_twice_and_die(void)
{
	for (int i = 0; i < 2; i++) {
		interruption_hold(first, second);
		raise(SIGINT);
		if (interruption_signal() != SIGINT || interruption_release() != SIGINT)
			_exit(41);
	}
	if (interruption_signal() || interruption_release())
		_exit(42);
	raise(SIGINT);
}

static void test_afterwards_it_is_as_before(void **state)
{
	(void)state;
	struct fate fate = fate_of(hold_twice_and_die);
	assert_true(WIFSIGNALED(fate.status));
	assert_int_equal(WTERMSIG(fate.status), SIGINT);
	assert_string_equal(fate.said, "still at work\nstill at work\n");
}

/* A signal that comes while handlers are changed reaches the new one. */
static void change_handlers(void)
{
	interruption_defer();
	raise(SIGTERM);
	interruption_hold(first, second);
	interruption_resume();
	_exit(interruption_release() == SIGTERM ? 40 : 41);
}

static void test_none_is_lost_between(void **state)
{
	(void)state;
	struct fate fate = fate_of(change_handlers);
	assert_true(WIFEXITED(fate.status));
	assert_int_equal(WEXITSTATUS(fate.status), 40);
}

static void stop_loop(void *owner, int signal_number)
{
	(void)signal_number;
	loop_stop(owner);
}

/* As a run does: rounds of a loop that heeds signals, and in between work that is held. */
static void take_turns_with_a_loop(void)
{
	struct loop *loop = loop_new();
	int seen = 0;
	for (int round = 0; round < 2; round++) {
		interruption_defer();
		int noted = interruption_release();
		loop_on_signal(loop, SIGTERM, stop_loop, loop);
		raise(noted ? noted : SIGTERM);
		interruption_resume();
		loop_run(loop);
		interruption_defer();
		loop_on_signal(loop, SIGTERM, NULL, NULL);
		interruption_hold(first, second);
		interruption_resume();
		raise(SIGTERM);
		seen += interruption_signal() == SIGTERM;
	}
	interruption_release();
	loop_free(loop);
	_exit(seen == 2 ? 40 : 41);
}

static void test_turns_with_a_loop(void **state)
{
	(void)state;
	struct fate fate = fate_of(take_turns_with_a_loop);
	assert_true(WIFEXITED(fate.status));
	assert_int_equal(WEXITSTATUS(fate.status), 40);
	assert_string_equal(fate.said, "still at work\nstill at work\n");
}

static void hang_up_under_nohup(void)
{
	signal(SIGHUP, SIG_IGN);
	interruption_hold(first, second);
	raise(SIGHUP);
	_exit(interruption_release() == 0 ? 40 : 41);
}

static void test_nohup(void **state)
{
	(void)state;
	struct fate fate = fate_of(hang_up_under_nohup);
	assert_true(WIFEXITED(fate.status));
	assert_int_equal(WEXITSTATUS(fate.status), 40);
	assert_string_equal(fate.said, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_work_is_finished),
		cmocka_unit_test(test_the_second_ends_it),
		cmocka_unit_test(test_afterwards_it_is_as_before),
		cmocka_unit_test(test_none_is_lost_between),
		cmocka_unit_test(test_turns_with_a_loop),
		cmocka_unit_test(test_nohup),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
