/* What is said of the gaps between the attempts of one connection: backoff, and whether what is drawn varies.
 */
#include "check/reference.h"

#include <math.h>

/* ---- likeness ---- */

enum { DRAWN_MAX = 64 };

/* A gap that should have been drawn from a range of its delay. */
struct drawn {
	struct span gap;
	int64_t lateness_ns, delay_ns;
};

static bool has_jitter(const struct backoff *rule)
{
	return rule->jitter_low < rule->jitter_high;
}

/* The least error with which one share explains two gaps is where it is too much for the one and too little
 * for the other by the same. One share explains all of them within an error if it does so for every two. */
static double error_of_two(double a_ns, const struct drawn *a, double b_ns, const struct drawn *b)
{
	return fabs(a_ns * (double)b->delay_ns - b_ns * (double)a->delay_ns) /
	       (double)(a->delay_ns + b->delay_ns);
}

/* In the world in which they differ most. */
static double largest_error(const struct drawn *drawn, size_t count)
{
	double largest = 0;
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < i; j++) {
			largest = fmax(largest, error_of_two((double)drawn[i].gap.low, &drawn[i],
						    (double)drawn[j].gap.high, &drawn[j]));
			largest = fmax(largest, error_of_two((double)drawn[i].gap.high, &drawn[i],
						    (double)drawn[j].gap.low, &drawn[j]));
		}
	return largest;
}

/* In the world in which they differ least, a late host counted in: that of two gaps is no error at all where
 * some share gives both. */
static double least_error(const struct drawn *drawn, size_t count)
{
	double least = 0;
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < count; j++) {
			double low = (double)(drawn[i].gap.low - drawn[i].lateness_ns);
			double high = (double)drawn[j].gap.high;
			/* The i-th is the longer one for certain. */
			if (i != j && low / (double)drawn[i].delay_ns > high / (double)drawn[j].delay_ns)
				least = fmax(least, error_of_two(low, &drawn[i], high, &drawn[j]));
		}
	return least;
}

/* sum over i of product over j != i of min(1, 2 e / (W d[j])) */
static double chance_of(const struct drawn *drawn, size_t count, double width, double error)
{
	double sum = 0;
	for (size_t i = 0; i < count; i++) {
		double product = 1;
		for (size_t j = 0; j < count; j++)
			if (j != i)
				product *= fmin(1, 2 * error / (width * (double)drawn[j].delay_ns));
		sum += product;
	}
	return sum;
}

static enum verdict judge_variety(const struct backoff *rule, const struct drawn *drawn, size_t count)
{
	double width = rule->jitter_high - rule->jitter_low;
	if (count < 2 || llround(least_error(drawn, count)) > rule->floor_ns)
		return VERDICT_PASS;
	return chance_of(drawn, count, width, fmax(largest_error(drawn, count), 1)) < 1e-4
		   ? VERDICT_FAIL
		   : VERDICT_INCONCLUSIVE;
}

/* ---- backoff ---- */

struct backoff_opinion {
	const struct facts *facts;
	const struct backoff *rule;
	struct stretch_of_time stretch;
	size_t client;
	const struct watch *watch;
	size_t gaps;
	bool failed, is_open;
	int64_t failed_ns;
	/* Of a rule with jitter: what was drawn. */
	struct drawn drawn[DRAWN_MAX];
	size_t drawn_count;
	int64_t drawn_ns;
};

static void fail_gap(struct backoff_opinion *of, int64_t decided_ns)
{
	if (!of->failed || decided_ns < of->failed_ns)
		of->failed_ns = decided_ns;
	of->failed = true;
}

/* first, first * factor, … never more than the cap */
static int64_t scheduled(const struct backoff *rule, size_t position)
{
	double gap = (double)rule->first_ns;
	for (size_t i = 1; i < position; i++)
		gap *= rule->factor;
	return llround(gap < (double)rule->cap_ns ? gap : (double)rule->cap_ns);
}

