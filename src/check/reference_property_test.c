/*
 * Random traces, judged by the checker and by reference.h, which knows nothing of it: the verdicts are equal.
 * And what is certain stays so when more is known: in a world among those that a trace allows nothing fails
 * that had passed, nor passes that had failed.
 *
 * A few thousand traces, always the same; FALSESTART_TRACES=1000000 judges more, FALSESTART_SEED=n begins
 * elsewhere. What they disagree about is shown with as few events as still make it.
 */
#include "check/reference.h"
#include "check/reference_story.h"
#include "check/testing.h"

#include <stdlib.h>

enum { TRACES = 2100 };

#define SCENARIO(restart, steps) SCENARIO_OF(restart, "", "", steps)
#define SCENARIO_OF(restart, of_redis, of_get, steps)                                                  \
	"falsestart: 1\n"                                                                              \
	"name: test\n"                                                                                 \
	"stack: { services: { gateway: { image: gateway, restart: '" restart                           \
	"' }, redis: { image: 'redis:7' } } }\n"                                                       \
	"subject: gateway\n"                                                                           \
	"watch:\n"                                                                                     \
	"  ready: { http: 'gateway:4000/ready', every: 50ms, timeout: 50ms, state: .status }\n"        \
	"  dial: { attempts: gateway, to: 'redis:6379', from: log, fails: F, succeeds: S, lost: L }\n" \
	"  tap: { attempts: gateway, to: 'redis:6379' }\n"                                             \
	"  mem: { memory: gateway, every: 250ms }\n"                                                   \
	"  fds: { descriptors: gateway }\n"                                                            \
	"steps:\n"                                                                                     \
	"  - { start: gateway, id: start-gateway }\n"                                                  \
	"  - { start: redis, id: start-redis" of_redis " }\n"                                          \
	"  - { request: GET gateway:4000/get, id: get" of_get " }\n" steps "expect:\n"

#define FROM_READY "after: redis.ready"
#define WHILE_READY "during: { from: redis.ready, until: redis.stopped }"

/* NOLINTBEGIN(bugprone-suspicious-missing-comma): texts that go on behind a macro */
static const char *const states[] = {
	"{ of: ready, reach: a }",
	"{ of: ready, reach: a, within: 400ms, " FROM_READY " }",
	"{ of: ready, reach: c, within: 200ms, after: start-redis }",
	"{ of: ready, reach: 200, within: 300ms, after: gateway.started }",
	"{ of: ready, reach: a, within: 200ms, after: { state: b, of: ready } }",
	"{ of: ready, reach: b, within: 150ms, after: { state: a, of: ready, after: redis.ready, plus: 25ms "
	"} }",
	"{ of: ready, reach: a, within: 300ms, after: { event: redis.ready, after: start-redis, plus: 100ms "
	"} }",
	"{ of: ready, reach: a, within: 300ms, after: redis.refused }",
	"{ of: ready, reach: refused, after: world.ended }",
	"{ of: ready, sequence: [a, b, a], ignore: [refused] }",
	"{ of: ready, sequence: [b, a], ignore: [refused, timeout], " WHILE_READY " }",
	"{ of: ready, sequence: [a, b], after: { state: a, of: ready } }",
	"{ of: ready, sequence: [b], until: redis.ready }",
	"{ of: ready, sequence: [c, a], after: start-redis, ignore: [refused, timeout, b] }",
	"{ of: ready, never: a, " FROM_READY " }",
	"{ of: ready, never: [a, c], until: redis.stopped }",
	"{ of: ready, never: 503, after: { state: a, of: ready } }",
	"{ of: ready, never: b, " WHILE_READY " }",
	"{ of: ready, never: timeout }",
	"{ of: ready, never: [timeout, refused], " WHILE_READY " }",
	"{ of: gateway, never: [exited, restarted, oom-killed] }",
	"{ of: gateway, never: [exited, started], " WHILE_READY " }",
	"{ of: ready, always: [b, c], ignore: [refused], " WHILE_READY " }",
	"{ of: ready, always: a, after: { state: a, of: ready } }",
	"{ of: ready, always: [a, b], ignore: [refused, timeout] }",
	"{ of: ready, always: [a, b, c, refused] }",
	"{ of: ready, always: b, until: { state: timeout, of: ready } }",
	"{ of: ready, sequence: [a, timeout, a], ignore: [b, c, refused] }",
	"{ of: ready, sequence: [timeout, a], after: start-redis, ignore: [b, c] }",
	"{ of: ready, reach: timeout, within: 300ms, " FROM_READY " }",
	"{ of: ready, reach: timeout }",
	"{ of: ready, reach: a, within: 200ms, after: { state: timeout, of: ready, after: gateway.started } "
	"}",
	"{ of: ready, never: [a, b], during: { from: redis.ready, until: { state: timeout, of: ready } } }",
	"{ of: ready, never: a, until: { event: redis.stopped, after: { state: timeout, of: ready } } }",
};

