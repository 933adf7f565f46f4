#include "base/duration.h"
#include "engine/call.h"
#include "engine/url.h"

#include <stdio.h>
#include <string.h>

/* The engine kills after the grace and then still waits for the process, the network and the file systems. */
#define STOP_MARGIN_NS (30 * NS_PER_S)
/* Unpacking nothing, but writing a layer's metadata on a slow disk under load. */
#define CREATE_TIMEOUT_NS (120 * NS_PER_S)

/* A call about one container: /containers/<id><action>, `query` ready-made ("?t=5") or NULL. */
static struct engine_call *act(struct engine *engine, const char *verb, const char *id, const char *action,
    const char *query, struct call_request request)
{
	struct buf path CLEANUP(buf_release) = { 0 };
	buf_add_string(&path, "/containers/");
	url_add_encoded(&path, id, false);
	buf_add_string(&path, action);
	buf_add_string(&path, query ? query : "");
	char *doing OWNED = call_doing(verb, id);
	request.path = buf_string(&path);
	request.doing = doing;
	if (!request.method)
		request.method = "POST";
	return call_start(engine, &request);
}

struct engine_call *engine_container_create(
    struct engine *engine, const char *name, const json_t *config, engine_done *done, void *owner)
{
	struct buf path CLEANUP(buf_release) = { 0 };
	buf_add_string(&path, "/containers/create");
	if (name)
		url_add_query(&path, "name", name);
	char *doing OWNED = call_doing("create container", name ? name : "(unnamed)");
	struct call_request request = { .method = "POST",
		.path = buf_string(&path),
		.doing = doing,
		.body = config,
		.timeout_ns = CREATE_TIMEOUT_NS,
		.done = done,
		.owner = owner };
	return call_start(engine, &request);
}

struct engine_call *engine_container_start(
    struct engine *engine, const char *id, engine_done *done, void *owner)
{
	return act(engine, "start container", id, "/start", NULL,
	    (struct call_request){ .also_success = 304, .done = done, .owner = owner });
}

/* The API counts grace in whole seconds: rounded up, since less would be a SIGKILL the caller did not ask
 * for. */
static struct engine_call *act_with_grace(struct engine *engine, const char *verb, const char *id,
    const char *action, int64_t grace_ns, engine_done *done, void *owner)
{
	int64_t seconds = grace_ns > 0 ? (grace_ns + NS_PER_S - 1) / NS_PER_S : 0;
	char query[32];
	snprintf(query, sizeof(query), "?t=%lld", (long long)seconds);
	return act(engine, verb, id, action, query,
	    (struct call_request){ .also_success = 304,
		.timeout_ns = seconds * NS_PER_S + STOP_MARGIN_NS,
		.done = done,
		.owner = owner });
}

struct engine_call *engine_container_stop(
    struct engine *engine, const char *id, int64_t grace_ns, engine_done *done, void *owner)
{
	return act_with_grace(engine, "stop container", id, "/stop", grace_ns, done, owner);
}

struct engine_call *engine_container_restart(
    struct engine *engine, const char *id, int64_t grace_ns, engine_done *done, void *owner)
{
	return act_with_grace(engine, "restart container", id, "/restart", grace_ns, done, owner);
}

struct engine_call *engine_container_kill(
    struct engine *engine, const char *id, const char *signal_name, engine_done *done, void *owner)
{
	struct buf query CLEANUP(buf_release) = { 0 };
	url_add_query(&query, "signal", signal_name);
	return act(engine, "kill container", id, "/kill", buf_string(&query),
	    (struct call_request){ .done = done, .owner = owner });
}

struct engine_call *engine_container_pause(
    struct engine *engine, const char *id, engine_done *done, void *owner)
{
	return act(engine, "pause container", id, "/pause", NULL,
	    (struct call_request){ .done = done, .owner = owner });
}

struct engine_call *engine_container_unpause(
    struct engine *engine, const char *id, engine_done *done, void *owner)
{
	return act(engine, "unpause container", id, "/unpause", NULL,
	    (struct call_request){ .done = done, .owner = owner });
}

struct engine_call *engine_container_inspect(
    struct engine *engine, const char *id, engine_done *done, void *owner)
{
	return act(engine, "inspect container", id, "/json", NULL,
	    (struct call_request){ .method = "GET", .done = done, .owner = owner });
}

struct engine_call *engine_container_wait(
    struct engine *engine, const char *id, engine_done *done, void *owner)
{
	return act(engine, "wait for container", id, "/wait", NULL,
	    (struct call_request){ .timeout_ns = CALL_NO_TIMEOUT, .done = done, .owner = owner });
}

/* Somebody else (the reaper, a person) is removing it: gone is gone, so their end is waited for. */
static char *wait_for_removal(struct call_request *request, const char *path, long status)
{
	if (status != 409)
		return NULL;
	request->method = "POST";
	request->otherwise = NULL;
	return xasprintf("%.*s/wait?condition=removed", (int)strcspn(path, "?"), path);
}

struct engine_call *engine_container_remove(
    struct engine *engine, const char *id, engine_done *done, void *owner)
{
	return act(engine, "remove container", id, "", "?force=1&v=1",
	    (struct call_request){ .method = "DELETE",
		.also_success = 404,
		.otherwise = wait_for_removal,
		.done = done,
		.owner = owner });
}

struct engine_call *engine_container_stats(
    struct engine *engine, const char *id, engine_done *done, void *owner)
{
	return act(engine, "measure container", id, "/stats", "?stream=0&one-shot=1",
	    (struct call_request){ .method = "GET", .done = done, .owner = owner });
}

struct engine_call *engine_container_list(
    struct engine *engine, const json_t *filters, engine_done *done, void *owner)
{
	struct buf path CLEANUP(buf_release) = { 0 };
	buf_add_string(&path, "/containers/json?all=1");
	url_add_query_json(&path, "filters", filters);
	struct engine_request request = {
		.method = "GET", .path = buf_string(&path), .doing = "list containers"
	};
	return engine_request(engine, &request, done, owner);
}
