/*
 * Thousands of clients with policies made by chance: how often is another policy named than theirs, and what
 * is a confidence worth? The same clients every time. INFER_RUNS=N tries N of each sort.
 */
#include "infer/testing.h"

enum { RUNS = 10000 };

struct tally {
	int right, wrong, unknown;
	int sure, sure_wrong; /* with a confidence above 0.9 */
};

static struct client make_client(const struct client *sort)
{
	struct client client = *sort;
	bool jittered = sort->jitter != JITTER_NONE || sort->random || sort->family == FAMILY_DECORRELATED;
	client.first = scale_between(0.05, sort->family == FAMILY_FIXED ? 30 : 2);
	if (sort->family == FAMILY_LINEAR)
		client.growth = client.first * between(0.3, 3);
	if (sort->family == FAMILY_EXPONENTIAL)
		client.growth = even() < 0.5 ? 2 : between(1.3, 4);
	client.runs = count_between(sort->runs, 2 * sort->runs);
	client.gaps = jittered ? count_between(8, 14) : count_between(3, 10);
	if (sort->cap > 0)
		client.cap = client_delay(&(struct client){ .family = sort->family == FAMILY_DECORRELATED
									  ? FAMILY_EXPONENTIAL
									  : sort->family,
					      .first = client.first,
					      .growth = client.growth > 0 ? client.growth : 3 },
				 count_between(2, 5)) *
			     between(1.05, 1.3);
	if (sort->jitter == JITTER_ADDITIVE)
		client.range = client.first * between(0.3, 1.2);
	if (sort->jitter == JITTER_PROPORTIONAL)
		client.range = between(0.1, 0.5);
	client.length = even() < 0.3 ? between(0, 0.2) : 0;
	client.varies = client.from_start || even() < 0.5;
	client.from_start = client.varies && client.length > 0.05 && client.first > 0.3 && even() < 0.5;
	client.high = scale_between(0.5, 30);
	client.low = sort->random == RANDOM_WALK        ? client.high * between(0.1, 0.5)
		     : sort->random == RANDOM_MULTIPLES ? between(0.2, 1)
		     : sort->random                     ? client.high / scale_between(10, 1000)
							: 0;
	client.apart = sort->lanes > 1 ? client.first * between(0.1, 3) : 0;
	return client;
}

/* Of the same gaps another name, too. */
static bool is_same(const struct client *client, const struct policy *policy)
{
	enum jitter a = client->jitter, b = policy->jitter;
	if (client->family != policy->family)
		return false;
	if (client->family == FAMILY_DECORRELATED || a == b)
		return true;
	/* Half of the delay added to the other half, or to it: the same. */
	bool is_half = client->family == FAMILY_FIXED && a == JITTER_EQUAL && b == JITTER_ADDITIVE &&
		       fabs((double)policy->jitter_ns / (double)policy->first_ns - 1) < 0.4;
	bool was_half = client->family == FAMILY_FIXED && a == JITTER_ADDITIVE && b == JITTER_EQUAL &&
			fabs(client->range / client->first - 1) < 0.4;
	bool is_third = a == JITTER_PROPORTIONAL && b == JITTER_EQUAL && fabs(client->range - 1.0 / 3) < 0.08;
	bool was_third =
	    b == JITTER_PROPORTIONAL && a == JITTER_EQUAL && fabs(policy->jitter_share - 1.0 / 3) < 0.08;
	return is_half || was_half || is_third || was_third;
}

