#include "run/watches.h"

#include "base/expression.h"
#include "probe/probe.h"
#include "run/container.h"
#include "run/processes.h"

#include <stdio.h>
#include <string.h>

struct watching {
	struct watches *watches;
	const struct watch *watch;
	struct expression *state; /* WATCH_HTTP with one */
	struct poller *poller;
	struct timer *timer; /* WATCH_MEMORY, WATCH_DESCRIPTORS */
	struct engine_call *call;
	int64_t next_ns, asked_ns;
};

struct watches {
	struct world *world;
	struct watching *items;
	size_t count;
};

/* What a sample of it shows when the endpoint answers, but not with what the expression wants. */
static const char STATE_UNREADABLE[] = "unreadable";
enum { STATE_MAX = 256 };

struct watches *watches_new(struct world *world, struct err *err)
{
	const struct plan *plan = world->config.plan;
	struct watches *watches = xcalloc(1, sizeof(*watches));
	watches->world = world;
	watches->count = plan->watch_count;
	watches->items = xcalloc(watches->count, sizeof(*watches->items));
	for (size_t i = 0; i < watches->count; i++) {
		struct watching *watching = &watches->items[i];
		watching->watches = watches;
		watching->watch = &plan->watches[i];
		if (watching->watch->kind == WATCH_HTTP && watching->watch->state &&
		    !(watching->state = expression_compile(watching->watch->state, err))) {
			watches_free(watches);
			return NULL;
		}
	}
	return watches;
}

int watches_check(const struct plan *plan, const struct engine *engine, struct err *err)
{
	for (size_t i = 0; i < plan->watch_count; i++) {
		const struct watch *watch = &plan->watches[i];
		if (watch->kind == WATCH_DESCRIPTORS && !engine_is_local(engine))
			return err_set(err, ERR_ENVIRONMENT,
			    "%s:%d:%d: watch `%s`: descriptors are counted through /proc, which takes an "
			    "engine on "
			    "this machine, and %s is elsewhere; take the watch out, or run falsestart there",
			    plan->file, watch->position.line, watch->position.column, watch->name,
			    engine_address(engine));
	}
	return 0;
}

static void stop(struct watching *watching)
{
	poller_stop(watching->poller);
	timer_cancel(watching->timer);
	engine_cancel(watching->call);
	watching->poller = NULL;
	watching->timer = NULL;
	watching->call = NULL;
}

void watches_free(struct watches *watches)
{
	if (!watches)
		return;
	for (size_t i = 0; i < watches->count; i++) {
		stop(&watches->items[i]);
		expression_free(watches->items[i].state);
	}
	free(watches->items);
	free(watches);
}

/* ---- HTTP ---- */

static void on_sample(void *owner, const struct probe_answer *answer)
{
	struct watching *watching = owner;
	char digits[16];
	char *read OWNED = NULL;
	struct err err = ERR_INIT;
	const char *state = probe_outcome_name(answer->outcome);
	if (answer->outcome == PROBE_ANSWERED) {
		snprintf(digits, sizeof(digits), "%d", answer->status);
		state = digits;
		if (watching->state) {
			read = expression_run(watching->state, answer->body, answer->body_length, &err);
			if (read && strlen(read) > STATE_MAX)
				read[STATE_MAX] = '\0';
			state = read ? read : STATE_UNREADABLE;
			if (!read && answer->body_cut) {
				err = (struct err)ERR_INIT;
				err_set(&err, ERR_ENVIRONMENT, "the body is longer than %d bytes",
				    PROBE_BODY_MAX);
			}
		}
	}
	recorder_add(watching->watches->world->recorder,
	    (struct event){
		.kind = EVENT_SAMPLE,
		.from_ns = answer->sent_ns,
		.to_ns = answer->answered_ns,
		.of = watching->watch->name,
		.sample = { .outcome = probe_outcome_name(answer->outcome),
		    .status = answer->status,
		    .state = state,
		    .detail = err_is_set(&err) ? err.message : answer->detail },
	    });
}

static void start_polling(struct watching *watching, const struct container *container)
{
	char endpoint[128];
	if (!container_endpoint(container, watching->watch->port, endpoint, sizeof(endpoint)))
		return;
	char *url OWNED = xasprintf("http://%s%s", endpoint, watching->watch->path);
	char *host OWNED = xasprintf("%s:%d", container_service(container)->name, watching->watch->port);
	struct poller_config config = { .url = url,
		.host = host,
		.every_ns = watching->watch->every_ns,
		.timeout_ns = watching->watch->timeout_ns,
		.fresh = false };
	watching->poller = poller_start(watching->watches->world->config.loop, &config, on_sample, watching);
}

