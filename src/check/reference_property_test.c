/*
 * Random traces, judged by the checker and by reference.h, which knows nothing of it: the verdicts are equal.
 * And what is certain stays so when more is known: in a world among those that a trace allows nothing fails
 * that had passed, nor passes that had failed. Nor does what is decided of a trace that was cut short come
 * out otherwise when the rest of it is there.
 *
 * A few thousand traces, always the same; FALSESTART_TRACES=1000000 judges more, FALSESTART_SEED=n begins
 * elsewhere. What they disagree about is shown with as few events as still make it.
 */
#include "check/reference.h"
#include "check/reference_scenarios.h"
#include "check/reference_story.h"
#include "check/testing.h"

#include <stdlib.h>

enum { TRACES = 5400 };

static struct plan *plan_of(const struct world_of_plan *world)
{
	char path[64];
	struct err err = ERR_INIT;
	int file = memfd_create("scenario", 0);
	assert_true(file >= 0);
	dprintf(file, "%s", world->scenario);
	for (size_t i = 0; i < world->count; i++)
		dprintf(file, "  - %s\n", world->expectations[i]);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	struct plan *plan = plan_load(path, 1, &err);
	close(file);
	if (!plan)
		fail_msg("%d:%d: %s", err.line, err.column, err.message);
	return plan;
}

/* ---- do they agree? ---- */

/* The first finding they do not agree about; the count of findings: the world's verdict; -1: none. */
static int find_disagreement(const struct judgement *judgement, const struct reference *reference)
{
	size_t count = judgement->finding_count;
	if (count != reference->count)
		return (int)count;
	for (size_t i = 0; i < count; i++) {
		enum verdict verdict = judgement->findings[i].verdict;
		bool may_doubt = reference->opinions[i].may_doubt && verdict == VERDICT_INCONCLUSIVE;
		if (verdict != reference->opinions[i].verdict && !may_doubt)
			return (int)i;
	}
	/* The world's verdict follows from the findings', where these agree. */
	for (size_t i = 0; i < count; i++)
		if (reference->opinions[i].may_doubt)
			return -1;
	return judgement->verdict == reference->world && judgement->environment == reference->environment
		   ? -1
		   : (int)count;
}

static int disagreement_about(const struct plan *plan, const struct trace *trace)
{
	struct reference reference;
	struct judgement *judgement = check(plan, trace);
	reference_judge(plan, trace, &reference);
	int found = find_disagreement(judgement, &reference);
	judgement_free(judgement);
	reference_release(&reference);
	return found;
}

/* As few events as still make them disagree about the same. */
static void shrink(const struct plan *plan, int about, struct random_trace *random)
{
	static struct random_trace less;
	for (size_t i = random->trace.event_count; i-- > 1;) {
		random_trace_drop(random, i, &less);
		if (disagreement_about(plan, &less.trace) != about)
			continue;
		random_trace_copy(&less, random);
		i = random->trace.event_count;
	}
}

static void show_disagreement(const struct plan *plan, const struct world_of_plan *world,
    struct random_trace *random, uint64_t seed, int about)
{
	struct reference reference;
	CLEANUP(buf_release) struct buf text = { 0 };
	shrink(plan, about, random);
	struct judgement *judgement = check(plan, &random->trace);
	reference_judge(plan, &random->trace, &reference);
	if ((size_t)about < judgement->finding_count && (size_t)about < reference.count) {
		const struct finding *finding = &judgement->findings[about];
		buf_addf(&text, "trace %llu, %s\nchecker: %s: %s\nreference: %s\n", (unsigned long long)seed,
		    (size_t)about < world->count ? world->expectations[about] : finding->expectation->id,
		    verdict_names[finding->verdict], finding->reason,
		    verdict_names[reference.opinions[about].verdict]);
	} else {
		buf_addf(&text, "trace %llu, the world\nchecker: %s: %s\nreference: %s\n",
		    (unsigned long long)seed, verdict_names[judgement->verdict], judgement->reason,
		    verdict_names[reference.world]);
	}
	for (size_t i = 0; i < random->trace.event_count; i++)
		trace_write_event(&text, &random->events[i]);
	/* cmocka would cut it. */
	fprintf(stderr, "%s\n", buf_string(&text));
	judgement_free(judgement);
	reference_release(&reference);
}

/* ---- is it sound? ---- */

/* Polls and figures on the edge of a window decide nothing, and a line of the log is about whichever attempt
 * fits it best: there a pass says "nothing was seen to be wrong". */
