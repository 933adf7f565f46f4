/* http_outcome: what curl's end of a transfer means in the words of a probe. Private to this room. */
#ifndef PROBE_HTTP_OUTCOME_H
#define PROBE_HTTP_OUTCOME_H

#include "base/buf.h"
#include "probe/probe.h"

/* What arrived of an answer. */
struct http_answer {
	struct buf headers;  /* of the last answer begun, "Name: value\n…" */
	struct buf body;     /* at most PROBE_BODY_MAX */
	size_t header_bytes; /* of all answers begun, interim ones included */
	bool headers_whole;  /* the blank line came */
};

#define HTTP_OUTCOME_WORDS_MAX 320

/* `curl_words` is the error buffer. `ret_words` is set unless answered. */
enum probe_outcome http_outcome(CURL *easy, CURLcode result, const struct http_answer *got,
    const char *curl_words, char ret_words[static HTTP_OUTCOME_WORDS_MAX]);

#endif
