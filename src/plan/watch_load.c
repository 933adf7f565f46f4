/* `watch:` of a scenario. */
#include "base/duration.h"
#include "plan/references.h"
#include "plan/scalars.h"

#include <string.h>

enum { WATCHES_MAX = 100 };

void watch_release(struct watch *watch)
{
	free(watch->name);
	free(watch->path);
	free(watch->state);
	free(watch->begins);
	free(watch->fails);
	free(watch->succeeds);
	free(watch->lost);
}

static int read_http(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	struct watch *watch = into;
	const char *text = scalar_text(reader, node, "SERVICE:PORT/PATH", err);
	if (!text)
		return -1;
	return parse_url(reader, node, text, &watch->service, &watch->port, &watch->path, err);
}

static int read_service(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	struct watch *watch = into;
	return resolve_service(reader, node, &watch->service, err);
}

static int read_to(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	struct watch *watch = into;
	const char *text = scalar_text(reader, node, "SERVICE:PORT", err);
	if (!text || parse_endpoint(reader, node, text, &watch->to_service, &watch->to_port, err) < 0)
		return -1;
	if (watch->to_service == watch->service)
		return refuse(reader, node, err, "`%s` dials itself here; `to` is the dependency",
		    reader->plan->stack->services[watch->service].name);
	return 0;
}

static int read_from(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	struct watch *watch = into;
	const char *text = scalar_text(reader, node, "wire or log", err);
	if (!text)
		return -1;
	watch->from_log = strcmp(text, "log") == 0;
	if (!watch->from_log && strcmp(text, "wire") != 0)
		return refuse(reader, node, err,
		    "attempts cannot be taken from `%s`; `wire` is what was done, `log` what was said",
		    SHOW(text));
	return 0;
}

#define AT(member) .offset = offsetof(struct watch, member)

static const struct field http_fields[] = {
	{ .key = "http", .read = read_http },
	{ .key = "every", .read = read_period, AT(every_ns) },
	{ .key = "timeout", .read = read_span, AT(timeout_ns) },
	{ .key = "state", .read = read_jq, AT(state) },
};

static const struct field wire_fields[] = {
	{ .key = "attempts", .read = read_service },
	{ .key = "to", .read = read_to, .needed = "the dependency and its port, as in redis:6379" },
	{ .key = "from" }, /* read before, since the other keys depend on it */
#define NO_LINES                                                                                           \
	"these attempts are seen on the wire, where no line says how one ends; leave the pattern out, or " \
	"write `from: log`"
	{ .key = "begins", .unsupported = NO_LINES },
	{ .key = "fails", .unsupported = NO_LINES },
	{ .key = "succeeds", .unsupported = NO_LINES },
	{ .key = "lost", .unsupported = NO_LINES },
};

static const struct field log_fields[] = {
	{ .key = "attempts", .read = read_service },
	{ .key = "to", .read = read_to, .needed = "the dependency and its port, as in redis:6379" },
	{ .key = "from" },
	{ .key = "fails",
	    .read = read_pattern,
	    AT(fails),
	    .needed = "the pattern of a log line that ends a failed attempt" },
	{ .key = "succeeds",
	    .read = read_pattern,
	    AT(succeeds),
	    .needed = "the pattern of a log line that ends an attempt that worked" },
	{ .key = "begins", .read = read_pattern, AT(begins) },
	{ .key = "lost", .read = read_pattern, AT(lost) },
};

static int read_attempts(struct reader *reader, const struct node *node, struct watch *watch, struct err *err)
{
	const struct node *from = node_get(node, "from");
	if (from && read_from(reader, from, watch, err) < 0)
		return -1;
	const struct field *fields = watch->from_log ? log_fields : wire_fields;
	size_t count = watch->from_log ? ARRAY_LENGTH(log_fields) : ARRAY_LENGTH(wire_fields);
	return fields_read(reader, node, "an attempts watch", fields, count, watch, err);
}

