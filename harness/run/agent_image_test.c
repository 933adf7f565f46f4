/* The image of the agent: what is in the tar, and that it is the same every time. */
#include "run/agent_image.h"
#include "run/agent_layers.h"

#include <archive.h>
#include <archive_entry.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define MEMBER_MAX (1024 * 1024)

static char member[MEMBER_MAX + 1];

/* Of the tar, what this member has in it; its length, or -1. */
static ssize_t read_member(struct archive *tar, const char *name)
{
	struct archive_entry *entry;
	while (archive_read_next_header(tar, &entry) == ARCHIVE_OK) {
		if (strcmp(archive_entry_pathname(entry), name) != 0)
			continue;
		la_ssize_t length = archive_read_data(tar, member, MEMBER_MAX);
		assert_true(length >= 0 && length < MEMBER_MAX);
		member[length] = '\0';
		return length;
	}
	return -1;
}

static ssize_t look_into(int fd, const char *name)
{
	struct archive *tar = archive_read_new();
	archive_read_support_format_tar(tar);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	assert_int_equal(archive_read_open_fd(tar, fd, 10240), ARCHIVE_OK);
	ssize_t length = read_member(tar, name);
	archive_read_free(tar);
	return length;
}

static int make(const char *architecture, char **ret_reference)
{
	struct err err = ERR_INIT;
	int fd = -1;
	if (agent_image_tar(architecture, ret_reference, &fd, &err) < 0)
		fail_msg("%s", err.message);
	return fd;
}

static void check_layer(const struct agent_layer *layer, int fd, const char *reference)
{
	char expected[128];
	snprintf(expected, sizeof(expected), "falsestart/agent:%.12s", layer->program_digest);
	assert_string_equal(reference, expected);
	assert_true(look_into(fd, "manifest.json") > 0);
	assert_non_null(strstr(member, expected));
	assert_true(look_into(fd, "config.json") > 0);
	snprintf(expected, sizeof(expected), "\"diff_ids\":[\"sha256:%s\"]", layer->layer_digest);
	assert_non_null(strstr(member, expected));
	assert_int_equal(look_into(fd, "layer.tar"), layer->length);
	assert_memory_equal(member, layer->tar, layer->length);
}

/* The program itself: an ELF file for that machine, and nothing beside it. */
static void check_program(const struct agent_layer *layer)
{
	struct archive *tar = archive_read_new();
	archive_read_support_format_tar(tar);
	assert_int_equal(archive_read_open_memory(tar, layer->tar, layer->length), ARCHIVE_OK);
	assert_true(read_member(tar, "agent") > 20);
	assert_memory_equal(member, "\177ELF", 4);
	const uint8_t machine =
	    strcmp(layer->architecture, "arm64") == 0 ? 183 : 62; /* EM_AARCH64, EM_X86_64 */
	assert_int_equal((uint8_t)member[18], machine);
	struct archive_entry *more;
	assert_int_equal(archive_read_next_header(tar, &more), ARCHIVE_EOF);
	archive_read_free(tar);
}

static void test_every_architecture(void **state)
{
	(void)state;
	assert_non_null(agent_layers[0].architecture);
	for (const struct agent_layer *layer = agent_layers; layer->architecture; layer++) {
		char *reference OWNED = NULL;
		int fd = make(layer->architecture, &reference);
		check_layer(layer, fd, reference);
		check_program(layer);
		close(fd);
	}
}

static void test_same_bytes(void **state)
{
	(void)state;
	static char first[MEMBER_MAX], second[MEMBER_MAX];
	char *reference OWNED = NULL, *again OWNED = NULL;
	int one = make(agent_layers[0].architecture, &reference);
	int two = make(agent_layers[0].architecture, &again);
	ssize_t length = pread(one, first, sizeof(first), 0);
	assert_true(length > 0 && (size_t)length < sizeof(first));
	assert_int_equal(pread(two, second, sizeof(second), 0), length);
	assert_memory_equal(first, second, (size_t)length);
	close(one);
	close(two);
}

static void test_no_agent(void **state)
{
	(void)state;
	struct err err = ERR_INIT;
	char *reference = NULL;
	int fd = -1;
	assert_int_equal(agent_image_tar("s390x", &reference, &fd, &err), -1);
	assert_null(reference);
	assert_int_equal(fd, -1);
	assert_int_equal(err.kind, ERR_ENVIRONMENT);
	assert_non_null(strstr(err.message, "no agent for an engine on s390x, only for "));
	assert_non_null(strstr(err.message, agent_layers[0].architecture));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_architecture),
		cmocka_unit_test(test_same_bytes),
		cmocka_unit_test(test_no_agent),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
