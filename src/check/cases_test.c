/*
 * Every folder of fixtures/traces is a case: scenario.yaml, trace.ndjson, and expect.txt with one line a
 * finding, "id verdict reason", perhaps "id claim result figure" behind it, one for each late step, "late
 * step how-late of what-was-to-pass", perhaps "kept" and "warning" behind it, and the world's at the end:
 * "world verdict reason". The scenario is read at the speed the trace was recorded at. UPDATE_EXPECT=1 in the
 * environment writes expect.txt anew, to be read before it is committed.
 *
 * Each is judged again, cut short behind every line: what fails then fails as a whole, too, but for trouble
 * that is told later, and what passes does not fail as a whole.
 */
#include "base/buf.h"
#include "base/duration.h"
#include "check/check.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define CASES "fixtures/traces"
enum { CASES_AT_LEAST = 40 };

static int read_file(const char *folder, const char *name, struct buf *out)
{
	char path[512], block[4096];
	snprintf(path, sizeof(path), CASES "/%s/%s", folder, name);
	FILE *file = fopen(path, "rb");
	if (!file) {
		print_error("%s: cannot be read\n", path);
		return -1;
	}
	for (size_t length; (length = fread(block, 1, sizeof(block), file)) > 0;)
		buf_add(out, block, length);
	fclose(file);
	return 0;
}

static void add_line(struct buf *out, const char *id, const char *verdict, const char *reason)
{
	buf_addf(out, "%s %s%s%s\n", id, verdict, *reason ? " " : "", reason);
}

static void describe(const struct plan *plan, const struct judgement *judgement, struct buf *out)
{
	static const char *const claims[] = { "none", "holds", "differs", "unknown" };
	for (size_t i = 0; i < judgement->finding_count; i++) {
		const struct finding *finding = &judgement->findings[i];
		add_line(out, finding->expectation->id, verdict_names[finding->verdict], finding->reason);
		if (finding->claim != CLAIM_NONE)
			buf_addf(out, "%s claim %s %s\n", finding->expectation->id, claims[finding->claim],
			    finding->claim_measured);
	}
	for (size_t i = 0; i < judgement->late_count; i++) {
		const struct late_step *late = &judgement->late[i];
		char by[DURATION_TEXT_MAX], wait[DURATION_TEXT_MAX];
		buf_addf(out, "late %s %s of %s%s%s\n", plan->steps[late->step].id,
		    duration_format(late->late_ns, by), duration_format(late->wait_ns, wait),
		    late->was_kept ? " kept" : "", late->is_warning ? " warning" : "");
	}
	add_line(out, "world", verdict_names[judgement->verdict], judgement->reason);
	if (judgement->environment)
		buf_add_string(out, "environment\n");
}

static void update(const char *folder, const struct buf *got)
{
	char path[512];
	snprintf(path, sizeof(path), CASES "/%s/expect.txt", folder);
	FILE *file = fopen(path, "wb");
	assert_non_null(file);
	assert_int_equal(fwrite(got->bytes, 1, got->length, file), got->length);
	assert_int_equal(fclose(file), 0);
}

/* ---- cut short ---- */

static struct counts {
	size_t passed, failed;
} decided_when_cut;

static bool has_trouble_behind(const struct trace *trace, size_t cut)
{
	for (size_t i = cut; i < trace->event_count; i++)
		if (trace->events[i].kind == EVENT_TROUBLE)
			return true;
	return false;
}

static bool is_cut_right(const char *folder, const struct plan *plan, const struct judgement *whole,
    const struct trace *cut, bool has_trouble)
{
	bool right = true;
	struct judgement *judgement = check(plan, cut);
	for (size_t i = 0; i < judgement->finding_count && i < plan->expectation_count; i++) {
		const struct finding *finding = &judgement->findings[i], *other = &whole->findings[i];
		bool failed = finding->verdict == VERDICT_FAIL, passed = finding->verdict == VERDICT_PASS;
		decided_when_cut.failed += failed;
		decided_when_cut.passed += passed;
		bool is_excused = has_trouble && other->verdict == VERDICT_INCONCLUSIVE;
		if ((failed && (other->verdict == VERDICT_FAIL || is_excused)) ||
		    (passed && other->verdict != VERDICT_FAIL) || (!failed && !passed))
			continue;
		print_error("%s, cut behind line %zu: %s %s %s, as a whole %s %s\n", folder, cut->event_count,
		    finding->expectation->id, verdict_names[finding->verdict], finding->reason,
		    verdict_names[other->verdict], other->reason);
		right = false;
	}
	judgement_free(judgement);
	return right;
}

static bool cut_case(
    const char *folder, const struct plan *plan, const struct judgement *whole, const struct trace *trace)
{
	bool right = true;
	struct trace cut = *trace;
	cut.complete = false;
	for (cut.event_count = 1; cut.event_count < trace->event_count && right; cut.event_count++)
		right = is_cut_right(folder, plan, whole, &cut, has_trouble_behind(trace, cut.event_count));
	return right;
}

/* Returns whether the case is as expected; says what is not. */
static bool run_case(const char *folder)
{
	CLEANUP(buf_release) struct buf text = { 0 }, wanted = { 0 }, got = { 0 };
	struct err err = ERR_INIT;
	char path[512], message[2048];
	bool is_cut_well = true;
	if (read_file(folder, "trace.ndjson", &text) < 0 || read_file(folder, "expect.txt", &wanted) < 0)
		return false;
	snprintf(path, sizeof(path), CASES "/%s/scenario.yaml", folder);
	struct trace *trace = trace_read(buf_string(&text), text.length, "trace.ndjson", &err);
	struct plan *plan = trace ? plan_load(path, trace->events[0].world.speed, &err) : NULL;
	if (plan) {
		struct judgement *judgement = check(plan, trace);
		describe(plan, judgement, &got);
		is_cut_well = cut_case(folder, plan, judgement, trace);
		judgement_free(judgement);
	}
	plan_free(plan);
	trace_free(trace);
	if (err_is_set(&err))
		print_error("%s: %s\n", folder, err_format(&err, message, sizeof(message)));
	else if (getenv("UPDATE_EXPECT"))
		update(folder, &got);
	else if (strcmp(buf_string(&got), buf_string(&wanted)) != 0)
		print_error("%s: wanted\n%sgot\n%s\n", folder, buf_string(&wanted), buf_string(&got));
	else
		return is_cut_well;
	return false;
}

static void test_cases(void **state)
{
	(void)state;
	DIR *dir = opendir(CASES);
	int count = 0, wrong = 0;
	assert_non_null(dir);
	for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
		if (entry->d_name[0] == '.')
			continue;
		count++;
		wrong += !run_case(entry->d_name);
	}
	closedir(dir);
	print_message("%d cases; cut short, %zu findings passed, %zu failed\n", count,
	    decided_when_cut.passed, decided_when_cut.failed);
	assert_true(decided_when_cut.passed > 0 && decided_when_cut.failed > 0);
	assert_int_equal(wrong, 0);
	assert_true(count >= CASES_AT_LEAST);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_cases) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
