/* `steps:` of a scenario. */
#include "base/buf.h"
#include "base/duration.h"
#include "plan/nearest.h"
#include "plan/references.h"
#include "plan/scalars.h"

#include <string.h>

enum { STEPS_MAX = 1000, STEP_ID_MAX = 60, WAIT_MAX_S = 60, REQUEST_TIMEOUT_S = 10 };

void step_release(struct step *step)
{
	free(step->id);
	free(step->services);
	free(step->signal);
	moment_release(&step->after);
	moment_release(&step->before);
	moment_release(&step->until);
	phase_scripts_release(step->scripts, step->script_count);
	free(step->request.method);
	free(step->request.path);
	free(step->request.body);
	strings_release(&step->request.headers);
}

/* ---- steps on services ---- */

static int add_service(struct reader *reader, const struct node *node, struct step *step, struct err *err)
{
	size_t service;
	if (resolve_service(reader, node, &service, err) < 0)
		return -1;
	for (size_t i = 0; i < step->service_count; i++)
		if (step->services[i] == service)
			return refuse(reader, node, err, "`%s` is in this list twice", node->text);
	*array_push(step->services, step->service_count) = service;
	return 0;
}

static bool acts_on(const struct step *step, size_t service)
{
	for (size_t i = 0; i < step->service_count; i++)
		if (step->services[i] == service)
			return true;
	return false;
}

/* Has the step that is being read something to act on? */
static int check_acts(
    struct reader *reader, const struct node *node, const struct step *step, size_t service, struct err *err)
{
	const char *name = reader->plan->stack->services[service].name;
	if (step->kind == STEP_START)
		return 0;
	if (check_started(reader, node, service, err) < 0)
		return -1;
	bool removed = false, paused = false;
	for (size_t i = 0; i < reader->current; i++) {
		const struct step *earlier = &reader->plan->steps[i];
		if (!acts_on(earlier, service))
			continue;
		removed = earlier->kind == STEP_REMOVE || (removed && earlier->kind != STEP_START);
		paused = earlier->kind == STEP_PAUSE;
	}
	if (removed)
		return refuse(reader, node, err,
		    "`%s` has been removed by an earlier step; start it again first", name);
	if (paused && (step->kind == STEP_CRASH || step->kind == STEP_EXHAUST))
		return refuse(reader, node, err,
		    "`%s` is frozen here and does nothing by itself; put `- unpause: %s` before this step",
		    name, name);
	if (step->kind == STEP_UNPAUSE && !paused)
		return refuse(reader, node, err,
		    "`%s` is not paused here; put `- pause: %s` before this step", name, name);
	return 0;
}

/* A name, a list of names, or `all`: every service for start, those started so far for the others. */
static int read_services(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	struct step *step = into;
	if (node->kind == NODE_SCALAR && strcmp(node->text, "all") == 0) {
		for (size_t i = 0; i < reader->plan->stack->service_count; i++) {
			struct err ignored = ERR_INIT;
			if (check_acts(reader, node, step, i, &ignored) == 0)
				*array_push(step->services, step->service_count) = i;
		}
		return step->service_count
			   ? 0
			   : refuse(reader, node, err, "no service has been started by an earlier step");
	}
	if (node->kind == NODE_SEQUENCE) {
		if (node->item_count == 0)
			return refuse(reader, node, err, "this list of services is empty");
		for (size_t i = 0; i < node->item_count; i++)
			if (add_service(reader, node->items[i], step, err) < 0 ||
			    check_acts(reader, node->items[i], step, step->services[i], err) < 0)
				return -1;
		return 0;
	}
	if (add_service(reader, node, step, err) < 0)
		return -1;
	return check_acts(reader, node, step, step->services[0], err);
}

