/*
 * wire_attempts: the attempts watches of a world that are seen on the wire.
 *
 * Fed with the notices of every sandbox; what the folds make of them goes into the trace.
 */
#ifndef RUN_WIRE_ATTEMPTS_H
#define RUN_WIRE_ATTEMPTS_H

#include "run/world_private.h"
#include "wire/wire.h"

struct wire_attempts;

/* Has this service's namespace to be tapped? */
bool wire_attempts_wants(const struct plan *plan, size_t service);
/* Begins once every sandbox has its addresses. */
struct wire_attempts *wire_attempts_new(struct world *world);
void wire_attempts_free(struct wire_attempts *attempts);
/* `service`: whose agent says it. Times are the loop's. */
void wire_attempts_feed(struct wire_attempts *attempts, size_t service, const struct notice *notice);
/* The world is over; every notice there was has been fed. */
void wire_attempts_end(struct wire_attempts *attempts, int64_t now_ns);

#endif
