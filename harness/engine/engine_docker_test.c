/* The client against the real engine: every call, the events it makes, and the engine's own words when it
 * refuses. */
#include "engine/docker_fixture.h"

#include <sys/resource.h>

static void test_the_engine_introduces_itself(void **state)
{
	struct fixture *fixture = *state;
	json_t *version = must(fixture, engine_negotiate);
	assert_non_null(json_string_value(json_object_get(version, "Version")));
	assert_true(strcmp(engine_api_version(fixture->engine), ENGINE_API_OLDEST) >= 0);
	assert_null(must(fixture, engine_ping));
	json_t *info = must(fixture, engine_info);
	assert_true(json_integer_value(json_object_get(info, "NCPU")) > 0);
	struct engine_request request = { .method = "GET", .path = "/nonsense" };
	refused(fixture, engine_request, 404, "GET /nonsense: page not found", &request);
}

struct event_list {
	struct loop *loop;
	struct buf actions;
	struct outcome end;
};

static void on_event(void *owner, json_t *event)
{
	struct event_list *list = owner;
	const char *action = json_string_value(json_object_get(event, "Action"));
	buf_addf(&list->actions, "%s %s|", json_string_value(json_object_get(event, "Type")), action);
	assert_true(json_integer_value(json_object_get(event, "timeNano")) > 0);
	loop_stop(list->loop);
}

struct log_list {
	struct loop *loop;
	struct buf text;
	size_t lines;
	int64_t last_stamp_ns;
	struct outcome end;
};

static void on_line(void *owner, const struct engine_log_line *line)
{
	struct log_list *list = owner;
	buf_addf(&list->text, "%d%s ", line->output, line->cut ? "-" : "");
	buf_add_visible(&list->text, line->text, line->length, 20);
	buf_add_char(&list->text, '|');
	list->lines++;
	assert_true(line->engine_stamp_ns > INT64_C(1600000000) * NS_PER_S);
	list->last_stamp_ns = line->engine_stamp_ns;
	loop_stop(list->loop);
}

static void log_ended(void *owner, const struct err *err)
{
	struct log_list *list = owner;
	on_end(&list->end, err);
}

static void events_ended(void *owner, const struct err *err)
{
	struct event_list *list = owner;
	on_end(&list->end, err);
}

static int64_t exit_code(struct fixture *fixture, const char *name)
{
	json_t *reply = must(fixture, engine_container_wait, name);
	return json_integer_value(json_object_get(reply, "StatusCode"));
}

static const char *status_of(struct fixture *fixture, const char *name)
{
	json_t *reply = must(fixture, engine_container_inspect, name);
	return json_string_value(json_object_get(json_object_get(reply, "State"), "Status"));
}

