/* Policies that are in use, by name; and what is not a policy. */
#include "infer/testing.h"

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
	static struct scene scene;
	random_state = 88172645463325252;
	for (size_t i = 0; i < ARRAY_LENGTH(policies); i++) {
		scene_make(&scene, &policies[i].client);
		struct policy policy = scene_infer(&scene);
		compare(&policies[i], &policy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_named),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
