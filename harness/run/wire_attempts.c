#include "run/wire_attempts.h"

#include "base/duration.h"
#include "run/sandbox.h"

#include <stdio.h>
#include <string.h>

struct watched {
	struct world *world;
	const struct watch *watch;
	struct fold *fold;
	struct timer *timer; /* to what only time can tell, such as a look-up that nothing followed */
};

struct wire_attempts {
	struct world *world;
	struct watched *items;
	size_t count;
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

/* The runner's own clock is of no use here: what the agent has seen may still be under way. Its answer comes
 * behind everything it saw before, and moves the fold as every notice does. */
static void ask_the_time(void *owner)
{
	struct watched *watched = owner;
	watched->timer = NULL;
	if (!world_is_over(watched->world))
		sandbox_ask_the_time(watched->world->sandboxes[watched->watch->service]);
}

static void set_timer(struct watched *watched)
{
	timer_cancel(watched->timer);
	watched->timer = NULL;
	int64_t due_ns = fold_due_ns(watched->fold);
	if (due_ns != INT64_MAX)
		watched->timer = timer_start(watched->world->config.loop, due_ns, ask_the_time, watched);
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
	return attempts;
}

void wire_attempts_free(struct wire_attempts *attempts)
{
	if (!attempts)
		return;
	for (size_t i = 0; i < attempts->count; i++) {
		timer_cancel(attempts->items[i].timer);
		fold_free(attempts->items[i].fold);
	}
	free(attempts->items);
	free(attempts);
}

void wire_attempts_feed(struct wire_attempts *attempts, size_t service, const struct notice *notice)
{
	for (size_t i = 0; i < attempts->count; i++)
		if (attempts->items[i].watch->service == service) {
			fold_feed(attempts->items[i].fold, notice);
			set_timer(&attempts->items[i]);
		}
}

/* More than it could keep apart: what was told is true, but not all there was. */
static void record_forgotten(const struct watched *watched, int64_t now_ns)
{
	char what[160];
	int64_t forgotten = fold_forgotten(watched->fold);
	if (forgotten == 0)
		return;
	snprintf(what, sizeof(what), "%s: %lld attempts or connections at once were too many to be followed",
	    watched->watch->name, (long long)forgotten);
	recorder_add(watched->world->recorder,
	    (struct event){ .kind = EVENT_TROUBLE,
		.to_ns = now_ns,
		.of = watched->world->config.plan->stack->services[watched->watch->service].name,
		.trouble = { .what = what } });
}

void wire_attempts_end(struct wire_attempts *attempts, int64_t now_ns)
{
	for (size_t i = 0; i < attempts->count; i++) {
		timer_cancel(attempts->items[i].timer);
		attempts->items[i].timer = NULL;
		fold_end(attempts->items[i].fold, now_ns);
		record_forgotten(&attempts->items[i], now_ns);
	}
}