static void test_a_life(void **state)
{
	struct fixture *fixture = *state;
	struct event_list events = { .loop = fixture->loop, .end.loop = fixture->loop };
	json_t *filters = label_filter(fixture);
	struct engine_call *watching =
	    engine_events(fixture->engine, filters, on_event, events_ended, &events);
	json_decref(filters);

	char network[NAME_MAX_LENGTH], name[NAME_MAX_LENGTH];
	make_network(fixture, "net", network);
	make_container(fixture, "life", (const char *const[]){ "wait", NULL }, network, name);
	assert_string_equal(status_of(fixture, name), "created");
	must(fixture, engine_container_start, name);
	must(fixture, engine_container_start, name); /* already running is success */

	struct log_list log = { .loop = fixture->loop, .end.loop = fixture->loop };
	(void)engine_container_logs(fixture->engine, name, false, 0, on_line, log_ended, &log);
	wait_until(fixture->loop, log.lines == 2);
	assert_non_null(strstr(log.text.bytes, "1 up|"));
	assert_non_null(strstr(log.text.bytes, "2 up too|"));

	must(fixture, engine_container_pause, name);
	assert_string_equal(status_of(fixture, name), "paused");
	must(fixture, engine_container_unpause, name);
	json_t *stats = must(fixture, engine_container_stats, name);
	assert_true(json_integer_value(json_object_get(json_object_get(stats, "memory_stats"), "usage")) > 0);
	json_t *inspected = must(fixture, engine_network_inspect, network);
	assert_int_equal(json_object_size(json_object_get(inspected, "Containers")), 1);
	must(fixture, engine_network_disconnect, network, name);
	json_t *connect =
	    json_pack("{s:s, s:{s:[s]}}", "Container", name, "EndpointConfig", "Aliases", "redis");
	must(fixture, engine_network_connect, network, connect);
	json_decref(connect);

	must(fixture, engine_container_stop, name, 10 * NS_PER_S);
	must(fixture, engine_container_stop, name, 10 * NS_PER_S); /* already stopped is success */
	assert_int_equal(exit_code(fixture, name), 0);
	wait_until(fixture->loop, log.end.ends);
	assert_false(err_is_set(&log.end.err));

	must(fixture, engine_container_restart, name, NS_PER_S);
	struct log_list later = { .loop = fixture->loop, .end.loop = fixture->loop };
	(void)engine_container_logs(
	    fixture->engine, name, false, log.last_stamp_ns + 1, on_line, log_ended, &later);
	wait_until(fixture->loop, later.lines == 2);
	must(fixture, engine_container_kill, name, "SIGKILL");
	assert_int_equal(exit_code(fixture, name), 137);
	wait_until(fixture->loop, later.end.ends);
	struct outcome other = { .loop = fixture->loop };
	(void)engine_container_remove(fixture->engine, name, on_done, &other);
	must(fixture, engine_container_remove, name); /* under way or already gone: both are success */
	wait_until(fixture->loop, other.ends);
	assert_false(err_is_set(&other.err));
	refused(fixture, engine_container_inspect, 404, "inspect container `", name);
	must(fixture, engine_container_remove, name);
	outcome_clear(&other);
	must(fixture, engine_network_remove, network);
	must(fixture, engine_network_remove, network);

	static const char *const expected[] = { "container create|", "container start|", "container pause|",
		"container unpause|", "container kill|", "container die|", "container stop|",
		"container restart|", "container destroy|" };
	for (size_t i = 0; i < ARRAY_LENGTH(expected); i++)
		wait_until(fixture->loop, strstr(buf_string(&events.actions), expected[i]));
	/* Each once: that of the moment of subscribing comes from the engine's notes and as news. */
	for (const char *at = strstr(events.actions.bytes, "container create|"); at;
	     at = strstr(at + 1, "container create|"))
		assert_ptr_equal(at, strstr(events.actions.bytes, "container create|"));
	assert_int_equal(events.end.ends, 0);
	engine_cancel(watching);
	buf_release(&events.actions);
	buf_release(&log.text);
	buf_release(&later.text);
}

static void test_what_the_engine_refuses(void **state)
{
	struct fixture *fixture = *state;
	char name[NAME_MAX_LENGTH];
	char expected[512];
	make_container(fixture, "here", (const char *const[]){ "wait", NULL }, NULL, name);

	refused(fixture, engine_container_start, 404,
	    "start container `no-such-thing`: No such container: no-such-thing", "no-such-thing");
	json_t *config = json_pack("{s:s}", "Image", "falsestart-no-such-image:1");
	refused(fixture, engine_container_create, 404,
	    "create container `x`: No such image: falsestart-no-such-image:1", "x", config);
	json_decref(config);
	config = container_config(fixture, (const char *const[]){ "wait", NULL }, NULL);
	snprintf(expected, sizeof(expected),
	    "create container `%s`: Conflict. The container name \"/%s\" is already", name, name);
	refused(fixture, engine_container_create, 409, expected, name, config);
	json_decref(config);
	snprintf(expected, sizeof(expected), "kill container `%s`: Cannot kill container", name);
	refused(fixture, engine_container_kill, 409, expected, name, "SIGKILL");
	config = container_config(fixture, (const char *const[]){ "wait", NULL }, NULL);
	refused(fixture, engine_container_create, 400,
	    "create container `a b?`: Invalid container name (a b?), only", "a b?", config);
	json_decref(config);
	/* A name is never another path: the engine offers to go elsewhere, and is not followed. */
	refused(fixture, engine_container_inspect, 301, "inspect container `../../version`: HTTP status 301",
	    "../../version");
	refused(fixture, engine_image_inspect, 404,
	    "inspect image `no/such:image`: no such image: no/such:image", "no/such:image");
	refused(fixture, engine_network_inspect, 404, "inspect network `nowhere`: network nowhere not found",
	    "nowhere");
	char network[NAME_MAX_LENGTH];
	make_network(fixture, "twice", network);
	config = json_pack("{s:s, s:b}", "Name", network, "CheckDuplicate", 1);
	snprintf(expected, sizeof(expected), "create network `%s`: network with name %s already exists",
	    network, network);
	refused(fixture, engine_network_create, 409, expected, config);
	json_decref(config);
}

