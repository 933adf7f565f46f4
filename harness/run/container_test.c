/* What a container makes of the engine's events: a FAKE engine answers, and the events are made up. */
#include "engine/fake_engine.h"
#include "run/container_private.h"
#include "run/sandbox.h"

#include <arpa/inet.h>
#include <sys/mman.h>
#include <sys/socket.h>

#define EVENTS_MAX 32

static char service_name[] = "gateway";

struct life {
	struct service service;
	struct stack stack;
	struct plan plan;
	struct engine_clock clock;
	struct world world;
	struct container *containers[1], *container;
	struct sandbox *sandboxes[1];
	struct loop *loop;
	int trace;
	int done; /* operations */
	/* What was recorded of the service and of its log. */
	struct event events[EVENTS_MAX];
	char names[EVENTS_MAX][32];
	size_t count;
};

static void heard(void *owner, const struct event *event)
{
	struct life *life = owner;
	if (event->kind != EVENT_SERVICE && event->kind != EVENT_LOG)
		return;
	assert_true(life->count < EVENTS_MAX);
	life->events[life->count] = *event;
	if (event->kind == EVENT_SERVICE)
		snprintf(life->names[life->count], sizeof(life->names[0]), "%s", event->service.event);
	life->count++;
	loop_stop(life->loop);
}

