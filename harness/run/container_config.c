#include "run/container_config.h"

#include "base/duration.h"
#include "base/memory.h"

#include <stdio.h>
#include <string.h>

char *world_network_name(const struct world_identity *world)
{
	return xasprintf("fs-%s-%d", world->run, world->number);
}

char *world_object_name(const struct world_identity *world, const char *name)
{
	return xasprintf("fs-%s-%d-%s", world->run, world->number, name);
}

char *world_sandbox_name(const struct world_identity *world, const char *service)
{
	return xasprintf("fs-agent-%s-%d-%s", world->run, world->number, service);
}

char *world_helper_name(const struct world_identity *world, const char *service)
{
	return xasprintf("fs-helper-%s-%d-%s", world->run, world->number, service);
}

static void set_string(json_t *object, const char *key, const char *value)
{
	if (value)
		json_object_set_new(object, key, json_string(value));
}

json_t *world_labels(const struct world_identity *world, const char *service)
{
	char number[16];
	snprintf(number, sizeof(number), "%d", world->number);
	json_t *labels = json_object();
	set_string(labels, LABEL_RUN, world->run);
	set_string(labels, LABEL_WORLD, number);
	set_string(labels, LABEL_SCENARIO, world->scenario);
	set_string(labels, LABEL_SERVICE, service);
	return labels;
}

json_t *network_config(const struct world_identity *world)
{
	char *name OWNED = world_network_name(world);
	json_t *config = json_pack("{s:s, s:s, s:b, s:b, s:o, s:{}}", "Name", name, "Driver", "bridge",
	    "CheckDuplicate", 1, "Internal", world->internal, "Labels", world_labels(world, NULL), "Options");
	/* Where ports are published the network cannot be internal; packets that leave it are at least never
	 * translated, so that no answer comes back. */
	if (!world->egress)
		set_string(json_object_get(config, "Options"),
		    "com.docker.network.bridge.enable_ip_masquerade", "false");
	return config;
}

json_t *volume_config(const struct world_identity *world, const char *volume)
{
	char *name OWNED = world_object_name(world, volume);
	return json_pack("{s:s, s:o}", "Name", name, "Labels", world_labels(world, NULL));
}

static json_t *string_array(const struct strings *strings)
{
	json_t *array = json_array();
	for (size_t i = 0; i < strings->count; i++)
		json_array_append_new(array, json_string(strings->items[i]));
	return array;
}

/* "name=value" entries as an object, added to `object`. */
static void add_pairs(json_t *object, const struct strings *pairs)
{
	for (size_t i = 0; i < pairs->count; i++) {
		const char *equals = strchr(pairs->items[i], '=');
		char *name OWNED = equals ? xmemdup0(pairs->items[i], (size_t)(equals - pairs->items[i]))
					  : xstrdup(pairs->items[i]);
		set_string(object, name, equals ? equals + 1 : "");
	}
}

static void port_key(char *buffer, size_t size, int port, const char *protocol)
{
	snprintf(buffer, size, "%d/%s", port, protocol ? protocol : "tcp");
}

static void publish(json_t *exposed, json_t *bindings, const char *key, const char *address, int host_port)
{
	char port[16] = "";
	if (host_port)
		snprintf(port, sizeof(port), "%d", host_port);
	json_object_set_new(exposed, key, json_object());
	json_t *list = json_object_get(bindings, key);
	if (!list) {
		list = json_array();
		json_object_set_new(bindings, key, list);
	}
	json_array_append_new(
	    list, json_pack("{s:s, s:s}", "HostIp", address ? address : "127.0.0.1", "HostPort", port));
}

