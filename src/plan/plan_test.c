/* What a plan holds, for scenarios that are accepted. */
#include "plan/plan.h"

#include "base/buf.h"
#include "base/duration.h"
#include "plan/plan_private.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#define EVERY_VERB "fixtures/scenarios/valid/every-verb/scenario.yaml"
#define EVERY_STACK_KEY "fixtures/scenarios/valid/every-stack-key/scenario.yaml"

static const struct plan *load(void **state, const char *path, double speed)
{
	struct err err = ERR_INIT;
	struct plan *plan = plan_load(path, speed, &err);
	if (!plan)
		BUG("%s", err.message);
	*state = plan;
	return plan;
}

static int teardown(void **state)
{
	plan_free(*state);
	return 0;
}

static const struct expectation *expectation(const struct plan *plan, const char *id)
{
	for (size_t i = 0; i < plan->expectation_count; i++)
		if (strcmp(plan->expectations[i].id, id) == 0)
			return &plan->expectations[i];
	fail_msg("no expectation `%s`", id);
	return NULL;
}

static const struct step *step(const struct plan *plan, const char *id)
{
	int index = plan_find_step(plan, id);
	if (index < 0)
		fail_msg("no step `%s`", id);
	return &plan->steps[index];
}

static const struct service *service(const struct plan *plan, const char *name)
{
	int index = stack_find(plan->stack, name);
	if (index < 0)
		fail_msg("no service `%s`", name);
	return &plan->stack->services[index];
}

static void assert_strings(const struct strings *strings, const char *const *expected)
{
	size_t count = 0;
	while (expected[count])
		count++;
	for (size_t i = 0; i < strings->count && i < count; i++)
		assert_string_equal(strings->items[i], expected[i]);
	assert_int_equal(strings->count, count);
}
#define assert_texts(strings, ...) assert_strings(&(strings), (const char *const[]){ __VA_ARGS__, NULL })

static void test_speed_divides_what_is_not_real(void **state)
{
	const struct plan *plan = load(state, EVERY_VERB, 10);
	assert_int_equal(plan->timeout_ns, 300 * NS_PER_S);
	assert_int_equal(step(plan, "hold-18")->hold_ns, 300 * NS_PER_MS);
	assert_int_equal(step(plan, "wait-4")->max_ns, 2 * NS_PER_S);
	assert_int_equal(step(plan, "wait-2")->max_ns, 30 * NS_PER_S);
	assert_int_equal(step(plan, "wait-11")->max_ns, 60 * NS_PER_S); /* a default is real */
	assert_int_equal(step(plan, "put")->request.timeout_ns, 2 * NS_PER_S);
	assert_int_equal(step(plan, "redis-back")->after.plus_ns, 25 * NS_PER_MS);
	const struct expectation *listens = expectation(plan, "listens");
	assert_int_equal(listens->within_ns, 10 * NS_PER_S);
	assert_int_equal(listens->claim.low, 200 * NS_PER_MS);
	assert_int_equal(listens->claim.high, 500 * NS_PER_MS);
	assert_string_equal(listens->claim_text, "2s..5s");
	const struct watch *dial = &plan->watches[plan_find_watch(plan, "dial")];
	assert_string_equal(dial->fails, "Connection attempt (\\d+)/20 failed, retrying in 100ms");
	assert_string_equal(dial->succeeds, "Connected after 60 s");
	/* The engine's durations are the engine's. */
	assert_int_equal(service(plan, "redis")->stop_grace_period_ns, 10 * NS_PER_S);
}

