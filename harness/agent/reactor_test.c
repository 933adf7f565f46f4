/* The reactor: order, timeliness, and sources that go away in the middle of a batch. */
#include "agent/reactor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define MS INT64_C(1000000)
#define DEADLINE_NS (INT64_C(10000) * MS)

static char story[32]; /* a letter for everything that happened */

static void tell(char letter)
{
	size_t length = strlen(story);
	if (length + 1 < sizeof(story))
		story[length] = letter;
}

static void run(void)
{
	memset(story, 0, sizeof(story));
	assert_int_equal(reactor_run(), 0);
}

/* Nothing here waits for ever: what does not come is told as '!'. */
static void deadline_passed(struct timeout *timeout)
{
	(void)timeout;
	tell('!');
	reactor_stop();
}

static struct timeout deadline = { .fire = deadline_passed };

static int set_deadline(void **state)
{
	(void)state;
	timeout_set(&deadline, now_ns() + DEADLINE_NS);
	return 0;
}

static int cancel_deadline(void **state)
{
	(void)state;
	timeout_cancel(&deadline);
	return 0;
}

struct lettered {
	struct timeout timeout; /* first */
	char letter;
	bool is_early;
};

static void fire_letter(struct timeout *timeout)
{
	struct lettered *lettered = (struct lettered *)timeout;
	lettered->is_early = now_ns() < timeout->due_ns;
	tell(lettered->letter);
}

static void fire_stop(struct timeout *timeout)
{
	(void)timeout;
	reactor_stop();
}

static void test_timeouts(void **state)
{
	(void)state;
	struct lettered letters[4];
	struct timeout stop = { .fire = fire_stop };
	for (int i = 0; i < 4; i++)
		letters[i] = (struct lettered){ .timeout.fire = fire_letter, .letter = (char)('a' + i) };
	int64_t now = now_ns();
	timeout_set(&stop, now + 9 * MS);
	timeout_set(&letters[0].timeout, now + 3 * MS);
	timeout_set(&letters[1].timeout, now + 2 * MS);
	timeout_set(&letters[2].timeout, now + 3 * MS); /* equal: after a, which was set before */
	timeout_set(&letters[3].timeout, now + 1 * MS);
	timeout_set(&letters[3].timeout, now + 8 * MS); /* moved */
	run();
	assert_string_equal(story, "bacd");
	for (int i = 0; i < 4; i++) {
		assert_false(letters[i].is_early);
		assert_false(letters[i].timeout.active);
	}
}

static void test_cancel(void **state)
{
	(void)state;
	struct lettered one = { .timeout.fire = fire_letter, .letter = 'a' };
	struct timeout stop = { .fire = fire_stop };
	timeout_cancel(&one.timeout); /* nothing to cancel */
	timeout_set(&one.timeout, 1); /* long past */
	timeout_set(&stop, now_ns() + 2 * MS);
	timeout_cancel(&one.timeout);
	assert_false(one.timeout.active);
	run();
	assert_string_equal(story, "");
	timeout_set(&one.timeout, -5);
	timeout_set(&stop, now_ns() + 1 * MS);
	run();
	assert_string_equal(story, "a");
}

struct pipe_end {
	struct source source; /* first */
	char letter;
	struct pipe_end *removes;
};

static void read_letter(struct source *source, uint32_t events)
{
	struct pipe_end *end = (struct pipe_end *)source;
	eventfd_t value;
	assert_true(events & EPOLLIN);
	assert_int_equal(eventfd_read(source->fd, &value), 0);
	tell(end->letter);
	if (end->removes)
		reactor_remove(&end->removes->source);
}

static struct pipe_end make_end(char letter)
{
	struct pipe_end end = { .source.ready = read_letter, .letter = letter };
	end.source.fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK); /* readable from the start */
	assert_true(end.source.fd >= 0);
	return end;
}

