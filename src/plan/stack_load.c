#include "plan/stack_load.h"

#include "base/buf.h"
#include "plan/env_file.h"
#include "plan/file.h"
#include "plan/interpolate.h"
#include "plan/nearest.h"
#include "plan/scalars.h"
#include "plan/service_load.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { STACK_SERVICES_MAX = 100, STACK_INTERPOLATED_MAX = 4 * 1024 * 1024 };

void stack_free(struct stack *stack)
{
	if (!stack)
		return;
	for (size_t i = 0; i < stack->service_count; i++)
		service_release(&stack->services[i]);
	free(stack->services);
	strings_release(&stack->volumes);
	free(stack->file);
	free(stack);
}

static void stack_free_pointer(struct stack **stack)
{
	stack_free(*stack);
}

int stack_find(const struct stack *stack, const char *name)
{
	for (size_t i = 0; i < stack->service_count; i++)
		if (strcmp(stack->services[i].name, name) == 0)
			return (int)i;
	return -1;
}

const char *service_environment(const struct service *service, const char *name)
{
	size_t length = strlen(name);
	for (size_t i = 0; i < service->environment.count; i++)
		if (strncmp(service->environment.items[i], name, length) == 0 &&
		    service->environment.items[i][length] == '=')
			return service->environment.items[i] + length + 1;
	return NULL;
}

/* ---- variables ---- */

static int put_variables_in(struct reader *reader, struct node *node, size_t *total, struct err *err)
{
	if (node->interpolated)
		return 0;
	node->interpolated = true;
	for (size_t i = 0; i < node->item_count; i++)
		if (put_variables_in(reader, node->items[i], total, err) < 0)
			return -1;
	for (size_t i = 0; i < node->entry_count; i++)
		if (put_variables_in(reader, node->entries[i].value, total, err) < 0)
			return -1;
	if (node->kind != NODE_SCALAR || !strchr(node->text, '$'))
		return 0;
	struct buf text CLEANUP(buf_release) = { .max = INTERPOLATED_BYTES_MAX };
	struct err cause = ERR_INIT;
	if (interpolate(node->text, reader->variables, reader->more_variables, &text, &cause) < 0)
		return refuse_with(reader, node, err, &cause);
	*total += text.length;
	if (*total > STACK_INTERPOLATED_MAX)
		return refuse(reader, node, err,
		    "with its variables put in, the stack is larger than %d bytes", STACK_INTERPOLATED_MAX);
	free(node->text);
	node->text = buf_steal(&text);
	return 0;
}

/* The file .env beside the stack, where there is one: "NAME=value" cut in two. */
struct dot_env {
	struct strings pairs;
	struct variable *variables;
};

static void dot_env_release(struct dot_env *env)
{
	strings_release(&env->pairs);
	free(env->variables);
}

static int dot_env_read(
    const char *file, const struct variable *variables, struct dot_env *env, struct err *err)
{
	char *path OWNED = file_beside(file, ".env");
	if (access(path, F_OK) < 0)
		return 0;
	if (env_file_read(path, variables, &env->pairs, err) < 0)
		return -1;
	env->variables = xcalloc(env->pairs.count + 1, sizeof(*env->variables));
	for (size_t i = 0; i < env->pairs.count; i++) {
		char *pair =
		    env->pairs.items[env->pairs.count - 1 - i]; /* the latest of a name is found first */
		char *equals = strchr(pair, '=');
		*equals = '\0';
		env->variables[i] = (struct variable){ pair, equals + 1 };
	}
	return 0;
}

/* ---- the top of the file ---- */

static int read_volumes(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	struct stack *stack = into;
	if (node->kind == NODE_NULL)
		return 0;
	if (node->kind != NODE_MAPPING)
		return refuse_kind(reader, node, err, "a map of named volumes");
	for (size_t i = 0; i < node->entry_count; i++) {
		const struct entry *entry = &node->entries[i];
		if (!is_name(entry->key->text, true))
			return refuse(reader, entry->key, err, "`%s` cannot be the name of a volume",
			    SHOW(entry->key->text));
		if (entry->value->kind != NODE_NULL &&
		    (entry->value->kind != NODE_MAPPING || entry->value->entry_count > 0))
			return refuse(reader, entry->value, err,
			    "options of a volume are not supported; worlds make each named volume anew, "
			    "write `%s:` alone",
			    SHOW(entry->key->text));
		strings_add(&stack->volumes, xstrdup(entry->key->text));
	}
	return 0;
}

