#include "probe/http_exchange.h"

#include "base/buf.h"
#include "base/duration.h"
#include "loop/loop.h"
#include "probe/http_outcome.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <strings.h>

struct http_exchange {
	struct loop *loop;
	CURL *easy;
	struct curl_slist *request_headers;
	char *refusal; /* why the URL cannot be asked; NULL if it can */
	struct transfer *transfer;
	struct timer *refuse;
	struct http_answer got;
	char curl_words[CURL_ERROR_SIZE];
	int64_t sent_ns;
	probe_done *done;
	void *owner;
};

/* curl gives one line at a time, also of interim answers (100 Continue) and trailers. */
static size_t take_header(char *line, size_t size, size_t count, void *owner)
{
	struct http_answer *got = owner;
	size_t length = size * count;
	got->header_bytes += length;
	if (got->header_bytes > PROBE_HEADERS_MAX)
		return 0; /* curl stops with CURLE_WRITE_ERROR */
	size_t text = length;
	while (text > 0 && (line[text - 1] == '\n' || line[text - 1] == '\r'))
		text--;
	if (length >= 5 && memcmp(line, "HTTP/", 5) == 0) {
		/* A new answer; what an interim one said is not the answer's. */
		buf_clear(&got->headers);
		got->headers_whole = false;
	} else if (text == 0) {
		got->headers_whole = true;
	} else {
		buf_add(&got->headers, line, text);
		buf_add_char(&got->headers, '\n');
	}
	return length;
}

static size_t take_body(char *bytes, size_t size, size_t count, void *owner)
{
	struct http_answer *got = owner;
	buf_add(&got->body, bytes, size * count);
	return got->body.cut ? 0 : size * count;
}

/* No name is ever looked up: the resolver of the host has no business in a world. */
static char *refuse_url(const char *url)
{
	CURLU *parts = curl_url();
	char *scheme = NULL;
	char *host = NULL;
	char *refusal = NULL;
	if (curl_url_set(parts, CURLUPART_URL, url, 0) || curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0) ||
	    curl_url_get(parts, CURLUPART_HOST, &host, 0)) {
		refusal = xasprintf("\"%.200s\" is not a URL; write http://ADDRESS:PORT/PATH", url);
	} else if (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0) {
		refusal = xasprintf("\"%.200s\": only http and https can be asked", url);
	} else {
		struct in6_addr address;
		size_t length = strlen(host);
		if (host[0] == '[' && length > 1) {
			host[length - 1] = '\0';
			if (inet_pton(AF_INET6, host + 1, &address) != 1)
				refusal = xasprintf("[%.200s] is not an address", host + 1);
		} else if (inet_pton(AF_INET, host, &address) != 1) {
			refusal =
			    xasprintf("\"%.200s\" is not an address; names are not looked up here", host);
		}
	}
	curl_free(scheme);
	curl_free(host);
	curl_url_cleanup(parts);
	return refusal;
}

static bool has_header(const char *const *headers, const char *name)
{
	size_t length = strlen(name);
	for (; headers && *headers; headers++)
		if (strncasecmp(*headers, name, length) == 0 && (*headers)[length] == ':')
			return true;
	return false;
}

static void add_header(struct http_exchange *exchange, const char *header)
{
	struct curl_slist *longer = curl_slist_append(exchange->request_headers, header);
	if (!longer)
		BUG("curl_slist_append");
	exchange->request_headers = longer;
}

static void set_request(struct http_exchange *exchange, const struct probe_request *request)
{
	CURL *easy = exchange->easy;
	for (const char *const *header = request->headers; header && *header; header++)
		add_header(exchange, *header);
	if (request->host && !has_header(request->headers, "Host")) {
		char *host OWNED = xasprintf("Host: %s", request->host);
		add_header(exchange, host);
	}
	if (request->body) {
		curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long)strlen(request->body));
		curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, request->body);
		/* curl would claim a form and, for larger bodies, wait for 100 Continue. */
		if (!has_header(request->headers, "Content-Type"))
			add_header(exchange, "Content-Type:");
		if (!has_header(request->headers, "Expect"))
			add_header(exchange, "Expect:");
	}
	const char *method = request->method ? request->method : "GET";
	if (strcmp(method, "HEAD") == 0)
		curl_easy_setopt(easy, CURLOPT_NOBODY, 1L); /* else it would wait for the body announced */
	else if (request->body || strcmp(method, "GET") != 0)
		curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, exchange->request_headers);
}

