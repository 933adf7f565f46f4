/*
 * testing: a small world for the tests of this room: a gateway, a redis, the usual watches, and a trace that
 * is written line by line, as text, and read again before it is judged.
 */
#ifndef CHECK_TESTING_H
#define CHECK_TESTING_H

#include "base/duration.h"
#include "check/check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#define MS NS_PER_MS
#define S NS_PER_S

/* What the expectation of a test is put into. */
#define TEST_SCENARIO                                                                                        \
	"falsestart: 1\n"                                                                                    \
	"name: test\n"                                                                                       \
	"title: A world for tests\n"                                                                         \
	"stack: { services: { gateway: { image: gateway }, redis: { image: 'redis:7' } } }\n"                \
	"subject: gateway\n"                                                                                 \
	"watch:\n"                                                                                           \
	"  ready: { http: 'gateway:4000/health/ready', every: 50ms, timeout: 1s, state: .status }\n"         \
	"  work: { http: 'gateway:4000/work', every: 50ms, timeout: 1s }\n"                                  \
	"  dial: { attempts: gateway, to: 'redis:6379', from: log, begins: B, fails: F, succeeds: S, lost: " \
	"L }\n"                                                                                              \
	"  tap: { attempts: gateway, to: 'redis:6379' }\n"                                                   \
	"  mem: { memory: gateway, every: 250ms }\n"                                                         \
	"  fds: { descriptors: gateway }\n"                                                                  \
	"steps:\n"                                                                                           \
	"  - { start: gateway, id: start-gateway }\n"                                                        \
	"  - { start: redis, id: start-redis }\n"                                                            \
	"  - { request: GET gateway:4000/get, id: get }\n"                                                   \
	"expect:\n"

/* ---- the trace ---- */

struct story {
	struct buf text;
};

static inline void tell(struct story *story, const struct event *event)
{
	trace_write_event(&story->text, event);
}

static inline struct story story_begin(void)
{
	struct story story = { .text = { 0 } };
	tell(&story, &(struct event){ .kind = EVENT_WORLD, .of = "", .world = { .version = 1, .speed = 1 } });
	return story;
}

static inline void sample(struct story *story, int64_t from_ns, int64_t to_ns, const char *state)
{
	tell(story, &(struct event){ .kind = EVENT_SAMPLE,
			.of = "ready",
			.from_ns = from_ns,
			.to_ns = to_ns,
			.sample = { .outcome = "answered", .status = 200, .state = state } });
}

/* A poll every 50 ms, each answered after 2 ms, from the first moment until before the second. */
static inline void samples(struct story *story, int64_t from_ns, int64_t to_ns, const char *state)
{
	for (int64_t at = from_ns; at < to_ns; at += 50 * MS)
		sample(story, at, at + 2 * MS, state);
}

static inline void service_event(
    struct story *story, int64_t from_ns, int64_t to_ns, const char *of, const char *event)
{
	tell(story,
	    &(struct event){ .kind = EVENT_SERVICE,
		.of = of,
		.from_ns = from_ns,
		.to_ns = to_ns,
		.service = {
		    .event = event, .exit_code = strcmp(event, "exited") == 0 ? 1 : -1, .by = "engine" } });
}

/* An attempt whose beginning is known. */
static inline void attempt(
    struct story *story, int number, int64_t from_ns, int64_t to_ns, const char *outcome)
{
	tell(story,
	    &(struct event){ .kind = EVENT_ATTEMPT,
		.of = "dial",
		.from_ns = from_ns,
		.to_ns = to_ns,
		.attempt = { .number = number, .outcome = outcome, .source = "wire", .began_known = true } });
}

/* One of the log: only its end is known, and the end of the one before. */
static inline void logged_attempt(
    struct story *story, int number, int64_t from_ns, int64_t to_ns, const char *outcome)
{
	tell(story, &(struct event){ .kind = EVENT_ATTEMPT,
			.of = "dial",
			.from_ns = from_ns,
			.to_ns = to_ns,
			.attempt = { .number = number, .outcome = outcome, .source = "log" } });
}

/* What the wire shows of an attempt; what is left out is as with a client that holds one connection. */
struct
try {
	int number;
	int64_t from_ns, to_ns, ended_after_ns;
	const char *outcome;
	int connection, open;
	bool is_at_name; /* no SYN was sent */
	int64_t lookup_ns;
	const char *address;
};

static inline void try(struct story *story, struct try try)
{
	tell(story, &(struct event){ .kind = EVENT_ATTEMPT,
			.of = "tap",
			.from_ns = try.from_ns,
			.to_ns = try.to_ns ? try.to_ns : try.from_ns + NS_PER_MS / 5,
			.attempt = { .number = try.number,
			    .outcome = try.outcome ? try.outcome : "refused",
			    .source = "wire",
			    .began_known = true,
			    .ended_after_ns = try.ended_after_ns,
			    .lookup_ns = try.lookup_ns,
			    .packets = !try.is_at_name,
			    .address = try.address,
			    .connection = try.connection,
			    .open = try.open } });
}