static struct span range_of(const struct backoff *rule, int64_t delay_ns)
{
	if (!has_jitter(rule))
		return (struct span){ delay_ns, delay_ns };
	return (struct span){ llround((double)delay_ns * rule->jitter_low),
		llround((double)delay_ns * rule->jitter_high) };
}

enum promise { PROMISE_GAP, PROMISE_NOTHING, PROMISE_NO_ATTEMPT };

/* Behind the n-th attempt of a run. */
static enum promise promised(const struct backoff *rule, size_t run, size_t position, int64_t *ret_gap_ns)
{
	*ret_gap_ns = scheduled(rule, position);
	if (run > 1 || rule->attempts == 0 || position < (size_t)rule->attempts)
		return PROMISE_GAP;
	if (!rule->has_then)
		return PROMISE_NOTHING;
	if (rule->then_ns == 0)
		return PROMISE_NO_ATTEMPT;
	*ret_gap_ns = rule->then_ns;
	return PROMISE_GAP;
}

static void judge_next(struct backoff_opinion *of, const struct event *last, const struct event *next,
    size_t run, size_t position)
{
	int64_t began_ns = beginning_of(next), expected_ns;
	const struct span began = { next->from_ns, began_ns };
	if (!is_near(&of->stretch, end_of(last)) || !is_near(&of->stretch, began))
		return;
	/* In some worlds only: what is wrong in these leaves the answer open. */
	bool may_count = !is_inside(&of->stretch, end_of(last)) || !is_inside(&of->stretch, began);
	switch (promised(of->rule, run, position, &expected_ns)) {
	case PROMISE_NOTHING:
		return;
	case PROMISE_NO_ATTEMPT:
		of->is_open = of->is_open || may_count;
		if (!may_count)
			fail_gap(of, began_ns);
		return;
	case PROMISE_GAP:
		break;
	}
	enum verdict verdict = judge_gap(of->facts, last, next, range_of(of->rule, expected_ns),
	    tolerance_for(expected_ns, of->rule->tolerance, of->rule->floor_ns));
	of->gaps += !may_count;
	if (!may_count && of->drawn_count < DRAWN_MAX) {
		of->drawn[of->drawn_count++] = (struct drawn){ .gap = gap_of(last, next),
			.lateness_ns = host_was_late(of->facts, end_of(last).low, began_ns),
			.delay_ns = expected_ns };
		of->drawn_ns = began_ns;
	}
	if (verdict == VERDICT_FAIL && !may_count)
		fail_gap(of, began_ns);
	else
		of->is_open = of->is_open || verdict != VERDICT_PASS;
}

/* At the end, and not seen: a trace that was cut short has no attempt that was under way, and a log its
 * beginning at most. */
static bool may_be_under_way(const struct backoff_opinion *of, const struct event *last)
{
	const char *begins = of->watch->begins;
	bool may_be = !*of->facts->end || (of->watch->from_log && !last->attempt.began_known);
	for_each_of(line, of->facts, EVENT_LOG, name_of_service(of->facts, of->client)) may_be =
	    may_be || (of->watch->from_log && begins && line->from_ns > last->from_ns &&
			  line_matches(line, begins, NULL, NULL));
	return may_be;
}

