/* The talk with an agent. The agent here is a FAKE: the test says its lines, since a real one cannot be made
 * to misbehave on command. */
#include "run/agent_talk.h"

#include "base/buf.h"
#include "base/duration.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define BOOT_ID "8d2e4c0a-1111-2222-3333-444455556666"
#define SILENCE_NS (50 * NS_PER_MS)

struct fixture {
	struct loop *loop;
	struct agent_talk *talk;
	struct buf written, heard;
	struct notice last;
	int64_t from_ns, to_ns;
	const char *free_at; /* the talk is freed in this callback */
};

static void note(struct fixture *fixture, const char *what, const char *detail)
{
	buf_addf(&fixture->heard, "%s%s%s|", what, *detail ? " " : "", detail);
	if (fixture->free_at && strcmp(fixture->free_at, what) == 0)
		agent_talk_free(steal_ptr(fixture->talk));
	loop_stop(fixture->loop);
}

static void write_bytes(void *owner, const char *bytes, size_t length)
{
	struct fixture *fixture = owner;
	buf_add(&fixture->written, bytes, length);
}

static void ready(void *owner)
{
	note(owner, "ready", "");
}

static void noticed(void *owner, const struct notice *notice)
{
	struct fixture *fixture = owner;
	fixture->last = *notice;
	note(fixture, notice->kind == NOTICE_OK ? "ok" : "notice", notice->name);
}

static void failed(void *owner, const struct err *err, bool is_silent)
{
	assert_int_equal(err->kind, ERR_ENVIRONMENT);
	note(owner, is_silent ? "silent" : "failed", err->message);
}

static void done(void *owner, int64_t from_ns, int64_t to_ns, const struct err *err)
{
	struct fixture *fixture = owner;
	fixture->from_ns = from_ns;
	fixture->to_ns = to_ns;
	note(fixture, "done", err ? err->message : "");
}

static const struct agent_talk_host host = {
	.write = write_bytes, .ready = ready, .notice = noticed, .failed = failed
};

static int setup(void **state)
{
	struct fixture *fixture = xcalloc(1, sizeof(*fixture));
	*state = fixture;
	fixture->loop = loop_new();
	fixture->talk = agent_talk_new(fixture->loop, BOOT_ID, "redis", SILENCE_NS, &host, fixture);
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;
	agent_talk_free(fixture->talk);
	loop_free(fixture->loop);
	buf_release(&fixture->written);
	buf_release(&fixture->heard);
	free(fixture);
	return 0;
}

static int64_t now(struct fixture *fixture)
{
	return loop_now_ns(fixture->loop);
}

