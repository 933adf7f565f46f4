/* Policies that are in use, by name; and what is not a policy. */
#include "infer/testing.h"

static struct scene scene;

struct named {
	const char *name;
	struct client client;
};

/* With jitter it takes more gaps: so many that each figure is within 5 %. */
static const struct named policies[] = {
	{ "every five seconds", { .family = FAMILY_FIXED, .first = 5, .runs = 1, .gaps = 4 } },
	{ "ten times a second", { .family = FAMILY_FIXED, .first = 0.1, .runs = 2, .gaps = 15 } },
	{ "from start to start", { .family = FAMILY_FIXED,
				     .first = 1,
				     .from_start = true,
				     .length = 0.4,
				     .varies = true,
				     .runs = 1,
				     .gaps = 8 } },
	{ "half a second more each time",
	    { .family = FAMILY_LINEAR, .first = 0.5, .growth = 0.5, .runs = 1, .gaps = 6 } },
	{ "ioredis: min(times * 50, 2000)",
	    { .family = FAMILY_LINEAR, .first = 0.05, .growth = 0.05, .cap = 2, .runs = 1, .gaps = 45 } },
	{ "node-redis: min(retries * 50, 500), from 0",
	    { .family = FAMILY_LINEAR, .first = 0.0005, .growth = 0.05, .cap = 0.5, .runs = 1, .gaps = 16 } },
	{ "the gateway: 1 s, 2 s, 4 s, 8 s, 15 s", { .family = FAMILY_EXPONENTIAL,
						       .first = 1,
						       .growth = 2,
						       .cap = 15,
						       .runs = 1,
						       .gaps = 19,
						       .gives_up = true } },
	{ "at once, then 250 ms, 500 ms, 1 s", { .family = FAMILY_EXPONENTIAL,
						   .first = 0.25,
						   .growth = 2,
						   .cap = 5,
						   .initial = 0.0005,
						   .runs = 1,
						   .gaps = 9 } },
	{ "half as much again",
	    { .family = FAMILY_EXPONENTIAL, .first = 0.2, .growth = 1.5, .runs = 1, .gaps = 8 } },
	{ "doubling that a success does not stop", { .family = FAMILY_EXPONENTIAL,
						       .first = 0.5,
						       .growth = 2,
						       .cap = 60,
						       .keeps = true,
						       .runs = 3,
						       .gaps = 3 } },
	{ "two to three seconds", { .family = FAMILY_FIXED,
				      .jitter = JITTER_ADDITIVE,
				      .first = 2,
				      .range = 1,
				      .runs = 4,
				      .gaps = 15 } },
	{ "one to two seconds",
	    { .family = FAMILY_FIXED, .jitter = JITTER_EQUAL, .first = 2, .runs = 4, .gaps = 15 } },
	{ "doubling, full jitter", { .family = FAMILY_EXPONENTIAL,
				       .jitter = JITTER_FULL,
				       .first = 0.5,
				       .growth = 2,
				       .cap = 20,
				       .runs = 50,
				       .gaps = 10 } },
	{ "doubling, equal jitter", { .family = FAMILY_EXPONENTIAL,
					.jitter = JITTER_EQUAL,
					.first = 0.2,
					.growth = 2,
					.cap = 10,
					.runs = 20,
					.gaps = 10 } },
	{ "doubling, and up to a second", { .family = FAMILY_EXPONENTIAL,
					      .jitter = JITTER_ADDITIVE,
					      .first = 1,
					      .growth = 2,
					      .cap = 30,
					      .range = 1,
					      .runs = 20,
					      .gaps = 10 } },
	{ "gRPC: 1 s, 1.6, 120 s, 20 %", { .family = FAMILY_EXPONENTIAL,
					     .jitter = JITTER_PROPORTIONAL,
					     .first = 1,
					     .growth = 1.6,
					     .cap = 120,
					     .range = 0.2,
					     .runs = 20,
					     .gaps = 14 } },
	{ "linear, equal jitter", { .family = FAMILY_LINEAR,
				      .jitter = JITTER_EQUAL,
				      .first = 1,
				      .growth = 1,
				      .runs = 20,
				      .gaps = 10 } },
	{ "decorrelated, 0.1 s to 20 s",
	    { .family = FAMILY_DECORRELATED, .first = 0.1, .cap = 20, .runs = 50, .gaps = 20 } },
	{ "three replicas, every four seconds",
	    { .family = FAMILY_FIXED, .first = 4, .lanes = 3, .apart = 3.9, .runs = 1, .gaps = 6 } },
	{ "two replicas, doubling", { .family = FAMILY_EXPONENTIAL,
					.first = 0.5,
					.growth = 2,
					.lanes = 2,
					.apart = 3,
					.runs = 1,
					.gaps = 6 } },
	{ "80 ms and up to 60 ms, in one outage", { .family = FAMILY_FIXED,
						      .jitter = JITTER_ADDITIVE,
						      .first = 0.08,
						      .range = 0.06,
						      .runs = 1,
						      .gaps = 95 } },
	{ "doubling from 30 ms, equal jitter", { .family = FAMILY_EXPONENTIAL,
						   .jitter = JITTER_EQUAL,
						   .first = 0.03,
						   .growth = 2,
						   .cap = 0.24,
						   .runs = 60,
						   .gaps = 5 } },
};

