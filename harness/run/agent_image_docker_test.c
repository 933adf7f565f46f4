/* The image of the agent on the real engine: loaded, found again by its name, and run with no more than the
 * agent is given in a world. */
#include "base/buf.h"
#include "engine/testing.h"
#include "run/agent_image.h"
#include "run/agent_layers.h"

#include <unistd.h>

struct fixture {
	struct loop *loop;
	struct engine *engine;
	struct outcome outcome;
};

#define must(fixture, function, ...)                                                            \
	({                                                                                      \
		outcome_clear(&(fixture)->outcome);                                             \
		(void)function((fixture)->engine, ##__VA_ARGS__, on_done, &(fixture)->outcome); \
		wait_until((fixture)->loop, (fixture)->outcome.ends);                           \
		if (err_is_set(&(fixture)->outcome.err))                                        \
			fail_msg("%s", (fixture)->outcome.err.message);                         \
		(fixture)->outcome.reply;                                                       \
	})

static int set_up(void **state)
{
	struct fixture *fixture = xcalloc(1, sizeof(*fixture));
	struct err err = ERR_INIT;
	*state = fixture;
	fixture->loop = loop_new();
	fixture->outcome.loop = fixture->loop;
	fixture->engine = engine_open(fixture->loop, NULL, &err);
	if (!fixture->engine) {
		print_error("%s\n", err.message);
		return -1;
	}
	must(fixture, engine_negotiate);
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;
	outcome_clear(&fixture->outcome);
	engine_close(fixture->engine);
	loop_free(fixture->loop);
	free(fixture);
	return 0;
}

/* The image may be a run's that is under way: what was there before stays. */
static bool is_there(struct fixture *fixture, const char *reference)
{
	outcome_clear(&fixture->outcome);
	(void)engine_image_inspect(fixture->engine, reference, on_done, &fixture->outcome);
	wait_until(fixture->loop, fixture->outcome.ends);
	return !err_is_set(&fixture->outcome.err);
}

static void load(struct fixture *fixture, const char *architecture, char **ret_reference, bool *ret_is_ours)
{
	struct err err = ERR_INIT;
	int tar;
	if (agent_image_tar(architecture, ret_reference, &tar, &err) < 0)
		fail_msg("%s", err.message);
	*ret_is_ours = !is_there(fixture, *ret_reference);
	json_t *reply = must(fixture, engine_image_load, tar);
	close(tar);
	assert_string_equal(
	    json_string_value(json_array_get(json_object_get(reply, "Loaded"), 0)), *ret_reference);
}

/* The engine checks the layer against its digest; that it can run another machine's is not asked for. */
static void test_load(void **state)
{
	struct fixture *fixture = *state;
	for (const struct agent_layer *layer = agent_layers; layer->architecture; layer++) {
		char *reference OWNED = NULL;
		bool is_ours;
		load(fixture, layer->architecture, &reference, &is_ours);
		json_t *image = must(fixture, engine_image_inspect, reference);
		assert_string_equal(
		    json_string_value(json_object_get(image, "Architecture")), layer->architecture);
		json_t *entrypoint = json_object_get(json_object_get(image, "Config"), "Entrypoint");
		assert_int_equal(json_array_size(entrypoint), 1);
		assert_string_equal(json_string_value(json_array_get(entrypoint, 0)), "/agent");
		if (is_ours)
			must(fixture, engine_image_remove, reference);
	}
}

/* One word of the engine's about itself, in the letters that agents are known by. */
static char *engine_architecture(struct fixture *fixture)
{
	struct engine_request request = {
		.method = "GET", .path = "/version", .doing = "ask for the version"
	};
	json_t *version = must(fixture, engine_request, &request);
	return xstrdup(json_string_value(json_object_get(version, "Arch")));
}

/* With exactly what a sandbox gets. The words of the shell before `docker run`, its options, and those after.
 */
static void run_agent(
    const char *reference, const char *before, const char *options, const char *after, struct buf *ret_said)
{
	char *command OWNED = xasprintf(
	    "%s timeout 60 docker run -i %s --label dev=agent --read-only --cap-drop ALL --cap-add NET_ADMIN "
	    "--cap-add NET_RAW --security-opt no-new-privileges --memory 32m --network none %s %s 2>&1",
	    before, options, reference, after);
	FILE *output = popen(command, "r"); /* NOLINT(cert-env33-c): a command of this file */
	assert_non_null(output);
	char line[2048];
	while (fgets(line, sizeof(line), output))
		buf_add_string(ret_said, line);
	assert_int_equal(pclose(output), 0);
}

static void test_run(void **state)
{
	struct fixture *fixture = *state;
	char *architecture OWNED = engine_architecture(fixture);
	char *reference OWNED = NULL;
	bool is_ours;
	load(fixture, architecture, &reference, &is_ours);
	struct buf said CLEANUP(buf_release) = { 0 };
	run_agent(reference, "printf '7 ping\\n8 nonsense\\n9 quit\\n' |", "--rm", "", &said);
	if (is_ours)
		must(fixture, engine_image_remove, reference);
	char hello[64], boot[64];
	int64_t hello_ns = 0, ping_ns = 0, quit_ns = 0;
	int read = sscanf(buf_string(&said), /* NOLINT(cert-err34-c): what is read is compared below */
	    "hello 1 %63s %63s %ld\nok 7 %ld\nerror 8 field 2: %*[^\n]\nok 9 %ld\n", hello, boot, &hello_ns,
	    &ping_ns, &quit_ns);
	if (read != 5)
		fail_msg("the agent said:\n%s", buf_string(&said));
	assert_string_equal(hello, architecture);
	assert_int_equal(strlen(boot), 36);
	assert_true(hello_ns > 0 && ping_ns >= hello_ns && quit_ns >= ping_ns);
	assert_non_null(strstr(buf_string(&said), "error 8 field 2: expected ping, "));
}

/* As process 1 it gets only the signals it asks for: without, the engine would have to kill it (137). */
static void test_stop(void **state)
{
	struct fixture *fixture = *state;
	char *architecture OWNED = engine_architecture(fixture);
	char *reference OWNED = NULL;
	bool is_ours;
	load(fixture, architecture, &reference, &is_ours);
	struct buf said CLEANUP(buf_release) = { 0 };
	run_agent(reference, "id=$(", "-d",
	    ") && docker logs --follow $id | { read -r hello && echo \"$hello\" && docker stop -t 50 $id "
	    ">/dev/null; } && docker inspect --format 'exit code {{.State.ExitCode}}' $id; "
	    "docker rm -f $id >/dev/null",
	    &said);
	if (is_ours)
		must(fixture, engine_image_remove, reference);
	assert_ptr_equal(strstr(buf_string(&said), "hello 1 "), buf_string(&said));
	assert_non_null(strstr(buf_string(&said), "\nexit code 0\n"));
}

int main(void)
{
	if (system("command -v docker >/dev/null") != 0) { /* NOLINT(cert-env33-c): a command of this file */
		print_message("skipped: needs docker (apt-get install docker.io)\n");
		return 0;
	}
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_load),
		cmocka_unit_test(test_run),
		cmocka_unit_test(test_stop),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
