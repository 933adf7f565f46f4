#include "probe/probe.h"

#include "base/duration.h"
#include "probe/scripted_server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define DEADLINE_NS (20 * NS_PER_S)
#define PATIENCE_NS (10 * NS_PER_S)
#define SAMPLES 20

struct sample {
	int64_t sent_ns, answered_ns;
	enum probe_outcome outcome;
	int status;
};

struct fixture {
	struct loop *loop;
	struct timer *deadline;
	struct scripted_server server;
	struct poller *poller;
	char *url;
	struct sample samples[SAMPLES];
	size_t count, wanted;
};

static const struct script healthy = {
	.read_first = true, .bytes = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", .end = END_AGAIN
};
static const struct script silent = { .end = END_SILENCE };

static void deadline_passed(void *owner)
{
	struct fixture *fixture = owner;
	fixture->deadline = NULL;
	loop_stop(fixture->loop);
}

static int setup(void **state)
{
	struct fixture *fixture = xcalloc(1, sizeof(*fixture));
	fixture->loop = loop_new();
	fixture->deadline =
	    timer_start(fixture->loop, loop_now_ns(fixture->loop) + DEADLINE_NS, deadline_passed, fixture);
	scripted_server_init(&fixture->server);
	fixture->url = xasprintf("http://127.0.0.1:%d/", fixture->server.port);
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;
	poller_stop(fixture->poller);
	timer_cancel(fixture->deadline);
	loop_free(fixture->loop);
	scripted_server_stop(&fixture->server);
	free(fixture->url);
	free(fixture);
	return 0;
}

static void sampled(void *owner, const struct probe_answer *answer)
{
	struct fixture *fixture = owner;
	fixture->samples[fixture->count++] =
	    (struct sample){ answer->sent_ns, answer->answered_ns, answer->outcome, answer->status };
	if (fixture->count < fixture->wanted)
		return;
	poller_stop(steal_ptr(fixture->poller));
	/* The answer outlives the poller until we return. */
	if (answer->outcome == PROBE_ANSWERED)
		assert_memory_equal(answer->body, "hi", answer->body_length);
	loop_stop(fixture->loop);
}

/* Runs until there are `count` samples, then stops the poller from inside the last. */
static void poll_until(struct fixture *fixture, size_t count, const struct poller_config *config)
{
	size_t before = fixture->count;
	fixture->wanted = count;
	fixture->poller = poller_start(fixture->loop, config, sampled, fixture);
	assert_int_equal(fixture->count, before);
	loop_run(fixture->loop);
	assert_non_null(fixture->deadline);
	assert_int_equal(fixture->count, count);
}

static void test_the_first_poll_is_at_once(void **state)
{
	struct fixture *fixture = *state;
	scripted_server_start(&fixture->server, &healthy, 1);
	poll_until(fixture, 1,
	    &(struct poller_config){
		.url = fixture->url, .every_ns = 3600 * NS_PER_S, .timeout_ns = PATIENCE_NS });
	assert_int_equal(fixture->samples[0].outcome, PROBE_ANSWERED);
	assert_int_equal(fixture->samples[0].status, 200);
}

static void test_polls_keep_the_rate(void **state)
{
	struct fixture *fixture = *state;
	scripted_server_start(&fixture->server, &healthy, 1);
	int64_t every_ns = 5 * NS_PER_MS;
	int64_t from_ns = loop_now_ns(fixture->loop);
	poll_until(fixture, SAMPLES,
	    &(struct poller_config){ .url = fixture->url, .every_ns = every_ns, .timeout_ns = PATIENCE_NS });
	for (size_t i = 0; i < SAMPLES; i++) {
		assert_int_equal(fixture->samples[i].status, 200);
		/* Never ahead of the grid: a tick made up for would be. */
		assert_true(fixture->samples[i].sent_ns >= from_ns + (int64_t)i * every_ns);
	}
}

