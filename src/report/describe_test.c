#include "report/describe.h"

#include "report/repetition.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MS INT64_C(1000000)

static void test_times(void **state)
{
	(void)state;
	static const struct {
		int64_t from_ns, to_ns;
		const char *text;
	} cases[] = {
		{ 0, 0, "+0.000s" },
		{ 7020 * MS, 7041 * MS, "+7.020..7.041s" },
		{ 7020 * MS + 100, 7020 * MS + 200, "+7.020s" },
		{ 75310 * MS, 75310 * MS, "+75.310s" },
	};
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		struct buf out CLEANUP(buf_release) = { 0 };
		describe_time(&out, cases[i].from_ns, cases[i].to_ns);
		assert_string_equal(buf_string(&out), cases[i].text);
	}
}

static void test_amounts(void **state)
{
	(void)state;
	static const struct {
		enum unit unit;
		int64_t amount;
		const char *text;
	} cases[] = {
		{ UNIT_NS, 1250 * MS, "+1.25s" },
		{ UNIT_NS, -3 * MS, "-3ms" },
		{ UNIT_NS, 0, "0s" },
		{ UNIT_COUNT, 2, "+2" },
		{ UNIT_COUNT, -1, "-1" },
		{ UNIT_BYTES, 999, "+999B" },
		{ UNIT_BYTES, -4200000, "-4.2MB" },
	};
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		struct buf out CLEANUP(buf_release) = { 0 };
		describe_amount(&out, cases[i].unit, cases[i].amount, true);
		assert_string_equal(buf_string(&out), cases[i].text);
	}
}

static void check_event(const struct event *event, const char *subject, const char *what)
{
	struct buf who CLEANUP(buf_release) = { 0 }, says CLEANUP(buf_release) = { 0 };
	describe_subject(&who, event);
	describe_event(&says, event);
	assert_string_equal(buf_string(&who), subject);
	assert_string_equal(buf_string(&says), what);
}

static void test_events(void **state)
{
	(void)state;
	check_event(&(struct event){ .kind = EVENT_SERVICE,
			.of = "gateway",
			.service = { .event = "exited", .exit_code = 137, .by = "engine" } },
	    "gateway", "exited with code 137");
	check_event(&(struct event){ .kind = EVENT_SERVICE,
			.of = "redis",
			.service = { .event = "stopped", .exit_code = -1, .asked = true } },
	    "redis", "stopped (by a step)");
	check_event(&(struct event){ .kind = EVENT_SAMPLE,
			.of = "ready",
			.sample = { .outcome = "answered", .status = 200, .state = "degraded" } },
	    "ready", "degraded (200)");
	check_event(&(struct event){ .kind = EVENT_SAMPLE,
			.of = "live",
			.sample = { .outcome = "answered", .status = 200, .state = "200" } },
	    "live", "200");
	check_event(&(struct event){ .kind = EVENT_ATTEMPT,
			.of = "dial",
			.attempt = { .number = 3, .outcome = "failed", .detail = "refused" } },
	    "dial", "attempt 3 failed: refused");
	check_event(&(struct event){ .kind = EVENT_ATTEMPT,
			.of = "dial",
			.attempt = { .number = 3,
			    .outcome = "refused",
			    .packets = 1,
			    .address = "172.18.0.3:6379" } },
	    "dial", "attempt 3 refused (172.18.0.3:6379)");
	check_event(&(struct event){ .kind = EVENT_ATTEMPT,
			.of = "dial",
			.attempt = { .number = 4,
			    .outcome = "denied",
			    .lookup_ns = 12 * MS,
			    .packets = 3,
			    .address = "172.18.0.3:6379",
			    .detail = "NOAUTH Authentication required." } },
	    "dial",
	    "attempt 4 denied (172.18.0.3:6379, look-up 12ms, 3 packets): NOAUTH Authentication required.");
	check_event(&(struct event){ .kind = EVENT_ATTEMPT,
			.of = "dial",
			.attempt = { .number = 5, .outcome = "nxdomain", .lookup_ns = 5 * MS } },
	    "dial", "attempt 5 nxdomain");
	check_event(&(struct event){ .kind = EVENT_ATTEMPT,
			.of = "dial",
			.attempt = { .number = 6, .outcome = "servfail", .lookup_ns = 5 * MS + 1 } },
	    "dial", "attempt 6 servfail (look-up 5ms)");
	check_event(&(struct event){ .kind = EVENT_LOST, .of = "dial" }, "dial", "connection lost");
	check_event(
	    &(struct event){
		.kind = EVENT_LOST, .of = "dial", .lost = { .how = "closed", .by = "server", .open = 2 } },
	    "dial", "connection closed by server, 2 left");
	check_event(&(struct event){ .kind = EVENT_LOST, .of = "dial", .lost = { .how = "gone" } }, "dial",
	    "connection gone, none left");
	check_event(&(struct event){ .kind = EVENT_PHASE,
			.of = "redis",
			.phase = { .phase = "loading", .made = "spoken", .detail = "LOADING" } },
	    "redis", "looks loading (spoken): LOADING");
	check_event(&(struct event){ .kind = EVENT_LOG, .of = "gateway", .log.line = { "hello", 5 } },
	    "gateway.log", "hello");
	check_event(&(struct event){ .kind = EVENT_STEP,
			.of = "wait-2",
			.step = { .action = "wait", .target = "redis", .detail = "never ready" } },
	    "step", "wait-2 (wait redis) was given up: never ready");
	check_event(&(struct event){ .kind = EVENT_RESPONSE,
			.of = "get",
			.response = { .status = 503, .outcome = "answered", .body = { "{}", 2 } } },
	    "get", "503 {}");
	check_event(&(struct event){ .kind = EVENT_LATENESS, .lateness.worst_ns = 12 * MS }, "host",
	    "late by up to 12ms");
	check_event(&(struct event){ .kind = EVENT_TROUBLE, .trouble.what = "No." }, "harness", "No.");
}

