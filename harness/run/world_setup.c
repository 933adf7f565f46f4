/* What a world makes on the engine before its first step: the network, the volumes, the containers, in this
 * order. */
#include "run/container.h"
#include "run/steps.h"
#include "run/world_private.h"

static void container_made(void *owner, struct container *container, const struct err *err)
{
	(void)container;
	struct world *world = owner;
	if (world_is_over(world))
		return;
	if (err) {
		world_fail(world, err);
		return;
	}
	if (--world->pending == 0)
		steps_begin(world->steps);
}

/* What no step starts is not made: a dependency that stays away costs nothing. */
static bool is_ever_started(const struct plan *plan, size_t service)
{
	for (size_t i = 0; i < plan->step_count; i++)
		for (size_t k = 0; k < plan->steps[i].service_count; k++)
			if (plan->steps[i].services[k] == service)
				return true;
	return false;
}

static void make_containers(struct world *world)
{
	const struct plan *plan = world->config.plan;
	world->pending = 1;
	for (size_t i = 0; i < plan->stack->service_count; i++) {
		if (!is_ever_started(plan, i))
			continue;
		world->pending++;
		container_create(world->containers[i], container_made, world);
	}
	if (--world->pending == 0)
		steps_begin(world->steps);
}

static void make_next_volume(struct world *world);

static void made(void *owner, json_t *reply, const struct err *err)
{
	(void)reply;
	struct world *world = owner;
	world->call = NULL;
	if (world->over)
		world_on_quiet(world);
	else if (err)
		world_fail(world, err);
	else
		make_next_volume(world);
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
	world->call = engine_request(world->config.engine, &request, made, world);
	json_decref(config);
}

void world_set_up(struct world *world)
{
	json_t *config = network_config(&world->identity);
	world->call = engine_network_create(world->config.engine, config, made, world);
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
