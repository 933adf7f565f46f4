/* Stand-ins until names, tap and gate are there; weak, so that each gives way by itself. */
#include "agent/rooms.h"

#include <stddef.h>

#define STUB __attribute__((weak))
#define MISSING "not built into this agent"

STUB const char *redirect_names(uint16_t port)
{
	(void)port;
	return NULL;
}

STUB const char *gate_script(uint16_t port, const struct gate_step *steps, int count)
{
	(void)port, (void)steps, (void)count;
	return MISSING;
}

STUB const char *gate_ignore(const struct sockaddr_storage *source)
{
	(void)source;
	return MISSING;
}

STUB void gate_close_all(void)
{
}

