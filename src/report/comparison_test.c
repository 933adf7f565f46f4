#include "report/comparison.h"

#include "base/random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct comparison_limits limits = { .alpha = 0.01, .threshold = 0.1 };

/* What a run would have written, as far as a comparison reads it. */
struct made {
	struct buf json;
	size_t results;
};

static void begin(struct made *made, double speed)
{
	buf_addf(&made->json, "{\"falsestart_report\":1,\"speed\":%g,\"results\":[", speed);
}

/* With `findings`, a list of objects. */
static void add_world(struct made *made, const char *scenario, const char *outcome, const char *findings)
{
	buf_addf(&made->json, "%s{\"scenario\":\"%s\",\"outcome\":\"%s\",\"speed\":1,\"findings\":[%s]}",
	    made->results++ ? "," : "", scenario, outcome, findings);
}

/* One figure, named after its kind: a time is known to 5 ns, a count is what it is. */
static void add(struct made *made, const char *scenario, const char *outcome, const char *kind,
    const char *unit, int64_t figure)
{
	struct buf finding CLEANUP(buf_release) = { 0 };
	int64_t around = strcmp(unit, "ns") == 0 ? 5 : 0;
	buf_addf(&finding,
	    "{\"id\":\"%s\",\"kind\":\"%s\",\"unit\":\"%s\",\"measured\":{\"low\":%lld,\"high\":%lld}}", kind,
	    kind, unit, (long long)(figure - around), (long long)(figure + around));
	add_world(made, scenario, outcome, buf_string(&finding));
}

static struct recorded *end(struct made *made)
{
	struct err err = ERR_INIT;
	buf_add_string(&made->json, "]}");
	struct recorded *recorded =
	    recorded_read(buf_string(&made->json), made->json.length, "made.json", &err);
	if (!recorded)
		fail_msg("%s", err.message);
	buf_release(&made->json);
	return recorded;
}

static struct recorded *figures(const char *kind, const char *unit, int64_t base, int64_t step, size_t count)
{
	struct made made = { 0 };
	begin(&made, 1);
	for (size_t i = 0; i < count; i++)
		add(&made, "a-race", "pass", kind, unit, base + (int64_t)i * step);
	return end(&made);
}

static struct recorded *rates(size_t passed, size_t failed)
{
	struct made made = { 0 };
	begin(&made, 1);
	for (size_t i = 0; i < passed + failed; i++)
		add(&made, "a-race", i < passed ? "pass" : i % 2 ? "fail" : "flaky", "sequence", "ns", 100);
	add(&made, "a-race", "inconclusive", "sequence", "ns", 100);
	add(&made, "a-race", "retried", "sequence", "ns", 100);
	return end(&made);
}

static const struct compared *row_of(const struct comparison *comparison, const char *id)
{
	for (size_t i = 0; i < comparison->count; i++) {
		const char *own = comparison->rows[i].id;
		if (id ? own && strcmp(own, id) == 0 : !own)
			return &comparison->rows[i];
	}
	fail_msg("no row %s", id ? id : "of the rate");
	return NULL;
}

/* Frees both. */
static void check_change(struct recorded *old_runs, struct recorded *new_runs, const char *id,
    enum change change, const char *word, int status)
{
	struct err err = ERR_INIT;
	struct comparison *comparison = compare(old_runs, new_runs, &limits, &err);
	assert_non_null(comparison);
	const struct compared *row = row_of(comparison, id);
	assert_string_equal(change_names[row->change], change_names[change]);
	assert_string_equal(row->word, word);
	assert_int_equal(comparison_exit_status(comparison), status);
	comparison_free(comparison);
	recorded_free(old_runs);
	recorded_free(new_runs);
}

static void test_words(void **state)
{
	(void)state;
	check_change(figures("reach", "ns", 2100, 1, 20), figures("reach", "ns", 2900, 1, 20), "reach",
	    CHANGE_WORSE, "slower", 1);
	check_change(figures("reach", "ns", 2900, 1, 20), figures("reach", "ns", 2100, 1, 20), "reach",
	    CHANGE_BETTER, "faster", 0);
	check_change(figures("memory", "bytes", 2100, 1, 20), figures("memory", "bytes", 2900, 1, 20),
	    "memory", CHANGE_WORSE, "more", 1);
	/* Longer gaps are another policy, not a worse one. */
	check_change(figures("backoff", "ns", 2100, 1, 20), figures("backoff", "ns", 2900, 1, 20), "backoff",
	    CHANGE_OTHER, "changed", 0);
	check_change(figures("later-kind", "ns", 2100, 1, 20), figures("later-kind", "ns", 2900, 1, 20),
	    "later-kind", CHANGE_OTHER, "changed", 0);
}

