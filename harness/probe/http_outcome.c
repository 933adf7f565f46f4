#include "probe/http_outcome.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

const char *probe_outcome_name(enum probe_outcome outcome)
{
	switch (outcome) {
	case PROBE_ANSWERED:
		return "answered";
	case PROBE_REFUSED:
		return "refused";
	case PROBE_RESET:
		return "reset";
	case PROBE_TIMEOUT:
		return "timeout";
	case PROBE_UNREACHABLE:
		return "unreachable";
	case PROBE_GARBAGE:
		return "garbage";
	}
	BUG("probe outcome %d", (int)outcome);
}

static enum probe_outcome outcome_of_errno(int errnum)
{
	switch (errnum) {
	case ECONNREFUSED:
		return PROBE_REFUSED;
	case ECONNRESET:
	case EPIPE:
		return PROBE_RESET;
	case ETIMEDOUT:
		return PROBE_TIMEOUT;
	default: /* ENETUNREACH, EHOSTUNREACH, EADDRNOTAVAIL, EACCES, EPERM …: this host could not get there
		  */
		return PROBE_UNREACHABLE;
	}
}

static enum probe_outcome say(char *words, enum probe_outcome outcome, const char *text)
{
	snprintf(words, HTTP_OUTCOME_WORDS_MAX, "%s", text);
	return outcome;
}

static enum probe_outcome say_errno(char *words, enum probe_outcome outcome, int errnum, const char *text)
{
	char reason[128];
	snprintf(words, HTTP_OUTCOME_WORDS_MAX, "%s: %s", text, strerror_r(errnum, reason, sizeof(reason)));
	return outcome;
}

/* Reading or writing failed. Without an errno it is curl that did not understand (a bad chunk size, say), but
 * under TLS the errno is OpenSSL's to keep and a hang-up is the likelier cause. */
static enum probe_outcome broken_off(CURL *easy, const char *curl_words, long errnum, char *words)
{
	if (errnum)
		return say_errno(words, outcome_of_errno((int)errnum), (int)errnum, "while talking");
	char *scheme = NULL;
	curl_easy_getinfo(easy, CURLINFO_SCHEME, &scheme);
	bool tls = scheme && strcasecmp(scheme, "https") == 0;
	return say(words, tls ? PROBE_RESET : PROBE_GARBAGE, curl_words);
}

enum probe_outcome http_outcome(CURL *easy, CURLcode result, const struct http_answer *got,
    const char *curl_words, char ret_words[static HTTP_OUTCOME_WORDS_MAX])
{
	long errnum = 0;
	curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &errnum);
	const char *reason = curl_words[0] ? curl_words : curl_easy_strerror(result);
	ret_words[0] = '\0';
	if (got->header_bytes > PROBE_HEADERS_MAX) {
		snprintf(
		    ret_words, HTTP_OUTCOME_WORDS_MAX, "more than %d bytes of headers", PROBE_HEADERS_MAX);
		return PROBE_GARBAGE;
	}
	if (got->body.cut)
		return PROBE_ANSWERED;
	switch ((int)result) {
	case CURLE_OK:
		/* curl takes a connection closed between two header lines for an answer. */
		if (!got->headers_whole)
			return say(ret_words, PROBE_RESET, "closed in the middle of the headers");
		return PROBE_ANSWERED;
	case CURLE_COULDNT_CONNECT:
		if (!errnum)
			return say(ret_words, PROBE_UNREACHABLE, reason);
		return say_errno(ret_words, outcome_of_errno((int)errnum), (int)errnum, "connect");
	case CURLE_OPERATION_TIMEDOUT:
		return say(ret_words, PROBE_TIMEOUT, reason);
	case CURLE_GOT_NOTHING:
		return say(ret_words, PROBE_RESET, "closed without an answer");
	case CURLE_PARTIAL_FILE:
		return say(ret_words, PROBE_RESET, "closed in the middle of the body");
	case CURLE_SEND_ERROR:
	case CURLE_RECV_ERROR:
	case CURLE_SSL_CONNECT_ERROR:
		return broken_off(easy, reason, errnum, ret_words);
	case CURLE_OUT_OF_MEMORY: /* what curl 7 says of one header line over its own limit of 100 kB */
		return say(ret_words, PROBE_GARBAGE, "a header line without end");
	default:
		return say(ret_words, PROBE_GARBAGE, reason);
	}
}
