/* `before:` of steps: what a step must have taken effect before. Read when all steps are, since it may be of
 * what the step itself starts. */
#include "plan/references.h"
#include "plan/scalars.h"

#include <string.h>

/* The text that says which step, or which event: of the node itself, or of its keys. */
static const char *text_of(const struct node *node)
{
	static const char *const keys[] = { "step", "event" };
	const struct node *found = node->kind == NODE_SCALAR ? node : NULL;
	for (size_t i = 0; i < ARRAY_LENGTH(keys) && node->kind == NODE_MAPPING && !found; i++)
		found = node_get(node, keys[i]);
	return found && found->kind == NODE_SCALAR ? found->text : NULL;
}

/* What the runner itself puts in order, or what nothing can be outside of, a step cannot miss. */
static int check_uncertain(struct reader *reader, const struct node *node, struct err *err)
{
	const char *text = text_of(node);
	if (!text)
		return 0;
	if (plan_find_step(reader->plan, text) >= 0)
		return refuse(reader, node, err,
		    "`%s` is a step, and steps follow each other as they are written; `before` is for what "
		    "happens by itself, as { attempt: 7, of: dial } or gateway.ready",
		    SHOW(text));
	if (strncmp(text, "world.", strlen("world.")) == 0)
		return refuse(reader, node, err,
		    "a step is never before the world has started and always before it has ended; `before` "
		    "is "
		    "for what happens meanwhile, as { attempt: 7, of: dial } or gateway.ready");
	return 0;
}

/* What only counts after the step can only come after it. */
static int check_not_behind(
    struct reader *reader, const struct node *node, const struct step *step, struct err *err)
{
	for (const struct moment *after = step->before.after; after; after = after->after)
		if (after->kind == MOMENT_STEP && strcmp(after->name, step->id) == 0)
			return refuse(reader, node, err,
			    "what comes after `%s` never comes before it; take out `after: %s`", step->id,
			    step->id);
	return 0;
}

static int read_before(struct reader *reader, const struct node *node, struct step *step, struct err *err)
{
	if (check_uncertain(reader, node, err) < 0 || read_moment(reader, node, &step->before, err) < 0 ||
	    check_not_behind(reader, node, step, err) < 0)
		return -1;
	step->has_before = true;
	step->before.is_beginning = step->before.kind == MOMENT_ATTEMPT;
	return 0;
}

int read_befores(struct reader *reader, const struct node *node, struct plan *plan, struct err *err)
{
	for (size_t i = 0; i < plan->step_count; i++) {
		const struct node *before = node_get(node->items[i], "before");
		/* As if behind the step: what it starts may be what it is to precede. */
		reader->current = i + 1;
		if (before && read_before(reader, before, &plan->steps[i], err) < 0)
			return -1;
	}
	return 0;
}