/* A difference that is sure and small, and one that is large and could be chance. */
static void test_no_change(void **state)
{
	(void)state;
	check_change(figures("reach", "ns", 2100, 1, 20), figures("reach", "ns", 2200, 1, 20), "reach",
	    CHANGE_NONE, "", 0);
	check_change(figures("reach", "ns", 1000, 900, 10), figures("reach", "ns", 2000, 900, 10), "reach",
	    CHANGE_NONE, "", 0);
	check_change(figures("never", "count", 0, 0, 20), figures("never", "count", 0, 0, 20), "never",
	    CHANGE_NONE, "", 0);
	/* From nothing to something. */
	check_change(figures("never", "count", 0, 0, 20), figures("never", "count", 1, 0, 20), "never",
	    CHANGE_WORSE, "more", 1);
}

static void test_too_few(void **state)
{
	(void)state;
	check_change(figures("reach", "ns", 1000, 1, 4), figures("reach", "ns", 9000, 1, 4), "reach",
	    CHANGE_UNKNOWN, "", 4);
	/* 2 of 252 ways are less than one in a hundred: five a side can tell. */
	check_change(figures("reach", "ns", 1000, 1, 5), figures("reach", "ns", 9000, 1, 5), "reach",
	    CHANGE_WORSE, "slower", 1);
	struct recorded *a = figures("reach", "ns", 1000, 1, 4), *b = figures("reach", "ns", 1000, 1, 4);
	struct comparison *comparison = compare(a, b, &limits, NULL);
	assert_int_equal(comparison->runs_needed, 5);
	comparison_free(comparison);
	recorded_free(a);
	recorded_free(b);
}

/* What is the same in most runs says little, however many of them there are on one side. */
static void test_ties(void **state)
{
	(void)state;
	check_change(figures("connections", "count", 4, 0, 1), figures("connections", "count", 5, 0, 30),
	    "connections", CHANGE_UNKNOWN, "", 4);
	check_change(figures("connections", "count", 4, 0, 3), figures("connections", "count", 5, 0, 3),
	    "connections", CHANGE_UNKNOWN, "", 4);
	check_change(figures("connections", "count", 4, 0, 5), figures("connections", "count", 5, 0, 5),
	    "connections", CHANGE_WORSE, "more", 1);
	check_change(figures("connections", "count", 4, 0, 2), figures("connections", "count", 5, 0, 30),
	    "connections", CHANGE_WORSE, "more", 1);
}

static struct recorded *intervals(
    const char *kind, const char *unit, const char *outcome, const char *measured, size_t count)
{
	struct made made = { 0 };
	begin(&made, 1);
	for (size_t i = 0; i < count; i++) {
		struct buf finding CLEANUP(buf_release) = { 0 };
		buf_addf(&finding, "{\"id\":\"%s\",\"kind\":\"%s\",\"unit\":\"%s\",\"measured\":%s}", kind,
		    kind, unit, measured);
		add_world(&made, "a-race", outcome, buf_string(&finding));
	}
	return end(&made);
}

/* Of a count only what is certain counts; of a time and a size the middle does. */
static void test_intervals(void **state)
{
	(void)state;
	static const char *const wide = "{\"low\":100,\"high\":300}", *const none = "{\"low\":0,\"high\":0}",
				 *const perhaps = "{\"low\":0,\"high\":1}",
				 *const one = "{\"low\":1,\"high\":2}";
	check_change(figures("reach", "ns", 100, 0, 20), intervals("reach", "ns", "pass", wide, 20), "reach",
	    CHANGE_WORSE, "slower", 1);
	check_change(intervals("memory", "bytes", "pass", "{\"low\":100,\"high\":100}", 20),
	    intervals("memory", "bytes", "pass", wide, 20), "memory", CHANGE_WORSE, "more", 1);
	check_change(intervals("never", "count", "pass", none, 20),
	    intervals("never", "count", "pass", perhaps, 20), "never", CHANGE_NONE, "", 0);
	check_change(intervals("never", "count", "pass", none, 20),
	    intervals("never", "count", "pass", one, 20), "never", CHANGE_WORSE, "more", 1);
	struct recorded *runs = intervals("never", "count", "pass", one, 1);
	assert_true(runs->scenarios[0].figures[0].values[0] == 1);
	recorded_free(runs);
	runs = intervals("reach", "ns", "pass", wide, 1);
	assert_true(runs->scenarios[0].figures[0].values[0] == 200);
	recorded_free(runs);
}

