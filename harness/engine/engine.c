#include "engine/call.h"

#include "base/duration.h"
#include "base/number.h"
#include "engine/json_text.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define NEGOTIATE_TIMEOUT_NS (15 * NS_PER_S)

struct engine *engine_open(struct loop *loop, const char *address, struct err *err)
{
	char *own_runtime_dir OWNED = xasprintf("/run/user/%lu", (unsigned long)getuid());
	const char *runtime_dir = getenv("XDG_RUNTIME_DIR");
	const struct surroundings surroundings = {
		.docker_host = getenv("DOCKER_HOST"),
		.tls_verify = getenv("DOCKER_TLS_VERIFY"),
		.cert_path = getenv("DOCKER_CERT_PATH"),
		.home = getenv("HOME"),
		.runtime_dir = runtime_dir && *runtime_dir ? runtime_dir : own_runtime_dir,
		.root = "",
	};
	struct address found;
	if (address_find(address, &surroundings, &found, err) < 0)
		return NULL;
	struct engine *engine = xcalloc(1, sizeof(*engine));
	engine->loop = loop;
	engine->address = found;
	return engine;
}

void engine_close(struct engine *engine)
{
	if (!engine)
		return;
	while (engine->attachments)
		engine_attachment_close(engine->attachments);
	while (engine->calls)
		engine_cancel(engine->calls);
	address_release(&engine->address);
	free(engine);
}

const char *engine_address(const struct engine *engine)
{
	return engine->address.text;
}

bool engine_is_local(const struct engine *engine)
{
	return engine->address.socket_path != NULL;
}

const char *engine_api_version(const struct engine *engine)
{
	return engine->api_version;
}

/* "1.41" as 1041; 0 if it is no version. */
static int version_number(const char *text)
{
	int64_t major, minor;
	if (number_scan(&text, 0, 999, &major) < 0 || *text++ != '.' ||
	    number_parse(text, 0, 999, &minor) < 0)
		return 0;
	return (int)(major * 1000 + minor);
}

/* `check` of GET /version: settles on a version, or says why there is none. */
static int settle_version(struct engine *engine, const json_t *reply, struct err *err)
{
	const char *theirs = json_text_member(reply, "ApiVersion");
	const char *their_oldest = json_text_member(reply, "MinAPIVersion");
	int newest = version_number(theirs);
	int our_newest = version_number(ENGINE_API_NEWEST);
	if (!newest)
		return err_set(err, ERR_ENVIRONMENT,
		    "what answers at %s gives no API version; it is not a Docker engine",
		    engine->address.text);
	if (newest < version_number(ENGINE_API_OLDEST))
		return err_set(err, ERR_ENVIRONMENT,
		    "the engine at %s speaks API %.15s at most, and %s is needed: upgrade it to Docker "
		    "Engine 20.10 or newer",
		    engine->address.text, theirs, ENGINE_API_OLDEST);
	if (version_number(their_oldest) > our_newest)
		return err_set(err, ERR_ENVIRONMENT,
		    "the engine at %s speaks no API older than %.15s, and falsestart none newer than %s: "
		    "upgrade falsestart",
		    engine->address.text, their_oldest, ENGINE_API_NEWEST);
	snprintf(engine->api_version, sizeof(engine->api_version), "%.15s",
	    newest < our_newest ? theirs : ENGINE_API_NEWEST);
	return 0;
}

struct engine_call *engine_negotiate(struct engine *engine, engine_done *done, void *owner)
{
	struct call_request request = { .method = "GET",
		.path = "/version",
		.is_versionless = true,
		.doing = "ask the engine for its version",
		.timeout_ns = NEGOTIATE_TIMEOUT_NS,
		.check = settle_version,
		.done = done,
		.owner = owner };
	return call_start(engine, &request);
}

struct engine_call *engine_ping(struct engine *engine, engine_done *done, void *owner)
{
	struct call_request request = { .method = "GET",
		.path = "/_ping",
		.is_versionless = true,
		.doing = "ping the engine",
		.timeout_ns = NEGOTIATE_TIMEOUT_NS,
		.done = done,
		.owner = owner };
	return call_start(engine, &request);
}

struct engine_call *engine_info(struct engine *engine, engine_done *done, void *owner)
{
	struct engine_request request = {
		.method = "GET", .path = "/info", .doing = "ask the engine about itself"
	};
	return engine_request(engine, &request, done, owner);
}

struct engine_call *engine_request(
    struct engine *engine, const struct engine_request *request, engine_done *done, void *owner)
{
	struct call_request full = { .method = request->method,
		.path = request->path,
		.doing = request->doing,
		.body = request->body,
		.timeout_ns = request->timeout_ns,
		.done = done,
		.owner = owner };
	return call_start(engine, &full);
}
