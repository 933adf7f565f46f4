/* A wait step: until something has been seen, and since when it counts. */
#include "plan/nearest.h"
#include "plan/references.h"
#include "plan/scalars.h"

#include <string.h>

static int read_wait_for(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	struct moment *until = into;
	const char *name = scalar_text(reader, node, "a service or a watch", err);
	if (!name)
		return -1;
	until->position = node->position;
	until->watch = plan_find_watch(reader->plan, name);
	if (until->watch >= 0)
		return check_started(reader, node, reader->plan->watches[until->watch].service, err);
	int service = stack_find(reader->plan->stack, name);
	if (service >= 0) {
		until->kind = MOMENT_SERVICE;
		until->name = xstrdup(name);
		return 0;
	}
	struct nearest nearest = nearest_to(name);
	for (size_t i = 0; i < reader->plan->watch_count; i++)
		nearest_offer(&nearest, reader->plan->watches[i].name);
	for (size_t i = 0; i < reader->plan->stack->service_count; i++)
		nearest_offer(&nearest, reader->plan->stack->services[i].name);
	char *hint OWNED = suggest(&nearest);
	return refuse(reader, node, err, "no service and no watch is called `%s`%s", SHOW(name), hint);
}

static const struct watch *waited_watch(struct reader *reader, const struct node *node,
    const struct moment *until, enum watch_kind kind, struct err *err)
{
	if (until->watch < 0) {
		refuse(reader, node, err,
		    "this is a wait for %s; `%s` is a service, which is waited for by `phase` or `event`",
		    watch_kind_name(kind), until->name);
		return NULL;
	}
	const struct watch *watch = &reader->plan->watches[until->watch];
	if (watch->kind == kind)
		return watch;
	refuse(reader, node, err, "this is a wait for %s; `%s` is %s", watch_kind_name(kind), watch->name,
	    watch_kind_name(watch->kind));
	return NULL;
}

static int read_wait_event(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	struct moment *until = into;
	const char *text = scalar_text(reader, node, "an event of the service", err);
	if (!text)
		return -1;
	if (until->watch >= 0)
		return refuse(reader, node, err,
		    "`%s` is %s; only a service is waited for by `phase` or `event`",
		    reader->plan->watches[until->watch].name,
		    watch_kind_name(reader->plan->watches[until->watch].kind));
	int service = stack_find(reader->plan->stack, until->name);
	if (check_seen_event(reader, node, text, (size_t)service, err) < 0)
		return -1;
	until->what = xstrdup(text);
	return 0;
}

static int read_wait_state(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	struct moment *until = into;
	until->kind = MOMENT_STATE;
	const struct watch *watch = waited_watch(reader, node, until, WATCH_HTTP, err);
	if (!watch || read_text(reader, node, &until->what, err) < 0)
		return -1;
	return check_state(reader, node, until->what, watch, err);
}

static int read_wait_attempt(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	struct moment *until = into;
	until->kind = MOMENT_ATTEMPT;
	return waited_watch(reader, node, until, WATCH_ATTEMPTS, err)
		   ? read_count(reader, node, &until->number, err)
		   : -1;
}

static int read_wait_matches(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	struct moment *until = into;
	until->kind = MOMENT_LOG;
	const struct watch *watch = waited_watch(reader, node, until, WATCH_LOG, err);
	if (!watch)
		return -1;
	until->name = xstrdup(reader->plan->stack->services[watch->service].name);
	return read_pattern(reader, node, &until->what, err);
}

#define UNTIL offsetof(struct step, until)

int read_wait(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	static const struct field fields[] = {
		{ .key = "for",
		    .read = read_wait_for,
		    .offset = UNTIL,
		    .needed = "the service or watch that is waited for" },
		{ .key = "phase", .read = read_wait_event, .offset = UNTIL },
		{ .key = "event", .read = read_wait_event, .offset = UNTIL },
		{ .key = "state", .read = read_wait_state, .offset = UNTIL },
		{ .key = "attempt", .read = read_wait_attempt, .offset = UNTIL },
		{ .key = "matches", .read = read_wait_matches, .offset = UNTIL },
		{ .key = "after", .read = read_new_moment, .offset = UNTIL + offsetof(struct moment, after) },
		{ .key = "max", .read = read_span, .offset = offsetof(struct step, max_ns) },
	};
	struct step *step = into;
	const char *found = NULL;
	for (size_t i = 1; i <= 5; i++) {
		if (!node_get(node, fields[i].key))
			continue;
		if (found)
			return refuse(reader, node, err,
			    "a wait has one condition; this one has both `%s` and `%s`", found,
			    fields[i].key);
		found = fields[i].key;
	}
	step->until.watch = -1;
	if (fields_read(reader, node, "a wait", fields, ARRAY_LENGTH(fields), step, err) < 0)
		return -1;
	if (!found)
		return refuse(reader, node, err,
		    "a wait needs one of `phase` and `event` (of a service), `state`, `attempt` and "
		    "`matches` (of a watch)");
	return 0;
}
