#include "engine/call.h"

#include "base/buf.h"
#include "base/duration.h"
#include "engine/exchange.h"
#include "engine/reply.h"

#include <string.h>
#include <strings.h>
#include <time.h>

/* Plain replies: an inspect is kilobytes, a list of a thousand containers a megabyte. */
#define REPLY_MAX (16UL << 20)
#define REFUSAL_MAX (64UL << 10)
#define HEADERS_MAX (256UL << 10)
/* Not smaller than what curl hands over at once (CURL_MAX_WRITE_SIZE). */
#define INBOX_MAX (256UL << 10)
#define NAME_SHOWN_MAX 128
#define ID_LENGTH 64
#define ID_SHOWN_LENGTH 12

struct engine_call {
	struct engine *engine;
	struct engine_call *previous, *next; /* in engine->calls */
	struct call_request request;         /* its body, path and doing are gone once it is sent */
	char *doing, *path;
	struct exchange exchange;
	struct transfer *transfer; /* NULL once it is over */
	struct timer *soon;        /* delivers the inbox, or a failure at the start */
	struct buf inbox;          /* plain: the reply; stream: what is not delivered yet */
	struct buf refusal;        /* the body of a reply with a status of failure */
	size_t headers_length;
	bool is_paused;    /* curl waits for room in the inbox */
	bool is_in_stream; /* a stream's function runs: the call must not be freed under it */
	bool is_cancelled;
	struct err failure; /* what our own callbacks found wrong */
};

static void unlink_call(struct engine_call *call)
{
	if (call->previous)
		call->previous->next = call->next;
	else
		call->engine->calls = call->next;
	if (call->next)
		call->next->previous = call->previous;
}

static void link_call(struct engine *engine, struct engine_call *call)
{
	call->engine = engine;
	call->next = engine->calls;
	if (call->next)
		call->next->previous = call;
	engine->calls = call;
}

static void stop_call(struct engine_call *call)
{
	transfer_cancel(steal_ptr(call->transfer));
	timer_cancel(steal_ptr(call->soon));
}

/* Of a call that is stopped and unlinked. */
static void free_call(struct engine_call *call)
{
	if (call->request.stream && call->request.state)
		call->request.stream->free(call->request.state);
	exchange_release(&call->exchange);
	buf_release(&call->inbox);
	buf_release(&call->refusal);
	free(call->doing);
	free(call->path);
	free(call);
}

void engine_cancel(struct engine_call *call)
{
	if (!call)
		return;
	if (call->is_cancelled)
		BUG("a call to the engine is cancelled twice");
	stop_call(call);
	unlink_call(call);
	call->is_cancelled = true;
	if (!call->is_in_stream)
		free_call(call);
}

bool call_is_cancelled(const struct engine_call *call)
{
	return call->is_cancelled;
}

static bool is_success(const struct engine_call *call)
{
	long status = exchange_status(&call->exchange);
	return status >= 200 && status < 300;
}

/* Tells the user, after everything of the call is gone, so that the user may even close the engine. */
static void conclude(struct engine_call *call, json_t *reply, const struct err *failure)
{
	struct call_request request = call->request;
	call->request.state = NULL;
	struct err err = *failure;
	if (err_is_set(&err))
		err_wrap(&err, "%s", call->doing);
	unlink_call(call);
	free_call(call);

	const struct err *told = err_is_set(&err) ? &err : NULL;
	if (request.stream) {
		request.stream->end(request.state, told);
		request.stream->free(request.state);
	} else {
		request.done(request.owner, told ? NULL : reply, told);
	}
	json_decref(reply);
}

/* False if the user cancelled the call from the stream; it is then gone. */
static bool left_stream(struct engine_call *call)
{
	call->is_in_stream = false;
	if (!call->is_cancelled)
		return true;
	free_call(call);
	return false;
}

