/* The verbs of expectations: what each of them demands. `into` is the expectation, whose subject is known. */
#include "base/duration.h"
#include "plan/nearest.h"
#include "plan/references.h"
#include "plan/scalars.h"

#include <string.h>

static const struct watch *subject_watch(const struct reader *reader, const struct expectation *expectation)
{
	return expectation->watch >= 0 ? &reader->plan->watches[expectation->watch] : NULL;
}

int read_states(
    struct reader *reader, const struct node *node, struct expectation *expectation, struct err *err)
{
	if (read_texts(reader, node, &expectation->states, err) < 0)
		return -1;
	for (size_t i = 0; i < expectation->states.count; i++) {
		const struct node *item = node->kind == NODE_SEQUENCE ? node->items[i] : node;
		if (check_state(reader, item, expectation->states.items[i],
			subject_watch(reader, expectation), err) < 0)
			return -1;
	}
	return 0;
}

int read_reach(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	static const struct field fields[] = {
		{ .key = "attempt",
		    .read = read_count,
		    .offset = offsetof(struct expectation, attempt_number),
		    .needed = "the number of the attempt" },
	};
	struct expectation *expectation = into;
	const struct watch *watch = subject_watch(reader, expectation);
	if (watch->kind == WATCH_LOG)
		return read_pattern(reader, node, &expectation->pattern, err);
	if (watch->kind == WATCH_ATTEMPTS) {
		if (node->kind != NODE_MAPPING)
			return refuse(reader, node, err,
			    "an attempts watch reaches an attempt; write `reach: { attempt: 20 }`");
		return fields_read(
		    reader, node, "`reach` of an attempts watch", fields, ARRAY_LENGTH(fields), into, err);
	}
	if (node->kind != NODE_SCALAR)
		return refuse_kind(reader, node, err, "one state");
	return read_states(reader, node, expectation, err);
}

static int read_within_watch(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	struct expectation *expectation = into;
	if (resolve_watch(reader, node, &expectation->within_watch, err) < 0)
		return -1;
	const struct watch *watch = &reader->plan->watches[expectation->within_watch];
	if (watch->kind != WATCH_ATTEMPTS)
		return refuse(reader, node, err, "steps are counted in attempts; `%s` is %s", watch->name,
		    watch_kind_name(watch->kind));
	return 0;
}

int read_within(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	static const struct field fields[] = {
		{ .key = "steps",
		    .read = read_count,
		    .offset = offsetof(struct expectation, within_steps),
		    .needed = "how many attempts may begin" },
		{ .key = "of",
		    .read = read_within_watch,
		    .needed = "the attempts watch they are counted in" },
	};
	struct expectation *expectation = into;
	expectation->has_within = true;
	if (node->kind != NODE_MAPPING)
		return read_span(reader, node, &expectation->within_ns, err);
	expectation->within_ns = -1;
	return fields_read(reader, node, "`within`", fields, ARRAY_LENGTH(fields), into, err);
}

int read_sequence(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	if (node->kind != NODE_SEQUENCE)
		return refuse_kind(reader, node, err, "a list of states, in their order,");
	if (read_states(reader, node, into, err) < 0)
		return -1;
	for (size_t i = 1; i < node->item_count; i++)
		if (strcmp(node->items[i]->text, node->items[i - 1]->text) == 0)
			return refuse(reader, node->items[i], err,
			    "`%s` follows itself; a sequence lists each change of state once",
			    SHOW(node->items[i]->text));
	return 0;
}

int read_never(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	struct expectation *expectation = into;
	if (expectation->service < 0) {
		if (subject_watch(reader, expectation)->kind == WATCH_LOG)
			return read_pattern(reader, node, &expectation->pattern, err);
		return read_states(reader, node, expectation, err);
	}
	if (read_texts(reader, node, &expectation->states, err) < 0)
		return -1;
	for (size_t i = 0; i < expectation->states.count; i++) {
		const struct node *item = node->kind == NODE_SEQUENCE ? node->items[i] : node;
		if (check_service_event(reader, item, item->text, (size_t)expectation->service, err) < 0)
			return -1;
	}
	return 0;
}

int read_always(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	return read_states(reader, node, into, err);
}

/* ---- backoff ---- */

enum { FACTOR_MAX = 100 };

