/*
 * fake_engine: a FAKE engine: a scripted server on a unix socket, since a real one cannot be made to vanish,
 * stutter or lie without stopping it for everybody. Included by *_test.c alone.
 */
#ifndef ENGINE_FAKE_ENGINE_H
#define ENGINE_FAKE_ENGINE_H

#include "base/buf.h"
#include "engine/testing.h"

#include <unistd.h>

#define BLOCK (64UL << 10)

struct fake_client {
	struct fake_client *next;
	uv_pipe_t pipe;
	struct fixture *fixture;
	struct buf request;
	char incoming[BLOCK];
};

struct fixture {
	struct loop *loop;
	struct engine *engine;
	struct outcome outcome;
	char path[64];
	uv_pipe_t *server;
	struct fake_client *clients;
	int connections;
	struct buf last_request;
	/* The script: what every request is answered with, and then. */
	struct buf reply;
	bool closes;
	const char *second_reply; /* to every request but the next; NULL: the same */
	struct buf next_reply;
	struct buf lines;
	int line_count;
};

static inline void client_closed(uv_handle_t *handle)
{
	struct fake_client *client = handle->data;
	buf_release(&client->request);
	free(client);
}

static inline void close_client(struct fake_client *client)
{
	struct fake_client **link = &client->fixture->clients;
	while (*link != client)
		link = &(*link)->next;
	*link = client->next;
	uv_close((uv_handle_t *)&client->pipe, client_closed);
}

static inline void written(uv_write_t *write, int status)
{
	struct fake_client *client = write->data;
	free(write);
	if (status == 0 && client->fixture->closes)
		close_client(client);
}

static inline void answer(struct fake_client *client)
{
	struct fixture *fixture = client->fixture;
	buf_clear(&fixture->last_request);
	buf_add(&fixture->last_request, client->request.bytes, client->request.length);
	buf_clear(&client->request);
	uv_write_t *write = xcalloc(1, sizeof(*write));
	write->data = client;
	uv_buf_t bytes = uv_buf_init(fixture->reply.bytes, (unsigned)fixture->reply.length);
	if (fixture->second_reply) {
		buf_clear(&fixture->next_reply);
		buf_add_string(&fixture->next_reply, fixture->second_reply);
		struct buf now = fixture->reply;
		fixture->reply = fixture->next_reply;
		fixture->next_reply = now;
		fixture->second_reply = NULL;
	}
	bytes.base = bytes.base ? bytes.base : client->incoming;
	if (uv_write(write, (uv_stream_t *)&client->pipe, &bytes, 1, written) != 0)
		BUG("uv_write");
}

static inline void allocate(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
	(void)suggested;
	struct fake_client *client = handle->data;
	*buffer = uv_buf_init(client->incoming, sizeof(client->incoming));
}

static inline void on_request(uv_stream_t *stream, ssize_t length, const uv_buf_t *buffer)
{
	struct fake_client *client = stream->data;
	if (length < 0) {
		close_client(client);
		return;
	}
	buf_add(&client->request, buffer->base, (size_t)length);
	if (strstr(buf_string(&client->request), "\r\n\r\n"))
		answer(client);
}

static inline void on_connection(uv_stream_t *server, int status)
{
	assert_int_equal(status, 0);
	struct fixture *fixture = server->data;
	struct fake_client *client = xcalloc(1, sizeof(*client));
	client->fixture = fixture;
	client->next = fixture->clients;
	fixture->clients = client;
	fixture->connections++;
	uv_pipe_init(loop_uv(fixture->loop), &client->pipe, 0);
	client->pipe.data = client;
	uv_accept(server, (uv_stream_t *)&client->pipe);
	uv_read_start((uv_stream_t *)&client->pipe, allocate, on_request);
}

static inline int setup(void **state)
{
	struct fixture *fixture = xcalloc(1, sizeof(*fixture));
	*state = fixture;
	fixture->loop = loop_new();
	fixture->outcome.loop = fixture->loop;
	fixture->server = xcalloc(1, sizeof(*fixture->server));
	snprintf(fixture->path, sizeof(fixture->path), "/tmp/falsestart-fake-%d.sock", (int)getpid());
	uv_pipe_init(loop_uv(fixture->loop), fixture->server, 0);
	fixture->server->data = fixture;
	if (uv_pipe_bind(fixture->server, fixture->path) ||
	    uv_listen((uv_stream_t *)fixture->server, 8, on_connection))
		return -1;
	char *address OWNED = xasprintf("unix://%s", fixture->path);
	struct err err = ERR_INIT;
	fixture->engine = engine_open(fixture->loop, address, &err);
	if (!fixture->engine)
		return -1;
	/* The try of engine_open() is a connection, too: it comes and goes before anything is asked. */
	(void)engine_ping(fixture->engine, on_done, &fixture->outcome);
	buf_add_string(&fixture->reply, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK");
	wait_until(fixture->loop, fixture->outcome.ends);
	fixture->connections = 1;
	return 0;
}

static inline void server_closed(uv_handle_t *handle)
{
	free(handle);
}

static inline int teardown(void **state)
{
	struct fixture *fixture = *state;
	engine_close(fixture->engine);
	while (fixture->clients)
		close_client(fixture->clients);
	uv_close((uv_handle_t *)fixture->server, server_closed);
	loop_run(fixture->loop);
	loop_free(fixture->loop);
	unlink(fixture->path);
	outcome_clear(&fixture->outcome);
	buf_release(&fixture->reply);
	buf_release(&fixture->last_request);
	buf_release(&fixture->next_reply);
	buf_release(&fixture->lines);
	free(fixture);
	return 0;
}

static inline void script(struct fixture *fixture, const char *reply, bool closes)
{
	buf_clear(&fixture->reply);
	buf_add_string(&fixture->reply, reply);
	fixture->closes = closes;
}

static inline void script_json(struct fixture *fixture, int status, const char *type, const char *body)
{
	char *reply OWNED =
	    xasprintf("HTTP/1.1 %d Whatever\r\nContent-Type: %s\r\nContent-Length: %zu\r\n\r\n%s", status,
		type, strlen(body), body);
	script(fixture, reply, false);
}

static inline void check_error(struct fixture *fixture, int status, const char *const parts[])
{
	const struct err *err = &fixture->outcome.err;
	assert_null(fixture->outcome.reply);
	assert_int_equal(fixture->outcome.ends, 1);
	assert_int_equal(err->kind, status == 404 ? ERR_NOT_FOUND : ERR_ENVIRONMENT);
	assert_int_equal(err->status, status);
	for (size_t i = 0; parts[i]; i++)
		if (!strstr(err->message, parts[i]))
			fail_msg("\"%s\" is not in: %s", parts[i], err->message);
}

#define PARTS(...) ((const char *const[]){ __VA_ARGS__, NULL })

#endif
