/*
 * Timers of our own above one uv timer, for three things uv's do not give: nanoseconds (uv counts whole
 * milliseconds of a cached clock, so it may fire early), a stable order, and cancelling without an
 * asynchronous close.
 */
#include "base/duration.h"
#include "loop/loop_private.h"

struct timer {
	struct loop *loop;
	int64_t at_ns;
	uint64_t order;
	size_t index; /* in the heap */
	void (*fire)(void *owner);
	void *owner;
};

static bool before(const struct timer *a, const struct timer *b)
{
	return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->order < b->order;
}

static void place(struct timers *timers, size_t index, struct timer *timer)
{
	timers->heap[index] = timer;
	timer->index = index;
}

static void sift_up(struct timers *timers, struct timer *timer)
{
	size_t index = timer->index;
	while (index > 0 && before(timer, timers->heap[(index - 1) / 2])) {
		place(timers, index, timers->heap[(index - 1) / 2]);
		index = (index - 1) / 2;
	}
	place(timers, index, timer);
}

static void sift_down(struct timers *timers, struct timer *timer)
{
	size_t index = timer->index;
	for (;;) {
		size_t child = 2 * index + 1;
		if (child >= timers->count)
			break;
		if (child + 1 < timers->count && before(timers->heap[child + 1], timers->heap[child]))
			child++;
		if (!before(timers->heap[child], timer))
			break;
		place(timers, index, timers->heap[child]);
		index = child;
	}
	place(timers, index, timer);
}

static void take_out(struct timers *timers, size_t index)
{
	struct timer *last = timers->heap[--timers->count];
	if (index == timers->count)
		return;
	place(timers, index, last);
	sift_up(timers, last);
	sift_down(timers, last);
}

static void alarm_rang(uv_timer_t *alarm);

static void set_alarm(struct loop *loop)
{
	struct timers *timers = &loop->timers;
	if (timers->firing)
		return;
	if (timers->count == 0) {
		uv_timer_stop(timers->alarm);
		return;
	}
	int64_t left_ns = timers->heap[0]->at_ns - loop_now_ns(loop);
	/* Rounded up: waking early would only mean to wait another millisecond. */
	uint64_t left_ms = left_ns > 0 ? (uint64_t)((left_ns + NS_PER_MS - 1) / NS_PER_MS) : 0;
	uv_update_time(&loop->uv);
	uv_timer_start(timers->alarm, alarm_rang, left_ms, 0);
}

static void alarm_rang(uv_timer_t *alarm)
{
	struct loop *loop = alarm->data;
	struct timers *timers = &loop->timers;
	/* One "now" for the whole round: what callbacks start for "at once" waits for the next round, so that
	 * sockets have their turn. */
	int64_t now_ns = loop_now_ns(loop);
	timers->firing = true;
	while (timers->count > 0 && timers->heap[0]->at_ns <= now_ns) {
		struct timer *timer = timers->heap[0];
		take_out(timers, 0);
		void (*fire)(void *owner) = timer->fire;
		void *owner = timer->owner;
		free(timer);
		fire(owner);
	}
	timers->firing = false;
	set_alarm(loop);
}

struct timer *timer_start(struct loop *loop, int64_t at_ns, void (*fire)(void *owner), void *owner)
{
	struct timers *timers = &loop->timers;
	struct timer *timer = xcalloc(1, sizeof(*timer));
	/* The past is now: a timer that restarts itself for the past must not come before those that are
	 * waiting. */
	int64_t now_ns = loop_now_ns(loop);
	*timer = (struct timer){ .loop = loop,
		.at_ns = at_ns > now_ns ? at_ns : now_ns,
		.order = timers->started++,
		.index = timers->count,
		.fire = fire,
		.owner = owner };
	*array_push(timers->heap, timers->count) = timer;
	sift_up(timers, timer);
	if (timers->heap[0] == timer)
		set_alarm(loop);
	return timer;
}

void timer_cancel(struct timer *timer)
{
	if (!timer)
		return;
	struct loop *loop = timer->loop;
	bool was_next = timer->index == 0;
	take_out(&loop->timers, timer->index);
	free(timer);
	if (was_next)
		set_alarm(loop);
}

void timers_init(struct loop *loop)
{
	loop->timers.alarm = xcalloc(1, sizeof(*loop->timers.alarm));
	uv_timer_init(&loop->uv, loop->timers.alarm);
	loop->timers.alarm->data = loop;
}

void timers_release(struct loop *loop)
{
	if (loop->timers.count > 0)
		BUG("loop_free: %zu timers were never cancelled", loop->timers.count);
	free(loop->timers.heap);
	uv_close((uv_handle_t *)loop->timers.alarm, free_closed_handle);
}
