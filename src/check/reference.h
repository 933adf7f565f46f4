/*
 * reference: what check() must say, found out a second time, slowly.
 *
 * Written from docs/internals/checking.md and docs/scenario.md, for tests alone, and without anything that
 * src/check/ has: no index, no window, no interval of it. Every question walks over all events. Where the
 * documents speak of a figure and a limit, it goes through possible worlds: whatever is known to lie between
 * two points is put at each of them (and at the one in between that matters), each world is judged as if
 * everything were known, and the verdict is what all of them have in common.
 *
 * Times of the traces it is given are small: nothing here minds overflow.
 */
#ifndef CHECK_REFERENCE_H
#define CHECK_REFERENCE_H

#include "base/duration.h"
#include "check/check.h"

#include <stdio.h>
#include <string.h>

#define LONG_AGO (INT64_MIN / 4)
#define FAR_AWAY (INT64_MAX / 4)

struct opinion {
	enum verdict verdict;
	/* What was seen up to here decided it. */
	int64_t decided_ns;
	/* It passes because something was not seen. */
	bool by_absence;
	/* Of steps: it fails because no attempt came that connected. */
	bool did_not_come;
	/* The rules that would decide are of several connections, which are not written down here: the
	 * verdict or `inconclusive`. */
	bool may_doubt;
};

struct reference {
	struct opinion *opinions; /* one for each finding of check(), in its order */
	size_t count;
	enum verdict world;
	bool environment;
};

void reference_judge(const struct plan *plan, const struct trace *trace, struct reference *ret_reference);
void reference_release(struct reference *reference);

/* ---- what its files share ---- */

struct facts {
	const struct plan *plan;
	const struct trace *trace;
	const struct event **events; /* by beginning, and as they were told where that is equal */
	size_t count;
	int64_t end_ns;  /* nothing is known of what came later */
	const char *end; /* how the world ended; "": not known */
	int64_t dropped;
	bool is_over; /* what has not happened has not happened */
};

/* Some time between the two, or at one of them. */
struct span {
	int64_t low, high;
};

struct happening {
	bool happened;
	bool perhaps; /* in some worlds: shown by polls that may count, and not before `at.low` */
	struct span at;
	const struct event *event;
};

/* for_each (event, facts): all events; for_each_of: those of one kind and one name. Two loops in one: `break`
 * would leave the inner one only, so nothing breaks out of them. */
