/*
 * curl's multi socket interface on uv: curl says which sockets and which timeout it wants watched, uv says
 * when.
 *
 * The sockets are in an epoll set of their own, of which uv polls the one descriptor. A uv_poll_t a socket
 * would cost five system calls more for each connection, and each would have to be closed asynchronously;
 * polling twenty endpoints at twenty hertz is four hundred connections a second.
 */
#include "base/duration.h"
#include "loop/loop_private.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

/* Idle connections kept over all hosts. curl's default (four times the transfers running at the moment) would
 * close the kept connections of all pollers that happen to pause. */
#define CONNECTIONS_KEPT 1024
#define EVENTS_AT_ONCE 64

struct transfer {
	struct loop *loop;
	CURL *easy;
	void (*done)(void *owner, CURLcode result);
	void *owner;
	bool stays; /* curl closes the connection of a CONNECT_ONLY handle that leaves the multi handle */
};

static void must(CURLMcode status, const char *what)
{
	if (status != CURLM_OK)
		BUG("%s: %s", what, curl_multi_strerror(status));
}

/* Takes the transfer out of curl and forgets it; the easy handle is the caller's again. */
static void transfer_end(struct transfer *transfer)
{
	struct transfers *transfers = &transfer->loop->transfers;
	/* Fails from inside one of curl's own callbacks (CURLM_RECURSIVE_API_CALL): see the header. */
	must(curl_multi_remove_handle(transfers->multi, transfer->easy), "curl_multi_remove_handle");
	if (--transfers->running == 0)
		uv_unref((uv_handle_t *)transfers->poll);
	free(transfer);
}

static void finish_transfers(struct loop *loop)
{
	CURLMsg *message;
	int left;
	while ((message = curl_multi_info_read(loop->transfers.multi, &left))) {
		if (message->msg != CURLMSG_DONE)
			continue;
		CURLcode result = message->data.result; /* gone once the handle is removed */
		struct transfer *transfer = NULL;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
		void (*done)(void *owner, CURLcode result) = transfer->done;
		void *owner = transfer->owner;
		if (!transfer->stays || result != CURLE_OK)
			transfer_end(transfer);
		done(owner, result);
	}
}

static void sockets_ready(uv_poll_t *poll, int status, int unused)
{
	(void)status;
	(void)unused;
	struct loop *loop = poll->data;
	struct transfers *transfers = &loop->transfers;
	struct epoll_event events[EVENTS_AT_ONCE];
	int count = epoll_wait(transfers->sockets, events, EVENTS_AT_ONCE, 0);
	for (int i = 0; i < count; i++) {
		int flags = 0;
		/* After an error there may still be bytes to read, and only reading or writing says what it
		 * is. */
		if (events[i].events & (EPOLLIN | EPOLLERR | EPOLLHUP))
			flags |= CURL_CSELECT_IN;
		if (events[i].events & (EPOLLOUT | EPOLLERR | EPOLLHUP))
			flags |= CURL_CSELECT_OUT;
		int running;
		must(curl_multi_socket_action(transfers->multi, events[i].data.fd, flags, &running),
		    "curl_multi_socket_action");
	}
	/* Once, after all: what is started in a callback has no event in this round. */
	finish_transfers(loop);
}

/* curl's socket callback. `known` is what we assigned to the socket: NULL at first. */
static int watch_socket(CURL *easy, curl_socket_t socket, int what, void *owner, void *known)
{
	(void)easy;
	struct loop *loop = owner;
	struct transfers *transfers = &loop->transfers;
	if (what == CURL_POLL_REMOVE) {
		epoll_ctl(transfers->sockets, EPOLL_CTL_DEL, socket, NULL);
		return 0;
	}
	struct epoll_event event = { .data.fd = socket };
	if (what != CURL_POLL_OUT)
		event.events |= EPOLLIN;
	if (what != CURL_POLL_IN)
		event.events |= EPOLLOUT;
	if (epoll_ctl(transfers->sockets, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, socket, &event))
		BUG("epoll_ctl: %s", strerror(errno));
	if (!known)
		must(curl_multi_assign(transfers->multi, socket, loop), "curl_multi_assign");
	return 0;
}

