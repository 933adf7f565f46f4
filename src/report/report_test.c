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
	struct buf out;
	char *path, *wanted;
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
	buf_release(&golden->out);
	free(steal_ptr(golden->path));
	free(steal_ptr(golden->wanted));
	return 0;
}

static void check_format(struct golden_case *golden, const struct format *format)
{
	size_t length = 0;
	buf_clear(&golden->out);
	free(golden->path);
	free(steal_ptr(golden->wanted));
	golden->path = xasprintf("%s/%s", golden->folder, format->file);
	render(format, &golden->sample->report, &golden->out);
	if (getenv("FALSESTART_UPDATE_GOLDEN"))
		write_file(golden->path, &golden->out);
	golden->wanted = sample_read_file(golden->path, &length);
	assert_non_null(golden->wanted);
	check_same(golden->path, golden->wanted, buf_string(&golden->out));
	assert_int_equal(length, golden->out.length);
}

static void test_golden(void **state)
{
	for (size_t i = 0; i < ARRAY_LENGTH(formats); i++)
		check_format(*state, &formats[i]);
}

/* No line of a text report is wider than asked for, but for commands to be copied and the summary. */
static void test_width(void **state)
{
	struct golden_case *golden = *state;
	static const struct report_text_options options = { .verbose = true, .width = 72 };
	report_text(&golden->sample->report, &options, &golden->out);
	for (const char *line = buf_string(&golden->out); *line; line += strcspn(line, "\n") + 1) {
		size_t columns = strcspn(line, "\n");
		bool is_command =
		    strncmp(line, "  judge again:", 14) == 0 || strncmp(line, "  run again:", 12) == 0;
		if (!is_command && line[columns + 1])
			assert_in_range(columns, 0, options.width);
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
