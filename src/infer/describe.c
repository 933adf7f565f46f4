#include "base/duration.h"
#include "base/err.h"
#include "infer/infer.h"

const char *const family_names[] = {
	[FAMILY_UNKNOWN] = "unknown",
	[FAMILY_NONE] = "none",
	[FAMILY_FIXED] = "fixed",
	[FAMILY_LINEAR] = "linear",
	[FAMILY_EXPONENTIAL] = "exponential",
	[FAMILY_DECORRELATED] = "decorrelated",
	[FAMILY_ON_DEMAND] = "on-demand",
	[FAMILY_POOL] = "pool",
};

const char *const jitter_names[] = {
	[JITTER_NONE] = "none",
	[JITTER_FULL] = "full",
	[JITTER_EQUAL] = "equal",
	[JITTER_ADDITIVE] = "additive",
	[JITTER_PROPORTIONAL] = "proportional",
};

static void add_time(struct buf *out, const char *before, int64_t ns)
{
	char text[DURATION_TEXT_MAX];
	buf_addf(out, "%s%s", before, duration_format(ns, text));
}

static void add_schedule(struct buf *out, const struct policy *policy)
{
	add_time(out, ": ", policy->first_ns);
	if (policy->family == FAMILY_EXPONENTIAL)
		buf_addf(out, " × %.3g", policy->factor);
	if (policy->family == FAMILY_LINEAR)
		add_time(out, " + ", policy->step_ns);
	if (policy->family == FAMILY_DECORRELATED)
		buf_add_string(out, " to 3 × the gap before");
	if (policy->cap_ns > 0)
		add_time(out, " up to ", policy->cap_ns);
	if (policy->initial_differs)
		add_time(out, " after a first of ", policy->initial_ns);
	if (policy->from_start)
		buf_add_string(out, " from start to start");
}

static void add_jitter(struct buf *out, const struct policy *policy)
{
	if (policy->family == FAMILY_DECORRELATED)
		return;
	switch (policy->jitter) {
	case JITTER_NONE:
		buf_add_string(out, ", no jitter");
		return;
	case JITTER_FULL:
		buf_add_string(out, ", full jitter (0 to the whole delay)");
		return;
	case JITTER_EQUAL:
		buf_add_string(out, ", equal jitter (half to the whole delay)");
		return;
	case JITTER_ADDITIVE:
		add_time(out, ", additive jitter of up to ", policy->jitter_ns);
		return;
	case JITTER_PROPORTIONAL:
		buf_addf(out, ", jitter of ±%.3g %%", policy->jitter_share * 100);
		return;
	}
	BUG("jitter %d", (int)policy->jitter);
}

static void add_rest(struct buf *out, const struct policy *policy)
{
	if (policy->attempts > 0)
		buf_addf(out, ", %d attempt%s", policy->attempts, policy->attempts == 1 ? "" : "s");
	if (policy->connect_timeout_ns > 0)
		add_time(out, ", connect timeout ", policy->connect_timeout_ns);
	if (policy->resets != RESETS_NOT_SEEN)
		buf_addf(
		    out, ", %s after success", policy->resets == RESETS_YES ? "resets" : "does not reset");
	if (policy->lanes > 1)
		buf_addf(out, ", %d loops at a time", policy->lanes);
}

void infer_describe(struct buf *out, const struct policy *policy)
{
	buf_add_string(out, family_names[policy->family]);
	switch (policy->family) {
	case FAMILY_UNKNOWN:
		buf_addf(out, ": %s", policy->why);
		add_rest(out, policy);
		return;
	case FAMILY_NONE:
		buf_addf(out, ": %s", policy->why);
		break;
	case FAMILY_ON_DEMAND:
	case FAMILY_POOL:
		buf_addf(out, ": %s; backoff is not applicable", policy->why);
		break;
	case FAMILY_FIXED:
	case FAMILY_LINEAR:
	case FAMILY_EXPONENTIAL:
	case FAMILY_DECORRELATED:
		add_schedule(out, policy);
		add_jitter(out, policy);
		add_rest(out, policy);
		break;
	}
	buf_add_string(out, " (");
	if (policy->gaps > 0)
		buf_addf(out, "%zu gaps, ", policy->gaps);
	buf_addf(out, "confidence %.2f)", policy->confidence);
}
