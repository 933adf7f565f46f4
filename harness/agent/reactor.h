/*
 * reactor: the agent's event loop: descriptors and timers, from fixed tables.
 *
 * Nothing is allocated: a source and a timer are the caller's memory, linked in while they are active.
 */
#ifndef AGENT_REACTOR_H
#define AGENT_REACTOR_H

#include <stdbool.h>
#include <stdint.h>

struct source {
	int fd;
	void (*ready)(struct source *source, uint32_t events); /* EPOLLIN, EPOLLOUT, EPOLLERR, EPOLLHUP */
	/* Told after all others that were ready at the same time. The control lines are: the reply to a
	 * command then comes after everything that was seen before the command arrived. */
	bool is_last;
};

/* 0, or -1 with errno. The source stays the caller's and must outlive its registration; events are level
 * triggered. A callback may remove any source, its own included. */
int reactor_add(struct source *source, uint32_t events);
int reactor_change(struct source *source, uint32_t events);
void reactor_remove(struct source *source); /* before its fd is closed */

struct timeout {
	int64_t due_ns;
	void (*fire)(struct timeout *timeout);
	struct timeout *next; /* the reactor's */
	bool active;
};
/* Fires once, not before `due_ns` (CLOCK_MONOTONIC); moves it when it is active already. */
void timeout_set(struct timeout *timeout, int64_t due_ns);
void timeout_cancel(struct timeout *timeout);

/* Until reactor_stop(). */
int reactor_run(void);
void reactor_stop(void);

int64_t now_ns(void); /* CLOCK_MONOTONIC, read anew */
/* CLOCK_REALTIME of a kernel stamp as CLOCK_MONOTONIC, with the offset of this moment. */
int64_t monotonic_of_ns(int64_t realtime_ns);

#endif
