/*
 * narrator: who makes up the stories of reference_story.h, and by which chance.
 */
#ifndef CHECK_REFERENCE_NARRATOR_H
#define CHECK_REFERENCE_NARRATOR_H

#include "base/duration.h"
#include "check/reference_story.h"

#include <string.h>

#define MS NS_PER_MS

struct narrator {
	struct random_trace *random;
	uint64_t state;
	int64_t end_ns;
};

static inline int64_t draw(struct narrator *narrator, int64_t low, int64_t high)
{
	narrator->state ^= narrator->state << 13;
	narrator->state ^= narrator->state >> 7;
	narrator->state ^= narrator->state << 17;
	return low + (int64_t)(narrator->state % (uint64_t)(high - low + 1));
}

static inline bool one_in(struct narrator *narrator, int64_t many)
{
	return draw(narrator, 1, many) == 1;
}

/* On the grid of 25 ms. */
static inline int64_t some_time(struct narrator *narrator, int64_t low_ms, int64_t high_ms)
{
	return draw(narrator, low_ms / 25, high_ms / 25) * 25 * MS;
}

static inline int64_t some_width(struct narrator *narrator)
{
	return one_in(narrator, 2) ? 0 : draw(narrator, 1, 4) * 25 * MS;
}

#define pick_of(type, narrator, ...)                                                             \
	({                                                                                       \
		static type const choices[] = { __VA_ARGS__ };                                   \
		choices[draw(narrator, 0, (int64_t)(sizeof(choices) / sizeof(choices[0])) - 1)]; \
	})
#define pick(narrator, ...) pick_of(int64_t, narrator, __VA_ARGS__)
#define pick_word(narrator, ...) pick_of(char const *, narrator, __VA_ARGS__)

static inline struct event *tell(struct narrator *narrator, struct event event)
{
	struct trace *trace = &narrator->random->trace;
	if (trace->event_count == STORY_EVENTS_MAX - 1)
		return NULL;
	if (event.to_ns > narrator->end_ns)
		narrator->end_ns = event.to_ns;
	narrator->random->events[trace->event_count] = event;
	return &narrator->random->events[trace->event_count++];
}

/* ---- what is told elsewhere than in reference_story.c ---- */

/* What is asked of `work`, while `ready` says what it says. */
void tell_work(struct narrator *narrator);
/* A client of `pool` that holds several connections; one of `spread` that waits by chance. */
void tell_pool(struct narrator *narrator);
void tell_spread(struct narrator *narrator);

/* The trace is of these events, all of them. */
void refer(struct random_trace *random);

#endif
