/*
 * Random stories, judged by the checker and by an evaluator that knows nothing of it: for `reach` it tries
 * every moment the intervals allow, for the others it is a literal reading of the rules. 20,000 stories,
 * always the same ones.
 */
#include "check/testing.h"

enum { STORIES = 20000, SAMPLES_MAX = 40, LIMIT_MS = 400, PERIOD_MS = 50 };

#define EXPECTATIONS                                                                                         \
	"{ id: reach, of: ready, reach: a, within: 400ms, after: redis.ready }\n"                            \
	"  - { id: never, of: ready, never: [a], after: redis.ready }\n"                                     \
	"  - { id: always, of: ready, always: [b, c], during: { from: redis.ready, until: redis.stopped }, " \
	"ignore: [r] }\n"                                                                                    \
	"  - { id: sequence, of: ready, sequence: [a, b, a], ignore: [r] }"

/* Times in milliseconds. */
struct shown {
	int from, to;
	char state;
};

struct random_story {
	struct shown shown[SAMPLES_MAX];
	int count;
	int after_low, after_high;
	int until; /* redis.stopped; 0: never */
	int late;  /* all the time */
	int end;
	bool is_closed;
};

static uint64_t random_state = 88172645463325252;

static int random_int(int low, int high)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return low + (int)(random_state % (uint64_t)(high - low + 1));
}

static struct random_story make_story(void)
{
	struct random_story story = { .count = random_int(0, SAMPLES_MAX),
		.late = random_int(0, 3) ? 0 : random_int(1, 200) };
	int at = random_int(0, 60);
	char state = (char)('a' + random_int(0, 2));
	for (int i = 0; i < story.count; i++) {
		if (random_int(0, 5) == 0)
			state = (char)(random_int(0, 5) ? 'a' + random_int(0, 2) : 'r');
		story.shown[i] = (struct shown){ .from = at, .to = at + random_int(0, 30), .state = state };
		at += random_int(0, 15) ? PERIOD_MS : random_int(PERIOD_MS, 5 * PERIOD_MS);
	}
	story.after_low = random_int(0, at);
	story.after_high = story.after_low + (random_int(0, 1) ? 0 : random_int(0, 80));
	story.until = random_int(0, 1) ? 0 : random_int(story.after_high, at + 100);
	story.end = at + random_int(0, 200);
	story.end = story.end > story.after_high ? story.end : story.after_high;
	story.end = story.end > story.until ? story.end : story.until;
	story.is_closed = random_int(0, 4);
	return story;
}

static struct trace *write_story(const struct random_story *random)
{
	struct story story = story_begin();
	if (random->late)
		late(&story, 0, random->end * MS, random->late * MS);
	service_event(&story, random->after_low * MS, random->after_high * MS, "redis", "ready");
	if (random->until)
		service_event(&story, random->until * MS, random->until * MS, "redis", "stopped");
	for (int i = 0; i < random->count; i++)
		sample(&story, random->shown[i].from * MS, random->shown[i].to * MS,
		    (char[]){ random->shown[i].state, '\0' });
	end(&story, random->end * MS, random->is_closed ? "completed" : "timeout");
	struct trace *trace = test_trace(&story);
	buf_release(&story.text);
	return trace;
}

/* ---- reach ---- */

/* How long `a` may have taken if `after` was exactly then. The high end is -1 when it is not bounded. */
static void reach_from(const struct random_story *story, int after, int *ret_low, int *ret_high)
{
	*ret_low = *ret_high = -1;
	for (int i = 0; i < story->count; i++) {
		const struct shown *shown = &story->shown[i];
		if (shown->state != 'a' || shown->to < after)
			continue;
		if (*ret_low < 0) {
			bool was_other = i > 0 && story->shown[i - 1].state != 'a';
			int low =
			    was_other && story->shown[i - 1].from > after ? story->shown[i - 1].from : after;
			*ret_low = low - after;
		}
		if (shown->from >= after) {
			*ret_high = shown->to - after;
			return;
		}
	}
}

static enum verdict naive_reach(const struct random_story *story)
{
	bool all_in = true, all_out = true;
	int last_other = -1;
	for (int i = 0; i < story->count; i++)
		if (story->shown[i].state != 'a')
			last_other = story->shown[i].from;
	for (int after = story->after_low; after <= story->after_high; after++) {
		int low, high;
		reach_from(story, after, &low, &high);
		if (low < 0) /* never: not before the last poll that shows something else */
			low = last_other > after ? last_other - after : 0;
		all_in = all_in && high >= 0 && high <= LIMIT_MS;
		all_out = all_out && low > LIMIT_MS + story->late;
	}
	return all_in ? VERDICT_PASS : all_out ? VERDICT_FAIL : VERDICT_INCONCLUSIVE;
}

/* ---- never, always ---- */

static bool is_hole_between(const struct random_story *story, int answered, int asked)
{
	return asked - answered > 3 * PERIOD_MS + story->late || asked - answered > 10 * PERIOD_MS;
}

