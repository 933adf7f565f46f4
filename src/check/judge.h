/* judge: what the files of this room share while they make one finding. */
#ifndef CHECK_JUDGE_H
#define CHECK_JUDGE_H

#include "base/buf.h"
#include "check/check.h"
#include "check/evidence.h"
#include "check/index.h"
#include "check/interval.h"
#include "check/text.h"

/* A finding in the making. Starts as a pass; what is found wrong makes it worse, never better. */
struct draft {
	const struct expectation *expectation;
	enum verdict verdict;
	struct buf expected, actual, reason;
	struct buf left_open; /* beside a fail: what is not held against the subject */
	bool has_slack;
	int64_t slack;
	struct evidence evidence;
	bool has_measured;
	struct interval measured;
	/* The figure a claim is compared with, when it is not `measured`; high INT64_MAX: at least. */
	bool has_claimed;
	struct interval claimed;
	/* The verdict rests on the trace up to here; trouble of the harness before it casts doubt on it. */
	int64_t decided_ns;
	/* A pass because something was not seen: doubtful, too, when the harness had trouble. */
	bool by_absence;
	bool tells_starved; /* the reason speaks of the polls that do not count */
};

/* Each adds its reason; a worse verdict replaces a better one. */
void draft_fail(struct draft *draft, const char *format, ...) __attribute__((format(printf, 2, 3)));
void draft_inconclusive(struct draft *draft, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Keeps the smallest slack. */
void draft_slack(struct draft *draft, int64_t slack);
void draft_measured(struct draft *draft, int64_t low, int64_t high);
/* "gateway exited with 1 at 2.3s" */
void text_add_death(struct buf *out, const struct event *death);
/* Adds "; gateway exited with 1 at 2.3s" to the reason, if it had died unasked by then. */
void draft_note_death(struct draft *draft, const struct index *index, size_t service, int64_t until_ns);

/* ---- moments ---- */

struct instant {
	bool happened;
	/* It did not, unless polls that do not count show it: then it was not before `at.low`. */
	bool perhaps;
	struct interval at;
	size_t event;      /* NO_EVENT: none */
	char why_not[512]; /* a clause: "redis.ready never happened" */
};

void moment_resolve(const struct index *index, const struct moment *moment, struct instant *ret_instant);
/* The interval to compare observations of `watch` with. When the moment is a state of the same watch, the
 * observations before the one that showed it are known to have been before, although the interval reaches
 * back to them. */
struct interval moment_seen_by(
    const struct index *index, const struct moment *moment, const struct instant *instant, int watch);

/* When a state of the watch is first seen at or after `after`. Between polls nothing is known, so it began
 * between the last poll that does not show it and the first that does. */
struct arrival {
	bool possible;        /* something shows it that may have been after */
	bool certain;         /* something shows it that was after */
	bool is_starved;      /* what shows it are polls that do not count (polls.h), or lines that may not
			       * be it (line.h), and nothing else */
	struct interval when; /* high INT64_MAX unless certain */
	size_t event, before; /* the first that shows it, the one before it; or NO_EVENT */
	int64_t not_after_ns; /* of a state: when the first poll that counts, and shows it, was answered */
	int64_t not_until_ns; /* not possible: known to be so until then */
	size_t seen;          /* how many observations there were at or after `after` */
};

void arrival_of_state(const struct index *index, int watch, const struct strings *states,
    struct interval after, struct arrival *ret_arrival);

/* ---- windows ---- */

struct window {
	struct interval after, until;
	bool is_closed;   /* nothing more could have come into it; else index_open_reason() says why */
	int64_t until_ns; /* where its observation ends: `until`, or the end of the trace */
};

/* Surely not before the end of the trace: nothing can have been after it, and the draft says so. */
bool window_is_beyond(const struct index *index, struct draft *draft, struct interval after);
/* From the expectation's `after` and `until`. -1: `after` never happened, or nothing lies between; the draft
 * says so. */
int window_resolve(const struct index *index, struct draft *draft, struct window *ret_window) MUST_CHECK;
/* Wholly inside, whenever its ends were. */
bool window_holds(const struct window *window, struct interval when);
/* Perhaps inside. */
bool window_touches(const struct window *window, struct interval when);
/* Did the service surely not run at any moment of it: had it ended before, or was it started behind it only?
 * Of a service that no event tells of nothing is known. */
bool window_is_dead(const struct index *index, const struct window *window, size_t service);
/* " after X until Y" */
void window_add_text(const struct index *index, const struct expectation *expectation, struct buf *out);

/* ---- the kinds ---- */

void judge_reach(const struct index *index, struct draft *draft);
void judge_reach_in_steps(const struct index *index, const struct instant *after, struct draft *draft);
void judge_sequence(const struct index *index, struct draft *draft);
void judge_never(const struct index *index, struct draft *draft);
void judge_always(const struct index *index, struct draft *draft);
void judge_backoff(const struct index *index, struct draft *draft);
void judge_matches(const struct index *index, struct draft *draft);
void judge_respond(const struct index *index, struct draft *draft);
void judge_growth(const struct index *index, struct draft *draft);
void judge_agrees(const struct index *index, struct draft *draft);
void judge_connections(const struct index *index, struct draft *draft);
void judge_ends(const struct index *index, struct draft *draft);
void judge_discloses(const struct index *index, struct draft *draft);
void judge_honest(const struct index *index, struct draft *draft);

enum claim_result claim_compare(const struct draft *draft, double speed, char **ret_text);

#endif
