/* `expect:` of a scenario: who is judged, by which verb, in which time. */
#include "base/buf.h"
#include "base/duration.h"
#include "plan/nearest.h"
#include "plan/references.h"
#include "plan/scalars.h"

#include <ctype.h>
#include <string.h>

enum { EXPECTATIONS_MAX = 1000, EXPECTATION_ID_MAX = 60, BACKOFF_AT_LEAST = 3, FLOOR_MS = 20 };
#define TOLERANCE 0.10

void expectation_release(struct expectation *expectation)
{
	free(expectation->id);
	free(expectation->text);
	free(expectation->source);
	moment_release(&expectation->after);
	moment_release(&expectation->until);
	strings_release(&expectation->states);
	strings_release(&expectation->ignore);
	free(expectation->pattern);
	free(expectation->numbers);
	for (size_t i = 0; i < expectation->respond.header_count; i++) {
		free(expectation->respond.headers[i].name);
		free(expectation->respond.headers[i].value);
	}
	free(expectation->respond.headers);
	for (size_t i = 0; i < expectation->respond.body_count; i++) {
		free(expectation->respond.bodies[i].expression);
		free(expectation->respond.bodies[i].value);
	}
	free(expectation->respond.bodies);
	free(expectation->respond.body_pattern);
	free(expectation->agrees.pattern);
	free(expectation->claim_text);
}

/* ---- of ---- */

static int refuse_subject(struct reader *reader, const struct node *node, struct err *err)
{
	const struct plan *plan = reader->plan;
	struct nearest nearest = nearest_to(node->text);
	for (size_t i = 0; i < plan->watch_count; i++)
		nearest_offer(&nearest, plan->watches[i].name);
	for (size_t i = 0; i < plan->stack->service_count; i++)
		nearest_offer(&nearest, plan->stack->services[i].name);
	for (size_t i = 0; i < plan->step_count; i++)
		if (plan->steps[i].kind == STEP_REQUEST)
			nearest_offer(&nearest, plan->steps[i].id);
	char *hint OWNED = suggest(&nearest);
	return refuse(
	    reader, node, err, "no watch, service or request step is called `%s`%s", SHOW(node->text), hint);
}

static int read_of(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	struct expectation *expectation = into;
	const struct plan *plan = reader->plan;
	const char *name = scalar_text(reader, node, "the name of a watch, a service or a request step", err);
	if (!name)
		return -1;
	expectation->watch = plan_find_watch(plan, name);
	if (expectation->watch >= 0)
		return check_started(reader, node, plan->watches[expectation->watch].service, err);
	expectation->service = stack_find(plan->stack, name);
	if (expectation->service >= 0)
		return check_started(reader, node, (size_t)expectation->service, err);
	expectation->step = plan_find_step(plan, name);
	if (expectation->step < 0)
		return refuse_subject(reader, node, err);
	if (plan->steps[expectation->step].kind != STEP_REQUEST)
		return refuse(
		    reader, node, err, "the step `%s` is no request, so there is no answer to judge", name);
	return 0;
}

/* ---- when ---- */

/* One answer comes when it comes. */
static int refuse_untimed(const struct reader *reader, const struct node *node,
    const struct expectation *expectation, struct err *err)
{
	if (expectation->step < 0)
		return 0;
	return refuse(reader, node, err,
	    "the answer to the request `%s` is judged whenever it comes; no time can be given",
	    reader->plan->steps[expectation->step].id);
}

static int read_after(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	struct expectation *expectation = into;
	if (refuse_untimed(reader, node, expectation, err) < 0)
		return -1;
	if (expectation->has_after)
		return refuse(reader, node, err, "the time is given twice: by `during` and by `after`");
	expectation->has_after = true;
	return read_moment(reader, node, &expectation->after, err);
}

static int read_until(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	struct expectation *expectation = into;
	if (refuse_untimed(reader, node, expectation, err) < 0)
		return -1;
	if (expectation->has_until)
		return refuse(reader, node, err, "the time is given twice: by `during` and by `until`");
	expectation->has_until = true;
	return read_moment(reader, node, &expectation->until, err);
}

static int read_during(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	static const struct field fields[] = {
		{ .key = "from", .read = read_after },
		{ .key = "until", .read = read_until },
	};
	if (fields_read(reader, node, "`during`", fields, ARRAY_LENGTH(fields), into, err) < 0)
		return -1;
	if (node->entry_count == 0)
		return refuse(reader, node, err, "`during` needs `from`, `until` or both");
	return 0;
}