static enum verdict naive_never(const struct random_story *story)
{
	int inside = 0, covered = story->after_high;
	bool hole = false;
	for (int i = 0; i < story->count; i++) {
		if (story->shown[i].from < story->after_high)
			continue;
		inside++;
		hole = hole || is_hole_between(story, covered, story->shown[i].from);
		covered = story->shown[i].to;
		if (story->shown[i].state == 'a')
			return VERDICT_FAIL;
	}
	hole = hole || is_hole_between(story, covered, story->end);
	return inside && !hole && story->is_closed ? VERDICT_PASS : VERDICT_INCONCLUSIVE;
}

static enum verdict naive_always(const struct random_story *story)
{
	int until = story->until ? story->until : story->end, covered = story->after_high, counted = 0;
	bool hole = false;
	for (int i = 0; i <= story->count; i++) {
		struct shown shown = i < story->count ? story->shown[i] : (struct shown){ until, until, 'r' };
		if (shown.from < story->after_high || shown.to > until)
			continue;
		hole = hole || is_hole_between(story, covered, shown.from);
		covered = shown.to;
		counted += shown.state != 'r';
		if (shown.state == 'a')
			return VERDICT_FAIL;
	}
	return counted && !hole && (story->until || story->is_closed) ? VERDICT_PASS : VERDICT_INCONCLUSIVE;
}

/* ---- sequence ---- */

/* Could what is left of the wanted states explain the runs? '*' is a hole, in which any states may hide. */
static bool explains(const char *wanted, char last, const char *runs)
{
	if (*runs == '\0')
		return *wanted == '\0';
	if (*runs == '*')
		return explains(wanted, last, runs + 1) || (*wanted && explains(wanted + 1, *wanted, runs));
	if (*runs == last && explains(wanted, last, runs + 1))
		return true;
	return *runs == *wanted && explains(wanted + 1, *wanted, runs + 1);
}

static enum verdict naive_sequence(const struct random_story *story)
{
	char plain[SAMPLES_MAX + 1], doubtful[2 * SAMPLES_MAX + 3];
	size_t plain_length = 0, length = 0;
	bool hole = false;
	for (int i = 0; i < story->count; i++) {
		const struct shown *shown = &story->shown[i];
		if (i > 0 && (shown->from - shown[-1].from > 3 * PERIOD_MS || story->late > 3 * PERIOD_MS))
			doubtful[length++] = '*';
		hole = hole || (i > 0 && is_hole_between(story, shown[-1].to, shown->from));
		if (shown->state == 'r')
			continue;
		doubtful[length++] = shown->state;
		plain[plain_length++] = shown->state;
	}
	if (!story->is_closed ||
	    (story->count && story->end - story->shown[story->count - 1].to > 3 * PERIOD_MS))
		doubtful[length++] = '*';
	plain[plain_length] = doubtful[length] = '\0';
	if (story->count == 0)
		return VERDICT_INCONCLUSIVE;
	hole = hole || is_hole_between(story, story->shown[story->count - 1].to, story->end);
	if (explains("aba", '\0', plain))
		return story->is_closed && !hole ? VERDICT_PASS : VERDICT_INCONCLUSIVE;
	return explains("aba", '\0', doubtful) ? VERDICT_INCONCLUSIVE : VERDICT_FAIL;
}

/* ---- the comparison ---- */

static void describe(const struct random_story *story, struct buf *out)
{
	buf_addf(out, "after %d..%d until %d late %d end %d%s:", story->after_low, story->after_high,
	    story->until, story->late, story->end, story->is_closed ? "" : " (open)");
	for (int i = 0; i < story->count; i++)
		buf_addf(out, " %d..%d%c", story->shown[i].from, story->shown[i].to, story->shown[i].state);
}

static void test_random_stories(void **state)
{
	(void)state;
	struct plan *plan = test_plan(EXPECTATIONS);
	size_t verdicts[4][3] = { { 0 } };
	for (int round = 0; round < STORIES; round++) {
		struct random_story story = make_story();
		struct trace *trace = write_story(&story);
		struct judgement *judgement = check(plan, trace);
		assert_sound(judgement, trace);
		const enum verdict naive[4] = { naive_reach(&story), naive_never(&story),
			naive_always(&story), naive_sequence(&story) };
		for (size_t i = 0; i < 4; i++) {
			enum verdict verdict = judgement->findings[i].verdict;
			verdicts[i][verdict]++;
			/* The checker takes `after` and the arrival for independent: with a wide `after` it
			 * may be less certain than can be, never more. */
			bool may_doubt =
			    i == 0 && story.after_low < story.after_high && verdict == VERDICT_INCONCLUSIVE;
			if (verdict == naive[i] || may_doubt)
				continue;
			CLEANUP(buf_release) struct buf text = { 0 };
			describe(&story, &text);
			fail_msg("round %d, %s: %s (%s), naively %s\n%s", round, plan->expectations[i].id,
			    verdict_names[verdict], judgement->findings[i].reason, verdict_names[naive[i]],
			    text.bytes);
		}
		judgement_free(judgement);
		trace_free(trace);
	}
	/* The stories are worth something: every verdict came up, for every kind. */
	for (size_t i = 0; i < 4; i++)
		for (size_t v = 0; v < 3; v++)
			assert_true(verdicts[i][v] > STORIES / 400);
	plan_free(plan);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_random_stories) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
