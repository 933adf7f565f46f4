/*
 * sandbox: the network namespace of a service, and the agent that owns it.
 *
 * A container of its own, made before the service's and kept until the end of the world: the service joins
 * it, so that names, addresses and published ports stay through stop, start, crash and replacement. The agent
 * in it is the namespace's resolver, taps what the service does, and is the gate before its ports. An agent
 * that fails, in whatever way, is a failure of the world.
 */
#ifndef RUN_SANDBOX_H
#define RUN_SANDBOX_H

#include "run/agent_link.h"
#include "run/world_private.h"

struct sandbox;

typedef void sandbox_done(void *owner, const struct err *err);

struct sandbox *sandbox_new(struct world *world, size_t service);
void sandbox_free(struct sandbox *sandbox);

/* Makes the container, starts it and shakes hands; its addresses are known then. */
void sandbox_open(struct sandbox *sandbox, sandbox_done *done, void *owner);
/* As agent_link_command(). Once it is open. */
void sandbox_command(struct sandbox *sandbox, agent_link_done *done, void *owner, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* The answer comes among the notices, behind all that was seen before it. */
void sandbox_ask_the_time(struct sandbox *sandbox);
/* Everything the agent saw up to now is in the trace when `done` is called, or it has failed. False: there is
 * no agent (any more), and nothing is called. */
bool sandbox_flush(struct sandbox *sandbox, sandbox_done *done, void *owner);

/* Its addresses and published ports, as the engine has them (NetworkSettings of a container). */
void sandbox_learn_network(struct sandbox *sandbox, json_t *settings);

#define SANDBOX_ADDRESSES_MAX 2
/* On the world's network, IPv4 first; borrowed. */
size_t sandbox_addresses(const struct sandbox *sandbox, const char *addresses[SANDBOX_ADDRESSES_MAX]);
/* An address of its network that nobody has. */
const char *sandbox_nobody(const struct sandbox *sandbox);
/* Where the harness reaches a port of it: "address:port"; false while there is no address. */
bool sandbox_endpoint(const struct sandbox *sandbox, int port, char *buffer, size_t size);
/* No call is under way. */
bool sandbox_is_quiet(const struct sandbox *sandbox);

/* What the service speaks on this port: "redis", "postgres", "tcp". */
const char *service_protocol_on(const struct service *service, int port);

#endif
