#include "run/helper.h"

#include "base/duration.h"

#include <stdio.h>
#include <string.h>

/* It has nothing to wait for: what takes so long does not come any more. */
static const int64_t ANSWER_DEADLINE_NS = 30 * NS_PER_S;
enum { SAID_MAX = 256 };

struct helper {
	struct world *world;
	struct engine_call *call;
	struct engine_attachment *attachment;
	struct timer *deadline;
	char *name;
	char said[SAID_MAX];
	struct err failure;
	helper_done *done;
	void *owner;
};

void helper_free(struct helper *helper)
{
	if (!helper)
		return;
	engine_cancel(helper->call);
	engine_attachment_close(helper->attachment);
	timer_cancel(helper->deadline);
	free(helper->name);
	free(helper);
}

bool helper_is_quiet(const struct helper *helper)
{
	return !helper || !helper->call;
}

static void removed(void *owner, json_t *reply, const struct err *err)
{
	(void)reply;
	struct helper *helper = owner;
	struct world *world = helper->world;
	helper->call = NULL;
	if (err && !err_is_set(&helper->failure))
		helper->failure = *err;
	if (!err_is_set(&helper->failure) && !helper->said[0])
		err_set(&helper->failure, ERR_ENVIRONMENT,
		    "the helper `%s` ended without a word; it was killed, perhaps for want of memory",
		    helper->name);
	bool failed = err_is_set(&helper->failure);
	if (!world_is_over(world))
		helper->done(helper->owner, failed ? NULL : helper->said, failed ? &helper->failure : NULL);
	world_on_quiet(world);
}

/* Also where it was never made: that is success for the engine. */
static void finish(struct helper *helper, const struct err *err)
{
	if (err && !err_is_set(&helper->failure))
		helper->failure = *err;
	engine_attachment_close(steal_ptr(helper->attachment));
	timer_cancel(steal_ptr(helper->deadline));
	if (!helper->call)
		helper->call =
		    engine_container_remove(helper->world->config.engine, helper->name, removed, helper);
}

static void answer_is_missing(void *owner)
{
	struct helper *helper = owner;
	struct err err = ERR_INIT;
	helper->deadline = NULL;
	err_set(&err, ERR_ENVIRONMENT, "the helper `%s` said nothing within 30 s", helper->name);
	finish(helper, &err); /* once a call that still may make something is over */
}

static void on_line(void *owner, const struct engine_log_line *line)
{
	struct helper *helper = owner;
	if (!helper->said[0])
		snprintf(helper->said, sizeof(helper->said), "%.*s", (int)line->length, line->text);
}

static void on_end(void *owner, const struct err *err)
{
	struct helper *helper = owner;
	helper->attachment = NULL;
	finish(helper, err);
}

static void started(void *owner, json_t *reply, const struct err *err)
{
	(void)reply;
	struct helper *helper = owner;
	helper->call = NULL;
	if (world_is_over(helper->world))
		world_on_quiet(helper->world);
	else if (err || !helper->attachment) /* it has ended already, or is too late */
		finish(helper, err);
}

static void attached(void *owner)
{
	struct helper *helper = owner;
	if (world_is_over(helper->world))
		return;
	helper->call = engine_container_start(helper->world->config.engine, helper->name, started, helper);
}

static void created(void *owner, json_t *reply, const struct err *err)
{
	(void)reply;
	struct helper *helper = owner;
	helper->call = NULL;
	if (world_is_over(helper->world))
		world_on_quiet(helper->world);
	else if (err || !helper->deadline)
		finish(helper, err);
	else
		helper->attachment = engine_container_attach(
		    helper->world->config.engine, helper->name, attached, on_line, on_end, helper);
}

struct helper *helper_start(
    struct world *world, const char *name, const json_t *config, helper_done *done, void *owner)
{
	struct helper *helper = xcalloc(1, sizeof(*helper));
	*helper = (struct helper){
		.world = world, .name = xstrdup(name), .failure = ERR_INIT, .done = done, .owner = owner
	};
	helper->deadline = timer_start(world->config.loop,
	    loop_now_ns(world->config.loop) + ANSWER_DEADLINE_NS, answer_is_missing, helper);
	helper->call = engine_container_create(world->config.engine, name, config, created, helper);
	return helper;
}