static bool feed_stream(struct engine_call *call)
{
	struct call_request *request = &call->request;
	call->is_in_stream = true;
	if (call->inbox.length && !err_is_set(&call->failure) &&
	    request->stream->feed(
		request->state, call, call->inbox.bytes, call->inbox.length, &call->failure) < 0 &&
	    !err_is_set(&call->failure) && !call->is_cancelled)
		BUG("a stream failed without saying why");
	buf_clear(&call->inbox);
	return left_stream(call);
}

static bool finish_stream(struct engine_call *call, struct err *err)
{
	struct call_request *request = &call->request;
	if (!request->stream->finish || !is_success(call))
		return true;
	call->is_in_stream = true;
	if (request->stream->finish(request->state, call, err) < 0 && !err_is_set(err) && !call->is_cancelled)
		BUG("a stream failed at its end without saying why");
	return left_stream(call);
}

static void deliver(void *owner)
{
	struct engine_call *call = owner;
	call->soon = NULL;
	if (!feed_stream(call))
		return;
	if (err_is_set(&call->failure)) {
		stop_call(call);
		conclude(call, NULL, &call->failure);
		return;
	}
	if (call->is_paused) {
		call->is_paused = false;
		curl_easy_pause(call->exchange.easy, CURLPAUSE_CONT); /* may fill the inbox at once */
	}
}

static json_t *read_reply(struct engine_call *call, struct err *err)
{
	long status = exchange_status(&call->exchange);
	if (call->request.also_success && status == call->request.also_success)
		return NULL;
	if (!is_success(call)) {
		reply_refused(status, buf_string(&call->refusal), call->refusal.length, err);
		return NULL;
	}
	if (call->request.stream)
		return NULL;
	const char *type = NULL;
	curl_easy_getinfo(call->exchange.easy, CURLINFO_CONTENT_TYPE, &type);
	json_t *reply = NULL;
	if (reply_read(type, buf_string(&call->inbox), call->inbox.length, &reply, err) < 0)
		return NULL;
	if (call->request.check)
		(void)call->request.check(call->engine, reply, err);
	return reply;
}

static void start_exchange(struct engine_call *call);

static char *next_path(struct engine_call *call)
{
	struct call_request *request = &call->request;
	long status = exchange_status(&call->exchange);
	if (request->stream)
		return request->stream->go_on && is_success(call)
			   ? request->stream->go_on(request->state, request)
			   : NULL;
	return request->otherwise && !is_success(call) ? request->otherwise(request, call->path, status)
						       : NULL;
}

/* True if the call has one more request to make. */
static bool goes_on(struct engine_call *call)
{
	char *path OWNED = next_path(call);
	if (!path)
		return false;
	exchange_release(&call->exchange);
	call->exchange = (struct exchange){ 0 };
	call->headers_length = 0;
	buf_clear(&call->inbox);
	buf_clear(&call->refusal);
	free(call->path);
	call->path = steal_ptr(path);
	call->request.path = call->path;
	start_exchange(call);
	return true;
}

static void transfer_done(void *owner, CURLcode result)
{
	struct engine_call *call = owner;
	call->transfer = NULL;
	timer_cancel(steal_ptr(call->soon));
	/* First what is wrong in what came, then why no more came, then that something is missing at its end.
	 */
	struct err broken = ERR_INIT;
	/* An engine that refuses an upload may hang up on the rest of it: its words count more. */
	bool has_refused = exchange_status(&call->exchange) >= 400 && call->refusal.length;
	if (result != CURLE_OK && !has_refused)
		(void)exchange_explain(&call->exchange, call->engine, &call->request, result, &broken);
	if (call->request.stream) {
		if (!feed_stream(call))
			return;
		if (!err_is_set(&call->failure) && !finish_stream(call, &broken))
			return;
	}
	if (!err_is_set(&call->failure))
		call->failure = broken;
	if (!err_is_set(&call->failure) && goes_on(call))
		return;
	json_t *reply = err_is_set(&call->failure) ? NULL : read_reply(call, &call->failure);
	conclude(call, reply, &call->failure);
}

