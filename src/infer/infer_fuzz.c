/* Any attempts at all: nothing overflows, and what is said is within what it can mean. */
#include "base/err.h"
#include "infer/infer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { TRIES_MAX = 512, TIMES_MAX = 64 };

struct bytes {
	const uint8_t *next;
	size_t left;
};

static uint64_t take(struct bytes *bytes, size_t width)
{
	uint64_t value = 0;
	for (size_t i = 0; i < width && bytes->left > 0; i++, bytes->left--)
		value = value << 8 | *bytes->next++;
	return value;
}

/* Mostly milliseconds after the last; now and then anything. */
static int64_t take_time(struct bytes *bytes, int64_t last)
{
	uint64_t kind = take(bytes, 1);
	if (kind == 255)
		return (int64_t)take(bytes, 8);
	uint64_t by = kind < 128 ? take(bytes, 1) * 1000000 : take(bytes, 3) * 10000;
	return (int64_t)((uint64_t)last + by);
}

static void check_policy(const struct policy *policy)
{
	bool is_known = policy->family != FAMILY_UNKNOWN;
	if (!(policy->confidence >= 0 && policy->confidence <= 1))
		BUG("confidence %g", policy->confidence);
	if (is_known != (policy->confidence > 0))
		BUG("%s with a confidence of %g", family_names[policy->family], policy->confidence);
	if (policy->first_ns < 0 || policy->cap_ns < 0 || policy->step_ns < 0 || policy->jitter_ns < 0)
		BUG("a negative time");
	if (!isfinite(policy->factor) || !isfinite(policy->jitter_share) || policy->lanes < 1)
		BUG("factor %g, share %g, %d lanes", policy->factor, policy->jitter_share, policy->lanes);
	if (policy->why[0] == '\0')
		BUG("no reason is given");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct try tries[TRIES_MAX];
	struct interruption interruptions[TIMES_MAX];
	int64_t lost[TIMES_MAX], asked[TIMES_MAX], at = 0;
	struct bytes bytes = { .next = data, .left = size };
	struct asking asking = { .who = "ready", .at_ns = asked };
	struct sightings sightings = { .tries = tries,
		.interruptions = interruptions,
		.lost_ns = lost,
		.askings = &asking,
		.asking_count = 1 };
	while (bytes.left > 0 && sightings.try_count < TRIES_MAX) {
		uint64_t what = take(&bytes, 1);
		at = take_time(&bytes, at);
		if (what == 253 && sightings.interruption_count < TIMES_MAX)
			interruptions[sightings.interruption_count++] =
			    (struct interruption){ .at_ns = at, .by_itself = take(&bytes, 1) & 1 };
		else if (what == 254 && sightings.lost_count < TIMES_MAX)
			lost[sightings.lost_count++] = at;
		else if (what == 255 && asking.count < TIMES_MAX)
			asked[asking.count++] = at;
		else
			tries[sightings.try_count++] = (struct try){
				.begin_ns = at,
				.end_from_ns = what & 4 ? take_time(&bytes, at) : at,
				.end_to_ns = what & 8 ? take_time(&bytes, at) : at,
				.outcome = what & 64 ? (enum try_outcome)(what & 3) : TRY_FAILED,
				.open = (int)(what >> 4 & 3),
				.late_ns = what & 128 ? take_time(&bytes, 0) : 0,
			};
	}
	sightings.ended_ns = at;
	struct policy policy;
	CLEANUP(buf_release) struct buf text = { 0 };
	infer(&sightings, &policy);
	check_policy(&policy);
	infer_describe(&text, &policy);
	return 0;
}
