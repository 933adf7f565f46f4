#include "run/sandbox.h"

#include "base/duration.h"
#include "run/phasing.h"
#include "run/wire_attempts.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* A silent agent is found out within two of these. */
static const int64_t ALIVE_EVERY_NS = 2 * NS_PER_S;

struct sandbox {
	struct world *world;
	size_t index;
	const struct service *service;
	char *name;
	struct engine_call *call;
	struct agent_link *link;
	json_t *network_settings;
	char nobody[INET_ADDRSTRLEN];
	bool failed;
	struct timer *alive;
	int64_t alive_ns;   /* it certainly worked then, in the loop's time */
	sandbox_done *done; /* of what is under way: opening, or flushing */
	void *owner;
};

struct sandbox *sandbox_new(struct world *world, size_t service)
{
	struct sandbox *sandbox = xcalloc(1, sizeof(*sandbox));
	sandbox->world = world;
	sandbox->index = service;
	sandbox->service = &world->config.plan->stack->services[service];
	sandbox->name = world_sandbox_name(&world->identity, sandbox->service->name);
	return sandbox;
}

void sandbox_free(struct sandbox *sandbox)
{
	if (!sandbox)
		return;
	engine_cancel(sandbox->call);
	agent_link_free(sandbox->link);
	timer_cancel(sandbox->alive);
	json_decref(sandbox->network_settings);
	free(sandbox->name);
	free(sandbox);
}

bool sandbox_is_quiet(const struct sandbox *sandbox)
{
	return !sandbox || !sandbox->call;
}

const char *service_protocol_on(const struct service *service, int port)
{
	return service->protocol && service->protocol_port == port ? service->protocol : "tcp";
}

/* ---- addresses ---- */

static const json_t *endpoint_settings(const struct sandbox *sandbox)
{
	char *network OWNED = world_network_name(&sandbox->world->identity);
	return json_object_get(json_object_get(sandbox->network_settings, "Networks"), network);
}

void sandbox_learn_network(struct sandbox *sandbox, json_t *settings)
{
	json_decref(sandbox->network_settings);
	sandbox->network_settings = json_incref(settings);
}

size_t sandbox_addresses(const struct sandbox *sandbox, const char *addresses[SANDBOX_ADDRESSES_MAX])
{
	static const char *const keys[] = { "IPAddress", "GlobalIPv6Address" };
	size_t count = 0;
	for (size_t i = 0; i < ARRAY_LENGTH(keys); i++) {
		const char *address = json_string_value(json_object_get(endpoint_settings(sandbox), keys[i]));
		if (address && *address)
			addresses[count++] = address;
	}
	return count;
}

/* The last host address of the network: the engine gives them out from the first one on. */
static void find_nobody(struct sandbox *sandbox)
{
	const char *addresses[SANDBOX_ADDRESSES_MAX];
	struct in_addr address;
	if (sandbox_addresses(sandbox, addresses) == 0 || inet_pton(AF_INET, addresses[0], &address) != 1)
		return;
	long long length = json_integer_value(json_object_get(endpoint_settings(sandbox), "IPPrefixLen"));
	uint32_t hosts = length > 0 && length < 31 ? UINT32_MAX >> length : UINT32_MAX >> 24;
	address.s_addr = htonl((ntohl(address.s_addr) | hosts) - 1);
	inet_ntop(AF_INET, &address, sandbox->nobody, sizeof(sandbox->nobody));
}

const char *sandbox_nobody(const struct sandbox *sandbox)
{
	return sandbox->nobody;
}

static const char *published_port(const struct sandbox *sandbox, int port)
{
	char key[32];
	snprintf(key, sizeof(key), "%d/tcp", port);
	json_t *bindings = json_object_get(json_object_get(sandbox->network_settings, "Ports"), key);
	return json_string_value(json_object_get(json_array_get(bindings, 0), "HostPort"));
}

bool sandbox_endpoint(const struct sandbox *sandbox, int port, char *buffer, size_t size)
{
	const char *addresses[SANDBOX_ADDRESSES_MAX];
	if (sandbox->world->identity.published) {
		const char *host_port = published_port(sandbox, port);
		if (host_port)
			snprintf(buffer, size, "127.0.0.1:%s", host_port);
		return host_port;
	}
	/* An internal network has no published ports. */
	if (sandbox_addresses(sandbox, addresses) == 0)
		return false;
	snprintf(buffer, size, "%s:%d", addresses[0], port);
	return true;
}

/* ---- what the agent says ---- */

static void finish(struct sandbox *sandbox, const struct err *err)
{
	sandbox_done *done = sandbox->done;
	sandbox->done = NULL;
	if (done)
		done(sandbox->owner, err);
}

static void failed(void *owner, const struct err *err)
{
	struct sandbox *sandbox = owner;
	timer_cancel(sandbox->alive);
	sandbox->alive = NULL;
	sandbox->failed = true;
	/* After the world's end only while it is being heard out. */
	if (sandbox->done || !world_is_over(sandbox->world))
		world_fail_since(sandbox->world, err, sandbox->alive_ns);
	finish(sandbox, err);
}

static void record_lateness(struct sandbox *sandbox, const struct notice *notice)
{
	char *of OWNED = xasprintf("%s%s", LATENESS_OF_AGENT, sandbox->service->name);
	recorder_add(sandbox->world->recorder, (struct event){ .kind = EVENT_LATENESS,
						   .from_ns = notice->at_ns - 250 * NS_PER_MS,
						   .to_ns = notice->at_ns,
						   .of = of,
						   .lateness = { .worst_ns = notice->number } });
}

