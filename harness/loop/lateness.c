#include "loop/loop.h"

struct lateness {
	struct loop *loop;
	struct timer *timer;
	int64_t period_ns, window_ns;
	int64_t due_ns;  /* of the timer running */
	int64_t from_ns; /* start of the window */
	int64_t worst_ns;
	void (*report)(void *owner, int64_t from_ns, int64_t to_ns, int64_t worst_ns);
	void *owner;
};

static void tick(void *owner)
{
	struct lateness *lateness = owner;
	int64_t now_ns = loop_now_ns(lateness->loop);
	int64_t late_ns = now_ns - lateness->due_ns;
	if (late_ns > lateness->worst_ns)
		lateness->worst_ns = late_ns;

	/* The grid never moves: points that a stall swallowed are skipped, the next one is still a multiple.
	 */
	int64_t periods = late_ns / lateness->period_ns + 1;
	lateness->due_ns += periods * lateness->period_ns;
	lateness->timer = timer_start(lateness->loop, lateness->due_ns, tick, lateness);

	if (now_ns - lateness->from_ns < lateness->window_ns)
		return;
	int64_t from_ns = lateness->from_ns;
	int64_t worst_ns = lateness->worst_ns;
	lateness->from_ns = now_ns;
	lateness->worst_ns = 0;
	/* Last, since the owner may stop us in it. */
	lateness->report(lateness->owner, from_ns, now_ns, worst_ns);
}

struct lateness *lateness_start(struct loop *loop, int64_t period_ns, int64_t window_ns,
    void (*report)(void *owner, int64_t from_ns, int64_t to_ns, int64_t worst_ns), void *owner)
{
	if (period_ns <= 0)
		BUG("a lateness period of %lld ns", (long long)period_ns);
	struct lateness *lateness = xcalloc(1, sizeof(*lateness));
	*lateness = (struct lateness){ .loop = loop,
		.period_ns = period_ns,
		.window_ns = window_ns,
		.from_ns = loop_now_ns(loop),
		.report = report,
		.owner = owner };
	lateness->due_ns = lateness->from_ns + period_ns;
	lateness->timer = timer_start(loop, lateness->due_ns, tick, lateness);
	return lateness;
}

void lateness_stop(struct lateness *lateness)
{
	if (!lateness)
		return;
	timer_cancel(lateness->timer);
	free(lateness);
}