struct worlds {
	struct judgement judgements[4];
	struct report_result results[4];
	struct plan plan;
};

static struct report report_of(struct worlds *worlds, size_t count)
{
	for (size_t i = 0; i < count; i++)
		worlds->results[i] =
		    (struct report_result){ .plan = &worlds->plan, .judgement = &worlds->judgements[i] };
	return (struct report){ .results = worlds->results,
		.result_count = count,
		.speed = 20,
		.wall_ns = 19200 * MS,
		.lateness_ns = 3100000 };
}

static void test_exit_status(void **state)
{
	(void)state;
	struct worlds worlds = { 0 };
	worlds.judgements[1].verdict = VERDICT_INCONCLUSIVE;
	worlds.judgements[2] = (struct judgement){ .verdict = VERDICT_INCONCLUSIVE, .environment = true };
	worlds.judgements[3].verdict = VERDICT_FAIL;
	static const int wanted[] = { 5, 0, 4, 3, 1 }, in_trouble[] = { 3, 3, 3, 3, 1 };
	for (size_t count = 0; count <= 4; count++) {
		struct report report = report_of(&worlds, count);
		assert_int_equal(report_exit_status(&report), wanted[count]);
		report.has_trouble = true;
		assert_int_equal(report_exit_status(&report), in_trouble[count]);
		report.interrupted = 143;
		assert_int_equal(report_exit_status(&report), 143);
	}
}

static void test_summary(void **state)
{
	(void)state;
	struct worlds worlds = { 0 };
	struct buf out CLEANUP(buf_release) = { 0 };
	worlds.judgements[2] = (struct judgement){ .verdict = VERDICT_INCONCLUSIVE, .environment = true };
	struct report report = report_of(&worlds, 2);
	describe_totals(&out, &report);
	assert_string_equal(buf_string(&out),
	    "2 passed, 0 failed, 0 inconclusive in 19.2s (speed 20, host late by at most 3.1ms)");
	report = report_of(&worlds, 3);
	buf_clear(&out);
	describe_totals(&out, &report);
	assert_string_equal(buf_string(&out),
	    "2 passed, 0 failed, 1 inconclusive (1 because of the environment) in 19.2s "
	    "(speed 20, host late by at most 3.1ms)");
}