static void add_ports(json_t *config, json_t *host, const struct world_identity *world,
    const struct service *service, const int *ports, size_t port_count)
{
	json_t *exposed = json_object(), *bindings = json_object();
	char key[32];
	for (size_t i = 0; i < service->port_count; i++) {
		const struct port_mapping *mapping = &service->ports[i];
		port_key(key, sizeof(key), mapping->container_port, mapping->protocol);
		publish(exposed, bindings, key, mapping->host_address, mapping->host_port);
	}
	for (size_t i = 0; world->published && i < port_count; i++) {
		port_key(key, sizeof(key), ports[i], "tcp");
		publish(exposed, bindings, key, NULL, 0);
	}
	json_object_set_new(config, "ExposedPorts", exposed);
	json_object_set_new(host, "PortBindings", bindings);
}

static void add_mounts(json_t *host, const struct world_identity *world, const struct service *service)
{
	json_t *mounts = json_array(), *tmpfs = json_object();
	for (size_t i = 0; i < service->mount_count; i++) {
		const struct mount *mount = &service->mounts[i];
		if (mount->kind == MOUNT_TMPFS) {
			set_string(tmpfs, mount->target, mount->options ? mount->options : "");
			continue;
		}
		char *source OWNED = NULL;
		if (mount->source)
			source = mount->kind == MOUNT_VOLUME ? world_object_name(world, mount->source)
							     : xstrdup(mount->source);
		json_t *item =
		    json_pack("{s:s, s:s, s:b}", "Type", mount->kind == MOUNT_BIND ? "bind" : "volume",
			"Target", mount->target, "ReadOnly", mount->read_only);
		set_string(item, "Source", source);
		json_array_append_new(mounts, item);
	}
	json_object_set_new(host, "Mounts", mounts);
	json_object_set_new(host, "Tmpfs", tmpfs);
}

static json_t *healthcheck_config(const struct healthcheck *healthcheck)
{
	if (healthcheck->disabled)
		return json_pack("{s:[s]}", "Test", "NONE");
	return json_pack("{s:o, s:I, s:I, s:I, s:i}", "Test", string_array(&healthcheck->test), "Interval",
	    (json_int_t)healthcheck->interval_ns, "Timeout", (json_int_t)healthcheck->timeout_ns,
	    "StartPeriod", (json_int_t)healthcheck->start_period_ns, "Retries", healthcheck->retries);
}

static json_t *restart_config(const struct service *service)
{
	static const char *const names[] = { [RESTART_NO] = "no",
		[RESTART_ON_FAILURE] = "on-failure",
		[RESTART_ALWAYS] = "always",
		[RESTART_UNLESS_STOPPED] = "unless-stopped" };
	return json_pack(
	    "{s:s, s:i}", "Name", names[service->restart], "MaximumRetryCount", service->restart_max);
}

static json_t *networking_config(const struct world_identity *world, const struct service *service)
{
	char *network OWNED = world_network_name(world);
	json_t *aliases = string_array(&service->aliases);
	json_array_insert_new(aliases, 0, json_string(service->name));
	return json_pack("{s:{s:{s:o}}}", "EndpointsConfig", network, "Aliases", aliases);
}

static json_t *host_config(const struct world_identity *world, const struct service *service)
{
	char *sandbox OWNED = world_sandbox_name(world, service->name);
	char *mode OWNED = xasprintf("container:%s", sandbox);
	/* A flood of output must fill neither the disk of the engine nor, later, the trace. */
	return json_pack("{s:s, s:o, s:b, s:{s:s, s:{s:s, s:s}}}", "NetworkMode", mode, "RestartPolicy",
	    restart_config(service), "Init", service->init, "LogConfig", "Type", "json-file", "Config",
	    "max-size", "32m", "max-file", "2");
}

