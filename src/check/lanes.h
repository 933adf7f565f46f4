/*
 * lanes: attempts of a client that holds several connections, shared out among them.
 *
 * A lane is a connection that is being made. lanes_explain() looks for a way to share the attempts out so
 * that every lane keeps to the schedule: an attempt goes to the lane that is due first of those for which its
 * gap is right, or begins a further lane while there are fewer than `lanes`. It goes back and tries another
 * way when that leads to a dead end: an attempt that fits nowhere, a lane that is overdue.
 */
#ifndef CHECK_LANES_H
#define CHECK_LANES_H

#include "check/judge.h"

/* More connections than this are not told apart. */
enum { LANES_MAX = 16 };

/* An attempt as the search sees it, in the order of their beginnings. */
struct item {
	size_t event; /* index into trace.events */
	const struct event *attempt;
	int open; /* connections that were open beside it */
	struct interval ended;
	int64_t began_ns;
	int64_t opened_ns;    /* up to its beginning: when a connection was last established, or seen open */
	int64_t disturbed_ns; /* up to its beginning: when something last happened to the client */
	size_t epoch;         /* 1, 2, …: further after a success, a loss, a disturbance */
	int64_t epoch_began_ns;
	bool epoch_is_cut; /* the epoch has attempts before the window */
	/* The answer. */
	bool is_placed;  /* false: belongs to no run (a pool that grows) */
	size_t previous; /* the item before it in its run; NO_ITEM: it begins one */
	size_t lane;
	bool counts;
	bool is_owed; /* a next one is, as the end of its run */
};
#define NO_ITEM ((size_t)-1)

struct lanes {
	const struct index *index;
	const struct backoff *rule;
	size_t client;
	int64_t until_ns; /* nothing is known after it */
	struct item *items;
	size_t count;
	int64_t opened_ns; /* over all items: the last */
};

enum lanes_result { LANES_FOUND, LANES_NONE, LANES_TOO_MANY };

/* With `in_burst`, lanes begin only together with the first of their epoch: within the tolerance of the first
 * gap. TOO_MANY: there are more ways than could be tried. */
enum lanes_result lanes_explain(struct lanes *lanes, size_t lane_count, bool in_burst);
/* Where there is no explanation: one in which what is wrong stands out. Every attempt has its place. */
void lanes_force(struct lanes *lanes, size_t lane_count);
/* Where in the schedule the run that begins with this item may begin: the least of what its gaps allow. */
size_t lanes_position(const struct lanes *lanes, size_t first);

#endif