static void feed(struct fixture *fixture, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void feed(struct fixture *fixture, const char *format, ...)
{
	struct buf line CLEANUP(buf_release) = { 0 };
	va_list arguments;
	va_start(arguments, format);
	buf_vaddf(&line, format, arguments);
	va_end(arguments);
	agent_talk_feed(fixture->talk, line.bytes, line.length, false);
}

static void command(struct fixture *fixture, agent_link_done *on_done, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void command(struct fixture *fixture, agent_link_done *on_done, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	agent_talk_command(fixture->talk, on_done, fixture, format, arguments);
	va_end(arguments);
}

/* What was heard or written since the last time. */
static void expect(struct buf *buf, const char *text)
{
	assert_string_equal(buf_string(buf), text);
	buf_clear(buf);
}

static void expect_start(struct buf *buf, const char *text)
{
	if (strncmp(buf_string(buf), text, strlen(text)) != 0)
		fail_msg("expected: %s…\ngot: %s", text, buf_string(buf));
	buf_clear(buf);
}

static void hello(struct fixture *fixture)
{
	feed(fixture, "hello 1 amd64 " BOOT_ID " %lld", (long long)now(fixture));
}

static void make_ready(struct fixture *fixture)
{
	agent_talk_started(fixture->talk);
	hello(fixture);
	expect(&fixture->heard, "ready|");
}

static void test_nothing_before_the_hello(void **state)
{
	struct fixture *fixture = *state;
	command(fixture, done, "name %s %s", "redis", "10.0.0.2");
	agent_talk_started(fixture->talk);
	expect(&fixture->written, ""); /* not before it is ready */
	feed(fixture, "late %lld 3000000", (long long)now(fixture));
	expect_start(&fixture->heard, "failed the agent of `redis` said something before its hello|");
}

static void test_the_start_is_waited_for(void **state)
{
	struct fixture *fixture = *state;
	command(fixture, done, "name %s %s", "redis", "10.0.0.2");
	hello(fixture);
	feed(fixture, "query %lld 10.0.0.9:4000 7 A early", (long long)now(fixture));
	expect(&fixture->heard, "");
	expect(&fixture->written, "");
	agent_talk_started(fixture->talk);
	expect(&fixture->heard, "ready|");
	expect(&fixture->written, "1 name redis 10.0.0.2\n");
	assert_int_equal(agent_talk_clock_error_ns(fixture->talk), 0);
	assert_string_equal(agent_talk_architecture(fixture->talk), "amd64");

	int64_t at_ns = now(fixture);
	feed(fixture, "query %lld 10.0.0.9:4000 7 A Redis.", (long long)at_ns);
	expect(&fixture->heard, "notice redis|");
	assert_int_equal(fixture->last.at_ns, at_ns);
	/* Never of the future. */
	feed(fixture, "late 9223372036854775807 3000000");
	expect(&fixture->heard, "notice|");
	assert_in_range(fixture->last.at_ns, at_ns, now(fixture));
	at_ns = now(fixture);
	feed(fixture, "ok 1 %lld", (long long)at_ns);
	expect(&fixture->heard, "ok|done|");
	assert_int_equal(fixture->to_ns, at_ns);
	assert_true(fixture->from_ns <= at_ns);
}

static void test_pipelined_commands(void **state)
{
	struct fixture *fixture = *state;
	make_ready(fixture);
	for (int i = 0; i < 4; i++)
		command(fixture, done, "gate 6379 %s", i == 2 ? "hungry" : "refused");
	expect(&fixture->written,
	    "1 gate 6379 refused\n2 gate 6379 refused\n3 gate 6379 hungry\n4 gate 6379 refused\n");
	feed(fixture, "ok 1 1"); /* stamped before it was sent: the interval is not turned round */
	expect(&fixture->heard, "ok|done|");
	assert_int_equal(fixture->from_ns, fixture->to_ns);
	feed(fixture, "ok 4 %lld", (long long)now(fixture));
	feed(fixture, "error 3 a phase was expected, but there came hungry");
	expect(&fixture->heard,
	    "ok|done|done the agent of `redis` refused `gate 6379 hungry`: a phase was expected, but there "
	    "came hungry|");
	feed(fixture, "ok 2 %lld", (long long)now(fixture));
	expect(&fixture->heard, "ok|done|");
	command(fixture, NULL, "tap on");
	expect(&fixture->written, "5 tap on\n");
	feed(fixture, "ok 5 %lld", (long long)now(fixture));
	expect(&fixture->heard, "ok|");
	command(fixture, NULL, "tap of");
	feed(fixture, "error 6 what?");
	expect(&fixture->heard, "failed the agent of `redis` refused `tap of`: what?|");
	command(fixture, done, "ping"); /* nobody hears it any more */
	feed(fixture, "ok 7 1");
	expect(&fixture->heard, "");
}

/* The agent's clock is behind by half of what ours says (no clock is below 0, and this machine may have been
 * up for a minute only); the fake answers at once, but for one ping that is answered late. */
static void test_another_clock(void **state)
{
	struct fixture *fixture = *state;
	const int64_t behind_ns = now(fixture) / 2;
	agent_talk_started(fixture->talk);
	feed(fixture, "hello 1 arm64 another-boot %lld", (long long)(now(fixture) - behind_ns));
	for (int i = 1; i <= AGENT_PINGS; i++) {
		expect(&fixture->heard, "");
		char ping[32];
		snprintf(ping, sizeof(ping), "%d ping\n", i);
		expect(&fixture->written, ping);
		int64_t stamp_ns = now(fixture) - behind_ns;
		if (i == 3)
			for (int64_t end_ns = now(fixture) + 5 * NS_PER_MS; now(fixture) < end_ns;)
				;
		feed(fixture, "ok %d %lld", i, (long long)stamp_ns);
	}
	expect(&fixture->heard, "ready|");
	int64_t error_ns = agent_talk_clock_error_ns(fixture->talk);
	assert_in_range(error_ns, 1, 2 * NS_PER_MS);
	int64_t at_ns = now(fixture);
	feed(fixture, "late %lld 3000000", (long long)(at_ns - behind_ns));
	assert_true(llabs(fixture->last.at_ns - at_ns) <= error_ns);
	buf_clear(&fixture->heard);
	/* A command took effect not later than its stamp and the clock's error. */
	command(fixture, done, "ping");
	int64_t stamp_ns = now(fixture);
	feed(fixture, "ok 9 %lld", (long long)(stamp_ns - behind_ns));
	expect(&fixture->heard, "ok|done|");
	assert_true(fixture->to_ns >= fixture->from_ns && fixture->to_ns <= now(fixture));
}

/* What time has widened the next answer narrows; a clock that has stood still is measured anew. */
static void test_a_clock_that_parts(void **state)
{
	struct fixture *fixture = *state;
	agent_talk_started(fixture->talk);
	feed(fixture, "hello 1 arm64 another-boot 5");
	for (int i = 1; i <= AGENT_PINGS; i++)
		feed(fixture, "ok %d %lld", i, (long long)now(fixture));
	expect(&fixture->heard, "ready|");
	const int64_t stood_ns = 7 * NS_PER_S; /* a machine that runs this has been up for longer */
	command(fixture, done, "ping");
	feed(fixture, "ok %d %lld", AGENT_PINGS + 1, (long long)(now(fixture) - stood_ns));
	int64_t at_ns = now(fixture);
	feed(fixture, "late %lld 3000000", (long long)(at_ns - stood_ns));
	assert_true(llabs(fixture->last.at_ns - at_ns) <= agent_talk_clock_error_ns(fixture->talk));
	/* An absurd stamp is no reason to break. */
	command(fixture, done, "ping");
	feed(fixture, "ok %d 9223372036854775807", AGENT_PINGS + 2);
	feed(fixture, "late 9223372036854775807 3000000");
	assert_true(fixture->last.at_ns <= now(fixture));
}

/* The same boot, and yet another clock: a time namespace. */
static void test_a_clock_that_only_looks_the_same(void **state)
{
	struct fixture *fixture = *state;
	agent_talk_started(fixture->talk);
	int64_t ahead_ns = now(fixture) + NS_PER_S;
	feed(fixture, "hello 1 amd64 " BOOT_ID " %lld", (long long)ahead_ns);
	expect(&fixture->written, "1 ping\n");
}

static void test_what_is_no_agent(void **state)
{
	static const struct {
		bool is_ready;
		const char *line, *message;
	} cases[] = {
		{ false, "Segmentation fault",
		    "failed the agent of `redis`: the agent's line `Segmentation f" },
		{ false, "", "failed the agent of `redis`: " },
		{ false, "hello 2 amd64 x 1",
		    "failed the agent of `redis`: the agent's line `hello 2 amd64 x" },
		{ false, "error 0 no permission to make a packet socket",
		    "failed the agent of `redis` gave up: no permission to make a packet socket|" },
		{ false, "ok 1 5", "failed the agent of `redis` said something before its hello|" },
		{ true, "hello 1 amd64 x 1", "failed the agent of `redis` said hello twice" },
		{ true, "ok 77 5",
		    "failed the agent of `redis` answered command 77, which it was not given" },
		{ true, "error 77 no", "failed the agent of `redis` answered command 77, which it was not" },
		{ true, "error 0 out of memory", "failed the agent of `redis` gave up: out of memory|" },
		{ true, "ok x", "failed the agent of `redis`: the agent's line `ok x` cannot be read" },
		{ true, "\x1b[2J", "failed the agent of `redis`: the agent's line `\\x1b[2J` cannot" },
	};
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		setup(state);
		struct fixture *fixture = *state;
		if (cases[i].is_ready)
			make_ready(fixture);
		agent_talk_feed(fixture->talk, cases[i].line, strlen(cases[i].line), false);
		expect_start(&fixture->heard, cases[i].message);
		hello(fixture); /* once is enough */
		expect(&fixture->heard, "");
		teardown(state);
	}
	setup(state);
	struct fixture *fixture = *state;
	agent_talk_feed(fixture->talk, "hello 1", 7, true);
	expect(&fixture->heard, "failed the agent of `redis`: it said a line of more than 7 bytes|");
	teardown(state);
}

static void wait_until_heard(struct fixture *fixture)
{
	/* Nothing but the talk's own deadline is on the loop: it returns. */
	while (!fixture->heard.length)
		loop_run(fixture->loop);
}

static void test_silence(void **state)
{
	struct fixture *fixture = *state;
	int64_t begin_ns = now(fixture);
	agent_talk_started(fixture->talk);
	wait_until_heard(fixture);
	expect(&fixture->heard, "silent the agent of `redis` did not say hello within 50ms of its start|");
	assert_true(now(fixture) - begin_ns >= SILENCE_NS);
	teardown(state);

	setup(state);
	fixture = *state;
	agent_talk_started(fixture->talk);
	feed(fixture, "hello 1 arm64 another-boot 5");
	wait_until_heard(fixture);
	expect(&fixture->heard, "silent the agent of `redis` did not answer `ping` within 50ms|");
	teardown(state);

	setup(state);
	fixture = *state;
	make_ready(fixture);
	command(fixture, done, "tap on");
	command(fixture, done, "gate 1 refused");
	feed(fixture, "ok 1 %lld", (long long)now(fixture));
	expect(&fixture->heard, "ok|done|");
	wait_until_heard(fixture);
	expect(&fixture->heard, "silent the agent of `redis` did not answer `gate 1 refused` within 50ms|");
}

static void answer_late(void *owner)
{
	struct fixture *fixture = owner;
	feed(fixture, "ok 1 %lld", (long long)now(fixture));
}

/* The runner was stopped for longer than the limit; the answer is there as soon as it looks. */
static void test_a_runner_that_was_stopped(void **state)
{
	struct fixture *fixture = *state;
	make_ready(fixture);
	command(fixture, done, "tap on");
	for (int64_t end_ns = now(fixture) + SILENCE_NS + 20 * NS_PER_MS; now(fixture) < end_ns;)
		;
	struct timer *timer = timer_start(fixture->loop, now(fixture), answer_late, fixture);
	assert_non_null(timer);
	wait_until_heard(fixture);
	expect(&fixture->heard, "ok|done|");
}

static void test_freed_in_every_callback(void **state)
{
	static const char *const callbacks[] = { "ready", "notice", "ok", "done", "failed", "silent" };
	for (size_t i = 0; i < ARRAY_LENGTH(callbacks); i++) {
		setup(state);
		struct fixture *fixture = *state;
		fixture->free_at = callbacks[i];
		agent_talk_started(fixture->talk);
		hello(fixture);
		if (fixture->talk)
			command(fixture, done, "ping");
		if (fixture->talk)
			feed(fixture, "late 5 5");
		if (fixture->talk)
			feed(fixture, "ok 1 5");
		if (fixture->talk && i == 5)
			command(fixture, done, "ping");
		else if (fixture->talk)
			feed(fixture, "garbage");
		while (fixture->talk)
			loop_run(fixture->loop);
		const char *last = strrchr(fixture->heard.bytes, '|');
		assert_non_null(last);
		assert_non_null(strstr(fixture->heard.bytes, callbacks[i]));
		teardown(state);
	}
}

static void test_quit(void **state)
{
	struct fixture *fixture = *state;
	make_ready(fixture);
	assert_false(agent_talk_is_quitting(fixture->talk));
	command(fixture, NULL, "quit");
	assert_true(agent_talk_is_quitting(fixture->talk));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_nothing_before_the_hello, setup, teardown),
		cmocka_unit_test_setup_teardown(test_the_start_is_waited_for, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pipelined_commands, setup, teardown),
		cmocka_unit_test_setup_teardown(test_another_clock, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_clock_that_parts, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_clock_that_only_looks_the_same, setup, teardown),
		cmocka_unit_test(test_what_is_no_agent),
		cmocka_unit_test_setup_teardown(test_silence, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_runner_that_was_stopped, setup, teardown),
		cmocka_unit_test(test_freed_in_every_callback),
		cmocka_unit_test_setup_teardown(test_quit, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
