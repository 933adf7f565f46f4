#include "loop/loop.h"

#include "base/buf.h"
#include "base/duration.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define CALLS_MAX 50

struct call {
	struct fixture *fixture;
	CURL *easy;
	struct transfer *transfer;
	struct buf body;
	CURLcode result;
	int done;
	int again; /* how many more times to start the same handle from its own callback */
};

struct fixture {
	struct loop *loop;
	struct timer *deadline;
	bool too_late;
	int listener;
	int port;
	pthread_t server;
	int answers; /* the server thread accepts and answers so many connections */
	size_t waiting;
	struct call calls[CALLS_MAX];
};

static void deadline_passed(void *owner)
{
	struct fixture *fixture = owner;
	fixture->deadline = NULL;
	fixture->too_late = true;
	loop_stop(fixture->loop);
}

static int setup(void **state)
{
	struct fixture *fixture = xcalloc(1, sizeof(*fixture));
	fixture->loop = loop_new();
	fixture->deadline =
	    timer_start(fixture->loop, loop_now_ns(fixture->loop) + 20 * NS_PER_S, deadline_passed, fixture);
	fixture->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(address);
	assert_int_equal(bind(fixture->listener, (struct sockaddr *)&address, size), 0);
	assert_int_equal(getsockname(fixture->listener, (struct sockaddr *)&address, &size), 0);
	fixture->port = ntohs(address.sin_port);
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;
	shutdown(fixture->listener, SHUT_RDWR);
	if (fixture->server)
		pthread_join(fixture->server, NULL);
	for (size_t i = 0; i < CALLS_MAX; i++) {
		transfer_cancel(fixture->calls[i].transfer);
		curl_easy_cleanup(fixture->calls[i].easy);
		buf_release(&fixture->calls[i].body);
	}
	timer_cancel(fixture->deadline);
	loop_free(fixture->loop);
	close(fixture->listener);
	free(fixture);
	return 0;
}

static void *serve(void *owner)
{
	struct fixture *fixture = owner;
	for (int i = 0; i < fixture->answers; i++) {
		int client = accept(fixture->listener, NULL, NULL);
		if (client < 0)
			break;
		char request[4096];
		if (recv(client, request, sizeof(request), 0) > 0) {
			const char *answer =
			    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello";
			send(client, answer, strlen(answer), MSG_NOSIGNAL);
		}
		close(client);
	}
	return NULL;
}

static void start_server(struct fixture *fixture, int answers)
{
	fixture->answers = answers;
	listen(fixture->listener, 64);
	pthread_create(&fixture->server, NULL, serve, fixture);
}

static size_t keep(char *bytes, size_t size, size_t count, void *owner)
{
	struct call *call = owner;
	buf_add(&call->body, bytes, size * count);
	return size * count;
}

static void noted(void *owner, CURLcode result)
{
	struct call *call = owner;
	struct fixture *fixture = call->fixture;
	call->transfer = NULL;
	call->result = result;
	call->done++;
	if (call->again-- > 0) {
		call->transfer = transfer_start(fixture->loop, call->easy, noted, call);
		return;
	}
	if (--fixture->waiting == 0)
		loop_stop(fixture->loop);
}

static struct call *start(struct fixture *fixture, int index, const char *url)
{
	struct call *call = &fixture->calls[index];
	call->fixture = fixture;
	call->easy = curl_easy_init();
	curl_easy_setopt(call->easy, CURLOPT_URL, url);
	curl_easy_setopt(call->easy, CURLOPT_PROXY, "");
	curl_easy_setopt(call->easy, CURLOPT_WRITEFUNCTION, keep);
	curl_easy_setopt(call->easy, CURLOPT_WRITEDATA, call);
	fixture->waiting++;
	call->transfer = transfer_start(fixture->loop, call->easy, noted, call);
	return call;
}

static void run(struct fixture *fixture)
{
	loop_run(fixture->loop);
	assert_false(fixture->too_late);
}

static void test_many_at_once(void **state)
{
	struct fixture *fixture = *state;
	start_server(fixture, CALLS_MAX);
	char *url OWNED = xasprintf("http://127.0.0.1:%d/", fixture->port);
	for (int i = 0; i < CALLS_MAX; i++)
		start(fixture, i, url);
	for (int i = 0; i < CALLS_MAX; i++)
		assert_int_equal(fixture->calls[i].done, 0); /* not from inside transfer_start() */
	run(fixture);
	for (int i = 0; i < CALLS_MAX; i++) {
		assert_int_equal(fixture->calls[i].done, 1);
		assert_int_equal(fixture->calls[i].result, CURLE_OK);
		assert_string_equal(buf_string(&fixture->calls[i].body), "hello");
	}
}

