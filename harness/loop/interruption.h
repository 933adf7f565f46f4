/*
 * interruption: signals while no loop runs and something is made that must not be lost halfway.
 *
 * Between interruption_hold() and interruption_release() the first SIGINT, SIGTERM or SIGHUP is told and
 * noted, and the work goes on; the second is told and ends the process at once, with the status of that
 * signal. A SIGHUP that is ignored stays so (nohup).
 */
#ifndef LOOP_INTERRUPTION_H
#define LOOP_INTERRUPTION_H

/* What is written to standard error at the first and at the second signal; both must live until the release.
 */
void interruption_hold(const char *at_first, const char *at_second);
/* The first signal since the hold, or 0. */
int interruption_signal(void);
/* Signals do again what they did before the hold; returns interruption_signal(). Without a hold it is 0. */
int interruption_release(void);

/* While one handler takes the place of another no signal may come: it would end the process. */
void interruption_defer(void);
void interruption_resume(void);

#endif