static struct recorded *named(const char *id, const char *implied, int64_t base)
{
	struct made made = { 0 };
	begin(&made, 1);
	for (long long took = base; took < base + 20; took++) {
		struct buf finding CLEANUP(buf_release) = { 0 };
		buf_addf(&finding,
		    "{\"id\":\"%s\",\"kind\":\"reach\",\"unit\":\"ns\",%s\"measured\":{\"low\":%lld,\"high\":"
		    "%lld}}",
		    id, implied, took, took);
		add_world(&made, "a-race", "pass", buf_string(&finding));
	}
	return end(&made);
}

/* A step that is in time by more, a phase that is met later: neither is the subject's. Older reports do not
 * say which are implied, and newer ones do: there may be somebody who calls his own expectation so. */
static void test_implied(void **state)
{
	(void)state;
	static const char *const yes = "\"implied\":true,", *const no = "\"implied\":false,";
	static const char *const ids[] = { "in-time-start-redis", "met-redis-refused" };
	for (size_t i = 0; i < ARRAY_LENGTH(ids); i++) {
		check_change(
		    named(ids[i], yes, 1000), named(ids[i], yes, 3000), ids[i], CHANGE_OTHER, "changed", 0);
		check_change(
		    named(ids[i], yes, 3000), named(ids[i], yes, 1000), ids[i], CHANGE_OTHER, "changed", 0);
		check_change(
		    named(ids[i], "", 1000), named(ids[i], yes, 3000), ids[i], CHANGE_OTHER, "changed", 0);
		check_change(
		    named(ids[i], no, 1000), named(ids[i], no, 3000), ids[i], CHANGE_WORSE, "slower", 1);
	}
	check_change(named("met", "", 1000), named("met", no, 3000), "met", CHANGE_WORSE, "slower", 1);
}

static void test_rates(void **state)
{
	(void)state;
	check_change(rates(40, 0), rates(30, 10), NULL, CHANGE_WORSE, "fails more", 1);
	check_change(rates(30, 10), rates(40, 0), NULL, CHANGE_BETTER, "fails less", 0);
	check_change(rates(40, 0), rates(39, 1), NULL, CHANGE_NONE, "", 0);
	check_change(rates(2, 0), rates(0, 2), NULL, CHANGE_UNKNOWN, "", 4);
	/* What is sure is worse, however few. */
	check_change(rates(1000, 0), rates(980, 20), NULL, CHANGE_WORSE, "fails more", 1);
	struct recorded *runs = rates(30, 10);
	assert_int_equal(runs->scenarios[0].passed, 30);
	assert_int_equal(runs->scenarios[0].failed, 10);
	recorded_free(runs);
}

/* However often a world is tried again, it is one. */
static void test_retries(void **state)
{
	(void)state;
	struct made old_made = { 0 }, new_made = { 0 };
	begin(&old_made, 1);
	begin(&new_made, 1);
	for (int i = 0; i < 3; i++) {
		for (int try = 0; try < 4; try++)
			add(&old_made, "a-race", try < 3 ? "retried" : "pass", "reach", "ns",
			    1000 + 10 * i + try);
		add(&new_made, "a-race", "retried", "respond", "ns", 1);
		for (int try = 0; try < 4; try++)
			add(&new_made, "a-race", try < 3 ? "retried" : "flaky", "reach", "ns",
			    2000 + 10 * i + try);
	}
	struct recorded *old_runs = end(&old_made), *new_runs = end(&new_made);
	assert_int_equal(old_runs->scenarios[0].passed, 3);
	assert_int_equal(new_runs->scenarios[0].failed, 3);
	assert_int_equal(new_runs->scenarios[0].figure_count, 1);
	assert_int_equal(new_runs->scenarios[0].figures[0].count, 3);
	assert_true(new_runs->scenarios[0].figures[0].values[1] == 2013);
	check_change(old_runs, new_runs, "reach", CHANGE_UNKNOWN, "", 4);
}

