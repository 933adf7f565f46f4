/*
 * backoff: the gaps between the attempts of a run grow as they should.
 *
 * A run is the attempts to make one connection (retries.h). Gap n lies between the end of attempt n of the
 * run and the beginning of attempt n+1. Each is judged alone against min(first * factor^(n-1), cap): inside
 * the tolerance is right; outside it by more than the host was late in that gap is wrong; between, nobody
 * knows. The end of an attempt may be an interval, and so may the beginning of one from a log; then the gap
 * is one. With `jitter` each lies in a range of that delay, and all of them together must vary (likeness.h).
 */
#include "base/pattern.h"
#include "check/judge.h"
#include "check/likeness.h"
#include "check/observation.h"
#include "check/retries.h"
#include "check/schedule.h"

enum { SHOWN_GAPS = 24, BLAMED_GAPS = 3 };

struct judging {
	const struct index *index;
	struct draft *draft;
	struct window window;
	const struct backoff *rule;
	size_t client;
	struct retries runs;
	size_t judged;         /* gaps */
	size_t wrong, unknown; /* of them */
	struct interval sum;
	struct draw *draws; /* of a rule with jitter: the gaps */
	size_t draw_count;
	int64_t drawn_ns;   /* the end of the last of them */
	bool has_ends_only; /* a gap whose attempt's beginning is not known */
};

/* A gap: between two attempts of a run. */
struct gap {
	const struct run *run;
	size_t position; /* of the attempt before it, in the schedule */
	const struct event *last, *next;
	struct interval actual;
	int64_t expected;      /* the schedule's delay; 0: any, -1: there was to be none */
	struct interval range; /* where the gap may lie */
	int64_t tolerance, lateness;
};

static const struct event *attempt_of(const struct judging *judging, const struct run *run, size_t i)
{
	return &judging->index->trace->events[run->attempts[i]];
}

/* "gap 2 of run 3 (after attempt 9)" */
static void add_gap(const struct judging *judging, const struct gap *gap, struct buf *out)
{
	buf_addf(out, "gap %zu", gap->position);
	if (gap->run->number > 1)
		buf_addf(out, " of run %zu", gap->run->number);
	buf_addf(out, " (after attempt %d", gap->last->attempt.number);
	if (judging->runs.connections > 1)
		buf_addf(out, ", connection %zu of %zu", gap->run->connection, judging->runs.connections);
	buf_add_char(out, ')');
}

static void add_comparison(const struct gap *gap, struct buf *out)
{
	buf_add_string(out, " was ");
	text_add_interval(
	    out, gap->actual, gap->actual.low > gap->range.high ? gap->range.high : gap->range.low);
	buf_add_string(out, ", expected ");
	text_add_interval(out, gap->range, gap->actual.high);
	buf_add_string(out, " ± ");
	text_add_time(out, gap->tolerance);
}

static void blame(struct judging *judging, const struct gap *gap)
{
	struct draft *draft = judging->draft;
	CLEANUP(buf_release) struct buf text = { 0 };
	add_gap(judging, gap, &text);
	add_comparison(gap, &text);
	buf_add_string(&text, ": ");
	text_add_time(&text, gap_deviation(gap->actual, gap->range).low - gap->tolerance);
	buf_add_string(&text, gap->actual.low > gap->range.high ? " too long" : " too short");
	if (draft->verdict != VERDICT_FAIL)
		draft->decided_ns = attempt_began(gap->next);
	draft_fail(draft, "%s", buf_string(&text));
}

/* Perhaps wrong: the host was late, or nobody knows when the attempt before it ended, or the next one began.
 */
static void leave_open(struct judging *judging, const struct gap *gap)
{
	CLEANUP(buf_release) struct buf text = { 0 };
	if (judging->unknown++ > 0)
		return;
	buf_addf(&text, "gap %zu", gap->position);
	add_comparison(gap, &text);
	if (gap_deviation(gap->actual, gap->range).low > gap->tolerance) {
		buf_add_string(&text, ", but the host ran up to ");
		text_add_time(&text, gap->lateness);
		buf_add_string(&text, " late meanwhile");
	} else {
		bool began = gap->next->attempt.began_known;
		buf_addf(&text, ": when attempt %d %s is not known well enough",
		    (began ? gap->last : gap->next)->attempt.number, began ? "ended" : "began");
	}
	draft_inconclusive(judging->draft, "%s", buf_string(&text));
}

