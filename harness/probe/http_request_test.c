#include "probe/probe.h"

#include "base/buf.h"
#include "base/duration.h"
#include "probe/scripted_server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define DEADLINE_NS (20 * NS_PER_S)
#define PATIENCE_NS (10 * NS_PER_S) /* of a request that is expected to be answered */
#define SHORT_NS (60 * NS_PER_MS)   /* of one that is not */

struct fixture {
	struct loop *loop;
	struct timer *deadline;
	struct scripted_server server;
	struct probe_call *call;
	int answers;
	struct probe_answer answer; /* with copies: */
	struct buf headers, body, detail;
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
	probe_call_cancel(fixture->call);
	timer_cancel(fixture->deadline);
	loop_free(fixture->loop);
	scripted_server_stop(&fixture->server);
	buf_release(&fixture->headers);
	buf_release(&fixture->body);
	buf_release(&fixture->detail);
	free(fixture);
	return 0;
}

static void answered(void *owner, const struct probe_answer *answer)
{
	struct fixture *fixture = owner;
	fixture->call = NULL;
	fixture->answers++;
	fixture->answer = *answer;
	buf_clear(&fixture->headers);
	buf_clear(&fixture->body);
	buf_clear(&fixture->detail);
	buf_add_string(&fixture->headers, answer->headers);
	buf_add(&fixture->body, answer->body, answer->body_length);
	buf_add_string(&fixture->detail, answer->detail ? answer->detail : "");
	loop_stop(fixture->loop);
}

static void ask(struct fixture *fixture, const struct probe_request *request)
{
	fixture->call = probe_request(fixture->loop, request, answered, fixture);
	int before = fixture->answers;
	loop_run(fixture->loop);
	assert_non_null(fixture->deadline);
	assert_int_equal(fixture->answers, before + 1);
	assert_true(fixture->answer.answered_ns >= fixture->answer.sent_ns);
}

struct answer_case {
	const char *name;
	struct script script;
	const char *method;
	enum probe_outcome outcome;
	int status;
	const char *body;
	size_t body_length; /* 0: strlen(body) */
	const char *headers;
};

#define OK_HEAD "HTTP/1.1 200 OK\r\n"
#define SAYS(text, how) \
	.script = { .read_first = true, .bytes = (text), .length = sizeof(text) - 1, .end = (how) }

