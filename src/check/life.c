#include "check/life.h"

#include "base/memory.h"

bool service_event_is(const struct event *event, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(event->service.event, names[i]) == 0)
			return true;
	return false;
}

bool life_ends(const struct event *event)
{
	static const char *const ends[] = { "exited", "stopped", "killed", "crashed", "oom-killed" };
	return service_event_is(event, ends, ARRAY_LENGTH(ends));
}