static int read_factor(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	if (read_number(reader, node, into, err) < 0)
		return -1;
	if (*(double *)into < 1)
		return refuse(reader, node, err,
		    "a factor below 1 would shorten the gaps; 1 keeps them, 2 doubles them");
	if (*(double *)into > FACTOR_MAX)
		return refuse(reader, node, err,
		    "the factor `%s` is beyond all measure; factors are 1 to %d, as in 2", SHOW(node->text),
		    FACTOR_MAX);
	return 0;
}

static int read_then(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	struct backoff *backoff = into;
	backoff->has_then = true;
	if (node->kind == NODE_SCALAR && strcmp(node->text, "none") == 0)
		return 0;
	return read_span(reader, node, &backoff->then_ns, err);
}

/* "50%..100%" */
static int read_jitter(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	struct backoff *backoff = into;
	if (read_percent_range(reader, node, &backoff->jitter_low, &backoff->jitter_high, err) < 0)
		return -1;
	if (backoff->jitter_low == backoff->jitter_high)
		return refuse(reader, node, err,
		    "a jitter that is always the same is none; write a range, as in 50%%..100%%, or the gaps "
		    "as they are");
	return 0;
}

/* A tolerance as long as the longest gap there is would let every gap be none. Told at the story's own speed:
 * a floor that is `real` outgrows gaps that are told faster, which is no mistake of the scenario's. */
static int check_floor(
    struct reader *reader, const struct node *node, const struct backoff *backoff, struct err *err)
{
	if (!node)
		return 0;
	size_t length = strlen(node->text);
	bool is_real = length > 5 && strcmp(node->text + length - 5, " real") == 0;
	bool is_constant = backoff->factor <= 1;
	double longest =
	    is_constant || backoff->cap_ns == INT64_MAX ? (double)backoff->first_ns : (double)backoff->cap_ns;
	if (!is_constant && backoff->cap_ns == INT64_MAX)
		return 0;
	double floor = (double)backoff->floor_ns * (is_real ? 1 : reader->speed);
	if (floor < longest * reader->speed)
		return 0;
	return refuse(reader, node, err,
	    "with a tolerance of `%s` no gap is too short: the longest is no longer; write less, as in 20ms "
	    "real",
	    SHOW(node->text));
}

int read_backoff(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	static const struct field fields[] = {
		{ .key = "first",
		    .read = read_span,
		    .offset = offsetof(struct backoff, first_ns),
		    .needed = "the gap after the first attempt" },
		{ .key = "factor", .read = read_factor, .offset = offsetof(struct backoff, factor) },
		{ .key = "cap", .read = read_span, .offset = offsetof(struct backoff, cap_ns) },
		{ .key = "attempts", .read = read_count, .offset = offsetof(struct backoff, attempts) },
		{ .key = "then", .read = read_then },
		{ .key = "jitter", .read = read_jitter },
		{ .key = "at-least", .read = read_count, .offset = offsetof(struct backoff, at_least) },
		{ .key = "tolerance", .read = read_tolerance, .offset = offsetof(struct backoff, tolerance) },
		{ .key = "floor", .read = read_duration, .offset = offsetof(struct backoff, floor_ns) },
	};
	struct backoff *backoff = &((struct expectation *)into)->backoff;
	if (fields_read(reader, node, "`backoff`", fields, ARRAY_LENGTH(fields), backoff, err) < 0)
		return -1;
	if (backoff->cap_ns < backoff->first_ns)
		return refuse(reader, node_get(node, "cap"), err, "the cap is below the first gap");
	if (backoff->has_then && backoff->attempts == 0)
		return refuse(
		    reader, node_get(node, "then"), err, "`then` needs `attempts`: after how many it begins");
	return check_floor(reader, node_get(node, "floor"), backoff, err);
}

/* ---- logs ---- */

int read_matches(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	return read_pattern(reader, node, &((struct expectation *)into)->pattern, err);
}

/* Does the pattern have a group whose text can be a number? Escapes and (?:…) are not groups. */
static bool has_group(const char *pattern)
{
	bool class = false;
	for (; *pattern; pattern++) {
		if (*pattern == '\\' && pattern[1])
			pattern++;
		else if (class)
			class = *pattern != ']';
		else if (*pattern == '[')
			class = true;
		else if (*pattern == '(' && (pattern[1] != '?' || pattern[2] == '<' || pattern[2] == 'P'))
			return true;
	}
	return false;
}

