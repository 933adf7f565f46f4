/*
 * pull_progress: what /images/create, /images/load and /build say while they work, added up over all layers.
 *
 * These replies are status 200 before the work has begun, so that a failure comes as an object with "error"
 * inside the stream. Knows no socket: it is given the objects of a json_stream.
 */
#ifndef ENGINE_PULL_PROGRESS_H
#define ENGINE_PULL_PROGRESS_H

#include "base/err.h"
#include "base/memory.h"

#include <jansson.h>
#include <stdint.h>

struct pull_progress;

struct pull_progress *pull_progress_new(void);
void pull_progress_free(struct pull_progress *progress);

/* -1 if the object is the engine's report of a failure. Anything unknown is passed over. */
int pull_progress_add(struct pull_progress *progress, const json_t *object, struct err *err) MUST_CHECK;

/* The line to show ("Downloading", "Step 1/2 : FROM scratch"): one line, safe for a terminal; "" at first. */
const char *pull_progress_status(const struct pull_progress *progress);
/* Bytes of all layers known so far; total 0 while no layer has told its size. Current never exceeds total. */
void pull_progress_bytes(const struct pull_progress *progress, int64_t *ret_current, int64_t *ret_total);

/* What came of it, a new reference: {"Id": …} of a build, {"Digest": …} of a pull, {"Loaded": [reference or
 * id, …]} of a load, as far as the engine told. */
json_t *pull_progress_result(const struct pull_progress *progress);

#endif