/* The last one failed, and nothing explains why no other followed. */
static void judge_silence(struct backoff_opinion *of, const struct event *last, size_t run, size_t position)
{
	struct span ended = end_of(last);
	int64_t until_ns = of->stretch.known_until_ns, latest_ns = of->facts->end_ns, due_ns;
	if (of->stretch.to.high < latest_ns)
		latest_ns = of->stretch.to.high;
	if (!is_inside(&of->stretch, ended))
		return;
	const struct event *disturbed = find_disturbance(of->facts, of->client, ended.low, FAR_AWAY);
	if (disturbed && disturbed->from_ns < until_ns)
		until_ns = disturbed->from_ns;
	if (disturbed && disturbed->from_ns < latest_ns)
		latest_ns = disturbed->from_ns;
	enum promise promise = promised(of->rule, run, position, &due_ns);
	int64_t limit_ns =
	    range_of(of->rule, due_ns).high + tolerance_for(due_ns, of->rule->tolerance, of->rule->floor_ns);
	int64_t lateness_ns = host_was_late(of->facts, ended.low, latest_ns);
	const int64_t ends[] = { ended.low, ended.high }, untils[] = { until_ns, latest_ns };
	struct worlds worlds = { 0 };
	for (size_t i = 0; i < 4; i++)
		world_add(&worlds, untils[i / 2] - ends[i % 2], limit_ns, lateness_ns);
	switch (promise) {
	case PROMISE_NOTHING:
		return;
	case PROMISE_NO_ATTEMPT:
		/* That nothing follows is known after as long as it would have taken. */
		of->is_open = of->is_open || worlds.within + worlds.between > 0;
		return;
	case PROMISE_GAP:
		if (worlds_verdict(&worlds) == VERDICT_FAIL && !may_be_under_way(of, last))
			fail_gap(of, ended.high + limit_ns + lateness_ns);
		else if (worlds.beyond + worlds.between > 0 ||
			 (run == 1 && position == (size_t)of->rule->attempts))
			of->is_open = true;
		return;
	}
}

struct opinion opine_backoff(const struct facts *facts, const struct expectation *expectation)
{
	const struct watch *watch = &facts->plan->watches[expectation->watch];
	struct backoff_opinion of = { .facts = facts,
		.rule = &expectation->backoff,
		.stretch = find_stretch(facts, expectation),
		.client = watch->service,
		.watch = watch };
	const struct event *last = NULL;
	size_t run = 0, position = 0, attempts_of_first_run = 0;
	bool was_connected = false;
	if (of.stretch.is_empty)
		return opinion(VERDICT_INCONCLUSIVE, 0);
	for_each(event, facts)
	{
		if (event->kind == EVENT_LOST && strcmp(event->of, watch->name) == 0)
			last = NULL;
		if (event->kind != EVENT_ATTEMPT || strcmp(event->of, watch->name) != 0)
			continue;
		bool waited = last && (event->from_ns > last->to_ns ||
					  (event->attempt.began_known && event->from_ns == last->to_ns));
		if (last && find_disturbance(
				facts, of.client, end_of(last).low, waited ? event->from_ns : event->to_ns))
			last = NULL;
		if (last) {
			judge_next(&of, last, event, run, position);
			position++;
		} else {
			run++;
			position = 1;
		}
		last = has_worked(event) ? NULL : event;
		was_connected = was_connected || has_worked(event);
		attempts_of_first_run += run == 1;
	}
	/* Fewer than there were to be: whatever the reason, nobody knows whether there would have been more.
	 */
	if (run > 0 && attempts_of_first_run < (size_t)of.rule->attempts)
		of.is_open = true;
	if (last && has_failed(last))
		judge_silence(&of, last, run, position);
	if (of.failed) {
		struct opinion failed = opinion(VERDICT_FAIL, of.failed_ns);
		/* It may be right for a client of several connections which it never got to show. */
		failed.may_doubt = (!was_connected || !*facts->end) && !watch->from_log;
		return failed;
	}
	bool is_vacuous = of.gaps < (size_t)of.rule->at_least;
	enum verdict variety = VERDICT_PASS;
	if (has_jitter(of.rule) && !of.is_open && !is_vacuous)
		variety = judge_variety(of.rule, of.drawn, of.drawn_count);
	if (variety == VERDICT_FAIL && *facts->end) /* else there may be others, which vary */
		return opinion(VERDICT_FAIL, of.drawn_ns);
	of.is_open = of.is_open || variety != VERDICT_PASS;
	return (struct opinion){ .verdict = of.is_open || is_vacuous ? VERDICT_INCONCLUSIVE : VERDICT_PASS,
		.decided_ns = facts->end_ns,
		.by_absence = of.rule->has_then && of.rule->then_ns == 0 };
}
