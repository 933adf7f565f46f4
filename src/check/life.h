/* life: which of a service's events begin and end a life of its process, whoever asked for it. */
#ifndef CHECK_LIFE_H
#define CHECK_LIFE_H

#include "trace/event.h"

#include <string.h>

/* "started", "restarted" */
static inline bool life_begins(const struct event *event)
{
	return strcmp(event->service.event, "started") == 0 || strcmp(event->service.event, "restarted") == 0;
}
/* "exited", "stopped", "killed", "crashed", "oom-killed" */
bool life_ends(const struct event *event);

/* Is the event of a service one of these? */
bool service_event_is(const struct event *event, const char *const *names, size_t count);

#endif