/* Within 5 %, or the 2 ms of a timer that is late. */
static bool is_near(double wanted, int64_t got_ns)
{
	double off = fabs((double)got_ns / 1e9 - wanted);
	return wanted == 0 ? got_ns == 0 : off <= 0.05 * wanted || off <= 0.002;
}

static void compare(const struct named *named, const struct policy *policy)
{
	const struct client *client = &named->client;
	CLEANUP(buf_release) struct buf text = { 0 };
	infer_describe(&text, policy);
	print_message("%-42s %s\n", named->name, buf_string(&text));
	bool is_decorrelated = client->family == FAMILY_DECORRELATED;
	int last = client->gaps * (client->keeps ? client->runs : 1);
	bool is_capped = client->cap > 0 && (is_decorrelated || client_delay(client, last) >= client->cap);
	bool is_right = policy->family == client->family &&
			(is_decorrelated || policy->jitter == client->jitter) &&
			is_near(client->first, policy->first_ns) &&
			is_near(is_capped ? client->cap : 0, policy->cap_ns) &&
			is_near(client->family == FAMILY_LINEAR ? client->growth : 0, policy->step_ns) &&
			is_near(client->jitter == JITTER_ADDITIVE ? client->range : 0, policy->jitter_ns) &&
			is_near(client->family == FAMILY_EXPONENTIAL ? client->growth : 0,
			    llround(policy->factor * 1e9)) &&
			is_near(client->jitter == JITTER_PROPORTIONAL ? client->range : 0,
			    llround(policy->jitter_share * 1e9)) &&
			policy->lanes == (client->lanes ? client->lanes : 1) &&
			policy->from_start == client->from_start &&
			policy->initial_differs == (client->initial > 0) && policy->confidence > 0.9;
	if (!is_right)
		fail_msg("%s: %s", named->name, buf_string(&text));
}

static void test_named(void **state)
{
	(void)state;
	random_state = 88172645463325252;
	for (size_t i = 0; i < ARRAY_LENGTH(policies); i++) {
		scene_make(&scene, &policies[i].client);
		struct policy policy = scene_infer(&scene);
		compare(&policies[i], &policy);
	}
}

/* ---- what is not decided, and what is no backoff ---- */

/* The scene goes on in silence until then. */
static void expect(struct scene *seen, double end, const char *wanted)
{
	CLEANUP(buf_release) struct buf text = { 0 };
	if (llround(end * 1e9) > seen->sightings.ended_ns)
		seen->sightings.ended_ns = llround(end * 1e9);
	struct policy policy = scene_infer(seen);
	infer_describe(&text, &policy);
	if (strcmp(buf_string(&text), wanted) != 0) {
		char *complaint = xasprintf("wanted %s\n   got %s", wanted, buf_string(&text));
		buf_release(&text);
		fail_msg("%s", complaint);
	}
}

/* Failed attempts of 1 ms with these gaps between them, from second 1 on. */
#define GAPS(scene, ...)                                  \
	make_gaps(scene, (const double[]){ __VA_ARGS__ }, \
	    sizeof((const double[]){ __VA_ARGS__ }) / sizeof(double))
static double make_gaps(struct scene *made, const double *gaps, size_t count)
{
	double at = 1;
	scene_begin(made);
	for (size_t i = 0; i <= count; i++) {
		scene_try(made, at, at + 0.001, TRY_FAILED);
		at += 0.001 + (i < count ? gaps[i] : 0);
	}
	return at;
}