/* Tries of one world, by their verdicts: what becomes of it, and of the exit status. */
static void check_tries(const char *verdicts, enum outcome last, int status, int status_allowed)
{
	static char name[] = "a-race";
	struct worlds worlds = { .plan = { .name = name } };
	size_t count = strlen(verdicts);
	for (size_t i = 0; i < count; i++)
		worlds.judgements[i].verdict = verdicts[i] == 'p'   ? VERDICT_PASS
					       : verdicts[i] == 'f' ? VERDICT_FAIL
								    : VERDICT_INCONCLUSIVE;
	struct report report = report_of(&worlds, count);
	for (size_t i = 0; i < count; i++)
		worlds.results[i].retry = (int)i;
	for (size_t i = 0; i + 1 < count; i++)
		assert_int_equal(report_outcome(&report, i), OUTCOME_RETRIED);
	assert_int_equal(report_outcome(&report, count - 1), last);
	assert_int_equal(report_exit_status(&report), status);
	report.flaky_allowed = true;
	assert_int_equal(report_exit_status(&report), status_allowed);
	struct report_totals totals = report_totals(&report);
	assert_int_equal(totals.retried, count - 1);
	assert_int_equal(totals.passed + totals.failed + totals.inconclusive + totals.flaky, 1);
	assert_int_equal(totals.doubted, last == OUTCOME_PASS && verdicts[0] == '?');
}

static void test_retries(void **state)
{
	(void)state;
	check_tries("p", OUTCOME_PASS, 0, 0);
	check_tries("fp", OUTCOME_FLAKY, 1, 0);
	check_tries("f?p", OUTCOME_FLAKY, 1, 0);
	check_tries("?p", OUTCOME_PASS, 0, 0);
	check_tries("ff", OUTCOME_FAIL, 1, 1);
	check_tries("f??", OUTCOME_FAIL, 1, 1);
	check_tries("?f", OUTCOME_FAIL, 1, 1);
	check_tries("??", OUTCOME_INCONCLUSIVE, 4, 4);
}

/* Repetitions are no tries of each other, nor are scenarios. */
static void test_repetitions_are_no_retries(void **state)
{
	(void)state;
	static char name[] = "a-race", other[] = "another";
	struct worlds worlds = { .plan = { .name = name } };
	struct plan another = { .name = other };
	worlds.judgements[0].verdict = VERDICT_FAIL;
	struct report report = report_of(&worlds, 4);
	for (int i = 0; i < 4; i++) {
		worlds.results[i].attempt = i + 1;
		worlds.results[i].attempts = 4;
	}
	worlds.results[3].plan = &another;
	worlds.results[3].attempt = worlds.results[2].attempt;
	worlds.results[3].retry = 1;
	assert_int_equal(report_outcome(&report, 0), OUTCOME_FAIL);
	assert_int_equal(report_outcome(&report, 1), OUTCOME_PASS);
	assert_int_equal(report_outcome(&report, 2), OUTCOME_PASS);
	assert_int_equal(report_totals(&report).failed, 1);
	size_t count;
	struct repetition *repetitions = repetitions_of(&report, &count);
	assert_int_equal(count, 2);
	assert_int_equal(repetitions[0].runs, 3);
	assert_int_equal(repetitions[0].passed, 2);
	assert_int_equal(repetitions[1].first, 3);
	struct buf out CLEANUP(buf_release) = { 0 };
	describe_repetition(&out, &repetitions[0]);
	repetitions_free(repetitions, count);
	assert_string_equal(buf_string(&out), "2 of 3 passed (95 % interval 20.8 % to 93.9 %), 1 failed");
}

/* What a shell makes of the word. */
static void check_word(const char *word, const char *wanted)
{
	struct buf command CLEANUP(buf_release) = { 0 }, read CLEANUP(buf_release) = { 0 };
	buf_add_string(&command, "printf %s ");
	size_t start = command.length;
	describe_word(&command, word);
	assert_string_equal(buf_string(&command) + start, wanted);
	FILE *shell = popen(buf_string(&command), "r"); /* NOLINT(cert-env33-c): it is about the shell */
	assert_non_null(shell);
	for (int byte; (byte = getc(shell)) != EOF;)
		buf_add_char(&read, (char)byte);
	assert_int_equal(pclose(shell), 0);
	assert_string_equal(buf_string(&read), word);
}