/* ---- claims ---- */

static int keep_claim_text(struct expectation *expectation, const struct node *node)
{
	free(expectation->claim_text);
	expectation->claim_text = xstrdup(node->text);
	return 0;
}

static int read_duration_claim(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	struct expectation *expectation = into;
	if (read_duration_range(reader, node, &expectation->claim, err) < 0)
		return -1;
	return keep_claim_text(expectation, node);
}

static int read_count_claim(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	struct expectation *expectation = into;
	if (read_count_range(reader, node, &expectation->claim, err) < 0)
		return -1;
	return keep_claim_text(expectation, node);
}

static int read_bytes_claim(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	struct expectation *expectation = into;
	if (read_bytes_range(reader, node, &expectation->claim, err) < 0)
		return -1;
	return keep_claim_text(expectation, node);
}

/* ---- verbs ---- */

/* What can be judged: one bit for each, so that a verb says what it fits. */
enum subject {
	OF_HTTP = 1 << WATCH_HTTP,
	OF_ATTEMPTS = 1 << WATCH_ATTEMPTS,
	OF_LOG = 1 << WATCH_LOG,
	OF_MEMORY = 1 << WATCH_MEMORY,
	OF_DESCRIPTORS = 1 << WATCH_DESCRIPTORS,
	OF_SERVICE = 1 << 5,
	OF_REQUEST = 1 << 6,
	OF_WIRE = 1 << 7, /* an attempts watch that takes them from there: no log is asked */
};

#define AT(member) .offset = offsetof(struct expectation, member)

static const struct verb {
	const char *key, *what;
	enum expectation_kind kind;
	field_read *read;
	field_read *claim; /* NULL: nothing is measured that could be claimed */
	unsigned subjects;
	const char *fits; /* the subjects in words */
	struct field companions[3];
} verbs[] = {
	{ "reach", "a reach expectation", EXPECT_REACH, read_reach, read_duration_claim,
	    OF_HTTP | OF_ATTEMPTS | OF_LOG, "an http watch, an attempts watch or a log",
	    { { .key = "within", .read = read_within }, { .key = "after", .read = read_after },
		{ .key = "until", .unsupported = "`within` says how long it may take" } } },
	{ "sequence", "a sequence expectation", EXPECT_SEQUENCE, read_sequence, NULL, OF_HTTP,
	    "an http watch",
	    { { .key = "ignore", .read = read_texts, AT(ignore) },
		{ .key = "during", .read = read_during } } },
	{ "never", "a never expectation", EXPECT_NEVER, read_never, NULL, OF_HTTP | OF_LOG | OF_SERVICE,
	    "an http watch, a log or a service", { { .key = "during", .read = read_during } } },
	{ "always", "an always expectation", EXPECT_ALWAYS, read_always, NULL, OF_HTTP, "an http watch",
	    { { .key = "ignore", .read = read_texts, AT(ignore) },
		{ .key = "during", .read = read_during } } },
	{ "backoff", "a backoff expectation", EXPECT_BACKOFF, read_backoff, read_duration_claim, OF_ATTEMPTS,
	    "an attempts watch", { { .key = "during", .read = read_during } } },
	{ "matches", "a matches expectation", EXPECT_MATCHES, read_matches, read_count_claim, OF_LOG,
	    "a log, which is called SERVICE.log",
	    { { .key = "times", .read = read_count_range, AT(times) },
		{ .key = "numbers", .read = read_numbers }, { .key = "during", .read = read_during } } },
	{ "respond", "a respond expectation", EXPECT_RESPOND, read_respond, NULL, OF_REQUEST,
	    "a request step", { { 0 } } },
	{ "memory", "a memory expectation", EXPECT_MEMORY, read_memory, read_bytes_claim, OF_MEMORY,
	    "a memory watch", { { .key = "during", .read = read_during } } },
	{ "descriptors", "a descriptors expectation", EXPECT_DESCRIPTORS, read_descriptors, read_count_claim,
	    OF_DESCRIPTORS, "a descriptors watch", { { .key = "during", .read = read_during } } },
	{ "agrees", "an agrees expectation", EXPECT_AGREES, read_agrees, NULL, OF_WIRE,
	    "an attempts watch of the wire", { { .key = "during", .read = read_during } } },
	{ "connections", "a connections expectation", EXPECT_CONNECTIONS, read_connections, read_count_claim,
	    OF_WIRE, "an attempts watch of the wire", { { .key = "during", .read = read_during } } },
	{ "ends", "an ends expectation", EXPECT_ENDS, read_ends, read_duration_claim, OF_SERVICE, "a service",
	    { { .key = "after", .read = read_after } } },
	{ "discloses", "a discloses expectation", EXPECT_DISCLOSES, read_discloses, NULL, OF_LOG | OF_REQUEST,
	    "a log or a request step", { { .key = "during", .read = read_during } } },
	{ "honest", "an honest expectation", EXPECT_HONEST, read_honest, read_duration_claim, OF_HTTP,
	    "an http watch", { { .key = "during", .read = read_during } } },
};

