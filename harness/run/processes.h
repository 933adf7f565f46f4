/*
 * processes: the processes of a container on this machine, found through the control group they share.
 *
 * A service that forks is all of its processes, whoever their parents are by now. On cgroup v2 they stand in
 * the one cgroup.procs, on v1 in that of any controller; where neither can be read (a runner in a container
 * of its own) only the first process is known. Processes that have made control groups of their own below it
 * are not seen.
 */
#ifndef RUN_PROCESSES_H
#define RUN_PROCESSES_H

#include "base/err.h"
#include "base/memory.h"

#include <stdint.h>
#include <sys/types.h>

#define PROCESSES_MAX 1024
struct processes {
	pid_t pids[PROCESSES_MAX];
	size_t count;
};

/* Those that share the container of `pid`, its first process; at most PROCESSES_MAX. None if it is gone. */
void processes_find(struct processes *ret_processes, pid_t pid);

/* The folder of the control group, below /sys/fs/cgroup, that /proc/PID/cgroup says (`text`):
 * "pids/docker/1f2e", "system.slice/docker-1f2e.scope". NULL: none that is the container's own. Owned by
 * the caller. */
char *processes_folder(const char *text) MUST_CHECK;

/* Open file descriptors of all of them together. 0: none is there any more. -1: they may not be counted;
 * `err` says how they may. */
int64_t processes_count_descriptors(pid_t pid, struct err *err) MUST_CHECK;

#endif