static void test_too_few(void **state)
{
	(void)state;
	scene_begin(&scene);
	expect(&scene, 0, "unknown: no attempt was seen");
	GAPS(&scene, 1, 1);
	expect(&scene, 0, "unknown: 2 gaps were seen, 3 are needed");
	GAPS(&scene, 1, 2);
	expect(&scene, 0, "unknown: 2 gaps were seen, 3 are needed");
	scene_begin(&scene);
	scene_try(&scene, 1, 1.001, TRY_FAILED);
	scene_try(&scene, 2, 2.001, TRY_SUCCEEDED);
	expect(&scene, 20, "unknown: 1 gap was seen, 3 are needed");
}

/* Both kinds of growth explain it. */
static void test_ambiguous(void **state)
{
	(void)state;
	GAPS(&scene, 1, 2, 2, 2, 2, 2);
	expect(&scene, 0, "unknown: 6 gaps do not decide it; most likely linear");
	GAPS(&scene, 1, 2, 3, 3, 3, 3);
	expect(&scene, 0, "unknown: 6 gaps do not decide it; most likely exponential");
	/* One more step, and it is plain. */
	GAPS(&scene, 1, 2, 4, 6, 6, 6);
	expect(&scene, 0, "exponential: 1s × 2 up to 6s, no jitter (6 gaps, confidence 1.00)");
	GAPS(&scene, 1, 2, 3, 3.5, 3.5, 3.5);
	expect(&scene, 0, "linear: 1s + 1s up to 3.5s, no jitter (6 gaps, confidence 1.00)");
}

/* A cap that is reached with the first gap looks like no growth, and is called so. */
static void test_cap_at_once(void **state)
{
	(void)state;
	GAPS(&scene, 2, 2, 2, 2);
	expect(&scene, 0, "fixed: 2s, no jitter (4 gaps, confidence 1.00)");
}

static void test_no_rule(void **state)
{
	(void)state;
	GAPS(&scene, 1, 1, 2, 3, 5, 8, 13);
	expect(
	    &scene, 0, "unknown: 7 gaps follow no rule without jitter, and to see one with jitter takes 12");
	GAPS(&scene, 1, 2, 4, 8, 9, 32, 64);
	expect(&scene, 0, "unknown: mostly exponential, but 1 of 7 gaps are not");
	GAPS(&scene, 8, 4, 2, 1, 0.5, 0.25);
	expect(
	    &scene, 0, "unknown: 6 gaps follow no rule without jitter, and to see one with jitter takes 12");
}

/* Chance, and what looks like it. */
static void test_chance(void **state)
{
	(void)state;
	random_state = 88172645463325252;
	struct client client = { .random = RANDOM_EVEN, .low = 0.01, .high = 10, .runs = 1, .gaps = 60 };
	scene_make(&scene, &client);
	expect(&scene, 0,
	    "unknown: the gaps are spread evenly from 0: a constant delay with full jitter looks the same "
	    "(60 gaps)");
	client.random = RANDOM_EXPONENTIAL;
	scene_make(&scene, &client);
	expect(&scene, 0, "unknown: the gaps are spread as those of chance events are (60 gaps)");
	client = (struct client){ .random = RANDOM_MULTIPLES, .low = 0.4, .high = 2, .runs = 1, .gaps = 60 };
	scene_make(&scene, &client);
	expect(&scene, 0, "unknown: each gap is some multiple of the one before (60 gaps)");
}

static void test_first_differs(void **state)
{
	(void)state;
	GAPS(&scene, 0.0005, 1, 2, 4, 8, 8, 8);
	expect(&scene, 0,
	    "exponential: 1s × 2 up to 8s after a first of 1ms, no jitter (7 gaps, confidence 1.00)");
	GAPS(&scene, 5, 1, 1, 1, 1, 1);
	expect(&scene, 0, "fixed: 1s after a first of 5s, no jitter (6 gaps, confidence 1.00)");
}

static void test_gives_up(void **state)
{
	(void)state;
	double at = GAPS(&scene, 1, 2, 4, 8, 8);
	expect(&scene, at + 5, "exponential: 1s × 2 up to 8s, no jitter (5 gaps, confidence 0.98)");
	expect(
	    &scene, at + 20, "exponential: 1s × 2 up to 8s, no jitter, 6 attempts (5 gaps, confidence 0.98)");
	at = GAPS(&scene, 1, 1);
	expect(&scene, at + 5, "unknown: 2 gaps were seen, 3 are needed");
	expect(&scene, at + 30, "unknown: 2 gaps were seen, 3 are needed, 3 attempts");
	scene_begin(&scene);
	scene_try(&scene, 1, 1.001, TRY_FAILED);
	expect(&scene, 20, "unknown: no gap between a failed attempt and the next was seen");
	expect(&scene, 40, "none: nothing for 39s after the first failed attempt (confidence 0.85)");
}