static void test_a_port_in_use(void **state)
{
	struct fixture *fixture = *state;
	struct sockaddr_in place = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t place_length = sizeof(place);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&place, sizeof(place)), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&place, &place_length), 0);
	char port[16];
	snprintf(port, sizeof(port), "%d", ntohs(place.sin_port));

	char network[NAME_MAX_LENGTH];
	make_network(fixture, "ports", network);
	json_t *config = container_config(fixture, (const char *const[]){ "wait", NULL }, network);
	json_t *host = json_object_get(config, "HostConfig");
	json_object_set_new(host, "PortBindings",
	    json_pack("{s:[{s:s, s:s}]}", "80/tcp", "HostIp", "127.0.0.1", "HostPort", port));
	json_object_set_new(config, "ExposedPorts", json_pack("{s:{}}", "80/tcp"));
	char name[NAME_MAX_LENGTH];
	snprintf(name, sizeof(name), "%s-port", fixture->name);
	must(fixture, engine_container_create, name, config);
	json_decref(config);
	char expected[256];
	snprintf(expected, sizeof(expected), "start container `%s`: ", name);
	const struct err *err = refused(fixture, engine_container_start, 500, expected, name);
	assert_non_null(strstr(err->message, port));
	assert_non_null(strstr(err->message, "address already in use"));
	close(fd);
}

static void test_lists_by_label(void **state)
{
	struct fixture *fixture = *state;
	char network[NAME_MAX_LENGTH], name[NAME_MAX_LENGTH];
	make_network(fixture, "list", network);
	make_container(fixture, "list", (const char *const[]){ "wait", NULL }, network, name);
	json_t *filters = label_filter(fixture);
	assert_int_equal(json_array_size(must(fixture, engine_network_list, filters)), 1);
	json_t *list = must(fixture, engine_container_list, filters);
	assert_int_equal(json_array_size(list), 1);
	char id[80];
	snprintf(id, sizeof(id), "%.64s", json_string_value(json_object_get(json_array_get(list, 0), "Id")));
	assert_true(json_is_object(must(fixture, engine_volume_list, filters)));
	json_decref(filters);
	/* By id as by name; a message shows the id short. */
	must(fixture, engine_container_inspect, id);
	char expected[160];
	snprintf(expected, sizeof(expected), "unpause container `%.12s`: Container %s", id, id);
	refused(fixture, engine_container_unpause, 500, expected, id);
	assert_true(json_array_size(must(fixture, engine_container_list, (const json_t *)NULL)) >= 1);
}

/* Notes the longest time in which the loop did not run. */
struct pulse {
	struct loop *loop;
	struct timer *timer;
	int64_t last_ns, worst_ns;
};

static void note_tick(void *owner)
{
	struct pulse *pulse = owner;
	int64_t now_ns = loop_now_ns(pulse->loop);
	if (pulse->last_ns && now_ns - pulse->last_ns > pulse->worst_ns)
		pulse->worst_ns = now_ns - pulse->last_ns;
	pulse->last_ns = now_ns;
	pulse->timer = timer_start(pulse->loop, now_ns + 5 * NS_PER_MS, note_tick, pulse);
}

