#include "plan/service_load.h"

#include "base/duration.h"
#include "plan/env_file.h"
#include "plan/file.h"
#include "plan/nearest.h"
#include "plan/protocol.h"
#include "plan/scalars.h"

#include <stdio.h>
#include <string.h>

enum { STOP_GRACE_PERIOD_S = 10 }; /* compose's default */

/* ---- words and lists ---- */

/* Durations of a stack are the engine's: no speed. */
static int read_engine_duration(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	const char *text = scalar_text(reader, node, "a duration, as in 10s or 1m30s,", err);
	struct err cause = ERR_INIT;
	if (!text)
		return -1;
	int64_t ns;
	if (duration_parse(text, &ns, &cause) < 0)
		return refuse_with(reader, node, err, &cause);
	if (ns > DURATION_YEAR_NS)
		return refuse(
		    reader, node, err, "`%s` is longer than a year; no world lasts so long", SHOW(text));
	*(int64_t *)into = ns;
	return 0;
}

static int read_words(struct reader *reader, const struct node *node, struct strings *words, struct err *err)
{
	if (node->kind == NODE_SEQUENCE) {
		for (size_t i = 0; i < node->item_count; i++) {
			const char *text = scalar_text(reader, node->items[i], "a text", err);
			if (!text)
				return -1;
			strings_add(words, xstrdup(text));
		}
		return 0;
	}
	const char *text = scalar_text(reader, node, "a command, as a text or a list of words,", err);
	if (!text)
		return -1;
	if (shell_split(text, words) < 0)
		return refuse(reader, node, err, "a quote is not closed in the command `%s`", SHOW(text));
	return 0;
}

static int read_command(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	struct service *service = into;
	if (node->kind == NODE_NULL) /* as compose: the image's own */
		return 0;
	service->has_command = true;
	return read_words(reader, node, &service->command, err);
}

static int read_entrypoint(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	struct service *service = into;
	if (node->kind == NODE_NULL)
		return 0;
	service->has_entrypoint = true;
	return read_words(reader, node, &service->entrypoint, err);
}

/* Replaces the entry of the same name, so that the later one wins and names stay unique. */
static void put_pair(struct strings *pairs, char *owned)
{
	size_t length = strcspn(owned, "=") + 1;
	for (size_t i = 0; i < pairs->count; i++) {
		if (strncmp(pairs->items[i], owned, length) != 0)
			continue;
		free(pairs->items[i]);
		pairs->items[i] = owned;
		return;
	}
	strings_add(pairs, owned);
}

/* "NAME" alone: from the environment of whoever runs falsestart, or not at all. */
static void put_from_environment(struct reader *reader, struct strings *pairs, const char *name)
{
	const char *value = NULL;
	for (const struct variable *variable = reader->variables; variable && variable->name; variable++)
		if (strcmp(variable->name, name) == 0)
			value = variable->value;
	value = value ? value : getenv(name);
	if (value)
		put_pair(pairs, xasprintf("%s=%s", name, value));
}

/* A map of names to texts, or a list of NAME=value. */
static int read_pairs(
    struct reader *reader, const struct node *node, struct strings *pairs, bool environment, struct err *err)
{
	const char *what = environment ? "a variable" : "a label";
	if (node->kind == NODE_NULL)
		return 0;
	if (node->kind != NODE_SEQUENCE && node->kind != NODE_MAPPING)
		return refuse_kind(reader, node, err, "a map, or a list of NAME=value,");
	for (size_t i = 0; i < node->item_count; i++) {
		const char *text = scalar_text(reader, node->items[i], "NAME=value", err);
		if (!text)
			return -1;
		if (!text[0] || text[0] == '=')
			return refuse(
			    reader, node->items[i], err, "`%s`: the name of %s is missing", SHOW(text), what);
		if (strchr(text, '='))
			put_pair(pairs, xstrdup(text));
		else if (environment)
			put_from_environment(reader, pairs, text);
		else
			put_pair(pairs, xasprintf("%s=", text));
	}
	for (size_t i = 0; i < node->entry_count; i++) {
		const struct node *key = node->entries[i].key, *value = node->entries[i].value;
		if (!key->text[0] || strchr(key->text, '='))
			return refuse(
			    reader, key, err, "`%s` cannot be the name of %s", SHOW(key->text), what);
		if (value->kind == NODE_NULL && environment)
			put_from_environment(reader, pairs, key->text);
		else if (value->kind == NODE_SCALAR || value->kind == NODE_NULL)
			put_pair(pairs, xasprintf("%s=%s", key->text, value->text ? value->text : ""));
		else
			return refuse_kind(reader, value, err, "a text");
	}
	return 0;
}

