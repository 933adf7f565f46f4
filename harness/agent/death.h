/*
 * death: makes a process of another container die as if by itself.
 *
 * A kill through the engine tells it that somebody wanted the end, and the restart policy rests; a signal
 * from inside does not reach the first process of a container. So the runner starts the agent once more, in
 * the host's PID namespace and beside the world's networks, with one of
 *
 *	kill PID CONTAINER SIGKILL|SIGSEGV first|child    CAP_KILL, or CAP_SYS_PTRACE for SIGSEGV
 *	exhaust PID CONTAINER                             the host's control groups at /cgroup
 *
 * It says one line: `done`; `gone`, when there is no such process of that container any more; `other`, when
 * the kernel killed another process of the container than the first; `error MESSAGE`.
 *
 * A process is held by a pidfd before it is known to be of this container, by the container's id in its
 * control group: whatever becomes of the number, nobody else is ever hit.
 */
#ifndef AGENT_DEATH_H
#define AGENT_DEATH_H

#include <stdbool.h>

/* Is this what the agent was started for? */
bool death_is_meant(int argc, char **argv);
/* The exit status: 0 when a line could be said. */
int death_bring(int argc, char **argv);

/* Does /proc/PID/cgroup (`text`) name the container's own control group? */
bool death_is_of(const char *text, const char *container);
/* The fourth field of /proc/PID/stat, behind a name that may hold anything; -1: the text is not one.
 * `ret_began`: the twenty-second, when it began. */
long death_parent_of(const char *stat, unsigned long long *ret_began);

#endif
