#include "engine/call.h"

#include "base/buf.h"
#include "base/duration.h"
#include "engine/reply.h"

#include <errno.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define TIMEOUT_DEFAULT_NS (60 * NS_PER_S)
#define TIMEOUT_CONNECT_NS (10 * NS_PER_S)
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
	struct call_request request;         /* its borrowed strings are gone after call_start() */
	char *doing, *body;
	off_t upload_at;
	CURL *easy;
	struct curl_slist *headers;
	struct transfer *transfer; /* NULL once it is over */
	struct timer *soon;        /* delivers the inbox, or a failure at the start */
	struct buf inbox;          /* plain: the reply; stream: what is not delivered yet */
	struct buf refusal;        /* the body of a reply with a status of failure */
	size_t headers_length;
	bool is_paused;    /* curl waits for room in the inbox */
	bool is_in_stream; /* a stream's function runs: the call must not be freed under it */
	bool is_cancelled;
	struct err failure; /* what our own callbacks found wrong */
	char curl_error[CURL_ERROR_SIZE];
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
	curl_easy_cleanup(call->easy);
	curl_slist_free_all(call->headers);
	buf_release(&call->inbox);
	buf_release(&call->refusal);
	free(call->doing);
	free(call->body);
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

static long status_of(const struct engine_call *call)
{
	long status = 0;
	curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
	return status;
}

static bool is_success(const struct engine_call *call)
{
	long status = status_of(call);
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
		curl_easy_pause(call->easy, CURLPAUSE_CONT); /* may fill the inbox at once */
	}
}

static void transport_failed(struct engine_call *call, CURLcode result, struct err *err)
{
	long connect_errno = 0;
	curl_easy_getinfo(call->easy, CURLINFO_OS_ERRNO, &connect_errno);
	int64_t allowed_ns = call->request.timeout_ns;
	curl_off_t connect_us = 0;
	curl_easy_getinfo(call->easy, CURLINFO_CONNECT_TIME_T, &connect_us);
	if (connect_us == 0 && (allowed_ns < 0 || allowed_ns > TIMEOUT_CONNECT_NS))
		allowed_ns = TIMEOUT_CONNECT_NS;
	else if (allowed_ns < 0)
		allowed_ns = call->request.silence_ns;
	reply_missing(result, &call->engine->address, (int)connect_errno, allowed_ns, call->curl_error, err);
}

static json_t *read_reply(struct engine_call *call, struct err *err)
{
	long status = status_of(call);
	if (call->request.also_success && status == call->request.also_success)
		return NULL;
	if (!is_success(call)) {
		reply_refused(status, buf_string(&call->refusal), call->refusal.length, err);
		return NULL;
	}
	if (call->request.stream)
		return NULL;
	const char *type = NULL;
	curl_easy_getinfo(call->easy, CURLINFO_CONTENT_TYPE, &type);
	json_t *reply = NULL;
	if (reply_read(type, buf_string(&call->inbox), call->inbox.length, &reply, err) < 0)
		return NULL;
	if (call->request.check)
		(void)call->request.check(call->engine, reply, err);
	return reply;
}

static void transfer_done(void *owner, CURLcode result)
{
	struct engine_call *call = owner;
	call->transfer = NULL;
	timer_cancel(steal_ptr(call->soon));
	/* First what is wrong in what came, then why no more came, then that something is missing at its end.
	 */
	struct err broken = ERR_INIT;
	if (result != CURLE_OK)
		transport_failed(call, result, &broken);
	if (call->request.stream) {
		if (!feed_stream(call))
			return;
		if (!err_is_set(&call->failure) && !finish_stream(call, &broken))
			return;
	}
	if (!err_is_set(&call->failure))
		call->failure = broken;
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

/* curl's read callback: the upload. The file is read at our own offset, so that it can be sent again when a
 * kept connection turns out to be dead. */
static size_t send_upload(char *bytes, size_t one, size_t length, void *owner)
{
	struct engine_call *call = owner;
	ssize_t got;
	do
		got = pread(call->request.upload_fd, bytes, one * length, call->upload_at);
	while (got < 0 && errno == EINTR);
	if (got < 0) {
		err_set_errno(&call->failure, ERR_ENVIRONMENT, errno, "reading the archive to send");
		return CURL_READFUNC_ABORT;
	}
	call->upload_at += got;
	return (size_t)got;
}

static int seek_upload(void *owner, curl_off_t offset, int origin)
{
	struct engine_call *call = owner;
	if (origin != SEEK_SET)
		return CURL_SEEKFUNC_FAIL;
	call->upload_at = offset;
	return CURL_SEEKFUNC_OK;
}

static void add_header(struct engine_call *call, const char *header)
{
	struct curl_slist *longer = curl_slist_append(call->headers, header);
	if (!longer)
		BUG("out of memory in curl");
	call->headers = longer;
}

static int set_upload(struct engine_call *call, struct err *err)
{
	struct stat status;
	if (fstat(call->request.upload_fd, &status) < 0)
		return err_set_errno(err, ERR_ENVIRONMENT, errno, "the archive to send");
	if (!S_ISREG(status.st_mode))
		return err_set(err, ERR_ENVIRONMENT,
		    "the archive to send is not a regular file, whose reading never waits");
	add_header(call, "Content-Type: application/x-tar");
	curl_easy_setopt(call->easy, CURLOPT_READFUNCTION, send_upload);
	curl_easy_setopt(call->easy, CURLOPT_READDATA, call);
	curl_easy_setopt(call->easy, CURLOPT_SEEKFUNCTION, seek_upload);
	curl_easy_setopt(call->easy, CURLOPT_SEEKDATA, call);
	curl_easy_setopt(call->easy, CURLOPT_POST, 1L);
	curl_easy_setopt(call->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)status.st_size);
	return 0;
}

