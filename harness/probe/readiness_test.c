/* The readiness probe against servers that speak a script. The real ones: readiness_docker_test.c. */
#include "probe/probe.h"

#include "base/buf.h"
#include "base/duration.h"
#include "probe/environment.h"
#include "probe/scripted_server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define DEADLINE_NS (20 * NS_PER_S)
#define PATIENCE_NS (10 * NS_PER_S)
#define SHORT_NS (60 * NS_PER_MS)
#define CHANGES 16

struct fixture {
	struct loop *loop;
	struct timer *deadline;
	struct scripted_server server;
	struct readiness_probe *probe;
	enum readiness changes[CHANGES];
	struct readiness_answer answers[CHANGES];
	size_t count, wanted;
	struct buf detail; /* of the last change */
};

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
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;
	readiness_probe_stop(fixture->probe);
	timer_cancel(fixture->deadline);
	loop_free(fixture->loop);
	scripted_server_stop(&fixture->server);
	buf_release(&fixture->detail);
	free(fixture);
	return 0;
}

static void changed(void *owner, const struct readiness_answer *answer)
{
	struct fixture *fixture = owner;
	assert_true(answer->answered_ns >= answer->asked_ns);
	fixture->answers[fixture->count] = *answer;
	fixture->changes[fixture->count++] = answer->readiness;
	buf_clear(&fixture->detail);
	if (fixture->count >= fixture->wanted) {
		readiness_probe_stop(steal_ptr(fixture->probe));
		loop_stop(fixture->loop);
	}
	/* The answer outlives the probe until we return. */
	buf_add_string(&fixture->detail, answer->detail);
}

static void run_until(struct fixture *fixture, size_t count, struct readiness_config config)
{
	struct err err = ERR_INIT;
	if (!config.address)
		config.address = "127.0.0.1";
	if (!config.port)
		config.port = fixture->server.port;
	config.every_ns = 2 * NS_PER_MS;
	fixture->count = 0;
	fixture->wanted = count;
	fixture->probe = readiness_probe_start(fixture->loop, &config, changed, fixture, &err);
	assert_string_equal(err.message, "");
	assert_non_null(fixture->probe);
	assert_int_equal(fixture->count, 0);
	loop_run(fixture->loop);
	assert_non_null(fixture->deadline);
	assert_int_equal(fixture->count, count);
}

struct readiness_case {
	const char *name, *protocol, *password, *database;
	struct script script, next; /* `next`: after END_NEXT */
	enum readiness readiness;
	const char *detail;
};

#define THEN_SAYS(text, how) \
	.next = { .read_first = true, .bytes = (text), .length = sizeof(text) - 1, .end = (how) }
#define SAYS(text, how) \
	.script = { .read_first = true, .bytes = (text), .length = sizeof(text) - 1, .end = (how) }
/* Before anything was asked. */
#define GREETS(text, how) .script = { .bytes = (text), .length = sizeof(text) - 1, .end = (how) }

/* PostgreSQL's messages, byte for byte: a type, a length that counts itself, the fields. */
#define PG_ERROR(length, code, text) "E\0\0\0" length "SFATAL\0VFATAL\0C" code "\0M" text "\0\0"
#define PG_STARTING PG_ERROR("\x3e", "57P03", "the database system is starting up")
#define PG_AUTHENTICATED "R\0\0\0\x08\0\0\0\0"
#define PG_READY "Z\0\0\0\x05I"