static const char *const attempts[] = {
	"{ of: tap, backoff: { first: 100ms, factor: 2, cap: 400ms } }",
	"{ of: tap, backoff: { first: 100ms, factor: 2, cap: 400ms, at-least: 1 }, " FROM_READY " }",
	"{ of: tap, backoff: { first: 100ms, factor: 2, cap: 400ms, attempts: 3, then: 400ms } }",
	"{ of: tap, backoff: { first: 100ms, factor: 2, cap: 400ms, attempts: 3, then: none, at-least: 1 } }",
	"{ of: tap, backoff: { first: 100ms, attempts: 2, at-least: 1 }, until: redis.stopped }",
	"{ of: dial, backoff: { first: 100ms, factor: 2, cap: 400ms, at-least: 2 } }",
	"{ of: dial, backoff: { first: 100ms, at-least: 1 }, after: { attempt: 1, of: dial } }",
	"{ of: tap, reach: { attempt: 3 }, within: 500ms, after: gateway.started }",
	"{ of: tap, reach: { attempt: 2 } }",
	"{ of: dial, reach: { attempt: 2 }, within: 300ms, after: start-redis }",
	"{ of: ready, reach: a, within: { steps: 1, of: tap }, " FROM_READY " }",
	"{ of: ready, reach: b, within: { steps: 2, of: tap }, after: redis.started }",
	"{ of: ready, reach: a, within: { steps: 1, of: dial }, " FROM_READY " }",
	"{ of: ready, reach: a, within: { steps: 2, of: tap } }",
	"{ of: ready, reach: timeout, within: { steps: 2, of: tap } }",
	"{ of: ready, reach: a, within: 200ms, after: { attempt: 2, of: tap } }",
	"{ of: ready, never: c, after: { attempt: 1, of: tap, after: redis.ready } }",
	"{ of: tap, agrees: { log: 'retrying in (\\d+)ms', in: gateway.log, unit: ms } }",
	"{ of: tap, agrees: { log: 'retrying in (\\d+)ms', in: gateway.log, unit: ms }, " WHILE_READY " }",
};