static int read_env_file(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	struct service *service = into;
	struct strings paths CLEANUP(strings_release) = { 0 };
	if (read_texts(reader, node, &paths, err) < 0)
		return -1;
	for (size_t i = 0; i < paths.count; i++) {
		char *path OWNED = file_beside(reader->file, paths.items[i]);
		struct strings values CLEANUP(strings_release) = { 0 };
		struct err cause = ERR_INIT;
		if (env_file_read(path, reader->variables, &values, &cause) < 0) {
			if (cause.line == 0)
				return refuse(reader, node, err, "the env_file %s %s", path, cause.message);
			*err = cause;
			return -1;
		}
		for (size_t j = 0; j < values.count; j++)
			put_pair(&service->environment, steal_ptr(values.items[j]));
	}
	return 0;
}

static int read_environment(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	struct service *service = into;
	return read_pairs(reader, node, &service->environment, true, err);
}

static int read_labels(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	struct service *service = into;
	return read_pairs(reader, node, &service->labels, false, err);
}

static int read_extra_hosts(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	struct service *service = into;
	if (node->kind == NODE_SEQUENCE) {
		for (size_t i = 0; i < node->item_count; i++) {
			const char *text = scalar_text(reader, node->items[i], "NAME:ADDRESS", err);
			if (!text)
				return -1;
			size_t length = strcspn(text, "=:");
			if (length == 0 || !text[length] || !text[length + 1])
				return refuse(
				    reader, node->items[i], err, "`%s` is not NAME:ADDRESS", SHOW(text));
			strings_add(&service->extra_hosts,
			    xasprintf("%.*s:%s", (int)length, text, text + length + 1));
		}
		return 0;
	}
	if (node->kind != NODE_MAPPING)
		return refuse_kind(
		    reader, node, err, "a map of names to addresses, or a list of NAME:ADDRESS,");
	for (size_t i = 0; i < node->entry_count; i++) {
		const char *address = scalar_text(reader, node->entries[i].value, "an address", err);
		if (!address)
			return -1;
		strings_add(&service->extra_hosts, xasprintf("%s:%s", node->entries[i].key->text, address));
	}
	return 0;
}

/* ---- health ---- */

static int read_health_test(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	struct healthcheck *health = into;
	if (node->kind == NODE_SCALAR) {
		strings_add(&health->test, xstrdup("CMD-SHELL"));
		strings_add(&health->test, xstrdup(node->text));
		return 0;
	}
	if (node->kind != NODE_SEQUENCE || node->item_count == 0)
		return refuse_kind(
		    reader, node, err, "a shell command, or a list that begins with CMD, CMD-SHELL or NONE,");
	if (read_texts(reader, node, &health->test, err) < 0)
		return -1;
	const char *first = health->test.items[0];
	if (strcmp(first, "NONE") == 0)
		health->disabled = true;
	else if (strcmp(first, "CMD") != 0 && strcmp(first, "CMD-SHELL") != 0)
		return refuse(reader, node->items[0], err,
		    "the list begins with `%s`; it begins with CMD, CMD-SHELL or NONE", SHOW(first));
	return 0;
}

/* The engine's least; 0 is its default. */
static int read_health_duration(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	int64_t ns = 0;
	if (read_engine_duration(reader, node, &ns, err) < 0)
		return -1;
	if (ns > 0 && ns < NS_PER_MS)
		return refuse(reader, node, err, "`%s` is less than the engine takes; the least is 1ms",
		    SHOW(node->text));
	*(int64_t *)into = ns;
	return 0;
}

static int read_healthcheck(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	static const struct field fields[] = {
		{ .key = "test", .read = read_health_test },
		{ .key = "interval",
		    .read = read_health_duration,
		    .offset = offsetof(struct healthcheck, interval_ns) },
		{ .key = "timeout",
		    .read = read_health_duration,
		    .offset = offsetof(struct healthcheck, timeout_ns) },
		{ .key = "start_period",
		    .read = read_health_duration,
		    .offset = offsetof(struct healthcheck, start_period_ns) },
		{ .key = "retries", .read = read_count, .offset = offsetof(struct healthcheck, retries) },
		{ .key = "disable", .read = read_flag, .offset = offsetof(struct healthcheck, disabled) },
		{ .key = "start_interval",
		    .unsupported = "engines before 25 do not know it; set `interval`" },
	};
	struct service *service = into;
	struct healthcheck *health = &service->healthcheck;
	if (fields_read(reader, node, "a healthcheck", fields, ARRAY_LENGTH(fields), health, err) < 0)
		return -1;
	health->present = true;
	return 0;
}

/* ---- the rest ---- */