/* One loop on a late host is not two that take turns. */
static void test_late_loop(void **state)
{
	(void)state;
	int several = 0;
	for (int client = 0; client < 200; client++) {
		double at = 1, share = between(0.1, 0.3);
		scene_begin(&scene);
		for (int i = 0; i < 13; i++) {
			scene_try(&scene, at, at + 0.001, TRY_FAILED);
			bool is_late = i > 0 && even() < share;
			at += 0.1515 + 0.002 * even() + (is_late ? 0.03 * even() : 0);
			scene.tries[i].late_ns = is_late ? 40 * NS_PER_MS : even() < 0.4 ? 20 * NS_PER_MS : 0;
		}
		several += scene_infer(&scene).lanes > 1;
	}
	assert_in_range(several, 0, 4);
}

/* Growth that nobody could see is not excluded. */
static void test_late_growth(void **state)
{
	(void)state;
	struct client client = {
		.family = FAMILY_EXPONENTIAL, .first = 0.05, .growth = 2, .cap = 0.2, .runs = 1, .gaps = 8
	};
	scene_make(&scene, &client);
	for (int i = 1; i <= 3; i++)
		scene.tries[i].late_ns = 300 * NS_PER_MS;
	expect(&scene, 0, "unknown: it stays the same, but what it was before gap 4 could not be seen");
}

/* Gaps that lateness may have made longer do not count, however long they are. */
static void test_late_jitter(void **state)
{
	(void)state;
	struct client client = { .family = FAMILY_EXPONENTIAL,
		.jitter = JITTER_FULL,
		.first = 0.05,
		.growth = 2,
		.cap = 0.4,
		.runs = 100,
		.gaps = 6 };
	scene_make(&scene, &client);
	for (size_t i = 0; i < scene.sightings.try_count; i += 3)
		scene.tries[i].late_ns = 18 * NS_PER_MS;
	struct policy policy = scene_infer(&scene);
	assert_int_equal(policy.jitter, JITTER_FULL);
	assert_in_range(policy.gaps, 300, 420);
	assert_true(is_near(client.first, policy.first_ns) && is_near(client.cap, policy.cap_ns));
	for (size_t i = 1; i < scene.sightings.try_count; i += 3)
		scene.tries[i].late_ns = 18 * NS_PER_MS;
	policy = scene_infer(&scene);
	assert_int_equal(policy.family, FAMILY_UNKNOWN);
	assert_non_null(strstr(policy.why, "the host was too late"));
}

static void test_connect_timeout(void **state)
{
	(void)state;
	scene_begin(&scene);
	for (int i = 0; i < 5; i++)
		scene_try(&scene, 1 + 4 * i, 4 + 4 * i, i == 2 ? TRY_FAILED : TRY_TIMED_OUT);
	expect(&scene, 0, "fixed: 1s, no jitter, connect timeout 3s (4 gaps, confidence 1.00)");
	scene.tries[1].end_from_ns = scene.tries[1].end_to_ns = scene.tries[1].begin_ns + NS_PER_S;
	assert_int_equal(scene_infer(&scene).connect_timeout_ns, 0);
}

/* A client whose success resets, one whose success does not, one that shows neither. */
static void test_resets(void **state)
{
	(void)state;
	struct client client = {
		.family = FAMILY_EXPONENTIAL, .first = 1, .growth = 2, .runs = 2, .gaps = 4
	};
	scene_make(&scene, &client);
	assert_int_equal(scene_infer(&scene).resets, RESETS_YES);
	client.keeps = true;
	scene_make(&scene, &client);
	assert_int_equal(scene_infer(&scene).resets, RESETS_NO);
	client.runs = 1;
	scene_make(&scene, &client);
	assert_int_equal(scene_infer(&scene).resets, RESETS_NOT_SEEN);
	client = (struct client){ .family = FAMILY_FIXED, .first = 1, .runs = 2, .gaps = 4 };
	scene_make(&scene, &client);
	assert_int_equal(scene_infer(&scene).resets, RESETS_NOT_SEEN);
}

