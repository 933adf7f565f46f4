#include "run/agent_trial.h"

#include "run/agent_link.h"
#include "run/agent_loading.h"
#include "run/container_config.h"

#include <unistd.h>

/* One of each kind of thing that needs something of the kernel. */
static const char *const commands[] = {
	"name trial 192.0.2.1",
	"alone",
	"seal answers",
	"tap 6379 redis",
	"tap on",
	"gate 6379 refused attempts=1 then loading protocol=redis attempts=1 then hung",
	"gate 6379 ready",
};

struct agent_trial {
	struct loop *loop;
	struct engine *engine;
	struct agent_loading *loading;
	struct engine_call *call;
	struct agent_link *link;
	struct timer *turn;
	char *reference, *run, *name;
	size_t answered;
	struct err failure;
	agent_trial_done *done;
	void *owner;
};

void agent_trial_free(struct agent_trial *trial)
{
	if (!trial)
		return;
	agent_loading_free(trial->loading);
	engine_cancel(trial->call);
	agent_link_free(trial->link);
	timer_cancel(trial->turn);
	free(trial->reference);
	free(trial->run);
	free(trial->name);
	free(trial);
}

static void tell(void *owner)
{
	struct agent_trial *trial = owner;
	trial->turn = NULL;
	trial->done(trial->owner, trial->reference, err_is_set(&trial->failure) ? &trial->failure : NULL);
}

static void removed(void *owner, json_t *reply, const struct err *err)
{
	(void)reply;
	struct agent_trial *trial = owner;
	trial->call = NULL;
	if (err && !err_is_set(&trial->failure))
		trial->failure = *err;
	tell(trial);
}

static void finish(struct agent_trial *trial, const struct err *err)
{
	if (err && !err_is_set(&trial->failure))
		trial->failure = *err;
	agent_link_free(steal_ptr(trial->link)); /* its end is no failure any more */
	if (!trial->call)
		trial->call = engine_container_remove(trial->engine, trial->name, removed, trial);
}

static void answered(void *owner, int64_t from_ns, int64_t to_ns, const struct err *err)
{
	(void)from_ns;
	(void)to_ns;
	struct agent_trial *trial = owner;
	if (err || ++trial->answered == ARRAY_LENGTH(commands))
		finish(trial, err);
}

static void ready(void *owner)
{
	struct agent_trial *trial = owner;
	for (size_t i = 0; i < ARRAY_LENGTH(commands); i++)
		agent_link_command(trial->link, answered, trial, "%s", commands[i]);
}

static void failed(void *owner, const struct err *err)
{
	finish(owner, err);
}

static const struct agent_link_events link_events = { .ready = ready, .failed = failed };

static void created(void *owner, json_t *reply, const struct err *err)
{
	(void)reply;
	struct agent_trial *trial = owner;
	trial->call = NULL;
	if (err) {
		trial->failure = *err;
		tell(trial);
		return;
	}
	trial->link = agent_link_new(trial->loop, trial->engine, trial->name, "trial", &link_events, trial);
}

static void loaded(void *owner, const char *reference, const struct err *err)
{
	struct agent_trial *trial = owner;
	if (err) {
		trial->failure = *err;
		tell(trial);
		return;
	}
	trial->reference = xstrdup(reference);
	trial->run = xasprintf("doctor%d", (int)getpid());
	struct world_identity identity = {
		.run = trial->run, .scenario = "doctor", .number = 1, .internal = true
	};
	struct service service = { .name = (char[]){ "trial" } };
	trial->name = world_sandbox_name(&identity, service.name);
	json_t *config = sandbox_config(&identity, &service, reference, NULL, 0);
	json_object_set_new(json_object_get(config, "HostConfig"), "NetworkMode", json_string("none"));
	json_object_del(config, "NetworkingConfig");
	trial->call = engine_container_create(trial->engine, trial->name, config, created, trial);
	json_decref(config);
}

struct agent_trial *agent_trial_start(
    struct loop *loop, struct engine *engine, const char *architecture, agent_trial_done *done, void *owner)
{
	struct agent_trial *trial = xcalloc(1, sizeof(*trial));
	*trial = (struct agent_trial){
		.loop = loop, .engine = engine, .failure = ERR_INIT, .done = done, .owner = owner
	};
	trial->loading = agent_loading_start(engine, architecture, loaded, trial, &trial->failure);
	if (!trial->loading)
		trial->turn = timer_start(loop, 0, tell, trial);
	return trial;
}