static const struct choice choice = {
	.in = "an expectation",
	.one = "an expectation has one verb",
	.needs = "an expectation needs one verb",
	KEYS(verbs),
};

static int check_fit(struct reader *reader, const struct node *node, const struct verb *verb,
    const struct expectation *expectation, struct err *err)
{
	const char *name = node->text, *is = "a request step";
	unsigned subject = OF_REQUEST;
	if (expectation->watch >= 0) {
		const struct watch *watch = &reader->plan->watches[expectation->watch];
		bool wire = watch->kind == WATCH_ATTEMPTS && !watch->from_log;
		subject = 1U << watch->kind | (wire ? OF_WIRE : 0U);
		is = watch->from_log ? "one of the log" : watch_kind_name(watch->kind);
	} else if (expectation->service >= 0) {
		subject = OF_SERVICE;
		is = "a service";
	}
	if (verb->subjects & subject)
		return 0;
	return refuse(reader, node, err, "`%s` judges %s; `%s` is %s", verb->key, verb->fits, name, is);
}

/* ---- one expectation ---- */

static void set_defaults(struct expectation *expectation)
{
	expectation->watch = expectation->service = expectation->step = -1;
	expectation->after.watch = expectation->until.watch = -1;
	expectation->within_watch = -1;
	expectation->backoff = (struct backoff){ .cap_ns = INT64_MAX,
		.factor = 1,
		.jitter_low = 1,
		.jitter_high = 1,
		.at_least = BACKOFF_AT_LEAST,
		.tolerance = TOLERANCE,
		.floor_ns = FLOOR_MS * NS_PER_MS };
	expectation->times = (struct range){ .low = 1, .high = INT64_MAX };
	expectation->honest.by_watch = -1;
	expectation->honest.works = (struct range){ .low = 200, .high = 299, .present = true };
	expectation->agrees.log_watch = -1;
	expectation->agrees.tolerance = TOLERANCE;
	expectation->agrees.floor_ns = FLOOR_MS * NS_PER_MS;
}

/* A count that may be anything demands nothing; with a claim, it is there to be measured. */
static int check_demand(
    struct reader *reader, const struct node *node, const struct expectation *expectation, struct err *err)
{
	const struct range *times = &expectation->times;
	bool is_any = times->present && times->low == 0 && times->high == INT64_MAX;
	if (expectation->kind != EXPECT_MATCHES || !is_any || expectation->number_count ||
	    expectation->claim_text)
		return 0;
	const struct node *given = node_get(node, "times");
	return refuse(reader, given, err,
	    "`%s` is true of any number of lines; write 1.. or a range with an end, or a `claim` that is to "
	    "be "
	    "measured",
	    SHOW(given->text));
}

static int read_expectation(
    struct reader *reader, const struct node *node, struct expectation *expectation, struct err *err)
{
	if (node->kind != NODE_MAPPING)
		return refuse_kind(reader, node, err, "an expectation, which is a map with `of` and a verb,");
	int found = choice_find(reader, node, &choice, err);
	if (found < 0)
		return -1;
	const struct verb *verb = &verbs[found];
	expectation->kind = verb->kind;
	const struct node *of = node_get(node, "of");
	if (of &&
	    (read_of(reader, of, expectation, err) < 0 || check_fit(reader, of, verb, expectation, err) < 0))
		return -1;
	struct field fields[12] = {
		{ .key = "of", .needed = "the watch, service or request step that is judged" },
		{ .key = "id" },
		{ .key = "text", .read = read_text, AT(text) },
		{ .key = "source", .read = read_text, AT(source) },
		{ .key = verb->key, .read = verb->read },
	};
	size_t count = 5;
	for (size_t i = 0; i < ARRAY_LENGTH(verb->companions) && verb->companions[i].key; i++)
		fields[count++] = verb->companions[i];
	if (verb->kind != EXPECT_REACH && verb->kind != EXPECT_RESPOND && verb->kind != EXPECT_ENDS) {
		fields[count++] = (struct field){ .key = "after", .read = read_after };
		fields[count++] = (struct field){ .key = "until", .read = read_until };
	}
	fields[count] = (struct field){ .key = "claim", .read = verb->claim };
	if (!verb->claim)
		fields[count].unsupported = "nothing is measured here that a document could have promised";
	count++;
	if (fields_read(reader, node, verb->what, fields, count, expectation, err) < 0)
		return -1;
	return check_demand(reader, node, expectation, err);
}

