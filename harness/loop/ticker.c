#include "loop/loop.h"

struct ticker {
	struct loop *loop;
	struct timer *timer;
	int64_t due_ns, every_ns;
	void (*tick)(void *owner, int64_t due_ns);
	void *owner;
};

static void point_reached(void *owner)
{
	struct ticker *ticker = owner;
	int64_t due_ns = ticker->due_ns;
	/* The grid never moves: points that a stall swallowed are skipped, the next one is still on it. */
	int64_t passed = (loop_now_ns(ticker->loop) - due_ns) / ticker->every_ns;
	ticker->due_ns += (passed + 1) * ticker->every_ns;
	ticker->timer = timer_start(ticker->loop, ticker->due_ns, point_reached, ticker);
	/* Last, since the owner may stop us in it. */
	ticker->tick(ticker->owner, due_ns);
}

struct ticker *ticker_start(struct loop *loop, int64_t first_ns, int64_t every_ns,
    void (*tick)(void *owner, int64_t due_ns), void *owner)
{
	if (every_ns <= 0)
		BUG("a tick every %lld ns", (long long)every_ns);
	struct ticker *ticker = xcalloc(1, sizeof(*ticker));
	*ticker = (struct ticker){
		.loop = loop, .due_ns = first_ns, .every_ns = every_ns, .tick = tick, .owner = owner
	};
	ticker->timer = timer_start(loop, first_ns, point_reached, ticker);
	return ticker;
}

void ticker_stop(struct ticker *ticker)
{
	if (!ticker)
		return;
	timer_cancel(ticker->timer);
	free(ticker);
}