static int read_restart(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	static const struct {
		const char *name;
		enum restart_policy policy;
	} policies[] = { { "no", RESTART_NO }, { "always", RESTART_ALWAYS },
		{ "on-failure", RESTART_ON_FAILURE }, { "unless-stopped", RESTART_UNLESS_STOPPED } };
	struct service *service = into;
	const char *text = scalar_text(reader, node, "a restart policy", err);
	if (!text)
		return -1;
	struct nearest nearest = nearest_to(text);
	for (size_t i = 0; i < ARRAY_LENGTH(policies); i++) {
		nearest_offer(&nearest, policies[i].name);
		if (strcmp(policies[i].name, text) == 0) {
			service->restart = policies[i].policy;
			return 0;
		}
	}
	int64_t most;
	if (strncmp(text, "on-failure:", 11) == 0 && parse_whole(text + 11, 1, 1000000, &most) == 0) {
		service->restart = RESTART_ON_FAILURE;
		service->restart_max = (int)most;
		return 0;
	}
	char *hint OWNED = suggest(&nearest);
	return refuse(reader, node, err,
	    "`%s` is no restart policy%s (no, always, on-failure, on-failure:N, unless-stopped)", SHOW(text),
	    hint);
}

static int refuse_network(struct reader *reader, const struct node *node, const char *name, struct err *err)
{
	return refuse(reader, node, err,
	    "the network `%s` is not supported: every world has one network, `default`; give the service "
	    "`aliases` there",
	    SHOW(name));
}

static int read_aliases(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	return read_texts(reader, node, &((struct service *)into)->aliases, err);
}

static int read_networks(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	static const struct field fields[] = {
		{ .key = "aliases", .read = read_aliases },
		{ .key = "ipv4_address",
		    .unsupported = "addresses are given by the world's network; use the service's name" },
		{ .key = "ipv6_address",
		    .unsupported = "addresses are given by the world's network; use the service's name" },
	};
	if (node->kind != NODE_SEQUENCE && node->kind != NODE_MAPPING)
		return refuse_kind(reader, node, err, "a list or a map of networks");
	for (size_t i = 0; i < node->item_count; i++) {
		const char *name = scalar_text(reader, node->items[i], "a network's name", err);
		if (!name)
			return -1;
		if (strcmp(name, "default") != 0)
			return refuse_network(reader, node->items[i], name, err);
	}
	for (size_t i = 0; i < node->entry_count; i++) {
		const struct entry *entry = &node->entries[i];
		if (strcmp(entry->key->text, "default") != 0)
			return refuse_network(reader, entry->key, entry->key->text, err);
		if (entry->value->kind != NODE_NULL &&
		    fields_read(reader, entry->value, "a service's network", fields, ARRAY_LENGTH(fields),
			into, err) < 0)
			return -1;
	}
	return 0;
}

static int read_protocol(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	struct service *service = into;
	const char *text = scalar_text(reader, node, "a protocol", err);
	if (!text)
		return -1;
	const struct protocol *protocol = protocol_find(text);
	if (!protocol) {
		struct nearest nearest = nearest_to(text);
		protocol_offer_all(&nearest);
		char *hint OWNED = suggest(&nearest);
		return refuse(
		    reader, node, err, "unknown protocol `%s`%s (redis, postgres, tcp)", SHOW(text), hint);
	}
	free(service->protocol);
	service->protocol = xstrdup(text);
	service->protocol_port = protocol->port;
	return 0;
}

static int read_extension(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	static const struct field fields[] = {
		{ .key = "protocol", .read = read_protocol },
		{ .key = "port", .read = read_port, .offset = offsetof(struct service, protocol_port) },
	};
	struct service *service = into;
	if (fields_read(reader, node, "a service's x-falsestart", fields, ARRAY_LENGTH(fields), into, err) <
	    0)
		return -1;
	if (node_get(node, "protocol") && service->protocol_port == 0)
		return refuse(
		    reader, node, err, "the protocol `%s` has no usual port; add `port`", service->protocol);
	if (!node_get(node, "protocol") && !service->protocol)
		return refuse(
		    reader, node, err, "the image says no protocol; add `protocol: tcp` to the port");
	return 0;
}

static int read_image(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	struct service *service = into;
	if (read_text(reader, node, &service->image, err) < 0)
		return -1;
	if (strpbrk(service->image, " \t\n"))
		return refuse(reader, node, err, "`%s` is not an image reference: it has a blank in it",
		    SHOW(service->image));
	int port;
	const struct protocol *protocol = protocol_of_image(service->image, &port);
	if (protocol) {
		service->protocol = xstrdup(protocol->name);
		service->protocol_port = port;
	}
	return 0;
}

