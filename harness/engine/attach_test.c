/* What an attachment meets when the engine is not well: a fake one, scripted. */
#include "engine/fake_engine.h"

#define SWITCH "HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\n"
#define OVER \
	"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n{\"StatusCode\":0}"

static void on_attached(void *owner)
{
	struct fixture *fixture = owner;
	buf_add_string(&fixture->lines, "attached|");
	loop_stop(fixture->loop);
}

static void on_line(void *owner, const struct engine_log_line *line)
{
	struct fixture *fixture = owner;
	buf_addf(&fixture->lines, "%d ", line->output);
	buf_add_visible(&fixture->lines, line->text, line->length, 80);
	buf_add_char(&fixture->lines, '|');
	loop_stop(fixture->loop);
}

static void on_attachment_end(void *owner, const struct err *err)
{
	struct fixture *fixture = owner;
	on_end(&fixture->outcome, err);
}

static struct engine_attachment *attach(struct fixture *fixture)
{
	outcome_clear(&fixture->outcome);
	buf_clear(&fixture->lines);
	return engine_container_attach(
	    fixture->engine, "c/d", on_attached, on_line, on_attachment_end, fixture);
}

/* A reply with frames in it, whose zeros end no string. */
static void script_bytes(struct fixture *fixture, bool closes, const char *bytes, size_t length)
{
	script(fixture, "", closes);
	buf_add(&fixture->reply, bytes, length);
}
#define SCRIPT(fixture, closes, bytes) script_bytes(fixture, closes, bytes, sizeof(bytes) - 1)

static void attach_to_end(struct fixture *fixture)
{
	(void)attach(fixture);
	wait_until(fixture->loop, fixture->outcome.ends);
}

#define FRAME_ONE "\1\0\0\0\0\0\0\4one\n"

static void test_the_request(void **state)
{
	struct fixture *fixture = *state;
	SCRIPT(fixture, false, SWITCH "\1\0\0\0\0\0\0\2on\2\0\0\0\0\0\0\4err\n\1\0\0\0\0\0\0\6e\ntwo\n");
	struct engine_attachment *attachment = attach(fixture);
	engine_attachment_write(attachment, "early\n", 6);
	wait_until(fixture->loop, strstr(buf_string(&fixture->lines), "two|"));
	assert_string_equal(buf_string(&fixture->lines), "attached|2 err|1 one|1 two|");
	assert_string_equal(buf_string(&fixture->last_request),
	    "POST /v1.41/containers/c%2Fd/attach?stream=1&stdin=1&stdout=1&stderr=1 HTTP/1.1\r\n"
	    "Host: localhost\r\nUser-Agent: falsestart\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n"
	    "Content-Length: 0\r\n\r\n");
	/* The fake's second connection is this one; what it read after the request is what was written. */
	engine_attachment_write(attachment, "late\n", 5);
	struct fake_client *client = fixture->clients;
	assert_non_null(client);
	while (strcmp(buf_string(&client->request), "early\nlate\n") != 0)
		uv_run(loop_uv(fixture->loop), UV_RUN_ONCE);
	engine_attachment_close(attachment);
	assert_int_equal(fixture->outcome.ends, 0);
}

static void test_ends(void **state)
{
	struct fixture *fixture = *state;
	/* The container is over: a regular end, with the last words even without a newline. */
	SCRIPT(fixture, true, "HTTP/1.0 200 OK\r\n\r\n" FRAME_ONE "\1\0\0\0\0\0\0\4last");
	fixture->second_reply = OVER;
	attach_to_end(fixture);
	assert_string_equal(buf_string(&fixture->lines), "attached|1 one|1 last|");
	assert_false(err_is_set(&fixture->outcome.err));
	assert_non_null(
	    strstr(fixture->last_request.bytes, "POST /v1.41/containers/c%2Fd/wait HTTP/1.1\r\n"));
	/* It was removed meanwhile. */
	SCRIPT(fixture, true, SWITCH);
	fixture->second_reply = "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n";
	attach_to_end(fixture);
	assert_false(err_is_set(&fixture->outcome.err));
	/* The engine is ill, or gone for good. */
	SCRIPT(fixture, true, SWITCH FRAME_ONE);
	fixture->second_reply = "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n";
	attach_to_end(fixture);
	check_error(
	    fixture, 500, PARTS("attach to container `c/d`: wait for container `c/d`: HTTP status 500"));
	SCRIPT(fixture, true, SWITCH FRAME_ONE);
	fixture->second_reply = "";
	attach_to_end(fixture);
	check_error(fixture, 0, PARTS("attach to container `c/d`: wait for container `c/d`: the engine at "));
	/* In the middle of a frame. */
	SCRIPT(fixture, true, SWITCH FRAME_ONE "\1\0\0\0\0\0\0\4las");
	attach_to_end(fixture);
	assert_string_equal(buf_string(&fixture->lines), "attached|1 one|1 las|");
	check_error(fixture, 0, PARTS("attach to container `c/d`: the log stream ended inside a frame"));
}

static void test_the_container_runs_on(void **state)
{
	struct fixture *fixture = *state;
	SCRIPT(fixture, true, SWITCH);
	(void)attach(fixture);
	wait_until(fixture->loop, fixture->lines.length);
	script(fixture, "", false); /* as an engine that waits for the container's end */
	wait_until(fixture->loop, fixture->outcome.ends);
	check_error(fixture, 0, PARTS("the engine ended the attachment, but the container runs on"));
}

