/*
 * testing: clients whose policy is known, and what of their attempts would be seen: for the tests of this
 * room. Times in seconds; the same seed gives the same client.
 */
#ifndef INFER_TESTING_H
#define INFER_TESTING_H

#include "base/duration.h"
#include "infer/infer.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- chance ---- */

static uint64_t random_state = 88172645463325252;

/* From 0 to 1. */
static inline double even(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (double)(random_state >> 11) / 9007199254740992.0;
}

static inline double between(double low, double high)
{
	return low + (high - low) * even();
}

/* Evenly in the logarithm. */
static inline double scale_between(double low, double high)
{
	return low * pow(high / low, even());
}

static inline int count_between(int low, int high)
{
	return low + (int)(even() * (high - low + 1));
}

static inline double normal(void)
{
	return sqrt(-2 * log(1 - even())) * cos(6.283185307 * even());
}

/* ---- a client ---- */

enum random_kind { RANDOM_NOT, RANDOM_EVEN, RANDOM_EXPONENTIAL, RANDOM_WALK, RANDOM_MULTIPLES, RANDOM_LOG };

struct client {
	enum family family;
	enum jitter jitter;
	double first, growth, cap; /* growth: factor, or step in seconds; cap 0: none */
	double range;              /* additive: seconds; proportional: share */
	double initial;            /* its first gap, where that is not one of the schedule; 0: it is */
	bool from_start, keeps;    /* keeps: a success does not put the delay back */
	double length;             /* of a failed attempt; half of it to all of it, if `varies` */
	bool varies;
	bool times_out; /* it fails by waiting in vain */
	int runs;       /* outages; each ends with a success but for the last, where `gives_up` */
	int gaps;       /* in each */
	bool gives_up;
	int lanes;    /* so many at a time */
	double apart; /* lanes begin within so long of one another */
	/* FAMILY_UNKNOWN */
	enum random_kind random;
	double low, high;
};

#define TRIES_MAX 4000
struct scene {
	struct try tries[TRIES_MAX];
	int64_t lost[TRIES_MAX];
	struct sightings sightings;
};

static inline void scene_begin(struct scene *scene)
{
	scene->sightings = (struct sightings){ .tries = scene->tries, .lost_ns = scene->lost };
}

static inline void scene_try(struct scene *scene, double begin, double end, enum try_outcome outcome)
{
	struct sightings *sightings = &scene->sightings;
	if (sightings->try_count == TRIES_MAX)
		return;
	int64_t end_ns = llround(end * 1e9);
	scene->tries[sightings->try_count++] = (struct try){ .begin_ns = llround(begin * 1e9),
		.end_from_ns = end_ns,
		.end_to_ns = end_ns,
		.outcome = outcome };
	if (outcome != TRY_PENDING && end_ns > sightings->ended_ns)
		sightings->ended_ns = end_ns;
}

/* The delay before jitter; `n` from 1. */
static inline double client_delay(const struct client *client, int n)
{
	double delay = client->first;
	if (client->family == FAMILY_EXPONENTIAL)
		delay *= pow(client->growth, n - 1);
	if (client->family == FAMILY_LINEAR)
		delay += client->growth * (n - 1);
	return client->cap > 0 && delay > client->cap ? client->cap : delay;
}

static inline double random_gap(const struct client *client, double before)
{
	switch (client->random) {
	case RANDOM_EVEN:
		return between(client->low, client->high);
	case RANDOM_EXPONENTIAL:
		return -client->high * log(1 - even());
	case RANDOM_WALK:
		return before > 0 ? fabs(before + client->low * normal()) : client->high;
	case RANDOM_MULTIPLES:
		return before > 0 ? before * exp(client->low * normal()) : client->high;
	case RANDOM_LOG:
		return scale_between(client->low, client->high);
	case RANDOM_NOT:
		break;
	}
	return 0;
}

static inline double client_gap(const struct client *client, int n, double before)
{
	if (client->random)
		return random_gap(client, before);
	if (client->initial > 0 && n == 1)
		return client->initial;
	if (client->family == FAMILY_DECORRELATED) {
		double gap = between(client->first, 3 * (n == 1 ? client->first : before));
		return client->cap > 0 && gap > client->cap ? client->cap : gap;
	}
	double delay = client_delay(client, client->initial > 0 ? n - 1 : n);
	switch (client->jitter) {
	case JITTER_NONE:
		break;
	case JITTER_FULL:
		return delay * even();
	case JITTER_EQUAL:
		return delay * between(0.5, 1);
	case JITTER_ADDITIVE:
		return delay + client->range * even();
	case JITTER_PROPORTIONAL:
		return delay * between(1 - client->range, 1 + client->range);
	}
	return delay;
}

/* A timer is up to 2 ms late, an attempt takes its length and up to 1 ms. */
static inline double client_run(
    struct scene *scene, const struct client *client, double at, int *n, bool gives_up)
{
	double before = 0;
	for (int gap = 0; gap < client->gaps; gap++) {
		double length = client->length * (client->varies ? between(0.1, 1) : 1) + 0.001 * even();
		scene_try(scene, at, at + length, client->times_out ? TRY_TIMED_OUT : TRY_FAILED);
		before = client_gap(client, ++*n, before);
		at += (client->from_start && before > length ? before : length + before) + 0.002 * even();
	}
	scene_try(scene, at, at + 0.002, gives_up ? TRY_FAILED : TRY_SUCCEEDED);
	return at + 0.002;
}

static inline void scene_make(struct scene *scene, const struct client *client)
{
	int lanes = client->lanes > 1 ? client->lanes : 1;
	scene_begin(scene);
	for (int lane = 0; lane < lanes; lane++) {
		double at = 1 + (lane ? client->apart * even() : 0);
		int n = 0;
		for (int run = 0; run < client->runs; run++) {
			bool is_last = run == client->runs - 1;
			at = client_run(scene, client, at, &n, is_last && client->gives_up) + 5;
			if (!client->keeps)
				n = 0;
			if (!is_last)
				scene->lost[scene->sightings.lost_count++] = llround((at - 0.5) * 1e9);
		}
	}
}

static inline struct policy scene_infer(const struct scene *scene)
{
	struct policy policy;
	infer(&scene->sightings, &policy);
	return policy;
}

#endif