#define AT(member) .offset = offsetof(struct service, member)

/* What compose has and a world has not, with the reason, so that nobody believes it was honoured. */
static const struct field service_fields[] = {
	{ .key = "image", .read = read_image, .needed = "the image it runs, as in redis:7" },
	{ .key = "command", .read = read_command },
	{ .key = "entrypoint", .read = read_entrypoint },
	{ .key = "env_file", .read = read_env_file }, /* before environment, which wins */
	{ .key = "environment", .read = read_environment },
	{ .key = "ports", .read = read_service_ports },
	{ .key = "expose" }, /* every port of a service can be reached inside its world */
	{ .key = "volumes", .read = read_service_volumes },
	{ .key = "tmpfs", .read = read_service_tmpfs },
	{ .key = "healthcheck", .read = read_healthcheck },
	{ .key = "restart", .read = read_restart },
	{ .key = "depends_on" }, /* service_read_dependencies() */
	{ .key = "user", .read = read_text, AT(user) },
	{ .key = "working_dir", .read = read_text, AT(working_dir) },
	{ .key = "init", .read = read_flag, AT(init) },
	{ .key = "tty", .read = read_flag, AT(tty) },
	{ .key = "stop_signal", .read = read_text, AT(stop_signal) },
	{ .key = "stop_grace_period", .read = read_engine_duration, AT(stop_grace_period_ns) },
	{ .key = "networks", .read = read_networks },
	{ .key = "extra_hosts", .read = read_extra_hosts },
	{ .key = "labels", .read = read_labels },
	{ .key = "x-falsestart", .read = read_extension },
	{ .key = "x-" },
	{ .key = "build", .unsupported = "build the image first and name it in `image`" },
	{ .key = "container_name",
	    .unsupported = "worlds run side by side, so each names its containers itself; "
			   "reach the service by its name, or add networks.default.aliases" },
	{ .key = "hostname",
	    .unsupported = "a service is known by its name; add networks.default.aliases for others" },
	{ .key = "network_mode", .unsupported = "every world has its own network; remove the key" },
	{ .key = "links",
	    .unsupported =
		"services reach each other by name; for another name use networks.default.aliases" },
	{ .key = "deploy",
	    .unsupported =
		"a world runs one container for each service; for a restart policy use `restart`" },
	{ .key = "scale",
	    .unsupported = "a world runs one container for each service; write a second service" },
	{ .key = "profiles", .unsupported = "the steps of the scenario say which services are started" },
	{ .key = "extends", .unsupported = "use a YAML anchor and `<<: *name` in the same file" },
	{ .key = "secrets", .unsupported = "mount the file through `volumes`" },
	{ .key = "configs", .unsupported = "mount the file through `volumes`" },
	{ .key = "privileged", .unsupported = "services run without privileges over the host" },
	{ .key = "cap_add", .unsupported = "services run without privileges over the host" },
	{ .key = "devices", .unsupported = "services run without privileges over the host" },
	{ .key = "pid", .unsupported = "services share no namespace with the host" },
	{ .key = "dns", .unsupported = "the world answers for names; use `extra_hosts` for further ones" },
	{ .key = "logging", .unsupported = "the log is read by falsestart; remove the key" },
	{ .key = "pull_policy", .unsupported = "an image is pulled when it is missing; remove the key" },
	{ .key = "platform", .unsupported = "the engine's own platform is used; remove the key" },
};

int service_read(struct reader *reader, const struct node *node, struct service *service, struct err *err)
{
	char what[SHOW_MAX + 16];
	snprintf(what, sizeof(what), "service `%s`", SHOW(service->name));
	service->stop_grace_period_ns = STOP_GRACE_PERIOD_S * NS_PER_S;
	return fields_read(reader, node, what, service_fields, ARRAY_LENGTH(service_fields), service, err);
}

void service_release(struct service *service)
{
	free(service->name);
	free(service->image);
	strings_release(&service->command);
	strings_release(&service->entrypoint);
	strings_release(&service->environment);
	strings_release(&service->labels);
	strings_release(&service->aliases);
	strings_release(&service->extra_hosts);
	for (size_t i = 0; i < service->port_count; i++) {
		free(service->ports[i].host_address);
		free(service->ports[i].protocol);
	}
	free(service->ports);
	for (size_t i = 0; i < service->mount_count; i++) {
		free(service->mounts[i].source);
		free(service->mounts[i].target);
		free(service->mounts[i].options);
	}
	free(service->mounts);
	strings_release(&service->healthcheck.test);
	free(service->depends_on);
	free(service->user);
	free(service->working_dir);
	free(service->stop_signal);
	free(service->protocol);
}