static void test_steps(void **state)
{
	const struct plan *plan = load(state, EVERY_VERB, 1);
	const struct step *first = step(plan, "dependencies");
	assert_int_equal(first->service_count, 2);
	assert_int_equal(first->after.kind, MOMENT_WORLD);
	assert_false(first->has_after);
	const struct step *wait = step(plan, "wait-2");
	assert_int_equal(wait->until.kind, MOMENT_SERVICE);
	assert_string_equal(wait->until.what, "ready");
	assert_null(wait->until.after); /* the runner counts since the last act */
	assert_int_equal(wait->after.kind, MOMENT_STEP);
	assert_string_equal(wait->after.name, "dependencies");
	const struct step *put = step(plan, "put");
	assert_string_equal(put->request.method, "POST");
	assert_string_equal(put->request.path, "/api/v1/cache/key?ttl=5");
	assert_int_equal(put->request.port, 4000);
	assert_texts(put->request.headers, "Content-Type: application/json", "X-Trace: 1");
	assert_string_equal(put->request.body, "{\"value\": 1}");
	const struct step *attempt = step(plan, "wait-7");
	assert_int_equal(attempt->until.kind, MOMENT_ATTEMPT);
	assert_int_equal(attempt->until.number, 6);
	assert_null(attempt->until.after);
	assert_string_equal(step(plan, "wait-8")->until.after->name, "redis-away");
	const struct step *pause = step(plan, "pause-redis");
	assert_int_equal(pause->after.kind, MOMENT_SERVICE);
	assert_int_equal(pause->after.plus_ns, NS_PER_S);
	assert_int_equal(pause->after.after->kind, MOMENT_STEP);
	const struct step *restart = step(plan, "restart-postgres");
	assert_int_equal(restart->after.kind, MOMENT_LOG);
	assert_string_equal(restart->after.name, "gateway");
	assert_string_equal(step(plan, "kill-redis")->signal, "SIGTERM");
	assert_string_equal(step(plan, "kill-postgres")->signal, "SIGKILL");
	assert_int_equal(step(plan, "crash-postgres")->kind, STEP_CRASH);
	assert_string_equal(step(plan, "crash-postgres")->signal, "SIGSEGV");
	assert_string_equal(step(plan, "crash-redis-gateway")->signal, "SIGKILL");
	assert_int_equal(step(plan, "exhaust-gateway")->kind, STEP_EXHAUST);
}

static void test_expectations(void **state)
{
	const struct plan *plan = load(state, EVERY_VERB, 1);
	const struct expectation *within = expectation(plan, "ready-reach-healthy");
	assert_int_equal(within->within_ns, -1);
	assert_int_equal(within->within_steps, 1);
	assert_int_equal(within->within_watch, plan_find_watch(plan, "dial"));
	assert_string_equal(within->after.what, "ready");
	const struct expectation *always = expectation(plan, "ready-always-degraded");
	assert_true(always->has_after && always->has_until);
	assert_string_equal(always->until.name, "redis-back");
	assert_texts(always->ignore, "refused");
	const struct backoff *backoff = &expectation(plan, "dial-backoff")->backoff;
	assert_int_equal(backoff->cap_ns, 15 * NS_PER_S);
	assert_true(backoff->tolerance > 0.0999 && backoff->tolerance < 0.1001);
	assert_true(backoff->has_then);
	assert_int_equal(backoff->then_ns, 15 * NS_PER_S);
	const struct backoff *none = &expectation(plan, "dial-backoff-2")->backoff;
	assert_true(none->has_then);
	assert_int_equal(none->then_ns, 0);
	assert_int_equal(none->at_least, 3);
	assert_int_equal(none->floor_ns, 20 * NS_PER_MS);
	assert_int_equal(none->cap_ns, INT64_MAX);
	const struct expectation *twice = expectation(plan, "gateway-log-matches-4");
	assert_int_equal(twice->times.low, 0);
	assert_int_equal(twice->times.high, 3);
	const struct expectation *numbers = expectation(plan, "gateway-log-matches-5");
	assert_int_equal(numbers->number_count, 3);
	assert_int_equal(numbers->numbers[1], 2);
	assert_true(numbers->numbers_repeat);
	const struct expectation *get = expectation(plan, "get-respond");
	assert_int_equal(get->respond.status.low, 503);
	assert_int_equal(get->respond.header_count, 3);
	assert_string_equal(get->respond.headers[0].value, "30");
	assert_null(get->respond.headers[1].value);
	assert_true(get->respond.headers[2].absent);
	assert_string_equal(get->respond.bodies[1].value, "30");
	assert_string_equal(get->respond.bodies[3].value, "null");
	assert_int_equal(expectation(plan, "mem-memory")->growth, 5000000);
	assert_int_equal(expectation(plan, "mem-memory")->claim.high, 5 * 1048576);
	assert_int_equal(expectation(plan, "fds-descriptors")->growth, 5);
	assert_int_equal(expectation(plan, "fds-descriptors")->claim.high, 2);
	assert_int_equal(
	    expectation(plan, "gateway-never-exited-restarted-oom-killed")->service, plan->subject);
	assert_int_equal(expectation(plan, "get-respond")->step, plan_find_step(plan, "get"));
}