static const struct answer_case answer_cases[] = {
	{ .name = "a whole answer",
	    SAYS(OK_HEAD "Content-Length: 2\r\nX-One: 1\r\n\r\nhi", END_SILENCE),
	    .status = 200,
	    .body = "hi",
	    .headers = "Content-Length: 2\nX-One: 1\n" },
	{ .name = "an unhappy answer",
	    SAYS("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nbusy", END_SILENCE),
	    .status = 503,
	    .body = "busy" },
	{ .name = "HTTP/1.0, the body ends with the connection",
	    SAYS("HTTP/1.0 200 OK\r\n\r\nuntil closed", END_CLOSE),
	    .status = 200,
	    .body = "until closed" },
	{ .name = "no body",
	    SAYS("HTTP/1.1 204 No Content\r\n\r\n", END_SILENCE),
	    .status = 204,
	    .body = "" },
	{ .name = "HEAD announces a body and sends none",
	    SAYS(OK_HEAD "Content-Length: 1000\r\n\r\n", END_SILENCE),
	    .method = "HEAD",
	    .status = 200,
	    .body = "" },
	{ .name = "100 Continue first",
	    SAYS("HTTP/1.1 100 Continue\r\nX-Interim: 1\r\n\r\n" OK_HEAD "Content-Length: 2\r\n\r\nhi",
		END_SILENCE),
	    .status = 200,
	    .body = "hi",
	    .headers = "Content-Length: 2\n" },
	{ .name = "chunks and trailers",
	    SAYS(OK_HEAD "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n3\r\n ho\r\n0\r\nX-Late: 1\r\n\r\n",
		END_SILENCE),
	    .status = 200,
	    .body = "hi ho" },
	{ .name = "NULs and bytes that are not UTF-8",
	    SAYS(OK_HEAD "Content-Length: 6\r\n\r\na\0\xff\xfe\0b", END_SILENCE),
	    .status = 200,
	    .body = "a\0\xff\xfe\0b",
	    .body_length = 6 },
	{ .name = "a redirect is an answer, not an order",
	    SAYS("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
		END_SILENCE),
	    .status = 302,
	    .body = "" },

	{ .name = "closed at once", SAYS("", END_CLOSE), .outcome = PROBE_RESET },
	{ .name = "reset at once", SAYS("", END_RESET), .outcome = PROBE_RESET },
	{ .name = "closed within a header line",
	    SAYS(OK_HEAD "Content-Le", END_CLOSE),
	    .outcome = PROBE_RESET },
	{ .name = "closed between header lines",
	    SAYS(OK_HEAD "X-One: 1\r\n", END_CLOSE),
	    .outcome = PROBE_RESET },
	{ .name = "closed after the status line", SAYS(OK_HEAD, END_CLOSE), .outcome = PROBE_RESET },
	{ .name = "closed within the body",
	    SAYS(OK_HEAD "Content-Length: 10\r\n\r\nhalf", END_CLOSE),
	    .outcome = PROBE_RESET },
	{ .name = "reset within the body",
	    SAYS(OK_HEAD "Content-Length: 10\r\n\r\nhalf", END_RESET),
	    .outcome = PROBE_RESET },
	{ .name = "closed within a chunk",
	    SAYS(OK_HEAD "Transfer-Encoding: chunked\r\n\r\n8\r\nhalf", END_CLOSE),
	    .outcome = PROBE_RESET },

	{ .name = "says nothing", SAYS("", END_SILENCE), .outcome = PROBE_TIMEOUT },
	{ .name = "stops within the headers", SAYS(OK_HEAD "X-One", END_SILENCE), .outcome = PROBE_TIMEOUT },
	{ .name = "stops within the body",
	    SAYS(OK_HEAD "Content-Length: 10\r\n\r\nhalf", END_SILENCE),
	    .outcome = PROBE_TIMEOUT },
	{ .name = "a body that never ends, of which no end was announced, and that pauses",
	    SAYS("HTTP/1.0 200 OK\r\n\r\nforever", END_SILENCE),
	    .outcome = PROBE_TIMEOUT },

	{ .name = "another protocol",
	    SAYS("SSH-2.0-OpenSSH_9.2\r\n", END_SILENCE),
	    .outcome = PROBE_GARBAGE },
	{ .name = "Redis", SAYS("-ERR unknown command 'GET'\r\n", END_CLOSE), .outcome = PROBE_GARBAGE },
	{ .name = "binary", SAYS("\x16\x03\x01\0\0\0\0\0\n\n", END_CLOSE), .outcome = PROBE_GARBAGE },
	{ .name = "a NUL in a header",
	    SAYS(OK_HEAD "X: a\0b\r\n\r\n", END_SILENCE),
	    .outcome = PROBE_GARBAGE },
	{ .name = "a chunk size that is none",
	    SAYS(OK_HEAD "Transfer-Encoding: chunked\r\n\r\nzz\r\nhi\r\n", END_SILENCE),
	    .outcome = PROBE_GARBAGE },
	{ .name = "a length that is none",
	    SAYS(OK_HEAD "Content-Length: -5\r\n\r\n", END_SILENCE),
	    .outcome = PROBE_GARBAGE },
	{ .name = "interim answers for ever",
	    SAYS("HTTP/1.1 100 Continue\r\nX-Interim: 1\r\n\r\n", END_REPEAT),
	    .outcome = PROBE_GARBAGE },
};

static void expect_case(struct fixture *fixture, const struct answer_case *expected)
{
	const struct probe_answer *answer = &fixture->answer;
	print_message("           %s: %s %d %s\n", expected->name, probe_outcome_name(answer->outcome),
	    answer->status, buf_string(&fixture->detail));
	assert_int_equal(answer->outcome, expected->outcome);
	assert_int_equal(answer->status, expected->status);
	if (expected->outcome != PROBE_ANSWERED) {
		assert_true(fixture->detail.length > 0);
		return;
	}
	size_t length = expected->body_length ? expected->body_length : strlen(expected->body);
	assert_int_equal(fixture->body.length, length);
	if (length > 0)
		assert_memory_equal(fixture->body.bytes, expected->body, length);
	assert_false(answer->body_cut);
	if (expected->headers)
		assert_string_equal(buf_string(&fixture->headers), expected->headers);
}

