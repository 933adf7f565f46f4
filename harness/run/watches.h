/* watches: the pollers of a world: HTTP endpoints, memory and open descriptors, for as long as their service
 * runs. */
#ifndef RUN_WATCHES_H
#define RUN_WATCHES_H

#include "run/world_private.h"

struct watches;

/* Can this engine give what the plan watches? On error the message says where the plan asks for it. */
int watches_check(const struct plan *plan, const struct engine *engine, struct err *err) MUST_CHECK;
struct watches *watches_new(struct world *world, struct err *err) MUST_CHECK;
void watches_free(struct watches *watches);
/* The service can be reached now; `watches_lost` when it has died. */
void watches_reach(struct watches *watches, size_t service);
void watches_lost(struct watches *watches, size_t service);

#endif
