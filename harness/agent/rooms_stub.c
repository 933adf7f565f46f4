/* Stand-ins until names, tap and gate are there; weak, so that each gives way by itself. */
#include "agent/rooms.h"

#include <stddef.h>

#define STUB __attribute__((weak))
#define MISSING "not built into this agent"

STUB const char *names_open(uint16_t *ret_port)
{
	*ret_port = 0;
	return NULL;
}

STUB const char *names_set(const char *name, const struct sockaddr_storage *addresses, int count)
{
	(void)name, (void)addresses, (void)count;
	return MISSING;
}

STUB const char *names_resolve(const char *name, enum resolution how, int64_t late_ns,
    const struct sockaddr_storage *stale, int attempts)
{
	(void)name, (void)how, (void)late_ns, (void)stale, (void)attempts;
	return MISSING;
}

STUB const char *names_forward(const struct sockaddr_storage *server)
{
	(void)server;
	return MISSING;
}

STUB void names_socket_gone(const struct sockaddr_storage *local, int64_t at_ns)
{
	(void)local, (void)at_ns;
}

STUB const char *tap_classify(uint16_t port, enum protocol protocol)
{
	(void)port, (void)protocol;
	return MISSING;
}

STUB const char *tap_begin(void)
{
	return MISSING;
}

STUB void tap_socket_gone(
    const struct sockaddr_storage *local, const struct sockaddr_storage *remote, int64_t at_ns)
{
	(void)local, (void)remote, (void)at_ns;
}

STUB const char *socket_notices_begin(void)
{
	return MISSING;
}

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