static bool is_lenient(const struct expectation *expectation)
{
	bool of_polls = expectation->watch >= 0 && !expectation->pattern;
	return expectation->within_steps || expectation->kind == EXPECT_MEMORY ||
	       expectation->kind == EXPECT_DESCRIPTORS || expectation->kind == EXPECT_AGREES ||
	       expectation->kind == EXPECT_ALWAYS || expectation->kind == EXPECT_SEQUENCE ||
	       (expectation->kind == EXPECT_NEVER && of_polls);
}

/* What a moment's own `after` admits is what overlaps it, and lines are told in the order in which they were
 * written: a world in which that comes out otherwise is none that the trace means. */
static bool is_of_another_world(const struct expectation *expectation)
{
	/* That is counted from the beginning of a step which acts on the service. */
	bool ends_by_step = expectation->kind == EXPECT_ENDS && expectation->has_after &&
			    expectation->after.kind == MOMENT_STEP;
	return ends_by_step || (expectation->has_after && expectation->after.after) ||
	       expectation->number_count;
}

static bool contradicts(const struct expectation *expectation, enum verdict known, enum verdict better_known)
{
	if (is_of_another_world(expectation))
		return false;
	/* Gaps that are too alike for chance may still vary by more than is asked for. */
	if (expectation->kind == EXPECT_BACKOFF &&
	    expectation->backoff.jitter_low < expectation->backoff.jitter_high && known == VERDICT_FAIL)
		return false;
	if (known == VERDICT_PASS)
		return better_known == VERDICT_FAIL && !is_lenient(expectation);
	return known == VERDICT_FAIL && better_known == VERDICT_PASS;
}

/* The finding that a better known world contradicts; -1: none. */
static int find_contradiction(
    const struct plan *plan, const struct judgement *judgement, const struct trace *world)
{
	struct judgement *better = check(plan, world);
	int found = -1;
	for (size_t i = 0; i < plan->expectation_count; i++)
		if (contradicts(
			&plan->expectations[i], judgement->findings[i].verdict, better->findings[i].verdict))
			found = (int)i;
	judgement_free(better);
	return found;
}

static int contradiction_between(
    const struct plan *plan, const struct trace *trace, const struct trace *world)
{
	struct judgement *judgement = check(plan, trace);
	int found = find_contradiction(plan, judgement, world);
	judgement_free(judgement);
	return found;
}

static void show_contradiction(const struct plan *plan, const struct world_of_plan *world,
    struct random_trace *random, struct random_trace *settled, uint64_t seed, int about)
{
	static struct random_trace less, less_settled;
	CLEANUP(buf_release) struct buf text = { 0 };
	for (size_t i = random->trace.event_count; i-- > 1;) {
		random_trace_drop(random, i, &less);
		random_trace_drop(settled, i, &less_settled);
		if (contradiction_between(plan, &less.trace, &less_settled.trace) != about)
			continue;
		random_trace_copy(&less, random);
		random_trace_copy(&less_settled, settled);
		i = random->trace.event_count;
	}
	struct judgement *judgement = check(plan, &random->trace);
	struct judgement *better = check(plan, &settled->trace);
	buf_addf(&text, "trace %llu, %s\nchecker: %s: %s\n", (unsigned long long)seed,
	    world->expectations[about], verdict_names[judgement->findings[about].verdict],
	    judgement->findings[about].reason);
	for (size_t i = 0; i < random->trace.event_count; i++)
		trace_write_event(&text, &random->events[i]);
	buf_addf(&text, "in a world that this allows: %s: %s\n",
	    verdict_names[better->findings[about].verdict], better->findings[about].reason);
	for (size_t i = 0; i < settled->trace.event_count; i++)
		trace_write_event(&text, &settled->events[i]);
	/* cmocka would cut it. */
	fprintf(stderr, "%s\n", buf_string(&text));
	judgement_free(judgement);
	judgement_free(better);
}

/* ---- is it cut short? ---- */

/* What is decided of a trace that was cut short is not decided otherwise of the whole; -1: nothing is. */
static int find_hasty(const struct plan *plan, const struct trace *whole, const struct trace *cut)
{
	struct judgement *judgement = check(plan, whole), *hasty = check(plan, cut);
	int found = -1;
	for (size_t i = 0; i < plan->expectation_count; i++) {
		enum verdict verdict = judgement->findings[i].verdict, before = hasty->findings[i].verdict;
		if (verdict != VERDICT_INCONCLUSIVE && before != VERDICT_INCONCLUSIVE && verdict != before)
			found = (int)i;
	}
	judgement_free(judgement);
	judgement_free(hasty);
	return found;
}

