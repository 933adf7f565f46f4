/*
 * precedence: the harness before what it measures.
 *
 * On a busy host a poll that is sent late sees less, and a step that runs late makes another race. The
 * harness takes little of a processor, and needs it at once.
 */
#ifndef LOOP_PRECEDENCE_H
#define LOOP_PRECEDENCE_H

#define PRECEDENCE_NICE (-10)

/* Where this process may (root, CAP_SYS_NICE, a limit that allows it), and nobody has chosen otherwise (it
 * has nice 0); else nothing changes. It counts within the control group, or the session, that it is scheduled
 * in. */
void take_precedence(void);

#endif
