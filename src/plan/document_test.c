#include "plan/document.h"

#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

struct folder {
	char path[64];
	char file[96];
	struct document *document;
	struct buf text;
};

static int setup(void **state)
{
	struct folder *folder = xcalloc(1, sizeof(*folder));
	snprintf(folder->path, sizeof(folder->path), "/tmp/falsestart-document-XXXXXX");
	if (!mkdtemp(folder->path))
		return -1;
	snprintf(folder->file, sizeof(folder->file), "%s/x.yaml", folder->path);
	*state = folder;
	return 0;
}

static int teardown(void **state)
{
	struct folder *folder = *state;
	document_free(folder->document);
	buf_release(&folder->text);
	unlink(folder->file);
	rmdir(folder->path);
	free(folder);
	return 0;
}

static void assert_refused(struct folder *folder, const char *path, const char *part)
{
	struct err err = ERR_INIT;
	folder->document = document_load(path, "a scenario", &err);
	assert_null(folder->document);
	assert_int_equal(err.kind, ERR_INVALID);
	assert_string_equal(err.file, path);
	if (!strstr(err.message, part))
		fail_msg("`%s` is not in `%s`", part, err.message);
}

static void parse(struct folder *folder, const char *text)
{
	struct err err = ERR_INIT;
	folder->document = document_parse("x.yaml", "a scenario", text, strlen(text), &err);
	if (!folder->document)
		fail_msg("%s", err.message);
}

static void test_huge_file_is_not_read(void **state)
{
	struct folder *folder = *state;
	FILE *file = fopen(folder->file, "w");
	assert_non_null(file);
	fclose(file);
	assert_int_equal(truncate(folder->file, 100 * 1024 * 1024), 0);
	struct rusage before, after;
	getrusage(RUSAGE_SELF, &before);
	assert_refused(folder, folder->file, "has 104857600 bytes; a scenario may have 1048576 (1 MiB)");
	getrusage(RUSAGE_SELF, &after);
	assert_true(after.ru_maxrss - before.ru_maxrss < 4096); /* KiB */
}

static void test_folder(void **state)
{
	struct folder *folder = *state;
	assert_refused(folder, folder->path, "is a folder");
}

static void test_pipe_does_not_block(void **state)
{
	struct folder *folder = *state;
	assert_int_equal(mkfifo(folder->file, 0600), 0);
	assert_refused(folder, folder->file, "is not a regular file");
}

static void test_missing(void **state)
{
	struct folder *folder = *state;
	assert_refused(folder, folder->file, "No such file");
}

static void test_many_values(void **state)
{
	struct folder *folder = *state;
	struct err err = ERR_INIT;
	buf_add_string(&folder->text, "x: [");
	for (int i = 0; i < DOCUMENT_NODES_MAX; i++)
		buf_add_string(&folder->text, "1, ");
	buf_add_string(&folder->text, "]\n");
	folder->document =
	    document_parse("x.yaml", "a scenario", folder->text.bytes, folder->text.length, &err);
	assert_null(folder->document);
	assert_non_null(strstr(err.message, "more than 100000 values"));
}

static void test_many_keys(void **state)
{
	struct folder *folder = *state;
	struct err err = ERR_INIT;
	for (int i = 0; i <= DOCUMENT_KEYS_MAX; i++)
		buf_addf(&folder->text, "k%d: 1\n", i);
	folder->document =
	    document_parse("x.yaml", "a scenario", folder->text.bytes, folder->text.length, &err);
	assert_null(folder->document);
	assert_int_equal(err.line, DOCUMENT_KEYS_MAX + 1);
	assert_non_null(strstr(err.message, "at most 1000 keys"));
}

static void test_positions(void **state)
{
	struct folder *folder = *state;
	parse(folder, "\xEF\xBB\xBF# comment\na:\n  - x\n  - { b: 'é', c: y }\n");
	const struct node *list = node_get(document_root(folder->document), "a");
	assert_int_equal(list->item_count, 2);
	assert_int_equal(list->items[0]->position.line, 3);
	assert_int_equal(list->items[0]->position.column, 5);
	const struct node *c = node_get(list->items[1], "c");
	assert_string_equal(c->text, "y");
	assert_int_equal(c->position.line, 4);
	assert_int_equal(c->position.column, 18);
}

static void test_kinds(void **state)
{
	struct folder *folder = *state;
	parse(folder, "{ a: ~, b: null, c: , d: '', e: \"null\", f: true, g: 'true', h: !!str true }");
	const struct node *root = document_root(folder->document);
	assert_int_equal(node_get(root, "a")->kind, NODE_NULL);
	assert_int_equal(node_get(root, "b")->kind, NODE_NULL);
	assert_int_equal(node_get(root, "c")->kind, NODE_NULL);
	assert_int_equal(node_get(root, "d")->kind, NODE_SCALAR);
	assert_int_equal(node_get(root, "e")->kind, NODE_SCALAR);
	assert_true(node_get(root, "f")->plain);
	assert_false(node_get(root, "g")->plain);
	assert_false(node_get(root, "h")->plain);
}

static void test_merge(void **state)
{
	struct folder *folder = *state;
	parse(folder,
	    "a: &a { x: 1, y: 2 }\nb: &b { y: 3, z: 4 }\nc: { <<: [*a, *b], x: 9 }\nd: { '<<': 1 }\n");
	const struct node *c = node_get(document_root(folder->document), "c");
	assert_int_equal(c->entry_count, 3);
	assert_string_equal(node_get(c, "x")->text, "9");
	assert_string_equal(node_get(c, "y")->text, "2");
	assert_string_equal(node_get(c, "z")->text, "4");
	assert_string_equal(node_get(node_get(document_root(folder->document), "d"), "<<")->text, "1");
}

static void test_latest_anchor_counts(void **state)
{
	struct folder *folder = *state;
	parse(folder, "a: &n 1\nb: &n 2\nc: *n\n");
	assert_string_equal(node_get(document_root(folder->document), "c")->text, "2");
}

#define test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(test_huge_file_is_not_read),
		test(test_folder),
		test(test_pipe_does_not_block),
		test(test_missing),
		test(test_many_values),
		test(test_many_keys),
		test(test_positions),
		test(test_kinds),
		test(test_merge),
		test(test_latest_anchor_counts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