/* The last packet of the handshake rides on the request, which follows at once: a sixth of what a fresh poll
 * costs. */
static int delay_first_ack(void *unused, curl_socket_t socket, curlsocktype purpose)
{
	(void)unused;
	(void)purpose;
	int no = 0;
	setsockopt(socket, IPPROTO_TCP, TCP_QUICKACK, &no, sizeof(no));
	return CURL_SOCKOPT_OK;
}

struct http_exchange *http_exchange_new(struct loop *loop, const struct probe_request *request, bool fresh)
{
	if (request->timeout_ns <= 0)
		BUG("a request to %s without a timeout", request->url);
	struct http_exchange *exchange = xcalloc(1, sizeof(*exchange));
	exchange->loop = loop;
	exchange->got.body.max = PROBE_BODY_MAX;
	exchange->refusal = refuse_url(request->url);
	CURL *easy = curl_easy_init();
	if (!easy)
		BUG("curl_easy_init");
	exchange->easy = easy;
	curl_easy_setopt(easy, CURLOPT_URL, request->url);
	curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(easy, CURLOPT_PROXY, ""); /* not the environment's either */
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "falsestart");
	/* Whether it answers is asked, not whether it can be trusted: an address is in no certificate. */
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
	curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, fresh ? 1L : 0L);
	curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, fresh ? 1L : 0L);
	curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, delay_first_ack);
	/* A request without a body is one write; nothing to hold back. */
	curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, request->body ? 1L : 0L);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)((request->timeout_ns + NS_PER_MS - 1) / NS_PER_MS));
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, exchange->curl_words);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, &exchange->got);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, &exchange->got);
	set_request(exchange, request);
	return exchange;
}

void http_exchange_free(struct http_exchange *exchange)
{
	if (!exchange)
		return;
	transfer_cancel(exchange->transfer);
	timer_cancel(exchange->refuse);
	curl_easy_cleanup(exchange->easy);
	curl_slist_free_all(exchange->request_headers);
	buf_release(&exchange->got.headers);
	buf_release(&exchange->got.body);
	free(exchange->refusal);
	free(exchange);
}

bool http_exchange_is_busy(const struct http_exchange *exchange)
{
	return exchange->transfer || exchange->refuse;
}

static void transfer_done(void *owner, CURLcode result)
{
	struct http_exchange *exchange = owner;
	exchange->transfer = NULL;
	struct probe_answer answer = { .sent_ns = exchange->sent_ns,
		.answered_ns = loop_now_ns(exchange->loop) };
	char words[HTTP_OUTCOME_WORDS_MAX];
	answer.outcome = http_outcome(exchange->easy, result, &exchange->got, exchange->curl_words, words);
	answer.headers = buf_string(&exchange->got.headers);
	answer.body = buf_string(&exchange->got.body);
	answer.body_length = exchange->got.body.length;
	answer.body_cut = exchange->got.body.cut;
	if (answer.outcome == PROBE_ANSWERED) {
		long status = 0;
		curl_easy_getinfo(exchange->easy, CURLINFO_RESPONSE_CODE, &status);
		answer.status = (int)status;
	} else {
		answer.detail = words;
	}
	/* Last: the owner may free us in it. */
	exchange->done(exchange->owner, &answer);
}

static void refuse(void *owner)
{
	struct http_exchange *exchange = owner;
	exchange->refuse = NULL;
	struct probe_answer answer = { .sent_ns = exchange->sent_ns,
		.answered_ns = loop_now_ns(exchange->loop),
		.outcome = PROBE_UNREACHABLE,
		.headers = "",
		.body = "",
		.detail = exchange->refusal };
	exchange->done(exchange->owner, &answer);
}

void http_exchange_start(struct http_exchange *exchange, probe_done *done, void *owner)
{
	if (http_exchange_is_busy(exchange))
		BUG("an exchange started while it is under way");
	exchange->done = done;
	exchange->owner = owner;
	buf_clear(&exchange->got.headers);
	buf_clear(&exchange->got.body);
	exchange->got.header_bytes = 0;
	exchange->got.headers_whole = false;
	exchange->curl_words[0] = '\0';
	exchange->sent_ns = loop_now_ns(exchange->loop);
	if (exchange->refusal)
		exchange->refuse = timer_start(exchange->loop, exchange->sent_ns, refuse, exchange);
	else
		exchange->transfer = transfer_start(exchange->loop, exchange->easy, transfer_done, exchange);
}
