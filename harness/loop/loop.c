#include "loop/loop.h"

#include "loop/loop_private.h"

#include <time.h>

void free_closed_handle(uv_handle_t *handle)
{
	free(handle);
}

struct loop *loop_new(void)
{
	struct loop *loop = xcalloc(1, sizeof(*loop));
	int status = uv_loop_init(&loop->uv);
	if (status)
		BUG("uv_loop_init: %s", uv_strerror(status));
	/* A peer that hangs up while we write is an outcome (EPIPE), not a reason to die. */
	signal(SIGPIPE, SIG_IGN);
	timers_init(loop);
	transfers_init(loop);
	return loop;
}

static void refuse_leftover(uv_handle_t *handle, void *unused)
{
	(void)unused;
	if (!uv_is_closing(handle))
		BUG("loop_free: a uv %s handle was never closed", uv_handle_type_name(handle->type));
}

void loop_free(struct loop *loop)
{
	if (!loop)
		return;
	transfers_release(loop);
	timers_release(loop);
	for (size_t i = 0; i < ARRAY_LENGTH(loop->signals); i++)
		if (loop->signals[i].handle)
			uv_close((uv_handle_t *)loop->signals[i].handle, free_closed_handle);
	uv_walk(&loop->uv, refuse_leftover, NULL);
	/* Nothing but close callbacks is left to run; a loop_stop() that met no run would end the first. */
	while (uv_run(&loop->uv, UV_RUN_DEFAULT))
		;
	int status = uv_loop_close(&loop->uv);
	if (status)
		BUG("uv_loop_close: %s", uv_strerror(status));
	free(loop);
}

uv_loop_t *loop_uv(struct loop *loop)
{
	return &loop->uv;
}

int64_t loop_now_ns(const struct loop *loop)
{
	(void)loop; /* the seam for another clock */
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void loop_run(struct loop *loop)
{
	if (loop->running)
		BUG("loop_run from inside a callback");
	loop->running = true;
	uv_run(&loop->uv, UV_RUN_DEFAULT);
	loop->running = false;
}

void loop_stop(struct loop *loop)
{
	uv_stop(&loop->uv);
}

static void signal_arrived(uv_signal_t *handle, int signal_number)
{
	struct signal_watch *watch = handle->data;
	watch->handler(watch->owner, signal_number);
}

void loop_on_signal(
    struct loop *loop, int signal_number, void (*handler)(void *owner, int signal_number), void *owner)
{
	if (signal_number <= 0 || signal_number >= (int)ARRAY_LENGTH(loop->signals))
		BUG("signal %d", signal_number);
	struct signal_watch *watch = &loop->signals[signal_number];
	watch->handler = handler;
	watch->owner = owner;
	if (!handler) {
		if (watch->handle)
			uv_signal_stop(watch->handle);
		return;
	}
	if (!watch->handle) {
		watch->handle = xcalloc(1, sizeof(*watch->handle));
		uv_signal_init(&loop->uv, watch->handle);
		uv_unref((uv_handle_t *)watch->handle);
		watch->handle->data = watch;
	}
	int status = uv_signal_start(watch->handle, signal_arrived, signal_number);
	if (status)
		BUG("uv_signal_start(%d): %s", signal_number, uv_strerror(status));
}
