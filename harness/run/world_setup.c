/* What a world makes on the engine before its first step, in this order: the network; the volumes; the
 * sandboxes, and meanwhile the containers that will join them; what the agents have to know. */
#include "run/container.h"
#include "run/phasing.h"
#include "run/sandbox.h"
#include "run/steps.h"
#include "run/wire_attempts.h"
#include "run/world_private.h"

#include <stdio.h>

/* One of several things that go on at once has come to its end; the last one lets `next` follow. */
static void settle(struct world *world, const struct err *err, void (*next)(struct world *world))
{
	if (world_is_over(world))
		return;
	if (err)
		world_fail(world, err);
	else if (--world->pending == 0)
		next(world);
}

/* ---- what the agents have to know ---- */

static void begin_steps(void *owner, const struct err *err)
{
	struct world *world = owner;
	if (world_is_over(world))
		return;
	if (err)
		world_fail(world, err);
	else
		steps_begin(world->steps);
}

void world_begin(struct world *world)
{
	if (world_is_over(world))
		return;
	const struct plan *plan = world->config.plan;
	if (plan->phase_count > 0)
		phasing_begin(world->phasing, plan->phases, plan->phase_count, begin_steps, world);
	else
		steps_begin(world->steps);
}

static void set_up_done(struct world *world)
{
	world->config.set_up(world->config.owner, world);
}

static void told(void *owner, int64_t from_ns, int64_t to_ns, const struct err *err)
{
	(void)from_ns;
	(void)to_ns;
	settle(owner, err, set_up_done);
}

static void tell(struct world *world, size_t service, const char *line)
{
	world->pending++;
	sandbox_command(world->sandboxes[service], told, world, "%s", line);
}

static void tell_name(struct world *world, size_t whom, size_t service, const char *name)
{
	const char *addresses[SANDBOX_ADDRESSES_MAX];
	size_t count = sandbox_addresses(world->sandboxes[service], addresses);
	struct buf line CLEANUP(buf_release) = { 0 };
	buf_addf(&line, "name %s", name);
	for (size_t i = 0; i < count; i++)
		buf_addf(&line, " %s", addresses[i]);
	tell(world, whom, buf_string(&line));
}

static void tell_names(struct world *world, size_t whom)
{
	const struct stack *stack = world->config.plan->stack;
	for (size_t i = 0; i < stack->service_count; i++) {
		if (!world->sandboxes[i])
			continue;
		tell_name(world, whom, i, stack->services[i].name);
		for (size_t k = 0; k < stack->services[i].aliases.count; k++)
			tell_name(world, whom, i, stack->services[i].aliases.items[k]);
	}
	/* The engine's own resolver, which the agent's marked packets reach. */
	if (world->identity.egress) {
		tell(world, whom, "forward 127.0.0.11");
		return;
	}
	tell(world, whom, "alone");
	/* Published ports are dialled from outside, and answer there. */
	tell(world, whom, world->identity.internal ? "seal" : "seal answers");
}

static void tell_taps(struct world *world, size_t whom)
{
	const struct plan *plan = world->config.plan;
	char line[64];
	if (!wire_attempts_wants(plan, whom))
		return;
	for (size_t i = 0; i < plan->watch_count; i++) {
		const struct watch *watch = &plan->watches[i];
		if (watch->kind != WATCH_ATTEMPTS || watch->from_log || watch->service != whom)
			continue;
		const struct service *to = &plan->stack->services[watch->to_service];
		snprintf(
		    line, sizeof(line), "tap %d %s", watch->to_port, service_protocol_on(to, watch->to_port));
		tell(world, whom, line);
	}
	tell(world, whom, "tap on");
}

static void tell_agents(struct world *world)
{
	world->wire_attempts = wire_attempts_new(world);
	world->pending = 1;
	for (size_t i = 0; i < world->config.plan->stack->service_count; i++) {
		if (!world->sandboxes[i])
			continue;
		tell_names(world, i);
		tell_taps(world, i);
		if (world->gateway) {
			char line[64];
			snprintf(line, sizeof(line), "ignore %s", world->gateway);
			tell(world, i, line);
		}
	}
	settle(world, NULL, set_up_done);
}

/* ---- sandboxes and containers ---- */

static bool is_in_scripts(const struct phase_script *scripts, size_t count, size_t service)
{
	for (size_t i = 0; i < count; i++)
		if (scripts[i].service == service)
			return true;
	return false;
}

static bool is_ever_started(const struct plan *plan, size_t service)
{
	for (size_t i = 0; i < plan->step_count; i++)
		for (size_t k = 0; k < plan->steps[i].service_count; k++)
			if (plan->steps[i].services[k] == service)
				return true;
	return false;
}

/* What nobody starts, watches or gives a look to is not made: it costs nothing, and its name does not exist.
 */
