/*
 * log_attempts: reads connection attempts out of a subject's log.
 *
 * The log says when an attempt ended, and only where the subject writes it also when one began. This is what
 * the application believes; the packet tap, which sees what it does, feeds the same events.
 */
#ifndef RUN_LOG_ATTEMPTS_H
#define RUN_LOG_ATTEMPTS_H

#include "base/err.h"
#include "base/memory.h"
#include "plan/plan.h"
#include "trace/event.h"

struct log_attempts;

/* `watch` is borrowed. */
struct log_attempts *log_attempts_new(const struct watch *watch, struct err *err) MUST_CHECK;
void log_attempts_free(struct log_attempts *attempts);
/* The client process began (again): the first attempt cannot have begun before. */
void log_attempts_client_started(struct log_attempts *attempts, int64_t at_ns);
/* A line of the client's log, as an EVENT_LOG; `is_stamped`: it begins with a time of its own, which is its
 * `from_ns`. Of one that does not, the engine's stamp counts, which is its `to_ns`. Returns true and fills
 * *ret_event (its strings borrowed from the watch and the line) when the line is the end of an attempt or the
 * loss of a connection. */
bool log_attempts_feed(
    struct log_attempts *attempts, const struct event *line, bool is_stamped, struct event *ret_event);

#endif
