/*
 * lateness: how late the agent itself runs. What it stamps in user space (answers, replies, phases) is only
 * as true as this is small.
 */
#ifndef AGENT_LATENESS_H
#define AGENT_LATENESS_H

/* From now on a `late` line is written for every 250 ms in which a timer was more than 2 ms late. */
void lateness_begin(void);

#endif