/* A scenario that passed, and that nobody can judge any more, is not what it was. */
static void check_unjudged(
    const char *kind, const char *unit, const char *measured, int64_t slower, int status)
{
	struct made old_made = { 0 }, new_made = { 0 };
	struct buf finding CLEANUP(buf_release) = { 0 }, text CLEANUP(buf_release) = { 0 },
			   json CLEANUP(buf_release) = { 0 };
	buf_addf(&finding, "{\"id\":\"%s\",\"kind\":\"%s\",\"unit\":\"%s\",\"measured\":%s}", kind, kind,
	    unit, measured);
	begin(&old_made, 1);
	begin(&new_made, 1);
	for (int i = 0; i < 20; i++) {
		add_world(&old_made, "lost", "pass", buf_string(&finding));
		add_world(&new_made, "lost", "inconclusive", buf_string(&finding));
		add_world(&old_made, "never-judged", "inconclusive", buf_string(&finding));
		add_world(&new_made, "never-judged", "inconclusive", buf_string(&finding));
		if (slower < 0)
			continue;
		add(&old_made, "other", "pass", "reach", "ns", 1000 + i);
		add(&new_made, "other", "pass", "reach", "ns", 1000 + i + slower);
	}
	struct recorded *old_runs = end(&old_made), *new_runs = end(&new_made);
	for (int turned = 0; turned < 2; turned++) {
		struct err err = ERR_INIT;
		struct comparison *comparison = turned ? compare(new_runs, old_runs, &limits, &err)
						       : compare(old_runs, new_runs, &limits, &err);
		assert_non_null(comparison);
		assert_int_equal(comparison->runs_needed, 0);
		assert_int_equal(comparison_exit_status(comparison), turned ? 4 : status);
		comparison_text(comparison, &limits, &(struct report_text_options){ .width = 90 }, &text);
		comparison_json(comparison, &limits, &json);
		assert_non_null(
		    strstr(buf_string(&text), turned ? "  not judged once among the old runs: lost\n"
						     : "  not judged once among the new runs: lost\n"));
		assert_non_null(strstr(buf_string(&json),
		    turned ? "\"unjudged_old\": [\n    \"lost\"\n  ],\n  \"unjudged_new\": []"
			   : "\"unjudged_old\": [],\n  \"unjudged_new\": [\n    \"lost\"\n  ]"));
		buf_clear(&text);
		buf_clear(&json);
		comparison_free(comparison);
	}
	recorded_free(old_runs);
	recorded_free(new_runs);
}

static void test_unjudged(void **state)
{
	(void)state;
	check_unjudged("reach", "ns", "{\"low\":100,\"high\":100}", -1, 4);
	check_unjudged("never", "count", "null", -1, 4);
	check_unjudged("never", "count", "{\"low\":0,\"high\":3}", 0, 4);
	check_unjudged("never", "count", "null", 0, 4);
	check_unjudged("never", "count", "null", 1000, 1);
}

static void test_worst_first(void **state)
{
	(void)state;
	struct made old_made = { 0 }, new_made = { 0 };
	begin(&old_made, 1);
	begin(&new_made, 1);
	for (int i = 0; i < 20; i++) {
		add(&old_made, "same", "pass", "reach", "ns", 1000 + i * 10);
		add(&new_made, "same", "pass", "reach", "ns", 1001 + i * 10);
		add(&old_made, "better", "pass", "reach", "ns", 5000 + i);
		add(&new_made, "better", "pass", "reach", "ns", 1000 + i);
		add(&old_made, "worse", "pass", "reach", "ns", 2100 + i);
		add(&new_made, "worse", "pass", "reach", "ns", 2900 + i);
		add(&old_made, "worst", "pass", "reach", "ns", 2100 + i);
		add(&new_made, "worst", "pass", "reach", "ns", 4900 + i);
	}
	add(&old_made, "same", "pass", "respond", "ns", 1);
	add(&old_made, "gone", "pass", "reach", "ns", 1);
	add(&new_made, "fresh", "pass", "reach", "ns", 1);
	struct recorded *old_runs = end(&old_made), *new_runs = end(&new_made);
	struct comparison *comparison = compare(old_runs, new_runs, &limits, NULL);
	assert_string_equal(comparison->rows[0].scenario, "worst");
	assert_string_equal(comparison->rows[1].scenario, "worse");
	assert_string_equal(comparison->rows[2].scenario, "better");
	assert_int_equal(comparison->only_old.count, 2);
	assert_int_equal(comparison->only_new.count, 1);
	assert_true(comparison->rows[1].shift.low <= 800 && comparison->rows[1].shift.high >= 800);
	struct buf text CLEANUP(buf_release) = { 0 }, json CLEANUP(buf_release) = { 0 };
	comparison_text(comparison, &limits, &(struct report_text_options){ .width = 90 }, &text);
	comparison_json(comparison, &limits, &json);
	comparison_free(comparison);
	recorded_free(old_runs);
	recorded_free(new_runs);
	assert_string_equal(buf_string(&text),
	    "  worst / reach                          2.11us -> 4.91us  +133 %  p < 0.001  slower\n"
	    "  worse / reach                          2.11us -> 2.91us   +38 %  p < 0.001  slower\n"
	    "  better / reach                         5.01us -> 1.01us   -80 %  p < 0.001  faster\n"
	    "  only in the old runs: same / respond, gone\n"
	    "  only in the new runs: fresh\n"
	    "\n"
	    "2 worse, 1 better, 0 changed, 5 not (p < 0.01 after Holm, by at least 10 %)\n");
	assert_non_null(strstr(buf_string(&json), "\"change\": \"worse\""));
	assert_non_null(strstr(buf_string(&json), "\"exit_status\": 1"));
}