static void test_every_kind_of_answer(void **state)
{
	for (size_t i = 0; i < ARRAY_LENGTH(answer_cases); i++) {
		const struct answer_case *expected = &answer_cases[i];
		if (i > 0)
			setup(state);
		struct fixture *fixture = *state;
		scripted_server_start(&fixture->server, &expected->script, 1);
		char *url OWNED = xasprintf("http://127.0.0.1:%d/health", fixture->server.port);
		ask(fixture, &(struct probe_request){ .url = url,
				 .method = expected->method,
				 .timeout_ns = expected->outcome == PROBE_TIMEOUT ? SHORT_NS : PATIENCE_NS });
		expect_case(fixture, expected);
		if (i + 1 < ARRAY_LENGTH(answer_cases))
			teardown(state);
	}
}

static void test_an_endless_body_is_cut(void **state)
{
	struct fixture *fixture = *state;
	size_t length = 1000000;
	char *bytes OWNED = xmalloc(length);
	memset(bytes, 'x', length);
	memcpy(bytes, "HTTP/1.0 200 OK\r\n\r\n", 19);
	struct script script = { .read_first = true, .bytes = bytes, .length = length, .end = END_REPEAT };
	scripted_server_start(&fixture->server, &script, 1);
	char *url OWNED = xasprintf("http://127.0.0.1:%d/", fixture->server.port);
	ask(fixture, &(struct probe_request){ .url = url, .timeout_ns = PATIENCE_NS });
	assert_int_equal(fixture->answer.outcome, PROBE_ANSWERED);
	assert_int_equal(fixture->answer.status, 200);
	assert_true(fixture->answer.body_cut);
	assert_int_equal(fixture->body.length, PROBE_BODY_MAX);
	probe_call_cancel(fixture->call);
	/* The server writes from `bytes` until it has seen us go. */
	scripted_server_stop(&fixture->server);
	scripted_server_init(&fixture->server);
}

