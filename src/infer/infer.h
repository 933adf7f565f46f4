/*
 * infer: which retry policy a client follows, out of the attempts that were seen.
 *
 * Pure: attempts in, a policy out, the same for the same attempts. It names a policy only where the attempts
 * decide it; otherwise the family is FAMILY_UNKNOWN and `why` says what is missing. How it decides is told in
 * docs/internals/inference.md.
 *
 * What cannot be told by anybody, and is therefore not claimed: jitter finer than the grain (the larger of
 * 5 ms and 1 % of the gap, and how late the host was); full jitter of a delay that does not grow, from
 * chance; the growth of a delay whose cap is reached with the first or second gap.
 */
#ifndef INFER_INFER_H
#define INFER_INFER_H

#include "base/buf.h"
#include "plan/plan.h"
#include "trace/trace.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- what was seen ---- */

enum try_outcome {
	TRY_FAILED,
	TRY_TIMED_OUT, /* failed, because the client waited no longer for the connection */
	TRY_SUCCEEDED,
	TRY_PENDING, /* not over when the observation ended */
};

/* One attempt. Times are nanoseconds on one clock. */
struct
try {
	int64_t begin_ns;
	int64_t end_from_ns, end_to_ns; /* it ended between these; not looked at when pending */
	enum try_outcome outcome;
	int open;        /* connections that were established as it began */
	int64_t late_ns; /* how late the host was at worst while this attempt was being waited for */
};

/* What falsestart itself asked of the client: the polls of one endpoint, or the requests of all steps. */
struct asking {
	const char *who; /* for `why`: the watch's name; borrowed */
	const int64_t *at_ns;
	size_t count;
};

/* What ended the client's run of attempts from outside of it, or from within. */
struct interruption {
	int64_t at_ns;
	bool by_itself; /* it exited and nobody had asked for that */
};

struct sightings {
	const struct try *tries; /* in any order */
	size_t try_count;
	const struct interruption *interruptions; /* starts, stops, pauses, exits of the client */
	size_t interruption_count;
	const int64_t *lost_ns; /* times at which an established connection was lost */
	size_t lost_count;
	const struct asking *askings;
	size_t asking_count;
	int64_t ended_ns; /* nothing is known of what came after */
};

/* ---- what it means ---- */

enum family {
	FAMILY_UNKNOWN,
	FAMILY_NONE,         /* gives up with the first failure */
	FAMILY_FIXED,        /* d */
	FAMILY_LINEAR,       /* d + step (n - 1) */
	FAMILY_EXPONENTIAL,  /* d factor^(n - 1) */
	FAMILY_DECORRELATED, /* U(d, 3 times the gap before) */
	FAMILY_ON_DEMAND,    /* it dials when it is asked for something: backoff is not applicable */
	FAMILY_POOL,         /* no attempt failed, connections were added to open ones: not applicable */
};
extern const char *const family_names[]; /* indexed by enum family: "unknown", … */

/* Of the delay D that the family says. */
enum jitter {
	JITTER_NONE,
	JITTER_FULL,         /* U(0, D) */
	JITTER_EQUAL,        /* D/2 + U(0, D/2) */
	JITTER_ADDITIVE,     /* D + U(0, jitter_ns) */
	JITTER_PROPORTIONAL, /* D U(1 - jitter_share, 1 + jitter_share) */
};
extern const char *const jitter_names[]; /* indexed by enum jitter: "none", … */

enum resets { RESETS_NOT_SEEN, RESETS_YES, RESETS_NO };

#define WHY_MAX 240

/* Figures that the family does not have are 0. */
struct policy {
	enum family family;
	int64_t first_ns; /* D of the first gap */
	int64_t step_ns;
	double factor;
	int64_t cap_ns; /* 0: none was reached */
	enum jitter jitter;
	int64_t jitter_ns;
	double jitter_share;
	bool initial_differs;
	int64_t initial_ns;         /* the gap before the schedule begins, where it is not one of it */
	bool from_start;            /* the gap runs from the beginning of the failed attempt, not its end */
	int attempts;               /* after so many it gave up; 0: was not seen to */
	int64_t connect_timeout_ns; /* 0: none was seen, or they differ */
	enum resets resets;         /* a success puts the delay back to the first */
	int lanes;                  /* retry loops at one time: connections, or replicas */
	size_t gaps;                /* that were looked at */
	double confidence;          /* 0 to 1: how likely family and jitter are right; 0 when unknown */
	char why[WHY_MAX];          /* one clause: what decided, or what is missing */
};

/* Gaps needed at least: without jitter, and for each kind of growth; with jitter. */
#define INFER_GAPS_MIN 3
#define INFER_GAPS_JITTER_MIN 12

void infer(const struct sightings *sightings, struct policy *ret_policy);

/* "exponential: 1s × 2 up to 15s, no jitter, 20 attempts, resets after success (19 gaps, confidence 0.99)" */
void infer_describe(struct buf *out, const struct policy *policy);

/* ---- out of a trace ---- */

struct inferred {
	size_t watch; /* index into plan.watches */
	struct policy policy;
};

/* One for each attempts watch of the plan that has an attempt in the trace, in the order of the plan. The
 * array is the caller's to free(); NULL and a count of 0 when there is none. */
struct inferred *infer_trace(const struct plan *plan, const struct trace *trace, size_t *ret_count);

#endif