static const struct readiness_case cases[] = {
	{ .name = "accepting is ready",
	    .protocol = "tcp",
	    GREETS("", END_SILENCE),
	    .readiness = READINESS_READY },

	{ .name = "ready",
	    .protocol = "redis",
	    SAYS("+PONG\r\n", END_SILENCE),
	    .readiness = READINESS_READY },
	{ .name = "ready behind a password and a database",
	    .protocol = "redis",
	    .password = "secret",
	    .database = "3",
	    SAYS("+OK\r\n+OK\r\n+PONG\r\n", END_SILENCE),
	    .readiness = READINESS_READY },
	{ .name = "loading",
	    .protocol = "redis",
	    SAYS("-LOADING Redis is loading the dataset in memory\r\n", END_SILENCE),
	    .readiness = READINESS_LOADING,
	    .detail = "-LOADING Redis is loading the dataset in memory" },
	{ .name = "loading, the password is right",
	    .protocol = "redis",
	    .password = "secret",
	    SAYS("+OK\r\n-LOADING Redis is loading the dataset in memory\r\n", END_SILENCE),
	    .readiness = READINESS_LOADING },
	{ .name = "no password given",
	    .protocol = "redis",
	    SAYS("-NOAUTH Authentication required.\r\n", END_SILENCE),
	    .readiness = READINESS_DENIED,
	    .detail = "-NOAUTH Authentication required." },
	{ .name = "a wrong password",
	    .protocol = "redis",
	    .password = "wrong",
	    SAYS("-WRONGPASS invalid username-password pair or user is disabled.\r\n", END_SILENCE),
	    .readiness = READINESS_DENIED },
	{ .name = "full, says so before it is asked and hangs up",
	    .protocol = "redis",
	    GREETS("-ERR max number of clients reached\r\n", END_RESET),
	    .readiness = READINESS_DENIED,
	    .detail = "-ERR max number of clients reached" },
	{ .name = "hangs up", .protocol = "redis", SAYS("", END_CLOSE), .readiness = READINESS_CLOSING },
	{ .name = "hangs up unasked",
	    .protocol = "redis",
	    GREETS("", END_CLOSE),
	    .readiness = READINESS_CLOSING },
	{ .name = "resets", .protocol = "redis", SAYS("", END_RESET), .readiness = READINESS_CLOSING },
	{ .name = "hangs up within the answer",
	    .protocol = "redis",
	    SAYS("+PO", END_CLOSE),
	    .readiness = READINESS_CLOSING },
	{ .name = "says nothing", .protocol = "redis", GREETS("", END_SILENCE), .readiness = READINESS_HUNG },
	{ .name = "stops within the answer",
	    .protocol = "redis",
	    SAYS("+PO", END_SILENCE),
	    .readiness = READINESS_HUNG },
	{ .name = "speaks HTTP",
	    .protocol = "redis",
	    SAYS("HTTP/1.1 400 Bad Request\r\n\r\n", END_CLOSE),
	    .readiness = READINESS_DENIED,
	    .detail = "does not speak Redis: HTTP/1.1 400 Bad Request" },
	{ .name = "announces a billion elements",
	    .protocol = "redis",
	    SAYS("*1000000000\r\n", END_SILENCE),
	    .readiness = READINESS_DENIED },
	{ .name = "one line without end",
	    .protocol = "redis",
	    SAYS("+PONGaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", END_REPEAT),
	    .password = "x",
	    .readiness = READINESS_DENIED },
	{ .name = "agrees for ever",
	    .protocol = "redis",
	    SAYS("+OK\r\n", END_REPEAT),
	    .readiness = READINESS_DENIED },
	{ .name = "terminal escapes",
	    .protocol = "redis",
	    SAYS("\x1b[2J\xff\r\n", END_CLOSE),
	    .readiness = READINESS_DENIED,
	    .detail = "does not speak Redis: \\x1b[2J\\xff" },

	{ .name = "ready",
	    .protocol = "postgres",
	    SAYS(PG_AUTHENTICATED PG_READY, END_NEXT),
	    THEN_SAYS("T\0\0\0\x21\0\x01?column?\0\0\0\0\0\0\0\0\0\0\x17\0\x04\xff\xff\xff\xff\0\0"
		      "D\0\0\0\x0b\0\x01\0\0\0\x01"
		      "1C\0\0\0\x0dSELECT 1\0" PG_READY,
		END_SILENCE),
	    .readiness = READINESS_READY },
	{ .name = "starting up",
	    .protocol = "postgres",
	    SAYS(PG_STARTING, END_CLOSE),
	    .readiness = READINESS_LOADING,
	    .detail = "57P03: the database system is starting up" },
	{ .name = "starting up, in another language",
	    .protocol = "postgres",
	    SAYS("E\0\0\0\x2e"
		 "SFATALE\0VFATAL\0C57P03\0Mil database parte\0\0",
		END_CLOSE),
	    .readiness = READINESS_LOADING,
	    .detail = "57P03: il database parte" },
	{ .name = "a wrong password",
	    .protocol = "postgres",
	    .password = "wrong",
	    SAYS(PG_ERROR("\x35", "28P01", "that is not the password!"), END_CLOSE),
	    .readiness = READINESS_DENIED,
	    .detail = "28P01: that is not the password!" },
	{ .name = "full",
	    .protocol = "postgres",
	    SAYS(PG_ERROR("\x38", "53300", "sorry, too many clients here"), END_CLOSE),
	    .readiness = READINESS_DENIED },
	{ .name = "full, found out only when asked",
	    .protocol = "postgres",
	    SAYS(PG_AUTHENTICATED PG_READY, END_NEXT),
	    THEN_SAYS(PG_ERROR("\x38", "53300", "sorry, too many clients here"), END_CLOSE),
	    .readiness = READINESS_DENIED },
	{ .name = "lets in and hangs up, giving a reason unasked",
	    .protocol = "postgres",
	    SAYS(PG_AUTHENTICATED PG_READY PG_ERROR("\x38", "53300", "sorry, too many clients here"),
		END_CLOSE),
	    .readiness = READINESS_CLOSING },
	{ .name = "asks for a password that nobody gave",
	    .protocol = "postgres",
	    SAYS("R\0\0\0\x08\0\0\0\x03", END_SILENCE),
	    .readiness = READINESS_DENIED,
	    .detail = "a password is asked for and none is given" },
	{ .name = "hangs up", .protocol = "postgres", SAYS("", END_CLOSE), .readiness = READINESS_CLOSING },
	{ .name = "hangs up unasked",
	    .protocol = "postgres",
	    GREETS("", END_CLOSE),
	    .readiness = READINESS_CLOSING },
	{ .name = "resets", .protocol = "postgres", SAYS("", END_RESET), .readiness = READINESS_CLOSING },
	{ .name = "hangs up within the answer",
	    .protocol = "postgres",
	    SAYS("R\0\0", END_CLOSE),
	    .readiness = READINESS_CLOSING },
	{ .name = "hangs up before SELECT is answered",
	    .protocol = "postgres",
	    SAYS(PG_AUTHENTICATED PG_READY, END_CLOSE),
	    .readiness = READINESS_CLOSING },
	{ .name = "says nothing",
	    .protocol = "postgres",
	    GREETS("", END_SILENCE),
	    .readiness = READINESS_HUNG },
	{ .name = "never answers SELECT",
	    .protocol = "postgres",
	    SAYS(PG_AUTHENTICATED PG_READY, END_SILENCE),
	    .readiness = READINESS_HUNG },
	{ .name = "speaks HTTP",
	    .protocol = "postgres",
	    SAYS("HTTP/1.1 400 Bad Request\r\n\r\n", END_CLOSE),
	    .readiness = READINESS_DENIED },
};

