#include "engine/exchange.h"

#include "base/buf.h"
#include "base/duration.h"
#include "engine/reply.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TIMEOUT_DEFAULT_NS (60 * NS_PER_S)

/* curl's read callback: the upload. The file is read at our own offset, so that it can be sent again when a
 * kept connection turns out to be dead. */
static size_t send_upload(char *bytes, size_t one, size_t length, void *owner)
{
	struct exchange *exchange = owner;
	ssize_t got;
	do
		got = pread(exchange->upload_fd, bytes, one * length, exchange->upload_at);
	while (got < 0 && errno == EINTR);
	if (got < 0) {
		err_set_errno(
		    &exchange->upload_failure, ERR_ENVIRONMENT, errno, "reading the archive to send");
		return CURL_READFUNC_ABORT;
	}
	exchange->upload_at += got;
	return (size_t)got;
}

static int seek_upload(void *owner, curl_off_t offset, int origin)
{
	struct exchange *exchange = owner;
	if (origin != SEEK_SET)
		return CURL_SEEKFUNC_FAIL;
	exchange->upload_at = offset;
	return CURL_SEEKFUNC_OK;
}

static void add_header(struct exchange *exchange, const char *header)
{
	struct curl_slist *longer = curl_slist_append(exchange->headers, header);
	if (!longer)
		BUG("out of memory in curl");
	exchange->headers = longer;
}

static int set_upload(struct exchange *exchange, const struct call_request *request, struct err *err)
{
	struct stat status;
	if (fstat(request->upload_fd, &status) < 0)
		return err_set_errno(err, ERR_ENVIRONMENT, errno, "the archive to send");
	if (!S_ISREG(status.st_mode))
		return err_set(err, ERR_ENVIRONMENT,
		    "the archive to send is not a regular file, whose reading never waits");
	exchange->upload_fd = request->upload_fd;
	add_header(exchange, "Content-Type: application/x-tar");
	curl_easy_setopt(exchange->easy, CURLOPT_READFUNCTION, send_upload);
	curl_easy_setopt(exchange->easy, CURLOPT_READDATA, exchange);
	curl_easy_setopt(exchange->easy, CURLOPT_SEEKFUNCTION, seek_upload);
	curl_easy_setopt(exchange->easy, CURLOPT_SEEKDATA, exchange);
	curl_easy_setopt(exchange->easy, CURLOPT_POST, 1L);
	curl_easy_setopt(exchange->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)status.st_size);
	return 0;
}

static int set_body(struct exchange *exchange, const struct call_request *request, struct err *err)
{
	CURL *easy = exchange->easy;
	if (request->uploads)
		return set_upload(exchange, request, err);
	if (request->body) {
		exchange->body = json_dumps(request->body, JSON_COMPACT | JSON_ENCODE_ANY);
		if (!exchange->body)
			return err_set(err, ERR_ENVIRONMENT,
			    "the request cannot be written as JSON (text that is not UTF-8?)");
		add_header(exchange, "Content-Type: application/json");
	}
	if (strcmp(request->method, "GET") != 0 || exchange->body) {
		/* With an empty body no type either: the engine would refuse a form. */
		if (!exchange->body)
			add_header(exchange, "Content-Type:");
		curl_easy_setopt(easy, CURLOPT_POSTFIELDS, exchange->body ? exchange->body : "");
		curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
		    (curl_off_t)(exchange->body ? strlen(exchange->body) : 0));
		curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
	}
	return 0;
}

static void set_times(struct exchange *exchange, const struct call_request *request)
{
	CURL *easy = exchange->easy;
	int64_t timeout_ns = request->timeout_ns ? request->timeout_ns : TIMEOUT_DEFAULT_NS;
	exchange->timeout_ns = timeout_ns;
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)(TIMEOUT_CONNECT_NS / NS_PER_MS));
	if (timeout_ns > 0)
		curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)((timeout_ns + NS_PER_MS - 1) / NS_PER_MS));
	if (timeout_ns < 0 && request->silence_ns) {
		curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
		curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, (long)(request->silence_ns / NS_PER_S));
	}
}

static void set_address(
    struct exchange *exchange, const struct engine *engine, const struct call_request *request)
{
	CURL *easy = exchange->easy;
	struct buf url CLEANUP(buf_release) = { 0 };
	buf_add_string(&url, engine->address.base_url);
	if (!request->is_versionless)
		buf_addf(&url, "/v%s", *engine->api_version ? engine->api_version : ENGINE_API_OLDEST);
	buf_add_string(&url, request->path);
	curl_easy_setopt(easy, CURLOPT_URL, buf_string(&url));
	/* A container named ".." is a wrong name, not another path. */
	curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
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

int exchange_init(struct exchange *exchange, const struct engine *engine, const struct call_request *request,
    struct err *err)
{
	CURL *easy = curl_easy_init();
	if (!easy)
		BUG("curl_easy_init");
	exchange->easy = easy;
	set_address(exchange, engine, request);
	set_times(exchange, request);
	/* Or curl waits a second for the engine's "100 Continue". */
	add_header(exchange, "Expect:");
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "falsestart");
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, exchange->curl_error);
	if (set_body(exchange, request, err) < 0)
		return -1;
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, exchange->headers);
	return 0;
}

void exchange_release(struct exchange *exchange)
{
	curl_easy_cleanup(exchange->easy);
	curl_slist_free_all(exchange->headers);
	free(exchange->body);
}

long exchange_status(const struct exchange *exchange)
{
	long status = 0;
	curl_easy_getinfo(exchange->easy, CURLINFO_RESPONSE_CODE, &status);
	return status;
}

int exchange_explain(const struct exchange *exchange, const struct engine *engine,
    const struct call_request *request, CURLcode result, struct err *err)
{
	if (err_is_set(&exchange->upload_failure)) {
		*err = exchange->upload_failure;
		return -1;
	}
	long connect_errno = 0;
	curl_easy_getinfo(exchange->easy, CURLINFO_OS_ERRNO, &connect_errno);
	int64_t allowed_ns = exchange->timeout_ns;
	curl_off_t connect_us = 0;
	curl_easy_getinfo(exchange->easy, CURLINFO_CONNECT_TIME_T, &connect_us);
	if (connect_us == 0 && (allowed_ns < 0 || allowed_ns > TIMEOUT_CONNECT_NS))
		allowed_ns = TIMEOUT_CONNECT_NS;
	else if (allowed_ns < 0)
		allowed_ns = request->silence_ns;
	return reply_missing(
	    result, &engine->address, (int)connect_errno, allowed_ns, exchange->curl_error, err);
}