static void refuse(const char *text, const char *why)
{
	struct err err = ERR_INIT;
	assert_null(recorded_read(text, strlen(text), "old.json", &err));
	if (!strstr(err.message, why))
		fail_msg("`%s` does not say `%s`", err.message, why);
}

static void test_refused(void **state)
{
	(void)state;
	refuse("{", "no JSON");
	refuse("{}", "no report");
	refuse("[1]", "no report");
	refuse("{\"falsestart_report\":2,\"speed\":1,\"results\":[]}", "version 2");
	refuse("{\"falsestart_report\":1,\"speed\":1,\"results\":[{}]}", "result 1");
	refuse("{\"falsestart_report\":1,\"speed\":1,\"results\":[{\"scenario\":\"a\",\"outcome\":\"pass\","
	       "\"speed\":20,\"findings\":[]}]}",
	    "`speed`");
	refuse("{\"falsestart_report\":1,\"speed\":1,\"results\":[{\"scenario\":\"a\",\"outcome\":\"pass\","
	       "\"speed\":1,\"findings\":[{\"id\":\"b\",\"measured\":{\"low\":2,\"high\":1},\"unit\":\"ns\"}]"
	       "}]}",
	    "`measured`");
}

static void test_cannot_be_compared(void **state)
{
	(void)state;
	struct made slow = { 0 }, fast = { 0 }, other = { 0 };
	begin(&slow, 1);
	begin(&fast, 20);
	begin(&other, 1);
	add(&slow, "a", "pass", "reach", "ns", 1);
	add(&other, "b", "pass", "reach", "ns", 1);
	struct recorded *a = end(&slow), *b = end(&fast), *c = end(&other);
	struct err err = ERR_INIT;
	assert_null(compare(a, b, &limits, &err));
	assert_non_null(strstr(err.message, "at speed 1 and the new ones at speed 20"));
	err = (struct err)ERR_INIT;
	assert_null(compare(a, c, &limits, &err));
	assert_non_null(strstr(err.message, "nothing to compare"));
	recorded_free(a);
	recorded_free(b);
	recorded_free(c);
}

/* Where nothing changed, a comparison of twenty figures is worse no more often than alpha says; where one
 * did, it is found. */
static void test_false_alarms(void **state)
{
	(void)state;
	enum { TRIALS = 300, FIGURES = 20, RUNS = 12 };
	struct random_stream stream = random_stream(99, (const char *const[]){ "alarms", NULL });
	const struct comparison_limits loose = { .alpha = 0.05, .threshold = 0 };
	size_t alarms = 0, found = 0;
	for (size_t trial = 0; trial < TRIALS; trial++) {
		struct made old_made = { 0 }, new_made = { 0 };
		begin(&old_made, 1);
		begin(&new_made, 1);
		for (int figure = 0; figure < FIGURES; figure++) {
			char name[16];
			snprintf(name, sizeof(name), "s%d", figure);
			for (int i = 0; i < RUNS; i++) {
				add(&old_made, name, "pass", "reach", "ns",
				    1000000 + random_up_to(&stream, 1000000));
				add(&new_made, name, "pass", "reach", "ns",
				    (figure == 0 ? 2000000 : 1000000) + random_up_to(&stream, 1000000));
			}
		}
		struct recorded *old_runs = end(&old_made), *new_runs = end(&new_made);
		struct comparison *comparison = compare(old_runs, new_runs, &loose, NULL);
		bool alarm = false;
		for (size_t i = 0; i < comparison->count; i++) {
			const struct compared *row = &comparison->rows[i];
			if (row->change >= CHANGE_NONE)
				continue;
			if (strcmp(row->scenario, "s0") == 0)
				found++;
			else
				alarm = true;
		}
		alarms += alarm;
		comparison_free(comparison);
		recorded_free(old_runs);
		recorded_free(new_runs);
	}
	assert_int_equal(found, TRIALS);
	assert_in_range(alarms, 1, 30); /* 15 are expected; 30 would be 4 standard deviations more */
}

