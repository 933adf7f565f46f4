/*
 * What the trace calls open is every connection that the network knows of: one over which the server said
 * "not yet", and that the client has not closed so far, is among them, and so is one on which the client
 * still waits. For telling a retry from a pool that grows only those count that have worked: they are
 * followed here from their success to their loss. The trace's own figure is the upper bound, should a loss
 * have been missed.
 */
#include "check/open.h"

#include "check/observation.h"

/* A client with more than this is not followed further; what is oldest is forgotten. */
enum { ESTABLISHED_MAX = 1000 };

struct connection {
	int port;               /* 0: not known */
	int64_t established_ns; /* its attempt was told in the order of its beginning */
};

struct established {
	struct connection *items;
	size_t count;
};

static void remove_at(struct established *established, size_t place)
{
	for (size_t i = place + 1; i < established->count; i++)
		established->items[i - 1] = established->items[i];
	established->count--;
}

static void remove_connection(struct established *established, int port)
{
	size_t found = established->count;
	for (size_t i = 0; i < established->count; i++)
		if (established->items[i].port == port)
			found = i;
	if (found == established->count && port == 0)
		found = 0;
	if (found < established->count)
		remove_at(established, found);
}

static int count_at(const struct established *established, int64_t at_ns)
{
	int count = 0;
	for (size_t i = 0; i < established->count; i++)
		count += established->items[i].established_ns <= at_ns;
	return count;
}

/* None is left of those that there were by then. */
static void forget_until(struct established *established, int64_t at_ns)
{
	size_t kept = 0;
	for (size_t i = 0; i < established->count; i++)
		if (established->items[i].established_ns > at_ns)
			established->items[kept++] = established->items[i];
	established->count = kept;
}

static int smaller(int a, int b)
{
	return a < b ? a : b;
}

int *count_open(const struct index *index, const struct series *series)
{
	int *open = xcalloc(series->count, sizeof(*open));
	struct established established = { 0 };
	for (size_t i = 0; i < series->count; i++) {
		const struct event *event = series_event(index, series, i);
		bool is_attempt = event->kind == EVENT_ATTEMPT;
		int told = is_attempt ? event->attempt.open : event->lost.open;
		int64_t at_ns = is_attempt ? event->from_ns : event->to_ns;
		if (!is_attempt)
			remove_connection(&established, event->lost.connection);
		if (told <= 0)
			forget_until(&established, at_ns);
		open[i] = told <= 0 ? 0 : smaller(told, count_at(&established, at_ns));
		if (established.count == ESTABLISHED_MAX)
			remove_at(&established, 0);
		if (is_attempt && attempt_succeeded(event))
			*array_push(established.items, established.count) =
			    (struct connection){ .port = event->attempt.connection,
				    .established_ns = event->to_ns };
	}
	free(established.items);
	return open;
}
