/* Policies out of traces, as text. */
#include "infer/infer.h"
#include "infer/testing.h"

#include <sys/mman.h>
#include <unistd.h>

#define SCENARIO                                                                                        \
	"falsestart: 1\n"                                                                               \
	"name: test\n"                                                                                  \
	"title: A world for tests\n"                                                                    \
	"stack: { services: { gateway: { image: gateway }, redis: { image: 'redis:7' } } }\n"           \
	"subject: gateway\n"                                                                            \
	"watch:\n"                                                                                      \
	"  ready: { http: 'gateway:4000/health/ready', every: 50ms, timeout: 1s, state: .status }\n"    \
	"  dial: { attempts: gateway, to: 'redis:6379', from: log, fails: F, succeeds: S, lost: L }\n"  \
	"  other: { attempts: gateway, to: 'redis:6380', from: log, fails: F, succeeds: S, lost: L }\n" \
	"steps:\n"                                                                                      \
	"  - { start: gateway, id: start-gateway }\n"                                                   \
	"expect:\n"                                                                                     \
	"  - { id: x, of: ready, reach: healthy, within: 10s }\n"

static struct plan *load_plan(void)
{
	char path[64];
	struct err err = ERR_INIT;
	int file = memfd_create("scenario", 0);
	assert_true(file >= 0);
	dprintf(file, "%s", SCENARIO);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	struct plan *plan = plan_load(path, 1, &err);
	close(file);
	if (!plan)
		fail_msg("%d:%d: %s", err.line, err.column, err.message);
	return plan;
}

/* A trace from its events, with a world before and an end behind them. */
struct story {
	struct buf text;
};

static void tell(struct story *story, struct event event)
{
	if (story->text.length == 0)
		trace_write_event(&story->text,
		    &(struct event){ .kind = EVENT_WORLD, .of = "", .world = { .version = 1, .speed = 1 } });
	trace_write_event(&story->text, &event);
}

static void attempt(struct story *story, int number, double at, double length, const char *outcome)
{
	tell(story,
	    (struct event){ .kind = EVENT_ATTEMPT,
		.of = "dial",
		.from_ns = llround(at * 1e9),
		.to_ns = llround((at + length) * 1e9),
		.attempt = { .number = number, .outcome = outcome, .source = "wire", .began_known = true } });
}

static void service(struct story *story, double at, const char *event, bool asked)
{
	tell(story, (struct event){ .kind = EVENT_SERVICE,
			.of = "gateway",
			.from_ns = llround(at * 1e9),
			.to_ns = llround(at * 1e9),
			.service = { .event = event, .asked = asked, .exit_code = -1, .by = "engine" } });
}

/* The policy of `dial`, the only watch with attempts, as a sentence. */
static void expect_policy(struct story *story, double end, const char *wanted)
{
	struct err err = ERR_INIT;
	size_t count;
	int64_t end_ns = llround(end * 1e9);
	tell(story, (struct event){ .kind = EVENT_END,
			.of = "",
			.from_ns = end_ns,
			.to_ns = end_ns,
			.end = { .reason = "completed" } });
	struct plan *plan = load_plan();
	struct trace *trace = trace_read(story->text.bytes, story->text.length, "story", &err);
	if (!trace)
		fail_msg("%d:%d: %s", err.line, err.column, err.message);
	struct inferred *all = infer_trace(plan, trace, &count);
	struct buf text = { 0 };
	if (count == 1 && strcmp(plan->watches[all[0].watch].name, "dial") == 0)
		infer_describe(&text, &all[0].policy);
	char *complaint = NULL;
	if (strcmp(buf_string(&text), wanted) != 0)
		complaint = xasprintf("%zu watches\nwanted %s\n   got %s", count, wanted, buf_string(&text));
	free(all);
	trace_free(trace);
	plan_free(plan);
	buf_release(&text);
	buf_release(&story->text);
	if (complaint)
		fail_msg("%s", complaint);
}

static void test_growth(void **state)
{
	(void)state;
	static const double at[] = { 1, 2, 4, 8, 16, 31, 46, 61 };
	struct story story = { 0 };
	for (size_t i = 0; i < ARRAY_LENGTH(at); i++)
		attempt(&story, (int)i + 1, at[i], 0, i < 7 ? "refused" : "connected");
	expect_policy(&story, 62, "exponential: 1s × 2 up to 15s, no jitter (7 gaps, confidence 1.00)");
}

/* Log attempts whose beginning is not known are measured end to end. */
static void test_ends_only(void **state)
{
	(void)state;
	struct story story = { 0 };
	for (int i = 0; i < 6; i++)
		tell(&story, (struct event){ .kind = EVENT_ATTEMPT,
				 .of = "dial",
				 .from_ns = i * 2 * NS_PER_S,
				 .to_ns = (i + 1) * 2 * NS_PER_S,
				 .attempt = { .number = i + 1, .outcome = "failed", .source = "log" } });
	expect_policy(&story, 12.5, "fixed: 2s, no jitter (5 gaps, confidence 1.00)");
}