static void test_headers_have_a_limit(void **state)
{
	struct fixture *fixture = *state;
	/* Many lines, then one line without an end. */
	struct script scripts[] = {
		{ .read_first = true,
		    .bytes = "HTTP/1.1 200 OK\r\nX-Filler: aaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n",
		    .end = END_REPEAT },
		{ .read_first = true,
		    .bytes = "HTTP/1.1 200 OK aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		    .end = END_REPEAT },
	};
	scripted_server_start(&fixture->server, scripts, ARRAY_LENGTH(scripts));
	char *url OWNED = xasprintf("http://127.0.0.1:%d/", fixture->server.port);
	for (size_t i = 0; i < ARRAY_LENGTH(scripts); i++) {
		ask(fixture, &(struct probe_request){ .url = url, .timeout_ns = PATIENCE_NS });
		assert_int_equal(fixture->answer.outcome, PROBE_GARBAGE);
		assert_int_equal(fixture->answer.status, 0);
		assert_true(fixture->headers.length <= PROBE_HEADERS_MAX);
	}
	scripted_server_stop(&fixture->server);
	scripted_server_init(&fixture->server);
}

static void test_the_request_says_what_it_was_told(void **state)
{
	struct fixture *fixture = *state;
	static const struct script script = { .read_first = true,
		.bytes = "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n" };
	scripted_server_start(&fixture->server, &script, 1);
	char *url OWNED = xasprintf("http://127.0.0.1:%d/a/../b?c=%%20", fixture->server.port);
	ask(fixture,
	    &(struct probe_request){ .url = url,
		.method = "PUT",
		.host = "gateway:4000",
		.headers = (const char *const[]){ "X-One: 1", "Content-Type: application/json", NULL },
		.body = "{\"a\":1}",
		.timeout_ns = PATIENCE_NS });
	assert_int_equal(fixture->answer.status, 201);
	const char *request = buf_string(&fixture->server.request);
	static const char *const wanted[] = { "PUT /a/../b?c=%20 HTTP/1.1\r\n", "\r\nHost: gateway:4000\r\n",
		"\r\nX-One: 1\r\n", "\r\nContent-Type: application/json\r\n", "\r\nContent-Length: 7\r\n",
		"\r\n\r\n{\"a\":1}" };
	for (size_t i = 0; i < ARRAY_LENGTH(wanted); i++)
		if (!strstr(request, wanted[i]))
			fail_msg("no %s in %s", wanted[i], request);

	ask(fixture, &(struct probe_request){
			 .url = url, .method = "POST", .body = "x=1", .timeout_ns = PATIENCE_NS });
	request = buf_string(&fixture->server.request);
	assert_non_null(strstr(request, "POST /a/../b?c=%20 HTTP/1.1\r\n"));
	assert_null(strstr(request, "Content-Type"));
	assert_null(strstr(request, "Expect"));
}

static void test_refused(void **state)
{
	struct fixture *fixture = *state;
	char *url OWNED = xasprintf("http://127.0.0.1:%d/", fixture->server.port);
	ask(fixture, &(struct probe_request){ .url = url, .timeout_ns = PATIENCE_NS });
	assert_int_equal(fixture->answer.outcome, PROBE_REFUSED);
	assert_string_equal(buf_string(&fixture->detail), "connect: Connection refused");
}

static void test_unreachable(void **state)
{
	struct fixture *fixture = *state;
	static const char *const urls[] = { "http://255.255.255.255/", "http://localhost/",
		"ftp://127.0.0.1/", "nonsense", "http://[fe80::zz]/", "", "http://127.0.0.1:99999/" };
	for (size_t i = 0; i < ARRAY_LENGTH(urls); i++) {
		ask(fixture, &(struct probe_request){ .url = urls[i], .timeout_ns = PATIENCE_NS });
		print_message("           %s: %s\n", urls[i], buf_string(&fixture->detail));
		assert_int_equal(fixture->answer.outcome, PROBE_UNREACHABLE);
		assert_true(fixture->detail.length > 0);
	}
}

static void test_the_environments_proxy_is_not_asked(void **state)
{
	struct fixture *fixture = *state;
	static const struct script script = { .read_first = true,
		.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" };
	scripted_server_start(&fixture->server, &script, 1);
	char *url OWNED = xasprintf("http://127.0.0.1:%d/", fixture->server.port);
	setenv("http_proxy", "http://127.0.0.1:1", 1);
	setenv("all_proxy", "http://127.0.0.1:1", 1);
	ask(fixture, &(struct probe_request){ .url = url, .timeout_ns = PATIENCE_NS });
	unsetenv("http_proxy");
	unsetenv("all_proxy");
	assert_int_equal(fixture->answer.outcome, PROBE_ANSWERED);
}

static void stop(void *owner)
{
	loop_stop(owner);
}

static void test_cancelled_is_never_answered(void **state)
{
	struct fixture *fixture = *state;
	static const struct script script = { .end = END_SILENCE };
	scripted_server_start(&fixture->server, &script, 1);
	char *url OWNED = xasprintf("http://127.0.0.1:%d/", fixture->server.port);
	struct probe_request request = { .url = url, .timeout_ns = PATIENCE_NS };
	fixture->call = probe_request(fixture->loop, &request, answered, fixture);
	struct timer *soon =
	    timer_start(fixture->loop, loop_now_ns(fixture->loop) + 5 * NS_PER_MS, stop, fixture->loop);
	(void)soon;
	loop_run(fixture->loop);
	probe_call_cancel(steal_ptr(fixture->call));
	request.url = "http://a-name/";
	probe_call_cancel(probe_request(fixture->loop, &request, answered, fixture));
	timer_cancel(steal_ptr(fixture->deadline));
	loop_run(fixture->loop); /* nothing is left, so it ends by itself */
	assert_int_equal(fixture->answers, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_every_kind_of_answer, setup, teardown),
		cmocka_unit_test_setup_teardown(test_an_endless_body_is_cut, setup, teardown),
		cmocka_unit_test_setup_teardown(test_headers_have_a_limit, setup, teardown),
		cmocka_unit_test_setup_teardown(test_the_request_says_what_it_was_told, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unreachable, setup, teardown),
		cmocka_unit_test_setup_teardown(test_the_environments_proxy_is_not_asked, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cancelled_is_never_answered, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
