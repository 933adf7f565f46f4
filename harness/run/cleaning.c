#include "run/cleaning.h"

#include "base/duration.h"
#include "run/container_config.h"

#include <string.h>

/* A network refuses to go while the engine still takes its last container off it, and a container while
 * somebody else (a reaper, another `clean`) removes it. */
enum { TRIES = 100 };
static const int64_t RETRY_NS = 100 * NS_PER_MS;

enum stage { STAGE_CONTAINERS, STAGE_NETWORKS, STAGE_VOLUMES, STAGE_DONE };

struct removal {
	struct cleaning *cleaning;
	struct engine_call *call;
	char *id;
};

struct cleaning {
	struct loop *loop;
	struct engine *engine;
	json_t *filters;
	enum stage stage;
	struct engine_call *list;
	struct removal *removals;
	size_t removal_count, outstanding;
	int tries;
	struct err refusal; /* of the last try */
	struct timer *retry;
	struct cleaning_result result;
	cleaning_done *done;
	void *owner;
};

static void list_stage(struct cleaning *cleaning);

static void forget_removals(struct cleaning *cleaning)
{
	for (size_t i = 0; i < cleaning->removal_count; i++) {
		engine_cancel(cleaning->removals[i].call);
		free(cleaning->removals[i].id);
	}
	free(cleaning->removals);
	cleaning->removals = NULL;
	cleaning->removal_count = 0;
}

void cleaning_cancel(struct cleaning *cleaning)
{
	if (!cleaning)
		return;
	forget_removals(cleaning);
	engine_cancel(cleaning->list);
	timer_cancel(cleaning->retry);
	json_decref(cleaning->filters);
	free(cleaning);
}

static void finish(struct cleaning *cleaning)
{
	cleaning->done(cleaning->owner, &cleaning->result);
	cleaning_cancel(cleaning);
}

static void next_stage(struct cleaning *cleaning)
{
	forget_removals(cleaning);
	cleaning->stage++;
	cleaning->tries = 0;
	if (cleaning->stage == STAGE_DONE)
		finish(cleaning);
	else
		list_stage(cleaning);
}

static void retry(void *owner)
{
	struct cleaning *cleaning = owner;
	cleaning->retry = NULL;
	forget_removals(cleaning);
	list_stage(cleaning);
}

static void stage_ended(struct cleaning *cleaning)
{
	if (!err_is_set(&cleaning->refusal)) {
		next_stage(cleaning);
		return;
	}
	if (++cleaning->tries < TRIES) {
		cleaning->refusal = (struct err)ERR_INIT;
		cleaning->retry =
		    timer_start(cleaning->loop, loop_now_ns(cleaning->loop) + RETRY_NS, retry, cleaning);
		return;
	}
	if (!err_is_set(&cleaning->result.err))
		cleaning->result.err = cleaning->refusal;
	cleaning->refusal = (struct err)ERR_INIT;
	next_stage(cleaning);
}

static size_t *stage_counter(struct cleaning *cleaning)
{
	switch (cleaning->stage) {
	case STAGE_CONTAINERS:
		return &cleaning->result.containers;
	case STAGE_NETWORKS:
		return &cleaning->result.networks;
	case STAGE_VOLUMES:
		return &cleaning->result.volumes;
	case STAGE_DONE:
		break;
	}
	BUG("cleaning is over");
}

static void removed(void *owner, json_t *reply, const struct err *err)
{
	(void)reply;
	struct removal *removal = owner;
	struct cleaning *cleaning = removal->cleaning;
	removal->call = NULL;
	if (!err || err->kind == ERR_NOT_FOUND)
		(*stage_counter(cleaning))++;
	else if (!err_is_set(&cleaning->refusal))
		cleaning->refusal = *err;
	if (--cleaning->outstanding == 0)
		stage_ended(cleaning);
}

static void remove_object(struct cleaning *cleaning, struct removal *removal)
{
	switch (cleaning->stage) {
	case STAGE_CONTAINERS:
		removal->call = engine_container_remove(cleaning->engine, removal->id, removed, removal);
		return;
	case STAGE_NETWORKS:
		removal->call = engine_network_remove(cleaning->engine, removal->id, removed, removal);
		return;
	case STAGE_VOLUMES:
		removal->call = engine_volume_remove(cleaning->engine, removal->id, removed, removal);
		return;
	case STAGE_DONE:
		break;
	}
	BUG("cleaning is over");
}

static void listed(void *owner, json_t *reply, const struct err *err)
{
	struct cleaning *cleaning = owner;
	cleaning->list = NULL;
	if (err) { /* An engine that cannot list cannot remove. */
		if (!err_is_set(&cleaning->result.err))
			cleaning->result.err = *err;
		finish(cleaning);
		return;
	}
	json_t *items = cleaning->stage == STAGE_VOLUMES ? json_object_get(reply, "Volumes") : reply;
	size_t count = json_array_size(items);
	if (count == 0) {
		next_stage(cleaning);
		return;
	}
	cleaning->removals = xcalloc(count, sizeof(*cleaning->removals));
	cleaning->removal_count = cleaning->outstanding = count;
	for (size_t i = 0; i < count; i++) {
		struct removal *removal = &cleaning->removals[i];
		json_t *item = json_array_get(items, i);
		const char *key = cleaning->stage == STAGE_VOLUMES ? "Name" : "Id";
		removal->cleaning = cleaning;
		removal->id = xstrdup(json_string_value(json_object_get(item, key)));
	}
	for (size_t i = 0; i < count; i++)
		remove_object(cleaning, &cleaning->removals[i]);
}

static void list_stage(struct cleaning *cleaning)
{
	switch (cleaning->stage) {
	case STAGE_CONTAINERS:
		cleaning->list = engine_container_list(cleaning->engine, cleaning->filters, listed, cleaning);
		return;
	case STAGE_NETWORKS:
		cleaning->list = engine_network_list(cleaning->engine, cleaning->filters, listed, cleaning);
		return;
	case STAGE_VOLUMES:
		cleaning->list = engine_volume_list(cleaning->engine, cleaning->filters, listed, cleaning);
		return;
	case STAGE_DONE:
		break;
	}
	BUG("cleaning is over");
}

struct cleaning *cleaning_start(
    struct loop *loop, struct engine *engine, const char *run, int world, cleaning_done *done, void *owner)
{
	struct cleaning *cleaning = xcalloc(1, sizeof(*cleaning));
	cleaning->loop = loop;
	cleaning->engine = engine;
	cleaning->done = done;
	cleaning->owner = owner;
	char *run_label OWNED = run ? xasprintf("%s=%s", LABEL_RUN, run) : xstrdup(LABEL_RUN);
	json_t *labels = json_pack("[s]", run_label);
	if (world) {
		char *world_label OWNED = xasprintf("%s=%d", LABEL_WORLD, world);
		json_array_append_new(labels, json_string(world_label));
	}
	cleaning->filters = json_pack("{s:o}", "label", labels);
	list_stage(cleaning);
	return cleaning;
}
