/* Images on the real engine: load, build, pull (from a registry of our own on the loopback), remove; and the
 * engine behind TLS. */
#include "engine/docker_fixture.h"

#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <time.h>

extern char **environ;

static void test_load(void **state)
{
	struct fixture *fixture = *state; /* the set-up has loaded the image */
	json_t *image = must(fixture, engine_image_inspect, fixture->image);
	json_t *config = json_object_get(image, "Config");
	assert_string_equal(
	    json_string_value(json_object_get(json_object_get(config, "Labels"), LABEL)), fixture->name);
	const struct file file = { .name = "nothing.txt", .text = "no image" };
	int tar = make_tar(&file, 1);
	struct outcome *outcome = call(fixture, engine_image_load, tar);
	close(tar);
	assert_null(outcome->reply);
	assert_ptr_equal(strstr(outcome->err.message, "load an image: "), outcome->err.message);
}

struct progress {
	int calls;
	int64_t current, total;
	struct buf statuses;
};

struct work {
	struct outcome outcome; /* first: it is what on_done() gets */
	struct progress progress;
};

static void on_progress(void *owner, const char *status, int64_t current, int64_t total)
{
	struct progress *progress = &((struct work *)owner)->progress;
	assert_true(current >= progress->current);
	assert_true(current <= total);
	progress->calls++;
	progress->current = current;
	progress->total = total;
	buf_addf(&progress->statuses, "%s|", status);
}

static void test_build(void **state)
{
	struct fixture *fixture = *state;
	char *actor OWNED = xasprintf("%s/actor", fixture->folder);
	char tag[96];
	snprintf(tag, sizeof(tag), "%s:built", fixture->name);
	struct file files[] = {
		{ .name = "Dockerfile",
		    .text = "FROM scratch\nCOPY actor /actor\nENTRYPOINT [\"/actor\"]\n" },
		{ .name = "actor", .path = actor },
	};
	int tar = make_tar(files, ARRAY_LENGTH(files));
	json_t *labels = own_labels(fixture);
	struct work work = { .outcome.loop = fixture->loop };
	(void)engine_image_build(fixture->engine, tar, tag, labels, on_progress, on_done, &work);
	wait_until(fixture->loop, work.outcome.ends);
	close(tar);
	if (err_is_set(&work.outcome.err))
		fail_msg("%s", work.outcome.err.message);
	assert_non_null(strstr(work.progress.statuses.bytes, "COPY actor /actor|"));
	char id[80];
	snprintf(id, sizeof(id), "%.71s", json_string_value(json_object_get(work.outcome.reply, "Id")));
	json_t *image = must(fixture, engine_image_inspect, tag);
	assert_string_equal(json_string_value(json_object_get(image, "Id")), id);
	must(fixture, engine_image_remove, tag);
	must(fixture, engine_image_remove, tag); /* already gone is success */
	refused(fixture, engine_image_inspect, 404, "inspect image `", tag);
	outcome_clear(&work.outcome);
	buf_release(&work.progress.statuses);

	files[0].text = "FROM scratch\nCOPY missing /missing\n";
	tar = make_tar(files, ARRAY_LENGTH(files));
	struct outcome *outcome =
	    call(fixture, engine_image_build, tar, tag, labels, (engine_progress *)NULL);
	close(tar);
	json_decref(labels);
	char expected[192];
	snprintf(expected, sizeof(expected), "build image `%s`: COPY failed: file not found", tag);
	assert_ptr_equal(strstr(outcome->err.message, expected), outcome->err.message);
}

static void test_a_pull_that_fails(void **state)
{
	struct fixture *fixture = *state;
	/* Nothing listens there: no packet leaves the machine. */
	struct outcome *outcome =
	    call(fixture, engine_image_pull, "127.0.0.1:1/nothing", (engine_progress *)NULL);
	assert_null(outcome->reply);
	assert_ptr_equal(
	    strstr(outcome->err.message, "pull image `127.0.0.1:1/nothing`: "), outcome->err.message);
	assert_non_null(strstr(outcome->err.message, "connection refused"));
	outcome = call(fixture, engine_image_pull, "NOT A NAME", (engine_progress *)NULL);
	assert_ptr_equal(strstr(outcome->err.message, "pull image `NOT A NAME`: invalid reference format"),
	    outcome->err.message);
}

/* A helper program in the background, ended by its pid. */
static pid_t start_program(const char *const words[])
{
	pid_t pid;
	posix_spawn_file_actions_t actions;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
	int status = posix_spawnp(&pid, words[0], &actions, NULL, (char *const *)words, environ);
	posix_spawn_file_actions_destroy(&actions);
	return status == 0 ? pid : -1;
}

static pid_t helper;

static int stop_helper(void **state)
{
	if (helper > 0) {
		kill(helper, SIGTERM);
		waitpid(helper, NULL, 0);
	}
	helper = 0;
	return remove_all(state);
}

