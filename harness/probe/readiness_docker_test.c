/*
 * The readiness probe against real servers: redis:7 and postgres:15 on the engine, each rung made with the
 * server's own means. Skipped where no engine answers or an image is missing.
 */
#include "probe/probe.h"

#include "base/buf.h"
#include "base/duration.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define DEADLINE_NS (60 * NS_PER_S)
#define CHANGES 64

struct fixture {
	struct loop *loop;
	struct timer *deadline;
	struct readiness_probe *probe;
	char *network, *container; /* names */
	char address[64];
	enum readiness until;
	enum readiness changes[CHANGES];
	size_t count;
	struct buf detail; /* of the last change */
};

/* Runs a shell command; its output without the last newline, or NULL if it failed. Owned. */
__attribute__((format(printf, 1, 2))) static char *shell(const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	char *command = NULL;
	int length = vasprintf(&command, format, arguments);
	va_end(arguments);
	if (length < 0)
		return NULL;
	FILE *pipe = popen(command, "r"); /* NOLINT(cert-env33-c): constant commands of this file */
	free(command);
	struct buf output = { .max = 65536 };
	char bytes[4096];
	size_t count;
	while (pipe && (count = fread(bytes, 1, sizeof(bytes), pipe)) > 0)
		buf_add(&output, bytes, count);
	int status = pipe ? pclose(pipe) : -1;
	while (output.length > 0 && output.bytes[output.length - 1] == '\n')
		output.bytes[--output.length] = '\0';
	if (status != 0) {
		buf_release(&output);
		return NULL;
	}
	return buf_steal(&output);
}

#define must_shell(...)                                               \
	({                                                            \
		char *said = shell(__VA_ARGS__);                      \
		if (!said)                                            \
			fail_msg("the command failed: " __VA_ARGS__); \
		said;                                                 \
	})

static void deadline_passed(void *owner)
{
	struct fixture *fixture = owner;
	fixture->deadline = NULL;
	loop_stop(fixture->loop);
}

static int setup(void **state)
{
	static int number;
	struct fixture *fixture = xcalloc(1, sizeof(*fixture));
	fixture->loop = loop_new();
	fixture->deadline =
	    timer_start(fixture->loop, loop_now_ns(fixture->loop) + DEADLINE_NS, deadline_passed, fixture);
	fixture->network = xasprintf("falsestart-probe-%d-%d", (int)getpid(), number);
	fixture->container = xasprintf("falsestart-probe-server-%d-%d", (int)getpid(), number++);
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;
	readiness_probe_stop(fixture->probe);
	timer_cancel(fixture->deadline);
	loop_free(fixture->loop);
	free(shell("docker rm --force --volumes %s 2>/dev/null", fixture->container));
	free(shell("docker network rm %s 2>/dev/null", fixture->network));
	free(fixture->network);
	free(fixture->container);
	buf_release(&fixture->detail);
	free(fixture);
	return 0;
}

static void need_image(const char *image)
{
	char *found OWNED = shell("docker image inspect --format x %s 2>/dev/null", image);
	if (!found) {
		print_message("[  SKIPPED ] no engine answers, or it has no image %s\n", image);
		skip();
	}
}

static void find_address(struct fixture *fixture)
{
	char *address OWNED = must_shell(
	    "docker inspect --format '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' %s",
	    fixture->container);
	snprintf(fixture->address, sizeof(fixture->address), "%s", address);
}

/* A network without a way out, and on it the server. */
static void start_server(struct fixture *fixture, const char *options_and_image)
{
	free(must_shell("docker network create --label falsestart.test=probe "
			"-o com.docker.network.bridge.enable_ip_masquerade=false %s",
	    fixture->network));
	free(must_shell(
	    "docker run --detach --label falsestart.test=probe --dns 127.0.0.1 --network %s --name %s %s",
	    fixture->network, fixture->container, options_and_image));
	find_address(fixture);
}

static void changed(void *owner, const struct readiness_answer *answer)
{
	struct fixture *fixture = owner;
	print_message("           %s: %s\n", readiness_name(answer->readiness), answer->detail);
	fixture->changes[fixture->count++] = answer->readiness;
	buf_clear(&fixture->detail);
	buf_add_string(&fixture->detail, answer->detail);
	if (answer->readiness == fixture->until || fixture->count == CHANGES) {
		readiness_probe_stop(steal_ptr(fixture->probe));
		loop_stop(fixture->loop);
	}
}

/* Runs until the server says `until`. */
static void run_until(struct fixture *fixture, enum readiness until, struct readiness_config config)
{
	config.address = fixture->address;
	config.every_ns = 5 * NS_PER_MS;
	if (!config.timeout_ns)
		config.timeout_ns = 5 * NS_PER_S;
	fixture->until = until;
	fixture->count = 0;
	struct err err = ERR_INIT;
	fixture->probe = readiness_probe_start(fixture->loop, &config, changed, fixture, &err);
	assert_string_equal(err.message, "");
	loop_run(fixture->loop);
	assert_non_null(fixture->deadline);
	assert_int_equal(fixture->changes[fixture->count - 1], until);
}

