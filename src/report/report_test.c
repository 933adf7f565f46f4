/* Every folder of fixtures/reports/ is a case: its input rendered in every format must be the files beside
 * it. With FALSESTART_UPDATE_GOLDEN=1 the files are written instead: read the difference before committing
 * it. */
#include "report/sample.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define CASES "fixtures/reports"

static const struct format {
	const char *file;
	void (*render)(const struct report *report, struct buf *out);
	struct report_text_options options;
} formats[] = {
	{ .file = "text-80.txt", .options = { .utf8 = true, .width = 80 } },
	{ .file = "text-120-verbose.txt", .options = { .utf8 = true, .verbose = true, .width = 120 } },
	{ .file = "text-100-colour.txt", .options = { .utf8 = true, .colour = true, .width = 100 } },
	{ .file = "text-80-ascii.txt", .options = { .width = 80 } },
	{ .file = "junit.xml", .render = report_junit },
	{ .file = "report.json", .render = report_json },
};

static void render(const struct format *format, const struct report *report, struct buf *out)
{
	if (format->render)
		format->render(report, out);
	else
		report_text(report, &format->options, out);
}

static void write_file(const char *path, const struct buf *bytes)
{
	FILE *file = fopen(path, "wb");
	assert_non_null(file);
	assert_int_equal(fwrite(buf_string(bytes), 1, bytes->length, file), bytes->length);
	assert_int_equal(fclose(file), 0);
}

/* The first line that differs, so that a failure can be read. */
static void check_same(const char *path, const char *wanted, const char *got)
{
	int line = 1;
	for (; *wanted && *wanted == *got; wanted++, got++)
		line += *wanted == '\n';
	if (*wanted == *got)
		return;
	print_error("%s:%d: wanted `%.*s`, got `%.*s`\n", path, line, (int)strcspn(wanted, "\n"), wanted,
	    (int)strcspn(got, "\n"), got);
	fail();
}

struct golden_case {
	char *folder;
	struct sample *sample;
};

static int setup(void **state)
{
	struct golden_case *golden = *state;
	golden->sample = sample_load(golden->folder);
	return 0;
}

static int teardown(void **state)
{
	struct golden_case *golden = *state;
	sample_free(golden->sample);
	return 0;
}

static void test_golden(void **state)
{
	struct golden_case *golden = *state;
	for (size_t i = 0; i < ARRAY_LENGTH(formats); i++) {
		struct buf out CLEANUP(buf_release) = { 0 };
		char *path OWNED = xasprintf("%s/%s", golden->folder, formats[i].file);
		size_t length = 0;
		render(&formats[i], &golden->sample->report, &out);
		if (getenv("FALSESTART_UPDATE_GOLDEN"))
			write_file(path, &out);
		char *wanted OWNED = sample_read_file(path, &length);
		assert_non_null(wanted);
		check_same(path, wanted, buf_string(&out));
		assert_int_equal(length, out.length);
	}
}

/* No line of a text report is wider than asked for, but for commands to be copied and the summary. */
static void test_width(void **state)
{
	struct golden_case *golden = *state;
	for (size_t i = 0; i < ARRAY_LENGTH(formats); i++) {
		if (formats[i].render || formats[i].options.colour || formats[i].options.utf8)
			continue;
		struct buf out CLEANUP(buf_release) = { 0 };
		render(&formats[i], &golden->sample->report, &out);
		for (const char *line = buf_string(&out); *line; line += strcspn(line, "\n") + 1)
			if (strncmp(line, "  judge again:", 14) != 0 && line[strcspn(line, "\n") + 1])
				assert_in_range(strcspn(line, "\n"), 0, formats[i].options.width);
	}
}

static int is_case(const struct dirent *entry)
{
	return entry->d_name[0] != '.' && entry->d_type == DT_DIR;
}

int main(void)
{
	struct dirent **entries;
	int count = scandir(CASES, &entries, is_case, alphasort);
	if (count <= 0) {
		fprintf(stderr, CASES ": no cases; run this test from the root of the sources\n");
		return 1;
	}
	size_t case_count = (size_t)count;
	struct golden_case *cases OWNED = xcalloc(case_count, sizeof(*cases));
	struct CMUnitTest *tests OWNED = xcalloc(2 * case_count, sizeof(*tests));
	for (size_t i = 0; i < case_count; i++) {
		cases[i].folder = xasprintf(CASES "/%s", entries[i]->d_name);
		tests[2 * i] =
		    (struct CMUnitTest){ cases[i].folder, test_golden, setup, teardown, &cases[i] };
		tests[2 * i + 1] =
		    (struct CMUnitTest){ cases[i].folder, test_width, setup, teardown, &cases[i] };
		free(entries[i]);
	}
	free(entries);
	int failed = _cmocka_run_group_tests("report", tests, 2 * case_count, NULL, NULL);
	for (size_t i = 0; i < case_count; i++)
		free(cases[i].folder);
	return failed;
}