/* The first so many lines of it. */
static void cut_at(const struct random_trace *random, size_t count, struct random_trace *ret_cut)
{
	random_trace_copy(random, ret_cut);
	ret_cut->trace.event_count = count;
	ret_cut->trace.complete = false;
}

static void show_hasty(const struct plan *plan, const struct world_of_plan *world,
    struct random_trace *random, size_t count, uint64_t seed, int about)
{
	static struct random_trace less, cut;
	CLEANUP(buf_release) struct buf text = { 0 };
	for (size_t i = random->trace.event_count; i-- > 1;) {
		size_t count_of_less = count - (i < count);
		random_trace_drop(random, i, &less);
		cut_at(&less, count_of_less, &cut);
		if (find_hasty(plan, &less.trace, &cut.trace) != about)
			continue;
		random_trace_copy(&less, random);
		count = count_of_less;
		i = random->trace.event_count;
	}
	cut_at(random, count, &cut);
	struct judgement *judgement = check(plan, &random->trace), *hasty = check(plan, &cut.trace);
	buf_addf(&text, "trace %llu, %s\ncut behind line %zu: %s: %s\nwhole: %s: %s\n",
	    (unsigned long long)seed, world->expectations[about], count,
	    verdict_names[hasty->findings[about].verdict], hasty->findings[about].reason,
	    verdict_names[judgement->findings[about].verdict], judgement->findings[about].reason);
	for (size_t i = 0; i < random->trace.event_count; i++)
		trace_write_event(&text, &random->events[i]);
	fprintf(stderr, "%s\n", buf_string(&text));
	judgement_free(judgement);
	judgement_free(hasty);
}

/* What is judged as it happens is judged the same when it is read from a file. */
static void assert_same_when_read(
    const struct plan *plan, const struct judgement *judgement, const struct trace *trace)
{
	struct story story = { .text = { 0 } };
	for (size_t i = 0; i < trace->event_count; i++)
		tell(&story, &trace->events[i]);
	struct trace *read = test_trace(&story);
	struct judgement *again = check(plan, read);
	bool same =
	    judgement->finding_count == again->finding_count && strcmp(judgement->reason, again->reason) == 0;
	for (size_t i = 0; i < judgement->finding_count && same; i++)
		same = judgement->findings[i].verdict == again->findings[i].verdict &&
		       strcmp(judgement->findings[i].reason, again->findings[i].reason) == 0 &&
		       strcmp(judgement->findings[i].actual, again->findings[i].actual) == 0 &&
		       strcmp(judgement->findings[i].expected, again->findings[i].expected) == 0;
	assert_sound(again, read);
	judgement_free(again);
	trace_free(read);
	buf_release(&story.text);
	assert_true(same);
}

/* ---- the comparison ---- */

enum { WORLDS = ARRAY_LENGTH(worlds), FINDINGS_MAX = 64, SHOWN_MAX = 8, READ_EVERY = 16 };

struct tally {
	size_t verdicts[WORLDS][FINDINGS_MAX][3];
	size_t world_verdicts[3];
	size_t disagreements, contradictions, hasty;
	size_t decided_when_cut[3]; /* by verdict */
};

static void compare(
    struct plan *const *plans, uint64_t seed, struct random_trace *random, struct tally *tally)
{
	static struct random_trace settled;
	size_t w = (size_t)(seed % WORLDS);
	random_trace_make(random, seed, worlds[w].expectations == conduct);
	struct judgement *judgement = check(plans[w], &random->trace);
	struct reference reference;
	reference_judge(plans[w], &random->trace, &reference);
	int about = find_disagreement(judgement, &reference);
	reference_release(&reference);
	for (size_t i = 0; i < judgement->finding_count; i++)
		tally->verdicts[w][i][judgement->findings[i].verdict]++;
	tally->world_verdicts[judgement->verdict]++;
	if (seed % READ_EVERY == 0)
		assert_same_when_read(plans[w], judgement, &random->trace);
	random_trace_settle(random, seed, &settled);
	int contradicted = find_contradiction(plans[w], judgement, &settled.trace);
	if (contradicted >= 0 && tally->contradictions++ < SHOWN_MAX)
		show_contradiction(plans[w], &worlds[w], random, &settled, seed, contradicted);
	judgement_free(judgement);
	if (contradicted >= 0)
		random_trace_make(random, seed, worlds[w].expectations == conduct);
	if (about >= 0 && tally->disagreements++ < SHOWN_MAX)
		show_disagreement(plans[w], &worlds[w], random, seed, about);
}

