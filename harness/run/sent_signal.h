/*
 * sent_signal: what a signal that a step sent may bring about. Pure.
 *
 * Only SIGKILL ends a process for certain, and with one exit status. After another one a process dies of it,
 * or ends in order if that is what it was asked for, or goes on; and whatever it does later is its own.
 */
#ifndef RUN_SENT_SIGNAL_H
#define RUN_SENT_SIGNAL_H

#include <stdbool.h>
#include <stdint.h>

/* The process is sure to end by it. */
bool signal_is_deadly(const char *name);

/* A signal that was sent to a container. All of it is 0 while none was. */
struct sent_signal {
	int64_t sent_ns;   /* not before this */
	int64_t until_ns;  /* a later end is not its doing */
	int64_t grace_ns;  /* of who is asked to end, and ends as it likes; 0: it leaves no choice, or asks
			    * for something else */
	int exit_status;   /* of who dies of it; 0: not known */
	bool has_ended_it; /* while it was being sent */
};

/* The step begins to send it; `stop_signal` is the container's own, or NULL where that is not known. One that
 * asks to end still counts when another one follows that does not. */
void sent_signal_begin(
    struct sent_signal *sent, const char *name, const char *stop_signal, int64_t grace_ns, int64_t now_ns);
/* The step is over. */
void sent_signal_finish(struct sent_signal *sent, int64_t now_ns);
/* Is an end at `at_ns` with this exit status (negative: not known) its doing? */
bool sent_signal_explains(const struct sent_signal *sent, int exit_status, int64_t at_ns);

#endif
