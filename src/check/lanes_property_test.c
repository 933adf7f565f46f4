/*
 * Random clients with one to four connections, made from what they do, not from what the checker looks for:
 * every connection tries, waits as its policy says (give or take less than the tolerance), and connects once
 * the server is there. One that keeps to the schedule is never blamed; one that does not never passes.
 */
#include "check/testing.h"

enum { STORIES = 2000, CONNECTIONS_MAX = 4, TRIES_MAX = 200 };

#define SCHEDULES                                                                    \
	"{ id: doubling, of: tap, backoff: { first: 500ms, factor: 2, cap: 4s } }\n" \
	"  - { id: constant, of: tap, backoff: { first: 1s } }"

enum { DOUBLING, CONSTANT };

static uint64_t random_state = 88172645463325252;

static int64_t random_ns(int64_t low, int64_t high)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return low + (int64_t)(random_state % (uint64_t)(high - low + 1));
}

struct client {
	int schedule;
	int connections;
	bool together;    /* they begin in the same millisecond */
	bool gives_up;    /* attempts end some time, which is known to within 40 ms */
	int64_t percent;  /* of the wait that is right */
	int64_t ready_ns; /* from then on attempts succeed */
};

static struct client make_client(bool is_right)
{
	return (struct client){
		.schedule = (int)random_ns(DOUBLING, CONSTANT),
		.connections = (int)random_ns(1, CONNECTIONS_MAX),
		.together = random_ns(0, 1),
		.gives_up = random_ns(0, 2) == 0,
		.percent = is_right          ? 100
			   : random_ns(0, 1) ? random_ns(30, 70)
					     : random_ns(140, 180),
		.ready_ns = random_ns(6 * S, 20 * S),
	};
}

static int64_t wait_of(const struct client *client, int tried)
{
	static const int64_t doubling_ms[] = { 500, 1000, 2000, 4000 };
	int64_t right = client->schedule == CONSTANT ? 1000 * MS : doubling_ms[tried < 4 ? tried : 3] * MS;
	/* The tolerance is a tenth; rounding and the host are left a little of it. */
	return right * client->percent / 100 + random_ns(-right * 8 / 100, right * 8 / 100);
}

static int compare_tries(const void *left, const void *right)
{
	const struct try *a = left, *b = right;
	return (a->from_ns > b->from_ns) - (a->from_ns < b->from_ns);
}

static size_t add_connection(const struct client *client, int which, struct try *tries, size_t count)
{
	int64_t at = 1 * S + (client->together ? which * MS / 4 : random_ns(0, 1500 * MS));
	for (int tried = 0; count < TRIES_MAX; tried++) {
		bool succeeds = at >= client->ready_ns;
		int64_t took = client->gives_up && !succeeds ? random_ns(100 * MS, 200 * MS) : MS / 5;
		int64_t seen = client->gives_up && !succeeds ? random_ns(0, 40 * MS) : 0;
		tries[count++] = (struct try){
			.from_ns = at,
			.to_ns = at + took + seen,
			.ended_after_ns = seen ? at + took - (40 * MS - seen) : 0,
			.connection = 40000 + 1000 * which + tried,
			.outcome = succeeds           ? "connected"
				   : client->gives_up ? "timeout"
						      : "refused",
		};
		if (succeeds)
			break;
		at += took + wait_of(client, tried);
	}
	return count;
}

static struct trace *write_client(const struct client *client)
{
	struct try tries[TRIES_MAX] = { 0 };
	struct story story = story_begin();
	size_t count = 0;
	for (int which = 0; which < client->connections; which++)
		count = add_connection(client, which, tries, count);
	qsort(tries, count, sizeof(tries[0]), compare_tries);
	service_event(&story, 0, 0, "gateway", "started");
	for (size_t i = 0; i < count; i++) {
		tries[i].number = (int)i + 1;
		for (size_t k = 0; k < i; k++)
			tries[i].open +=
			    strcmp(tries[k].outcome, "connected") == 0 && tries[k].to_ns <= tries[i].from_ns;
		try(&story, tries[i]);
	}
	end(&story, tries[count - 1].to_ns + 5 * S, "completed");
	struct trace *trace = test_trace(&story);
	buf_release(&story.text);
	return trace;
}

static void run_stories(bool is_right, enum verdict forbidden, size_t verdicts[3])
{
	struct plan *plan = test_plan(SCHEDULES);
	for (int round = 0; round < STORIES; round++) {
		struct client client = make_client(is_right);
		struct trace *trace = write_client(&client);
		struct judgement *judgement = check(plan, trace);
		const struct finding *finding = &judgement->findings[client.schedule];
		assert_sound(judgement, trace);
		verdicts[finding->verdict]++;
		if (finding->verdict == forbidden)
			fail_msg("round %d: %s: %d connections%s%s, waits of %lld %%: %s: %s: %s", round,
			    finding->expectation->id, client.connections,
			    client.together ? " begun together" : "",
			    client.gives_up ? ", ends not known" : "", (long long)client.percent,
			    verdict_names[finding->verdict], finding->actual, finding->reason);
		judgement_free(judgement);
		trace_free(trace);
	}
	plan_free(plan);
}

static void test_right_clients_are_not_blamed(void **state)
{
	(void)state;
	size_t verdicts[3] = { 0 };
	run_stories(true, VERDICT_FAIL, verdicts);
	print_message("right: %zu pass, %zu inconclusive\n", verdicts[0], verdicts[2]);
	assert_true(verdicts[VERDICT_PASS] > STORIES / 2);
}

static void test_wrong_clients_do_not_pass(void **state)
{
	(void)state;
	size_t verdicts[3] = { 0 };
	run_stories(false, VERDICT_PASS, verdicts);
	print_message("wrong: %zu fail, %zu inconclusive\n", verdicts[1], verdicts[2]);
	assert_true(verdicts[VERDICT_FAIL] > STORIES * 9 / 10);
}

/* Attempts at random, of which no sense can be made: the answer comes all the same, and soon. */
static void test_chaos_ends(void **state)
{
	(void)state;
	static const char *const outcomes[] = { "refused", "timeout", "connected", "pending", "loading" };
	struct plan *plan = test_plan(SCHEDULES);
	for (int round = 0; round < 4; round++) {
		struct story story = story_begin();
		int64_t at = 0;
		for (int i = 0; i < 3000; i++) {
			at += random_ns(0, round % 2 ? 200 * MS : 1500 * MS);
			int64_t to_ns = at + random_ns(0, 300 * MS);
			try(&story, (struct try){ .number = i + 1,
					.from_ns = at,
					.to_ns = to_ns,
					.ended_after_ns = random_ns(0, 2) ? 0 : at,
					.connection = (int)random_ns(0, 9),
					.open = (int)random_ns(0, 3),
					.outcome = outcomes[random_ns(0, random_ns(0, 40) ? 1 : 4)] });
			if (random_ns(0, 30) == 0)
				lose(&story, at, (int)random_ns(0, 9), (int)random_ns(0, 2));
		}
		end(&story, at + 1 * S, "completed");
		struct trace *trace = test_trace(&story);
		struct judgement *judgement = check(plan, trace);
		assert_sound(judgement, trace);
		judgement_free(judgement);
		trace_free(trace);
		buf_release(&story.text);
	}
	plan_free(plan);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_right_clients_are_not_blamed),
		cmocka_unit_test(test_wrong_clients_do_not_pass),
		cmocka_unit_test(test_chaos_ends),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