/* A port of the loopback nobody has. */
static int free_port(void)
{
	struct sockaddr_in place = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof(place);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&place, sizeof(place)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&place, &length), 0);
	close(fd);
	return ntohs(place.sin_port);
}

/* Until the helper accepts connections, at most ten seconds; fails at once when it has died. */
static void wait_for_port(int port)
{
	struct sockaddr_in place = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		.sin_port = htons((uint16_t)port) };
	struct timespec start, now;
	clock_gettime(CLOCK_MONOTONIC, &start);
	do {
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		int status = connect(fd, (struct sockaddr *)&place, sizeof(place));
		close(fd);
		if (status == 0)
			return;
		if (waitpid(helper, NULL, WNOHANG) == helper) {
			helper = 0;
			fail_msg("the helper program ended before it listened");
		}
		poll(NULL, 0, 20);
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while (now.tv_sec - start.tv_sec < 10);
	fail_msg("the helper program does not listen on port %d", port);
}

static bool is_installed(const char *program)
{
	char *command OWNED = xasprintf("command -v %s >/dev/null", program);
	return system(command) == 0; /* NOLINT(cert-env33-c): a command of this file */
}

static void start_registry(struct fixture *fixture, int port)
{
	char *path OWNED = xasprintf("%s/registry.yml", fixture->folder);
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	fprintf(file,
	    "version: 0.1\nlog:\n  level: error\nstorage:\n  filesystem:\n    rootdirectory: %s/registry\n"
	    "http:\n  addr: 127.0.0.1:%d\n  secret: test\n",
	    fixture->folder, port);
	fclose(file);
	helper = start_program((const char *const[]){ "docker-registry", "serve", path, NULL });
	assert_true(helper > 0);
	wait_for_port(port);
}

static void test_pull(void **state)
{
	struct fixture *fixture = *state;
	if (!is_installed("docker-registry") || !is_installed("docker")) {
		print_message("skipped: needs docker-registry and docker (apt-get install docker-registry "
			      "docker.io)\n");
		skip();
	}
	int port = free_port();
	start_registry(fixture, port);
	char reference[128];
	snprintf(reference, sizeof(reference), "127.0.0.1:%d/actor:1", port);
	char *push OWNED = xasprintf(
	    "docker tag %s %s && docker push -q %s >/dev/null", fixture->image, reference, reference);
	assert_int_equal(system(push), 0); /* NOLINT(cert-env33-c): a command of this file */
	/* Only without its layers there is something to pull. */
	must(fixture, engine_image_remove, reference);
	must(fixture, engine_image_remove, fixture->image);

	struct work work = { .outcome.loop = fixture->loop };
	(void)engine_image_pull(fixture->engine, reference, on_progress, on_done, &work);
	wait_until(fixture->loop, work.outcome.ends);
	if (err_is_set(&work.outcome.err))
		fail_msg("%s", work.outcome.err.message);
	const char *digest = json_string_value(json_object_get(work.outcome.reply, "Digest"));
	assert_ptr_equal(strstr(digest, "sha256:"), digest);
	assert_non_null(strstr(work.progress.statuses.bytes, "Pull complete|"));
	assert_true(work.progress.total > 1000);
	assert_int_equal(work.progress.current, work.progress.total);
	must(fixture, engine_image_inspect, reference);
	outcome_clear(&work.outcome);
	buf_release(&work.progress.statuses);

	char missing[128];
	snprintf(missing, sizeof(missing), "127.0.0.1:%d/actor:2", port);
	struct outcome *outcome = call(fixture, engine_image_pull, missing, (engine_progress *)NULL);
	assert_int_equal(outcome->err.kind, ERR_NOT_FOUND);
	assert_non_null(strstr(outcome->err.message, "manifest unknown"));
	must(fixture, engine_image_remove, reference);
	load_image(fixture);
}

/* A little authority, the engine's certificate and ours, and one of another authority. */
static void make_certificates(struct fixture *fixture)
{
	char *command OWNED = xasprintf(
	    "cd %s && mkdir tls other && exec >/dev/null 2>&1 && r='openssl req -x509 -newkey rsa:2048 "
	    "-nodes -days 1' && "
	    "for d in tls other; do $r -subj /CN=ca-$d -keyout $d/ca-key.pem -out $d/ca.pem && "
	    "openssl req -newkey rsa:2048 -nodes -subj /CN=localhost -keyout $d/key.pem -out $d/r.csr && "
	    "echo subjectAltName=DNS:localhost,IP:127.0.0.1 > $d/ext && "
	    "openssl x509 -req -days 1 -in $d/r.csr -CA $d/ca.pem -CAkey $d/ca-key.pem -CAcreateserial "
	    "-extfile $d/ext "
	    "-out $d/cert.pem || exit 1; done && cat tls/cert.pem tls/key.pem > tls/both.pem",
	    fixture->folder);
	assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c): a command of this file */
}