static void test_every_kind_of_answer(void **state)
{
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		const struct readiness_case *expected = &cases[i];
		if (i > 0)
			setup(state);
		struct fixture *fixture = *state;
		const struct script scripts[] = { expected->script, expected->next };
		scripted_server_start(&fixture->server, scripts, 1);
		run_until(fixture, 1,
		    (struct readiness_config){ .protocol = expected->protocol,
			.password = expected->password,
			.database = expected->database,
			.timeout_ns = expected->readiness == READINESS_HUNG ? SHORT_NS : PATIENCE_NS });
		print_message("           %s: %s: %s, %s\n", expected->protocol, expected->name,
		    readiness_name(fixture->changes[0]), buf_string(&fixture->detail));
		assert_int_equal(fixture->changes[0], expected->readiness);
		assert_true(fixture->detail.length > 0);
		if (expected->detail)
			assert_string_equal(buf_string(&fixture->detail), expected->detail);
		if (i + 1 < ARRAY_LENGTH(cases))
			teardown(state);
	}
}

static const char *const protocols[] = { "tcp", "redis", "postgres" };

static void test_nothing_listens(void **state)
{
	struct fixture *fixture = *state;
	for (size_t i = 0; i < ARRAY_LENGTH(protocols); i++) {
		run_until(fixture, 1,
		    (struct readiness_config){ .protocol = protocols[i], .timeout_ns = PATIENCE_NS });
		assert_int_equal(fixture->changes[0], READINESS_REFUSED);
		assert_string_equal(buf_string(&fixture->detail), "Connection refused");
	}
}

