#include "run/agent_loading.h"

#include "run/agent_image.h"

#include <unistd.h>

struct agent_loading {
	struct engine *engine;
	struct engine_call *call;
	char *reference;
	int tar; /* -1 once it is of no use any more */
	agent_loaded *done;
	void *owner;
};

static void close_tar(struct agent_loading *loading)
{
	if (loading->tar >= 0)
		close(loading->tar);
	loading->tar = -1;
}

void agent_loading_free(struct agent_loading *loading)
{
	if (!loading)
		return;
	engine_cancel(loading->call);
	close_tar(loading);
	free(loading->reference);
	free(loading);
}

static void finish(struct agent_loading *loading, const struct err *err)
{
	struct err failure = err ? *err : (struct err)ERR_INIT;
	if (err)
		err_wrap(&failure, "bring the agent to the engine");
	close_tar(loading);
	loading->done(loading->owner, err ? NULL : loading->reference, err ? &failure : NULL);
}

static void loaded(void *owner, json_t *reply, const struct err *err)
{
	(void)reply;
	struct agent_loading *loading = owner;
	loading->call = NULL;
	finish(loading, err);
}

static void inspected(void *owner, json_t *reply, const struct err *err)
{
	(void)reply;
	struct agent_loading *loading = owner;
	loading->call = NULL;
	if (err && err->kind == ERR_NOT_FOUND)
		loading->call = engine_image_load(loading->engine, loading->tar, loaded, loading);
	else
		finish(loading, err);
}

struct agent_loading *agent_loading_start(
    struct engine *engine, const char *architecture, agent_loaded *done, void *owner, struct err *err)
{
	struct agent_loading *loading = xcalloc(1, sizeof(*loading));
	*loading = (struct agent_loading){ .engine = engine, .tar = -1, .done = done, .owner = owner };
	if (agent_image_tar(architecture, &loading->reference, &loading->tar, err) < 0) {
		agent_loading_free(loading);
		return NULL;
	}
	loading->call = engine_image_inspect(engine, loading->reference, inspected, loading);
	return loading;
}