static void timeout_passed(void *owner)
{
	struct loop *loop = owner;
	loop->transfers.timeout = NULL;
	int running;
	must(curl_multi_socket_action(loop->transfers.multi, CURL_SOCKET_TIMEOUT, 0, &running),
	    "curl_multi_socket_action");
	finish_transfers(loop);
}

/* curl's timer callback: the one timeout it wants, or none (-1). Must not call back into curl, hence a timer
 * for 0. */
static int watch_timeout(CURLM *multi, long timeout_ms, void *owner)
{
	(void)multi;
	struct loop *loop = owner;
	timer_cancel(steal_ptr(loop->transfers.timeout));
	if (timeout_ms >= 0)
		loop->transfers.timeout =
		    timer_start(loop, loop_now_ns(loop) + timeout_ms * NS_PER_MS, timeout_passed, loop);
	return 0;
}

struct transfer *transfer_start(
    struct loop *loop, CURL *easy, void (*done)(void *owner, CURLcode result), void *owner)
{
	struct transfer *transfer = xcalloc(1, sizeof(*transfer));
	*transfer = (struct transfer){ .loop = loop, .easy = easy, .done = done, .owner = owner };
	curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
	/* No signals, no alarm(): single-threaded is not the same as alone in the process. */
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	if (loop->transfers.running++ == 0)
		uv_ref((uv_handle_t *)loop->transfers.poll);
	must(curl_multi_add_handle(loop->transfers.multi, easy), "curl_multi_add_handle");
	return transfer;
}

struct transfer *transfer_connect(
    struct loop *loop, CURL *easy, void (*done)(void *owner, CURLcode result), void *owner)
{
	curl_easy_setopt(easy, CURLOPT_CONNECT_ONLY, 1L);
	struct transfer *transfer = transfer_start(loop, easy, done, owner);
	transfer->stays = true;
	return transfer;
}

void transfer_cancel(struct transfer *transfer)
{
	if (transfer)
		transfer_end(transfer);
}

/* Kept running throughout; it holds the loop only while a transfer runs. */
static void watch_sockets(struct loop *loop)
{
	struct transfers *transfers = &loop->transfers;
	transfers->sockets = epoll_create1(EPOLL_CLOEXEC);
	if (transfers->sockets < 0)
		BUG("epoll_create1: %s", strerror(errno));
	transfers->poll = xcalloc(1, sizeof(*transfers->poll));
	transfers->poll->data = loop;
	int status = uv_poll_init(&loop->uv, transfers->poll, transfers->sockets);
	if (status)
		BUG("uv_poll_init: %s", uv_strerror(status));
	uv_poll_start(transfers->poll, UV_READABLE, sockets_ready);
	uv_unref((uv_handle_t *)transfers->poll);
}

void transfers_init(struct loop *loop)
{
	watch_sockets(loop);
	if (curl_global_init(CURL_GLOBAL_DEFAULT))
		BUG("curl_global_init");
	CURLM *multi = curl_multi_init();
	if (!multi)
		BUG("curl_multi_init");
	loop->transfers.multi = multi;
	curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
	curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, loop);
	curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, watch_timeout);
	curl_multi_setopt(multi, CURLMOPT_TIMERDATA, loop);
	curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long)CONNECTIONS_KEPT);
	curl_multi_setopt(multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
}

void transfers_release(struct loop *loop)
{
	if (loop->transfers.running > 0)
		BUG("loop_free: %zu transfers were never cancelled", loop->transfers.running);
	must(curl_multi_cleanup(loop->transfers.multi), "curl_multi_cleanup");
	timer_cancel(steal_ptr(loop->transfers.timeout));
	curl_global_cleanup();
	uv_close((uv_handle_t *)loop->transfers.poll, free_closed_handle);
	close(loop->transfers.sockets);
}