static struct tally run_sort(const char *name, const struct client *sort)
{
	static struct scene scene;
	struct tally tally = { 0 };
	const char *wanted = getenv("INFER_RUNS");
	int runs = wanted ? atoi(wanted) : RUNS, shown = 0;
	for (int i = 0; i < runs; i++) {
		struct client client = make_client(sort);
		scene_make(&scene, &client);
		struct policy policy = scene_infer(&scene);
		bool is_right = is_same(&client, &policy);
		bool is_unknown = policy.family == FAMILY_UNKNOWN;
		tally.right += is_right;
		tally.unknown += is_unknown && !is_right;
		tally.wrong += !is_right && !is_unknown;
		tally.sure += policy.confidence > 0.9;
		tally.sure_wrong += policy.confidence > 0.9 && !is_right;
		bool shows =
		    getenv("INFER_SHOW") &&
		    (strcmp(getenv("INFER_SHOW"), "all") == 0 ? !is_right : !is_right && !is_unknown);
		if (shows && shown++ < 5 && getenv("INFER_SHOW")) {
			CLEANUP(buf_release) struct buf text = { 0 };
			infer_describe(&text, &policy);
			printf("  first %g growth %g cap %g range %g initial %g length %g from_start %d runs "
			       "%d gaps %d: %s\n",
			    client.first, client.growth, client.cap, client.range, client.initial,
			    client.length, client.from_start, client.runs, client.gaps, buf_string(&text));
		}
	}
	double all = (double)runs / 100;
	printf(
	    "%-28s right %6.2f %%, unknown %6.2f %%, wrong %5.2f %%; sure %6.2f %%, wrong of them %.2f %%\n",
	    name, tally.right / all, tally.unknown / all, tally.wrong / all, tally.sure / all,
	    100.0 * tally.sure_wrong / (tally.sure ? tally.sure : 1));
	return tally;
}

static const struct {
	const char *name;
	struct client sort;
} sorts[] = {
	{ "fixed", { .family = FAMILY_FIXED, .runs = 1 } },
	{ "linear", { .family = FAMILY_LINEAR, .runs = 1 } },
	{ "linear, capped", { .family = FAMILY_LINEAR, .cap = 1, .runs = 1 } },
	{ "exponential", { .family = FAMILY_EXPONENTIAL, .runs = 1 } },
	{ "exponential, capped", { .family = FAMILY_EXPONENTIAL, .cap = 1, .runs = 1 } },
	{ "exponential, capped, runs", { .family = FAMILY_EXPONENTIAL, .cap = 1, .runs = 3 } },
	{ "fixed, equal", { .family = FAMILY_FIXED, .jitter = JITTER_EQUAL, .runs = 3 } },
	{ "fixed, additive", { .family = FAMILY_FIXED, .jitter = JITTER_ADDITIVE, .runs = 3 } },
	{ "exponential, full", { .family = FAMILY_EXPONENTIAL, .jitter = JITTER_FULL, .cap = 1, .runs = 5 } },
	{ "exponential, equal",
	    { .family = FAMILY_EXPONENTIAL, .jitter = JITTER_EQUAL, .cap = 1, .runs = 4 } },
	{ "exponential, additive",
	    { .family = FAMILY_EXPONENTIAL, .jitter = JITTER_ADDITIVE, .cap = 1, .runs = 4 } },
	{ "exponential, proportional",
	    { .family = FAMILY_EXPONENTIAL, .jitter = JITTER_PROPORTIONAL, .cap = 1, .runs = 4 } },
	{ "linear, equal", { .family = FAMILY_LINEAR, .jitter = JITTER_EQUAL, .runs = 4 } },
	{ "decorrelated", { .family = FAMILY_DECORRELATED, .cap = 1, .runs = 3 } },
	{ "fixed, lanes", { .family = FAMILY_FIXED, .lanes = 3, .runs = 1 } },
	{ "exponential, lanes", { .family = FAMILY_EXPONENTIAL, .lanes = 2, .runs = 1 } },
	{ "random, even", { .random = RANDOM_EVEN, .runs = 1 } },
	{ "random, exponential", { .random = RANDOM_EXPONENTIAL, .runs = 1 } },
	{ "random, walk", { .random = RANDOM_WALK, .runs = 1 } },
	{ "random, multiples", { .random = RANDOM_MULTIPLES, .runs = 1 } },
	{ "random, any size", { .random = RANDOM_LOG, .runs = 1 } },
};

static void test_sorts(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(sorts); i++)
		if (!getenv("INFER_SORT") || strstr(sorts[i].name, getenv("INFER_SORT")))
			run_sort(sorts[i].name, &sorts[i].sort);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_sorts) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
