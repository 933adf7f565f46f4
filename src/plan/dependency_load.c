/* `depends_on` of a service, cycles, and the order in which services start. */
#include "base/buf.h"
#include "plan/nearest.h"
#include "plan/scalars.h"
#include "plan/service_load.h"

#include <string.h>

static int read_condition(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	static const char *const conditions[] = {
		[DEPENDS_STARTED] = "service_started",
		[DEPENDS_HEALTHY] = "service_healthy",
		[DEPENDS_COMPLETED] = "service_completed_successfully",
	};
	const char *text = scalar_text(reader, node, "a condition", err);
	if (!text)
		return -1;
	struct nearest nearest = nearest_to(text);
	for (size_t i = 0; i < ARRAY_LENGTH(conditions); i++) {
		nearest_offer(&nearest, conditions[i]);
		if (strcmp(conditions[i], text) == 0) {
			((struct dependency *)into)->condition = (enum dependency_condition)i;
			return 0;
		}
	}
	char *hint OWNED = suggest(&nearest);
	return refuse(reader, node, err,
	    "`%s` is no condition%s (service_started, service_healthy, service_completed_successfully)",
	    SHOW(text), hint);
}

static int add_dependency(struct reader *reader, const struct node *name, struct service *service,
    struct dependency **ret_dependency, struct err *err)
{
	const char *text = scalar_text(reader, name, "a service's name", err);
	if (!text)
		return -1;
	int index = stack_find(reader->stack, text);
	if (index < 0) {
		struct nearest nearest = nearest_to(text);
		for (size_t i = 0; i < reader->stack->service_count; i++)
			nearest_offer(&nearest, reader->stack->services[i].name);
		char *hint OWNED = suggest(&nearest);
		return refuse(reader, name, err,
		    "service `%s` depends on `%s`, which is not a service of this stack%s", service->name,
		    SHOW(text), hint);
	}
	for (size_t i = 0; i < service->depends_on_count; i++)
		if (service->depends_on[i].service == (size_t)index)
			return refuse(
			    reader, name, err, "service `%s` depends on `%s` twice", service->name, text);
	*ret_dependency = array_push(service->depends_on, service->depends_on_count);
	(*ret_dependency)->service = (size_t)index;
	return 0;
}

/* Follows the dependencies from `at`; `path` holds the services on the way there. */
static int find_cycle(struct reader *reader, size_t at, size_t *path, size_t length, char *done,
    const struct node *node, struct err *err)
{
	const struct stack *stack = reader->stack;
	for (size_t i = 0; i < length; i++) {
		if (path[i] != at)
			continue;
		struct buf circle CLEANUP(buf_release) = { .max = 600 };
		for (size_t j = i; j < length; j++)
			buf_addf(&circle, "%s → ", stack->services[path[j]].name);
		return refuse(reader, node, err, "`depends_on` goes in a circle: %s%s", buf_string(&circle),
		    stack->services[at].name);
	}
	if (done[at])
		return 0;
	path[length] = at;
	for (size_t i = 0; i < stack->services[at].depends_on_count; i++)
		if (find_cycle(reader, stack->services[at].depends_on[i].service, path, length + 1, done,
			node, err) < 0)
			return -1;
	done[at] = 1;
	return 0;
}

int service_read_dependencies(
    struct reader *reader, const struct node *node, struct service *service, struct err *err)
{
	static const struct field fields[] = {
		{ .key = "condition", .read = read_condition },
		{ .key = "restart",
		    .unsupported = "no service is restarted for another one; a step does that" },
		{ .key = "required", .unsupported = "every dependency is; leave out what is not" },
	};
	const struct node *value = node_get(node, "depends_on");
	if (!value || value->kind == NODE_NULL)
		return 0;
	if (value->kind != NODE_SEQUENCE && value->kind != NODE_MAPPING)
		return refuse_kind(reader, value, err, "a list of services, or a map with conditions,");
	struct dependency *dependency = NULL;
	for (size_t i = 0; i < value->item_count; i++)
		if (add_dependency(reader, value->items[i], service, &dependency, err) < 0)
			return -1;
	for (size_t i = 0; i < value->entry_count; i++) {
		const struct entry *entry = &value->entries[i];
		if (add_dependency(reader, entry->key, service, &dependency, err) < 0)
			return -1;
		if (entry->value->kind != NODE_NULL && fields_read(reader, entry->value, "a dependency",
							   fields, ARRAY_LENGTH(fields), dependency, err) < 0)
			return -1;
	}
	/* The circle closes with the service that is read last of it, so that one is where the error stands.
	 */
	size_t *path OWNED = xcalloc(reader->stack->service_count + 1, sizeof(*path));
	char *done OWNED = xcalloc(reader->stack->service_count, 1);
	return find_cycle(reader, (size_t)(service - reader->stack->services), path, 0, done, value, err);
}

static void visit(const struct stack *stack, size_t at, char *done, size_t *order, size_t *count)
{
	if (done[at])
		return;
	done[at] = 1;
	for (size_t i = 0; i < stack->services[at].depends_on_count; i++)
		visit(stack, stack->services[at].depends_on[i].service, done, order, count);
	order[(*count)++] = at;
}

void stack_start_order(const struct stack *stack, size_t *ret_order)
{
	char *done OWNED = xcalloc(stack->service_count, 1);
	size_t count = 0;
	for (size_t i = 0; i < stack->service_count; i++)
		visit(stack, i, done, ret_order, &count);
}