static void test_no_way_there(void **state)
{
	struct fixture *fixture = *state;
	for (size_t i = 0; i < ARRAY_LENGTH(protocols); i++) {
		run_until(fixture, 1,
		    (struct readiness_config){
			.protocol = protocols[i], .address = "255.255.255.255", .timeout_ns = PATIENCE_NS });
		assert_int_equal(fixture->changes[0], READINESS_UNREACHABLE);
	}
}

/* A listener whose queue is full does not answer a SYN, as a dropped packet would not. */
static void test_the_connection_attempt_is_not_answered(void **state)
{
	struct fixture *fixture = *state;
	listen(fixture->server.listener, 0);
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		.sin_port = htons((uint16_t)fixture->server.port) };
	int fillers[4];
	for (size_t i = 0; i < ARRAY_LENGTH(fillers); i++) {
		fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		(void)!connect(fillers[i], (struct sockaddr *)&address, sizeof(address));
	}
	for (size_t i = 0; i < ARRAY_LENGTH(protocols); i++) {
		run_until(fixture, 1,
		    (struct readiness_config){ .protocol = protocols[i], .timeout_ns = SHORT_NS });
		assert_int_equal(fixture->changes[0], READINESS_UNREACHABLE);
	}
	for (size_t i = 0; i < ARRAY_LENGTH(fillers); i++)
		close(fillers[i]);
}

/* What it says changed after this try, which the server met as its connection `last`, from 0. */
static void check_otherwise(const struct fixture *fixture, const struct readiness_answer *answer, size_t last)
{
	assert_true(answer->otherwise_ns <= fixture->server.accepted_ns[last]);
	if (last > 0)
		assert_true(answer->otherwise_ns > fixture->server.accepted_ns[last - 1]);
	assert_true(answer->otherwise_ns > 0);
	assert_true(answer->otherwise_ns < answer->asked_ns);
}

static void test_only_changes_are_told_and_ready_ends_it(void **state)
{
	struct fixture *fixture = *state;
#define LOADING                                                                                    \
	{                                                                                          \
		.read_first = true, .bytes = "-LOADING Redis is loading the dataset in memory\r\n" \
	}
	static const struct script starting[] = { { .end = END_CLOSE }, { .end = END_CLOSE }, LOADING,
		LOADING, LOADING, { .read_first = true, .bytes = "+PONG\r\n" } };
	fixture->wanted = CHANGES; /* it is not stopped by us */
	struct readiness_config config = { .protocol = "redis",
		.address = "127.0.0.1",
		.port = fixture->server.port,
		.every_ns = 2 * NS_PER_MS,
		.timeout_ns = PATIENCE_NS };
	scripted_server_start(&fixture->server, starting, ARRAY_LENGTH(starting));
	struct err err = ERR_INIT;
	fixture->probe = readiness_probe_start(fixture->loop, &config, changed, fixture, &err);
	assert_non_null(fixture->probe);
	timer_cancel(steal_ptr(fixture->deadline));
	loop_run(fixture->loop); /* ends when nothing is left: after ready, no try follows */
	assert_int_equal(fixture->count, 3);
	assert_int_equal(fixture->changes[0], READINESS_CLOSING);
	assert_int_equal(fixture->changes[1], READINESS_LOADING);
	assert_int_equal(fixture->changes[2], READINESS_READY);
	assert_int_equal(atomic_load(&fixture->server.connections), ARRAY_LENGTH(starting));
	/* It changed after the last try that said otherwise, told or not. */
	assert_int_equal(fixture->answers[0].otherwise_ns, 0);
	check_otherwise(fixture, &fixture->answers[1], 1);
	check_otherwise(fixture, &fixture->answers[2], 4);
}

