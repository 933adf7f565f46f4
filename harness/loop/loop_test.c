#include "loop/loop.h"

#include "base/duration.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define TIMERS_MAX 1000

struct fired {
	struct loop *loop;
	struct timer *timer;
	int64_t at_ns, late_ns;
	int name;
	struct fixture *fixture;
};

struct fixture {
	struct loop *loop;
	int order[TIMERS_MAX];
	size_t count;
	struct fired timers[TIMERS_MAX];
	int signals;
};

static int setup(void **state)
{
	struct fixture *fixture = xcalloc(1, sizeof(*fixture));
	fixture->loop = loop_new();
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;
	for (size_t i = 0; i < TIMERS_MAX; i++)
		timer_cancel(fixture->timers[i].timer);
	loop_free(fixture->loop);
	free(fixture);
	return 0;
}

static void note(void *owner)
{
	struct fired *fired = owner;
	fired->timer = NULL;
	fired->late_ns = loop_now_ns(fired->loop) - fired->at_ns;
	fired->fixture->order[fired->fixture->count++] = fired->name;
}

static struct fired *start(struct fixture *fixture, int name, int64_t at_ns)
{
	struct fired *fired = &fixture->timers[name];
	*fired = (struct fired){
		.loop = fixture->loop, .at_ns = at_ns, .name = name, .fixture = fixture, .late_ns = -1
	};
	fired->timer = timer_start(fixture->loop, at_ns, note, fired);
	return fired;
}

static void test_equal_times_fire_in_the_order_started(void **state)
{
	struct fixture *fixture = *state;
	int64_t at_ns = loop_now_ns(fixture->loop) + 2 * NS_PER_MS;
	for (int i = 0; i < 100; i++)
		start(fixture, i, at_ns);
	loop_run(fixture->loop);
	assert_int_equal(fixture->count, 100);
	for (int i = 0; i < 100; i++)
		assert_int_equal(fixture->order[i], i);
}

static void test_times_fire_in_order_and_never_early(void **state)
{
	struct fixture *fixture = *state;
	/* Far enough ahead that none is in the past when it is started. */
	int64_t from_ns = loop_now_ns(fixture->loop) + 200 * NS_PER_MS;
	unsigned random = 12345;
	for (int i = 0; i < TIMERS_MAX; i++) {
		random = random * 1103515245 + 12345;
		start(fixture, i, from_ns + (int64_t)(random >> 8) % (30 * NS_PER_MS));
	}
	/* Every third is cancelled, from all over the heap. */
	for (int i = 0; i < TIMERS_MAX; i += 3)
		timer_cancel(steal_ptr(fixture->timers[i].timer));
	loop_run(fixture->loop);
	assert_int_equal(fixture->count, TIMERS_MAX - (TIMERS_MAX + 2) / 3);
	for (size_t i = 0; i < fixture->count; i++) {
		const struct fired *fired = &fixture->timers[fixture->order[i]];
		assert_int_not_equal(fired->name % 3, 0);
		assert_true(fired->late_ns >= 0);
		if (i > 0)
			assert_true(fixture->timers[fixture->order[i - 1]].at_ns <= fired->at_ns);
	}
}

/* The best of many is what the timers are capable of; the rest is the host's. */
static void test_a_timer_is_at_most_a_millisecond_late(void **state)
{
	struct fixture *fixture = *state;
	int64_t best_ns = INT64_MAX;
	for (int i = 0; i < 20; i++) {
		struct fired *fired = start(fixture, i, loop_now_ns(fixture->loop) + 1700000 + i * 50000);
		loop_run(fixture->loop);
		assert_true(fired->late_ns >= 0);
		if (fired->late_ns < best_ns)
			best_ns = fired->late_ns;
	}
	assert_true(best_ns <= NS_PER_MS);
}

static void restart_for_the_past(void *owner)
{
	struct fired *fired = owner;
	fired->timer = NULL;
	if (++fired->name < 50)
		fired->timer = timer_start(fired->loop, 0, restart_for_the_past, fired);
	else
		loop_stop(fired->loop);
}

static void test_the_past_is_now_and_starves_nobody(void **state)
{
	struct fixture *fixture = *state;
	struct fired *greedy = &fixture->timers[0];
	*greedy = (struct fired){ .loop = fixture->loop };
	greedy->timer = timer_start(fixture->loop, 0, restart_for_the_past, greedy);
	start(fixture, 1, loop_now_ns(fixture->loop));
	assert_int_equal(fixture->count, 0); /* not from inside timer_start() */
	loop_run(fixture->loop);
	assert_int_equal(fixture->count, 1);
	assert_int_equal(greedy->name, 50);
}

