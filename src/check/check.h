/*
 * check: (plan, trace) -> verdicts with evidence. Pure: the same input gives the same answer, anywhere,
 * later.
 *
 * Three values. A `pass` or `fail` is said only when every moment that the observed intervals allow says so,
 * with the host's own lateness (EVENT_LATENESS while it mattered) counted in; otherwise `inconclusive`, with
 * the reason. An expectation whose window holds nothing that could have broken it is `inconclusive: vacuous`.
 */
#ifndef CHECK_CHECK_H
#define CHECK_CHECK_H

#include "base/memory.h"
#include "plan/plan.h"
#include "trace/trace.h"

enum verdict { VERDICT_PASS, VERDICT_FAIL, VERDICT_INCONCLUSIVE };
extern const char *const verdict_names[]; /* "pass", "fail", "inconclusive" */

enum claim_result { CLAIM_NONE, CLAIM_HOLDS, CLAIM_DIFFERS, CLAIM_UNKNOWN };

struct finding {
	const struct expectation *expectation;
	enum verdict verdict;
	/* Sentences for people, owned. `expected` says the limit with its tolerance; `actual` what was
	 * measured, as an interval where it is one; `reason` why it is not a pass ("" for a pass). */
	char *expected, *actual, *reason;
	/* How far from the limit, in the unit of the measure (ns, counts, bytes): positive is inside. */
	bool has_slack;
	int64_t slack;
	/* The events that decided it: indexes into trace.events, at most EVIDENCE_MAX, in order. */
	size_t *evidence;
	size_t evidence_count;
	/* The figure itself, for statistics over runs: ns, count or bytes, as an interval. Of a REACH within
	 * steps: the count of attempts; of NEVER and ALWAYS: the violations; of BACKOFF: the sum of the gaps.
	 */
	bool has_measured;
	int64_t measured_low, measured_high;
	enum claim_result claim;
	char *claim_measured; /* "14.8s" */
};
#define EVIDENCE_MAX 16

/* A step that began, or a hold that was over, more than 20 ms real after it should have. What was judged was
 * judged on what happened; that it was not quite what was written is said here. */
struct late_step {
	size_t step;           /* of plan.steps */
	int64_t due_ns, at_ns; /* when it should have begun (a hold: have been over), and when it was */
	int64_t late_ns;       /* the one less the other */
	int64_t wait_ns;       /* the time that it was to wait: `plus`, jitter, hold; 0: none */
	bool was_kept;         /* the step above it was not over when it was due */
	bool is_warning;       /* late by more than 10 % of that time: not the time that was meant */
};

struct judgement {
	enum verdict
	    verdict;  /* fail if one failed, else inconclusive if one was (or the world was not completed) */
	char *reason; /* of an inconclusive world: "the engine failed: …", or "" */
	bool environment; /* the world could not be judged because of engine, image or harness: exit status 3
			   */
	struct finding *findings; /* one for each expectation, in order; then those of `implied` */
	size_t finding_count;
	/* What nobody writes down: that the subject met every phase of a service that is watched on the wire,
	 * and that every step with a `before` was in time. */
	struct expectation *implied;
	size_t implied_count;
	struct late_step *late; /* in the order of the steps */
	size_t late_count;
	int64_t lateness_ns; /* the host's worst in this world */
};

struct judgement *check(const struct plan *plan, const struct trace *trace) MUST_CHECK;
void judgement_free(struct judgement *judgement);

#endif