static void test_timeouts(void **state)
{
	(void)state;
	struct story story = { 0 };
	for (int i = 0; i < 6; i++)
		attempt(&story, i + 1, 1 + 5.5 * i, 3.5, "timeout");
	expect_policy(&story, 34, "fixed: 2s, no jitter, connect timeout 3.5s (5 gaps, confidence 1.00)");
}

/* What the engine says of the client parts its runs; its own end is a way to give up. */
static void test_exits(void **state)
{
	(void)state;
	struct story story = { 0 };
	double at = 0;
	for (int run = 0; run < 2; run++) {
		service(&story, at, run ? "restarted" : "started", run == 0);
		for (int i = 0; i < 4; i++)
			attempt(&story, run * 4 + i + 1, at += 1, 0, "refused");
		service(&story, at += 0.01, "exited", false);
		at += 3;
	}
	expect_policy(&story, 20, "fixed: 1s, no jitter, 4 attempts (6 gaps, confidence 1.00)");
}

static void test_crash_loop(void **state)
{
	(void)state;
	struct story story = { 0 };
	for (int run = 0; run < 3; run++) {
		service(&story, run * 5, run ? "restarted" : "started", run == 0);
		attempt(&story, run + 1, run * 5 + 1, 0, "refused");
		service(&story, run * 5 + 1.1, "exited", false);
	}
	expect_policy(&story, 15, "none: it exits after its first failed attempt (confidence 0.95)");
}

/* It dials when its health is asked for: the poll comes first, by 2 ms. */
static void test_on_demand(void **state)
{
	(void)state;
	struct story story = { 0 };
	for (int i = 0; i < 12; i++) {
		double at = 1 + 0.5 * i;
		tell(&story, (struct event){ .kind = EVENT_SAMPLE,
				 .of = "ready",
				 .from_ns = llround(at * 1e9),
				 .to_ns = llround((at + 0.006) * 1e9),
				 .sample = { .outcome = "answered", .status = 503, .state = "degraded" } });
		attempt(&story, i + 1, at + 0.002, 0.001, "refused");
	}
	expect_policy(&story, 8,
	    "on-demand: attempts follow ready within 2ms; backoff is not applicable (confidence 0.99)");
}

static void late(struct story *story, const char *of, double from, double to, int64_t worst_ns)
{
	tell(story, (struct event){ .kind = EVENT_LATENESS,
			.of = of,
			.from_ns = llround(from * 1e9),
			.to_ns = llround(to * 1e9),
			.lateness = { .worst_ns = worst_ns } });
}

/* Where the client's own waiting is known, it alone counts: seven gaps, none of which the host can take away.
 */
static void test_own_lateness(void **state)
{
	(void)state;
	struct story story = { 0 };
	late(&story, "gateway", 0, 0.5, 30 * NS_PER_MS);
	for (int i = 0; i < 8; i++) {
		attempt(&story, i + 1, 1 + 0.1 * i, 0, "refused");
		late(&story, "", 1 + 0.1 * i, 1.1 + 0.1 * i, 400 * NS_PER_MS);
		late(&story, "other", 1 + 0.1 * i, 1.1 + 0.1 * i, 400 * NS_PER_MS);
	}
	expect_policy(&story, 1.75, "fixed: 100ms, no jitter (7 gaps, confidence 1.00)");
}

/* A gap in which the host was late does not count against the client. */
static void test_lateness(void **state)
{
	(void)state;
	struct story story = { 0 };
	double at = 1;
	for (int i = 0; i < 7; i++) {
		attempt(&story, i + 1, at, 0, "refused");
		if (i == 3)
			late(&story, "", at, at + 1.2, 400 * NS_PER_MS);
		at += i == 3 ? 1.4 : 1;
	}
	expect_policy(&story, at - 0.5, "fixed: 1s, no jitter (5 gaps, confidence 1.00)");
}

/* The end of the third is told 80 ms late: no sign that delays count from the beginning. */
static void test_late_agent(void **state)
{
	(void)state;
	struct story story = { 0 };
	for (int i = 0; i < 7; i++)
		attempt(&story, i + 1, 1 + 0.5 * i, i == 2 ? 0.28 : 0.2, "timeout");
	late(&story, "agent:gateway", 2, 2.3, 85 * NS_PER_MS);
	expect_policy(
	    &story, 4.3, "fixed: 300ms, no jitter, connect timeout 206ms (5 gaps, confidence 1.00)");
}

static void test_nothing(void **state)
{
	(void)state;
	struct story story = { 0 };
	service(&story, 1, "started", true);
	expect_policy(&story, 5, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_growth),
		cmocka_unit_test(test_ends_only),
		cmocka_unit_test(test_timeouts),
		cmocka_unit_test(test_exits),
		cmocka_unit_test(test_crash_loop),
		cmocka_unit_test(test_on_demand),
		cmocka_unit_test(test_lateness),
		cmocka_unit_test(test_own_lateness),
		cmocka_unit_test(test_late_agent),
		cmocka_unit_test(test_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
