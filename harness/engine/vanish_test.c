/* What a client meets when the engine is not well: a fake one, scripted. */
#include "engine/fake_engine.h"

#include <sys/resource.h>

static void ask(struct fixture *fixture, int64_t timeout_ns)
{
	struct engine_request request = {
		.method = "GET", .path = "/thing", .doing = "ask for `thing`", .timeout_ns = timeout_ns
	};
	outcome_clear(&fixture->outcome);
	(void)engine_request(fixture->engine, &request, on_done, &fixture->outcome);
	wait_until(fixture->loop, fixture->outcome.ends);
}

static void test_connections_are_kept(void **state)
{
	struct fixture *fixture = *state;
	script_json(fixture, 200, "application/json", "{\"a\":1}");
	for (int i = 0; i < 20; i++)
		ask(fixture, 0);
	assert_int_equal(json_integer_value(json_object_get(fixture->outcome.reply, "a")), 1);
	assert_int_equal(fixture->connections, 1);
	assert_non_null(strstr(fixture->last_request.bytes, "GET /v1.41/thing HTTP/1.1\r\n"));
	json_t *body = json_pack("{s:s}", "Name", "n");
	outcome_clear(&fixture->outcome);
	(void)engine_network_create(fixture->engine, body, on_done, &fixture->outcome);
	json_decref(body); /* borrowed for the call to the function alone */
	wait_until(fixture->loop, fixture->outcome.ends);
	assert_non_null(strstr(fixture->last_request.bytes, "POST /v1.41/networks/create HTTP/1.1\r\n"));
	assert_non_null(strstr(fixture->last_request.bytes, "Content-Type: application/json\r\n"));
	assert_non_null(strstr(fixture->last_request.bytes, "\r\n\r\n{\"Name\":\"n\"}"));
	assert_null(strstr(fixture->last_request.bytes, "Expect"));
	outcome_clear(&fixture->outcome);
	(void)engine_container_stop(fixture->engine, "a/b?", 1, on_done, &fixture->outcome);
	wait_until(fixture->loop, fixture->outcome.ends);
	assert_non_null(
	    strstr(fixture->last_request.bytes, "POST /v1.41/containers/a%2Fb%3F/stop?t=1 HTTP/1.1\r\n"));
	assert_null(strstr(fixture->last_request.bytes, "Content-Type"));
}

/* An engine that was restarted has closed what it kept: the next call takes a new connection and says
 * nothing. */