static void test_grace_runs_out_and_nothing_blocks(void **state)
{
	struct fixture *fixture = *state;
	char name[NAME_MAX_LENGTH];
	make_container(fixture, "stubborn", (const char *const[]){ "stubborn", NULL }, NULL, name);
	must(fixture, engine_container_start, name);
	struct log_list log = { .loop = fixture->loop, .end.loop = fixture->loop };
	(void)engine_container_logs(fixture->engine, name, false, 0, on_line, log_ended, &log);
	wait_until(fixture->loop, log.lines == 2); /* before that SIGTERM would find no handler */
	struct pulse pulse = { .loop = fixture->loop };
	note_tick(&pulse);
	int64_t start_ns = loop_now_ns(fixture->loop);
	must(fixture, engine_container_stop, name, 500 * NS_PER_MS); /* rounded up to a second */
	int64_t took_ns = loop_now_ns(fixture->loop) - start_ns;
	timer_cancel(pulse.timer);
	assert_in_range(took_ns / NS_PER_MS, 990, 20000);
	assert_true(pulse.worst_ns < took_ns / 2);
	assert_int_equal(exit_code(fixture, name), 137);
	wait_until(fixture->loop, log.end.ends);
	buf_release(&log.text);
}

static void check_log(
    struct fixture *fixture, const char *stem, const char *const command[], bool tty, const char *expected)
{
	char name[NAME_MAX_LENGTH];
	json_t *config = container_config(fixture, command, NULL);
	json_object_set_new(config, "Tty", json_boolean(tty));
	snprintf(name, sizeof(name), "%s-%s", fixture->name, stem);
	must(fixture, engine_container_create, name, config);
	json_decref(config);
	must(fixture, engine_container_start, name);
	struct log_list log = { .loop = fixture->loop, .end.loop = fixture->loop };
	(void)engine_container_logs(fixture->engine, name, tty, 0, on_line, log_ended, &log);
	wait_until(fixture->loop, log.end.ends);
	assert_false(err_is_set(&log.end.err));
	assert_string_equal(buf_string(&log.text), expected);
	buf_release(&log.text);
}

static void test_logs(void **state)
{
	struct fixture *fixture = *state;
	check_log(fixture, "last-word", (const char *const[]){ "exit", "3", NULL }, false, "1 leaving|");
	check_log(fixture, "just", (const char *const[]){ "long", "16384", NULL }, false,
	    "1 xxxxxxxxxxxxxxxxxxxx…|");
	check_log(fixture, "cut", (const char *const[]){ "long", "50000", NULL }, false,
	    "1- xxxxxxxxxxxxxxxxxxxx…|");
	check_log(fixture, "tty", (const char *const[]){ "exit", "0", NULL }, true, "1 leaving|");
	check_log(fixture, "tty-cut", (const char *const[]){ "long", "50000", NULL }, true,
	    "1- xxxxxxxxxxxxxxxxxxxx…|");

	struct log_list nobody = { .loop = fixture->loop, .end.loop = fixture->loop };
	(void)engine_container_logs(fixture->engine, "nobody", false, 0, on_line, log_ended, &nobody);
	wait_until(fixture->loop, nobody.end.ends);
	check_refusal(&nobody.end, 404, "follow the log of container `nobody`: No such container: nobody");
}

static void count_line(void *owner, const struct engine_log_line *line)
{
	struct log_list *list = owner;
	list->lines++;
	assert_int_equal(line->length, 99);
	assert_int_equal(strtoull(line->text, NULL, 10), list->lines - 1);
}