static int set_body(struct engine_call *call, const struct call_request *request, struct err *err)
{
	CURL *easy = call->easy;
	if (request->uploads)
		return set_upload(call, err);
	if (request->body) {
		call->body = json_dumps(request->body, JSON_COMPACT | JSON_ENCODE_ANY);
		if (!call->body)
			return err_set(err, ERR_ENVIRONMENT,
			    "the request cannot be written as JSON (text that is not UTF-8?)");
		add_header(call, "Content-Type: application/json");
	}
	if (strcmp(request->method, "GET") != 0 || call->body) {
		/* With an empty body no type either: the engine would refuse a form. */
		if (!call->body)
			add_header(call, "Content-Type:");
		curl_easy_setopt(easy, CURLOPT_POSTFIELDS, call->body ? call->body : "");
		curl_easy_setopt(
		    easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)(call->body ? strlen(call->body) : 0));
		curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
	}
	return 0;
}

static void set_times(struct engine_call *call)
{
	CURL *easy = call->easy;
	int64_t *timeout_ns = &call->request.timeout_ns;
	if (*timeout_ns == 0)
		*timeout_ns = TIMEOUT_DEFAULT_NS;
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)(TIMEOUT_CONNECT_NS / NS_PER_MS));
	if (*timeout_ns > 0)
		curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)((*timeout_ns + NS_PER_MS - 1) / NS_PER_MS));
	if (*timeout_ns < 0 && call->request.silence_ns) {
		curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
		curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, (long)(call->request.silence_ns / NS_PER_S));
	}
}

static void set_address(struct engine_call *call, const struct call_request *request)
{
	CURL *easy = call->easy;
	const struct engine *engine = call->engine;
	struct buf url CLEANUP(buf_release) = { 0 };
	buf_add_string(&url, engine->address.base_url);
	if (!request->is_versionless)
		buf_addf(&url, "/v%s", *engine->api_version ? engine->api_version : ENGINE_API_OLDEST);
	buf_add_string(&url, request->path);
	curl_easy_setopt(easy, CURLOPT_URL, buf_string(&url));
	curl_easy_setopt(
	    easy, CURLOPT_PATH_AS_IS, 1L); /* a container named ".." is a wrong name, not another path */
	if (engine->address.socket_path)
		curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, engine->address.socket_path);
	/* An engine is reached directly, or the proxy would get the power over it. */
	curl_easy_setopt(easy, CURLOPT_PROXY, "");
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
	if (engine->address.ca_file) {
		curl_easy_setopt(easy, CURLOPT_CAINFO, engine->address.ca_file);
		curl_easy_setopt(easy, CURLOPT_SSLCERT, engine->address.certificate_file);
		curl_easy_setopt(easy, CURLOPT_SSLKEY, engine->address.key_file);
	}
}

static int set_up(struct engine_call *call, const struct call_request *request, struct err *err)
{
	CURL *easy = call->easy;
	set_address(call, request);
	set_times(call);
	add_header(
	    call, "Expect:"); /* the engine answers "100 Continue" only after a second's wait on our side */
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "falsestart");
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, call->curl_error);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, receive);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, call);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, receive_header);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, call);
	if (set_body(call, request, err) < 0)
		return -1;
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, call->headers);
	return 0;
}

struct engine_call *call_start(struct engine *engine, const struct call_request *request)
{
	struct engine_call *call = xcalloc(1, sizeof(*call));
	call->request = *request;
	call->doing =
	    request->doing ? xstrdup(request->doing) : xasprintf("%s %s", request->method, request->path);
	call->inbox.max = request->stream ? INBOX_MAX : REPLY_MAX;
	call->refusal.max = REFUSAL_MAX;
	link_call(engine, call);
	call->easy = curl_easy_init();
	if (!call->easy)
		BUG("curl_easy_init");
	if (set_up(call, request, &call->failure) < 0)
		call->soon = timer_start(engine->loop, loop_now_ns(engine->loop), fail_at_start, call);
	else
		call->transfer = transfer_start(engine->loop, call->easy, transfer_done, call);
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
