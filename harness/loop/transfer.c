/* curl's multi socket interface on uv: curl says which sockets and which timeout it wants watched, uv says
 * when. */
#include "base/duration.h"
#include "loop/loop_private.h"

/* Idle connections kept over all hosts. curl's default (four times the transfers running at the moment) would
 * close the kept connections of all pollers that happen to pause. */
#define CONNECTIONS_KEPT 1024

struct transfer {
	struct loop *loop;
	CURL *easy;
	void (*done)(void *owner, CURLcode result);
	void *owner;
};

struct watched_socket {
	uv_poll_t poll; /* first: uv frees us through it */
	struct loop *loop;
	curl_socket_t socket;
	int events;
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
	transfers->running--;
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
		transfer_end(transfer);
		done(owner, result);
	}
}

static void socket_ready(uv_poll_t *poll, int status, int events)
{
	struct watched_socket *watched = (struct watched_socket *)poll;
	struct loop *loop = watched->loop;
	int flags = 0;
	if (events & UV_READABLE)
		flags |= CURL_CSELECT_IN;
	if (events & UV_WRITABLE)
		flags |= CURL_CSELECT_OUT;
	if (status < 0) {
		/* A pending socket error: uv stops polling, and tells only EBADF. There may be bytes to read
		 * before it, and only reading or writing says what it is. */
		uv_poll_start(poll, watched->events, socket_ready);
		flags = CURL_CSELECT_IN | CURL_CSELECT_OUT;
	}
	int running;
	must(curl_multi_socket_action(loop->transfers.multi, watched->socket, flags, &running),
	    "curl_multi_socket_action");
	finish_transfers(loop);
}

static struct watched_socket *watch_new(struct loop *loop, curl_socket_t socket)
{
	struct watched_socket *watched = xcalloc(1, sizeof(*watched));
	watched->loop = loop;
	watched->socket = socket;
	int status = uv_poll_init_socket(&loop->uv, &watched->poll, socket);
	if (status)
		BUG("uv_poll_init_socket: %s", uv_strerror(status));
	must(curl_multi_assign(loop->transfers.multi, socket, watched), "curl_multi_assign");
	return watched;
}

/* curl's socket callback. `pointer` is what we assigned to the socket, NULL at first. */
static int watch_socket(CURL *easy, curl_socket_t socket, int what, void *owner, void *pointer)
{
	(void)easy;
	struct loop *loop = owner;
	struct watched_socket *watched = pointer;
	if (what == CURL_POLL_REMOVE) {
		/* curl closes the socket right after this; uv forgets it here, its handle is freed later. */
		if (watched) {
			curl_multi_assign(loop->transfers.multi, socket, NULL);
			uv_close((uv_handle_t *)&watched->poll, free_closed_handle);
		}
		return 0;
	}
	if (!watched)
		watched = watch_new(loop, socket);
	watched->events = 0;
	if (what != CURL_POLL_OUT)
		watched->events |= UV_READABLE;
	if (what != CURL_POLL_IN)
		watched->events |= UV_WRITABLE;
	uv_poll_start(&watched->poll, watched->events, socket_ready);
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
	loop->transfers.running++;
	must(curl_multi_add_handle(loop->transfers.multi, easy), "curl_multi_add_handle");
	return transfer;
}

void transfer_cancel(struct transfer *transfer)
{
	if (transfer)
		transfer_end(transfer);
}

void transfers_init(struct loop *loop)
{
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
}