static inline void lose(struct story *story, int64_t at_ns, int connection, int open)
{
	tell(story, &(struct event){ .kind = EVENT_LOST,
			.of = "tap",
			.from_ns = at_ns,
			.to_ns = at_ns,
			.lost = { .how = "reset", .by = "server", .connection = connection, .open = open } });
}

static inline void phase(struct story *story, int64_t from_ns, int64_t to_ns, const char *name)
{
	tell(story, &(struct event){ .kind = EVENT_PHASE,
			.of = "redis",
			.from_ns = from_ns,
			.to_ns = to_ns,
			.phase = { .phase = name, .made = "gate" } });
}

static inline void lost(struct story *story, int64_t at_ns)
{
	tell(story, &(struct event){ .kind = EVENT_LOST, .of = "dial", .from_ns = at_ns, .to_ns = at_ns });
}

static inline void line(struct story *story, int64_t at_ns, const char *text)
{
	tell(story, &(struct event){ .kind = EVENT_LOG,
			.of = "gateway",
			.from_ns = at_ns,
			.to_ns = at_ns,
			.log = { .output = 1, .line = { .bytes = text, .length = strlen(text) } } });
}

static inline void late(struct story *story, int64_t from_ns, int64_t to_ns, int64_t worst_ns)
{
	tell(story, &(struct event){ .kind = EVENT_LATENESS,
			.of = "",
			.from_ns = from_ns,
			.to_ns = to_ns,
			.lateness = { .worst_ns = worst_ns } });
}

static inline void trouble(struct story *story, int64_t at_ns, bool fatal)
{
	tell(story, &(struct event){ .kind = EVENT_TROUBLE,
			.of = "",
			.from_ns = at_ns,
			.to_ns = at_ns,
			.trouble = { .what = "the engine hung up", .fatal = fatal } });
}

static inline void end(struct story *story, int64_t at_ns, const char *reason)
{
	tell(story,
	    &(struct event){
		.kind = EVENT_END, .of = "", .from_ns = at_ns, .to_ns = at_ns, .end = { .reason = reason } });
}

/* ---- the verdict ---- */

/* The test's scenario with this expectation, written as scenarios have it. */
static inline struct plan *test_plan(const char *expectation)
{
	char path[64];
	struct err err = ERR_INIT;
	int file = memfd_create("scenario", 0);
	assert_true(file >= 0);
	dprintf(file, "%s  - %s\n", TEST_SCENARIO, expectation);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	struct plan *plan = plan_load(path, 1, &err);
	close(file);
	if (!plan)
		fail_msg("%d:%d: %s\n%s", err.line, err.column, err.message, expectation);
	return plan;
}

static inline struct trace *test_trace(const struct story *story)
{
	struct err err = ERR_INIT;
	struct trace *trace = trace_read(story->text.bytes, story->text.length, "story", &err);
	if (!trace)
		fail_msg("%d:%d: %s", err.line, err.column, err.message);
	return trace;
}

/* What holds for every judgement. */
static inline void assert_sound(const struct judgement *judgement, const struct trace *trace)
{
	for (size_t i = 0; i < judgement->finding_count; i++) {
		const struct finding *finding = &judgement->findings[i];
		assert_true((finding->verdict == VERDICT_PASS) == (*finding->reason == '\0'));
		assert_true(*finding->expected != '\0');
		assert_true(finding->evidence_count <= EVIDENCE_MAX);
		for (size_t e = 0; e < finding->evidence_count; e++)
			assert_true(finding->evidence[e] < trace->event_count);
	}
}

/* Judges the story, which is released. Shows it to `look` first, which may be NULL. */
static inline void expect_judgement(struct story *story, const char *expectation, enum verdict verdict,
    const char *reason, void (*look)(const struct judgement *judgement))
{
	struct plan *plan = test_plan(expectation);
	struct trace *trace = test_trace(story);
	struct judgement *judgement = check(plan, trace);
	const struct finding *finding = &judgement->findings[0];
	assert_sound(judgement, trace);
	/* cmocka fails by a jump: what is owned is let go before. */
	char *complaint = NULL;
	if (finding->verdict != verdict || strcmp(finding->reason, reason) != 0)
		complaint = xasprintf("%s\nexpected: %s\nactual: %s\nwanted %s: %s\n   got %s: %s",
		    expectation, finding->expected, finding->actual, verdict_names[verdict], reason,
		    verdict_names[finding->verdict], finding->reason);
	else if (look)
		look(judgement);
	judgement_free(judgement);
	trace_free(trace);
	plan_free(plan);
	buf_release(&story->text);
	if (complaint)
		fail_msg("%s", complaint);
}

/* The verdict is this, and its reason is this sentence. */
static inline void expect_verdict(
    struct story *story, const char *expectation, enum verdict verdict, const char *reason)
{
	expect_judgement(story, expectation, verdict, reason, NULL);
}

#endif
