/*
 * A trace has its lines in the order in which things came to be known. Where the `end` is missing the runner
 * was killed, or the disk was full: all that was known by then is there, but nothing of what was under way,
 * or was told a little later, although it may have begun long before. So what was seen stays, a failure too;
 * but nothing is decided by something not having been seen, nor by how late the host was before it was told.
 */
#include "check/cut.h"

#include "check/retries.h"

/* Only of what came there is a figure. That a state had not come is seen by polls that show another one,
 * later than it was due. */
static bool failed_by_absence(const struct index *index, const struct draft *draft)
{
	const struct expectation *expectation = draft->expectation;
	bool of_polls = expectation->watch >= 0 && expectation->within_steps == 0 &&
			index->plan->watches[expectation->watch].kind == WATCH_HTTP;
	if (draft->has_measured)
		return false;
	return expectation->kind == EXPECT_ENDS ||
	       (expectation->kind == EXPECT_REACH && !(of_polls && draft->decided_ns < index->end_ns));
}

/* One that had begun before others, and was still under way, makes two connections of one. */
static bool rests_on_several(const struct index *index, const struct expectation *expectation)
{
	bool of_gaps = expectation->kind == EXPECT_BACKOFF || expectation->kind == EXPECT_AGREES;
	int watch = of_gaps                         ? expectation->watch
		    : expectation->within_steps > 0 ? expectation->within_watch
						    : -1;
	return watch >= 0 && connections_at_once(index, watch) > 1;
}

static bool has_open_window(const struct index *index, const struct expectation *expectation)
{
	struct instant until;
	if (!expectation->has_until)
		return false;
	moment_resolve(index, &expectation->until, &until);
	return !until.happened || until.at.low > index->end_ns;
}

/* The runner tells how late it was after the fact, for one short stretch after the other; how late the
 * threads of a service were in the same stretch is told behind it. So what is told is that of all stretches
 * but the last. */
static bool is_lateness_told(const struct index *index, int64_t decided_ns)
{
	bool is_ever_told = false;
	int64_t told_ns = INT64_MIN;
	for (size_t i = 0; i < index->trace->event_count; i++) {
		const struct event *event = &index->trace->events[i];
		if (event->kind != EVENT_LATENESS || *event->of)
			continue;
		is_ever_told = true;
		told_ns = event->from_ns > told_ns ? event->from_ns : told_ns;
	}
	return !is_ever_told || decided_ns < told_ns;
}

/* A clause, or NULL: it stays a failure. */
static const char *why_not_failed(const struct index *index, const struct draft *draft)
{
	if (failed_by_absence(index, draft))
		return "what came, or was under way, may not be in it";
	if (rests_on_several(index, draft->expectation))
		return "which attempts were under way is not in it";
	if (has_open_window(index, draft->expectation))
		return "that the window was over may not be in it";
	if (!is_lateness_told(index, draft->decided_ns))
		return "how late the host was then is not in it";
	return NULL;
}

void doubt_cut(const struct index *index, struct draft *draft)
{
	enum expectation_kind kind = draft->expectation->kind;
	const char *why_not = NULL;
	if (index->end || draft->verdict == VERDICT_INCONCLUSIVE)
		return;
	if (draft->verdict == VERDICT_FAIL)
		why_not = why_not_failed(index, draft);
	else if (draft->by_absence || kind == EXPECT_BACKOFF || kind == EXPECT_AGREES)
		why_not = "what follows is not in it";
	if (!why_not)
		return;
	buf_addf(&draft->reason, "%s the trace was cut short, and %s",
	    draft->verdict == VERDICT_FAIL ? ", but" : "right so far, but", why_not);
	draft->verdict = VERDICT_INCONCLUSIVE;
}
