#include "run/container_config.h"

#include "base/duration.h"
#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

static struct stack *load(const char *text)
{
	char path[64];
	struct err err = ERR_INIT;
	int file = memfd_create("stack", 0);
	dprintf(file, "%s", text);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	const struct variable none = { NULL, NULL };
	struct stack *stack = stack_load(path, &none, &err);
	close(file);
	if (!stack)
		fail_msg("%d:%d: %s", err.line, err.column, err.message);
	return stack;
}

static const struct world_identity sealed = { .run = "abc", .scenario = "s", .number = 2, .internal = true };

static json_t *at(json_t *value, const char *path)
{
	char copy[128], *rest;
	snprintf(copy, sizeof(copy), "%s", path);
	for (char *key = strtok_r(copy, "|", &rest); key && value; key = strtok_r(NULL, "|", &rest))
		value = json_is_array(value) ? json_array_get(value, (size_t)strtol(key, NULL, 10))
					     : json_object_get(value, key);
	return value;
}

static void expect_json(json_t *config, const char *path, const char *expected)
{
	json_t *found = at(config, path);
	char *text OWNED =
	    found ? json_dumps(found, JSON_COMPACT | JSON_ENCODE_ANY | JSON_SORT_KEYS) : xstrdup("absent");
	if (strcmp(text, expected) != 0)
		fail_msg("%s is %s, expected %s", path, text, expected);
}

static void test_everything(void **state)
{
	(void)state;
	struct stack *stack =
	    load("services:\n"
		 "  redis:\n"
		 "    image: redis:7\n"
		 "    command: [redis-server, --save, '']\n"
		 "    entrypoint: [tini, --]\n"
		 "    environment: { A: 1, B: x=y }\n"
		 "    ports: ['127.0.0.1:7000:6379', '6380/udp']\n"
		 "    volumes: ['data:/data', '/etc/hosts:/h:ro']\n"
		 "    tmpfs: [/run]\n"
		 "    healthcheck: { test: [CMD, redis-cli, ping], interval: 2s, retries: 4 }\n"
		 "    restart: on-failure:3\n"
		 "    user: '999'\n"
		 "    working_dir: /data\n"
		 "    init: true\n"
		 "    stop_signal: SIGINT\n"
		 "    stop_grace_period: 1500ms\n"
		 "    extra_hosts: ['away:10.0.0.1']\n"
		 "    labels: { team: cache, io.falsestart.run: forged }\n"
		 "    networks: { default: { aliases: [cache] } }\n"
		 "volumes: { data: }\n");
	json_t *config = container_config(&sealed, &stack->services[0]);
	expect_json(config, "Image", "\"redis:7\"");
	expect_json(config, "Cmd", "[\"redis-server\",\"--save\",\"\"]");
	expect_json(config, "Entrypoint", "[\"tini\",\"--\"]");
	expect_json(config, "Env", "[\"A=1\",\"B=x=y\"]");
	expect_json(config, "User", "\"999\"");
	expect_json(config, "WorkingDir", "\"/data\"");
	expect_json(config, "StopSignal", "\"SIGINT\"");
	expect_json(
	    config, "StopTimeout", "2"); /* the engine takes whole seconds: never shorter than asked */
	expect_json(config, "Healthcheck|Test", "[\"CMD\",\"redis-cli\",\"ping\"]");
	expect_json(config, "Healthcheck|Interval", "2000000000");
	expect_json(config, "Healthcheck|Retries", "4");
	expect_json(config, "HostConfig|Mounts|0|Source", "\"fs-abc-2-data\"");
	expect_json(config, "HostConfig|Mounts|1|Type", "\"bind\"");
	expect_json(config, "HostConfig|Mounts|1|ReadOnly", "true");
	expect_json(config, "HostConfig|Tmpfs", "{\"/run\":\"\"}");
	expect_json(config, "HostConfig|RestartPolicy", "{\"MaximumRetryCount\":3,\"Name\":\"on-failure\"}");
	expect_json(config, "HostConfig|Init", "true");
	expect_json(config, "HostConfig|NetworkMode", "\"container:fs-agent-abc-2-redis\"");
	expect_json(config, "ExposedPorts", "absent"); /* the network is the sandbox's */
	/* A stack cannot pass its containers off as another run's. */
	expect_json(config, "Labels",
	    "{\"io.falsestart.run\":\"abc\",\"io.falsestart.scenario\":\"s\",\"io.falsestart.service\":"
	    "\"redis\","
	    "\"io.falsestart.world\":\"2\",\"team\":\"cache\"}");
	json_decref(config);

	config = sandbox_config(&sealed, &stack->services[0], "falsestart/agent:1", NULL, 0);
	expect_json(config, "ExposedPorts", "{\"6379/tcp\":{},\"6380/udp\":{}}");
	expect_json(
	    config, "HostConfig|PortBindings|6379/tcp", "[{\"HostIp\":\"127.0.0.1\",\"HostPort\":\"7000\"}]");
	expect_json(
	    config, "HostConfig|PortBindings|6380/udp", "[{\"HostIp\":\"127.0.0.1\",\"HostPort\":\"\"}]");
	expect_json(config, "HostConfig|ExtraHosts", "[\"away:10.0.0.1\"]");
	expect_json(config, "NetworkingConfig|EndpointsConfig|fs-abc-2|Aliases", "[\"redis\",\"cache\"]");
	expect_json(config, "HostConfig|CapDrop", "[\"ALL\"]");
	expect_json(config, "HostConfig|CapAdd", "[\"NET_ADMIN\",\"NET_RAW\"]");
	expect_json(config, "HostConfig|ReadonlyRootfs", "true");
	expect_json(config, "HostConfig|SecurityOpt", "[\"no-new-privileges\"]");
	expect_json(config, "HostConfig|Memory", "33554432");
	/* Its events are not taken for the service's. */
	expect_json(config, "Labels",
	    "{\"io.falsestart.run\":\"abc\",\"io.falsestart.sandbox\":\"redis\",\"io.falsestart.scenario\":"
	    "\"s\",\"io.falsestart.world\":\"2\"}");
	json_decref(config);
	stack_free(stack);
}