/* Whichever is told first takes the other away: it must not be told of what was ready with it. */
static void test_remove_another(void **state)
{
	(void)state;
	struct pipe_end a = make_end('a'), b = make_end('b');
	struct timeout stop = { .fire = fire_stop };
	a.removes = &b;
	b.removes = &a;
	assert_int_equal(reactor_add(&a.source, EPOLLIN), 0);
	assert_int_equal(reactor_add(&b.source, EPOLLIN), 0);
	timeout_set(&stop, now_ns() + 2 * MS);
	run();
	assert_int_equal(strlen(story), 1);
	reactor_remove(&a.source);
	reactor_remove(&b.source);
	close(a.source.fd);
	close(b.source.fd);
}

static void test_last_and_change(void **state)
{
	(void)state;
	struct pipe_end a = make_end('a'), b = make_end('b'), c = make_end('c');
	struct timeout stop = { .fire = fire_stop };
	a.source.is_last = true;
	assert_int_equal(reactor_add(&a.source, EPOLLIN), 0);
	assert_int_equal(reactor_add(&b.source, EPOLLIN), 0);
	assert_int_equal(reactor_add(&c.source, EPOLLIN), 0);
	assert_int_equal(reactor_change(&c.source, 0), 0); /* of no interest for now */
	timeout_set(&stop, now_ns() + 2 * MS);
	run();
	assert_string_equal(story, "ba");
	assert_int_equal(reactor_change(&c.source, EPOLLIN), 0);
	timeout_set(&stop, now_ns() + 2 * MS);
	run();
	assert_string_equal(story, "c");
	reactor_remove(&a.source);
	reactor_remove(&b.source);
	reactor_remove(&c.source);
	close(a.source.fd);
	close(b.source.fd);
	close(c.source.fd);
}

static int restless_count;

static void fire_again(struct timeout *timeout)
{
	restless_count++;
	timeout_set(timeout, 1);
}

static void read_and_stop(struct source *source, uint32_t events)
{
	read_letter(source, events);
	reactor_stop();
}

/* A timeout that is always due does not keep a source from being told. */
static void test_no_starving(void **state)
{
	(void)state;
	struct timeout restless = { .fire = fire_again };
	struct timeout deaf = { .fire = fire_stop };
	struct pipe_end end = make_end('a');
	end.source.ready = read_and_stop;
	restless_count = 0;
	timeout_set(&restless, 1);
	timeout_set(&deaf, now_ns() + DEADLINE_NS);
	reactor_stop(); /* one that comes before the run ends it at once */
	run();
	assert_int_equal(restless_count, 0);
	assert_int_equal(reactor_add(&end.source, EPOLLIN), 0);
	run();
	assert_string_equal(story, "a");
	timeout_cancel(&restless);
	timeout_cancel(&deaf);
	reactor_remove(&end.source);
	close(end.source.fd);
}

static void test_clock(void **state)
{
	(void)state;
	struct timespec wall;
	int64_t before_ns = now_ns();
	clock_gettime(CLOCK_REALTIME, &wall);
	int64_t after_ns = now_ns();
	int64_t monotonic_ns = monotonic_of_ns(wall.tv_sec * INT64_C(1000000000) + wall.tv_nsec);
	/* Not more than the readings themselves took, and a step of the wall clock's rate. */
	assert_true(monotonic_ns > before_ns - 5 * MS && monotonic_ns < after_ns + 5 * MS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_timeouts, set_deadline, cancel_deadline),
		cmocka_unit_test_setup_teardown(test_cancel, set_deadline, cancel_deadline),
		cmocka_unit_test_setup_teardown(test_remove_another, set_deadline, cancel_deadline),
		cmocka_unit_test_setup_teardown(test_last_and_change, set_deadline, cancel_deadline),
		cmocka_unit_test_setup_teardown(test_no_starving, set_deadline, cancel_deadline),
		cmocka_unit_test(test_clock),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
