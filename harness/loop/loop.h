/*
 * loop: the one event loop, the one real clock, timers, and curl transfers driven by them.
 *
 * Single-threaded. Callbacks run only from loop_run(), never from inside the call that asked for them, so
 * that a caller may free itself in its callback. Everything started is stopped by its own cancel function;
 * loop_free() asserts (BUG) that nothing is left, which is how a leak of a timer or transfer is found in
 * tests.
 *
 * loop_new() ignores SIGPIPE for the process: a peer that hangs up is an outcome, not a reason to die.
 */
#ifndef LOOP_LOOP_H
#define LOOP_LOOP_H

#include "base/err.h"
#include "base/memory.h"

#include <curl/curl.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct loop;
struct timer;
struct transfer;

struct loop *loop_new(void);
void loop_free(struct loop *loop);
/* For rooms that drive a library's sockets themselves (uv_poll). */
uv_loop_t *loop_uv(struct loop *loop);

/* CLOCK_MONOTONIC now, nanoseconds: read afresh at every call, never cached. */
int64_t loop_now_ns(const struct loop *loop);

/* Runs until loop_stop(), or until nothing is left that could call back; signal handlers alone do not keep it
 * running. A loop_stop() before loop_run() makes that return at once. May be called again afterwards. */
void loop_run(struct loop *loop);
void loop_stop(struct loop *loop);

/* Calls once, at or (by at most a millisecond and the host's lateness) after `at_ns`; a time in the past is
 * "as soon as possible". Timers due at the same time fire in the order they were started. The timer is gone
 * when it has fired: the callback clears the owner's pointer. */
struct timer *timer_start(
    struct loop *loop, int64_t at_ns, void (*fire)(void *owner), void *owner) MUST_CHECK;
/* NULL is allowed. The pointer must be one that has not fired. */
void timer_cancel(struct timer *timer);

/* Calls at `first_ns` and then on every point of the grid `first_ns + k * every_ns`; points missed by a
 * stalled host are skipped, the grid never drifts. `due_ns` is the point meant. May be stopped from its own
 * callback. */
struct ticker;
struct ticker *ticker_start(struct loop *loop, int64_t first_ns, int64_t every_ns,
    void (*tick)(void *owner, int64_t due_ns), void *owner) MUST_CHECK;
/* NULL is allowed. */
void ticker_stop(struct ticker *ticker);

/* Runs a curl easy handle, which stays the caller's (and must outlive the transfer). `done` is called once
 * with the result, after which the transfer is gone and the handle may be reused or freed, in `done` already.
 * Connections are kept and shared by all transfers of the loop; CURLOPT_PRIVATE and CURLOPT_NOSIGNAL are the
 * loop's. Neither function may be called from inside curl's own callbacks (write, header, read …): there,
 * return the code that makes curl stop, or start a timer for "now". */
struct transfer *transfer_start(
    struct loop *loop, CURL *easy, void (*done)(void *owner, CURLcode result), void *owner) MUST_CHECK;
/* Only connects (TLS included), for a protocol of the caller's own. `done` is called once; when the result is
 * CURLE_OK the connection stays, and the transfer with it: curl_easy_send() and curl_easy_recv() use it,
 * until transfer_cancel() closes it. With any other result the transfer is gone, as above. */
struct transfer *transfer_connect(
    struct loop *loop, CURL *easy, void (*done)(void *owner, CURLcode result), void *owner) MUST_CHECK;
/* Ends it without a call back. NULL is allowed. */
void transfer_cancel(struct transfer *transfer);

/* Signals arrive as ordinary callbacks. One handler a signal (the last one set); NULL restores the default.
 */
void loop_on_signal(
    struct loop *loop, int signal_number, void (*handler)(void *owner, int signal_number), void *owner);

/*
 * How late this host runs: a timer due every `period_ns` notes by how much it was late. A verdict is honest
 * only if this is known. `report` gets, about every `window_ns`, the window's end and the largest lateness
 * seen in it.
 */
struct lateness;
struct lateness *lateness_start(struct loop *loop, int64_t period_ns, int64_t window_ns,
    void (*report)(void *owner, int64_t from_ns, int64_t to_ns, int64_t worst_ns), void *owner) MUST_CHECK;
/* Reports the window under way now, a timer that is overdue at this very moment included. */
void lateness_flush(struct lateness *lateness);
void lateness_stop(struct lateness *lateness);

#endif
