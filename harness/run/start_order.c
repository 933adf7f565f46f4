#include "run/start_order.h"

#include "run/container.h"

enum progress { PROGRESS_WAITING, PROGRESS_STARTING, PROGRESS_STARTED };

struct start_order {
	struct world *world;
	const struct step *step;
	enum progress *progress; /* one for each service of the step */
	void (*start)(void *owner, struct container *container);
	void (*done)(void *owner, const struct err *err);
	void *owner;
};

struct start_order *start_order_new(struct world *world, const struct step *step,
    void (*start)(void *owner, struct container *container), void (*done)(void *owner, const struct err *err),
    void *owner)
{
	struct start_order *order = xcalloc(1, sizeof(*order));
	*order = (struct start_order){
		.world = world, .step = step, .start = start, .done = done, .owner = owner
	};
	order->progress = xcalloc(step->service_count, sizeof(*order->progress));
	return order;
}

void start_order_free(struct start_order *order)
{
	if (!order)
		return;
	free(order->progress);
	free(order);
}

static int place_in_step(const struct start_order *order, size_t service)
{
	for (size_t i = 0; i < order->step->service_count; i++)
		if (order->step->services[i] == service)
			return (int)i;
	return -1;
}

enum answer { ANSWER_YES, ANSWER_NOT_YET, ANSWER_NEVER };

static enum answer dependency_answer(const struct start_order *order, const struct dependency *dependency)
{
	int place = place_in_step(order, dependency->service);
	if (place < 0)
		return ANSWER_YES;
	if (order->progress[place] != PROGRESS_STARTED)
		return ANSWER_NOT_YET;
	const struct container *container = order->world->containers[dependency->service];
	bool dead = container_get_state(container) == CONTAINER_EXITED &&
		    container_service(container)->restart == RESTART_NO;
	switch (dependency->condition) {
	case DEPENDS_STARTED:
		return ANSWER_YES;
	case DEPENDS_HEALTHY:
		return container_is_healthy(container) ? ANSWER_YES : dead ? ANSWER_NEVER : ANSWER_NOT_YET;
	case DEPENDS_COMPLETED:
		return container_has_completed(container) ? ANSWER_YES : dead ? ANSWER_NEVER : ANSWER_NOT_YET;
	}
	BUG("dependency condition %d", (int)dependency->condition);
}

static enum answer may_start(
    const struct start_order *order, const struct service *service, const struct dependency **ret_hopeless)
{
	enum answer answer = ANSWER_YES;
	for (size_t i = 0; i < service->depends_on_count; i++) {
		enum answer one = dependency_answer(order, &service->depends_on[i]);
		if (one == ANSWER_NEVER) {
			*ret_hopeless = &service->depends_on[i];
			return ANSWER_NEVER;
		}
		if (one == ANSWER_NOT_YET)
			answer = ANSWER_NOT_YET;
	}
	return answer;
}

void start_order_look(struct start_order *order)
{
	const struct stack *stack = order->world->config.plan->stack;
	bool all_started = true;
	for (size_t i = 0; i < order->step->service_count; i++) {
		const struct service *service = &stack->services[order->step->services[i]];
		const struct dependency *hopeless = NULL;
		if (order->progress[i] != PROGRESS_STARTED)
			all_started = false;
		if (order->progress[i] != PROGRESS_WAITING)
			continue;
		enum answer answer = may_start(order, service, &hopeless);
		if (answer == ANSWER_NEVER) {
			struct err err = ERR_INIT;
			err_set(&err, ERR_ENVIRONMENT,
			    "`%s` cannot be started: it depends on `%s`, which has exited", service->name,
			    stack->services[hopeless->service].name);
			order->done(order->owner, &err);
			return;
		}
		if (answer == ANSWER_NOT_YET)
			continue;
		order->progress[i] = PROGRESS_STARTING;
		order->start(order->owner, order->world->containers[order->step->services[i]]);
	}
	if (all_started)
		order->done(order->owner, NULL);
}

void start_order_begin(struct start_order *order)
{
	start_order_look(order);
}

void start_order_started(struct start_order *order, const struct container *container)
{
	for (size_t i = 0; i < order->step->service_count; i++)
		if (order->world->containers[order->step->services[i]] == container)
			order->progress[i] = PROGRESS_STARTED;
	start_order_look(order);
}
