/*
 * testing: waiting for calls in tests. Included by *_test.c alone, after cmocka's own headers.
 */
#ifndef ENGINE_TESTING_H
#define ENGINE_TESTING_H

#include "base/duration.h"
#include "engine/engine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define DEADLINE_NS (60 * NS_PER_S)

/* What came of a call; released by outcome_clear(). */
struct outcome {
	struct loop *loop;
	int ends; /* how often the completion ran */
	json_t *reply;
	struct err err;
};

static inline void outcome_clear(struct outcome *outcome)
{
	json_decref(outcome->reply);
	*outcome = (struct outcome){ .loop = outcome->loop };
}

static inline void on_done(void *owner, json_t *reply, const struct err *err)
{
	struct outcome *outcome = owner;
	outcome->ends++;
	outcome->reply = json_incref(reply);
	if (err)
		outcome->err = *err;
	loop_stop(outcome->loop);
}

static inline void on_end(void *owner, const struct err *err)
{
	on_done(owner, NULL, err);
}

struct deadline {
	struct loop *loop;
	struct timer *timer;
};

static inline void deadline_passed(void *owner)
{
	struct deadline *deadline = owner;
	deadline->timer = NULL;
	loop_stop(deadline->loop);
}

/* Runs the loop until a callback makes the condition true (each has to call loop_stop()), or fails. */
#define wait_until(the_loop, condition)                                                                     \
	do {                                                                                                \
		struct deadline wait_deadline = { .loop = (the_loop) };                                     \
		wait_deadline.timer = timer_start(wait_deadline.loop,                                       \
		    loop_now_ns(wait_deadline.loop) + DEADLINE_NS, deadline_passed, &wait_deadline);        \
		while (!(condition) && wait_deadline.timer)                                                 \
			loop_run(wait_deadline.loop);                                                       \
		bool in_time = wait_deadline.timer != NULL;                                                 \
		timer_cancel(wait_deadline.timer);                                                          \
		if (!in_time && !(condition))                                                               \
			fail_msg("waited %d s in vain for: %s", (int)(DEADLINE_NS / NS_PER_S), #condition); \
	} while (0)

#endif
