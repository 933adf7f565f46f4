/*
 * stack: the services of a world, as a compose file describes them.
 *
 * Plain data, made by stack_load() (stack_load.c) and read by everyone else. Every string is owned by the
 * stack and already interpolated; NULL means "not given". What compose allows and falsestart does not support
 * is an error of the loader that names the key, never silently ignored.
 */
#ifndef PLAN_STACK_H
#define PLAN_STACK_H

#include "base/err.h"
#include "base/memory.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where in an input file something was written; line 0: nowhere. */
struct position {
	int line, column;
};

struct strings {
	char **items;
	size_t count;
};

struct port_mapping {
	char *host_address; /* NULL: 127.0.0.1 */
	int host_port;      /* 0: the engine chooses */
	int container_port;
	char *protocol; /* "tcp", "udp" */
};

struct mount {
	enum mount_kind { MOUNT_BIND, MOUNT_VOLUME, MOUNT_TMPFS } kind;
	char *source; /* bind: absolute host path; volume: its name in the stack (NULL: anonymous); tmpfs:
			 NULL */
	char *target;
	char *options; /* tmpfs options, or NULL */
	bool read_only;
};

struct healthcheck {
	bool present, disabled;
	struct strings test; /* as the engine takes it: "CMD-SHELL", "…" or "CMD", … */
	int64_t interval_ns, timeout_ns, start_period_ns; /* 0: the engine's default */
	int retries;
};

enum restart_policy { RESTART_NO, RESTART_ON_FAILURE, RESTART_ALWAYS, RESTART_UNLESS_STOPPED };

struct dependency {
	size_t service; /* index into stack.services */
	enum dependency_condition { DEPENDS_STARTED, DEPENDS_HEALTHY, DEPENDS_COMPLETED } condition;
};

struct service {
	char *name;
	struct position position;
	char *image;
	struct strings command, entrypoint; /* count 0 and has_… false: the image's own */
	bool has_command, has_entrypoint;
	struct strings environment; /* "NAME=value", env_file's first, later wins already applied */
	struct strings labels;      /* "name=value" */
	struct strings aliases;     /* further names on the network; the service's own name is implied */
	struct strings extra_hosts; /* "name:address" */
	struct port_mapping *ports;
	size_t port_count;
	struct mount *mounts;
	size_t mount_count;
	struct healthcheck healthcheck;
	enum restart_policy restart;
	int restart_max; /* on-failure:N; 0: endless */
	struct dependency *depends_on;
	size_t depends_on_count;
	char *user, *working_dir, *stop_signal;
	int64_t stop_grace_period_ns; /* compose's default of 10 s applied */
	bool init, tty;
	/* What the service speaks, so that "ready" has a meaning: "redis", "postgres", "tcp", or NULL. From
	 * x-falsestart: { protocol: …, port: … }, else by the image's name (protocol.c). */
	char *protocol;
	int protocol_port;
};

struct stack {
	char *file;
	struct service *services;
	size_t service_count;
	struct strings volumes; /* named volumes declared at the top */
	bool egress;            /* x-falsestart: { egress: true }: packets may leave the world */
};

/* One variable for ${…} in a stack, looked up before the environment ("FALSESTART_SPEED"). */
struct variable {
	const char *name, *value;
};

/* `variables` ends with a NULL name. On error NULL, the message with file:line:column. */
struct stack *stack_load(const char *path, const struct variable *variables, struct err *err) MUST_CHECK;
void stack_free(struct stack *stack);
/* Index of the service, or -1. */
int stack_find(const struct stack *stack, const char *name);
/* Value of an environment variable of the service, or NULL. */
const char *service_environment(const struct service *service, const char *name);
/* Services in an order in which each comes after what it depends on (the loader has refused cycles).
 * `ret_order` has room for service_count indexes. */
void stack_start_order(const struct stack *stack, size_t *ret_order);

#endif
