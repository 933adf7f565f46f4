/* Reports made of everything a subject could say to break them: terminal escapes, NULs, a line of a megabyte,
 * text that runs backwards, invalid UTF-8, the ends of XML and JSON strings. */
#include "report/sample.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <setjmp.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define RIGHT_TO_LEFT "\xE2\x80\xAE"
#define C1_CONTROL "\xC2\x9B"
static const char hostile[] =
    "a\033[2Jb\033]0;title\a\r\n\t\x01\x7F" C1_CONTROL RIGHT_TO_LEFT
    "\xFF\xC0\x80\xED\xA0\x80\xEF\xBF\xBE<&>\"']]><![CDATA[ \\u0000 hunter2secret %s%n";
#define LONG_LINE ((size_t)1 << 20)
/* Far less than the lines that went in, far more than any of it needs. */
#define REPORT_MOST ((size_t)512 * 1024)

struct hostile_report {
	struct sample *sample;
	char *text, *long_line;
	struct buf out;
};

static void poison_event(struct hostile_report *hostile_report, struct event *event, size_t index)
{
	switch (event->kind) {
	case EVENT_LOG:
		/* One of three is the long line; all have a NUL within. */
		event->log.line.bytes = index % 3 ? hostile : hostile_report->long_line;
		event->log.line.length = index % 3 ? sizeof(hostile) : LONG_LINE;
		break;
	case EVENT_ATTEMPT:
		event->attempt.outcome = event->attempt.detail = hostile_report->text;
		event->attempt.address = event->attempt.source = hostile_report->text;
		break;
	case EVENT_SAMPLE:
		event->sample.state = event->sample.detail = hostile_report->text;
		break;
	case EVENT_SERVICE:
		event->service.detail = hostile_report->text;
		break;
	case EVENT_STEP:
		event->step.target = event->step.detail = hostile_report->text;
		event->of = hostile_report->text;
		break;
	case EVENT_TROUBLE:
		event->trouble.what = hostile_report->text;
		break;
	case EVENT_PHASE:
		event->phase.phase = event->phase.made = event->phase.detail = hostile_report->text;
		break;
	case EVENT_LOST:
		event->lost.how = event->lost.by = hostile_report->text;
		break;
	case EVENT_WORLD:
	case EVENT_RESPONSE:
	case EVENT_MEMORY:
	case EVENT_DESCRIPTORS:
	case EVENT_LATENESS:
	case EVENT_END:
		break;
	}
}

static void poison_world(struct hostile_report *hostile_report, struct sample_world *world)
{
	char *text = hostile_report->text;
	world->plan.name = world->plan.title = world->plan.file = world->plan.source = text;
	world->judgement.reason = text;
	for (size_t i = 0; i < world->judgement.finding_count; i++) {
		struct expectation *expectation = &world->plan.expectations[i];
		struct finding *finding = &world->judgement.findings[i];
		expectation->id = expectation->text = expectation->source = expectation->claim_text = text;
		finding->expected = finding->actual = finding->reason = finding->claim_measured = text;
		finding->claim = CLAIM_DIFFERS;
		if (i % 2)
			finding->verdict = VERDICT_FAIL;
	}
	for (size_t i = 0; i < world->trace->event_count; i++)
		poison_event(hostile_report, &world->trace->events[i], i);
}

static int setup(void **state)
{
	struct hostile_report *report = xcalloc(1, sizeof(*report));
	report->sample = sample_load("fixtures/reports/in-doubt");
	report->text = xstrdup(hostile);
	report->long_line = xmalloc(LONG_LINE);
	for (size_t i = 0; i < LONG_LINE; i++)
		report->long_line[i] = hostile[i % sizeof(hostile)];
	for (size_t i = 0; i < report->sample->world_count; i++)
		poison_world(report, &report->sample->worlds[i]);
	report->sample->report.command = report->sample->report.engine_version = report->text;
	*state = report;
	return 0;
}