static struct engine *open_tls(struct fixture *fixture, const char *folder, int port)
{
	char *path OWNED = xasprintf("%s/%s", fixture->folder, folder);
	char *address OWNED = xasprintf("tcp://127.0.0.1:%d", port);
	struct err err = ERR_INIT;
	setenv("DOCKER_TLS_VERIFY", "1", 1);
	setenv("DOCKER_CERT_PATH", path, 1);
	struct engine *engine = engine_open(fixture->loop, address, &err);
	unsetenv("DOCKER_TLS_VERIFY");
	unsetenv("DOCKER_CERT_PATH");
	if (!engine)
		fail_msg("%s", err.message);
	return engine;
}

struct echo {
	struct fixture *fixture;
	struct outcome end;
	int attached;
	size_t lines, lengths;
};

static void on_attached(void *owner)
{
	struct echo *echo = owner;
	echo->attached++;
	loop_stop(echo->fixture->loop);
}

static void on_echo(void *owner, const struct engine_log_line *line)
{
	struct echo *echo = owner;
	echo->lines++;
	echo->lengths += line->length;
}

static void on_echo_end(void *owner, const struct err *err)
{
	struct echo *echo = owner;
	on_end(&echo->end, err);
}

/* More than the socket takes at once, so that TLS has to go on with what it began. */
static void attach_through_tls(struct fixture *fixture)
{
	char name[NAME_MAX_LENGTH];
	snprintf(name, sizeof(name), "%s-echo", fixture->name);
	json_t *config = container_config(fixture, (const char *const[]){ "echo", NULL }, NULL);
	json_object_set_new(config, "OpenStdin", json_true());
	json_object_set_new(config, "StdinOnce", json_true());
	must(fixture, engine_container_create, name, config);
	json_decref(config);
	struct echo echo = { .fixture = fixture, .end.loop = fixture->loop };
	struct engine_attachment *attachment =
	    engine_container_attach(fixture->engine, name, on_attached, on_echo, on_echo_end, &echo);
	wait_until(fixture->loop, echo.attached || echo.end.ends);
	static char line[10000];
	memset(line, 'x', sizeof(line));
	line[sizeof(line) - 1] = '\n';
	for (int i = 0; i < 90; i++)
		engine_attachment_write(attachment, line, sizeof(line));
	must(fixture, engine_container_start, name);
	engine_attachment_write(attachment, "quit 0\n", 7);
	wait_until(fixture->loop, echo.end.ends);
	if (err_is_set(&echo.end.err))
		fail_msg("%s", echo.end.err.message);
	assert_int_equal(echo.lines, 90);
	assert_int_equal(echo.lengths, 90 * (sizeof(line) - 1));
	must(fixture, engine_container_remove, name);
}

static void test_tls(void **state)
{
	struct fixture *fixture = *state;
	if (!is_installed("socat") || !is_installed("openssl") || !engine_is_local(fixture->engine)) {
		print_message(
		    "skipped: needs socat, openssl and an engine on a unix socket (apt-get install socat)\n");
		skip();
	}
	make_certificates(fixture);
	int port = free_port();
	char *listen OWNED = xasprintf("OPENSSL-LISTEN:%d,bind=127.0.0.1,reuseaddr,fork,cert=%s/tls/both.pem,"
				       "cafile=%s/tls/ca.pem,verify=1",
	    port, fixture->folder, fixture->folder);
	char *connect OWNED =
	    xasprintf("UNIX-CONNECT:%s", engine_address(fixture->engine) + strlen("unix://"));
	helper = start_program((const char *const[]){ "socat", listen, connect, NULL });
	assert_true(helper > 0);
	wait_for_port(port);

	struct engine *plain = fixture->engine;
	fixture->engine = open_tls(fixture, "tls", port);
	assert_false(engine_is_local(fixture->engine));
	must(fixture, engine_negotiate);
	must(fixture, engine_info);
	attach_through_tls(fixture);
	engine_close(fixture->engine);
	/* The engine shows a certificate of an authority we do not trust. */
	fixture->engine = open_tls(fixture, "other", port);
	struct outcome *outcome = call(fixture, engine_negotiate);
	assert_non_null(
	    strstr(outcome->err.message, "ask the engine for its version: TLS to the engine at tcp://127.0"));
	assert_non_null(strstr(outcome->err.message, "DOCKER_CERT_PATH"));
	engine_close(fixture->engine);
	fixture->engine = plain;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_load, remove_all),
		cmocka_unit_test_teardown(test_build, remove_all),
		cmocka_unit_test_teardown(test_a_pull_that_fails, remove_all),
		cmocka_unit_test_teardown(test_pull, stop_helper),
		cmocka_unit_test_teardown(test_tls, stop_helper),
	};
	return cmocka_run_group_tests(tests, docker_setup, docker_teardown);
}
