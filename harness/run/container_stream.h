/* container_stream: what is heard of a running container: its log, and what its protocol says of its
 * readiness. */
#ifndef RUN_CONTAINER_STREAM_H
#define RUN_CONTAINER_STREAM_H

#include "run/world_private.h"

struct container_stream;

struct container_stream *container_stream_new(struct world *world, size_t service);
void container_stream_free(struct container_stream *stream);
/* Its process has begun, not before earliest_ns. */
void container_stream_begin(struct container_stream *stream, const char *id, int64_t earliest_ns);
/* It is about to be started, or may be by its restart policy: its readiness is asked from now on, so that it
 * is known until when it was not, and told once it runs. */
void container_stream_expect(struct container_stream *stream);
/* Its address is known. */
void container_stream_reach(struct container_stream *stream, const struct container *container);
/* What stands between it and its clients has changed, not before changed_ns. */
void container_stream_look_again(
    struct container_stream *stream, const struct container *container, int64_t changed_ns);
/* Its process has ended; what it wrote last may still come. */
void container_stream_died(struct container_stream *stream);
/* Stops following the log. */
void container_stream_mute(struct container_stream *stream);
/* The log has been read to its end, or is not followed. */
bool container_stream_is_drained(const struct container_stream *stream);

#endif
