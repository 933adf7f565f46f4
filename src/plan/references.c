#include "plan/references.h"

#include "plan/nearest.h"
#include "plan/scalars.h"

#include <string.h>

const char *const service_events[] = { "created", "started", "stopped", "exited", "killed", "crashed",
	"oom-killed", "out-of-memory", "paused", "unpaused", "restarted", "removed", "healthy", "unhealthy",
	"refused", "unreachable", "hung", "closing", "loading", "denied", "ready", "absent", "unresolvable",
	"slow", NULL };

const char *watch_kind_name(enum watch_kind kind)
{
	switch (kind) {
	case WATCH_HTTP:
		return "an http watch";
	case WATCH_ATTEMPTS:
		return "an attempts watch";
	case WATCH_LOG:
		return "a log";
	case WATCH_MEMORY:
		return "a memory watch";
	case WATCH_DESCRIPTORS:
		return "a descriptors watch";
	}
	BUG("watch kind %d", (int)kind);
}

static int find_service(
    struct reader *reader, const struct node *node, const char *name, size_t *ret_service, struct err *err)
{
	const struct stack *stack = reader->plan->stack;
	int index = stack_find(stack, name);
	if (index >= 0) {
		*ret_service = (size_t)index;
		return 0;
	}
	struct nearest nearest = nearest_to(name);
	for (size_t i = 0; i < stack->service_count; i++)
		nearest_offer(&nearest, stack->services[i].name);
	char *hint OWNED = suggest(&nearest);
	return refuse(reader, node, err, "no service of the stack is called `%s`%s", SHOW(name), hint);
}

int resolve_service(struct reader *reader, const struct node *node, size_t *ret_service, struct err *err)
{
	const char *name = scalar_text(reader, node, "a service's name", err);
	return name ? find_service(reader, node, name, ret_service, err) : -1;
}

int resolve_watch(struct reader *reader, const struct node *node, int *ret_watch, struct err *err)
{
	const char *name = scalar_text(reader, node, "a watch's name", err);
	if (!name)
		return -1;
	int index = plan_find_watch(reader->plan, name);
	if (index >= 0) {
		*ret_watch = index;
		return 0;
	}
	struct nearest nearest = nearest_to(name);
	for (size_t i = 0; i < reader->plan->watch_count; i++)
		nearest_offer(&nearest, reader->plan->watches[i].name);
	char *hint OWNED = suggest(&nearest);
	return refuse(reader, node, err, "no watch is called `%s`%s", SHOW(name), hint);
}

int resolve_step(struct reader *reader, const struct node *node, int *ret_step, struct err *err)
{
	const char *id = scalar_text(reader, node, "a step's id", err);
	if (!id)
		return -1;
	int index = plan_find_step(reader->plan, id);
	if (index >= 0 && (size_t)index < reader->current) {
		*ret_step = index;
		return 0;
	}
	if (index >= 0)
		return refuse(reader, node, err, "the step `%s` %s; a step can only wait for an earlier one",
		    id, (size_t)index == reader->current ? "is this one" : "comes later");
	struct nearest nearest = nearest_to(id);
	for (size_t i = 0; i < reader->current; i++)
		nearest_offer(&nearest, reader->plan->steps[i].id);
	char *hint OWNED = suggest(&nearest);
	return refuse(reader, node, err, "no step has the id `%s`%s", SHOW(id), hint);
}

/* Can the readiness probe ever see this phase of the service? */
static int check_probed(
    struct reader *reader, const struct node *node, enum phase phase, size_t service, struct err *err)
{
	const struct service *of = &reader->plan->stack->services[service];
	bool in_step = reader->current < reader->plan->step_count;
	if (!phase_is_probed(phase) && phase_is_made(reader, service, phase))
		return refuse(reader, node, err,
		    "`%s` is what the scenario itself makes of `%s`, so there is nothing to judge",
		    phase_names[phase], of->name);
	if (!phase_is_probed(phase))
		return refuse(reader, node, err,
		    "`%s` of `%s` can never be seen: neither `phases` nor %s step makes it look so",
		    phase_names[phase], of->name, in_step ? "an earlier" : "a");
	if (of->protocol)
		return 0;
	return refuse(reader, node, err,
	    "`%s` of `%s` can never be seen: the image `%s` says no protocol; give the service "
	    "`x-falsestart: { protocol: tcp, port: … }`, or use a watch",
	    phase_names[phase], of->name, SHOW(of->image));
}