json_t *container_config(const struct world_identity *world, const struct service *service)
{
	json_t *labels = json_object();
	add_pairs(labels, &service->labels);
	json_t *own = world_labels(world, service->name);
	json_object_update(labels, own);
	json_decref(own);
	json_t *host = host_config(world, service);
	json_t *config = json_pack("{s:s, s:o, s:o, s:b}", "Image", service->image, "Env",
	    string_array(&service->environment), "Labels", labels, "Tty", service->tty);
	if (service->has_command)
		json_object_set_new(config, "Cmd", string_array(&service->command));
	if (service->has_entrypoint)
		json_object_set_new(config, "Entrypoint", string_array(&service->entrypoint));
	set_string(config, "User", service->user);
	set_string(config, "WorkingDir", service->working_dir);
	set_string(config, "StopSignal", service->stop_signal);
	json_object_set_new(
	    config, "StopTimeout", json_integer((service->stop_grace_period_ns + NS_PER_S - 1) / NS_PER_S));
	if (service->healthcheck.present)
		json_object_set_new(config, "Healthcheck", healthcheck_config(&service->healthcheck));
	add_mounts(host, world, service);
	json_object_set_new(config, "HostConfig", host);
	return config;
}

json_t *sandbox_config(const struct world_identity *world, const struct service *service, const char *image,
    const int *ports, size_t port_count)
{
	char *network OWNED = world_network_name(world);
	json_t *labels = world_labels(world, NULL);
	set_string(labels, LABEL_SANDBOX, service->name);
	json_t *config = json_pack("{s:s, s:o, s:b, s:b, s:b, s:b, s:b}", "Image", image, "Labels", labels,
	    "OpenStdin", 1, "StdinOnce", 1, "AttachStdin", 1, "AttachStdout", 1, "AttachStderr", 1);
	/* It holds still while the others compete for the processor; what it sees is stamped by the kernel,
	 * but what it does must not be late. */
	json_t *host = json_pack("{s:s, s:o, s:b, s:[s], s:[s,s], s:[s], s:I, s:i, s:i, s:{s:s}}",
	    "NetworkMode", network, "ExtraHosts", string_array(&service->extra_hosts), "ReadonlyRootfs", 1,
	    "CapDrop", "ALL", "CapAdd", "NET_ADMIN", "NET_RAW", "SecurityOpt", "no-new-privileges", "Memory",
	    (json_int_t)SANDBOX_MEMORY, "PidsLimit", 16, "CpuShares", 8192, "LogConfig", "Type", "none");
	/* The resolver of the host is asked nothing, and its search domains are not ours. The agent answers
	 * for every name; where packets may leave it asks the engine's resolver about those it does not know.
	 */
	if (!world->egress) {
		json_object_set_new(host, "Dns", json_pack("[s]", "127.0.0.1"));
		json_object_set_new(host, "DnsSearch", json_pack("[s]", "."));
	}
	add_ports(config, host, world, service, ports, port_count);
	json_object_set_new(config, "HostConfig", host);
	json_object_set_new(config, "NetworkingConfig", networking_config(world, service));
	return config;
}

json_t *helper_config(const struct world_identity *world, const struct service *service, const char *image,
    const char *const *arguments, const char *capability, bool groups)
{
	json_t *labels = world_labels(world, NULL), *command = json_array();
	set_string(labels, LABEL_HELPER, service->name);
	for (; *arguments; arguments++)
		json_array_append_new(command, json_string(*arguments));
	/* An engine that maps users gives the host's processes only to whom it does not map. */
	json_t *host = json_pack("{s:s, s:s, s:s, s:s, s:b, s:[s], s:[s], s:I, s:i, s:{s:s}}", "NetworkMode",
	    "none", "PidMode", "host", "UsernsMode", "host", "CgroupnsMode", "host", "ReadonlyRootfs", 1,
	    "CapDrop", "ALL", "SecurityOpt", "no-new-privileges", "Memory", (json_int_t)SANDBOX_MEMORY,
	    "PidsLimit", 16, "LogConfig", "Type", "none");
	if (capability)
		json_object_set_new(host, "CapAdd", json_pack("[s]", capability));
	if (groups)
		json_object_set_new(host, "Binds", json_pack("[s]", "/sys/fs/cgroup:/cgroup"));
	return json_pack("{s:s, s:o, s:o, s:b, s:b, s:b, s:o}", "Image", image, "Labels", labels, "Cmd",
	    command, "AttachStdin", 0, "AttachStdout", 1, "AttachStderr", 1, "HostConfig", host);
}
