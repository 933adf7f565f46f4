/* images: every image a run needs is on the engine before anything is made; what is missing is pulled. */
#ifndef RUN_IMAGES_H
#define RUN_IMAGES_H

#include "base/err.h"
#include "base/memory.h"
#include "engine/engine.h"
#include "plan/plan.h"

struct images;

struct images_config {
	struct engine *engine;
	const struct plan *const *plans;
	size_t plan_count;
	/* A pull under way; total 0 while unknown. */
	void (*progress)(void *owner, const char *image, const char *status, int64_t current, int64_t total);
	void (*done)(void *owner, const struct err *err);
	void *owner;
};

/* `done` once, from the loop. On error nothing more is pulled. */
struct images *images_ensure(const struct images_config *config) MUST_CHECK;
/* Without a call back if it is not done yet. NULL is allowed. */
void images_free(struct images *images);

#endif