static void test_it_vanishes(void **state)
{
	struct fixture *fixture = *state;
	static const char *const replies[] = { "", "HTTP/1.1 101" };
	for (size_t i = 0; i < ARRAY_LENGTH(replies); i++) {
		script(fixture, replies[i], true);
		attach_to_end(fixture);
		check_error(fixture, 0,
		    PARTS("attach to container `c/d`: the engine at unix:///tmp/falsestart-fake-",
			"vanished before its reply was whole"));
		assert_string_equal(buf_string(&fixture->lines), "");
	}
	uv_close((uv_handle_t *)fixture->server, server_closed);
	while (fixture->clients)
		close_client(fixture->clients);
	fixture->server = xcalloc(1, sizeof(*fixture->server));
	uv_pipe_init(loop_uv(fixture->loop), fixture->server, 0);
	unlink(fixture->path);
	attach_to_end(fixture);
	check_error(fixture, 0, PARTS("attach to container `c/d`: no Docker engine answers at unix:///tmp/"));
}

static void test_it_refuses(void **state)
{
	struct fixture *fixture = *state;
	/* As the engine does, and closes; with JSON, and keeps the connection; with neither a length nor a
	 * close. */
	script(fixture,
	    "HTTP/1.1 404 Not Found\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\n"
	    "No such container: c\x1b[2J\r\n",
	    true);
	attach_to_end(fixture);
	check_error(fixture, 404, PARTS("attach to container `c/d`: No such container: c\\x1b[2J"));
	assert_null(strstr(fixture->outcome.err.message, "\\x0d"));
	script_json(fixture, 409, "application/json", "{\"message\":\"container is paused\"}");
	attach_to_end(fixture);
	check_error(fixture, 409, PARTS("attach to container `c/d`: container is paused"));
	script(fixture, "HTTP/1.1 500 No\r\n\r\n{\"message\":\"no reason\"}", false);
	attach_to_end(fixture);
	check_error(fixture, 500, PARTS("attach to container `c/d`: no reason"));
	script(fixture, "HTTP/1.1 503 No\r\n\r\n", true);
	attach_to_end(fixture);
	check_error(fixture, 503, PARTS("attach to container `c/d`: HTTP status 503 without the message"));
	script_json(fixture, 400, "text/html", "<b>Bad</b>");
	attach_to_end(fixture);
	check_error(fixture, 400, PARTS("without the message an engine gives; it begins: <b>Bad</b>"));
	script(fixture, "HTTP/1.1 500 No\r\n\r\n", false);
	for (int i = 0; i < 100000; i++)
		buf_add_char(&fixture->reply, 'x');
	attach_to_end(fixture);
	check_error(fixture, 500, PARTS("it begins: xxxx"));
}

static void test_it_is_no_engine(void **state)
{
	struct fixture *fixture = *state;
	script(fixture, "SSH-2.0-OpenSSH_9.2\r\n\r\n", false);
	attach_to_end(fixture);
	check_error(fixture, 0,
	    PARTS("attach to container `c/d`: an HTTP reply was due, but there came: SSH-2.0-OpenSSH_9.2 ("));
	script(fixture, SWITCH "just some text\n", false);
	attach_to_end(fixture);
	check_error(fixture, 0, PARTS("has a frame that begins with 6a 75 73 74"));
	script(fixture, "HTTP/1.1 101 OK\r\n", false);
	for (int i = 0; i < 3000; i++)
		buf_add_string(&fixture->reply, "X-Header: and another, and another\r\n");
	attach_to_end(fixture);
	check_error(fixture, 0, PARTS("the head of the reply is longer than the 64 KiB allowed"));
	SCRIPT(fixture, false, SWITCH "\3\0\0\0\0\0\0\5broke");
	attach_to_end(fixture);
	check_error(fixture, 0, PARTS("attach to container `c/d`: broke"));
}

static void test_too_much_before_it_is_open(void **state)
{
	struct fixture *fixture = *state;
	script(fixture, "", false);
	struct engine_attachment *attachment = attach(fixture);
	char *block OWNED = xcalloc(1, 1000);
	for (int i = 0; i < 2000; i++)
		engine_attachment_write(attachment, block, 1000);
	assert_int_equal(fixture->outcome.ends, 0);
	wait_until(fixture->loop, fixture->outcome.ends);
	check_error(fixture, 0, PARTS("more than 1024 KiB wait to be written"));
}

static void test_closing(void **state)
{
	struct fixture *fixture = *state;
	script(fixture, "", false);
	engine_attachment_close(attach(fixture));
	struct engine_attachment *attachment = attach(fixture);
	while (buf_string(&fixture->last_request)[0] != 'P')
		uv_run(loop_uv(fixture->loop), UV_RUN_ONCE);
	engine_attachment_write(attachment, "x", 1);
	engine_attachment_close(attachment);
	/* While the container is asked. */
	SCRIPT(fixture, true, SWITCH);
	attachment = attach(fixture);
	wait_until(fixture->loop, fixture->lines.length);
	script(fixture, "", false);
	while (!strstr(buf_string(&fixture->last_request), "/wait "))
		uv_run(loop_uv(fixture->loop), UV_RUN_ONCE);
	engine_attachment_write(attachment, "x", 1);
	engine_attachment_close(attachment);
	(void)attach(fixture);
	engine_close(steal_ptr(fixture->engine));
	assert_int_equal(fixture->outcome.ends, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_the_request, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ends, setup, teardown),
		cmocka_unit_test_setup_teardown(test_the_container_runs_on, setup, teardown),
		cmocka_unit_test_setup_teardown(test_it_vanishes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_it_refuses, setup, teardown),
		cmocka_unit_test_setup_teardown(test_it_is_no_engine, setup, teardown),
		cmocka_unit_test_setup_teardown(test_too_much_before_it_is_open, setup, teardown),
		cmocka_unit_test_setup_teardown(test_closing, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