static const char *const words[] = {
	"{ of: gateway.log, matches: 'n \\d', times: 2..3 }",
	"{ of: gateway.log, matches: 'n \\d', times: ..2, " WHILE_READY " }",
	"{ of: gateway.log, matches: 'error', times: 0 }",
	"{ of: gateway.log, matches: 'error' }",
	"{ of: gateway.log, matches: 'n (\\d)', numbers: [1, 2, 3] }",
	"{ of: gateway.log, matches: 'n (\\d)', times: ..3, numbers: [1, 2, ...] }",
	"{ of: gateway.log, matches: 'n (\\d)', numbers: [2, ...], after: start-redis }",
	"{ of: gateway.log, never: 'error' }",
	"{ of: gateway.log, never: 'n [34]', " WHILE_READY " }",
	"{ of: gateway.log, never: 'again', until: redis.ready }",
	"{ of: gateway.log, reach: 'n 2', within: 300ms, after: gateway.started }",
	"{ of: gateway.log, reach: 'error' }",
	"{ of: ready, reach: a, within: 250ms, after: { log: 'n 1', of: gateway.log } }",
	"{ of: mem, memory: { growth: 1000B }, after: gateway.started }",
	"{ of: mem, memory: { growth: 999B }, until: redis.stopped }",
	"{ of: fds, descriptors: { growth: 2 } }",
	"{ of: gateway, ends: { exit: 0, within: 800ms }, after: gateway.started }",
	"{ of: gateway, ends: { exit: 0..1 } }",
	"{ of: gateway, ends: { exit: 1, within: 500ms }, after: start-gateway }",
	"{ of: redis, ends: { exit: 0, within: 400ms }, after: redis.ready }",
	"{ of: gateway.log, discloses: nothing }",
	"{ of: gateway.log, discloses: nothing, " WHILE_READY " }",
	"{ of: get, discloses: nothing }",
	"{ of: get, respond: { status: 200..299, within: 100ms } }",
	"{ of: get, respond: { status: 503, headers: { Retry-After: '30' } } }",
	"{ of: get, respond: { headers: { Date: true, Retry-After: false } } }",
	"{ of: get, respond: { body: { .error: x }, matches: '^\\{' } }",
};

/* Little to go wrong: worlds that pass. */
static const char *const easy[] = {
	"{ of: gateway, never: [oom-killed, removed] }",
	"{ of: ready, reach: a }",
};
/* NOLINTEND(bugprone-suspicious-missing-comma) */

#define PHASES "  - phase: { redis: [ { refused, attempts: 2 }, { hung, for: 1s }, ready ] }\n"

#define BEFORE_ATTEMPT ", before: { attempt: 2, of: tap }"
#define BEFORE_STATE ", before: { state: b, of: ready, after: redis.ready, plus: 25ms }"
#define BEFORE_TIMEOUT ", before: { state: timeout, of: ready, after: redis.started }"
#define BEFORE_SAID ", before: { attempt: 1, of: dial, after: start-gateway }"
#define BEFORE_EVENT ", before: redis.stopped"

/* Every group of expectations, in a world whose gateway stays down and in one whose gateway is started anew.
 */
static const struct world_of_plan {
	const char *scenario;
	const char *const *expectations;
	size_t count;
} worlds[] = {
	{ SCENARIO("no", ""), states, ARRAY_LENGTH(states) },
	{ SCENARIO("no", PHASES), attempts, ARRAY_LENGTH(attempts) },
	{ SCENARIO("no", ""), words, ARRAY_LENGTH(words) },
	{ SCENARIO_OF("always", BEFORE_ATTEMPT, BEFORE_STATE, PHASES), states, ARRAY_LENGTH(states) },
	{ SCENARIO_OF("on-failure:1", BEFORE_SAID, BEFORE_EVENT, ""), attempts, ARRAY_LENGTH(attempts) },
	{ SCENARIO_OF("unless-stopped", BEFORE_TIMEOUT, "", ""), words, ARRAY_LENGTH(words) },
	{ SCENARIO("no", ""), easy, ARRAY_LENGTH(easy) },
};

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
	size_t disagreements, contradictions;
};

static void compare(
    struct plan *const *plans, uint64_t seed, struct random_trace *random, struct tally *tally)
{
	static struct random_trace settled;
	size_t w = (size_t)(seed % WORLDS);
	random_trace_make(random, seed);
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
		random_trace_make(random, seed);
	if (about >= 0 && tally->disagreements++ < SHOWN_MAX)
		show_disagreement(plans[w], &worlds[w], random, seed, about);
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
	for (uint64_t seed = first; seed < first + traces; seed++)
		compare(plans, seed, &random, &tally);
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
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_random_traces) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
