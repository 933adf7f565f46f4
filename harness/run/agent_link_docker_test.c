/* The link to a real agent, in a container of the real engine, and to containers that are none. */
#include "engine/docker_fixture.h"
#include "run/agent_image.h"
#include "run/agent_link.h"

struct watch {
	struct fixture *fixture;
	struct agent_link *link;
	char name[NAME_MAX_LENGTH];
	int ready, oks, done, failures;
	int64_t last_ok_ns;
	int64_t from_ns, to_ns;
	struct err refusal, failure;
	int64_t opening_ns;
};

static void on_ready(void *owner)
{
	struct watch *watch = owner;
	watch->ready++;
	loop_stop(watch->fixture->loop);
}

static void on_notice(void *owner, const struct notice *notice)
{
	struct watch *watch = owner;
	assert_int_equal(watch->ready, 1);
	assert_true(notice->at_ns <= loop_now_ns(watch->fixture->loop));
	if (notice->kind == NOTICE_OK) {
		watch->oks++;
		watch->last_ok_ns = notice->at_ns;
	}
}

static void on_failed(void *owner, const struct err *err)
{
	struct watch *watch = owner;
	watch->failures++;
	watch->failure = *err;
	assert_int_equal(err->kind, ERR_ENVIRONMENT);
	agent_link_command(watch->link, NULL, NULL, "ping"); /* is nothing any more */
	loop_stop(watch->fixture->loop);
}

static const struct agent_link_events events = {
	.ready = on_ready, .notice = on_notice, .failed = on_failed
};

static void on_command_done(void *owner, int64_t from_ns, int64_t to_ns, const struct err *err)
{
	struct watch *watch = owner;
	watch->from_ns = from_ns;
	watch->to_ns = to_ns;
	watch->done++;
	watch->refusal = err ? *err : (struct err)ERR_INIT;
	assert_true(from_ns <= to_ns);
	assert_true(to_ns <= loop_now_ns(watch->fixture->loop));
	loop_stop(watch->fixture->loop);
}

/* The image is named by its contents and left where it is: others may use it. */
static char *load_agent(struct fixture *fixture)
{
	struct err err = ERR_INIT;
	char *reference = NULL;
	int tar = -1;
	json_t *version = must(fixture, engine_negotiate);
	const char *architecture = json_string_value(json_object_get(version, "Arch"));
	if (agent_image_tar(architecture, &reference, &tar, &err) < 0)
		fail_msg("%s", err.message);
	must(fixture, engine_image_load, tar);
	close(tar);
	return reference;
}

/* `command` NULL: the image's own. */
static void make(struct watch *watch, const char *stem, const char *image, const char *const command[])
{
	static const char *const none[] = { NULL };
	struct fixture *fixture = watch->fixture;
	snprintf(watch->name, sizeof(watch->name), "%s-%s", fixture->name, stem);
	json_t *config = container_config(fixture, command ? command : none, NULL);
	json_object_set_new(config, "Image", json_string(image));
	if (!command)
		json_object_del(config, "Cmd");
	json_object_set_new(config, "OpenStdin", json_true());
	json_object_set_new(config, "StdinOnce", json_true());
	json_t *host = json_object_get(config, "HostConfig");
	json_object_set_new(host, "CapDrop", json_pack("[s]", "ALL"));
	json_object_set_new(host, "CapAdd", json_pack("[s, s]", "NET_ADMIN", "NET_RAW"));
	must(fixture, engine_container_create, watch->name, config);
	json_decref(config);
}

static void open_link(struct watch *watch)
{
	watch->link = agent_link_new(
	    watch->fixture->loop, watch->fixture->engine, watch->name, "redis", &events, watch);
}

static void open_agent(struct watch *watch, const char *stem)
{
	char *image OWNED = load_agent(watch->fixture);
	make(watch, stem, image, NULL);
	watch->opening_ns = -loop_now_ns(watch->fixture->loop);
	open_link(watch);
	wait_until(watch->fixture->loop, watch->ready || watch->failures);
	watch->opening_ns += loop_now_ns(watch->fixture->loop);
	if (watch->failures)
		fail_msg("%s", watch->failure.message);
}

static void wait_for_failure(struct watch *watch, const char *beginning)
{
	wait_until(watch->fixture->loop, watch->failures);
	if (strncmp(watch->failure.message, beginning, strlen(beginning)) != 0)
		fail_msg("expected: %s\ngot: %s", beginning, watch->failure.message);
	agent_link_free(steal_ptr(watch->link));
	assert_int_equal(watch->failures, 1);
}

static int64_t exit_code(struct watch *watch)
{
	json_t *reply = must(watch->fixture, engine_container_wait, watch->name);
	return json_integer_value(json_object_get(reply, "StatusCode"));
}

static int compare_times(const void *one, const void *other)
{
	const int64_t *a = one, *b = other;
	return (*a > *b) - (*a < *b);
}

#define PINGS 1000