/* No question and no packet leaves a world, unless its stack says so. */
static void test_sealed(void **state)
{
	(void)state;
	struct stack *stack = load("services: { one: { image: a } }\n");
	struct world_identity world = sealed;
	json_t *config = sandbox_config(&world, &stack->services[0], "a", NULL, 0);
	expect_json(config, "HostConfig|Dns", "[\"127.0.0.1\"]");
	expect_json(config, "HostConfig|DnsSearch", "[\".\"]");
	json_decref(config);
	config = network_config(&world);
	expect_json(config, "Internal", "true");
	json_decref(config);

	world = (struct world_identity){ .run = "abc", .scenario = "s", .number = 1, .published = true };
	const int ports[] = { 4000, 4001 };
	config = sandbox_config(&world, &stack->services[0], "a", ports, 2);
	expect_json(
	    config, "HostConfig|PortBindings|4001/tcp", "[{\"HostIp\":\"127.0.0.1\",\"HostPort\":\"\"}]");
	json_decref(config);
	config = network_config(&world);
	expect_json(config, "Internal", "false");
	expect_json(config, "Options", "{\"com.docker.network.bridge.enable_ip_masquerade\":\"false\"}");
	json_decref(config);

	world.egress = true;
	config = sandbox_config(&world, &stack->services[0], "a", NULL, 0);
	expect_json(config, "HostConfig|Dns", "absent");
	json_decref(config);
	config = network_config(&world);
	expect_json(config, "Options", "{}");
	json_decref(config);
	stack_free(stack);
}

static void test_helper(void **state)
{
	(void)state;
	struct stack *stack = load("services: { one: { image: a } }\n");
	struct world_identity world = { .run = "abc", .scenario = "s", .number = 2 };
	const char *const arguments[] = { "kill", "12", "1f2e", "SIGKILL", "first", NULL };
	json_t *config = helper_config(&world, &stack->services[0], "a", arguments, "KILL", false);
	expect_json(config, "Cmd", "[\"kill\",\"12\",\"1f2e\",\"SIGKILL\",\"first\"]");
	expect_json(config, "Labels|io.falsestart.run", "\"abc\"");
	expect_json(config, "Labels|io.falsestart.world", "\"2\"");
	/* With that label its own end would be taken for the service's. */
	expect_json(config, "Labels|io.falsestart.service", "absent");
	expect_json(config, "HostConfig|PidMode", "\"host\"");
	expect_json(config, "HostConfig|NetworkMode", "\"none\"");
	expect_json(config, "HostConfig|ReadonlyRootfs", "true");
	expect_json(config, "HostConfig|CapDrop", "[\"ALL\"]");
	expect_json(config, "HostConfig|CapAdd", "[\"KILL\"]");
	expect_json(config, "HostConfig|Binds", "absent");
	json_decref(config);
	config = helper_config(&world, &stack->services[0], "a", arguments, NULL, true);
	expect_json(config, "HostConfig|CapAdd", "absent");
	expect_json(config, "HostConfig|Binds", "[\"/sys/fs/cgroup:/cgroup\"]");
	json_decref(config);
	stack_free(stack);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_everything),
		cmocka_unit_test(test_sealed),
		cmocka_unit_test(test_helper),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