static int teardown(void **state)
{
	struct hostile_report *report = *state;
	sample_free(report->sample);
	buf_release(&report->out);
	free(report->text);
	free(report->long_line);
	free(report);
	return 0;
}

static void check_no_secret(const struct buf *out)
{
	assert_null(memmem(out->bytes, out->length, "hunter2secret", 13));
	assert_non_null(memmem(out->bytes, out->length, REDACT_MASK, 3));
	assert_in_range(out->length, 1, REPORT_MOST);
}

static void check_text(struct hostile_report *report, struct report_text_options options)
{
	struct buf *out = &report->out;
	buf_clear(out);
	report_text(&report->sample->report, &options, out);
	check_no_secret(out);
	assert_int_equal(out->bytes[out->length - 1], '\n');
	size_t escapes = 0;
	for (size_t i = 0; i < out->length; i++) {
		unsigned char byte = (unsigned char)out->bytes[i];
		if (byte == '\033') {
			/* Nothing but colours. */
			size_t length = strspn(out->bytes + i + 1, "[0123456789;");
			assert_int_equal(out->bytes[i + 1 + length], 'm');
			escapes++;
		} else if (byte < 0x20) {
			assert_int_equal(byte, '\n');
		}
		assert_int_not_equal(byte, 0x7F);
		if (!options.utf8)
			assert_in_range(byte, 0, 0x7F);
	}
	assert_int_equal(escapes > 0, options.colour);
	assert_null(memmem(out->bytes, out->length, RIGHT_TO_LEFT, 3));
	assert_null(memmem(out->bytes, out->length, C1_CONTROL, 2));
	assert_null(memmem(out->bytes, out->length, "\xFF", 1));
}

static void test_text(void **state)
{
	static const size_t widths[] = { 0, 1, 10000 };
	for (unsigned i = 0; i < 8; i++)
		check_text(*state, (struct report_text_options){
				       .colour = i & 1, .utf8 = i & 2, .verbose = i & 4, .width = 100 });
	for (size_t i = 0; i < ARRAY_LENGTH(widths); i++)
		check_text(*state, (struct report_text_options){ .utf8 = true, .width = widths[i] });
}

static void test_json(void **state)
{
	struct hostile_report *report = *state;
	json_error_t error;
	report_json(&report->sample->report, &report->out);
	check_no_secret(&report->out);
	json_t *parsed = json_loadb(
	    report->out.bytes, report->out.length, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, &error);
	if (!parsed)
		fail_msg("line %d: %s", error.line, error.text);
	json_decref(parsed);
}

/* Only what XML 1.0 allows, and no "]]>" outside of markup. That it is well formed is xmllint's to say
 * (below). */
static void test_junit_bytes(void **state)
{
	struct hostile_report *report = *state;
	report_junit(&report->sample->report, &report->out);
	check_no_secret(&report->out);
	for (size_t i = 0; i < report->out.length; i++) {
		unsigned char byte = (unsigned char)report->out.bytes[i];
		assert_true(byte >= 0x20 || byte == '\n' || byte == '\t');
	}
	assert_null(memmem(report->out.bytes, report->out.length, "]]>", 3));
	assert_null(memmem(report->out.bytes, report->out.length, "\xEF\xBF\xBE", 3));
}

/* Every string of a world a megabyte long, and the long log line among the evidence. */
static void lengthen(struct hostile_report *report)
{
	for (size_t i = 0; i < LONG_LINE; i++)
		if (!report->long_line[i])
			report->long_line[i] = 'x';
	report->long_line[LONG_LINE - 1] = '\0';
	struct sample_world *world = &report->sample->worlds[0];
	struct finding *finding = &world->judgement.findings[0];
	world->judgement.reason = finding->expected = finding->actual = finding->reason = report->long_line;
	for (size_t i = 0; i < world->trace->event_count; i++)
		if (world->trace->events[i].kind == EVENT_LOG && i % 3 == 0)
			finding->evidence[0] = i;
	assert_int_equal(world->trace->events[finding->evidence[0]].log.line.length, LONG_LINE);
}