/* "3", "-1", "${ms:15s}" */
static int read_whole(
    struct reader *reader, const struct node *node, const char *text, int64_t *ret_number, struct err *err)
{
	struct buf expanded CLEANUP(buf_release) = { 0 };
	struct err cause = ERR_INIT;
	if (expand_durations(text, reader->speed, &expanded, &cause) < 0)
		return refuse_with(reader, node, err, &cause);
	if (parse_whole(buf_string(&expanded), INT64_MIN / 2, INT64_MAX / 2, ret_number) < 0)
		return refuse(reader, node, err,
		    "`%s` is not a whole number of at most 18 digits, nor ${ms:DURATION}; `...` may end the "
		    "list",
		    SHOW(text));
	return 0;
}

/* A million lines on, the progression is still a number. */
static const int64_t NUMBER_STEP_MAX = INT64_C(1000000000);

static int check_progression(
    struct reader *reader, const struct node *node, const struct expectation *expectation, struct err *err)
{
	size_t count = expectation->number_count;
	int64_t step = count > 1 ? expectation->numbers[count - 1] - expectation->numbers[count - 2] : 0;
	if (step >= -NUMBER_STEP_MAX && step <= NUMBER_STEP_MAX)
		return 0;
	return refuse(reader, node, err,
	    "`...` goes on in the step of the last two numbers, and %lld is too large for one; write the "
	    "numbers",
	    (long long)step);
}

int read_numbers(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	struct expectation *expectation = into;
	if (node->kind != NODE_SEQUENCE || node->item_count == 0)
		return refuse_kind(reader, node, err, "a list of numbers");
	if (!has_group(expectation->pattern))
		return refuse(reader, node, err,
		    "`numbers` are those of the pattern's first group, and it has none; write (\\d+)");
	for (size_t i = 0; i < node->item_count; i++) {
		const struct node *item = node->items[i];
		const char *text = scalar_text(reader, item, "a whole number", err);
		if (!text)
			return -1;
		if (i > 0 && i + 1 == node->item_count && strcmp(text, "...") == 0) {
			expectation->numbers_repeat = true;
			return check_progression(reader, item, expectation, err);
		}
		int64_t number = 0;
		if (read_whole(reader, item, text, &number, err) < 0)
			return -1;
		*array_push(expectation->numbers, expectation->number_count) = number;
	}
	return 0;
}

/* ---- answers ---- */

int read_status(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	struct range *status = into;
	if (read_count_range(reader, node, status, err) < 0)
		return -1;
	if (status->low < 100 || (status->high > 599 && status->high != INT64_MAX))
		return refuse(
		    reader, node, err, "`%s` is not a status code; they are 100 to 599", SHOW(node->text));
	return 0;
}

/* Name: "value" is exact; true: must be there; false: must not be there. */
static int read_header_rules(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	struct expectation *expectation = into;
	if (node->kind != NODE_MAPPING)
		return refuse_kind(reader, node, err, "a map of header names to values");
	for (size_t i = 0; i < node->entry_count; i++) {
		const struct entry *entry = &node->entries[i];
		const char *value =
		    scalar_text(reader, entry->value, "a header's value, or true, or false,", err);
		if (!value)
			return -1;
		if (!is_name(entry->key->text, false))
			return refuse(reader, entry->key, err, "`%s` cannot be the name of a header",
			    SHOW(entry->key->text));
		struct header_rule *rule =
		    array_push(expectation->respond.headers, expectation->respond.header_count);
		rule->name = xstrdup(entry->key->text);
		rule->absent = entry->value->plain && strcmp(value, "false") == 0;
		if (!rule->absent && !(entry->value->plain && strcmp(value, "true") == 0))
			rule->value = xstrdup(value);
	}
	return 0;
}

static int read_body(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	struct expectation *expectation = into;
	if (node->kind != NODE_MAPPING)
		return refuse_kind(reader, node, err,
		    "a map of jq expressions to values (a pattern over the whole body is `matches`)");
	for (size_t i = 0; i < node->entry_count; i++) {
		const struct entry *entry = &node->entries[i];
		struct body_rule *rule =
		    array_push(expectation->respond.bodies, expectation->respond.body_count);
		rule->position = entry->key->position;
		if (read_jq(reader, entry->key, &rule->expression, err) < 0)
			return -1;
		if (entry->value->kind != NODE_SCALAR && entry->value->kind != NODE_NULL)
			return refuse_kind(reader, entry->value, err,
			    "one value (name the inner ones by jq, as in .details.state)");
		rule->value = xstrdup(entry->value->kind == NODE_NULL ? "null" : entry->value->text);
	}
	return 0;
}

static int read_answer_time(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	struct expectation *expectation = into;
	expectation->respond.has_within = true;
	return read_span(reader, node, &expectation->respond.within_ns, err);
}