static void judge_gap(struct judging *judging, struct gap *gap, size_t next_number)
{
	struct draft *draft = judging->draft;
	gap->expected = schedule_after(judging->rule, gap->run->number, gap->position);
	if (gap->expected < 0) {
		if (draft->verdict != VERDICT_FAIL)
			draft->decided_ns = attempt_began(gap->next);
		draft_fail(draft, "attempt %d came, although there were to be %d and no more",
		    gap->next->attempt.number, judging->rule->attempts);
		evidence_add(&draft->evidence, next_number);
		return;
	}
	if (gap->expected == 0)
		return;
	gap->actual = gap_between(gap->last, gap->next);
	gap->range = schedule_range(judging->rule, gap->expected);
	gap->tolerance = tolerance_of(gap->expected, judging->rule->tolerance, judging->rule->floor_ns);
	gap->lateness = gap_lateness(judging->index, gap->last, gap->next);
	judging->has_ends_only = judging->has_ends_only || !gap->next->attempt.began_known;
	judging->sum.low = saturating_add(judging->sum.low, gap->actual.low);
	judging->sum.high = saturating_add(judging->sum.high, gap->actual.high);
	if (judging->judged++ < SHOWN_GAPS) {
		if (judging->judged > 1)
			buf_add_string(&draft->actual, gap->position == gap->run->position ? " | " : " ");
		text_add_interval(&draft->actual, gap->actual, TEXT_ALONE);
	}
	evidence_add(&draft->evidence, next_number);
	if (schedule_has_jitter(judging->rule))
		*array_push(judging->draws, judging->draw_count) = (struct draw){
			.gap = gap->actual,
			.lateness = gap->lateness,
			.delay = gap->expected,
		};
	judging->drawn_ns = attempt_began(gap->next);
	struct interval deviation = gap_deviation(gap->actual, gap->range);
	enum answer answer = gap_answer(gap->actual, gap->range, gap->tolerance, gap->lateness);
	draft_slack(draft, gap->tolerance - (answer == ANSWER_NO ? deviation.low : deviation.high));
	if (answer == ANSWER_NO && judging->wrong++ < BLAMED_GAPS)
		blame(judging, gap);
	else if (answer == ANSWER_UNKNOWN)
		leave_open(judging, gap);
}

/* A gap on the window's edge does not come again: where it is not right it leaves the answer open. */
static void judge_edge(struct judging *judging, struct gap *gap, size_t next_number)
{
	const struct backoff *rule = judging->rule;
	gap->expected = schedule_after(rule, gap->run->number, gap->position);
	gap->actual = gap_between(gap->last, gap->next);
	if (gap->expected == 0 ||
	    (gap->expected > 0 &&
		gap_answer(gap->actual, schedule_range(rule, gap->expected),
		    tolerance_of(gap->expected, rule->tolerance, rule->floor_ns), 0) == ANSWER_YES))
		return;
	evidence_add(&judging->draft->evidence, next_number);
	draft_inconclusive(judging->draft,
	    "the gap after attempt %d is not right, but lies on the window's edge and may not count",
	    gap->last->attempt.number);
}

/* A line that begins an attempt, behind the last that was told. */
static bool has_begun_in_log(const struct judging *judging, const struct event *last)
{
	const struct index *index = judging->index;
	const struct watch *watch = &index->plan->watches[judging->draft->expectation->watch];
	const struct series *lines = &index->logs[watch->service];
	struct err err = ERR_INIT;
	struct pattern *pattern = watch->begins ? pattern_compile(watch->begins, &err) : NULL;
	bool has_begun = false;
	for (size_t i = 0; pattern && i < lines->count && !has_begun; i++) {
		const struct event *event = series_event(index, lines, i);
		const struct text *line = &event->log.line;
		has_begun = event->from_ns > last->from_ns && line->bytes &&
			    pattern_match(pattern, line->bytes, line->length) != PATTERN_NO_MATCH;
	}
	pattern_free(pattern);
	return has_begun;
}

/* An attempt is told of when it is over. One that is under way at the end is `pending` on the wire, but not
 * in a trace that was cut short; and a log tells it by its beginning at most: why it may have come. NULL: it
 * did not. */
