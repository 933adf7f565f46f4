/* agent_loading: the agent's image is on the engine before anything is made. It carries its content in its
 * name: one that is there is the right one. */
#ifndef RUN_AGENT_LOADING_H
#define RUN_AGENT_LOADING_H

#include "engine/engine.h"

struct agent_loading;

/* `reference` is valid during the call only; NULL with an error. */
typedef void agent_loaded(void *owner, const char *reference, const struct err *err);

/* `architecture` of the engine's machine, as GET /version has it. NULL with *err set when there is no agent
 * for it; else `done` is called once, from the loop. */
struct agent_loading *agent_loading_start(struct engine *engine, const char *architecture, agent_loaded *done,
    void *owner, struct err *err) MUST_CHECK;
/* Without a call back if it is not done yet; to be called in any case. NULL is allowed. */
void agent_loading_free(struct agent_loading *loading);

#endif
