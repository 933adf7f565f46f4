/*
 * container_config: what the engine is told to create for a service of a world. Pure JSON building.
 *
 * A service is two containers: the agent's, which owns the network namespace with its names, addresses and
 * published ports (the sandbox), and the service's own, which joins it.
 */
#ifndef RUN_CONTAINER_CONFIG_H
#define RUN_CONTAINER_CONFIG_H

#include "plan/stack.h"

#include <jansson.h>

/* Everything falsestart makes carries these, and nothing without them is ever touched. */
#define LABEL_RUN "io.falsestart.run"
#define LABEL_WORLD "io.falsestart.world"
#define LABEL_SCENARIO "io.falsestart.scenario"
#define LABEL_SERVICE "io.falsestart.service" /* on a service's own container */
#define LABEL_SANDBOX "io.falsestart.sandbox" /* on its agent's */
#define LABEL_HELPER "io.falsestart.helper"   /* on what makes it die */

/* The identity of a world on the engine. */
struct world_identity {
	const char *run;      /* run id: [a-z0-9]+ */
	const char *scenario; /* name */
	int number;           /* of the world in its run, from 1 */
	bool egress;          /* packets may leave the world */
	bool
	    published; /* watched ports are published on the engine's host, for an engine that is not local */
	bool internal; /* the network has no way out at all (then nothing can be published from it) */
};

/* {LABEL_RUN: …, …}; `service` may be NULL. Owned by the caller, as everything below. */
json_t *world_labels(const struct world_identity *world, const char *service);
/* "fs-<run>-<number>", "fs-<run>-<number>-<name>". */
char *world_network_name(const struct world_identity *world);
char *world_object_name(const struct world_identity *world, const char *name);
/* "fs-agent-<run>-<number>-<service>"; a run id has no dash, so it is no other object's name. */
char *world_sandbox_name(const struct world_identity *world, const char *service);

/* "fs-helper-<run>-<number>-<service>" */
char *world_helper_name(const struct world_identity *world, const char *service);

json_t *network_config(const struct world_identity *world);
json_t *volume_config(const struct world_identity *world, const char *volume);
json_t *container_config(const struct world_identity *world, const struct service *service);
/* `image`: the agent's. `ports`: those that watches and requests need published, when world->published. */
json_t *sandbox_config(const struct world_identity *world, const struct service *service, const char *image,
    const int *ports, size_t port_count);
/* What makes a process of the service's container die: the agent with these arguments (NULL-terminated),
 * among the processes of the engine's host, with this capability (NULL: none) and nothing else; with `groups`
 * it has the host's control groups at /cgroup. */
json_t *helper_config(const struct world_identity *world, const struct service *service, const char *image,
    const char *const *arguments, const char *capability, bool groups);
/* Bytes the agent's container may use: it needs a few hundred kilobytes, and 16 MiB for a flood in its ring.
 */
#define SANDBOX_MEMORY (32 * 1024 * 1024)

#endif
