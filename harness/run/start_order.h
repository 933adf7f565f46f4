/*
 * start_order: starts several services as compose would: each when the services of the same step that it
 * depends on have reached their condition, side by side where nothing forbids it. Dependencies outside the
 * step do not hold it back: starting without them is what a race is made of.
 */
#ifndef RUN_START_ORDER_H
#define RUN_START_ORDER_H

#include "run/world_private.h"

struct start_order;

/* `start` is asked to start a container; `done` is called once, when all have started or one never can. */
struct start_order *start_order_new(struct world *world, const struct step *step,
    void (*start)(void *owner, struct container *container), void (*done)(void *owner, const struct err *err),
    void *owner) MUST_CHECK;
void start_order_free(struct start_order *order);
void start_order_begin(struct start_order *order);
void start_order_started(struct start_order *order, const struct container *container);
/* Something changed: a health check, an exit. */
void start_order_look(struct start_order *order);

#endif
