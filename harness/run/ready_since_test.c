#include "run/ready_since.h"

#include "base/duration.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static int64_t of(const struct ready_since *since, int64_t asked_ns, int64_t otherwise_ns)
{
	const struct readiness_answer answer = {
		.asked_ns = asked_ns, .answered_ns = asked_ns + 1, .otherwise_ns = otherwise_ns
	};
	return ready_since_ns(since, &answer);
}

static void test_the_last_answer_that_said_otherwise(void **state)
{
	(void)state;
	struct ready_since since = { 0 };
	assert_int_equal(of(&since, 500, 0), 500); /* nothing is known */
	ready_since_begin(&since, 100);
	assert_int_equal(of(&since, 500, 480), 480);
}

/* The first answer came when the engine had told of the start: it may have been ready long before. */
static void test_the_first_answer_of_a_life(void **state)
{
	(void)state;
	struct ready_since since = { 0 };
	ready_since_begin(&since, 100);
	assert_int_equal(of(&since, 500, 0), 100);
	ready_since_begin(&since, 900);
	assert_int_equal(of(&since, 950, 0), 900);
}

/* A probe that rests, since it had said yes, or of a service that has none yet. */
static void test_a_change_that_is_looked_at_anew(void **state)
{
	(void)state;
	struct ready_since since = { 0 };
	ready_since_begin(&since, 100);
	ready_since_look_again(&since, NULL, 700);
	assert_int_equal(of(&since, 720, 0), 700);
}

struct refused {
	struct loop *loop;
	struct readiness_answer answer;
};

static void told(void *owner, const struct readiness_answer *answer)
{
	struct refused *refused = owner;
	refused->answer = *answer;
	loop_stop(refused->loop);
}

/* Bound, but nobody listens. */
static int port_that_refuses(int *ret_port)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(address);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
	*ret_port = ntohs(address.sin_port);
	return fd;
}

/* What a probe that was still at work had said last counts for the one that takes its place. */
static void test_a_probe_that_is_replaced(void **state)
{
	(void)state;
	struct refused refused = { .loop = loop_new() };
	struct ready_since since = { 0 };
	struct err err = ERR_INIT;
	struct readiness_config config = {
		.protocol = "tcp", .address = "127.0.0.1", .every_ns = NS_PER_S, .timeout_ns = NS_PER_S
	};
	int fd = port_that_refuses(&config.port);
	ready_since_begin(&since, 100);
	struct readiness_probe *probe = readiness_probe_start(refused.loop, &config, told, &refused, &err);
	assert_non_null(probe);
	ready_since_look_again(&since, probe, 700);
	assert_int_equal(of(&since, 720, 0), 100); /* it has not said anything */
	loop_run(refused.loop);
	assert_int_equal(refused.answer.readiness, READINESS_REFUSED);
	int64_t asked_ns = refused.answer.asked_ns;
	ready_since_look_again(&since, probe, asked_ns + 50);
	assert_int_equal(of(&since, asked_ns + 70, 0), asked_ns);
	readiness_probe_stop(probe);
	loop_free(refused.loop);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_last_answer_that_said_otherwise),
		cmocka_unit_test(test_the_first_answer_of_a_life),
		cmocka_unit_test(test_a_change_that_is_looked_at_anew),
		cmocka_unit_test(test_a_probe_that_is_replaced),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