static const char *may_be_under_way(const struct judging *judging, const struct event *last)
{
	const struct index *index = judging->index;
	if (!index->end)
		return "the trace was cut short, and one that was under way is not in it";
	if (!index->plan->watches[judging->draft->expectation->watch].from_log)
		return NULL;
	if (!last->attempt.began_known)
		return "the log does not tell when one begins";
	return has_begun_in_log(judging, last) ? "the log says that one had begun" : NULL;
}

/* After the last attempt of a run that had no success: has the next one been due for too long? */
static void judge_open_gap(struct judging *judging, const struct run *run)
{
	const struct event *last = attempt_of(judging, run, run->count - 1);
	struct draft *draft = judging->draft;
	struct interval ended = attempt_ended(last);
	if (!window_holds(&judging->window, ended))
		return;
	const struct event *disturbed = disturbance(judging->index, judging->client, ended.low, INT64_MAX);
	int64_t until_ns = judging->window.until_ns, latest_ns = judging->index->end_ns;
	if (judging->window.until.high < latest_ns)
		latest_ns = judging->window.until.high;
	if (disturbed && disturbed->from_ns < until_ns)
		until_ns = disturbed->from_ns;
	if (disturbed && disturbed->from_ns < latest_ns)
		latest_ns = disturbed->from_ns;
	size_t position = run->position + run->count - 1;
	int64_t expected = schedule_after(judging->rule, run->number, position);
	struct interval waited = interval_since((struct interval){ until_ns, latest_ns }, ended);
	bool is_last_of_first =
	    run->number == 1 && judging->rule->attempts > 0 && position == (size_t)judging->rule->attempts;
	/* To see that nothing follows takes as long as it would take to follow. */
	int64_t delay = expected > 0 ? expected : schedule_gap(judging->rule, position);
	int64_t due = schedule_range(judging->rule, delay).high;
	int64_t tolerance = tolerance_of(delay, judging->rule->tolerance, judging->rule->floor_ns);
	int64_t lateness = lateness_within(judging->index->lateness, ended.low, latest_ns);
	int64_t limit = saturating_add(due, tolerance + lateness);
	CLEANUP(buf_release) struct buf text = { 0 };
	text_add_interval(&text, waited, TEXT_ALONE);
	const char *may_have_come = may_be_under_way(judging, last);
	if (expected > 0 && waited.low > limit && may_have_come) {
		draft_inconclusive(draft, "no attempt was seen after attempt %d until %s later, but %s",
		    last->attempt.number, buf_string(&text), may_have_come);
		return;
	}
	if (expected > 0 && waited.low > limit) {
		evidence_add(&draft->evidence, (size_t)(last - judging->index->trace->events));
		if (draft->verdict != VERDICT_FAIL)
			draft->decided_ns = saturating_add(ended.high, limit);
		buf_add_string(&text, " later, due after ");
		text_add_time(&text, due);
		draft_fail(draft, "no attempt came after attempt %d until %s", last->attempt.number,
		    buf_string(&text));
		return;
	}
	if (expected > 0 && waited.high > saturating_add(due, tolerance))
		draft_inconclusive(draft,
		    "no attempt came after attempt %d: how long there was time for one is not known well "
		    "enough to say whether it was due",
		    last->attempt.number);
	else if (expected < 0 && waited.low <= limit)
		draft_inconclusive(draft,
		    "only %s were seen after attempt %d: too short to know that no other follows",
		    buf_string(&text), last->attempt.number);
	else if (expected > 0 && is_last_of_first)
		draft_inconclusive(draft,
		    "attempt %d was the last before the end; the gap after it was not seen",
		    last->attempt.number);
}

/* Why no other attempt of the run was seen: a clause. */
static void add_what_ended(const struct judging *judging, const struct run *run, struct buf *out)
{
	const struct index *index = judging->index;
	int64_t ended_ns = attempt_ended(attempt_of(judging, run, run->count - 1)).low;
	const struct event *disturbed = disturbance(index, judging->client, ended_ns, INT64_MAX);
	if (disturbed && disturbed->from_ns <= judging->window.until.high) {
		buf_addf(out, "%s %s", disturbed->of, disturbed->service.event);
		if (disturbed->service.exit_code >= 0)
			buf_addf(out, " with %d", disturbed->service.exit_code);
		buf_add_string(out, " at ");
		text_add_time(out, disturbed->from_ns);
	} else if (judging->window.until.low <= index->end_ns) {
		buf_add_string(out, "the window ended");
	} else if (!run->is_owed) {
		buf_add_string(out, "another run began");
	} else {
		buf_add_string(out, index_is_closed(index) ? "the world ended" : index_open_reason(index));
	}
}