static int read_signal(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	static const char *const signals[] = { "SIGHUP", "SIGINT", "SIGQUIT", "SIGABRT", "SIGKILL", "SIGUSR1",
		"SIGSEGV", "SIGUSR2", "SIGPIPE", "SIGALRM", "SIGTERM", "SIGCONT", "SIGSTOP", "SIGTSTP",
		"SIGWINCH" };
	const char *text = scalar_text(reader, node, "a signal, as in SIGTERM,", err);
	if (!text)
		return -1;
	char *name OWNED = strncmp(text, "SIG", 3) == 0 ? xstrdup(text) : xasprintf("SIG%s", text);
	struct nearest nearest = nearest_to(name);
	for (size_t i = 0; i < ARRAY_LENGTH(signals); i++) {
		nearest_offer(&nearest, signals[i]);
		if (strcmp(signals[i], name) == 0) {
			*(char **)into = steal_ptr(name);
			return 0;
		}
	}
	char *hint OWNED = suggest(&nearest);
	return refuse(reader, node, err, "unknown signal `%s`%s", SHOW(text), hint);
}

/* What a first process of a container dies of: the kernel gives it no other signal that it has no handler
 * for. */
static int read_crash_signal(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	if (read_signal(reader, node, into, err) < 0)
		return -1;
	const char *name = *(char **)into;
	if (strcmp(name, "SIGKILL") == 0 || strcmp(name, "SIGSEGV") == 0)
		return 0;
	return refuse(reader, node, err,
	    "the main process of a container does not die of %s unless it wants to; SIGKILL and SIGSEGV are "
	    "what it "
	    "crashes of (`kill` sends any signal)",
	    name);
}

/* ---- request ---- */

static int read_request(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	static const char *const methods[] = { "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS" };
	struct step *step = into;
	const char *text = scalar_text(reader, node, "METHOD SERVICE:PORT/PATH", err);
	if (!text)
		return -1;
	size_t length = strcspn(text, " ");
	const char *url = text + length + strspn(text + length, " ");
	if (!*url)
		return refuse(reader, node, err,
		    "`%s` is not of the form METHOD SERVICE:PORT/PATH, as in GET gateway:4000/", SHOW(text));
	char *method OWNED = xmemdup0(text, length);
	struct nearest nearest = nearest_to(method);
	bool known = false;
	for (size_t i = 0; i < ARRAY_LENGTH(methods); i++) {
		nearest_offer(&nearest, methods[i]);
		known = known || strcmp(methods[i], method) == 0;
	}
	char *hint OWNED = suggest(&nearest);
	if (!known)
		return refuse(reader, node, err, "`%s` is no HTTP method%s", SHOW(method), hint);
	step->request.method = steal_ptr(method);
	if (parse_url(
		reader, node, url, &step->request.service, &step->request.port, &step->request.path, err) < 0)
		return -1;
	return check_started(reader, node, step->request.service, err);
}

static int read_headers(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	struct strings *headers = into;
	if (node->kind != NODE_MAPPING)
		return refuse_kind(reader, node, err, "a map of header names to values");
	for (size_t i = 0; i < node->entry_count; i++) {
		const struct entry *entry = &node->entries[i];
		const char *value = scalar_text(reader, entry->value, "a header's value", err);
		if (!value)
			return -1;
		if (!is_name(entry->key->text, false))
			return refuse(reader, entry->key, err, "`%s` cannot be the name of a header",
			    SHOW(entry->key->text));
		if (has_control(value))
			return refuse(reader, entry->value, err,
			    "a header's value is one line without control characters");
		strings_add(headers, xasprintf("%s: %s", entry->key->text, value));
	}
	return 0;
}

/* ---- the table of verbs ---- */

static const struct field signal_field[] = {
	{ .key = "signal", .read = read_signal, .offset = offsetof(struct step, signal) },
};

static const struct field crash_signal_field[] = {
	{ .key = "signal", .read = read_crash_signal, .offset = offsetof(struct step, signal) },
};

static const struct field request_fields[] = {
	{ .key = "headers", .read = read_headers, .offset = offsetof(struct step, request.headers) },
	{ .key = "body", .read = read_any_text, .offset = offsetof(struct step, request.body) },
	{ .key = "timeout", .read = read_span, .offset = offsetof(struct step, request.timeout_ns) },
};

