#include "engine/reply.h"

#include "base/buf.h"
#include "base/duration.h"
#include "engine/json_text.h"

#include <errno.h>
#include <string.h>

/* The engine's messages can hold a whole stack of wrapped causes; what is not the engine's is shown shorter.
 */
#define MESSAGE_MAX 1000
#define STRANGE_MAX 200

int reply_read(const char *content_type, const char *body, size_t length, json_t **ret_value, struct err *err)
{
	*ret_value = NULL;
	if (length == 0 || !content_type || strncmp(content_type, "application/json", 16) != 0)
		return 0;
	*ret_value = json_text_parse(body, length, err);
	if (!*ret_value)
		return err_wrap(err, "the engine's reply is broken");
	return 0;
}

/* "message" of the Docker engine, "cause"/"message" of Podman. */
static json_t *engine_message(const char *body, size_t length)
{
	struct err ignored = ERR_INIT;
	json_t *value CLEANUP(json_release) = length ? json_text_parse(body, length, &ignored) : NULL;
	json_t *message = json_object_get(value, "message");
	return json_is_string(message) && json_string_length(message) ? json_incref(message) : NULL;
}

int reply_refused(long status, const char *body, size_t length, struct err *err)
{
	json_t *message CLEANUP(json_release) = engine_message(body, length);
	struct buf text CLEANUP(buf_release) = { 0 };
	if (message) {
		size_t message_length = json_string_length(message);
		const char *bytes = json_string_value(message);
		while (message_length && strchr("\r\n ", bytes[message_length - 1]))
			message_length--;
		buf_add_visible(&text, bytes, message_length, MESSAGE_MAX);
	} else {
		buf_addf(&text, "HTTP status %ld without the message an engine gives", status);
		if (length) {
			buf_add_string(&text, "; it begins: ");
			buf_add_visible(&text, body, length, STRANGE_MAX);
		}
	}
	err_set(err, status == 404 ? ERR_NOT_FOUND : ERR_ENVIRONMENT, "%s", buf_string(&text));
	if (err)
		err->status = (int)status;
	return -1;
}

int reply_missing(CURLcode result, const struct address *address, int connect_errno, int64_t timeout_ns,
    const char *detail, struct err *err)
{
	struct buf shown CLEANUP(buf_release) = { 0 };
	if (!detail || !*detail)
		detail = curl_easy_strerror(result);
	buf_add_visible(&shown, detail, strlen(detail), STRANGE_MAX);
	const char *what = buf_string(&shown);

	/* curl has a hundred codes; those not named here are told in curl's own words. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wswitch-enum"
	switch (result) {
	case CURLE_COULDNT_CONNECT:
		if (address->socket_path)
			return address_explain(
			    address->socket_path, connect_errno ? connect_errno : ECONNREFUSED, err);
		return err_set(err, ERR_ENVIRONMENT,
		    "no Docker engine answers at %s: %s; is it running, and does it listen on TCP?",
		    address->text, connect_errno ? strerror(connect_errno) : what);
	case CURLE_COULDNT_RESOLVE_HOST:
		return err_set(err, ERR_ENVIRONMENT, "the host of the engine's address %s is unknown (%s)",
		    address->text, what);
	case CURLE_OPERATION_TIMEDOUT: {
		char duration[DURATION_TEXT_MAX];
		return err_set(err, ERR_ENVIRONMENT,
		    "the engine at %s gave no answer within %s; is it overloaded or stuck? (docker info "
		    "would hang too)",
		    address->text, duration_format(timeout_ns, duration));
	}
	case CURLE_GOT_NOTHING:
	case CURLE_PARTIAL_FILE:
	case CURLE_RECV_ERROR:
	case CURLE_SEND_ERROR:
		return err_set(err, ERR_ENVIRONMENT,
		    "the engine at %s vanished before its reply was whole (%s); was it stopped or restarted?",
		    address->text, what);
	case CURLE_UNSUPPORTED_PROTOCOL:
	case CURLE_WEIRD_SERVER_REPLY:
	case CURLE_HTTP_RETURNED_ERROR:
		return err_set(err, ERR_ENVIRONMENT, "what answers at %s is not a Docker engine (%s)",
		    address->text, what);
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_PEER_FAILED_VERIFICATION:
		return err_set(err, ERR_ENVIRONMENT,
		    "TLS to the engine at %s failed (%s); are the certificates in DOCKER_CERT_PATH those for "
		    "this engine?",
		    address->text, what);
	default:
		return err_set(
		    err, ERR_ENVIRONMENT, "talking to the engine at %s failed: %s", address->text, what);
	}
#pragma GCC diagnostic pop
}