/* Where the rule says how many attempts there are, that they were right so far does not say that there would
 * have been so many. A client that gave up is not told from one that was not given the time. */
static void judge_count(struct judging *judging, const struct run *run)
{
	struct draft *draft = judging->draft;
	const struct event *last = attempt_of(judging, run, run->count - 1);
	size_t position = run->position + run->count - 1, attempts = (size_t)judging->rule->attempts;
	CLEANUP(buf_release) struct buf text = { 0 };
	if (run->number > 1 || position >= attempts)
		return;
	if (attempt_succeeded(last)) {
		draft_inconclusive(draft, "attempt %d connected, so that %zu attempts were not needed",
		    last->attempt.number, attempts);
	} else if (draft->verdict != VERDICT_FAIL) {
		add_what_ended(judging, run, &text);
		draft_inconclusive(
		    draft, "only %zu of %zu attempts were seen: %s", position, attempts, buf_string(&text));
	}
}

static void judge_run(struct judging *judging, const struct run *run)
{
	/* Beside connections that are open an attempt may be a pool that grows: no retry. */
	for (size_t i = 1; i < run->alone; i++) {
		struct gap gap = {
			.run = run,
			.position = run->position + i - 1,
			.last = attempt_of(judging, run, i - 1),
			.next = attempt_of(judging, run, i),
		};
		struct interval ended = attempt_ended(gap.last), began = attempt_beginning(gap.next);
		if (window_holds(&judging->window, ended) && window_holds(&judging->window, began))
			judge_gap(judging, &gap, run->attempts[i]);
		else if (window_touches(&judging->window, ended) && window_touches(&judging->window, began))
			judge_edge(judging, &gap, run->attempts[i]);
	}
	if (run->is_owed)
		judge_open_gap(judging, run);
	judge_count(judging, run);
}

static void add_expected(const struct index *index, const struct expectation *expectation, struct buf *out)
{
	const struct backoff *rule = &expectation->backoff;
	buf_add_string(out, "gaps of ");
	text_add_time(out, rule->first_ns);
	if (rule->factor > 1)
		buf_addf(out, ", each %g times the one before", rule->factor);
	if (rule->cap_ns > 0 && rule->cap_ns < INT64_MAX && rule->factor > 1) {
		buf_add_string(out, ", at most ");
		text_add_time(out, rule->cap_ns);
	}
	if (schedule_has_jitter(rule))
		buf_addf(out, ", each drawn from %g%% to %g%% of that", rule->jitter_low * 100,
		    rule->jitter_high * 100);
	if (rule->attempts)
		buf_addf(out, ", %d attempts", rule->attempts);
	if (rule->has_then && rule->then_ns > 0) {
		buf_add_string(out, ", then every ");
		text_add_time(out, rule->then_ns);
	} else if (rule->has_then) {
		buf_add_string(out, ", then none");
	}
	buf_addf(out, ", tolerance %g%% or ", rule->tolerance * 100);
	text_add_time(out, rule->floor_ns);
	window_add_text(index, expectation, out);
}

/* A client that was not seen to be wrong beyond doubt is not blamed. */
static void doubt_runs(struct judging *judging)
{
	struct draft *draft = judging->draft;
	const struct retries *runs = &judging->runs;
	CLEANUP(buf_release) struct buf doubt = { 0 };
	if (runs->doubt)
		buf_add_string(&doubt, runs->doubt);
	size_t explained_by = draft->verdict == VERDICT_FAIL && !runs->doubt
				  ? retries_explained_by(judging->index, draft->expectation, &judging->window,
					runs->connections)
				  : 0;
	if (explained_by)
		buf_addf(&doubt,
		    "it would be right for a client that holds %zu connections, which it never got to "
		    "show",
		    explained_by);
	if (doubt.length == 0)
		return;
	if (draft->verdict != VERDICT_FAIL) {
		draft_inconclusive(draft, "%s", buf_string(&doubt));
		return;
	}
	draft->verdict = VERDICT_INCONCLUSIVE;
	buf_addf(&draft->reason, ", but %s", buf_string(&doubt));
}

