/* Moments: "redis.ready", "world.started", the id of a step, or a map. */
#include "plan/nearest.h"
#include "plan/references.h"
#include "plan/scalars.h"

#include <string.h>

void moment_release(struct moment *moment)
{
	free(moment->name);
	free(moment->what);
	if (moment->after) {
		moment_release(moment->after);
		free(moment->after);
	}
	*moment = (struct moment){ 0 };
}

static void set_name(struct moment *moment, enum moment_kind kind, const char *name, const char *what)
{
	moment->kind = kind;
	free(moment->name);
	free(moment->what);
	moment->name = xstrdup(name);
	moment->what = what ? xstrdup(what) : NULL;
}

static int set_world(
    struct reader *reader, const struct node *node, struct moment *moment, const char *what, struct err *err)
{
	if (strcmp(what, "started") != 0 && strcmp(what, "ended") != 0)
		return refuse(reader, node, err,
		    "`world.%s` is not a moment; world.started and world.ended are", SHOW(what));
	if (strcmp(what, "ended") == 0 && reader->current < reader->plan->step_count)
		return refuse(reader, node, err, "no step comes after the world has ended");
	set_name(moment, MOMENT_WORLD, "world", what);
	return 0;
}

static int refuse_word(struct reader *reader, const struct node *node, struct err *err)
{
	struct nearest nearest = nearest_to(node->text);
	for (size_t i = 0; i < reader->current; i++)
		nearest_offer(&nearest, reader->plan->steps[i].id);
	nearest_offer(&nearest, "world.started");
	char *hint OWNED = suggest(&nearest);
	return refuse(reader, node, err, "`%s` is not a moment%s", SHOW(node->text),
	    hint[0] ? hint : ": it is neither the id of a step nor of the form SERVICE.EVENT");
}

static int read_event(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	struct moment *moment = into;
	const char *text = scalar_text(reader, node, "an event of the form SERVICE.EVENT", err);
	if (!text)
		return -1;
	/* Names of services may hold dots, events do not. */
	const char *dot = strrchr(text, '.');
	if (!dot)
		return refuse_word(reader, node, err);
	char *name OWNED = xmemdup0(text, (size_t)(dot - text));
	if (strcmp(name, "world") == 0)
		return set_world(reader, node, moment, dot + 1, err);
	int service = stack_find(reader->plan->stack, name);
	if (service < 0) {
		struct nearest nearest = nearest_to(name);
		for (size_t i = 0; i < reader->plan->stack->service_count; i++)
			nearest_offer(&nearest, reader->plan->stack->services[i].name);
		char *hint OWNED = suggest(&nearest);
		return refuse(reader, node, err,
		    "`%s` is not a moment: no service of the stack is called `%s`%s", SHOW(text), SHOW(name),
		    hint);
	}
	if (check_seen_event(reader, node, dot + 1, (size_t)service, err) < 0)
		return -1;
	set_name(moment, MOMENT_SERVICE, name, dot + 1);
	return 0;
}

static int read_step_reference(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	int step;
	if (resolve_step(reader, node, &step, err) < 0)
		return -1;
	set_name(into, MOMENT_STEP, node->text, NULL);
	return 0;
}

static int read_of(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	struct moment *moment = into;
	if (resolve_watch(reader, node, &moment->watch, err) < 0)
		return -1;
	return check_started(reader, node, reader->plan->watches[moment->watch].service, err);
}

/* The watch of a moment, of the kind it must be. */
static const struct watch *moment_watch(struct reader *reader, const struct node *node,
    const struct moment *moment, enum watch_kind kind, struct err *err)
{
	if (moment->watch < 0) {
		refuse(reader, node, err, "this moment needs `of`: the watch that shows it");
		return NULL;
	}
	const struct watch *watch = &reader->plan->watches[moment->watch];
	if (watch->kind == kind)
		return watch;
	refuse(reader, node, err, "this is a moment of %s; `%s` is %s", watch_kind_name(kind), watch->name,
	    watch_kind_name(watch->kind));
	return NULL;
}

static int read_attempt(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	struct moment *moment = into;
	moment->kind = MOMENT_ATTEMPT;
	if (read_count(reader, node, &moment->number, err) < 0)
		return -1;
	return moment_watch(reader, node, moment, WATCH_ATTEMPTS, err) ? 0 : -1;
}

static int read_state(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	struct moment *moment = into;
	moment->kind = MOMENT_STATE;
	if (read_text(reader, node, &moment->what, err) < 0)
		return -1;
	const struct watch *watch = moment_watch(reader, node, moment, WATCH_HTTP, err);
	return watch ? check_state(reader, node, moment->what, watch, err) : -1;
}

static int read_log(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	struct moment *moment = into;
	moment->kind = MOMENT_LOG;
	if (read_pattern(reader, node, &moment->what, err) < 0)
		return -1;
	const struct watch *watch = moment_watch(reader, node, moment, WATCH_LOG, err);
	if (!watch)
		return -1;
	moment->name = xstrdup(reader->plan->stack->services[watch->service].name);
	return 0;
}

static int read_map(struct reader *reader, const struct node *node, struct moment *moment, struct err *err)
{
	static const struct field fields[] = {
		{ .key = "of", .read = read_of },
		{ .key = "event", .read = read_event },
		{ .key = "step", .read = read_step_reference },
		{ .key = "attempt", .read = read_attempt },
		{ .key = "state", .read = read_state },
		{ .key = "log", .read = read_log },
		{ .key = "plus", .read = read_duration, .offset = offsetof(struct moment, plus_ns) },
		{ .key = "after", .read = read_new_moment, .offset = offsetof(struct moment, after) },
	};
	const char *found = NULL;
	static const char *const kinds[] = { "event", "step", "attempt", "state", "log" };
	for (size_t i = 0; i < ARRAY_LENGTH(kinds); i++) {
		if (!node_get(node, kinds[i]))
			continue;
		if (found)
			return refuse(reader, node, err,
			    "a moment is one thing; this one has both `%s` and `%s`", found, kinds[i]);
		found = kinds[i];
	}
	if (fields_read(reader, node, "a moment", fields, ARRAY_LENGTH(fields), moment, err) < 0)
		return -1;
	if (!found)
		return refuse(
		    reader, node, err, "a moment needs one of `event`, `step`, `attempt`, `state` and `log`");
	if (moment->watch >= 0 && (strcmp(found, "event") == 0 || strcmp(found, "step") == 0))
		return refuse(reader, node_get(node, "of"), err,
		    "`of` does not fit `%s`, which says by itself what it is of", found);
	return 0;
}

int read_moment(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	struct moment *moment = into;
	moment_release(moment);
	moment->watch = -1;
	moment->position = node->position;
	if (node->kind == NODE_MAPPING)
		return read_map(reader, node, moment, err);
	const char *text = scalar_text(reader, node, "a moment", err);
	if (!text)
		return -1;
	if (plan_find_step(reader->plan, text) >= 0)
		return read_step_reference(reader, node, moment, err);
	return read_event(reader, node, moment, err);
}

int read_new_moment(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	struct moment **moment = into;
	*moment = xcalloc(1, sizeof(**moment));
	return read_moment(reader, node, *moment, err);
}