static void test_long_strings(void **state)
{
	struct hostile_report *report = *state;
	lengthen(report);
	report_json(&report->sample->report, &report->out);
	check_no_secret(&report->out);
	buf_clear(&report->out);
	report_junit(&report->sample->report, &report->out);
	check_no_secret(&report->out);
	check_text(report, (struct report_text_options){ .utf8 = true, .verbose = true, .width = 10000 });
}

static void test_junit_output_is_bounded(void **state)
{
	struct hostile_report *report = *state;
	struct judgement *judgement = &report->sample->worlds[0].judgement;
	struct finding *one = judgement->findings, *many = xcalloc(500, sizeof(*many));
	size_t count = judgement->finding_count;
	for (size_t i = 0; i < 500; i++)
		many[i] = one[0];
	judgement->findings = many;
	judgement->finding_count = 500;
	report_junit(&report->sample->report, &report->out);
	judgement->findings = one;
	judgement->finding_count = count;
	free(many);
	const char *output = strstr(report->out.bytes, "<system-out>");
	const char *end = strstr(report->out.bytes, "(cut)\n    </system-out>");
	assert_non_null(output);
	assert_non_null(end);
	/* Escaping makes it longer, but not by much. */
	assert_in_range(end - output, 60 * 1024, 128 * 1024);
}

/* Its exit status; -1 if it is not installed. What it says is not shown. */
static int run_xmllint(const char *const arguments[])
{
	posix_spawn_file_actions_t actions;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
	pid_t pid;
	int failure = posix_spawnp(&pid, "xmllint", &actions, NULL, (char *const *)arguments, environ);
	posix_spawn_file_actions_destroy(&actions);
	if (failure == ENOENT)
		return -1;
	assert_int_equal(failure, 0);
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static bool file_is_junit(const char *path)
{
	return run_xmllint((const char *[]){ "xmllint", "--nonet", "--noout", "--schema",
		   "fixtures/schemas/junit.xsd", path, NULL }) == 0;
}

static bool is_junit(const struct buf *report)
{
	/* Without MFD_CLOEXEC: xmllint opens it by its number. */
	int fd = memfd_create("junit", 0);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, buf_string(report), report->length), report->length);
	char path[32];
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	bool valid = file_is_junit(path);
	close(fd);
	return valid;
}

static bool has_xmllint(void)
{
	if (run_xmllint((const char *[]){ "xmllint", "--version", NULL }) == 0)
		return true;
	print_message("skipped: xmllint is not installed (Debian package libxml2-utils)\n");
	return false;
}

static void test_junit_schema(void **state)
{
	struct hostile_report *report = *state;
	if (!has_xmllint())
		skip();
	report_junit(&report->sample->report, &report->out);
	assert_true(is_junit(&report->out));
	/* The schema refuses what it should. */
	char *count = strstr(report->out.bytes, "failures=\"");
	assert_non_null(count);
	count[10] = '-';
	assert_false(is_junit(&report->out));
}

static void test_junit_cases(void **state)
{
	(void)state;
	if (!has_xmllint())
		skip();
	glob_t cases;
	assert_int_equal(glob("fixtures/reports/*/junit.xml", 0, NULL, &cases), 0);
	for (size_t i = 0; i < cases.gl_pathc; i++)
		if (!file_is_junit(cases.gl_pathv[i]))
			fail_msg("%s is not valid by fixtures/schemas/junit.xsd", cases.gl_pathv[i]);
	globfree(&cases);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_text, setup, teardown),
		cmocka_unit_test_setup_teardown(test_json, setup, teardown),
		cmocka_unit_test_setup_teardown(test_junit_bytes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_long_strings, setup, teardown),
		cmocka_unit_test_setup_teardown(test_junit_output_is_bounded, setup, teardown),
		cmocka_unit_test_setup_teardown(test_junit_schema, setup, teardown),
		cmocka_unit_test(test_junit_cases),
	};
	return cmocka_run_group_tests_name("hostile", tests, NULL, NULL);
}
