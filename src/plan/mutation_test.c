/* Every line of every valid scenario, deleted, doubled and spoilt: the loader gives a plan or an error with a
 * place. */
#include "base/buf.h"
#include "plan/file.h"
#include "plan/plan_private.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <string.h>

static const char root[] = "fixtures/scenarios/valid";

const char *__lsan_default_suppressions(void);

/* libfyaml 0.7.12 loses a page when a quoted text goes wrong; see plan_fuzz.c. */
const char *__lsan_default_suppressions(void)
{
	return "leak:libfyaml\n";
}

struct tally {
	int plans, errors;
};

/* Returns NULL, or what was wrong (in `text`). */
static const char *load(
    const char *path, const struct buf *bytes, struct tally *tally, char *text, size_t size)
{
	struct err err = ERR_INIT;
	struct plan *plan = plan_load_bytes(path, buf_string(bytes), bytes->length, 2, &err);
	if (plan) {
		tally->plans++;
		plan_free(plan);
		return err_is_set(&err) ? "a plan and an error" : NULL;
	}
	tally->errors++;
	err_format(&err, text, size);
	if (err.line < 1 || err.column < 1 || !err.file[0] || !err.message[0])
		return text;
	return NULL;
}

enum mutation { DELETE, DOUBLE, CUT, TAB, BRACE, QUOTE, SWAP, OTHER_LINE, MUTATIONS };

static void mutate(struct buf *out, const struct buf *text, size_t start, size_t end, enum mutation mutation)
{
	const char *line = text->bytes + start;
	size_t length = end - start, half = length / 2;
	buf_clear(out);
	buf_add(out, text->bytes, start);
	switch (mutation) {
	case DELETE:
		break;
	case DOUBLE:
		buf_add(out, line, length);
		buf_add(out, line, length);
		break;
	case CUT:
		buf_add(out, line, half);
		buf_add_char(out, '\n');
		break;
	case TAB:
		buf_add_char(out, '\t');
		buf_add(out, line, length);
		break;
	case BRACE:
		buf_add(out, line, half);
		buf_add_string(out, "}]{");
		buf_add(out, line + half, length - half);
		break;
	case QUOTE:
		buf_add(out, line, half);
		buf_add_char(out, '"');
		buf_add(out, line + half, length - half);
		break;
	case SWAP:
		for (size_t i = 0; i + 1 < length; i++)
			buf_add_char(out, line[length - 2 - i]);
		buf_add_char(out, '\n');
		break;
	case OTHER_LINE:
		buf_add_string(out, "  ? [*nothing, \"\\x00\", ${A:-$]\n");
		break;
	case MUTATIONS:
		break;
	}
	buf_add(out, text->bytes + end, text->length - end);
}

static const char *spoil_every_line(const char *path, struct tally *tally, char *text, size_t size)
{
	struct buf original CLEANUP(buf_release) = { 0 };
	struct buf mutant CLEANUP(buf_release) = { 0 };
	struct err err = ERR_INIT;
	if (file_read(path, "a scenario", &original, &err) < 0)
		return err_format(&err, text, size);
	for (size_t start = 0; start < original.length;) {
		const char *newline = memchr(original.bytes + start, '\n', original.length - start);
		size_t end = newline ? (size_t)(newline - original.bytes) + 1 : original.length;
		for (enum mutation mutation = 0; mutation < MUTATIONS; mutation++) {
			mutate(&mutant, &original, start, end, mutation);
			const char *wrong = load(path, &mutant, tally, text, size);
			if (wrong)
				return wrong;
		}
		start = end;
	}
	return NULL;
}

static void test_every_line(void **state)
{
	(void)state;
	struct tally tally = { 0 };
	char text[2048] = "";
	const char *wrong = NULL;
	DIR *dir = opendir(root);
	assert_non_null(dir);
	for (struct dirent *entry; !wrong && (entry = readdir(dir)) != NULL;) {
		if (entry->d_name[0] == '.')
			continue;
		char *path = xasprintf("%s/%s/scenario.yaml", root, entry->d_name);
		wrong = spoil_every_line(path, &tally, text, sizeof(text));
		free(path);
	}
	closedir(dir);
	if (wrong)
		fail_msg("%s", wrong);
	/* Some lines may go without harm, most may not. */
	assert_true(tally.plans > 10);
	assert_true(tally.errors > 300);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_every_line) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