/* A world that has lasted for a hundred seconds. */
static void begin_life(struct life *life, struct fixture *fixture)
{
	struct err err = ERR_INIT;
	char path[64];
	*life = (struct life){ .loop = fixture->loop,
		.service = { .name = service_name, .stop_grace_period_ns = 10 * NS_PER_S },
		.stack = { .services = &life->service, .service_count = 1 },
		.plan = { .stack = &life->stack, .file = service_name, .name = service_name },
		.trace = memfd_create("trace", 0) };
	snprintf(path, sizeof(path), "/proc/self/fd/%d", life->trace);
	assert_int_equal(engine_clock_init(&life->clock, life->loop, true, NULL, 0, &err), 0);
	life->world = (struct world){
		.config = { .loop = life->loop,
		    .engine = fixture->engine,
		    .clock = &life->clock,
		    .plan = &life->plan },
		.identity = { .run = "r", .scenario = service_name, .number = 1 },
		.containers = life->containers,
		.sandboxes = life->sandboxes,
		.began_ns = loop_now_ns(life->loop) - 100 * NS_PER_S,
	};
	life->world.recorder = recorder_open(path, life->world.began_ns, NULL, &err);
	assert_non_null(life->world.recorder);
	recorder_listen(life->world.recorder, heard, life);
	life->container = life->containers[0] = container_new(&life->world, 0);
	life->container->id = xstrdup("id");
	script(fixture, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", false);
}

static void end_life(struct life *life)
{
	container_free(life->container);
	assert_int_equal(recorder_close(life->world.recorder, NULL), 0);
	close(life->trace);
}

/* The engine tells now of what it stamped so long ago. */
static void tell(struct life *life, const char *action, int exit_code, int64_t ago_ns)
{
	char code[16];
	snprintf(code, sizeof(code), "%d", exit_code);
	int64_t stamp = engine_clock_stamp_ns(&life->clock, loop_now_ns(life->loop) - ago_ns);
	json_t *event = json_pack("{s:s, s:I, s:{s:{s:s}}}", "Action", action, "timeNano", (json_int_t)stamp,
	    "Actor", "Attributes", "exitCode", code);
	assert_non_null(event);
	container_on_event(life->container, event);
	json_decref(event);
}

static void on_acted(void *owner, struct container *container, const struct err *err)
{
	(void)container;
	struct life *life = owner;
	if (err)
		fail_msg("%s", err->message);
	life->done++;
	loop_stop(life->loop);
}

static void begin_step(struct life *life, enum step_kind kind, const char *signal)
{
	container_act(life->container, kind, signal, on_acted, life);
}

static void kill_with(struct life *life, const char *signal)
{
	int done = life->done;
	begin_step(life, STEP_KILL, signal);
	wait_until(life->loop, life->done > done);
}

static void start(struct life *life)
{
	container_set_state(life->container, CONTAINER_CREATED);
	int done = life->done;
	begin_step(life, STEP_START, NULL);
	tell(life, "start", 0, 0);
	wait_until(life->loop, life->done > done);
	life->count = 0;
}

/* As if it had taken so much longer since. */
static void let_pass(struct life *life, int64_t ns)
{
	struct container *container = life->container;
	container->asked_ns -= ns;
	container->died_ns -= container->died_ns ? ns : 0;
	container->dead_ns -= container->dead_ns ? ns : 0;
	container->sent.sent_ns -= container->sent.sent_ns ? ns : 0;
	container->sent.until_ns -= container->sent.until_ns ? ns : 0;
}

/* The last one that was told. */
static const struct event *expect(const struct life *life, const char *name, bool asked)
{
	assert_true(life->count > 0);
	const struct event *event = &life->events[life->count - 1];
	if (strcmp(life->names[life->count - 1], name) != 0 || event->service.asked != asked)
		fail_msg("%s, asked: %d; expected %s, asked: %d", life->names[life->count - 1],
		    event->service.asked, name, asked);
	return event;
}

static int64_t width_of(const struct event *event)
{
	return event->to_ns - event->from_ns;
}

static void test_an_orderly_end_some_time_after_sigterm(void **state)
{
	struct life life;
	begin_life(&life, *state);
	start(&life);
	kill_with(&life, "SIGTERM");
	let_pass(&life, 2 * NS_PER_S);
	tell(&life, "die", 0, 0);
	const struct event *event = expect(&life, "killed", true);
	assert_in_range(width_of(event), 2 * NS_PER_S, 5 * NS_PER_S);
	end_life(&life);
}

static void test_an_end_after_the_grace_period(void **state)
{
	static const char *const asking[] = { "SIGTERM", "SIGINT", "SIGQUIT" };
	struct life life;
	for (size_t i = 0; i < ARRAY_LENGTH(asking); i++) {
		begin_life(&life, *state);
		start(&life);
		kill_with(&life, asking[i]);
		let_pass(&life, 9 * NS_PER_S);
		tell(&life, "die", 139, 0);
		expect(&life, "killed", true);
		end_life(&life);
		begin_life(&life, *state);
		start(&life);
		kill_with(&life, asking[i]);
		let_pass(&life, 11 * NS_PER_S);
		tell(&life, "die", 139, 0);
		assert_int_equal(width_of(expect(&life, "exited", false)), 0);
		end_life(&life);
	}
	/* It was within: the engine told of it later. */
	begin_life(&life, *state);
	start(&life);
	kill_with(&life, "SIGTERM");
	let_pass(&life, 11 * NS_PER_S);
	tell(&life, "die", 0, 2 * NS_PER_S);
	expect(&life, "killed", true);
	end_life(&life);
}

static void test_a_signal_that_asks_nobody_to_end(void **state)
{
	static const char *const signals[] = { "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGCONT", "SIGWINCH" };
	struct life life;
	for (size_t i = 0; i < ARRAY_LENGTH(signals); i++) {
		begin_life(&life, *state);
		start(&life);
		kill_with(&life, signals[i]);
		let_pass(&life, 10 * NS_PER_S);
		tell(&life, "die", 1, 0);
		assert_int_equal(width_of(expect(&life, "exited", false)), 0);
		end_life(&life);
	}
}

/* With an init of its own it has no handler, and dies of what it is sent; that is the step's. Its handler may
 * end it as well: that is its own doing, whether the engine has answered or not. */
static void test_who_dies_of_the_signal_itself(void **state)
{
	struct life life;
	begin_life(&life, *state);
	start(&life);
	kill_with(&life, "SIGHUP");
	tell(&life, "die", 128 + SIGHUP, 0);
	expect(&life, "killed", true);
	start(&life);
	kill_with(&life, "SIGHUP");
	tell(&life, "die", 1, 0);
	expect(&life, "exited", false);
	start(&life);
	begin_step(&life, STEP_KILL, "SIGHUP");
	tell(&life, "die", 1, 0);
	expect(&life, "exited", false);
	wait_until(life.loop, life.done == 6);
	start(&life);
	kill_with(&life, "SIGHUP");
	let_pass(&life, 2 * NS_PER_S);
	tell(&life, "die", 128 + SIGHUP, 0);
	expect(&life, "exited", false);
	end_life(&life);
}

static void test_one_signal_explains_one_death(void **state)
{
	struct life life;
	begin_life(&life, *state);
	start(&life);
	kill_with(&life, "SIGTERM");
	tell(&life, "die", 0, 0);
	expect(&life, "killed", true);
	tell(&life, "start", 0, 0);
	expect(&life, "restarted", false);
	tell(&life, "die", 139, 0);
	expect(&life, "exited", false);
	/* The death may be told before the engine answers. */
	start(&life);
	begin_step(&life, STEP_KILL, "SIGTERM");
	tell(&life, "die", 143, 0);
	expect(&life, "killed", true);
	wait_until(life.loop, life.done == 4);
	tell(&life, "start", 0, 0);
	tell(&life, "die", 143, 0);
	expect(&life, "exited", false);
	/* Nobody told of the death. */
	start(&life);
	kill_with(&life, "SIGTERM");
	tell(&life, "start", 0, 0);
	tell(&life, "die", 143, 0);
	expect(&life, "exited", false);
	end_life(&life);
}

static void stop_running(void *owner, int64_t due_ns)
{
	(void)due_ns;
	loop_stop(owner);
}

static void learn_stop_signal(struct life *life, struct fixture *fixture)
{
	script_json(fixture, 200, "application/json", "{\"Config\":{\"StopSignal\":\"SIGUSR2\"}}");
	start(life);
	struct ticker *ticker =
	    ticker_start(life->loop, loop_now_ns(life->loop), NS_PER_MS, stop_running, life->loop);
	wait_until(life->loop, life->container->stop_signal);
	ticker_stop(ticker);
	script(fixture, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", false);
}

static void test_the_stop_signal(void **state)
{
	struct fixture *fixture = *state;
	struct life life;
	static char sigusr1[] = "USR1";
	begin_life(&life, fixture);
	life.service.stop_signal = sigusr1;
	start(&life);
	kill_with(&life, "SIGUSR1");
	let_pass(&life, 2 * NS_PER_S);
	tell(&life, "die", 0, 0);
	expect(&life, "killed", true);
	end_life(&life);
	/* The image's. */
	begin_life(&life, fixture);
	learn_stop_signal(&life, fixture);
	kill_with(&life, "SIGUSR2");
	let_pass(&life, 2 * NS_PER_S);
	tell(&life, "die", 0, 0);
	expect(&life, "killed", true);
	end_life(&life);
}

static void test_the_grace_period_is_the_services(void **state)
{
	struct life life;
	begin_life(&life, *state);
	life.service.stop_grace_period_ns = 3 * NS_PER_S;
	start(&life);
	kill_with(&life, "SIGTERM");
	let_pass(&life, 2 * NS_PER_S);
	tell(&life, "die", 0, 0);
	expect(&life, "killed", true);
	start(&life);
	kill_with(&life, "SIGTERM");
	let_pass(&life, 4 * NS_PER_S);
	tell(&life, "die", 0, 0);
	expect(&life, "exited", false);
	end_life(&life);
}

static void test_another_signal_takes_nothing_back(void **state)
{
	struct life life;
	begin_life(&life, *state);
	start(&life);
	kill_with(&life, "SIGTERM");
	let_pass(&life, 4 * NS_PER_S);
	kill_with(&life, "SIGHUP");
	let_pass(&life, NS_PER_S);
	tell(&life, "die", 0, 0);
	assert_in_range(width_of(expect(&life, "killed", true)), 5 * NS_PER_S, 8 * NS_PER_S);
	end_life(&life);
}

/* Who is killed for certain has one exit status; with another one it had ended by itself before. */
static void test_an_end_of_its_own_as_it_is_killed(void **state)
{
	struct life life;
	begin_life(&life, *state);
	start(&life);
	begin_step(&life, STEP_KILL, "SIGKILL");
	tell(&life, "die", 1, 0);
	expect(&life, "exited", false);
	tell(&life, "start", 0, 0);
	tell(&life, "die", 137, 0);
	expect(&life, "killed", true);
	wait_until(life.loop, life.done == 2);
	assert_true(life.container->is_let_lie);
	end_life(&life);
}

/* The engine may tell of a victim of an exhaustion when the step is over. */
static void test_a_victim_that_is_told_late(void **state)
{
	struct life life;
	begin_life(&life, *state);
	start(&life);
	life.container->asked_ns = loop_now_ns(life.loop) - 100 * NS_PER_MS;
	life.container->exhausted_ns = loop_now_ns(life.loop);
	tell(&life, "oom", 0, 0);
	expect(&life, "out-of-memory", true);
	end_life(&life);
	begin_life(&life, *state);
	start(&life);
	life.container->exhausted_ns = loop_now_ns(life.loop) - 4 * NS_PER_S;
	tell(&life, "oom", 0, 0);
	expect(&life, "out-of-memory", false);
	end_life(&life);
}

/* It was frozen before the engine said so, and not before it was asked to. */
static void test_a_pause_begins_when_it_is_asked_for(void **state)
{
	struct life life;
	begin_life(&life, *state);
	start(&life);
	static const struct {
		enum step_kind kind;
		const char *action, *event;
	} steps[] = { { STEP_PAUSE, "pause", "paused" }, { STEP_UNPAUSE, "unpause", "unpaused" } };
	for (size_t i = 0; i < ARRAY_LENGTH(steps); i++) {
		int done = life.done;
		int64_t before_ns = loop_now_ns(life.loop) - life.world.began_ns;
		begin_step(&life, steps[i].kind, NULL);
		int64_t after_ns = loop_now_ns(life.loop) - life.world.began_ns;
		tell(&life, steps[i].action, 0, 0);
		const struct event *event = expect(&life, steps[i].event, true);
		assert_in_range(event->from_ns, before_ns, after_ns);
		assert_true(event->to_ns >= after_ns);
		wait_until(life.loop, life.done > done);
	}
	end_life(&life);
}

/* What is started anew starts behind the engine's stamp of the end, whenever that was heard of. */
static void test_a_start_comes_after_the_end(void **state)
{
	struct life life;
	begin_life(&life, *state);
	start(&life);
	tell(&life, "die", 1, 300 * NS_PER_MS);
	int64_t ended_ns = expect(&life, "exited", false)->to_ns;
	tell(&life, "start", 0, 100 * NS_PER_MS);
	const struct event *event = expect(&life, "restarted", false);
	assert_int_equal(event->from_ns, ended_ns);
	assert_true(event->to_ns > event->from_ns + 190 * NS_PER_MS);
	/* By a step that first takes ten seconds to stop it. */
	begin_step(&life, STEP_RESTART, NULL);
	let_pass(&life, 10 * NS_PER_S);
	tell(&life, "die", 0, 0);
	ended_ns = expect(&life, "stopped", true)->to_ns;
	tell(&life, "start", 0, 0);
	event = expect(&life, "started", true);
	assert_int_equal(event->from_ns, ended_ns);
	tell(&life, "restart", 0, 0);
	wait_until(life.loop, life.done == 2);
	end_life(&life);
}

static void test_a_line_was_written_before_it_was_read(void **state)
{
	struct fixture *fixture = *state;
	struct life life;
	begin_life(&life, fixture);
	int64_t read_ns = loop_now_ns(life.loop) - 10 * NS_PER_MS;
	int64_t stamp_ns = engine_clock_stamp_ns(&life.clock, read_ns);
	time_t seconds = (time_t)(stamp_ns / NS_PER_S);
	struct tm tm;
	char when[32], line[128];
	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", gmtime_r(&seconds, &tm));
	snprintf(line, sizeof(line), "%s.%09dZ ready\n", when, (int)(stamp_ns % NS_PER_S));
	script(fixture, "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\n", true);
	const char header[] = { 1, 0, 0, 0, 0, 0, 0, (char)strlen(line) };
	buf_add(&fixture->reply, header, sizeof(header));
	buf_add(&fixture->reply, line, strlen(line));
	container_stream_begin(life.container->stream, "id", read_ns - NS_PER_S);
	wait_until(life.loop, life.count > 0);
	assert_int_equal(life.events[0].kind, EVENT_LOG);
	assert_in_range(width_of(&life.events[0]), 249 * NS_PER_MS, 251 * NS_PER_MS);
	assert_in_range(life.events[0].to_ns + life.world.began_ns, read_ns - NS_PER_MS, read_ns + NS_PER_MS);
	end_life(&life);
}

/* Of this host, at a port that is bound, and refuses until somebody listens. */
static int open_sandbox(struct life *life)
{
	static char protocol[] = "tcp";
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(address);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
	life->service.protocol = protocol;
	life->service.protocol_port = ntohs(address.sin_port);
	char *network OWNED = world_network_name(&life->world.identity);
	json_t *settings = json_pack("{s:{s:{s:s}}}", "Networks", network, "IPAddress", "127.0.0.1");
	life->sandboxes[0] = sandbox_new(&life->world, 0);
	sandbox_learn_network(life->sandboxes[0], settings);
	json_decref(settings);
	return fd;
}

static void run_for(struct life *life, int64_t ns)
{
	int64_t until_ns = loop_now_ns(life->loop) + ns;
	struct ticker *ticker =
	    ticker_start(life->loop, loop_now_ns(life->loop), NS_PER_MS, stop_running, life->loop);
	wait_until(life->loop, loop_now_ns(life->loop) >= until_ns);
	ticker_stop(ticker);
}

/* How long it was not ready is known, though the engine tells late of the start. */
static void test_it_is_asked_before_it_is_told_to_run(void **state)
{
	struct life life;
	begin_life(&life, *state);
	int fd = open_sandbox(&life);
	container_set_state(life.container, CONTAINER_CREATED);
	begin_step(&life, STEP_START, NULL);
	run_for(&life, 100 * NS_PER_MS);
	assert_int_equal(listen(fd, 8), 0);
	run_for(&life, 100 * NS_PER_MS);
	assert_int_equal(life.count, 0);
	tell(&life, "start", 0, 0);
	assert_int_equal(life.count, 2);
	assert_string_equal(life.names[0], "started");
	const struct event *ready = expect(&life, "ready", false);
	assert_true(ready->from_ns > life.events[0].from_ns);
	wait_until(life.loop, life.done == 1);

	/* Its policy starts it again, and it is ready before the engine says so. */
	life.service.restart = RESTART_ALWAYS;
	tell(&life, "die", 1, 0);
	expect(&life, "exited", false);
	run_for(&life, 50 * NS_PER_MS);
	tell(&life, "start", 0, 0);
	assert_string_equal(life.names[life.count - 2], "restarted");
	ready = expect(&life, "ready", false);
	assert_true(ready->to_ns < life.events[life.count - 2].to_ns);
	/* Nobody starts it again, and nobody asks. */
	life.service.restart = RESTART_NO;
	tell(&life, "die", 1, 0);
	run_for(&life, 50 * NS_PER_MS);
	expect(&life, "exited", false);
	end_life(&life);
	sandbox_free(life.sandboxes[0]);
	close(fd);
}

#define WITH_ENGINE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_ENGINE(test_an_orderly_end_some_time_after_sigterm),
		WITH_ENGINE(test_an_end_after_the_grace_period),
		WITH_ENGINE(test_a_signal_that_asks_nobody_to_end),
		WITH_ENGINE(test_who_dies_of_the_signal_itself),
		WITH_ENGINE(test_one_signal_explains_one_death),
		WITH_ENGINE(test_the_stop_signal),
		WITH_ENGINE(test_the_grace_period_is_the_services),
		WITH_ENGINE(test_another_signal_takes_nothing_back),
		WITH_ENGINE(test_an_end_of_its_own_as_it_is_killed),
		WITH_ENGINE(test_a_victim_that_is_told_late),
		WITH_ENGINE(test_a_pause_begins_when_it_is_asked_for),
		WITH_ENGINE(test_a_start_comes_after_the_end),
		WITH_ENGINE(test_a_line_was_written_before_it_was_read),
		WITH_ENGINE(test_it_is_asked_before_it_is_told_to_run),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