/* ---- memory ---- */

static void ask_memory(void *owner);

/* What the processes hold: the page cache that the kernel can take back at will is not theirs (cgroup v1
 * counts it as total_inactive_file, v2 as inactive_file; the same subtraction as `docker stats`). */
static int64_t used_bytes(const json_t *stats)
{
	json_t *memory = json_object_get(stats, "memory_stats");
	json_t *details = json_object_get(memory, "stats");
	json_t *inactive = json_object_get(details, "total_inactive_file");
	if (!inactive)
		inactive = json_object_get(details, "inactive_file");
	json_t *usage = json_object_get(memory, "usage");
	if (!usage)
		return -1;
	int64_t bytes = json_integer_value(usage) - json_integer_value(inactive);
	return bytes > 0 ? bytes : 0;
}

/* At a fixed rate; a measurement that took longer than that leaves some out. */
static void measure_next(struct watching *watching, void (*measure)(void *owner))
{
	struct loop *loop = watching->watches->world->config.loop;
	int64_t now = loop_now_ns(loop);
	while (watching->next_ns <= now)
		watching->next_ns += watching->watch->every_ns;
	watching->timer = timer_start(loop, watching->next_ns, measure, watching);
}

static void on_memory(void *owner, json_t *reply, const struct err *err)
{
	struct watching *watching = owner;
	struct loop *loop = watching->watches->world->config.loop;
	watching->call = NULL;
	int64_t now = loop_now_ns(loop), bytes = err ? -1 : used_bytes(reply);
	if (bytes >= 0)
		recorder_add(watching->watches->world->recorder, (struct event){ .kind = EVENT_MEMORY,
								     .from_ns = watching->asked_ns,
								     .to_ns = now,
								     .of = watching->watch->name,
								     .memory = { .bytes = bytes } });
	measure_next(watching, ask_memory);
}

static void ask_memory(void *owner)
{
	struct watching *watching = owner;
	struct world *world = watching->watches->world;
	watching->timer = NULL;
	watching->asked_ns = loop_now_ns(world->config.loop);
	const struct container *container = world->containers[watching->watch->service];
	watching->call =
	    engine_container_stats(world->config.engine, container_id(container), on_memory, watching);
}

/* ---- descriptors ---- */

/* None are counted before the engine has said which process is the first, nor once all have gone. */
static void count_descriptors(void *owner)
{
	struct watching *watching = owner;
	struct world *world = watching->watches->world;
	watching->timer = NULL;
	struct err err = ERR_INIT;
	pid_t pid = container_pid(world->containers[watching->watch->service]);
	int64_t from_ns = loop_now_ns(world->config.loop);
	int64_t count = pid > 0 ? processes_count_descriptors(pid, &err) : 0;
	if (count < 0) {
		err_wrap(&err, "watch `%s`", watching->watch->name);
		world_fail(world, &err); /* which frees the watches */
		return;
	}
	if (count > 0)
		recorder_add(world->recorder, (struct event){ .kind = EVENT_DESCRIPTORS,
						  .from_ns = from_ns,
						  .to_ns = loop_now_ns(world->config.loop),
						  .of = watching->watch->name,
						  .descriptors = { .count = count } });
	measure_next(watching, count_descriptors);
}

static void measure_now(struct watching *watching, void (*measure)(void *owner))
{
	struct loop *loop = watching->watches->world->config.loop;
	stop(watching);
	watching->next_ns = loop_now_ns(loop);
	watching->timer = timer_start(loop, watching->next_ns, measure, watching);
}

void watches_reach(struct watches *watches, size_t service)
{
	for (size_t i = 0; i < watches->count; i++) {
		struct watching *watching = &watches->items[i];
		if (watching->watch->service != service)
			continue;
		switch (watching->watch->kind) {
		case WATCH_HTTP:
			stop(watching);
			start_polling(watching, watches->world->containers[service]);
			break;
		case WATCH_MEMORY:
			measure_now(watching, ask_memory);
			break;
		case WATCH_DESCRIPTORS:
			measure_now(watching, count_descriptors);
			break;
		case WATCH_ATTEMPTS:
		case WATCH_LOG:
			break;
		}
	}
}

void watches_lost(struct watches *watches, size_t service)
{
	for (size_t i = 0; i < watches->count; i++)
		if (watches->items[i].watch->service == service)
			stop(&watches->items[i]);
}
