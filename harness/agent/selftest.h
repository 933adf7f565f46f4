/*
 * selftest: the agent checks itself without any privilege, as built: `agent selftest`.
 */
#ifndef AGENT_SELFTEST_H
#define AGENT_SELFTEST_H

/* Prints "ok", or what is wrong; the exit status. */
int selftest(void);

#endif