/* NOLINTBEGIN(bugprone-macro-parentheses): `it` is a name that is declared */
#define for_each(it, facts)                                                                \
	for (size_t number_of_##it = 0; number_of_##it < (facts)->count; number_of_##it++) \
		for (const struct event *it = (facts)->events[number_of_##it]; it; it = NULL)
#define for_each_of(it, facts, which, name) \
	for_each(it, facts) if (it->kind == (which) && strcmp(it->of, (name)) == 0)
/* NOLINTEND(bugprone-macro-parentheses) */

static inline struct span span_of(const struct event *event)
{
	return (struct span){ event->from_ns, event->to_ns };
}

/* The caller frees `events`. */
void facts_gather(struct facts *facts, const struct plan *plan, const struct trace *trace);

/* Worlds in which a figure keeps to its limit, and in which it does not. */
struct worlds {
	size_t within, beyond, between; /* between: beyond it by no more than the host was late */
};

void world_add(struct worlds *worlds, int64_t figure, int64_t limit, int64_t lateness);
enum verdict worlds_verdict(const struct worlds *worlds);

/* The worst of each report of the host that touches the stretch, together. */
int64_t host_was_late(const struct facts *facts, int64_t from_ns, int64_t to_ns);
/* A poll, or a request, that had no fair chance. */
bool is_starved(const struct facts *facts, const struct event *event);
struct happening find_moment(const struct facts *facts, const struct moment *moment);
/* As the polls of `watch` see it. */
struct span as_seen_by(const struct moment *moment, const struct happening *happening, int watch);

struct stretch_of_time {
	bool is_empty;        /* it never began, or was over before */
	struct span from, to; /* when it began, when it ended */
	bool is_over;         /* nothing more can come into it */
	int64_t known_until_ns;
};

struct stretch_of_time find_stretch(const struct facts *facts, const struct expectation *expectation);
bool is_inside(const struct stretch_of_time *stretch, struct span span);
bool is_near(const struct stretch_of_time *stretch, struct span span);

/* It surely ran at no moment of the stretch. */
bool was_down_throughout(const struct facts *facts, const struct stretch_of_time *stretch, size_t service);
bool was_started(const struct facts *facts, size_t service);
/* The last time it ended unasked, if it was not started since. */
const struct event *find_death(const struct facts *facts, size_t service);
bool is_dead_for_ever(const struct facts *facts, size_t service);
bool line_matches(const struct event *line, const char *pattern, const char **ret_group, size_t *ret_length);
const char *name_of_watch(const struct facts *facts, int watch);
const char *name_of_service(const struct facts *facts, size_t service);

bool poll_shows(const struct event *poll, const char *state);
bool shows_one_of(const struct event *poll, const struct strings *states);

/* Nothing was asked between the two for so long that anything may have been: longer than three periods and a
 * late host explain, or than ten periods. */
bool is_silence(const struct facts *facts, const struct watch *watch, int64_t answered_ns, int64_t asked_ns);
/* Of a service that ran: who does not run is not asked. */
bool was_not_asked(
    const struct facts *facts, const struct watch *watch, int64_t answered_ns, int64_t asked_ns);

/* ---- attempts ---- */

bool has_worked(const struct event *attempt);
bool is_under_way(const struct event *attempt); /* when the world ended */
struct span end_of(const struct event *attempt);
int64_t beginning_of(const struct event *attempt); /* at the latest */
bool has_failed(const struct event *attempt);

int64_t tolerance_for(int64_t expected_ns, double share, int64_t floor_ns);
/* From the end of the one to the beginning of the other. */
struct span gap_of(const struct event *last, const struct event *next);
/* Against where it should lie. */
enum verdict judge_gap(const struct facts *facts, const struct event *last, const struct event *next,
    struct span expected, int64_t tolerance_ns);

/* Between the two something happened to the client that makes waiting mean nothing. */
const struct event *find_disturbance(
    const struct facts *facts, size_t client, int64_t from_ns, int64_t to_ns);

/* ---- coming to show something ---- */

struct coming {
	const struct event *perhaps; /* the first that shows it and may have been after */
	bool is_counted;             /* one of those counts */
	bool is_sure;                /* one that shows it was after */
	struct span when;
	bool was_before;      /* it was, but not after */
	size_t polls;         /* that may have been after */
	int64_t not_until_ns; /* it had surely not come until then */
};

struct coming find_coming(
    const struct facts *facts, int watch, const struct strings *states, struct span after);

/* ---- the kinds ---- */

static inline struct opinion opinion(enum verdict verdict, int64_t decided_ns)
{
	return (struct opinion){ .verdict = verdict, .decided_ns = decided_ns };
}

struct opinion opine_reach(const struct facts *facts, const struct expectation *expectation);
struct opinion opine_reach_in_steps(
    const struct facts *facts, const struct expectation *expectation, const struct happening *after);
struct opinion opine_sequence(const struct facts *facts, const struct expectation *expectation);
struct opinion opine_never(const struct facts *facts, const struct expectation *expectation);
struct opinion opine_always(const struct facts *facts, const struct expectation *expectation);
struct opinion opine_backoff(const struct facts *facts, const struct expectation *expectation);
struct opinion opine_connections(const struct facts *facts, const struct expectation *expectation);
struct opinion opine_honest(const struct facts *facts, const struct expectation *expectation);
struct opinion opine_agrees(const struct facts *facts, const struct expectation *expectation);
struct opinion opine_matches(const struct facts *facts, const struct expectation *expectation);
struct opinion opine_respond(const struct facts *facts, const struct expectation *expectation);
struct opinion opine_growth(const struct facts *facts, const struct expectation *expectation);
struct opinion opine_ends(const struct facts *facts, const struct expectation *expectation);
struct opinion opine_discloses(const struct facts *facts, const struct expectation *expectation);
/* What every phase implies, behind the expectations. */
void opine_met(const struct facts *facts, struct reference *reference);
/* A verdict that needs the trace's end, which it has not. */
bool is_open_for_want_of_an_end(
    const struct facts *facts, const struct expectation *expectation, const struct opinion *opinion);
/* What `before` of a step implies. */
struct opinion opine_in_time(const struct facts *facts, const struct step *step);

#endif