int check_service_event(
    struct reader *reader, const struct node *node, const char *event, size_t service, struct err *err)
{
	struct nearest nearest = nearest_to(event);
	for (size_t i = 0; service_events[i]; i++) {
		enum phase phase;
		nearest_offer(&nearest, service_events[i]);
		if (strcmp(service_events[i], event) != 0)
			continue;
		return phase_find(event, &phase) ? check_probed(reader, node, phase, service, err) : 0;
	}
	char *hint OWNED = suggest(&nearest);
	return refuse(reader, node, err, "`%s` is nothing that happens to a service%s", SHOW(event),
	    hint[0] ? hint : "; what does is started, stopped, exited, restarted, ready, …");
}

int check_seen_event(
    struct reader *reader, const struct node *node, const char *event, size_t service, struct err *err)
{
	enum phase phase;
	/* That nothing is in the way is not that the service is ready: that is for the probe to say. */
	if (phase_find(event, &phase) && phase != PHASE_READY && phase_is_made(reader, service, phase))
		return 0;
	if (check_service_event(reader, node, event, service, err) < 0)
		return -1;
	return check_started(reader, node, service, err);
}

int check_started(struct reader *reader, const struct node *node, size_t service, struct err *err)
{
	const struct plan *plan = reader->plan;
	for (size_t i = 0; i < reader->current; i++)
		for (size_t j = 0; plan->steps[i].kind == STEP_START && j < plan->steps[i].service_count; j++)
			if (plan->steps[i].services[j] == service)
				return 0;
	const char *name = plan->stack->services[service].name;
	if (reader->current < plan->step_count)
		return refuse(reader, node, err,
		    "no earlier step starts `%s`; put `- start: %s` before this step", name, name);
	return refuse(reader, node, err, "no step starts `%s`, so nothing can ever be seen of it", name);
}

int check_state(struct reader *reader, const struct node *node, const char *state, const struct watch *watch,
    struct err *err)
{
	/* What is shown when no status and no state came. */
	static const char *const outcomes[] = { "refused", "reset", "timeout", "unreachable", "garbage",
		"unreadable" };
	int64_t status;
	if (watch->kind != WATCH_HTTP)
		return refuse(reader, node, err, "`%s` shows no states: it is %s", watch->name,
		    watch_kind_name(watch->kind));
	if (watch->state || parse_whole(state, 100, 599, &status) == 0)
		return 0;
	struct nearest nearest = nearest_to(state);
	for (size_t i = 0; i < ARRAY_LENGTH(outcomes); i++) {
		nearest_offer(&nearest, outcomes[i]);
		if (strcmp(outcomes[i], state) == 0)
			return 0;
	}
	char *hint OWNED = suggest(&nearest);
	return refuse(reader, node, err,
	    "`%s` can never show `%s`: it has no `state:`, so its states are status codes, and outcomes such "
	    "as refused%s",
	    watch->name, SHOW(state), hint);
}

int parse_endpoint(struct reader *reader, const struct node *node, const char *text, size_t *ret_service,
    int *ret_port, struct err *err)
{
	const char *colon = strrchr(text, ':');
	if (!colon || colon == text)
		return refuse(
		    reader, node, err, "`%s` is not of the form SERVICE:PORT, as in redis:6379", SHOW(text));
	char *name OWNED = xmemdup0(text, (size_t)(colon - text));
	int64_t port;
	if (find_service(reader, node, name, ret_service, err) < 0)
		return -1;
	if (parse_whole(colon + 1, 1, 65535, &port) < 0)
		return refuse(reader, node, err, "`%s` is not a port; ports are 1 to 65535", SHOW(colon + 1));
	*ret_port = (int)port;
	return 0;
}

int parse_url(struct reader *reader, const struct node *node, const char *text, size_t *ret_service,
    int *ret_port, char **ret_path, struct err *err)
{
	if (strstr(text, "://"))
		return refuse(reader, node, err,
		    "`%s`: write SERVICE:PORT/PATH without a scheme; it is plain HTTP", SHOW(text));
	size_t length = strcspn(text, "/?#");
	const char *path = text + length;
	for (const char *byte = path; *byte; byte++)
		if ((unsigned char)*byte <= ' ' || *byte == 0x7F || *byte == '#')
			return refuse(reader, node, err,
			    "the path `%s` holds a blank, a control character or a #; write %%20 or "
			    "the like",
			    SHOW(path));
	if (path[0] == '?')
		return refuse(reader, node, err, "`%s`: a / stands before the query", SHOW(text));
	char *endpoint OWNED = xmemdup0(text, length);
	if (parse_endpoint(reader, node, endpoint, ret_service, ret_port, err) < 0)
		return -1;
	free(*ret_path);
	*ret_path = xstrdup(path[0] ? path : "/");
	return 0;
}