/* As seldom where few runs stand against many, and most that was counted was the same: how often a process
 * was restarted, how many connections there were. */
static void test_false_alarms_of_counts(void **state)
{
	(void)state;
	enum { TRIALS = 600, SCENARIOS = 6, OLD_RUNS_MAX = 8, NEW_RUNS = 30 };
	struct random_stream stream = random_stream(5, (const char *const[]){ "counts", NULL });
	const struct comparison_limits loose = { .alpha = 0.05, .threshold = 0 };
	size_t alarms = 0, found = 0;
	for (size_t trial = 0; trial < TRIALS; trial++) {
		struct made old_made = { 0 }, new_made = { 0 };
		begin(&old_made, 1);
		begin(&new_made, 1);
		int64_t old_runs_each = 1 + random_up_to(&stream, OLD_RUNS_MAX - 1);
		for (int scenario = 0; scenario < SCENARIOS; scenario++) {
			char name[16];
			snprintf(name, sizeof(name), "s%d", scenario);
			for (int i = 0; i < old_runs_each + NEW_RUNS; i++)
				add(i < old_runs_each ? &old_made : &new_made, name, "pass", "connections",
				    "count", random_up_to(&stream, 9) < 8 ? 5 : 4 + random_up_to(&stream, 2));
		}
		for (int i = 0; i < 10; i++) {
			add(&old_made, "more", "pass", "connections", "count", i == 0 ? 5 : 4);
			add(&new_made, "more", "pass", "connections", "count", i == 0 ? 4 : 5);
		}
		struct recorded *old_runs = end(&old_made), *new_runs = end(&new_made);
		struct comparison *comparison = compare(old_runs, new_runs, &loose, NULL);
		bool alarm = false;
		for (size_t i = 0; i < comparison->count; i++) {
			bool is_changed = comparison->rows[i].change < CHANGE_NONE;
			bool is_more = strcmp(comparison->rows[i].scenario, "more") == 0;
			found += is_changed && is_more;
			alarm = alarm || (is_changed && !is_more);
		}
		alarms += alarm;
		comparison_free(comparison);
		recorded_free(old_runs);
		recorded_free(new_runs);
	}
	assert_int_equal(found, TRIALS);
	assert_in_range(alarms, 1, TRIALS / 20);
}

/* A report of another machine may name as many as fit into it; looking at all for each would take minutes. */
static void test_very_many_scenarios(void **state)
{
	(void)state;
	enum { SCENARIOS = 60000 };
	struct recorded *runs[2];
	for (size_t i = 0; i < ARRAY_LENGTH(runs); i++) {
		struct made made = { 0 };
		begin(&made, 1);
		for (int k = 0; k < SCENARIOS; k++) {
			char name[32];
			snprintf(name, sizeof(name), "scenario-%d", k);
			add(&made, name, "pass", "reach", "ns", k);
		}
		runs[i] = end(&made);
	}
	struct err err = ERR_INIT;
	struct comparison *comparison = compare(runs[0], runs[1], &limits, &err);
	assert_non_null(comparison);
	assert_int_equal(comparison->count, 2 * SCENARIOS);
	assert_int_equal(comparison->only_old.count + comparison->only_new.count, 0);
	comparison_free(comparison);
	recorded_free(runs[0]);
	recorded_free(runs[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_no_change),
		cmocka_unit_test(test_too_few),
		cmocka_unit_test(test_ties),
		cmocka_unit_test(test_intervals),
		cmocka_unit_test(test_implied),
		cmocka_unit_test(test_rates),
		cmocka_unit_test(test_retries),
		cmocka_unit_test(test_unjudged),
		cmocka_unit_test(test_worst_first),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_cannot_be_compared),
		cmocka_unit_test(test_false_alarms),
		cmocka_unit_test(test_false_alarms_of_counts),
		cmocka_unit_test(test_very_many_scenarios),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
