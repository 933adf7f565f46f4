/*
 * docker_fixture: a tiny image on the real engine, and what tests make of it. Included by *_docker_test.c
 * alone.
 *
 * The image is made here, from a static program and libarchive, and loaded through the client. Everything
 * carries a label of this process and is removed after each test, whether it passed or not.
 */
#ifndef ENGINE_DOCKER_FIXTURE_H
#define ENGINE_DOCKER_FIXTURE_H

#include "base/buf.h"
#include "base/number.h"
#include "engine/testing.h"

#include <archive.h>
#include <archive_entry.h>
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define NAME_MAX_LENGTH 96
#define LABEL "falsestart.test.engine"

struct fixture {
	struct loop *loop;
	struct engine *engine;
	struct outcome outcome;
	char name[64]; /* of this process: what everything is called and labelled with */
	char image[80];
	char folder[64];
};

/* Runs a call to its end. */
#define call(fixture, function, ...)                                                            \
	({                                                                                      \
		outcome_clear(&(fixture)->outcome);                                             \
		(void)function((fixture)->engine, ##__VA_ARGS__, on_done, &(fixture)->outcome); \
		wait_until((fixture)->loop, (fixture)->outcome.ends);                           \
		assert_int_equal((fixture)->outcome.ends, 1);                                   \
		&(fixture)->outcome;                                                            \
	})

/* … which has to succeed; its reply, valid until the next. */
#define must(fixture, function, ...)                                              \
	({                                                                        \
		struct outcome *of_must = call(fixture, function, ##__VA_ARGS__); \
		if (err_is_set(&of_must->err))                                    \
			fail_msg("%s", of_must->err.message);                     \
		of_must->reply;                                                   \
	})

/* … which has to be refused with this status, and a message that begins so. */
#define refused(fixture, function, status_wanted, beginning, ...)                    \
	({                                                                           \
		struct outcome *of_refused = call(fixture, function, ##__VA_ARGS__); \
		check_refusal(of_refused, status_wanted, beginning);                 \
		&of_refused->err;                                                    \
	})

static inline void check_refusal(const struct outcome *outcome, int status, const char *beginning)
{
	assert_null(outcome->reply);
	if (strncmp(outcome->err.message, beginning, strlen(beginning)) != 0)
		fail_msg("expected: %s\ngot: %s", beginning, outcome->err.message);
	assert_int_equal(outcome->err.status, status);
	assert_int_equal(outcome->err.kind, status == 404 ? ERR_NOT_FOUND : ERR_ENVIRONMENT);
}

struct file {
	const char *name;
	const char *text; /* NULL: the contents of `path` */
	const char *path;
};

static inline void add_to_tar(struct archive *tar, const struct file *file)
{
	struct buf contents CLEANUP(buf_release) = { 0 };
	if (file->text) {
		buf_add_string(&contents, file->text);
	} else {
		FILE *source = fopen(file->path, "rb");
		assert_non_null(source);
		char block[65536];
		for (size_t got; (got = fread(block, 1, sizeof(block), source)) > 0;)
			buf_add(&contents, block, got);
		fclose(source);
	}
	struct archive_entry *entry = archive_entry_new();
	archive_entry_set_pathname(entry, file->name);
	archive_entry_set_size(entry, (la_int64_t)contents.length);
	archive_entry_set_filetype(entry, AE_IFREG);
	archive_entry_set_perm(entry, 0755);
	assert_int_equal(archive_write_header(tar, entry), ARCHIVE_OK);
	assert_int_equal(archive_write_data(tar, contents.bytes, contents.length), contents.length);
	archive_entry_free(entry);
}

/* A tar in memory; the caller closes it. */
static inline int make_tar(const struct file *files, size_t count)
{
	int fd = memfd_create("tar", MFD_CLOEXEC);
	assert_true(fd >= 0);
	struct archive *tar = archive_write_new();
	archive_write_set_format_ustar(tar);
	assert_int_equal(archive_write_open_fd(tar, fd), ARCHIVE_OK);
	for (size_t i = 0; i < count; i++)
		add_to_tar(tar, &files[i]);
	assert_int_equal(archive_write_close(tar), ARCHIVE_OK);
	archive_write_free(tar);
	return fd;
}

/* Runs a program that must succeed; the first word it says in `ret_word`. False: there is no such program. */
static inline bool run_program(const char *const argv[], char *ret_word, size_t size)
{
	int ends[2];
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	posix_spawn_file_actions_t actions;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
	pid_t pid;
	int failure = posix_spawnp(&pid, argv[0], &actions, NULL, (char *const *)argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	close(ends[1]);
	FILE *output = fdopen(ends[0], "r");
	assert_non_null(output);
	if (!fgets(ret_word, (int)size, output))
		ret_word[0] = '\0';
	fclose(output);
	if (failure == ENOENT)
		return false;
	assert_int_equal(failure, 0);
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	ret_word[strcspn(ret_word, " \n")] = '\0';
	return true;
}

static inline void build_actor(struct fixture *fixture)
{
	char word[128];
	char *actor OWNED = xasprintf("%s/actor", fixture->folder);
	const char *argv[] = { "musl-gcc", "-static", "-Os", "-s", "-o", actor, "fixtures/engine/actor.c",
		NULL };
	if (run_program(argv, word, sizeof(word)))
		return;
	argv[0] = "gcc";
	assert_true(run_program(argv, word, sizeof(word)));
}

/* What `docker save` would write, of one layer with one program. */
static inline int make_image_tar(struct fixture *fixture)
{
	char *actor OWNED = xasprintf("%s/actor", fixture->folder);
	/* With a file of its own, so that no other process's image has the same layer, and a pull is a pull.
	 */
	const struct file contents[] = {
		{ .name = "actor", .path = actor },
		{ .name = "name", .text = fixture->name },
	};
	int layer = make_tar(contents, ARRAY_LENGTH(contents));
	char *layer_path OWNED = xasprintf("/proc/%d/fd/%d", (int)getpid(), layer);
	char digest[128];
	assert_true(run_program((const char *[]){ "sha256sum", layer_path, NULL }, digest, sizeof(digest)));
	char *config OWNED =
	    xasprintf("{\"architecture\":\"amd64\",\"os\":\"linux\",\"config\":{\"Entrypoint\":"
		      "[\"/actor\"],\"Labels\":{\"" LABEL "\":\"%s\"}},\"rootfs\":{\"type\":\"layers\","
		      "\"diff_ids\":[\"sha256:%s\"]}}",
		fixture->name, digest);
	char *manifest OWNED =
	    xasprintf("[{\"Config\":\"config.json\",\"RepoTags\":[\"%s\"],\"Layers\":[\"layer.tar\"]}]",
		fixture->image);
	const struct file files[] = {
		{ .name = "manifest.json", .text = manifest },
		{ .name = "config.json", .text = config },
		{ .name = "layer.tar", .path = layer_path },
	};
	int image = make_tar(files, ARRAY_LENGTH(files));
	close(layer);
	return image;
}

static inline void load_image(struct fixture *fixture)
{
	int tar = make_image_tar(fixture);
	json_t *loaded = must(fixture, engine_image_load, tar);
	close(tar);
	assert_string_equal(
	    json_string_value(json_array_get(json_object_get(loaded, "Loaded"), 0)), fixture->image);
}

static inline json_t *label_filter(const struct fixture *fixture)
{
	char *label OWNED = xasprintf("%s=%s", LABEL, fixture->name);
	return json_pack("{s:[s]}", "label", label);
}

static inline json_t *own_labels(const struct fixture *fixture)
{
	return json_pack("{s:s}", LABEL, fixture->name);
}

static inline json_t *container_config(
    struct fixture *fixture, const char *const command[], const char *network)
{
	json_t *words = json_array();
	for (size_t i = 0; command[i]; i++)
		json_array_append_new(words, json_string(command[i]));
	return json_pack("{s:s, s:o, s:o, s:{s:s, s:[s]}}", "Image", fixture->image, "Cmd", words, "Labels",
	    own_labels(fixture), "HostConfig", "NetworkMode", network ? network : "none", "Dns", "127.0.0.1");
}

/* "<name of this process>-<stem>", in `ret_name`. */
static inline void make_container(struct fixture *fixture, const char *stem, const char *const command[],
    const char *network, char ret_name[static NAME_MAX_LENGTH])
{
	snprintf(ret_name, NAME_MAX_LENGTH, "%s-%s", fixture->name, stem);
	json_t *config = container_config(fixture, command, network);
	json_t *reply = must(fixture, engine_container_create, ret_name, config);
	json_decref(config);
	assert_non_null(json_string_value(json_object_get(reply, "Id")));
}

/* Without masquerade, so that no packet leaves the machine. */
static inline void make_network(
    struct fixture *fixture, const char *stem, char ret_name[static NAME_MAX_LENGTH])
{
	snprintf(ret_name, NAME_MAX_LENGTH, "%s-%s", fixture->name, stem);
	json_t *config =
	    json_pack("{s:s, s:b, s:o, s:{s:s}}", "Name", ret_name, "CheckDuplicate", 1, "Labels",
		own_labels(fixture), "Options", "com.docker.network.bridge.enable_ip_masquerade", "false");
	must(fixture, engine_network_create, config);
	json_decref(config);
}

static inline void remove_listed(struct fixture *fixture, json_t *containers, json_t *networks)
{
	size_t index;
	json_t *object;
	json_array_foreach(containers, index, object)
	    must(fixture, engine_container_remove, json_string_value(json_object_get(object, "Id")));
	json_array_foreach(networks, index, object)
	    must(fixture, engine_network_remove, json_string_value(json_object_get(object, "Id")));
	json_decref(containers);
	json_decref(networks);
}

/* Teardown of every test: what it left, here and on the engine. A test that failed has left calls that point
 * to its dead stack: those go first. */
static inline int remove_all(void **state)
{
	struct fixture *fixture = *state;
	struct err err = ERR_INIT;
	engine_close(fixture->engine);
	fixture->engine = engine_open(fixture->loop, NULL, &err);
	if (!fixture->engine)
		return -1;
	json_t *filters = label_filter(fixture);
	json_t *containers = json_incref(must(fixture, engine_container_list, filters));
	json_t *networks = json_incref(must(fixture, engine_network_list, filters));
	json_decref(filters);
	remove_listed(fixture, containers, networks);
	outcome_clear(&fixture->outcome);
	return 0;
}

/* Of a list, the objects that test processes left which died without a teardown. */
static inline json_t *of_the_dead(json_t *list)
{
	json_t *left = json_array();
	size_t index;
	json_t *object;
	json_array_foreach(list, index, object)
	{
		json_t *labels = json_object_get(object, "Labels");
		const char *name = json_string_value(json_object_get(labels, LABEL));
		const char *dash = name ? strrchr(name, '-') : NULL;
		int64_t pid;
		if (dash && number_parse(dash + 1, 1, INT_MAX, &pid) == 0 && kill((pid_t)pid, 0) < 0 &&
		    errno == ESRCH)
			json_array_append(left, object);
	}
	return left;
}

static inline void remove_what_the_dead_left(struct fixture *fixture)
{
	json_t *filters = json_pack("{s:[s]}", "label", LABEL);
	json_t *containers = of_the_dead(must(fixture, engine_container_list, filters));
	json_t *networks = of_the_dead(must(fixture, engine_network_list, filters));
	json_decref(filters);
	remove_listed(fixture, containers, networks);
	struct engine_request request = { .method = "GET", .path = "/images/json?all=0" };
	json_t *images = of_the_dead(must(fixture, engine_request, &request));
	size_t index;
	json_t *image;
	json_array_foreach(images, index, image)
	    must(fixture, engine_image_remove, json_string_value(json_object_get(image, "Id")));
	json_decref(images);
}

static inline int docker_setup(void **state)
{
	struct fixture *fixture = xcalloc(1, sizeof(*fixture));
	*state = fixture;
	struct err err = ERR_INIT;
	fixture->loop = loop_new();
	fixture->outcome.loop = fixture->loop;
	snprintf(fixture->name, sizeof(fixture->name), "falsestart-test-%d", (int)getpid());
	snprintf(fixture->image, sizeof(fixture->image), "%s:1", fixture->name);
	snprintf(fixture->folder, sizeof(fixture->folder), "/tmp/falsestart-engine-XXXXXX");
	fixture->engine = engine_open(fixture->loop, NULL, &err);
	if (!fixture->engine || !mkdtemp(fixture->folder)) {
		print_error("%s\n", err.message);
		return -1;
	}
	must(fixture, engine_negotiate);
	remove_what_the_dead_left(fixture);
	build_actor(fixture);
	load_image(fixture);
	return 0;
}

static inline int remove_file(const char *path, const struct stat *status, int kind, struct FTW *place)
{
	(void)status;
	(void)kind;
	(void)place;
	return remove(path);
}

static inline int docker_teardown(void **state)
{
	struct fixture *fixture = *state;
	if (fixture->engine)
		must(fixture, engine_image_remove, fixture->image);
	outcome_clear(&fixture->outcome);
	engine_close(fixture->engine);
	loop_free(fixture->loop);
	int status = nftw(fixture->folder, remove_file, 8, FTW_DEPTH | FTW_PHYS);
	free(fixture);
	return status;
}

#endif