static const struct field memory_fields[] = {
	{ .key = "memory", .read = read_service },
	{ .key = "every", .read = read_period, AT(every_ns) },
};

static const struct field descriptors_fields[] = {
	{ .key = "descriptors", .read = read_service },
	{ .key = "every", .read = read_period, AT(every_ns) },
};

static const struct {
	const char *key, *what;
	enum watch_kind kind;
	const struct field *fields;
	size_t count;
} kinds[] = {
	{ "http", "an http watch", WATCH_HTTP, http_fields, ARRAY_LENGTH(http_fields) },
	{ "attempts", "an attempts watch", WATCH_ATTEMPTS, NULL, 0 },
	{ "memory", "a memory watch", WATCH_MEMORY, memory_fields, ARRAY_LENGTH(memory_fields) },
	{ "descriptors", "a descriptors watch", WATCH_DESCRIPTORS, descriptors_fields,
	    ARRAY_LENGTH(descriptors_fields) },
};

static int read_watch(struct reader *reader, const struct node *node, struct watch *watch, struct err *err)
{
	if (node->kind != NODE_MAPPING)
		return refuse_kind(reader, node, err,
		    "a watch, which is a map with `http`, `attempts`, `memory` or `descriptors`,");
	const char *found = NULL;
	size_t kind = 0;
	for (size_t i = 0; i < ARRAY_LENGTH(kinds); i++) {
		if (!node_get(node, kinds[i].key))
			continue;
		if (found)
			return refuse(reader, node, err,
			    "a watch watches one thing; this one has both `%s` and `%s`", found,
			    kinds[i].key);
		found = kinds[i].key;
		kind = i;
	}
	if (!found && node_get(node, "log"))
		return refuse(reader, node, err,
		    "a log need not be declared: every service's is watched as SERVICE.log");
	if (!found)
		return refuse(
		    reader, node, err, "a watch needs one of `http`, `attempts`, `memory` and `descriptors`");
	watch->kind = kinds[kind].kind;
	watch->every_ns = watch->kind == WATCH_HTTP ? 50 * NS_PER_MS : 250 * NS_PER_MS;
	watch->timeout_ns = NS_PER_S;
	if (watch->kind == WATCH_ATTEMPTS)
		return read_attempts(reader, node, watch, err);
	return fields_read(reader, node, kinds[kind].what, kinds[kind].fields, kinds[kind].count, watch, err);
}

int read_watches(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	struct plan *plan = into;
	if (node->kind == NODE_NULL)
		return 0;
	if (node->kind != NODE_MAPPING)
		return refuse_kind(reader, node, err, "a map of names to watches");
	for (size_t i = 0; i < node->entry_count; i++) {
		const struct node *key = node->entries[i].key;
		if (i == WATCHES_MAX)
			return refuse(reader, key, err, "a scenario has at most %d watches", WATCHES_MAX);
		struct watch *watch = array_push(plan->watches, plan->watch_count);
		watch->position = key->position;
		if (read_name(reader, key, &watch->name, err) < 0)
			return -1;
		if (stack_find(plan->stack, watch->name) >= 0)
			return refuse(reader, key, err,
			    "the watch `%s` has the name of a service, so `of: %s` could mean either",
			    watch->name, watch->name);
		if (read_watch(reader, node->entries[i].value, watch, err) < 0)
			return -1;
	}
	return 0;
}

void add_log_watches(struct plan *plan)
{
	for (size_t i = 0; i < plan->stack->service_count; i++) {
		struct watch *watch = array_push(plan->watches, plan->watch_count);
		watch->kind = WATCH_LOG;
		watch->name = xasprintf("%s.log", plan->stack->services[i].name);
		watch->position = plan->stack->services[i].position;
		watch->service = i;
	}
}

int log_watch_of(const struct plan *plan, size_t service)
{
	for (size_t i = 0; i < plan->watch_count; i++)
		if (plan->watches[i].kind == WATCH_LOG && plan->watches[i].service == service)
			return (int)i;
	BUG("service %zu has no log", service);
}
