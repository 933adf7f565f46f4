#include "run/network_wait.h"

#include "base/duration.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <time.h>

#include <cmocka.h>

/* A kernel that answers when it is let. */
struct gate {
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	bool is_closed, is_deaf;
	int waiting; /* questions that stand before it */
	int answered;
};

static struct gate *open_gate(void)
{
	static struct gate gate;
	gate = (struct gate){ .mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };
	return &gate;
}

static bool ask(void *owner)
{
	struct gate *gate = owner;
	pthread_mutex_lock(&gate->mutex);
	gate->waiting++;
	pthread_cond_broadcast(&gate->changed);
	while (gate->is_closed)
		pthread_cond_wait(&gate->changed, &gate->mutex);
	gate->waiting--;
	gate->answered++;
	bool is_deaf = gate->is_deaf;
	pthread_cond_broadcast(&gate->changed);
	pthread_mutex_unlock(&gate->mutex);
	return !is_deaf;
}

/* Closes it, and returns once a question stands before it. */
static void close_gate(struct gate *gate)
{
	pthread_mutex_lock(&gate->mutex);
	gate->is_closed = true;
	while (gate->waiting == 0)
		pthread_cond_wait(&gate->changed, &gate->mutex);
	pthread_mutex_unlock(&gate->mutex);
}

#define HELD_NS (40 * NS_PER_MS)

/* Whoever stands before it stands there for so long, or longer. */
static void hold(struct gate *gate)
{
	struct timespec due;
	clock_gettime(CLOCK_REALTIME, &due); /* the condition's clock */
	due.tv_nsec += HELD_NS;
	due.tv_sec += due.tv_nsec / NS_PER_S;
	due.tv_nsec %= NS_PER_S;
	pthread_mutex_lock(&gate->mutex);
	while (pthread_cond_timedwait(&gate->changed, &gate->mutex, &due) == 0)
		;
	pthread_mutex_unlock(&gate->mutex);
}

/* Opens it, and returns once two more were answered: the first of them is noted. */
static void pass(struct gate *gate)
{
	pthread_mutex_lock(&gate->mutex);
	gate->is_closed = false;
	pthread_cond_broadcast(&gate->changed);
	int enough = gate->answered + 2;
	while (gate->answered < enough)
		pthread_cond_wait(&gate->changed, &gate->mutex);
	pthread_mutex_unlock(&gate->mutex);
}

static void test_a_wait_is_told_once(void **state)
{
	(void)state;
	struct gate *gate = open_gate();
	struct network_wait *wait = network_wait_start(ask, gate);
	assert_non_null(wait);
	close_gate(gate);
	hold(gate);
	pass(gate);
	int64_t worst_ns = network_wait_worst_ns(wait);
	assert_true(worst_ns >= HELD_NS + NETWORK_WAIT_PERIOD_NS);
	/* What others of them took is the host's own lateness, if there is any. */
	assert_true(network_wait_worst_ns(wait) < worst_ns);
	network_wait_stop(wait);
}

/* A question that is still under way has waited, too, and again when it is asked for again. */
static void test_under_way(void **state)
{
	(void)state;
	struct gate *gate = open_gate();
	struct network_wait *wait = network_wait_start(ask, gate);
	close_gate(gate);
	hold(gate);
	int64_t first_ns = network_wait_worst_ns(wait);
	assert_true(first_ns >= HELD_NS + NETWORK_WAIT_PERIOD_NS);
	hold(gate);
	assert_true(network_wait_worst_ns(wait) >= first_ns + HELD_NS);
	pass(gate);
	network_wait_stop(wait);
}

static void test_nobody_answers(void **state)
{
	(void)state;
	struct gate *gate = open_gate();
	gate->is_deaf = true;
	assert_null(network_wait_start(ask, gate));
	assert_int_equal(network_wait_worst_ns(NULL), 0);
	network_wait_stop(NULL);
	/* It falls silent later: what it had taken stands, and nothing is asked any more. */
	gate = open_gate();
	struct network_wait *wait = network_wait_start(ask, gate);
	close_gate(gate);
	pthread_mutex_lock(&gate->mutex);
	gate->is_deaf = true;
	gate->is_closed = false;
	pthread_cond_broadcast(&gate->changed);
	pthread_mutex_unlock(&gate->mutex);
	network_wait_stop(wait);
	assert_int_equal(gate->waiting, 0);
}

/* The real one is answered. */
static void test_kernel(void **state)
{
	(void)state;
	struct network_wait *wait = network_wait_start(NULL, NULL);
	assert_non_null(wait);
	assert_true(network_wait_worst_ns(wait) < NS_PER_S);
	network_wait_stop(wait);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_wait_is_told_once),
		cmocka_unit_test(test_under_way),
		cmocka_unit_test(test_nobody_answers),
		cmocka_unit_test(test_kernel),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