/* Gaps that are right one by one must vary, too. */
static void judge_jitter(struct judging *judging)
{
	struct draft *draft = judging->draft;
	const struct backoff *rule = judging->rule;
	struct likeness likeness;
	if (draft->verdict != VERDICT_PASS || judging->draw_count < 2)
		return;
	if (judging->runs.connections > 1) {
		draft_inconclusive(draft,
		    "which attempt is of which of %zu connections is not known well enough to say that the "
		    "gaps "
		    "vary",
		    judging->runs.connections);
		return;
	}
	likeness_find(judging->draws, judging->draw_count, rule->jitter_high - rule->jitter_low, &likeness);
	if (likeness.least_ns > rule->floor_ns)
		return;
	CLEANUP(buf_release) struct buf text = { 0 };
	text_add_time(&text, likeness.most_ns);
	if (likeness.chance < LIKENESS_CHANCE && !judging->index->end) {
		draft_inconclusive(draft,
		    "no jitter so far: all %zu gaps are %.3g%% of their delay to within %s, but the trace "
		    "was cut "
		    "short, and others may vary",
		    judging->draw_count, likeness.share * 100, buf_string(&text));
		return;
	}
	if (likeness.chance < LIKENESS_CHANCE) {
		draft->decided_ns = judging->drawn_ns;
		draft_fail(draft,
		    "no jitter: all %zu gaps are %.3g%% of their delay to within %s; if they were drawn from "
		    "%g%% to "
		    "%g%% they would be so alike with a chance of %.1g",
		    judging->draw_count, likeness.share * 100, buf_string(&text), rule->jitter_low * 100,
		    rule->jitter_high * 100, likeness.chance);
		return;
	}
	draft_inconclusive(draft,
	    "%zu gaps are too few, or too short, to tell whether they vary: all are %.3g%% of their delay to "
	    "within "
	    "%s, which has a chance of %.1g",
	    judging->draw_count, likeness.share * 100, buf_string(&text), likeness.chance);
}

static void conclude(struct judging *judging)
{
	struct draft *draft = judging->draft;
	size_t at_least = judging->rule->at_least > 0 ? (size_t)judging->rule->at_least : 0;
	if (judging->judged > SHOWN_GAPS)
		buf_addf(&draft->actual, " … (%zu gaps)", judging->judged);
	if (judging->judged == 0)
		buf_add_string(&draft->actual, "no gap");
	if (judging->runs.connections > 1)
		buf_addf(&draft->actual, " (%zu connections at once)", judging->runs.connections);
	if (judging->has_ends_only)
		buf_add_string(&draft->expected, "; the log has no beginnings: at most from end to end");
	if (judging->judged)
		draft_measured(draft, judging->sum.low, judging->sum.high);
	if (judging->wrong > BLAMED_GAPS)
		draft_fail(draft, "and %zu more gap%s wrong", judging->wrong - BLAMED_GAPS,
		    judging->wrong - BLAMED_GAPS == 1 ? " is" : "s are");
	if (judging->unknown > 1)
		draft_inconclusive(draft, "and %zu more gap%s like it", judging->unknown - 1,
		    judging->unknown == 2 ? "" : "s");
	doubt_runs(judging);
	if (judging->judged >= at_least)
		judge_jitter(judging);
	if (draft->verdict != VERDICT_FAIL && judging->judged < at_least) {
		draft_inconclusive(draft, "vacuous: %zu gap%s seen, %zu are needed", judging->judged,
		    judging->judged == 1 ? " was" : "s were", at_least);
		draft_note_death(draft, judging->index, judging->client, INT64_MAX);
	}
}

void judge_backoff(const struct index *index, struct draft *draft)
{
	const struct expectation *expectation = draft->expectation;
	struct judging judging = {
		.index = index,
		.draft = draft,
		.rule = &expectation->backoff,
		.client = index->plan->watches[expectation->watch].service,
	};
	add_expected(index, expectation, &draft->expected);
	if (window_resolve(index, draft, &judging.window) < 0)
		return;
	retries_find(index, expectation, &judging.window, &judging.runs);
	for (size_t i = 0; i < judging.runs.count; i++)
		judge_run(&judging, &judging.runs.items[i]);
	draft->by_absence = judging.rule->has_then && judging.rule->then_ns == 0;
	conclude(&judging);
	retries_release(&judging.runs);
	free(judging.draws);
}