static void test_commands(void **state)
{
	struct watch watch = { .fixture = *state };
	struct loop *loop = watch.fixture->loop;
	open_agent(&watch, "commands");
	json_t *version = must(watch.fixture, engine_negotiate);
	assert_string_equal(
	    agent_link_architecture(watch.link), json_string_value(json_object_get(version, "Arch")));
	/* One kernel, one clock: the runner is where the engine is. */
	assert_int_equal(agent_link_clock_error_ns(watch.link), 0);
	char took[DURATION_TEXT_MAX];
	print_message("attached, started and ready in %s\n", duration_format(watch.opening_ns, took));

	agent_link_command(watch.link, on_command_done, &watch, "frobnicate %d", 3);
	wait_until(loop, watch.done == 1 || watch.failures);
	assert_ptr_equal(strstr(watch.refusal.message, "the agent of `redis` refused `frobnicate 3`: "),
	    watch.refusal.message);

	int64_t took_ns[PINGS];
	for (int i = 0; i < PINGS; i++) {
		int done = watch.done;
		int64_t sent_ns = loop_now_ns(loop);
		agent_link_command(watch.link, on_command_done, &watch, "ping");
		wait_until(loop, watch.done > done || watch.failures);
		took_ns[i] = loop_now_ns(loop) - sent_ns;
		assert_true(watch.from_ns >= sent_ns && watch.last_ok_ns == watch.to_ns);
	}
	qsort(took_ns, PINGS, sizeof(took_ns[0]), compare_times);
	print_message("%d pings: median %lld us, 99 %% under %lld us\n", PINGS,
	    (long long)(took_ns[PINGS / 2] / NS_PER_US), (long long)(took_ns[PINGS * 99 / 100] / NS_PER_US));
	assert_true(took_ns[PINGS / 2] < 20 * NS_PER_MS);

	for (int i = 0; i < PINGS; i++)
		agent_link_command(watch.link, on_command_done, &watch, "ping");
	wait_until(loop, watch.done == 1 + 2 * PINGS || watch.failures);
	assert_int_equal(watch.oks, 2 * PINGS);
	assert_int_equal(watch.failures, 0);

	agent_link_command(watch.link, on_command_done, &watch, "quit");
	assert_int_equal(exit_code(&watch), 0);
	wait_until(loop, watch.done == 2 + 2 * PINGS);
	must(watch.fixture, engine_ping);
	assert_int_equal(watch.failures, 0);
	agent_link_free(watch.link);
}

static void test_freed_agents_end(void **state)
{
	struct watch watch = { .fixture = *state };
	open_agent(&watch, "freed");
	agent_link_free(watch.link);
	assert_int_equal(exit_code(&watch), 0);
	assert_int_equal(watch.failures, 0);
	/* At any time. */
	struct watch early = { .fixture = *state };
	char *image OWNED = load_agent(early.fixture);
	make(&early, "early", image, NULL);
	open_link(&early);
	agent_link_free(early.link);
	open_link(&early);
	must(early.fixture, engine_ping);
	agent_link_free(early.link);
	agent_link_free(NULL);
	must(early.fixture, engine_ping);
	assert_int_equal(early.ready + early.failures, 0);
}

static void test_agents_that_die(void **state)
{
	struct watch killed = { .fixture = *state };
	open_agent(&killed, "killed");
	agent_link_command(killed.link, on_command_done, &killed, "ping");
	must(killed.fixture, engine_container_kill, killed.name, "SIGKILL");
	int64_t killed_ns = loop_now_ns(killed.fixture->loop);
	wait_for_failure(&killed, "the agent of `redis` exited with 137");
	char took[DURATION_TEXT_MAX];
	print_message("a death is told %s after the engine has answered the kill\n",
	    duration_format(loop_now_ns(killed.fixture->loop) - killed_ns, took));

	struct watch removed = { .fixture = *state };
	open_agent(&removed, "removed");
	must(removed.fixture, engine_container_remove, removed.name);
	wait_for_failure(&removed, "the agent of `redis` is gone: somebody removed its container");

	struct watch stopped = { .fixture = *state };
	open_agent(&stopped, "stopped");
	must(stopped.fixture, engine_container_pause, stopped.name);
	agent_link_command(stopped.link, on_command_done, &stopped, "gate 6379 refused");
	wait_for_failure(
	    &stopped, "the agent of `redis` did not answer `gate 6379 refused` within 10s; it is paused");
	assert_int_equal(stopped.done, 0);
}

static void fail_to_open(
    struct fixture *fixture, const char *stem, const char *const command[], const char *beginning)
{
	struct watch watch = { .fixture = fixture };
	make(&watch, stem, fixture->image, command);
	open_link(&watch);
	wait_for_failure(&watch, beginning);
	assert_int_equal(watch.ready, 0);
}

static void test_containers_that_are_no_agents(void **state)
{
	struct fixture *fixture = *state;
	fail_to_open(fixture, "talker", (const char *const[]){ "wait", NULL },
	    "the agent of `redis`: the agent's line `up` cannot be read");
	fail_to_open(fixture, "short", (const char *const[]){ "flood", "0", NULL },
	    "the agent of `redis` exited with 0");
	fail_to_open(fixture, "silent", (const char *const[]){ "echo", NULL },
	    "the agent of `redis` did not say hello within 10s of its start; it is running");

	struct watch nobody = { .fixture = fixture, .name = "nobody" };
	open_link(&nobody);
	wait_for_failure(&nobody,
	    "the agent of `redis` is out of reach: attach to container `nobody`: No such container: nobody");

	struct watch broken = { .fixture = fixture };
	snprintf(broken.name, sizeof(broken.name), "%s-broken", fixture->name);
	json_t *config = container_config(fixture, (const char *const[]){ "x", NULL }, NULL);
	json_object_set_new(config, "Entrypoint", json_pack("[s]", "/no-such-program"));
	must(fixture, engine_container_create, broken.name, config);
	json_decref(config);
	open_link(&broken);
	wait_for_failure(&broken, "the agent of `redis` does not start: start container `");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_commands, remove_all),
		cmocka_unit_test_teardown(test_freed_agents_end, remove_all),
		cmocka_unit_test_teardown(test_agents_that_die, remove_all),
		cmocka_unit_test_teardown(test_containers_that_are_no_agents, remove_all),
	};
	return cmocka_run_group_tests(tests, docker_setup, docker_teardown);
}