/* No answer in time is an answer, as of when it was asked. */
static void test_it_was_hung_when_it_was_last_asked(void **state)
{
	struct fixture *fixture = *state;
	static const struct script thawing[] = { { .end = END_SILENCE }, { .end = END_SILENCE },
		{ .read_first = true, .bytes = "+PONG\r\n" } };
	scripted_server_start(&fixture->server, thawing, ARRAY_LENGTH(thawing));
	run_until(fixture, 2, (struct readiness_config){ .protocol = "redis", .timeout_ns = SHORT_NS });
	assert_int_equal(fixture->changes[0], READINESS_HUNG);
	assert_int_equal(fixture->changes[1], READINESS_READY);
	/* The second try: the first had its time before it, as it had before the third. */
	assert_true(fixture->answers[1].otherwise_ns - fixture->answers[0].asked_ns >= SHORT_NS);
	assert_true(fixture->answers[1].asked_ns - fixture->answers[1].otherwise_ns >= SHORT_NS);
}

struct late_start {
	struct fixture *fixture;
	struct timer *timer;
	int64_t refused_ns; /* the last try that was surely refused */
};

/* Listens once the second refusal has come, of which nothing is told. */
static void listen_late(void *owner)
{
	static const struct script ready = { .read_first = true, .bytes = "+PONG\r\n" };
	struct late_start *start = owner;
	struct fixture *fixture = start->fixture;
	start->timer = NULL;
	int64_t asked_ns = readiness_probe_asked_ns(fixture->probe);
	if (fixture->count == 0 || asked_ns == fixture->answers[0].asked_ns) {
		start->timer =
		    timer_start(fixture->loop, loop_now_ns(fixture->loop) + NS_PER_MS, listen_late, start);
		return;
	}
	start->refused_ns = asked_ns;
	scripted_server_start(&fixture->server, &ready, 1);
}

static void test_it_was_refused_when_it_was_last_asked(void **state)
{
	struct fixture *fixture = *state;
	struct late_start start = { .fixture = fixture };
	start.timer = timer_start(fixture->loop, loop_now_ns(fixture->loop), listen_late, &start);
	run_until(fixture, 2, (struct readiness_config){ .protocol = "redis", .timeout_ns = PATIENCE_NS });
	assert_null(start.timer);
	assert_int_equal(fixture->changes[0], READINESS_REFUSED);
	assert_int_equal(fixture->answers[0].otherwise_ns, 0);
	assert_int_equal(fixture->changes[1], READINESS_READY);
	assert_true(start.refused_ns > fixture->answers[0].asked_ns);
	assert_true(fixture->answers[1].otherwise_ns >= start.refused_ns);
	assert_true(fixture->answers[1].otherwise_ns < fixture->answers[1].asked_ns);
}

