#include "plan/plan.h"

#include "base/duration.h"
#include "plan/file.h"
#include "plan/plan_private.h"
#include "plan/references.h"
#include "plan/scalars.h"
#include "plan/stack_load.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { WORLD_TIMEOUT_S = 300 };

void plan_free(struct plan *plan)
{
	if (!plan)
		return;
	for (size_t i = 0; i < plan->watch_count; i++)
		watch_release(&plan->watches[i]);
	for (size_t i = 0; i < plan->step_count; i++)
		step_release(&plan->steps[i]);
	for (size_t i = 0; i < plan->expectation_count; i++)
		expectation_release(&plan->expectations[i]);
	phase_scripts_release(plan->phases, plan->phase_count);
	free(plan->watches);
	free(plan->steps);
	free(plan->expectations);
	stack_free(plan->stack);
	strings_release(&plan->tags);
	free(plan->file);
	free(plan->name);
	free(plan->title);
	free(plan->source);
	free(plan);
}

static void plan_free_pointer(struct plan **plan)
{
	plan_free(*plan);
}

int plan_find_watch(const struct plan *plan, const char *name)
{
	for (size_t i = 0; i < plan->watch_count; i++)
		if (plan->watches[i].name && strcmp(plan->watches[i].name, name) == 0)
			return (int)i;
	return -1;
}

int plan_find_step(const struct plan *plan, const char *id)
{
	for (size_t i = 0; i < plan->step_count; i++)
		if (plan->steps[i].id && strcmp(plan->steps[i].id, id) == 0)
			return (int)i;
	return -1;
}

static int read_version(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	(void)into;
	const char *text = scalar_text(reader, node, "the version of the language, 1,", err);
	if (!text)
		return -1;
	if (strcmp(text, "1") != 0)
		return refuse(reader, node, err,
		    "version `%s` of the scenario language is not known; this falsestart knows 1",
		    SHOW(text));
	return 0;
}

static bool is_kebab(const char *text)
{
	for (const char *byte = text; *byte; byte++)
		if (!islower((unsigned char)*byte) && !isdigit((unsigned char)*byte) && *byte != '-')
			return false;
	return text[0] && text[0] != '-' && strlen(text) <= 60;
}

static int read_scenario_name(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	if (read_any_text(reader, node, into, err) < 0)
		return -1;
	if (!is_kebab(node->text))
		return refuse(reader, node, err,
		    "`%s` cannot name a scenario: a-z, 0-9 and - make a name, at most 60, since it names "
		    "containers and files",
		    SHOW(node->text));
	return 0;
}

static int read_tags(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	struct plan *plan = into;
	if (node->kind != NODE_SEQUENCE)
		return refuse_kind(reader, node, err, "a list of tags");
	for (size_t i = 0; i < node->item_count; i++) {
		char *tag = NULL;
		if (read_name(reader, node->items[i], &tag, err) < 0)
			return -1;
		strings_add(&plan->tags, tag);
	}
	return 0;
}

static int read_stack(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	struct plan *plan = into;
	if (node->kind == NODE_MAPPING) {
		plan->stack = stack_read(reader->file, (struct node *)node, reader->variables, err);
		return plan->stack ? 0 : -1;
	}
	const char *text =
	    scalar_text(reader, node, "a compose file beside the scenario, or a map with `services`,", err);
	if (!text)
		return -1;
	char *path OWNED = file_beside(reader->file, text);
	struct err cause = ERR_INIT;
	plan->stack = stack_load(path, reader->variables, &cause);
	if (plan->stack)
		return 0;
	if (cause.line == 0) /* the file itself: the reader wants to know who asked for it */
		return refuse(reader, node, err, "the stack %s %s", path, cause.message);
	*err = cause;
	return -1;
}

static int read_subject(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	struct plan *plan = into;
	return resolve_service(reader, node, &plan->subject, err);
}

#define AT(member) .offset = offsetof(struct plan, member)

static const struct field plan_fields[] = {
	{ .key = "falsestart",
	    .read = read_version,
	    .needed = "the version of the scenario language; write `falsestart: 1`" },
	{ .key = "name",
	    .read = read_scenario_name,
	    AT(name),
	    .needed = "a short name, as in delayed-redis" },
	{ .key = "title", .read = read_text, AT(title) },
	{ .key = "source", .read = read_text, AT(source) },
	{ .key = "tags", .read = read_tags },
	{ .key = "timeout", .read = read_span, AT(timeout_ns) },
	{ .key = "stack",
	    .read = read_stack,
	    .needed = "a compose file beside the scenario, or the services themselves" },
	{ .key = "subject", .read = read_subject, .needed = "the service under test" },
	{ .key = "phases", .read = read_phases },
	{ .key = "watch", .read = read_watches },
	{ .key = "steps", .read = read_steps, .needed = "what happens in the world, beginning with a start" },
	{ .key = "expect",
	    .read = read_expectations,
	    .needed = "what must be true; a scenario that expects nothing can show nothing" },
	{ .key = "x-" },
};

/* Whoever has a compose file tries that first. */
static int refuse_stack(struct reader *reader, const struct node *root, struct err *err)
{
	const struct node *services = root->kind == NODE_MAPPING ? node_get(root, "services") : NULL;
	if (!services || node_get(root, "falsestart"))
		return 0;
	return refuse(reader, root, err,
	    "this is a compose file; a scenario is a file beside it that begins with `falsestart: 1` and "
	    "names it, "
	    "as in `stack: compose.yaml`");
}

static struct plan *read_plan(const struct document *document, double speed, struct err *err)
{
	struct plan *plan CLEANUP(plan_free_pointer) = xcalloc(1, sizeof(*plan));
	char speed_text[32];
	snprintf(speed_text, sizeof(speed_text), "%g", speed);
	const struct variable variables[] = { { "FALSESTART_SPEED", speed_text }, { NULL, NULL } };
	plan->file = xstrdup(document_file(document));
	plan->speed = speed;
	plan->timeout_ns = WORLD_TIMEOUT_S * NS_PER_S;
	struct reader reader = { .file = plan->file, .speed = speed, .plan = plan, .variables = variables };
	if (refuse_stack(&reader, document_root(document), err) < 0)
		return NULL;
	if (fields_read(&reader, document_root(document), "a scenario", plan_fields,
		ARRAY_LENGTH(plan_fields), plan, err) < 0)
		return NULL;
	return steal_ptr(plan);
}

struct plan *plan_load_bytes(
    const char *file, const char *bytes, size_t length, double speed, struct err *err)
{
	struct document *document = document_parse(file, "a scenario", bytes, length, err);
	if (!document)
		return NULL;
	struct plan *plan = read_plan(document, speed, err);
	document_free(document);
	return plan;
}

struct plan *plan_load(const char *path, double speed, struct err *err)
{
	struct document *document = document_load(path, "a scenario", err);
	if (!document)
		return NULL;
	struct plan *plan = read_plan(document, speed, err);
	document_free(document);
	return plan;
}