static void test_pool(void **state)
{
	(void)state;
	scene_begin(&scene);
	for (int i = 0; i < 6; i++) {
		scene_try(&scene, 1 + 0.7 * i * i, 1.002 + 0.7 * i * i, TRY_SUCCEEDED);
		scene.tries[i].open = i;
	}
	expect(&scene, 60,
	    "pool: no attempt failed, and 5 of 6 added a connection to open ones; "
	    "backoff is not applicable (confidence 0.95)");
	/* One after the other is no pool. */
	for (int i = 0; i < 6; i++)
		scene.tries[i].open = 0;
	expect(&scene, 60, "unknown: no attempt failed");
}

/* A pool that grows at any time beside the retries of a lost connection does not blur them. */
static void test_retries_beside_growth(void **state)
{
	(void)state;
	scene_begin(&scene);
	for (int i = 0; i < 4; i++) {
		scene_try(&scene, 0.1 * i * i, 0.1 * i * i + 0.001, TRY_SUCCEEDED);
		scene.tries[i].open = i;
	}
	for (int i = 0; i < 6; i++)
		scene_try(&scene, 10 + i * 2, 10 + i * 2 + 0.001, i < 5 ? TRY_FAILED : TRY_SUCCEEDED);
	for (int i = 0; i < 4; i++) {
		scene_try(&scene, 30 + 0.1 * i * i, 30.001 + 0.1 * i * i, TRY_SUCCEEDED);
		scene.tries[10 + i].open = 1 + i;
	}
	expect(&scene, 60, "fixed: 2s, no jitter (5 gaps, confidence 1.00)");
}

/* Connections that were lost together, each with a loop of its own. */
static void test_connections(void **state)
{
	(void)state;
	scene_begin(&scene);
	static const double gaps[] = { 0.5, 1, 2, 4, 4 };
	for (int connection = 0; connection < 4; connection++) {
		double at = 1 + 0.0004 * connection;
		for (size_t i = 0; i <= ARRAY_LENGTH(gaps); i++) {
			scene_try(&scene, at, at + 0.001, TRY_FAILED);
			at += 0.001 + (i < ARRAY_LENGTH(gaps) ? gaps[i] : 0);
		}
	}
	expect(&scene, 0,
	    "exponential: 500ms × 2 up to 4s, no jitter, 4 loops at a time (20 gaps, confidence 1.00)");
}

/* Polls at `period`, an attempt `delay` after each of those that `every` divides. */
static void make_echo(double period, double delay, int every, int64_t *asked, int count)
{
	scene_begin(&scene);
	for (int i = 0; i < count; i++) {
		asked[i] = llround((1 + period * i) * 1e9);
		if (i % every == 0)
			scene_try(&scene, 1 + period * i + delay, 1.001 + period * i + delay, TRY_FAILED);
	}
}

static void test_echo(void **state)
{
	(void)state;
	int64_t asked[40];
	struct asking asking = { .who = "ready", .at_ns = asked, .count = ARRAY_LENGTH(asked) };
	make_echo(0.2, 0.003, 1, asked, 40);
	scene.sightings.askings = &asking;
	scene.sightings.asking_count = 1;
	expect(&scene, 0,
	    "on-demand: attempts follow ready within 3ms; backoff is not applicable (confidence 0.98)");
	/* A retry of one second keeps step with the polls as well, but most of them lead to nothing. */
	make_echo(0.2, 0.003, 5, asked, 40);
	scene.sightings.askings = &asking;
	scene.sightings.asking_count = 1;
	expect(&scene, 0, "fixed: 999ms, no jitter (7 gaps, confidence 1.00)");
	/* Polls as close as that say nothing either way. */
	make_echo(0.01, 0.002, 1, asked, 40);
	scene.sightings.askings = &asking;
	scene.sightings.asking_count = 1;
	expect(&scene, 0, "unknown: the attempts keep step with ready, which asks too often to tell why");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_named),
		cmocka_unit_test(test_too_few),
		cmocka_unit_test(test_ambiguous),
		cmocka_unit_test(test_cap_at_once),
		cmocka_unit_test(test_no_rule),
		cmocka_unit_test(test_chance),
		cmocka_unit_test(test_first_differs),
		cmocka_unit_test(test_gives_up),
		cmocka_unit_test(test_connect_timeout),
		cmocka_unit_test(test_late_loop),
		cmocka_unit_test(test_late_growth),
		cmocka_unit_test(test_late_jitter),
		cmocka_unit_test(test_resets),
		cmocka_unit_test(test_pool),
		cmocka_unit_test(test_retries_beside_growth),
		cmocka_unit_test(test_connections),
		cmocka_unit_test(test_echo),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