static void test_every_log_is_watched(void **state)
{
	const struct plan *plan = load(state, EVERY_VERB, 1);
	assert_int_equal(plan->watch_count, 6 + plan->stack->service_count);
	const struct watch *log = &plan->watches[plan_find_watch(plan, "redis.log")];
	assert_int_equal(log->kind, WATCH_LOG);
	assert_int_equal(log->service, stack_find(plan->stack, "redis"));
}

static void test_stack(void **state)
{
	unsetenv("FROM_ENV_OR_NOT");
	unsetenv("LEVEL");
	const struct plan *plan = load(state, EVERY_STACK_KEY, 2);
	const struct service *app = service(plan, "app");
	assert_true(plan->stack->egress);
	assert_texts(app->command, "sh", "-c", "echo \"$HOME\" && exec app --name=\"a b\"");
	assert_texts(app->entrypoint, "/bin/tini", "--");
	assert_texts(app->environment, "FIRST=1", "SECOND=two\twords # kept", "THIRD=as $is", "FOURTH=1-x",
	    "PLAIN=1", "LEVEL=info", "EMPTY=", "SPEED=2", "OTHER=set");
	assert_texts(app->labels, "team=a");
	assert_texts(app->aliases, "api", "www");
	assert_texts(app->extra_hosts, "host.internal:10.0.0.1");
	assert_true(app->init && app->tty);
	assert_int_equal(app->restart, RESTART_ON_FAILURE);
	assert_int_equal(app->restart_max, 3);
	assert_int_equal(app->stop_grace_period_ns, 2 * NS_PER_S);
	assert_int_equal(app->healthcheck.start_period_ns, 90 * NS_PER_S);
	assert_texts(app->healthcheck.test, "CMD-SHELL", "curl -f http://localhost/");
	assert_int_equal(app->depends_on_count, 3);
	assert_int_equal(app->depends_on[1].condition, DEPENDS_COMPLETED);
	const struct service *db = service(plan, "db");
	assert_texts(db->environment, "POSTGRES_PASSWORD=secret", "NUMBER=5", "YES=true");
	assert_string_equal(db->protocol, "postgres");
	assert_int_equal(db->protocol_port, 5432);
	assert_string_equal(service_environment(db, "NUMBER"), "5");
	assert_null(service_environment(db, "NUMBE"));
	assert_int_equal(service(plan, "cache")->protocol_port, 7000);
	assert_true(service(plan, "cache")->healthcheck.disabled);
}

static void test_ports(void **state)
{
	const struct service *app = service(load(state, EVERY_STACK_KEY, 1), "app");
	static const struct port_mapping expected[] = {
		{ NULL, 0, 3000, (char *)"tcp" },
		{ NULL, 8080, 80, (char *)"tcp" },
		{ (char *)"127.0.0.1", 5000, 5000, (char *)"udp" },
		{ (char *)"::1", 6000, 6000, (char *)"tcp" },
		{ (char *)"127.0.0.1", 0, 9000, (char *)"tcp" },
		{ (char *)"0.0.0.0", 8081, 81, (char *)"tcp" },
	};
	assert_int_equal(app->port_count, ARRAY_LENGTH(expected));
	for (size_t i = 0; i < app->port_count; i++) {
		const struct port_mapping *port = &app->ports[i];
		assert_int_equal(port->host_port, expected[i].host_port);
		assert_int_equal(port->container_port, expected[i].container_port);
		assert_string_equal(port->protocol, expected[i].protocol);
		assert_int_equal(!port->host_address, !expected[i].host_address);
		if (port->host_address)
			assert_string_equal(port->host_address, expected[i].host_address);
	}
}