static const struct verb {
	const char *key, *what;
	enum step_kind kind;
	field_read *read;
	size_t offset;
	const struct field *companions;
	size_t companion_count;
} verbs[] = {
	{ .key = "start", .what = "a start step", .kind = STEP_START, .read = read_services },
	{ .key = "stop", .what = "a stop step", .kind = STEP_STOP, .read = read_services },
	{ .key = "kill",
	    .what = "a kill step",
	    .kind = STEP_KILL,
	    .read = read_services,
	    .companions = signal_field,
	    .companion_count = 1 },
	{ .key = "crash",
	    .what = "a crash step",
	    .kind = STEP_CRASH,
	    .read = read_services,
	    .companions = crash_signal_field,
	    .companion_count = 1 },
	{ .key = "exhaust", .what = "an exhaust step", .kind = STEP_EXHAUST, .read = read_services },
	{ .key = "pause", .what = "a pause step", .kind = STEP_PAUSE, .read = read_services },
	{ .key = "unpause", .what = "an unpause step", .kind = STEP_UNPAUSE, .read = read_services },
	{ .key = "restart", .what = "a restart step", .kind = STEP_RESTART, .read = read_services },
	{ .key = "remove", .what = "a remove step", .kind = STEP_REMOVE, .read = read_services },
	{ .key = "wait", .what = "a wait step", .kind = STEP_WAIT, .read = read_wait },
	{ .key = "hold",
	    .what = "a hold step",
	    .kind = STEP_HOLD,
	    .read = read_span,
	    .offset = offsetof(struct step, hold_ns) },
	{ .key = "request",
	    .what = "a request step",
	    .kind = STEP_REQUEST,
	    .read = read_request,
	    .companions = request_fields,
	    .companion_count = ARRAY_LENGTH(request_fields) },
	{ .key = "phase", .what = "a phase step", .kind = STEP_PHASE, .read = read_step_phases },
};

static const struct choice choice = {
	.in = "a step",
	.one = "a step does one thing",
	.needs = "a step needs one verb",
	KEYS(verbs),
};

static int read_after(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	struct step *step = into;
	step->has_after = true;
	return read_moment(reader, node, &step->after, err);
}

static int read_step(struct reader *reader, const struct node *node, struct step *step, struct err *err)
{
	int found = choice_find(reader, node, &choice, err);
	if (found < 0)
		return -1;
	const struct verb *verb = &verbs[found];
	struct field fields[8] = {
		{ .key = "id" }, /* read_ids() */
		{ .key = verb->key, .read = verb->read, .offset = verb->offset },
		{ .key = "after", .read = read_after },
		{ .key = "before" }, /* read_befores() */
		{ .key = "jitter", .read = read_span, .offset = offsetof(struct step, jitter_ns) },
	};
	for (size_t i = 0; i < verb->companion_count; i++)
		fields[5 + i] = verb->companions[i];
	step->kind = verb->kind;
	step->max_ns = WAIT_MAX_S * NS_PER_S;
	step->request.timeout_ns = REQUEST_TIMEOUT_S * NS_PER_S;
	if (fields_read(reader, node, verb->what, fields, 5 + verb->companion_count, step, err) < 0)
		return -1;
	if ((step->kind == STEP_KILL || step->kind == STEP_CRASH) && !step->signal)
		step->signal = xstrdup("SIGKILL");
	return 0;
}

/* ---- ids ---- */

/* Those that are given, before any is made and before anything refers to them. */
static int read_ids(struct reader *reader, const struct node *node, struct plan *plan, struct err *err)
{
	for (size_t i = 0; i < node->item_count; i++) {
		const struct node *item = node->items[i];
		plan->steps[i].position = item->position;
		plan->steps[i].after.watch = plan->steps[i].until.watch = plan->steps[i].before.watch = -1;
		const struct node *id = item->kind == NODE_MAPPING ? node_get(item, "id") : NULL;
		if (!id)
			continue;
		char *name = NULL;
		if (read_name(reader, id, &name, err) < 0)
			return -1;
		int same = plan_find_step(plan, name);
		plan->steps[i].id = name;
		if (same >= 0)
			return refuse(reader, id, err, "the id `%s` is given twice; first on line %d", name,
			    plan->steps[same].position.line);
		if (plan_find_watch(plan, name) >= 0 || stack_find(plan->stack, name) >= 0)
			return refuse(reader, id, err,
			    "the id `%s` is also the name of a %s, so `of: %s` could mean either", name,
			    plan_find_watch(plan, name) >= 0 ? "watch" : "service", name);
	}
	return 0;
}