int read_respond(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	static const struct field fields[] = {
		{ .key = "status",
		    .read = read_status,
		    .offset = offsetof(struct expectation, respond.status) },
		{ .key = "headers", .read = read_header_rules },
		{ .key = "body", .read = read_body },
		{ .key = "matches",
		    .read = read_pattern,
		    .offset = offsetof(struct expectation, respond.body_pattern) },
		{ .key = "within", .read = read_answer_time },
	};
	if (fields_read(reader, node, "`respond`", fields, ARRAY_LENGTH(fields), into, err) < 0)
		return -1;
	if (node->entry_count == 0)
		return refuse(reader, node, err,
		    "`respond` demands nothing; add `status`, `headers`, `body`, `matches` or `within`");
	return 0;
}

/* ---- memory ---- */

int read_memory(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	static const struct field fields[] = {
		{ .key = "growth",
		    .read = read_bytes,
		    .offset = offsetof(struct expectation, growth),
		    .needed = "how much it may grow, as in 5MB" },
	};
	return fields_read(reader, node, "`memory`", fields, ARRAY_LENGTH(fields), into, err);
}

static int read_descriptor_growth(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	const char *text = scalar_text(reader, node, "a number of descriptors, as in 5,", err);
	if (!text)
		return -1;
	if (parse_whole(text, 0, 1000000, into) < 0)
		return refuse(reader, node, err,
		    "`%s` is not a number of descriptors; write a whole number from 0 to 1000000",
		    SHOW(text));
	return 0;
}

int read_descriptors(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	static const struct field fields[] = {
		{ .key = "growth",
		    .read = read_descriptor_growth,
		    .offset = offsetof(struct expectation, growth),
		    .needed = "how many more there may be, as in 5" },
	};
	return fields_read(reader, node, "`descriptors`", fields, ARRAY_LENGTH(fields), into, err);
}

/* ---- log against wire ---- */

static int read_delay_pattern(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	struct expectation *expectation = into;
	if (read_pattern(reader, node, &expectation->agrees.pattern, err) < 0)
		return -1;
	if (!has_group(expectation->agrees.pattern))
		return refuse(reader, node, err,
		    "the delay is what the pattern's first group says, and it has none; write (\\d+)");
	return 0;
}

static int read_log_watch(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	struct expectation *expectation = into;
	if (resolve_watch(reader, node, &expectation->agrees.log_watch, err) < 0)
		return -1;
	const struct watch *watch = &reader->plan->watches[expectation->agrees.log_watch];
	if (watch->kind != WATCH_LOG)
		return refuse(reader, node, err, "a log says the delays, as in `in: gateway.log`; `%s` is %s",
		    watch->name, watch_kind_name(watch->kind));
	return check_started(reader, node, watch->service, err);
}

static int read_unit(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	static const struct {
		const char *name;
		int64_t ns;
	} units[] = { { "ns", 1 }, { "us", NS_PER_US }, { "ms", NS_PER_MS }, { "s", NS_PER_S } };
	struct expectation *expectation = into;
	const char *text = scalar_text(reader, node, "a unit, as in ms,", err);
	if (!text)
		return -1;
	for (size_t i = 0; i < ARRAY_LENGTH(units); i++)
		if (strcmp(units[i].name, text) == 0) {
			expectation->agrees.unit_ns = units[i].ns;
			return 0;
		}
	return refuse(reader, node, err, "`%s` is no unit of a delay; ns, us, ms and s are", SHOW(text));
}

int read_agrees(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	static const struct field fields[] = {
		{ .key = "log",
		    .read = read_delay_pattern,
		    .needed = "the pattern of a line that says a delay, as in 'retrying in (\\d+)ms'" },
		{ .key = "in", .read = read_log_watch },
		{ .key = "unit",
		    .read = read_unit,
		    .needed = "the unit of the number in the line: ns, us, ms or s" },
		{ .key = "tolerance",
		    .read = read_tolerance,
		    .offset = offsetof(struct expectation, agrees.tolerance) },
		{ .key = "floor",
		    .read = read_duration,
		    .offset = offsetof(struct expectation, agrees.floor_ns) },
	};
	struct expectation *expectation = into;
	if (fields_read(reader, node, "`agrees`", fields, ARRAY_LENGTH(fields), into, err) < 0)
		return -1;
	if (expectation->agrees.log_watch < 0)
		expectation->agrees.log_watch =
		    log_watch_of(reader->plan, subject_watch(reader, expectation)->service);
	return 0;
}
