/* Networks, and the volumes beside them: what a world has that is no container. */
#include "engine/call.h"
#include "engine/url.h"

/* /<kind>/<id><action> */
static struct engine_call *act(struct engine *engine, const char *verb, const char *kind, const char *id,
    const char *action, struct call_request request)
{
	struct buf path CLEANUP(buf_release) = { 0 };
	buf_addf(&path, "/%s/", kind);
	url_add_encoded(&path, id, false);
	buf_add_string(&path, action);
	char *doing OWNED = call_doing(verb, id);
	request.path = buf_string(&path);
	request.doing = doing;
	return call_start(engine, &request);
}

static struct engine_call *list(struct engine *engine, const char *path_start, const char *doing,
    const json_t *filters, engine_done *done, void *owner)
{
	struct buf path CLEANUP(buf_release) = { 0 };
	buf_add_string(&path, path_start);
	url_add_query_json(&path, "filters", filters);
	struct engine_request request = { .method = "GET", .path = buf_string(&path), .doing = doing };
	return engine_request(engine, &request, done, owner);
}

struct engine_call *engine_network_create(
    struct engine *engine, const json_t *config, engine_done *done, void *owner)
{
	const char *name = json_string_value(json_object_get(config, "Name"));
	char *doing OWNED = call_doing("create network", name ? name : "(unnamed)");
	struct engine_request request = {
		.method = "POST", .path = "/networks/create", .doing = doing, .body = config
	};
	return engine_request(engine, &request, done, owner);
}

struct engine_call *engine_network_inspect(
    struct engine *engine, const char *id, engine_done *done, void *owner)
{
	return act(engine, "inspect network", "networks", id, "",
	    (struct call_request){ .method = "GET", .done = done, .owner = owner });
}

struct engine_call *engine_network_connect(
    struct engine *engine, const char *id, const json_t *config, engine_done *done, void *owner)
{
	return act(engine, "connect a container to network", "networks", id, "/connect",
	    (struct call_request){ .method = "POST", .body = config, .done = done, .owner = owner });
}

struct engine_call *engine_network_disconnect(
    struct engine *engine, const char *id, const char *container, engine_done *done, void *owner)
{
	/* Forced: a container that is just dying must not keep its end of the network. */
	json_t *config = json_pack("{s:s, s:b}", "Container", container, "Force", 1);
	struct engine_call *call =
	    act(engine, "disconnect a container from network", "networks", id, "/disconnect",
		(struct call_request){ .method = "POST", .body = config, .done = done, .owner = owner });
	json_decref(config);
	return call;
}

struct engine_call *engine_network_remove(
    struct engine *engine, const char *id, engine_done *done, void *owner)
{
	return act(engine, "remove network", "networks", id, "",
	    (struct call_request){ .method = "DELETE", .also_success = 404, .done = done, .owner = owner });
}

struct engine_call *engine_network_list(
    struct engine *engine, const json_t *filters, engine_done *done, void *owner)
{
	return list(engine, "/networks", "list networks", filters, done, owner);
}

struct engine_call *engine_volume_list(
    struct engine *engine, const json_t *filters, engine_done *done, void *owner)
{
	return list(engine, "/volumes", "list volumes", filters, done, owner);
}

struct engine_call *engine_volume_remove(
    struct engine *engine, const char *name, engine_done *done, void *owner)
{
	return act(engine, "remove volume", "volumes", name, "?force=1",
	    (struct call_request){ .method = "DELETE", .also_success = 404, .done = done, .owner = owner });
}
