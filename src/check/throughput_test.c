/*
 * A long trace is read and judged; the figure is printed. FALSESTART_EVENTS sets the size (default: small, so
 * that the sanitizers are not kept waiting); in an optimised build with 2000000 it is what `falsestart check`
 * promises.
 */
#include "check/testing.h"

#include "trace/generate.h"

#include <time.h>

#define EXPECTATIONS                                                                                    \
	"{ id: a, of: ready, reach: healthy, within: 1s, after: gateway.started }\n"                    \
	"  - { id: b, of: ready, never: [unhealthy, refused] }\n"                                       \
	"  - { id: c, of: ready, always: [healthy, degraded], during: { from: gateway.started, until: " \
	"world.ended } }\n"                                                                             \
	"  - { id: d, of: gateway, never: [exited] }\n"                                                 \
	"  - { id: e, of: dial, backoff: { first: 50ms, factor: 2, cap: 200ms } }\n"                    \
	"  - { id: f, of: gateway.log, matches: 'GET /api', times: 100.. }\n"                           \
	"  - { id: g, of: mem, memory: { growth: 1MB } }"

static double seconds(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void test_throughput(void **state)
{
	(void)state;
	const char *wanted = getenv("FALSESTART_EVENTS");
	CLEANUP(buf_release) struct buf text = { 0 };
	struct err err = ERR_INIT;
	trace_generate(&text, wanted ? strtoul(wanted, NULL, 10) : 20000);
	struct plan *plan = test_plan(EXPECTATIONS);
	plan->watches[plan_find_watch(plan, "dial")].from_log = false; /* as the generator has it */
	double start = seconds();
	struct trace *trace = trace_read(text.bytes, text.length, "generated", &err);
	double read = seconds();
	assert_non_null(trace);
	struct judgement *judgement = check(plan, trace);
	double end = seconds();
	assert_sound(judgement, trace);
	for (size_t i = 0; i < judgement->finding_count; i++)
		if (judgement->findings[i].verdict != VERDICT_PASS)
			fail_msg(
			    "%s: %s", judgement->findings[i].expectation->id, judgement->findings[i].reason);
	print_message("%zu events, %.1f MB: read in %.3f s, judged in %.3f s, %.2f million events a second\n",
	    trace->event_count, (double)text.length / 1e6, read - start, end - read,
	    (double)trace->event_count / (end - start) / 1e6);
	judgement_free(judgement);
	trace_free(trace);
	plan_free(plan);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_throughput) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