static void test_redis_loads(void **state)
{
	struct fixture *fixture = *state;
	need_image("redis:7");
	struct readiness_config config = { .protocol = "redis", .port = 6379 };
	/* Redis' own testing knobs: a millisecond a key, and a look at its clients after every kilobyte. */
	start_server(fixture, "redis:7 redis-server --save 3600 1 --key-load-delay 1000"
			      " --loading-process-events-interval-bytes 1024");
	run_until(fixture, READINESS_READY, config);
	free(must_shell("docker exec %s redis-cli eval "
			"\"for i=1,2000 do redis.call('set','key'..i,string.rep('x',64)..i) end\" 0",
	    fixture->container));
	free(must_shell("docker exec %s redis-cli save", fixture->container));
	free(must_shell("docker restart %s", fixture->container));
	find_address(fixture);

	run_until(fixture, READINESS_READY, config);
	assert_true(fixture->count >= 2);
	assert_int_equal(fixture->changes[fixture->count - 2], READINESS_LOADING);
}

static void test_redis_denies(void **state)
{
	struct fixture *fixture = *state;
	need_image("redis:7");
	struct readiness_config config = { .protocol = "redis", .port = 6379, .password = "secret" };
	start_server(fixture, "redis:7 redis-server --requirepass secret");
	run_until(fixture, READINESS_READY, config);
	run_until(fixture, READINESS_READY,
	    (struct readiness_config){ .protocol = "redis",
		.port = 6379,
		.user = "default",
		.password = "secret",
		.database = "15" });
	run_until(fixture, READINESS_DENIED, (struct readiness_config){ .protocol = "redis", .port = 6379 });
	assert_string_equal(buf_string(&fixture->detail), "-NOAUTH Authentication required.");
	config.password = "wrong";
	run_until(fixture, READINESS_DENIED, config);
	assert_non_null(strstr(buf_string(&fixture->detail), "-WRONGPASS"));

	/* One client is there to stay, and then no second one is allowed. */
	config.password = "secret";
	free(must_shell("docker exec --detach %s redis-cli --no-auth-warning -a secret blpop never 60",
	    fixture->container));
	free(must_shell("docker exec %s sh -c 'until redis-cli --no-auth-warning -a secret client list | "
			"grep -q cmd=blpop;"
			" do :; done; redis-cli --no-auth-warning -a secret config set maxclients 1'",
	    fixture->container));
	run_until(fixture, READINESS_DENIED, config);
	assert_non_null(strstr(buf_string(&fixture->detail), "max number of clients"));
}

static void test_a_paused_server_hangs(void **state)
{
	struct fixture *fixture = *state;
	need_image("redis:7");
	struct readiness_config config = { .protocol = "redis", .port = 6379 };
	start_server(fixture, "redis:7 redis-server");
	run_until(fixture, READINESS_READY, config);
	free(must_shell("docker pause %s", fixture->container));
	config.timeout_ns = 200 * NS_PER_MS;
	run_until(fixture, READINESS_HUNG, config);
	assert_int_equal(fixture->count, 1);
	free(must_shell("docker unpause %s", fixture->container));
	run_until(fixture, READINESS_READY, config);
}

static void test_postgres(void **state)
{
	struct fixture *fixture = *state;
	need_image("postgres:15");
	struct readiness_config config = {
		.protocol = "postgres", .port = 5432, .user = "app", .password = "secret", .database = "app"
	};
	start_server(fixture, "--env POSTGRES_USER=app --env POSTGRES_PASSWORD=secret postgres:15");
	run_until(fixture, READINESS_READY, config);

	struct readiness_config wrong = config;
	wrong.password = "wrong";
	run_until(fixture, READINESS_DENIED, wrong);
	assert_non_null(strstr(buf_string(&fixture->detail), "28P01: "));
	wrong = config;
	wrong.database = "nowhere";
	run_until(fixture, READINESS_DENIED, wrong);
	assert_non_null(strstr(buf_string(&fixture->detail), "3D000: "));
	wrong = config;
	wrong.password = NULL;
	run_until(fixture, READINESS_DENIED, wrong);

	/* A smart shutdown waits for the sessions that are open, and lets nobody else in: 57P03. */
	free(
	    must_shell("docker exec --detach %s psql -U app -c \"select pg_sleep(60)\"", fixture->container));
	free(must_shell(
	    "docker exec %s sh -c 'until psql -U app -Atc \"select 1 from pg_stat_activity where query like "
	    "'\\''select pg_sleep%%'\\''\" | grep -q 1; do :; done'",
	    fixture->container));
	free(must_shell("docker kill --signal TERM %s", fixture->container));
	run_until(fixture, READINESS_LOADING, config);
	assert_non_null(strstr(buf_string(&fixture->detail), "57P03: "));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_redis_loads, setup, teardown),
		cmocka_unit_test_setup_teardown(test_redis_denies, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_paused_server_hangs, setup, teardown),
		cmocka_unit_test_setup_teardown(test_postgres, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