static void test_the_users_shell_does_not_matter(void **state)
{
	struct fixture *fixture = *state;
	static const struct script script = {
		.read_first = true, .bytes = PG_STARTING, .length = sizeof(PG_STARTING) - 1
	};
	scripted_server_start(&fixture->server, &script, 1);
	setenv("PGSERVICE", "no-such-service", 1);
	setenv("PGOPTIONS", "--from-the-shell", 1);
	setenv("PGHOST", "no-such-host", 1);
	run_until(fixture, 1,
	    (struct readiness_config){
		.protocol = "postgres", .user = "me", .database = "mine", .timeout_ns = PATIENCE_NS });
	assert_int_equal(fixture->changes[0], READINESS_LOADING);
	const struct buf *startup = &fixture->server.request;
	assert_non_null(memmem(startup->bytes, startup->length, "user\0me", 8));
	assert_non_null(memmem(startup->bytes, startup->length, "database\0mine", 14));
	assert_null(memmem(startup->bytes, startup->length, "--from-the-shell", 16));
	assert_string_equal(getenv("PGSERVICE"), "no-such-service");
	assert_string_equal(getenv("PGOPTIONS"), "--from-the-shell");
	unsetenv("PGSERVICE");
	unsetenv("PGOPTIONS");
	unsetenv("PGHOST");
}

static void test_stopped_in_the_middle_says_nothing(void **state)
{
	struct fixture *fixture = *state;
	static const struct script script = { .end = END_SILENCE };
	scripted_server_start(&fixture->server, &script, 1);
	for (size_t i = 0; i < ARRAY_LENGTH(protocols); i++) {
		struct readiness_config config = { .protocol = protocols[i],
			.address = "127.0.0.1",
			.port = fixture->server.port,
			.every_ns = NS_PER_MS,
			.timeout_ns = PATIENCE_NS };
		struct err err = ERR_INIT;
		struct readiness_probe *probe =
		    readiness_probe_start(fixture->loop, &config, changed, fixture, &err);
		assert_non_null(probe);
		/* The first try begins within one turn of the loop. */
		uv_run(loop_uv(fixture->loop), UV_RUN_NOWAIT);
		readiness_probe_stop(probe);
	}
	assert_int_equal(fixture->count, 0);
}

static void test_bad_configurations_are_explained(void **state)
{
	struct fixture *fixture = *state;
	static const struct {
		struct readiness_config config;
		const char *message;
	} bad[] = {
		{ { .protocol = "kafka", .address = "127.0.0.1", .port = 1, .every_ns = 1, .timeout_ns = 1 },
		    "cannot tell whether \"kafka\" is ready; the protocols known are tcp, redis, postgres" },
		{ { .protocol = "redis", .address = "redis", .port = 1, .every_ns = 1, .timeout_ns = 1 },
		    "\"redis\" is not a numeric address; names are not looked up here" },
		{ { .protocol = "redis",
		      .address = "127.0.0.1",
		      .port = 65536,
		      .every_ns = 1,
		      .timeout_ns = 1 },
		    "port 65536 of 127.0.0.1 is not between 1 and 65535" },
		{ { .protocol = "redis", .address = "::1", .port = 1, .every_ns = 0, .timeout_ns = 1 },
		    "redis at ::1 port 1: both the rhythm and the time limit must be longer than 0" },
	};
	for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
		struct err err = ERR_INIT;
		assert_null(readiness_probe_start(fixture->loop, &bad[i].config, changed, fixture, &err));
		assert_int_equal(err.kind, ERR_INVALID);
		assert_string_equal(err.message, bad[i].message);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_every_kind_of_answer, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nothing_listens, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_way_there, setup, teardown),
		cmocka_unit_test_setup_teardown(test_the_connection_attempt_is_not_answered, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_only_changes_are_told_and_ready_ends_it, setup, teardown),
		cmocka_unit_test_setup_teardown(test_it_was_hung_when_it_was_last_asked, setup, teardown),
		cmocka_unit_test_setup_teardown(test_it_was_refused_when_it_was_last_asked, setup, teardown),
		cmocka_unit_test_setup_teardown(test_the_users_shell_does_not_matter, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stopped_in_the_middle_says_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bad_configurations_are_explained, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