static void cancel_the_next(void *owner)
{
	struct fired *fired = owner;
	fired->timer = NULL;
	timer_cancel(steal_ptr(fired->fixture->timers[2].timer));
}

static void test_a_callback_may_cancel_one_that_is_due(void **state)
{
	struct fixture *fixture = *state;
	int64_t at_ns = loop_now_ns(fixture->loop) + NS_PER_MS;
	struct fired *first = &fixture->timers[1];
	*first = (struct fired){ .loop = fixture->loop, .fixture = fixture };
	first->timer = timer_start(fixture->loop, at_ns, cancel_the_next, first);
	start(fixture, 2, at_ns);
	start(fixture, 3, at_ns);
	loop_run(fixture->loop);
	assert_int_equal(fixture->count, 1);
	assert_int_equal(fixture->order[0], 3);
}

static void stop_at_signal(void *owner, int signal_number)
{
	struct fixture *fixture = owner;
	fixture->signals += signal_number;
	loop_stop(fixture->loop);
}

static void test_a_signal_is_a_callback(void **state)
{
	struct fixture *fixture = *state;
	struct fired *deadline = start(fixture, 0, loop_now_ns(fixture->loop) + 10 * NS_PER_S);
	loop_on_signal(fixture->loop, SIGUSR1, stop_at_signal, fixture);
	raise(SIGUSR1);
	assert_int_equal(fixture->signals, 0);
	loop_run(fixture->loop);
	assert_int_equal(fixture->signals, SIGUSR1);
	assert_non_null(deadline->timer);

	loop_on_signal(fixture->loop, SIGUSR1, NULL, NULL);
	struct sigaction action;
	sigaction(SIGUSR1, NULL, &action);
	assert_true(action.sa_handler == SIG_DFL);
}

static void test_a_signal_handler_alone_does_not_keep_the_loop(void **state)
{
	struct fixture *fixture = *state;
	loop_on_signal(fixture->loop, SIGUSR2, stop_at_signal, fixture);
	loop_run(fixture->loop);
	assert_int_equal(fixture->signals, 0);
}

static void do_nothing(void *owner)
{
	(void)owner;
}

static void forget_a_timer(void)
{
	struct loop *loop = loop_new();
	struct timer *timer = timer_start(loop, loop_now_ns(loop), do_nothing, NULL);
	(void)timer;
	loop_free(loop);
}

static void transfer_ended(void *owner, CURLcode result)
{
	(void)owner;
	(void)result;
}

static void forget_a_transfer(void)
{
	struct loop *loop = loop_new();
	struct transfer *transfer = transfer_start(loop, curl_easy_init(), transfer_ended, NULL);
	(void)transfer;
	loop_free(loop);
}

static void forget_a_handle(void)
{
	struct loop *loop = loop_new();
	uv_idle_t idle;
	uv_idle_init(loop_uv(loop), &idle);
	loop_free(loop);
}

static void assert_aborts(void (*run)(void))
{
	fflush(NULL);
	pid_t child = fork();
	if (child == 0) {
		if (!freopen("/dev/null", "w", stderr))
			_exit(1);
		signal(SIGABRT, SIG_DFL);
		run();
		_exit(0);
	}
	int status = 0;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGABRT);
}

static void test_leftovers_are_bugs(void **state)
{
	(void)state;
	assert_aborts(forget_a_timer);
	assert_aborts(forget_a_transfer);
	assert_aborts(forget_a_handle);
}

static void test_a_stop_that_met_no_run(void **state)
{
	(void)state;
	struct loop *loop = loop_new();
	loop_stop(loop);
	loop_free(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_equal_times_fire_in_the_order_started, setup, teardown),
		cmocka_unit_test_setup_teardown(test_times_fire_in_order_and_never_early, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_timer_is_at_most_a_millisecond_late, setup, teardown),
		cmocka_unit_test_setup_teardown(test_the_past_is_now_and_starves_nobody, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_callback_may_cancel_one_that_is_due, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_signal_is_a_callback, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_a_signal_handler_alone_does_not_keep_the_loop, setup, teardown),
		cmocka_unit_test(test_leftovers_are_bugs),
		cmocka_unit_test(test_a_stop_that_met_no_run),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
