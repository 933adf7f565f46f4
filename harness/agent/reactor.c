#include "agent/reactor.h"

#include <errno.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define READING_NS 2000 /* three readings of clocks take less, undisturbed */
#define READINGS_MAX 10
#define NS_PER_S INT64_C(1000000000)
#define BATCH 512

/* One reactor a process: there is one thread and one namespace to look after. */
static struct {
	int epoll_fd;
	struct source timer;   /* a timerfd: epoll's own timeout is in milliseconds */
	struct timeout *first; /* in the order they are due; set first, fires first when equal */
	int64_t armed_ns;      /* what the timerfd is set to; 0: not at all */
	struct epoll_event batch[BATCH];
	int batch_count; /* of the callbacks under way */
	bool is_open, is_stopping;
} reactor;

int64_t now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * NS_PER_S + now.tv_nsec;
}

/* The wall clock is read between two readings of the other, so that half of what lies between them is the
 * most this can be wrong by: milliseconds, if the agent was put off the processor just there. Then it reads
 * again. */
static int64_t monotonic_minus_wall_ns(void)
{
	int64_t best_ns = 0, closest_ns = INT64_MAX;
	for (int i = 0; i < READINGS_MAX && closest_ns > READING_NS; i++) {
		struct timespec wall;
		int64_t before_ns = now_ns();
		clock_gettime(CLOCK_REALTIME, &wall);
		int64_t between_ns = now_ns() - before_ns;
		if (between_ns >= closest_ns)
			continue;
		closest_ns = between_ns;
		best_ns = before_ns + between_ns / 2 - (wall.tv_sec * NS_PER_S + wall.tv_nsec);
	}
	return best_ns;
}

int64_t monotonic_of_ns(int64_t realtime_ns)
{
	return realtime_ns + monotonic_minus_wall_ns();
}

static void timer_ready(struct source *source, uint32_t events)
{
	(void)events;
	uint64_t expirations;
	/* What is due is looked at after every batch; here the descriptor is only made quiet again. */
	if (read(source->fd, &expirations, sizeof(expirations)) == sizeof(expirations))
		reactor.armed_ns = 0;
}

static int poll_source(int operation, struct source *source, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = source };
	return epoll_ctl(reactor.epoll_fd, operation, source->fd, &event);
}

static int open_reactor(void)
{
	if (reactor.is_open)
		return 0;
	reactor.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (reactor.epoll_fd < 0)
		return -1;
	reactor.timer.ready = timer_ready;
	reactor.timer.fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (reactor.timer.fd < 0 || poll_source(EPOLL_CTL_ADD, &reactor.timer, EPOLLIN) < 0) {
		int failure = errno;
		if (reactor.timer.fd >= 0)
			close(reactor.timer.fd);
		close(reactor.epoll_fd);
		errno = failure;
		return -1;
	}
	reactor.is_open = true;
	return 0;
}

int reactor_add(struct source *source, uint32_t events)
{
	return open_reactor() < 0 ? -1 : poll_source(EPOLL_CTL_ADD, source, events);
}

int reactor_change(struct source *source, uint32_t events)
{
	return poll_source(EPOLL_CTL_MOD, source, events);
}

void reactor_remove(struct source *source)
{
	if (!reactor.is_open)
		return;
	(void)epoll_ctl(reactor.epoll_fd, EPOLL_CTL_DEL, source->fd, NULL);
	/* What epoll has said of it already must not reach it any more: its memory may be something else by
	 * then. */
	for (int i = 0; i < reactor.batch_count; i++) {
		if (reactor.batch[i].data.ptr == source)
			reactor.batch[i].data.ptr = NULL;
	}
}

static void arm_timer(void)
{
	int64_t due_ns = reactor.first ? reactor.first->due_ns : 0;
	if (reactor.first && due_ns < 1)
		due_ns = 1; /* 0 would disarm it */
	if (due_ns == reactor.armed_ns)
		return;
	struct itimerspec when = { .it_value = {
				       .tv_sec = due_ns / NS_PER_S, .tv_nsec = due_ns % NS_PER_S } };
	if (timerfd_settime(reactor.timer.fd, TFD_TIMER_ABSTIME, &when, NULL) == 0)
		reactor.armed_ns = due_ns;
}

static void unlink_timeout(struct timeout *timeout)
{
	struct timeout **link = &reactor.first;
	while (*link != timeout)
		link = &(*link)->next;
	*link = timeout->next;
	timeout->next = NULL;
	timeout->active = false;
}

void timeout_set(struct timeout *timeout, int64_t due_ns)
{
	timeout_cancel(timeout);
	struct timeout **link = &reactor.first;
	while (*link && (*link)->due_ns <= due_ns)
		link = &(*link)->next;
	timeout->due_ns = due_ns;
	timeout->next = *link;
	timeout->active = true;
	*link = timeout;
}

void timeout_cancel(struct timeout *timeout)
{
	if (timeout->active)
		unlink_timeout(timeout);
}

/* Not more at a time than sources: a timeout that sets itself again does not keep them waiting for ever. */
static void fire_timeouts(void)
{
	int64_t now = now_ns();
	for (int i = 0; i < BATCH && reactor.first && reactor.first->due_ns <= now && !reactor.is_stopping;
	     i++) {
		struct timeout *timeout = reactor.first;
		unlink_timeout(timeout);
		timeout->fire(timeout);
	}
}

static void tell_sources(bool the_last)
{
	for (int i = 0; i < reactor.batch_count && !reactor.is_stopping; i++) {
		struct source *source = reactor.batch[i].data.ptr;
		if (source && source->is_last == the_last)
			source->ready(source, reactor.batch[i].events);
	}
}

int reactor_run(void)
{
	if (open_reactor() < 0)
		return -1;
	while (!reactor.is_stopping) {
		arm_timer();
		int count = epoll_wait(reactor.epoll_fd, reactor.batch, BATCH, -1);
		if (count < 0 && errno != EINTR)
			return -1;
		reactor.batch_count = count < 0 ? 0 : count;
		tell_sources(false);
		tell_sources(true);
		reactor.batch_count = 0;
		fire_timeouts();
	}
	reactor.is_stopping = false;
	return 0;
}

void reactor_stop(void)
{
	reactor.is_stopping = true;
}
