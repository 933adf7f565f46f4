/*
 * retries: the attempts of a watch, told apart into runs of retries, connection by connection.
 *
 * A run is the attempts to make one connection: it ends with a success, with a loss, and when the client is
 * started anew. A client that holds one connection has one run after the other. One that holds several has as
 * many side by side, and nothing on the wire says which attempt is of which connection: see retries_find().
 */
#ifndef CHECK_RETRIES_H
#define CHECK_RETRIES_H

#include "check/judge.h"

struct run {
	size_t *attempts; /* indexes into trace.events; owned */
	size_t count;
	size_t alone;      /* so many of them, from the first on, were made while no connection was open */
	size_t number;     /* 1, 2, …: the schedule's first run is told apart from later ones */
	size_t connection; /* 1, 2, … of those that are held side by side */
	size_t position;   /* of the first attempt in the schedule; 1 but where the window cuts a run */
	/* Its last attempt failed and nothing came that would explain why no other followed: neither a
	 * connection was made, nor was the client disturbed. */
	bool is_owed;
};

struct retries {
	struct run *items;
	size_t count;
	size_t connections; /* known to be held at once; 1 where attempts come from a log */
	/* What keeps the runs from being a proof, whatever they show: a clause. NULL: nothing does. */
	char *doubt;
};

/*
 * With one connection the order of the attempts is all there is. With several, an attempt belongs to the
 * connection that is due first of those for which its gap is right, else it begins the run of a further
 * connection, as long as there are no more of them than were seen at once. Where that leads to a gap that is
 * wrong or to an attempt that is missing, other ways to share them out are tried; the first in which
 * everything is right is taken.
 */
void retries_find(const struct index *index, const struct expectation *expectation,
    const struct window *window, struct retries *ret_runs);
void retries_release(struct retries *runs);

/* Would the attempts be right if the client held more connections than were seen at once, all of them begun
 * together? Then it cannot be blamed, unless it was seen to connect and to hold no more, in a trace that has
 * its end. The number of connections that would explain it, or 0. */
size_t retries_explained_by(const struct index *index, const struct expectation *expectation,
    const struct window *window, size_t connections);

/* How many connections of the watch were seen at once: established ones and attempts under way. */
size_t connections_at_once(const struct index *index, int watch);

#endif
