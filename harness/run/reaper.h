/*
 * reaper: a small process that outlives a runner which was killed, and cleans up after it.
 *
 * It holds the read end of a pipe. The runner says farewell through it when its own teardown is done; a pipe
 * that breaks without a farewell means that the runner died, and the reaper removes everything of the run.
 */
#ifndef RUN_REAPER_H
#define RUN_REAPER_H

#include "base/err.h"
#include "base/memory.h"

struct reaper;

/* Starts `falsestart reap --run ID` (this very executable) in a session of its own. `engine_address` as in
 * engine_open(). Must be called before anything is made on the engine. */
struct reaper *reaper_start(const char *run, const char *engine_address, struct err *err) MUST_CHECK;
/* The teardown was complete: the reaper ends without doing anything. Frees. NULL is allowed. */
void reaper_farewell(struct reaper *reaper);
/* The teardown was not complete: the reaper tries again, for as long as it is stubborn. Frees. */
void reaper_leave_to(struct reaper *reaper);

/* The reaper's side: blocks until the farewell (returns 0) or the break of the pipe (returns 1). */
int reaper_await(int fd);

#endif
