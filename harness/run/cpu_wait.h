/*
 * cpu_wait: how long the threads of a container waited for a processor.
 *
 * The runner's own lateness says how late the host let the *runner* run. Containers live in other control
 * groups and can starve while the runner does not (on cgroup v1 all of them together weigh as much as one
 * process beside them). On the engine's own machine the kernel counts it for us: the second figure of
 * /proc/PID/task/TID/schedstat is the time the thread was runnable and did not run, in nanoseconds
 * (Documentation/scheduler/sched-stats.rst).
 *
 * Where the engine is elsewhere, or the kernel does not count, nothing is known and 0 is said.
 */
#ifndef RUN_CPU_WAIT_H
#define RUN_CPU_WAIT_H

#include "base/memory.h"

#include <stdint.h>
#include <sys/types.h>

struct cpu_wait;

struct cpu_wait *cpu_wait_new(void);
void cpu_wait_free(struct cpu_wait *wait);
/* The longest that a single thread of the container whose first process this is has waited since the last
 * call that saw the thread; a thread that is seen for the first time has waited since it began. At most
 * CPU_WAIT_THREADS_MAX threads are looked at. */
int64_t cpu_wait_worst_ns(struct cpu_wait *wait, pid_t pid);
#define CPU_WAIT_THREADS_MAX 256

/* "run wait slices": the second figure; -1 if the text is not such a line. */
int64_t schedstat_wait_ns(const char *text);

#endif