static bool is_taken(const struct plan *plan, const char *id)
{
	return plan_find_step(plan, id) >= 0 || plan_find_watch(plan, id) >= 0 ||
	       stack_find(plan->stack, id) >= 0;
}

/* "start-redis", "start-redis-2", "start-all", "phase-redis"; "wait-3" is the third step. */
static char *make_id(const struct plan *plan, const struct step *step, size_t index, const char *verb)
{
	struct buf id CLEANUP(buf_release) = { .max = STEP_ID_MAX };
	bool all = step->service_count > 1 && step->service_count == plan->stack->service_count;
	buf_addf(&id, "%s%s", verb, all ? "-all" : "");
	for (size_t i = 0; i < step->service_count && !all; i++)
		buf_addf(&id, "-%s", plan->stack->services[step->services[i]].name);
	for (size_t i = 0; i < step->script_count; i++)
		buf_addf(&id, "-%s", plan->stack->services[step->scripts[i].service].name);
	if (step->service_count + step->script_count == 0)
		buf_addf(&id, "-%zu", index + 1);
	for (char *byte = id.bytes; *byte; byte++)
		if (*byte == '.') /* a dot would read as SERVICE.EVENT */
			*byte = '-';
	if (!is_taken(plan, buf_string(&id)))
		return buf_steal(&id);
	for (int number = 2;; number++) {
		char *numbered = xasprintf("%s-%d", buf_string(&id), number);
		if (!is_taken(plan, numbered))
			return numbered;
		free(numbered);
	}
}

static const char *verb_name(enum step_kind kind)
{
	for (size_t i = 0; i < ARRAY_LENGTH(verbs); i++)
		if (verbs[i].kind == kind)
			return verbs[i].key;
	BUG("step kind %d", (int)kind);
}

static void default_after(const struct plan *plan, struct step *step, size_t index)
{
	step->after = (struct moment){
		.kind = index ? MOMENT_STEP : MOMENT_WORLD, .position = step->position, .watch = -1
	};
	step->after.name = xstrdup(index ? plan->steps[index - 1].id : "world");
	step->after.what = index ? NULL : xstrdup("started");
}

int read_steps(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	struct plan *plan = into;
	add_log_watches(plan);
	if (node->kind != NODE_SEQUENCE)
		return refuse_kind(reader, node, err, "a list of steps");
	if (node->item_count == 0)
		return refuse(
		    reader, node, err, "a scenario without steps does nothing; begin with `- start: all`");
	if (node->item_count > STEPS_MAX)
		return refuse(
		    reader, node->items[STEPS_MAX], err, "a scenario has at most %d steps", STEPS_MAX);
	for (size_t i = 0; i < node->item_count; i++)
		(void)array_push(plan->steps, plan->step_count);
	if (read_ids(reader, node, plan, err) < 0)
		return -1;
	for (size_t i = 0; i < plan->step_count; i++) {
		struct step *step = &plan->steps[i];
		reader->current = i;
		if (node->items[i]->kind != NODE_MAPPING)
			return refuse_kind(
			    reader, node->items[i], err, "a step, which is a map such as `start: redis`,");
		if (read_step(reader, node->items[i], step, err) < 0)
			return -1;
		if (!step->id)
			step->id = make_id(plan, step, i, verb_name(step->kind));
		if (!step->has_after)
			default_after(plan, step, i);
	}
	int result = read_befores(reader, node, plan, err);
	reader->current = plan->step_count;
	return result;
}