static void test_mounts(void **state)
{
	const struct service *app = service(load(state, EVERY_STACK_KEY, 1), "app");
	static const struct {
		enum mount_kind kind;
		const char *source, *target, *options; /* the source of a bind: how it ends */
		bool read_only;
	} expected[] = {
		{ MOUNT_VOLUME, NULL, "/anonymous", NULL, false },
		{ MOUNT_VOLUME, "data", "/data", NULL, true },
		{ MOUNT_BIND, "/fixtures/scenarios/valid/every-stack-key/files", "/files", NULL, true },
		{ MOUNT_BIND, "/../every-stack-key", "/all", NULL, true },
		{ MOUNT_VOLUME, "more", "/more", NULL, false },
		{ MOUNT_TMPFS, NULL, "/scratch", "size=67108864", false },
		{ MOUNT_TMPFS, NULL, "/run", "size=1m", false },
		{ MOUNT_TMPFS, NULL, "/tmp", NULL, false },
	};
	assert_int_equal(app->mount_count, ARRAY_LENGTH(expected));
	for (size_t i = 0; i < app->mount_count; i++) {
		const struct mount *mount = &app->mounts[i];
		assert_int_equal(mount->kind, expected[i].kind);
		assert_string_equal(mount->target, expected[i].target);
		assert_int_equal(mount->read_only, expected[i].read_only);
		assert_string_equal(
		    mount->options ? mount->options : "", expected[i].options ? expected[i].options : "");
		const char *source = mount->source ? mount->source : "";
		const char *wanted = expected[i].source ? expected[i].source : "";
		assert_int_equal(!mount->source, !expected[i].source);
		if (mount->kind == MOUNT_BIND)
			assert_true(source[0] == '/' && strstr(source, wanted));
		else
			assert_string_equal(source, wanted);
	}
}

static void test_start_order(void **state)
{
	const struct plan *plan = load(state, EVERY_STACK_KEY, 1);
	size_t order[4], place[4];
	assert_int_equal(plan->stack->service_count, 4);
	stack_start_order(plan->stack, order);
	for (size_t i = 0; i < 4; i++)
		place[order[i]] = i;
	for (size_t i = 0; i < 4; i++)
		for (size_t j = 0; j < plan->stack->services[i].depends_on_count; j++)
			assert_true(place[plan->stack->services[i].depends_on[j].service] < place[i]);
}

static bool has_word(const char *text, const char *word)
{
	for (const char *found = text; (found = strstr(found, word)); found++)
		if (found > text && strchr("` \n", found[-1]) && strchr("` \n", found[strlen(word)]))
			return true;
	return false;
}

/* What a trace may say of a service, and a scenario may wait for, is on the page of either. */
static void test_pages_name_every_event(void **state)
{
	(void)state;
	static const char *const pages[] = { "docs/trace.md", "docs/scenario.md" };
	for (size_t i = 0; i < ARRAY_LENGTH(pages); i++) {
		FILE *file = fopen(pages[i], "r");
		assert_non_null(file);
		struct buf text CLEANUP(buf_release) = { 0 };
		char line[4096];
		while (fgets(line, sizeof(line), file))
			buf_add_string(&text, line);
		fclose(file);
		for (size_t k = 0; service_events[k]; k++)
			if (!has_word(buf_string(&text), service_events[k]))
				fail_msg("%s does not name `%s`", pages[i], service_events[k]);
	}
}

#define test(function) cmocka_unit_test_teardown(function, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(test_speed_divides_what_is_not_real),
		test(test_steps),
		test(test_expectations),
		test(test_every_log_is_watched),
		test(test_stack),
		test(test_ports),
		test(test_mounts),
		test(test_start_order),
		test(test_pages_name_every_event),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