static void fail_at_start(void *owner)
{
	struct engine_call *call = owner;
	call->soon = NULL;
	conclude(call, NULL, &call->failure);
}

static void deliver_soon(struct engine_call *call)
{
	if (!call->soon && !call->is_in_stream)
		call->soon = timer_start(call->engine->loop, loop_now_ns(call->engine->loop), deliver, call);
}

/* curl's write callback. */
static size_t receive(char *bytes, size_t one, size_t length, void *owner)
{
	(void)one;
	struct engine_call *call = owner;
	if (!is_success(call)) {
		buf_add(&call->refusal, bytes, length); /* bounded: the start of it is enough */
		return length;
	}
	if (call->request.stream) {
		if (call->inbox.length + length > INBOX_MAX) {
			call->is_paused = true;
			return CURL_WRITEFUNC_PAUSE;
		}
		buf_add(&call->inbox, bytes, length);
		deliver_soon(call);
		return length;
	}
	buf_add(&call->inbox, bytes, length);
	if (call->inbox.cut) {
		err_set(&call->failure, ERR_ENVIRONMENT,
		    "the engine's reply is longer than the %lu MiB allowed", REPLY_MAX >> 20);
		return 0;
	}
	return length;
}

/* Notes the least the engine's clock can be ahead: its Date is cut to seconds, and has travelled. */
static void note_date(struct engine *engine, const char *text, size_t length)
{
	char *date OWNED = xmemdup0(text, length);
	time_t seconds = curl_getdate(date, NULL);
	struct timespec now;
	if (seconds < 0 || clock_gettime(CLOCK_REALTIME, &now) < 0)
		return;
	engine->clock_ahead_ns = (int64_t)seconds * NS_PER_S - (now.tv_sec * NS_PER_S + now.tv_nsec);
}

/* curl's header callback: headers without end are a way to hang or to fill memory, too. */
static size_t receive_header(char *bytes, size_t one, size_t length, void *owner)
{
	(void)one;
	struct engine_call *call = owner;
	call->headers_length += length;
	if (call->headers_length > HEADERS_MAX) {
		err_set(&call->failure, ERR_ENVIRONMENT,
		    "the headers of the reply are longer than the %lu KiB allowed", HEADERS_MAX >> 10);
		return 0;
	}
	if (length > 5 && strncasecmp(bytes, "Date:", 5) == 0)
		note_date(call->engine, bytes + 5, length - 5);
	return length;
}

static void start_exchange(struct engine_call *call)
{
	struct loop *loop = call->engine->loop;
	if (exchange_init(&call->exchange, call->engine, &call->request, &call->failure) < 0) {
		call->soon = timer_start(loop, loop_now_ns(loop), fail_at_start, call);
		return;
	}
	CURL *easy = call->exchange.easy;
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, receive);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, call);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, receive_header);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, call);
	call->transfer = transfer_start(loop, easy, transfer_done, call);
}

struct engine_call *call_start(struct engine *engine, const struct call_request *request)
{
	struct engine_call *call = xcalloc(1, sizeof(*call));
	call->request = *request;
	call->doing =
	    request->doing ? xstrdup(request->doing) : xasprintf("%s %s", request->method, request->path);
	call->path = xstrdup(request->path);
	call->inbox.max = request->stream ? INBOX_MAX : REPLY_MAX;
	call->refusal.max = REFUSAL_MAX;
	link_call(engine, call);
	start_exchange(call);
	return call;
}

static bool is_id(const char *name)
{
	return strlen(name) == ID_LENGTH && strspn(name, "0123456789abcdef") == ID_LENGTH;
}

char *call_doing(const char *verb, const char *name)
{
	struct buf text CLEANUP(buf_release) = { 0 };
	buf_addf(&text, "%s `", verb);
	buf_add_visible(&text, name, is_id(name) ? ID_SHOWN_LENGTH : strlen(name), NAME_SHOWN_MAX);
	buf_add_char(&text, '`');
	return buf_steal(&text);
}