static void test_polls_never_overlap(void **state)
{
	struct fixture *fixture = *state;
	scripted_server_start(&fixture->server, &silent, 1);
	int64_t every_ns = 10 * NS_PER_MS;
	int64_t timeout_ns = 35 * NS_PER_MS;
	int64_t from_ns = loop_now_ns(fixture->loop);
	poll_until(fixture, 5,
	    &(struct poller_config){
		.url = fixture->url, .every_ns = every_ns, .timeout_ns = timeout_ns, .fresh = true });
	for (size_t i = 0; i < 5; i++) {
		const struct sample *sample = &fixture->samples[i];
		assert_int_equal(sample->outcome, PROBE_TIMEOUT);
		assert_true(sample->answered_ns - sample->sent_ns >= timeout_ns - NS_PER_MS);
		/* The ticks at 10, 20 and 30 ms are lost, the fourth is the next to poll. */
		assert_true(sample->sent_ns >= from_ns + (int64_t)i * 4 * every_ns);
		if (i > 0)
			assert_true(sample->sent_ns >= sample[-1].answered_ns);
	}
}

static void test_fresh_is_a_connection_a_poll(void **state)
{
	struct fixture *fixture = *state;
	scripted_server_start(&fixture->server, &healthy, 1);
	poll_until(fixture, 10,
	    &(struct poller_config){
		.url = fixture->url, .every_ns = 2 * NS_PER_MS, .timeout_ns = PATIENCE_NS, .fresh = true });
	for (size_t i = 0; i < 10; i++)
		assert_int_equal(fixture->samples[i].status, 200);
	assert_int_equal(atomic_load(&fixture->server.connections), 10);
}

static void test_kept_is_one_connection(void **state)
{
	struct fixture *fixture = *state;
	scripted_server_start(&fixture->server, &healthy, 1);
	poll_until(fixture, 10,
	    &(struct poller_config){
		.url = fixture->url, .every_ns = 2 * NS_PER_MS, .timeout_ns = PATIENCE_NS });
	for (size_t i = 0; i < 10; i++)
		assert_int_equal(fixture->samples[i].status, 200);
	assert_int_equal(atomic_load(&fixture->server.connections), 1);
}

/* What a poller sees of a service that comes up: each rung, in order, with the same handle. */
static void test_a_service_that_starts(void **state)
{
	struct fixture *fixture = *state;
	static const struct script starting[] = {
		{ .end = END_RESET },
		{ .end = END_SILENCE },
		{ .read_first = true,
		    .bytes = "HTTP/1.1 503 Not Yet\r\nContent-Length: 0\r\n\r\n",
		    .end = END_CLOSE },
		{ .read_first = true,
		    .bytes = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
		    .end = END_CLOSE },
	};
	struct poller_config config = {
		.url = fixture->url, .every_ns = 2 * NS_PER_MS, .timeout_ns = 250 * NS_PER_MS, .fresh = true
	};
	poll_until(fixture, 1, &config);
	scripted_server_start(&fixture->server, starting, ARRAY_LENGTH(starting));
	poll_until(fixture, 6, &config);
	assert_int_equal(fixture->samples[0].outcome, PROBE_REFUSED);
	assert_int_equal(fixture->samples[1].outcome, PROBE_RESET);
	assert_int_equal(fixture->samples[2].outcome, PROBE_TIMEOUT);
	assert_int_equal(fixture->samples[3].status, 503);
	assert_int_equal(fixture->samples[4].status, 200);
	assert_int_equal(fixture->samples[5].status, 200);
}

static void test_an_address_that_cannot_be_asked(void **state)
{
	struct fixture *fixture = *state;
	poll_until(fixture, 2,
	    &(struct poller_config){
		.url = "http://a-name/", .every_ns = NS_PER_MS, .timeout_ns = PATIENCE_NS });
	assert_int_equal(fixture->samples[0].outcome, PROBE_UNREACHABLE);
	assert_int_equal(fixture->samples[1].outcome, PROBE_UNREACHABLE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_the_first_poll_is_at_once, setup, teardown),
		cmocka_unit_test_setup_teardown(test_polls_keep_the_rate, setup, teardown),
		cmocka_unit_test_setup_teardown(test_polls_never_overlap, setup, teardown),
		cmocka_unit_test_setup_teardown(test_fresh_is_a_connection_a_poll, setup, teardown),
		cmocka_unit_test_setup_teardown(test_kept_is_one_connection, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_service_that_starts, setup, teardown),
		cmocka_unit_test_setup_teardown(test_an_address_that_cannot_be_asked, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