/* 8 MiB here; a gigabyte in log_stream_test.c. Not a line may be lost, and memory must not follow. */
static void test_a_flood(void **state)
{
	struct fixture *fixture = *state;
	char name[NAME_MAX_LENGTH];
	make_container(fixture, "flood", (const char *const[]){ "flood", "8388608", NULL }, NULL, name);
	must(fixture, engine_container_start, name);
	struct rusage before, after;
	getrusage(RUSAGE_SELF, &before);
	struct pulse pulse = { .loop = fixture->loop };
	note_tick(&pulse);
	int64_t start_ns = loop_now_ns(fixture->loop);
	struct log_list log = { .loop = fixture->loop, .end.loop = fixture->loop };
	(void)engine_container_logs(fixture->engine, name, false, 0, count_line, log_ended, &log);
	wait_until(fixture->loop, log.end.ends);
	int64_t took_ns = loop_now_ns(fixture->loop) - start_ns;
	timer_cancel(pulse.timer);
	getrusage(RUSAGE_SELF, &after);
	assert_false(err_is_set(&log.end.err));
	assert_int_equal(log.lines, (8388608 + 99) / 100);
	print_message("8 MiB of log in %lld ms, the loop's longest pause %lld us, memory +%ld KiB\n",
	    (long long)(took_ns / NS_PER_MS), (long long)(pulse.worst_ns / NS_PER_US),
	    after.ru_maxrss - before.ru_maxrss);
	assert_true(after.ru_maxrss - before.ru_maxrss < 16384);
	assert_true(pulse.worst_ns < NS_PER_S);
}

struct meddler {
	struct fixture *fixture;
	struct engine_call *call;
	int lines;
	struct outcome other;
};

static void cancel_itself(void *owner, const struct engine_log_line *line)
{
	(void)line;
	struct meddler *meddler = owner;
	meddler->lines++;
	engine_cancel(steal_ptr(meddler->call));
	(void)engine_ping(meddler->fixture->engine, on_done, &meddler->other);
}

static void close_engine(void *owner, const struct engine_log_line *line)
{
	(void)line;
	struct meddler *meddler = owner;
	meddler->lines++;
	engine_close(steal_ptr(meddler->fixture->engine));
	loop_stop(meddler->fixture->loop);
}

static void never(void *owner, const struct err *err)
{
	(void)owner;
	fail_msg("a cancelled call called back: %s", err ? err->message : "no error");
}

static void test_callbacks_may_cancel_and_close(void **state)
{
	struct fixture *fixture = *state;
	char name[NAME_MAX_LENGTH];
	make_container(fixture, "meddle", (const char *const[]){ "flood", "500000", NULL }, NULL, name);
	must(fixture, engine_container_start, name);
	assert_int_equal(exit_code(fixture, name), 0);
	struct meddler meddler = { .fixture = fixture, .other.loop = fixture->loop };
	meddler.call = engine_container_logs(fixture->engine, name, false, 0, cancel_itself, never, &meddler);
	wait_until(fixture->loop, meddler.other.ends);
	assert_int_equal(meddler.lines, 1);
	assert_false(err_is_set(&meddler.other.err));

	(void)engine_container_wait(fixture->engine, name, on_done, &meddler.other);
	(void)engine_container_logs(fixture->engine, name, false, 0, close_engine, never, &meddler);
	wait_until(fixture->loop, meddler.lines == 2);
	struct err err = ERR_INIT;
	fixture->engine = engine_open(fixture->loop, NULL, &err);
	assert_non_null(fixture->engine);
	must(fixture, engine_ping);
	outcome_clear(&meddler.other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_the_engine_introduces_itself, remove_all),
		cmocka_unit_test_teardown(test_a_life, remove_all),
		cmocka_unit_test_teardown(test_what_the_engine_refuses, remove_all),
		cmocka_unit_test_teardown(test_a_port_in_use, remove_all),
		cmocka_unit_test_teardown(test_lists_by_label, remove_all),
		cmocka_unit_test_teardown(test_grace_runs_out_and_nothing_blocks, remove_all),
		cmocka_unit_test_teardown(test_logs, remove_all),
		cmocka_unit_test_teardown(test_a_flood, remove_all),
		cmocka_unit_test_teardown(test_callbacks_may_cancel_and_close, remove_all),
	};
	return cmocka_run_group_tests(tests, docker_setup, docker_teardown);
}
