/* phase_command: phases as lines for agents (docs/internals/agent.md) and for people. Pure. */
#ifndef RUN_PHASE_COMMAND_H
#define RUN_PHASE_COMMAND_H

#include "base/buf.h"
#include "plan/plan.h"

/* "gate 6379 refused attempts=3 then loading protocol=redis for=2000000": all but the last of a script has a
 * limit, and the last has none. `seed` (0 to PHASE_SEED_MAX) is for what a slow phase draws. */
#define PHASE_SEED_MAX INT64_C(999999999999999999)
void phase_gate_command(struct buf *line, const struct service *service, const struct phase_step *steps,
    size_t count, int64_t seed);
/* "resolve redis silent"; `step` NULL: as usual. `nobody`: an address that nobody has, for a stale answer.
 * Attempts do not end it by themselves: what is told next does. */
void phase_resolve_command(
    struct buf *line, const char *name, const struct phase_step *step, const char *nobody);
/* "gate", "names" or "spoken", as the trace has it. */
const char *phase_made(const struct phase_step *step);
/* What is not in its name: "latency 100ms, jitter 20ms"; nothing where there is nothing to say. */
void phase_describe(struct buf *out, const struct phase_step *step);

#endif