static void record_loss(struct sandbox *sandbox, const struct notice *notice)
{
	char what[160];
	snprintf(what, sizeof(what), "the tap of `%s` lost %lld of the packets it should have seen",
	    sandbox->service->name, (long long)notice->number);
	recorder_add(sandbox->world->recorder, (struct event){ .kind = EVENT_TROUBLE,
						   .from_ns = notice->at_ns,
						   .to_ns = notice->at_ns,
						   .of = sandbox->service->name,
						   .trouble = { .what = what } });
}

static void noticed(void *owner, const struct notice *notice)
{
	struct sandbox *sandbox = owner;
	struct world *world = sandbox->world;
	if (!world->recorder || (world_is_over(world) && notice->at_ns > world->ended_ns))
		return;
	if (notice->kind == NOTICE_LATE)
		record_lateness(sandbox, notice);
	else if (notice->kind == NOTICE_LOST)
		record_loss(sandbox, notice);
	else if (notice->kind == NOTICE_PHASE)
		phasing_feed(world->phasing, sandbox->index, notice);
	else if (world->wire_attempts)
		wire_attempts_feed(world->wire_attempts, sandbox->index, notice);
}

static void answered_alive(void *owner, int64_t from_ns, int64_t to_ns, const struct err *err);

static void ask_alive(void *owner)
{
	struct sandbox *sandbox = owner;
	sandbox->alive = NULL;
	agent_link_command(sandbox->link, answered_alive, sandbox, "ping");
}

static void answered_alive(void *owner, int64_t from_ns, int64_t to_ns, const struct err *err)
{
	(void)to_ns;
	struct sandbox *sandbox = owner;
	struct loop *loop = sandbox->world->config.loop;
	if (err) {
		failed(sandbox, err);
		return;
	}
	sandbox->alive_ns = from_ns;
	sandbox->alive = timer_start(loop, loop_now_ns(loop) + ALIVE_EVERY_NS, ask_alive, sandbox);
}

/* ---- opening ---- */

static void inspected(void *owner, json_t *reply, const struct err *err)
{
	struct sandbox *sandbox = owner;
	sandbox->call = NULL;
	if (!err) {
		sandbox_learn_network(sandbox, json_object_get(reply, "NetworkSettings"));
		find_nobody(sandbox);
		ask_alive(sandbox);
	}
	finish(sandbox, err);
	world_on_quiet(sandbox->world);
}

static void ready(void *owner)
{
	struct sandbox *sandbox = owner;
	sandbox->call =
	    engine_container_inspect(sandbox->world->config.engine, sandbox->name, inspected, sandbox);
}

static const struct agent_link_events link_events = { .ready = ready, .notice = noticed, .failed = failed };

static void created(void *owner, json_t *reply, const struct err *err)
{
	(void)reply;
	struct sandbox *sandbox = owner;
	sandbox->call = NULL;
	if (!err && !world_is_over(sandbox->world))
		sandbox->link = agent_link_new(sandbox->world->config.loop, sandbox->world->config.engine,
		    sandbox->name, sandbox->service->name, &link_events, sandbox);
	else
		finish(sandbox, err);
	world_on_quiet(sandbox->world);
}

void sandbox_open(struct sandbox *sandbox, sandbox_done *done, void *owner)
{
	int ports[16];
	struct world *world = sandbox->world;
	size_t count = world_probed_ports(world, sandbox->index, ports, ARRAY_LENGTH(ports));
	json_t *config =
	    sandbox_config(&world->identity, sandbox->service, world->config.agent_image, ports, count);
	sandbox->done = done;
	sandbox->owner = owner;
	sandbox->alive_ns = loop_now_ns(world->config.loop);
	sandbox->call =
	    engine_container_create(world->config.engine, sandbox->name, config, created, sandbox);
	json_decref(config);
}

void sandbox_command(struct sandbox *sandbox, agent_link_done *done, void *owner, const char *format, ...)
{
	char line[AGENT_COMMAND_MAX + 1];
	va_list arguments;
	va_start(arguments, format);
	int length = vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	if (length < 0 || length > AGENT_COMMAND_MAX)
		BUG("a command of %d bytes for an agent", length);
	agent_link_command(sandbox->link, done, owner, "%s", line);
}

static void told_the_time(void *owner, int64_t from_ns, int64_t to_ns, const struct err *err)
{
	(void)from_ns;
	(void)to_ns;
	if (err)
		failed(owner, err);
}

void sandbox_ask_the_time(struct sandbox *sandbox)
{
	if (!sandbox->failed)
		agent_link_command(sandbox->link, told_the_time, sandbox, "ping");
}

/* ---- the end ---- */

static void flushed(void *owner, int64_t from_ns, int64_t to_ns, const struct err *err)
{
	(void)from_ns;
	(void)to_ns;
	if (err)
		failed(owner, err);
	else
		finish(owner, NULL);
}

bool sandbox_flush(struct sandbox *sandbox, sandbox_done *done, void *owner)
{
	if (!sandbox->network_settings || sandbox->failed)
		return false;
	sandbox->done = done;
	sandbox->owner = owner;
	agent_link_command(sandbox->link, flushed, sandbox, "ping");
	return true;
}
