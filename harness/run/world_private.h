/* world_private: what the parts of a world share. Included by files of this room only. */
#ifndef RUN_WORLD_PRIVATE_H
#define RUN_WORLD_PRIVATE_H

#include "engine/engine.h"
#include "loop/loop.h"
#include "run/container_config.h"
#include "run/log_attempts.h"
#include "run/recorder.h"
#include "run/tracker.h"
#include "run/world.h"

struct container;
struct phasing;
struct sandbox;
struct wire_attempts;
struct steps;
struct watches;

struct world {
	struct world_config config;
	struct world_identity identity;
	struct world_outcome outcome;
	struct recorder *recorder;     /* NULL once the trace is closed */
	struct container **containers; /* one for each service of the stack */
	struct sandbox **sandboxes;    /* one for each service of the stack, NULL where none is needed */
	struct log_attempts *
	    *attempts; /* one for each watch, NULL where it is not an attempts watch from a log */
	struct wire_attempts *wire_attempts; /* NULL until the sandboxes are open */
	struct phasing *phasing;
	struct steps *steps;
	struct watches *watches;
	struct cpu_wait *subject_wait;
	struct engine_call *call; /* of set-up */
	struct timer *deadline, *ending;
	size_t pending; /* creations or commands under way, in set-up; agents to be heard out, at the
			   end */
	char *gateway;  /* the host's own address on the network, where probes come from; or NULL */
	int64_t began_ns, ended_ns; /* loop time; ended when the steps were over */
	bool over;
	size_t volumes_made;
	struct cleaning *cleaning;
};

/* Who the world is on its engine, by its plan. */
struct world_identity world_identify(const struct world_config *config);
/* Makes network, volumes and containers, then begins the steps; a failure fails the world. */
void world_set_up(struct world *world);
/* A failure that ends the world: recorded as trouble. */
void world_fail(struct world *world, const struct err *err);
/* The same for one that is found out later than it begins: what came since may be its doing. After the steps
 * are over, too, while the agents are heard out. */
void world_fail_since(struct world *world, const struct err *err, int64_t since_ns);
/* Something that lessens what can be judged, but ends nothing. */
void world_note_trouble(struct world *world, const char *what);
/* The steps are over. */
void world_finish(struct world *world, enum world_end end);
bool world_is_over(const struct world *world);
/* Something of a world that is over may have come to rest: tears it down once everything has. */
void world_on_quiet(struct world *world);
/* Ports of a service that watches, requests and readiness probes connect to; returns the count, at most
 * `size`. */
size_t world_probed_ports(const struct world *world, size_t service, int *ports, size_t size);

#endif
