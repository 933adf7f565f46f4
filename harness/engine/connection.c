#include "engine/connection.h"

#include "base/buf.h"
#include "engine/exchange.h"

#include <string.h>

#define PIECE (32UL << 10)
/* Then others have their turn: who floods us must not stop the timers. */
#define PIECES_AT_ONCE 8

struct connection {
	struct engine *engine;
	struct exchange exchange;
	struct transfer *transfer;
	uv_poll_t *poll; /* NULL until it is connected */
	int watched;     /* events that are polled for */
	struct timer *soon;
	/* What is being sent does not move until it is sent: TLS wants the very same bytes again. */
	struct buf sending, queue;
	size_t sent; /* of `sending` */
	CURLcode send_result;
	const struct connection_events *events;
	void *owner;
};

static void handle_closed(uv_handle_t *handle)
{
	free(handle);
}

void connection_close(struct connection *connection)
{
	if (!connection)
		return;
	/* The watch goes first: curl closes the socket. */
	if (connection->poll)
		uv_close((uv_handle_t *)connection->poll, handle_closed);
	transfer_cancel(connection->transfer);
	timer_cancel(connection->soon);
	exchange_release(&connection->exchange);
	buf_release(&connection->sending);
	buf_release(&connection->queue);
	free(connection);
}

static void end_connection(struct connection *connection, CURLcode result)
{
	struct err err = ERR_INIT;
	struct call_request request = { .timeout_ns = CALL_NO_TIMEOUT };
	if (result != CURLE_OK)
		(void)exchange_explain(&connection->exchange, connection->engine, &request, result, &err);
	const struct connection_events *events = connection->events;
	void *owner = connection->owner;
	connection_close(connection);
	events->ended(owner, err_is_set(&err) ? &err : NULL);
}

static void receive(struct connection *connection);

static void receive_on(void *owner)
{
	struct connection *connection = owner;
	connection->soon = NULL;
	receive(connection);
}

static void receive_soon(struct connection *connection)
{
	struct loop *loop = connection->engine->loop;
	if (!connection->soon)
		connection->soon = timer_start(loop, loop_now_ns(loop), receive_on, connection);
}

static void receive(struct connection *connection)
{
	char bytes[PIECE];
	for (int i = 0; i < PIECES_AT_ONCE; i++) {
		size_t length = 0;
		CURLcode result = curl_easy_recv(connection->exchange.easy, bytes, sizeof(bytes), &length);
		if (result == CURLE_AGAIN && connection->send_result == CURLE_OK)
			return;
		if (result == CURLE_AGAIN)
			result = connection->send_result;
		if (result != CURLE_OK || length == 0) {
			end_connection(connection, result);
			return;
		}
		if (!connection->events->received(connection->owner, bytes, length))
			return;
	}
	/* TLS may hold bytes that the socket does not tell of any more. */
	receive_soon(connection);
}

static void send_on(struct connection *connection);

static void socket_ready(uv_poll_t *poll, int status, int events)
{
	(void)status; /* sending or receiving will meet the error and know more of it */
	struct connection *connection = poll->data;
	if (events & UV_WRITABLE)
		send_on(connection);
	receive(connection);
}

static void watch(struct connection *connection, int events)
{
	if (connection->watched != events)
		uv_poll_start(connection->poll, events, socket_ready);
	connection->watched = events;
}

/* The other end's last words may still be unread, and say more than our failure. */
static void give_up_sending(struct connection *connection, CURLcode result)
{
	connection->send_result = result;
	buf_clear(&connection->sending);
	buf_clear(&connection->queue);
	connection->sent = 0;
	receive_soon(connection);
}

/* True if there is something to send. */
static bool next_to_send(struct connection *connection)
{
	if (connection->sent < connection->sending.length)
		return true;
	buf_clear(&connection->sending);
	connection->sent = 0;
	struct buf empty = connection->sending;
	connection->sending = connection->queue;
	connection->queue = empty;
	return connection->sending.length > 0;
}

static void send_on(struct connection *connection)
{
	CURLcode result = CURLE_OK;
	while (result == CURLE_OK && next_to_send(connection)) {
		size_t count = 0;
		result =
		    curl_easy_send(connection->exchange.easy, connection->sending.bytes + connection->sent,
			connection->sending.length - connection->sent, &count);
		if (result == CURLE_OK)
			connection->sent += count;
	}
	if (result != CURLE_OK && result != CURLE_AGAIN)
		give_up_sending(connection, result);
	watch(connection, result == CURLE_AGAIN ? UV_READABLE | UV_WRITABLE : UV_READABLE);
}

void connection_write(struct connection *connection, const void *bytes, size_t length)
{
	if (connection->send_result != CURLE_OK)
		return;
	buf_add(&connection->queue, bytes, length);
	if (connection->poll && !(connection->watched & UV_WRITABLE))
		send_on(connection);
}

size_t connection_unsent(const struct connection *connection)
{
	return connection->sending.length - connection->sent + connection->queue.length;
}

static void connected(void *owner, CURLcode result)
{
	struct connection *connection = owner;
	if (result != CURLE_OK) {
		connection->transfer = NULL;
		end_connection(connection, result);
		return;
	}
	curl_socket_t socket = CURL_SOCKET_BAD;
	curl_easy_getinfo(connection->exchange.easy, CURLINFO_ACTIVESOCKET, &socket);
	connection->poll = xcalloc(1, sizeof(*connection->poll));
	int status = uv_poll_init(loop_uv(connection->engine->loop), connection->poll, socket);
	if (status)
		BUG("uv_poll_init: %s", uv_strerror(status));
	connection->poll->data = connection;
	send_on(connection);
	connection->events->open(connection->owner);
}

struct connection *connection_open(struct engine *engine, const struct call_request *request,
    const struct connection_events *events, void *owner)
{
	struct connection *connection = xcalloc(1, sizeof(*connection));
	*connection = (struct connection){ .engine = engine, .events = events, .owner = owner };
	struct call_request only_connect = {
		.method = request->method, .path = request->path, .timeout_ns = CALL_NO_TIMEOUT
	};
	struct err err = ERR_INIT;
	if (exchange_init(&connection->exchange, engine, &only_connect, &err) < 0)
		BUG("a request without a body: %s", err.message);
	curl_easy_setopt(connection->exchange.easy, CURLOPT_TCP_NODELAY, 1L);
	connection->transfer =
	    transfer_connect(engine->loop, connection->exchange.easy, connected, connection);
	return connection;
}