/* ---- ids ---- */

static const struct expectation *find_expectation(const struct plan *plan, const char *id)
{
	for (size_t i = 0; i < plan->expectation_count; i++)
		if (plan->expectations[i].id && strcmp(plan->expectations[i].id, id) == 0)
			return &plan->expectations[i];
	return NULL;
}

static int read_ids(struct reader *reader, const struct node *node, struct plan *plan, struct err *err)
{
	for (size_t i = 0; i < node->item_count; i++) {
		struct expectation *expectation = &plan->expectations[i];
		set_defaults(expectation);
		expectation->position = node->items[i]->position;
		const struct node *id =
		    node->items[i]->kind == NODE_MAPPING ? node_get(node->items[i], "id") : NULL;
		if (!id)
			continue;
		char *name = NULL;
		if (read_name(reader, id, &name, err) < 0)
			return -1;
		const struct expectation *same = find_expectation(plan, name);
		expectation->id = name;
		if (same)
			return refuse(reader, id, err, "the id `%s` is given twice; first on line %d", name,
			    same->position.line);
	}
	return 0;
}

static const char *subject_name(const struct plan *plan, const struct expectation *expectation)
{
	if (expectation->watch >= 0)
		return plan->watches[expectation->watch].name;
	if (expectation->service >= 0)
		return plan->stack->services[expectation->service].name;
	return plan->steps[expectation->step].id;
}

/* "ready-reach-healthy", "gateway-never-exited-restarted", "dial-backoff", "gateway-log-matches-2" */
static char *make_id(const struct plan *plan, const struct expectation *expectation)
{
	struct buf id CLEANUP(buf_release) = { .max = EXPECTATION_ID_MAX };
	const char *verb = "";
	for (size_t i = 0; i < ARRAY_LENGTH(verbs); i++)
		if (verbs[i].kind == expectation->kind)
			verb = verbs[i].key;
	buf_addf(&id, "%s-%s", subject_name(plan, expectation), verb);
	for (size_t i = 0; i < expectation->states.count; i++)
		buf_addf(&id, "-%s", expectation->states.items[i]);
	if (expectation->attempt_number)
		buf_addf(&id, "-%d", expectation->attempt_number);
	for (char *byte = id.bytes; *byte; byte++)
		if (!isalnum((unsigned char)*byte) && *byte != '_')
			*byte = '-';
	if (!find_expectation(plan, buf_string(&id)))
		return buf_steal(&id);
	for (int number = 2;; number++) {
		char *numbered = xasprintf("%s-%d", buf_string(&id), number);
		if (!find_expectation(plan, numbered))
			return numbered;
		free(numbered);
	}
}

int read_expectations(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	struct plan *plan = into;
	if (node->kind != NODE_SEQUENCE)
		return refuse_kind(reader, node, err, "a list of expectations");
	if (node->item_count == 0)
		return refuse(reader, node, err,
		    "a scenario that expects nothing can show nothing; add an expectation");
	if (node->item_count > EXPECTATIONS_MAX)
		return refuse(reader, node->items[EXPECTATIONS_MAX], err,
		    "a scenario has at most %d expectations", EXPECTATIONS_MAX);
	for (size_t i = 0; i < node->item_count; i++)
		(void)array_push(plan->expectations, plan->expectation_count);
	if (read_ids(reader, node, plan, err) < 0)
		return -1;
	for (size_t i = 0; i < plan->expectation_count; i++) {
		if (read_expectation(reader, node->items[i], &plan->expectations[i], err) < 0)
			return -1;
		if (!plan->expectations[i].id)
			plan->expectations[i].id = make_id(plan, &plan->expectations[i]);
	}
	return 0;
}
