/*
 * property: thousands of clients of one sort, with figures made by chance, and how often what is inferred is
 * theirs. The same clients every time, unless FALSESTART_INFER_SEED asks for others.
 *
 * An optimised build tries 10,000 of each sort, any other 400; FALSESTART_INFER_RUNS says how many.
 */
#ifndef INFER_PROPERTY_H
#define INFER_PROPERTY_H

#include "infer/testing.h"

#if defined(__OPTIMIZE__) && !defined(__SANITIZE_ADDRESS__)
#define RUNS 10000
#else
#define RUNS 400
#endif

struct sort {
	const char *name;
	struct client client; /* `cap` and `lanes`: that there are some; `runs`: at least so many */
	double right_least;   /* shares; the rest is `unknown`, but for */
	double wrong_most;
};

struct tally {
	int runs, right, wrong, unknown;
	int sure, sure_wrong; /* with a confidence above 0.9 */
};

static inline struct client make_client(const struct client *sort)
{
	struct client client = *sort;
	bool is_loose = sort->jitter != JITTER_NONE || sort->random || sort->family == FAMILY_DECORRELATED;
	client.first = scale_between(0.05, sort->family == FAMILY_FIXED ? 30 : 2);
	if (sort->family == FAMILY_LINEAR)
		client.growth = client.first * between(0.3, 3);
	if (sort->family == FAMILY_EXPONENTIAL)
		client.growth = even() < 0.5 ? 2 : between(1.3, 4);
	client.runs = count_between(sort->runs, 2 * sort->runs);
	client.gaps = is_loose ? count_between(8, 14) : count_between(3, 10);
	if (sort->cap > 0) {
		struct client uncapped = client;
		uncapped.cap = 0;
		if (client.family == FAMILY_DECORRELATED) {
			uncapped.family = FAMILY_EXPONENTIAL;
			uncapped.growth = 3;
		}
		client.cap = client_delay(&uncapped, count_between(2, 5)) * between(1.05, 1.3);
	}
	if (sort->jitter == JITTER_ADDITIVE)
		client.range = client.first * between(0.3, 1.2);
	if (sort->jitter == JITTER_PROPORTIONAL)
		client.range = between(0.1, 0.5);
	client.length = even() < 0.3 ? between(0, 0.2) : 0;
	client.varies = even() < 0.5;
	client.from_start = client.varies && client.length > 0.05 && client.first > 0.3 && even() < 0.5;
	client.high = scale_between(0.5, 30);
	client.low = client.high / scale_between(10, 1000);
	if (sort->random == RANDOM_WALK)
		client.low = client.high * between(0.1, 0.5);
	if (sort->random == RANDOM_MULTIPLES)
		client.low = between(0.2, 1);
	client.apart = sort->lanes > 1 ? client.first * between(0.1, 3) : 0;
	return client;
}

/* The family and the jitter are the client's, or another name for the same gaps. */
static inline bool is_right(const struct client *client, const struct policy *policy)
{
	enum jitter a = client->jitter, b = policy->jitter;
	if (client->family != policy->family)
		return false;
	if (client->family == FAMILY_DECORRELATED || a == b)
		return true;
	/* Half of a delay and up to the other half of it: equal, or added, or a third around the middle. */
	bool is_fixed = client->family == FAMILY_FIXED;
	double added = a == JITTER_ADDITIVE ? client->range / client->first
					    : (double)policy->jitter_ns / (double)policy->first_ns;
	double share = a == JITTER_PROPORTIONAL ? client->range : policy->jitter_share;
	if (a != JITTER_EQUAL && b != JITTER_EQUAL)
		return false;
	if (a == JITTER_ADDITIVE || b == JITTER_ADDITIVE)
		return is_fixed && fabs(added - 1) < 0.4;
	return (a == JITTER_PROPORTIONAL || b == JITTER_PROPORTIONAL) && fabs(share - 1.0 / 3) < 0.08;
}

static inline void complain(const struct client *client, const struct policy *policy)
{
	CLEANUP(buf_release) struct buf text = { 0 };
	infer_describe(&text, policy);
	print_message(
	    "  %s, jitter %s: first %g growth %g cap %g range %g length %g from_start %d runs %d gaps %d\n"
	    "    was called %s\n",
	    family_names[client->family], jitter_names[client->jitter], client->first, client->growth,
	    client->cap, client->range, client->length, client->from_start, client->runs, client->gaps,
	    buf_string(&text));
}

static inline struct tally try_sort(const struct sort *sort)
{
	static struct scene scene;
	const char *wanted = getenv("FALSESTART_INFER_RUNS");
	struct tally tally = { .runs = wanted ? (int)strtol(wanted, NULL, 10) : RUNS };
	for (int i = 0; i < tally.runs; i++) {
		struct client client = make_client(&sort->client);
		scene_make(&scene, &client);
		struct policy policy = scene_infer(&scene);
		bool right = is_right(&client, &policy), unknown = policy.family == FAMILY_UNKNOWN;
		tally.right += right;
		tally.unknown += unknown && !right;
		tally.wrong += !right && !unknown;
		tally.sure += policy.confidence > 0.9;
		tally.sure_wrong += policy.confidence > 0.9 && !right;
		if (!right && !unknown && tally.wrong <= 3)
			complain(&client, &policy);
	}
	double all = (double)tally.runs / 100;
	print_message(
	    "%-27s right %6.2f %%, unknown %6.2f %%, wrong %.2f %%; sure %6.2f %%, of them wrong %.2f %%\n",
	    sort->name, tally.right / all, tally.unknown / all, tally.wrong / all, tally.sure / all,
	    100.0 * tally.sure_wrong / (tally.sure ? tally.sure : 1));
	return tally;
}

/* How many of so many, at a rate, chance can make it: three deviations, and one. */
static inline double at_most(double rate, int runs)
{
	return rate * runs + 3 * sqrt(rate * runs) + 1;
}

/* Each sort keeps its bounds, and of all that was said with a confidence above 0.9, 99 % is right. */
static inline void try_sorts(const struct sort *sorts, size_t count)
{
	struct tally all = { 0 };
	const char *seed = getenv("FALSESTART_INFER_SEED");
	if (seed)
		random_state = strtoull(seed, NULL, 10);
	for (size_t i = 0; i < count; i++) {
		struct tally tally = try_sort(&sorts[i]);
		/* Of chance nothing right can be said: it is held to its bounds alone. */
		all.sure += sorts[i].client.random ? 0 : tally.sure;
		all.sure_wrong += sorts[i].client.random ? 0 : tally.sure_wrong;
		if (tally.wrong > at_most(sorts[i].wrong_most, tally.runs))
			fail_msg("%s: %d of %d wrong", sorts[i].name, tally.wrong, tally.runs);
		if (tally.runs - tally.right > at_most(1 - sorts[i].right_least, tally.runs))
			fail_msg("%s: only %d of %d right", sorts[i].name, tally.right, tally.runs);
	}
	if (all.sure_wrong > at_most(0.01, all.sure))
		fail_msg("%d of %d wrong with a confidence above 0.9", all.sure_wrong, all.sure);
}

#endif