static bool needs_sandbox(const struct plan *plan, size_t service)
{
	if (is_ever_started(plan, service) || is_in_scripts(plan->phases, plan->phase_count, service))
		return true;
	for (size_t i = 0; i < plan->step_count; i++)
		if (is_in_scripts(plan->steps[i].scripts, plan->steps[i].script_count, service))
			return true;
	for (size_t i = 0; i < plan->watch_count; i++)
		if (plan->watches[i].kind == WATCH_ATTEMPTS && plan->watches[i].to_service == service)
			return true;
	return false;
}

static void sandbox_opened(void *owner, const struct err *err)
{
	settle(owner, err, tell_agents);
}

static void container_made(void *owner, struct container *container, const struct err *err)
{
	(void)container;
	settle(owner, err, tell_agents);
}

static void make_containers(struct world *world)
{
	const struct plan *plan = world->config.plan;
	world->pending = 1;
	for (size_t i = 0; i < plan->stack->service_count; i++) {
		if (!needs_sandbox(plan, i))
			continue;
		world->pending++;
		world->sandboxes[i] = sandbox_new(world, i);
		sandbox_open(world->sandboxes[i], sandbox_opened, world);
	}
	for (size_t i = 0; i < plan->stack->service_count; i++) {
		if (!is_ever_started(plan, i))
			continue;
		world->pending++;
		container_create(world->containers[i], container_made, world);
	}
	settle(world, NULL, tell_agents);
}

/* ---- network and volumes ---- */

static void make_next_volume(struct world *world);

/* A call of set-up that stands alone is over. */
static void go_on(struct world *world, const struct err *err, void (*next)(struct world *world))
{
	world->call = NULL;
	if (world->over)
		world_on_quiet(world);
	else if (err)
		world_fail(world, err);
	else
		next(world);
}

static void volume_made(void *owner, json_t *reply, const struct err *err)
{
	(void)reply;
	go_on(owner, err, make_next_volume);
}

static void make_next_volume(struct world *world)
{
	const struct strings *volumes = &world->config.plan->stack->volumes;
	if (world->volumes_made == volumes->count) {
		make_containers(world);
		return;
	}
	const char *name = volumes->items[world->volumes_made++];
	char *doing OWNED = xasprintf("create volume `%s`", name);
	json_t *config = volume_config(&world->identity, name);
	struct engine_request request = {
		.method = "POST", .path = "/volumes/create", .doing = doing, .body = config
	};
	world->call = engine_request(world->config.engine, &request, volume_made, world);
	json_decref(config);
}

static void network_inspected(void *owner, json_t *reply, const struct err *err)
{
	struct world *world = owner;
	json_t *ranges = json_object_get(json_object_get(reply, "IPAM"), "Config");
	const char *gateway = json_string_value(json_object_get(json_array_get(ranges, 0), "Gateway"));
	if (gateway)
		world->gateway = xstrdup(gateway);
	go_on(world, err, make_next_volume);
}

static void inspect_network(struct world *world)
{
	char *name OWNED = world_network_name(&world->identity);
	world->call = engine_network_inspect(world->config.engine, name, network_inspected, world);
}

static void network_made(void *owner, json_t *reply, const struct err *err)
{
	(void)reply;
	go_on(owner, err, inspect_network);
}

void world_set_up(struct world *world)
{
	json_t *config = network_config(&world->identity);
	world->call = engine_network_create(world->config.engine, config, network_made, world);
	json_decref(config);
}

size_t world_probed_ports(const struct world *world, size_t service, int *ports, size_t size)
{
	const struct plan *plan = world->config.plan;
	size_t count = 0;
	const struct service *probed = &plan->stack->services[service];
	if (probed->protocol && count < size)
		ports[count++] = probed->protocol_port;
	for (size_t i = 0; i < plan->watch_count && count < size; i++)
		if (plan->watches[i].kind == WATCH_HTTP && plan->watches[i].service == service)
			ports[count++] = plan->watches[i].port;
	for (size_t i = 0; i < plan->step_count && count < size; i++)
		if (plan->steps[i].kind == STEP_REQUEST && plan->steps[i].request.service == service)
			ports[count++] = plan->steps[i].request.port;
	/* Each once: the engine would publish a port that is named twice on two host ports. */
	size_t kept = 0;
	for (size_t i = 0; i < count; i++) {
		bool known = false;
		for (size_t k = 0; k < kept; k++)
			known = known || ports[k] == ports[i];
		if (!known)
			ports[kept++] = ports[i];
	}
	return kept;
}

struct world_identity world_identify(const struct world_config *config)
{
	const struct stack *stack = config->plan->stack;
	bool published = !engine_is_local(config->engine), has_ports = false;
	for (size_t i = 0; i < stack->service_count; i++)
		has_ports = has_ports || stack->services[i].port_count > 0;
	return (struct world_identity){
		.run = config->run,
		.scenario = config->plan->name,
		.number = config->number,
		.egress = stack->egress,
		.published = published,
		.internal = !stack->egress && !published && !has_ports,
	};
}
