#include "run/wire_attempts.h"

#include "base/duration.h"
#include "run/sandbox.h"

#include <string.h>

/* What only time can tell (a look-up that nothing followed) is told this often. */
static const int64_t ADVANCE_EVERY_NS = 25 * NS_PER_MS;
/* Notices are under way for this long: time as the folds know it lags behind the clock's. */
static const int64_t UNDER_WAY_NS = 25 * NS_PER_MS;

struct watched {
	struct world *world;
	const struct watch *watch;
	struct fold *fold;
};

struct wire_attempts {
	struct world *world;
	struct watched *items;
	size_t count;
	struct timer *timer;
};

static bool is_on_wire(const struct watch *watch)
{
	return watch->kind == WATCH_ATTEMPTS && !watch->from_log;
}

bool wire_attempts_wants(const struct plan *plan, size_t service)
{
	for (size_t i = 0; i < plan->watch_count; i++)
		if (is_on_wire(&plan->watches[i]) && plan->watches[i].service == service)
			return true;
	return false;
}

static void emit(void *owner, const struct event *event)
{
	struct watched *watched = owner;
	struct event told = *event;
	told.of = watched->watch->name;
	recorder_add(watched->world->recorder, told);
}

static void advance(void *owner)
{
	struct wire_attempts *attempts = owner;
	int64_t now = loop_now_ns(attempts->world->config.loop);
	for (size_t i = 0; i < attempts->count; i++)
		fold_advance(attempts->items[i].fold, now - UNDER_WAY_NS);
	attempts->timer =
	    timer_start(attempts->world->config.loop, now + ADVANCE_EVERY_NS, advance, attempts);
}

static struct fold *new_fold(struct watched *watched)
{
	const struct watch *watch = watched->watch;
	const struct service *service = &watched->world->config.plan->stack->services[watch->to_service];
	const struct sandbox *sandbox = watched->world->sandboxes[watch->to_service];
	const char **names OWNED = xcalloc(service->aliases.count + 1, sizeof(*names));
	names[0] = service->name;
	for (size_t i = 0; i < service->aliases.count; i++)
		names[i + 1] = service->aliases.items[i];
	const char *addresses[SANDBOX_ADDRESSES_MAX];
	struct fold_target target = {
		.names = names,
		.name_count = service->aliases.count + 1,
		.addresses = addresses,
		.address_count = sandbox_addresses(sandbox, addresses),
		.port = watch->to_port,
		.speaks = strcmp(service_protocol_on(service, watch->to_port), "tcp") != 0,
	};
	return fold_new(&target, emit, watched);
}

struct wire_attempts *wire_attempts_new(struct world *world)
{
	const struct plan *plan = world->config.plan;
	struct wire_attempts *attempts = xcalloc(1, sizeof(*attempts));
	attempts->world = world;
	attempts->items = xcalloc(plan->watch_count, sizeof(*attempts->items));
	for (size_t i = 0; i < plan->watch_count; i++) {
		if (!is_on_wire(&plan->watches[i]))
			continue;
		struct watched *watched = &attempts->items[attempts->count++];
		*watched = (struct watched){ .world = world, .watch = &plan->watches[i] };
		watched->fold = new_fold(watched);
	}
	if (attempts->count > 0)
		attempts->timer = timer_start(world->config.loop, 0, advance, attempts);
	return attempts;
}

void wire_attempts_free(struct wire_attempts *attempts)
{
	if (!attempts)
		return;
	timer_cancel(attempts->timer);
	for (size_t i = 0; i < attempts->count; i++)
		fold_free(attempts->items[i].fold);
	free(attempts->items);
	free(attempts);
}

void wire_attempts_feed(struct wire_attempts *attempts, size_t service, const struct notice *notice)
{
	for (size_t i = 0; i < attempts->count; i++)
		if (attempts->items[i].watch->service == service)
			fold_feed(attempts->items[i].fold, notice);
}

void wire_attempts_end(struct wire_attempts *attempts, int64_t now_ns)
{
	timer_cancel(attempts->timer);
	attempts->timer = NULL;
	for (size_t i = 0; i < attempts->count; i++)
		fold_end(attempts->items[i].fold, now_ns);
}
