#include "report/policy.h"

#include "base/err.h"
#include "infer/infer.h"
#include "report/json_private.h"

#include <string.h>

enum { INDENT = 2, INDENT_WATCH = 4, WATCH_COLUMNS = 16, POLICY_LINES = 4 };

/* Those of the log, or of the wire. */
static void print_policies(struct page *page, const struct report_result *result, const struct inferred *all,
    size_t count, bool from_log)
{
	bool has_title = false;
	for (size_t i = 0; i < count; i++) {
		struct buf line CLEANUP(buf_release) = { 0 };
		const struct watch *watch = &result->plan->watches[all[i].watch];
		if (watch->from_log != from_log)
			continue;
		if (!has_title) {
			page_pad(page, INDENT);
			page_add(page, INK_DIM, from_log ? "seen in the log:" : "seen on the wire:");
			page_newline(page);
			has_title = true;
		}
		infer_describe(&line, &all[i].policy);
		page_pad(page, INDENT_WATCH);
		page_clip(page, INK_PLAIN, watch->name, strlen(watch->name), WATCH_COLUMNS);
		page_add(page, INK_PLAIN, "  ");
		page_wrap(page, INK_PLAIN, buf_string(&line), line.length, POLICY_LINES);
		page_newline(page);
	}
}

void text_policies(struct page *page, const struct report_result *result)
{
	size_t count;
	struct inferred *all OWNED = infer_trace(result->plan, result->trace, &count);
	if (count == 0)
		return;
	page_gap(page);
	print_policies(page, result, all, count, false);
	print_policies(page, result, all, count, true);
	page_gap(page);
}

/* ---- JSON ---- */

static void set(json_t *object, const char *key, json_t *value)
{
	if (json_object_set_new(object, key, value) != 0)
		BUG("cannot set `%s`", key);
}

static json_t *integer_or_null(bool known, int64_t value)
{
	return known ? json_integer(value) : json_null();
}

static json_t *json_jitter(const struct policy *policy)
{
	json_t *object = json_object();
	set(object, "kind", json_string(jitter_names[policy->jitter]));
	set(object, "range_ns", integer_or_null(policy->jitter == JITTER_ADDITIVE, policy->jitter_ns));
	set(object, "share",
	    policy->jitter == JITTER_PROPORTIONAL ? json_real(policy->jitter_share) : json_null());
	return object;
}

static json_t *json_resets(enum resets resets)
{
	switch (resets) {
	case RESETS_NOT_SEEN:
		return json_null();
	case RESETS_YES:
		return json_true();
	case RESETS_NO:
		return json_false();
	}
	BUG("resets %d", (int)resets);
}

/* Is there a delay that the figures are of? */
static bool has_delay(const struct policy *policy)
{
	switch (policy->family) {
	case FAMILY_FIXED:
	case FAMILY_LINEAR:
	case FAMILY_EXPONENTIAL:
	case FAMILY_DECORRELATED:
		return true;
	case FAMILY_UNKNOWN:
	case FAMILY_NONE:
	case FAMILY_ON_DEMAND:
	case FAMILY_POOL:
		return false;
	}
	BUG("family %d", (int)policy->family);
}

static json_t *json_policy(
    const struct redactor *secrets, const struct plan *plan, const struct inferred *inferred)
{
	const struct policy *policy = &inferred->policy;
	const struct watch *watch = &plan->watches[inferred->watch];
	bool has = has_delay(policy);
	struct buf text CLEANUP(buf_release) = { 0 };
	json_t *object = json_object();
	infer_describe(&text, policy);
	set(object, "watch", json_text(secrets, watch->name));
	set(object, "source", json_string(watch->from_log ? "log" : "wire"));
	set(object, "family", json_string(family_names[policy->family]));
	set(object, "confidence", json_real(policy->confidence));
	set(object, "first_ns", integer_or_null(has, policy->first_ns));
	set(object, "step_ns", integer_or_null(policy->family == FAMILY_LINEAR, policy->step_ns));
	set(object, "factor", policy->family == FAMILY_EXPONENTIAL ? json_real(policy->factor) : json_null());
	set(object, "cap_ns", integer_or_null(policy->cap_ns > 0, policy->cap_ns));
	set(object, "jitter",
	    has && policy->family != FAMILY_DECORRELATED ? json_jitter(policy) : json_null());
	set(object, "initial_ns", integer_or_null(policy->initial_differs, policy->initial_ns));
	set(object, "from_start", has ? json_boolean(policy->from_start) : json_null());
	set(object, "attempts", integer_or_null(policy->attempts > 0, policy->attempts));
	set(object, "connect_timeout_ns",
	    integer_or_null(policy->connect_timeout_ns > 0, policy->connect_timeout_ns));
	set(object, "resets", json_resets(policy->resets));
	set(object, "lanes", json_integer(policy->lanes));
	set(object, "gaps", json_integer((json_int_t)policy->gaps));
	set(object, "why", json_text(secrets, policy->why));
	set(object, "text", json_text(secrets, buf_string(&text)));
	return object;
}

json_t *json_policies(const struct redactor *secrets, const struct report_result *result)
{
	size_t count;
	struct inferred *all OWNED = infer_trace(result->plan, result->trace, &count);
	json_t *array = json_array();
	for (size_t i = 0; i < count; i++)
		if (json_array_append_new(array, json_policy(secrets, result->plan, &all[i])) != 0)
			BUG("cannot append to an array");
	return array;
}