static void test_words(void **state)
{
	(void)state;
	check_word("scenarios/02-delayed_redis.yaml", "scenarios/02-delayed_redis.yaml");
	check_word("a@b%c+d=e:f,g", "a@b%c+d=e:f,g");
	check_word("Größe/läuft.yaml", "Größe/läuft.yaml");
	check_word("", "''");
	check_word("my scenarios/a.yaml", "'my scenarios/a.yaml'");
	check_word("it's.yaml", "'it'\\''s.yaml'");
	check_word("~/a.yaml", "'~/a.yaml'");
	check_word("$HOME/`date`;*?[x].yaml", "'$HOME/`date`;*?[x].yaml'");
	check_word("a\tb\nc\\d\"e", "'a\tb\nc\\d\"e'");
	check_word("#!(){}<>&|^", "'#!(){}<>&|^'");
}

/* A speed is told with the digits that make it the same again, and no more. */
static void test_replay_speed(void **state)
{
	(void)state;
	static char file[] = "a.yaml";
	static const struct {
		double speed;
		const char *text;
	} cases[] = { { 20, "20" }, { 0.1, "0.1" }, { 2.5, "2.5" }, { 1000, "1000" },
		{ 1.0000001, "1.0000001" }, { 12.3456789, "12.3456789" }, { 1 / 3.0, "0.3333333333333333" },
		{ 0.1 + 0.2, "0.30000000000000004" } };
	struct event world = { .kind = EVENT_WORLD, .world = { .seed = 7 } };
	struct trace trace = { .events = &world, .event_count = 1 };
	struct plan plan = { .file = file };
	struct report_result result = { .plan = &plan, .trace = &trace };
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		struct buf out CLEANUP(buf_release) = { 0 };
		char *wanted OWNED = xasprintf("falsestart run --seed 7 --speed %s a.yaml", cases[i].text);
		plan.speed = cases[i].speed;
		describe_replay(&out, &result);
		assert_string_equal(buf_string(&out), wanted);
		assert_true(strtod(cases[i].text, NULL) == cases[i].speed);
	}
}

static void test_replay(void **state)
{
	(void)state;
	static char file[] = "scenarios/a.yaml";
	struct event world = { .kind = EVENT_WORLD, .world = { .seed = 7 } };
	struct trace trace = { .events = &world, .event_count = 1 };
	struct plan plan = { .file = file, .speed = 20 };
	struct report_result result = { .plan = &plan, .trace = &trace };
	struct buf out CLEANUP(buf_release) = { 0 };
	describe_replay(&out, &result);
	assert_string_equal(buf_string(&out), "falsestart run --seed 7 --speed 20 scenarios/a.yaml");
	buf_clear(&out);
	plan.speed = 1;
	describe_replay(&out, &result);
	assert_string_equal(buf_string(&out), "falsestart run --seed 7 scenarios/a.yaml");
	/* A trace of an older falsestart. */
	buf_clear(&out);
	world.world.seed = 0;
	describe_replay(&out, &result);
	assert_int_equal(out.length, 0);
	describe_check(&out, &result);
	assert_int_equal(out.length, 0);
	result.trace_file = "reports/r1/a.ndjson";
	describe_check(&out, &result);
	assert_string_equal(buf_string(&out), "falsestart check scenarios/a.yaml reports/r1/a.ndjson");
}

/* Paths of people have blanks in them. */
static void test_replay_of_a_path_with_blanks(void **state)
{
	(void)state;
	static char file[] = "my scenarios/a.yaml";
	struct event world = { .kind = EVENT_WORLD, .world = { .seed = 7 } };
	struct trace trace = { .events = &world, .event_count = 1 };
	struct plan plan = { .file = file, .speed = 1 };
	struct report_result result = {
		.plan = &plan, .trace = &trace, .trace_file = "the reports/r1/a.ndjson"
	};
	struct buf out CLEANUP(buf_release) = { 0 };
	describe_replay(&out, &result);
	assert_string_equal(buf_string(&out), "falsestart run --seed 7 'my scenarios/a.yaml'");
	buf_clear(&out);
	describe_check(&out, &result);
	assert_string_equal(
	    buf_string(&out), "falsestart check 'my scenarios/a.yaml' 'the reports/r1/a.ndjson'");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_amounts),
		cmocka_unit_test(test_events),
		cmocka_unit_test(test_exit_status),
		cmocka_unit_test(test_summary),
		cmocka_unit_test(test_retries),
		cmocka_unit_test(test_repetitions_are_no_retries),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_replay),
		cmocka_unit_test(test_replay_speed),
		cmocka_unit_test(test_replay_of_a_path_with_blanks),
	};
	return cmocka_run_group_tests_name("describe", tests, NULL, NULL);
}
