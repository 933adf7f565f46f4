/*
 * progress: what a run shows while it goes on, on standard error.
 *
 * On a terminal a line a scenario, redrawn in place; elsewhere (a CI log) one line an event that changes the
 * picture. Of a scenario that is run again and again there is a count instead, and in a log one line a world.
 */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include "loop/loop.h"
#include "plan/plan.h"
#include "trace/event.h"

#include <stddef.h>

struct progress;

struct progress_config {
	struct loop *loop;
	const struct plan *const *plans;
	size_t plan_count;
	int repeat; /* worlds of each plan, further tries not counted; 1: a single one */
	bool quiet; /* show nothing */
};

struct progress *progress_start(const struct progress_config *config);
/* Takes the live lines off the terminal and frees. */
void progress_end(struct progress *progress);

void progress_image(
    struct progress *progress, const char *image, const char *status, int64_t current, int64_t total);
void progress_world_started(struct progress *progress, size_t plan);
void progress_event(struct progress *progress, size_t plan, const struct event *event);
/* The world is over and removed, not yet judged. `word`: "completed", "timeout", … `is_retry`: not the first
 * try of it. */
void progress_world_ended(struct progress *progress, size_t plan, const char *word, bool is_retry);
/* "pass", "fail" or "inconclusive": of a world that has ended. */
void progress_world_judged(struct progress *progress, size_t plan, const char *word);

#endif
