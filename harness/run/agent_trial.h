/* agent_trial: lets an agent do on the engine what worlds will ask of it, in a container without a network,
 * and removes it again. For `falsestart doctor`: a kernel that lacks something is told before a run. */
#ifndef RUN_AGENT_TRIAL_H
#define RUN_AGENT_TRIAL_H

#include "engine/engine.h"

struct agent_trial;

/* err NULL: it can. `reference`: the agent's image, or NULL. */
typedef void agent_trial_done(void *owner, const char *reference, const struct err *err);

/* `done` once, from the loop. */
struct agent_trial *agent_trial_start(struct loop *loop, struct engine *engine, const char *architecture,
    agent_trial_done *done, void *owner) MUST_CHECK;
/* Without a call back if it is not done yet; to be called in any case. NULL is allowed. */
void agent_trial_free(struct agent_trial *trial);

#endif
