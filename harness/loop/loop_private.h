/* loop_private: what the files of this room share; nobody else includes it. */
#ifndef LOOP_LOOP_PRIVATE_H
#define LOOP_LOOP_PRIVATE_H

#include "loop/loop.h"

#include <signal.h>

/* Timers waiting, as a binary heap ordered by (due, order of starting), driven by one uv timer. */
struct timers {
	struct timer **heap; /* owned, with the timers in it */
	size_t count;
	uint64_t started; /* how many were ever started: the tie-breaker */
	uv_timer_t *alarm;
	bool firing; /* the alarm is set once, after all that is due has fired */
};

/* The curl multi handle; its sockets are in an epoll set that uv polls, its one timeout is a timer of ours.
 */
struct transfers {
	CURLM *multi;
	struct timer *timeout;
	int sockets; /* the epoll set */
	uv_poll_t *poll;
	size_t running;
};

struct signal_watch {
	uv_signal_t *handle; /* NULL until first asked for; kept for reuse */
	void (*handler)(void *owner, int signal_number);
	void *owner;
};

struct loop {
	uv_loop_t uv;
	bool running;
	struct timers timers;
	struct transfers transfers;
	struct signal_watch signals[NSIG];
};

void timers_init(struct loop *loop);
/* BUG if one is left; the uv handle is closing afterwards. */
void timers_release(struct loop *loop);
void transfers_init(struct loop *loop);
void transfers_release(struct loop *loop);

/* uv handles live until their close callback; each is allocated alone and this frees it then. */
void free_closed_handle(uv_handle_t *handle);

#endif