static int read_networks(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	static const struct field fields[] = { { .key = "driver" } };
	(void)into;
	if (node->kind == NODE_NULL)
		return 0;
	if (node->kind != NODE_MAPPING)
		return refuse_kind(reader, node, err, "a map of networks");
	for (size_t i = 0; i < node->entry_count; i++) {
		const struct entry *entry = &node->entries[i];
		if (strcmp(entry->key->text, "default") != 0)
			return refuse(reader, entry->key, err,
			    "the network `%s` is not supported: every world has one network, `default`",
			    SHOW(entry->key->text));
		if (entry->value->kind != NODE_NULL &&
		    fields_read(reader, entry->value, "the default network", fields, ARRAY_LENGTH(fields),
			NULL, err) < 0)
			return -1;
	}
	return 0;
}

static int read_extension(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	static const struct field fields[] = {
		{ .key = "egress", .read = read_flag, .offset = offsetof(struct stack, egress) },
	};
	return fields_read(reader, node, "x-falsestart at the top", fields, ARRAY_LENGTH(fields), into, err);
}

static int check_service_name(struct reader *reader, const struct node *key, struct err *err)
{
	if (!is_name(key->text, true) || strlen(key->text) > 60)
		return refuse(reader, key, err,
		    "`%s` cannot be the name of a service: letters, digits, - _ and . make one, at most 60",
		    SHOW(key->text));
	if (strcmp(key->text, "all") == 0 || strcmp(key->text, "world") == 0)
		return refuse(reader, key, err,
		    "a service cannot be called `%s`: the word has a meaning in scenarios", key->text);
	return 0;
}

static int read_services(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	struct stack *stack = into;
	if (node->kind != NODE_MAPPING)
		return refuse_kind(reader, node, err, "a map of services");
	if (node->entry_count == 0)
		return refuse(reader, node, err, "there is no service under `services:`");
	for (size_t i = 0; i < node->entry_count; i++) {
		const struct entry *entry = &node->entries[i];
		if (check_service_name(reader, entry->key, err) < 0)
			return -1;
		if (i == STACK_SERVICES_MAX)
			return refuse(
			    reader, entry->key, err, "a stack has at most %d services", STACK_SERVICES_MAX);
		struct service *service = array_push(stack->services, stack->service_count);
		service->name = xstrdup(entry->key->text);
		service->position = entry->key->position;
		if (service_read(reader, entry->value, service, err) < 0)
			return -1;
	}
	for (size_t i = 0; i < node->entry_count; i++)
		if (service_read_dependencies(reader, node->entries[i].value, &stack->services[i], err) < 0)
			return -1;
	return 0;
}

static const struct field stack_fields[] = {
	{ .key = "version" }, /* compose ignores both as well */
	{ .key = "name" },
	{ .key = "volumes", .read = read_volumes }, /* before the services that mount them */
	{ .key = "networks", .read = read_networks },
	{ .key = "services", .read = read_services, .needed = "the containers of the world" },
	{ .key = "x-falsestart", .read = read_extension },
	{ .key = "x-" },
	{ .key = "secrets", .unsupported = "mount files through a service's `volumes`" },
	{ .key = "configs", .unsupported = "mount files through a service's `volumes`" },
	{ .key = "include", .unsupported = "write the services into one file" },
};

struct stack *stack_read(
    const char *file, struct node *root, const struct variable *variables, struct err *err)
{
	struct stack *stack CLEANUP(stack_free_pointer) = xcalloc(1, sizeof(*stack));
	struct dot_env env CLEANUP(dot_env_release) = { 0 };
	stack->file = xstrdup(file);
	if (dot_env_read(file, variables, &env, err) < 0)
		return NULL;
	struct reader reader = { .file = file,
		.speed = 1,
		.stack = stack,
		.variables = variables,
		.more_variables = env.variables };
	size_t total = 0;
	if (put_variables_in(&reader, root, &total, err) < 0 ||
	    fields_read(&reader, root, "a stack", stack_fields, ARRAY_LENGTH(stack_fields), stack, err) < 0)
		return NULL;
	return steal_ptr(stack);
}

struct stack *stack_load(const char *path, const struct variable *variables, struct err *err)
{
	struct document *document = document_load(path, "a stack", err);
	if (!document)
		return NULL;
	struct stack *stack = stack_read(path, document_root(document), variables, err);
	document_free(document);
	return stack;
}