static void test_a_kept_connection_that_died(void **state)
{
	struct fixture *fixture = *state;
	script(fixture, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", true);
	ask(fixture, 0);
	wait_until(fixture->loop, !fixture->clients);
	for (int i = 0; i < 5; i++) {
		ask(fixture, 0);
		assert_false(err_is_set(&fixture->outcome.err));
	}
	assert_true(fixture->connections > 1);
}

static void test_it_vanishes(void **state)
{
	struct fixture *fixture = *state;
	script(fixture, "", true);
	ask(fixture, 0);
	check_error(fixture, 0,
	    PARTS("ask for `thing`: the engine at unix:///tmp/falsestart-fake-", "vanished before"));
	script(fixture,
	    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{\"half\":",
	    true);
	ask(fixture, 0);
	check_error(fixture, 0,
	    PARTS("ask for `thing`: the engine at unix:///tmp/falsestart-fake-", "vanished before"));
	script(fixture, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"a\"", true);
	ask(fixture, 0);
	check_error(fixture, 0, PARTS("vanished before"));
}

static void test_it_is_gone_for_good(void **state)
{
	struct fixture *fixture = *state;
	uv_close((uv_handle_t *)fixture->server, server_closed);
	while (fixture->clients)
		close_client(fixture->clients);
	fixture->server = xcalloc(1, sizeof(*fixture->server));
	uv_pipe_init(loop_uv(fixture->loop), fixture->server, 0);
	unlink(fixture->path);
	ask(fixture, 0);
	check_error(fixture, 0,
	    PARTS("ask for `thing`: no Docker engine answers at unix:///tmp/falsestart-fake-", "start one"));
}

static void test_it_never_answers(void **state)
{
	struct fixture *fixture = *state;
	script(fixture, "", false);
	ask(fixture, 50 * NS_PER_MS);
	check_error(fixture, 0, PARTS("ask for `thing`: the engine at ", "gave no answer within 50ms"));
	script(fixture, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nslow", false);
	ask(fixture, 50 * NS_PER_MS);
	check_error(fixture, 0, PARTS("gave no answer within 50ms"));
}

static void test_it_is_no_engine(void **state)
{
	struct fixture *fixture = *state;
	script(fixture, "SSH-2.0-OpenSSH_9.2\r\n\r\n", true);
	ask(fixture, 0);
	check_error(fixture, 0, PARTS("ask for `thing`: what answers at ", "is not a Docker engine"));
	script_json(fixture, 502, "text/html", "<html>\x1b[2J\n<b>Bad Gateway</b> \xff");
	ask(fixture, 0);
	check_error(fixture, 502,
	    PARTS("ask for `thing`: HTTP status 502 without the message an engine gives; it begins: "
		  "<html>\\x1b[2J\\n<b>Bad Gateway</b> \\xff"));
	script_json(fixture, 500, "application/json", "{\"message\":\"driver failed\\u001b[2J\\n\"}");
	ask(fixture, 0);
	check_error(fixture, 500, PARTS("ask for `thing`: driver failed\\x1b[2J"));
	script_json(fixture, 404, "application/json", "{\"message\":7}");
	ask(fixture, 0);
	check_error(fixture, 404, PARTS("HTTP status 404 without the message an engine gives; it begins: {"));
	script_json(fixture, 301, "text/plain", "");
	ask(fixture, 0);
	check_error(
	    fixture, 301, PARTS("ask for `thing`: HTTP status 301 without the message an engine gives"));
	script_json(fixture, 200, "application/json", "{\"a\":\x1b}");
	ask(fixture, 0);
	check_error(
	    fixture, 0, PARTS("ask for `thing`: the engine's reply is broken: not valid JSON at byte "));
	script_json(fixture, 200, "text/plain", "{");
	ask(fixture, 0);
	assert_false(err_is_set(&fixture->outcome.err));
	assert_null(fixture->outcome.reply);
}

static void test_endless_replies(void **state)
{
	struct fixture *fixture = *state;
	char *block OWNED = xmalloc(1UL << 20);
	memset(block, 'x', 1UL << 20);
	script(fixture, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n\"", true);
	for (int i = 0; i < 17; i++)
		buf_add(&fixture->reply, block, 1UL << 20);
	ask(fixture, 0);
	check_error(
	    fixture, 0, PARTS("ask for `thing`: the engine's reply is longer than the 16 MiB allowed"));
	script(fixture, "HTTP/1.1 500 No\r\n\r\n", true);
	for (int i = 0; i < 17; i++)
		buf_add(&fixture->reply, block, 1UL << 20);
	ask(fixture, 0);
	check_error(fixture, 500, PARTS("it begins: xxxxxx"));
	assert_true(strlen(fixture->outcome.err.message) < 400);
	script(fixture, "HTTP/1.1 200 OK\r\n", true);
	for (int i = 0; i < 20000; i++)
		buf_add_string(&fixture->reply, "X-Header: and another, and another\r\n");
	ask(fixture, 0);
	check_error(fixture, 0,
	    PARTS("ask for `thing`: the headers of the reply are longer than the 256 KiB allowed"));
}

static void negotiate(struct fixture *fixture, const char *version)
{
	script_json(fixture, 200, "application/json", version);
	outcome_clear(&fixture->outcome);
	(void)engine_negotiate(fixture->engine, on_done, &fixture->outcome);
	wait_until(fixture->loop, fixture->outcome.ends);
}

static void test_versions(void **state)
{
	struct fixture *fixture = *state;
	negotiate(fixture, "{\"ApiVersion\":\"1.40\",\"MinAPIVersion\":\"1.12\"}");
	check_error(fixture, 0,
	    PARTS("ask the engine for its version: the engine at ",
		"speaks API 1.40 at most, and 1.41 is needed: upgrade it"));
	negotiate(fixture, "{\"ApiVersion\":\"1.99\",\"MinAPIVersion\":\"1.90\"}");
	check_error(fixture, 0, PARTS("speaks no API older than 1.90", "upgrade falsestart"));
	negotiate(fixture, "{\"ApiVersion\":\"1.x\"}");
	check_error(fixture, 0, PARTS("gives no API version; it is not a Docker engine"));
	negotiate(fixture, "[]");
	check_error(fixture, 0, PARTS("gives no API version; it is not a Docker engine"));
	assert_string_equal(engine_api_version(fixture->engine), "");
	negotiate(fixture, "{\"ApiVersion\":\"1.47\",\"MinAPIVersion\":\"1.24\"}");
	assert_false(err_is_set(&fixture->outcome.err));
	assert_non_null(strstr(fixture->last_request.bytes, "GET /version HTTP/1.1"));
	assert_string_equal(engine_api_version(fixture->engine), "1.47");
	negotiate(fixture, "{\"ApiVersion\":\"1.99\",\"MinAPIVersion\":\"1.44\"}");
	assert_string_equal(engine_api_version(fixture->engine), ENGINE_API_NEWEST);
	script_json(fixture, 200, "application/json", "{}");
	ask(fixture, 0);
	assert_non_null(strstr(fixture->last_request.bytes, "GET /v" ENGINE_API_NEWEST "/thing HTTP/1.1"));
}

static void on_line(void *owner, const struct engine_log_line *line)
{
	struct fixture *fixture = owner;
	buf_add_visible(&fixture->lines, line->text, line->length, 80);
	buf_add_char(&fixture->lines, '|');
	fixture->line_count++;
}

static void on_logs_end(void *owner, const struct err *err)
{
	struct fixture *fixture = owner;
	on_end(&fixture->outcome, err);
}

static void on_event(void *owner, json_t *event)
{
	struct fixture *fixture = owner;
	buf_addf(&fixture->lines, "%s|", json_string_value(json_object_get(event, "Action")));
}

static void test_streams_that_break_off(void **state)
{
	struct fixture *fixture = *state;
	script(fixture,
	    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	    "32\r\n2024-05-06T07:08:09Z one\r\n2024-05-06T07:08:10Z two\r\n",
	    true);
	outcome_clear(&fixture->outcome);
	(void)engine_container_logs(fixture->engine, "c", true, 1, on_line, on_logs_end, fixture);
	wait_until(fixture->loop, fixture->outcome.ends);
	assert_string_equal(buf_string(&fixture->lines), "one|two|");
	assert_non_null(strstr(fixture->last_request.bytes, "&timestamps=1&since=0.000000001 HTTP"));
	check_error(fixture, 0, PARTS("follow the log of container `c`: the engine at ", "vanished before"));

	buf_clear(&fixture->lines);
	script(fixture,
	    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\n{\"Action\":\"die\"}\r\n0\r\n\r\n",
	    true);
	outcome_clear(&fixture->outcome);
	(void)engine_events(fixture->engine, NULL, on_event, on_logs_end, fixture);
	wait_until(fixture->loop, fixture->outcome.ends);
	assert_string_equal(buf_string(&fixture->lines), "die|");
	check_error(fixture, 0, PARTS("follow the engine's events: the engine ended the stream"));

	script(fixture, "HTTP/1.1 200 OK\r\n\r\n{\"Action\":\"start\"}{\"Action\":\"start\"}garbage", true);
	buf_clear(&fixture->lines);
	outcome_clear(&fixture->outcome);
	(void)engine_events(fixture->engine, NULL, on_event, on_logs_end, fixture);
	wait_until(fixture->loop, fixture->outcome.ends);
	assert_string_equal(buf_string(&fixture->lines), "start|"); /* the same event twice is one */
	check_error(fixture, 0, PARTS("a JSON object was due, but there came: garbage"));

	script(fixture, "HTTP/1.1 200 OK\r\n\r\n{\"status\":\"Pulling\"}\r\n{\"error\":\"no space\"}", true);
	outcome_clear(&fixture->outcome);
	(void)engine_image_pull(fixture->engine, "host:5/redis", NULL, on_done, &fixture->outcome);
	wait_until(fixture->loop, fixture->outcome.ends);
	check_error(fixture, 0, PARTS("pull image `host:5/redis`: no space"));
	assert_non_null(
	    strstr(fixture->last_request.bytes, "/images/create?fromImage=host%3A5%2Fredis&tag=latest HTTP"));
}

/* The follower is sent away early; what it missed comes with the second reading, what it saw does not come
 * again. */
static void test_last_words(void **state)
{
	struct fixture *fixture = *state;
	script(fixture, "HTTP/1.1 200 OK\r\n\r\n2024-05-06T07:08:09Z one\r\n2024-05-06T07:08:10.5Z two\r\n",
	    true);
	fixture->second_reply = "HTTP/1.1 200 OK\r\n\r\n2024-05-06T07:08:10.5Z two\r\n"
				"2024-05-06T07:08:10.6Z panic: last words";
	outcome_clear(&fixture->outcome);
	(void)engine_container_logs(fixture->engine, "c", true, 0, on_line, on_logs_end, fixture);
	wait_until(fixture->loop, fixture->outcome.ends);
	assert_false(err_is_set(&fixture->outcome.err));
	assert_string_equal(buf_string(&fixture->lines), "one|two|panic: last words|");
	assert_non_null(strstr(fixture->last_request.bytes, "/logs?follow=0&"));
	assert_non_null(strstr(fixture->last_request.bytes, "&since=1714979289.500000000 HTTP"));

	/* Removed meanwhile: a regular end. */
	script(fixture, "HTTP/1.1 200 OK\r\n\r\n", true);
	fixture->second_reply = "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n";
	outcome_clear(&fixture->outcome);
	(void)engine_container_logs(fixture->engine, "c", true, 77, on_line, on_logs_end, fixture);
	wait_until(fixture->loop, fixture->outcome.ends);
	assert_false(err_is_set(&fixture->outcome.err));
	assert_non_null(strstr(fixture->last_request.bytes, "&since=0.000000077 HTTP"));
}

static void test_a_removal_under_way_elsewhere(void **state)
{
	struct fixture *fixture = *state;
	static const char *const ends[] = { "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n" };
	for (size_t i = 0; i < ARRAY_LENGTH(ends); i++) {
		script_json(
		    fixture, 409, "application/json", "{\"message\":\"removal is already in progress\"}");
		fixture->second_reply = ends[i];
		outcome_clear(&fixture->outcome);
		(void)engine_container_remove(fixture->engine, "c", on_done, &fixture->outcome);
		wait_until(fixture->loop, fixture->outcome.ends);
		assert_non_null(strstr(
		    fixture->last_request.bytes, "POST /v1.41/containers/c/wait?condition=removed HTTP"));
		assert_int_equal(fixture->outcome.err.status, i == 2 ? 500 : 0);
	}
}

static void test_a_stream_of_nothing_but_text(void **state)
{
	struct fixture *fixture = *state;
	script(fixture, "HTTP/1.1 200 OK\r\n\r\n", true);
	char line[128];
	snprintf(line, sizeof(line), "2024-05-06T07:08:09.000000000Z %068d\n", 0);
	int sent = 0;
	for (; fixture->reply.length < 16UL << 20; sent++)
		buf_add_string(&fixture->reply, line);
	struct rusage before, after;
	getrusage(RUSAGE_SELF, &before);
	int64_t start_ns = loop_now_ns(fixture->loop);
	outcome_clear(&fixture->outcome);
	fixture->lines.max = 100;
	(void)engine_container_logs(fixture->engine, "c", true, 0, on_line, on_logs_end, fixture);
	wait_until(fixture->loop, fixture->outcome.ends);
	getrusage(RUSAGE_SELF, &after);
	assert_false(err_is_set(&fixture->outcome.err));
	assert_int_equal(fixture->line_count, sent);
	double seconds = (double)(loop_now_ns(fixture->loop) - start_ns) / 1e9;
	print_message("16 MiB of log through the socket: %.0f MB/s, memory +%ld KiB\n", 16.8 / seconds,
	    after.ru_maxrss - before.ru_maxrss);
	assert_true(after.ru_maxrss - before.ru_maxrss < 8192);
}

static void test_cancelling_and_closing(void **state)
{
	struct fixture *fixture = *state;
	script(fixture, "", false);
	outcome_clear(&fixture->outcome);
	struct engine_call *first = engine_ping(fixture->engine, on_done, &fixture->outcome);
	(void)engine_info(fixture->engine, on_done, &fixture->outcome);
	(void)engine_image_pull(fixture->engine, "x", NULL, on_done, &fixture->outcome);
	(void)engine_events(fixture->engine, NULL, on_event, on_logs_end, fixture);
	engine_cancel(first);
	engine_cancel(NULL);
	struct engine_request request = { .method = "GET", .path = "/x", .timeout_ns = 20 * NS_PER_MS };
	struct outcome other = { .loop = fixture->loop };
	(void)engine_request(fixture->engine, &request, on_done, &other);
	wait_until(fixture->loop, other.ends);
	assert_int_equal(fixture->outcome.ends, 0);
	engine_close(steal_ptr(fixture->engine));
	assert_int_equal(fixture->outcome.ends, 0);
}

static void test_what_cannot_be_sent(void **state)
{
	struct fixture *fixture = *state;
	int pipe_fds[2];
	assert_int_equal(pipe(pipe_fds), 0);
	outcome_clear(&fixture->outcome);
	struct engine_call *cancelled =
	    engine_image_load(fixture->engine, pipe_fds[0], on_done, &fixture->outcome);
	(void)engine_image_load(fixture->engine, pipe_fds[0], on_done, &fixture->outcome);
	engine_cancel(cancelled);
	assert_int_equal(fixture->outcome.ends, 0); /* never from inside the call */
	wait_until(fixture->loop, fixture->outcome.ends);
	check_error(fixture, 0, PARTS("load an image: the archive to send is not a regular file"));
	close(pipe_fds[0]);
	close(pipe_fds[1]);
	outcome_clear(&fixture->outcome);
	(void)engine_image_build(fixture->engine, pipe_fds[0], "t", NULL, NULL, on_done, &fixture->outcome);
	wait_until(fixture->loop, fixture->outcome.ends);
	check_error(fixture, 0, PARTS("build image `t`: the archive to send: Bad file descriptor"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_connections_are_kept, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_kept_connection_that_died, setup, teardown),
		cmocka_unit_test_setup_teardown(test_it_vanishes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_it_is_gone_for_good, setup, teardown),
		cmocka_unit_test_setup_teardown(test_it_never_answers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_it_is_no_engine, setup, teardown),
		cmocka_unit_test_setup_teardown(test_endless_replies, setup, teardown),
		cmocka_unit_test_setup_teardown(test_versions, setup, teardown),
		cmocka_unit_test_setup_teardown(test_streams_that_break_off, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_removal_under_way_elsewhere, setup, teardown),
		cmocka_unit_test_setup_teardown(test_last_words, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_stream_of_nothing_but_text, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cancelling_and_closing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_cannot_be_sent, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