static void compare_cut(
    const struct plan *plan, const struct world_of_plan *world, uint64_t seed, struct tally *tally)
{
	static struct random_trace random, cut;
	random_trace_make(&random, seed, world->expectations == conduct);
	if (!random_trace_cut(&random, seed, &cut))
		return;
	struct judgement *judgement = check(plan, &cut.trace);
	for (size_t i = 0; i < plan->expectation_count; i++)
		tally->decided_when_cut[judgement->findings[i].verdict]++;
	judgement_free(judgement);
	int about = find_hasty(plan, &random.trace, &cut.trace);
	if (about >= 0 && tally->hasty++ < SHOWN_MAX)
		show_hasty(plan, world, &random, cut.trace.event_count, seed, about);
	about = disagreement_about(plan, &cut.trace);
	if (about >= 0 && tally->disagreements++ < SHOWN_MAX)
		show_disagreement(plan, world, &cut, seed, about);
}

static void report(const struct tally *tally, struct plan *const *plans, uint64_t traces)
{
	size_t sum[3] = { 0 };
	for (size_t w = 0; w < WORLDS; w++) {
		for (size_t i = 0; i < plans[w]->expectation_count; i++) {
			const size_t *verdicts = tally->verdicts[w][i];
			for (size_t v = 0; v < 3; v++)
				sum[v] += verdicts[v];
			if (getenv("FALSESTART_TRACES"))
				print_message("%9zu pass %9zu fail %9zu inconclusive  %s\n",
				    verdicts[VERDICT_PASS], verdicts[VERDICT_FAIL],
				    verdicts[VERDICT_INCONCLUSIVE], worlds[w].expectations[i]);
		}
	}
	print_message("%llu traces: %zu pass, %zu fail, %zu inconclusive findings; worlds %zu, %zu, %zu; "
		      "%zu disagreements, %zu contradictions\n",
	    (unsigned long long)traces, sum[VERDICT_PASS], sum[VERDICT_FAIL], sum[VERDICT_INCONCLUSIVE],
	    tally->world_verdicts[VERDICT_PASS], tally->world_verdicts[VERDICT_FAIL],
	    tally->world_verdicts[VERDICT_INCONCLUSIVE], tally->disagreements, tally->contradictions);
	print_message(
	    "cut short: %zu pass, %zu fail, %zu inconclusive; %zu decided otherwise than the whole\n",
	    tally->decided_when_cut[VERDICT_PASS], tally->decided_when_cut[VERDICT_FAIL],
	    tally->decided_when_cut[VERDICT_INCONCLUSIVE], tally->hasty);
}

static uint64_t number_from(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);
	return text ? strtoull(text, NULL, 10) : otherwise;
}

static void test_random_traces(void **state)
{
	(void)state;
	static struct tally tally;
	static struct random_trace random;
	struct plan *plans[WORLDS];
	uint64_t traces = number_from("FALSESTART_TRACES", TRACES), first = number_from("FALSESTART_SEED", 0);
	for (size_t w = 0; w < WORLDS; w++)
		plans[w] = plan_of(&worlds[w]);
	for (uint64_t seed = first; seed < first + traces; seed++) {
		compare(plans, seed, &random, &tally);
		compare_cut(plans[seed % WORLDS], &worlds[seed % WORLDS], seed, &tally);
	}
	report(&tally, plans, traces);
	/* The traces are worth something: each expectation passes, fails and is left open. */
	for (size_t w = 0; w < WORLDS && traces >= TRACES; w++)
		for (size_t i = 0; i < plans[w]->expectation_count; i++)
			for (size_t v = 0; v < 3; v++)
				if (tally.verdicts[w][i][v] == 0)
					fail_msg(
					    "%s is never %s", worlds[w].expectations[i], verdict_names[v]);
	for (size_t w = 0; w < WORLDS; w++)
		plan_free(plans[w]);
	assert_int_equal(tally.disagreements, 0);
	assert_int_equal(tally.contradictions, 0);
	assert_int_equal(tally.hasty, 0);
	/* There is something to decide before the end, too. */
	assert_true(traces < TRACES || tally.decided_when_cut[VERDICT_PASS] > traces / 10);
	assert_true(traces < TRACES || tally.decided_when_cut[VERDICT_FAIL] > traces / 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_random_traces) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
