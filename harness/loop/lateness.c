#include "loop/loop.h"

struct lateness {
	struct loop *loop;
	struct ticker *ticker;
	int64_t period_ns, window_ns;
	int64_t from_ns; /* start of the window */
	int64_t next_ns; /* when the timer is due next */
	int64_t worst_ns;
	void (*report)(void *owner, int64_t from_ns, int64_t to_ns, int64_t worst_ns);
	void *owner;
};

static void note(struct lateness *lateness, int64_t due_ns, int64_t now_ns)
{
	if (now_ns - due_ns > lateness->worst_ns)
		lateness->worst_ns = now_ns - due_ns;
}

static void end_window(struct lateness *lateness, int64_t now_ns)
{
	int64_t from_ns = lateness->from_ns;
	int64_t worst_ns = lateness->worst_ns;
	lateness->from_ns = now_ns;
	lateness->worst_ns = 0;
	/* Last, since the owner may stop us in it. */
	lateness->report(lateness->owner, from_ns, now_ns, worst_ns);
}

static void compare(void *owner, int64_t due_ns)
{
	struct lateness *lateness = owner;
	int64_t now_ns = loop_now_ns(lateness->loop);
	note(lateness, due_ns, now_ns);
	lateness->next_ns = due_ns + lateness->period_ns;
	if (now_ns - lateness->from_ns >= lateness->window_ns)
		end_window(lateness, now_ns);
}

void lateness_flush(struct lateness *lateness)
{
	int64_t now_ns = loop_now_ns(lateness->loop);
	note(lateness, lateness->next_ns, now_ns);
	end_window(lateness, now_ns);
}

struct lateness *lateness_start(struct loop *loop, int64_t period_ns, int64_t window_ns,
    void (*report)(void *owner, int64_t from_ns, int64_t to_ns, int64_t worst_ns), void *owner)
{
	struct lateness *lateness = xcalloc(1, sizeof(*lateness));
	*lateness = (struct lateness){ .loop = loop,
		.period_ns = period_ns,
		.window_ns = window_ns,
		.from_ns = loop_now_ns(loop),
		.report = report,
		.owner = owner };
	lateness->next_ns = lateness->from_ns + period_ns;
	lateness->ticker = ticker_start(loop, lateness->next_ns, period_ns, compare, lateness);
	return lateness;
}

void lateness_stop(struct lateness *lateness)
{
	if (!lateness)
		return;
	ticker_stop(lateness->ticker);
	free(lateness);
}
