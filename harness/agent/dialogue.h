/*
 * dialogue: standard input. Takes the control lines one by one, has the rooms carry them out, and replies.
 */
#ifndef AGENT_DIALOGUE_H
#define AGENT_DIALOGUE_H

/* Commands come from this descriptor (made non-blocking); its end, or `quit`, stops the reactor. 0, or -1
 * with errno (EPERM: it is a file, which cannot be waited for). */
int dialogue_open(int fd);
/* After everything was undone: the reply to `quit`, if that is what ended it. */
void dialogue_finish(void);

#endif
