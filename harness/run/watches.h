/* watches: the pollers of a world: HTTP endpoints and memory, for as long as their service runs. */
#ifndef RUN_WATCHES_H
#define RUN_WATCHES_H

#include "run/world_private.h"

struct watches;

struct watches *watches_new(struct world *world, struct err *err) MUST_CHECK;
void watches_free(struct watches *watches);
/* The service can be reached now; `watches_lost` when it has died. */
void watches_reach(struct watches *watches, size_t service);
void watches_lost(struct watches *watches, size_t service);

#endif
