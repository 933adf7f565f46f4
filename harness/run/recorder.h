/*
 * recorder: writes a world's trace, and lets the world hear what is written.
 *
 * Lines are collected and written in blocks; recorder_close() writes what is left. A disk that is full is
 * noticed, said once through recorder_error(), and ends nothing by itself. Secrets are redacted before
 * anything is kept.
 */
#ifndef RUN_RECORDER_H
#define RUN_RECORDER_H

#include "base/err.h"
#include "base/memory.h"
#include "base/redact.h"
#include "trace/event.h"

struct recorder;

/* Called with every event, as written, before recorder_add() returns. */
typedef void recorder_listener(void *owner, const struct event *event);

/* Makes the file anew. `redactor` is borrowed and may be NULL. `epoch_ns` is the loop's time that the trace
 * calls 0. */
struct recorder *recorder_open(
    const char *path, int64_t epoch_ns, const struct redactor *redactor, struct err *err) MUST_CHECK;
/* Writes what is left and closes; returns -1 with *err set if anything could not be written. Frees in any
 * case. */
int recorder_close(struct recorder *recorder, struct err *err);
void recorder_listen(struct recorder *recorder, recorder_listener *listener, void *owner);
/* The event's times are the loop's; the trace's are counted from the epoch, and never below 0. */
void recorder_add(struct recorder *recorder, struct event event);
/* Lines of output that would make more than LOG_BYTES_MAX of a world's trace are counted, not written: some
 * 50,000 lines, and little enough for the judge, who holds the whole trace. */
int64_t recorder_dropped(const struct recorder *recorder);
#define LOG_BYTES_MAX (8 * 1024 * 1024)

#endif