static void test_done_may_start_the_same_handle_again(void **state)
{
	struct fixture *fixture = *state;
	start_server(fixture, 20);
	char *url OWNED = xasprintf("http://127.0.0.1:%d/", fixture->port);
	start(fixture, 0, url)->again = 19;
	run(fixture);
	assert_int_equal(fixture->calls[0].done, 20);
	assert_int_equal(fixture->calls[0].body.length, 20 * 5);
}

static void test_refused(void **state)
{
	struct fixture *fixture = *state; /* bound, not listening */
	char *url OWNED = xasprintf("http://127.0.0.1:%d/", fixture->port);
	struct call *call = start(fixture, 0, url);
	run(fixture);
	assert_int_equal(call->result, CURLE_COULDNT_CONNECT);
}

static void test_curls_own_timeout_works(void **state)
{
	struct fixture *fixture = *state;
	listen(fixture->listener, 1); /* the kernel accepts, nobody answers */
	char *url OWNED = xasprintf("http://127.0.0.1:%d/", fixture->port);
	struct call *call = start(fixture, 0, url);
	transfer_cancel(steal_ptr(call->transfer));
	curl_easy_setopt(call->easy, CURLOPT_TIMEOUT_MS, 50L);
	call->transfer = transfer_start(fixture->loop, call->easy, noted, call);
	run(fixture);
	assert_int_equal(call->done, 1);
	assert_int_equal(call->result, CURLE_OPERATION_TIMEDOUT);
}

static void cancel_all(void *owner)
{
	struct fixture *fixture = owner;
	for (size_t i = 0; i < CALLS_MAX; i++)
		transfer_cancel(steal_ptr(fixture->calls[i].transfer));
	loop_stop(fixture->loop);
}

static void test_cancelled_in_flight_is_never_called_back(void **state)
{
	struct fixture *fixture = *state;
	listen(fixture->listener, 64);
	char *url OWNED = xasprintf("http://127.0.0.1:%d/", fixture->port);
	for (int i = 0; i < CALLS_MAX; i++)
		start(fixture, i, url);
	/* Some are cancelled before they ever ran, the rest while they wait for the answer. */
	for (int i = 0; i < CALLS_MAX; i += 2)
		transfer_cancel(steal_ptr(fixture->calls[i].transfer));
	struct timer *soon =
	    timer_start(fixture->loop, loop_now_ns(fixture->loop) + 20 * NS_PER_MS, cancel_all, fixture);
	(void)soon;
	run(fixture);
	for (int i = 0; i < CALLS_MAX; i++)
		assert_int_equal(fixture->calls[i].done, 0);
}

static void connected(void *owner, CURLcode result)
{
	struct call *call = owner;
	call->result = result;
	call->done++;
	if (result != CURLE_OK)
		call->transfer = NULL;
	loop_stop(call->fixture->loop);
}

static struct call *start_connect(struct fixture *fixture, int index)
{
	char *url OWNED = xasprintf("http://127.0.0.1:%d/", fixture->port);
	struct call *call = &fixture->calls[index];
	call->fixture = fixture;
	call->easy = curl_easy_init();
	curl_easy_setopt(call->easy, CURLOPT_URL, url);
	curl_easy_setopt(call->easy, CURLOPT_PROXY, "");
	call->transfer = transfer_connect(fixture->loop, call->easy, connected, call);
	assert_int_equal(call->done, 0);
	run(fixture);
	assert_int_equal(call->done, 1);
	return call;
}

/* The connection is the caller's until the transfer is cancelled, whatever else goes on. */
static void test_only_connecting(void **state)
{
	struct fixture *fixture = *state;
	struct call *call = start_connect(fixture, 0); /* bound, not listening */
	assert_int_equal(call->result, CURLE_COULDNT_CONNECT);
	start_server(fixture, 2);
	call = start_connect(fixture, 1);
	assert_int_equal(call->result, CURLE_OK);
	size_t count = 0;
	assert_int_equal(curl_easy_send(call->easy, "ask", 3, &count), CURLE_OK);
	assert_int_equal(count, 3);
	char *url OWNED = xasprintf("http://127.0.0.1:%d/", fixture->port);
	struct call *other = start(fixture, 2, url);
	run(fixture);
	assert_string_equal(buf_string(&other->body), "hello");
	/* The server answers one connection after the other: what it said to the first is there. */
	char answer[256];
	assert_int_equal(curl_easy_recv(call->easy, answer, sizeof(answer), &count), CURLE_OK);
	assert_memory_equal(answer + count - 5, "hello", 5);
	assert_int_equal(call->done, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_many_at_once, setup, teardown),
		cmocka_unit_test_setup_teardown(test_done_may_start_the_same_handle_again, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_only_connecting, setup, teardown),
		cmocka_unit_test_setup_teardown(test_curls_own_timeout_works, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_cancelled_in_flight_is_never_called_back, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
