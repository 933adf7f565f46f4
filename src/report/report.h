/*
 * report: (plan, trace, judgement) -> what people and other programs read. Pure: bytes out, no file, no
 * clock.
 *
 * A `struct report` is put together by the caller from what it already has; everything in it is borrowed and
 * stays the caller's. Each renderer appends one whole document to a buf; a further format is a further
 * renderer. None of them judges: whatever is in doubt was decided by check().
 *
 * Everything that comes from outside (logs, replies, names in a scenario, the engine's words) is redacted
 * first, bounded next, escaped last: secrets of the stacks become "***", and no input can steer a terminal or
 * break XML or JSON. docs/reports.md shows the formats.
 */
#ifndef REPORT_REPORT_H
#define REPORT_REPORT_H

#include "base/buf.h"
#include "base/redact.h"
#include "check/check.h"
#include "plan/plan.h"
#include "trace/trace.h"

#include <stdbool.h>
#include <stdint.h>

/* One world: what was to be done, what happened, what that means. */
struct report_result {
	const struct plan *plan;
	const struct trace *trace;
	const struct judgement *judgement;
	const char *trace_file; /* where the trace is; NULL: not kept */
	const char *run_id;     /* NULL: unknown */
	int64_t wall_ns;        /* of the world, bringing up and removing included */
	int attempt, attempts;  /* 3 of 20 with --repeat 20; {0, 0} or {1, 1}: a single one */
	int retry;              /* 2: tried a third time, because the tries before did not pass */
	bool reduced; /* of the trace only its first line is here, and of the findings no evidence */
	/* Of a reduced one: when each finding was decided (report_decided_ns()); NULL: unknown. */
	const int64_t *decided_ns;
};

/* What became of a world, the other tries of it considered. */
enum outcome {
	OUTCOME_PASS, /* also after a try that was inconclusive */
	OUTCOME_FAIL, /* also after which none passed: what was seen to fail has failed */
	OUTCOME_INCONCLUSIVE,
	OUTCOME_FLAKY,   /* passed after a try that failed */
	OUTCOME_RETRIED, /* a later try decides */
};
enum { OUTCOME_COUNT = OUTCOME_RETRIED + 1 };
extern const char *const outcome_names[]; /* "pass", "fail", "inconclusive", "flaky", "retried" */

/* A run: all its worlds, in the order in which they are shown: a scenario's together, the tries of one
 * together and in order. */
struct report {
	const struct report_result *results;
	size_t result_count;
	const char *started_at; /* wall clock, RFC 3339; NULL: unknown (as are the three below) */
	const char *falsestart_version;
	const char *engine_version; /* "Docker 20.10.24, API 1.41" */
	const char *command;        /* the command line; redacted here */
	double speed;
	int64_t wall_ns;     /* of the whole run */
	int64_t lateness_ns; /* the host's worst while it ran */
	bool flaky_allowed;  /* what is flaky does not make the exit status */
	bool has_trouble;    /* the run could not go on, or something of it is still on the engine */
	int interrupted;     /* the exit status of the signal that ended it; 0: none did */
};

struct report_totals {
	size_t passed, failed, inconclusive, flaky; /* worlds, all tries of one counted once */
	size_t doubted;           /* those of `passed` of which an earlier try was inconclusive */
	size_t retried;           /* tries that a later one replaced */
	size_t environment;       /* those of `inconclusive` that engine, image or harness are to blame for */
	size_t claims, differing; /* documents' claims that were measured, and those that do not hold */
};

struct report_totals report_totals(const struct report *report);
/* The last try of the world that a result is a try of: the one whose outcome is the world's. */
size_t report_last_try(const struct report *report, size_t index);
enum outcome report_outcome(const struct report *report, size_t index);
/* That of the signal if one ended the run; else 0 all passed, 1 one failed or was flaky (unless that is
 * allowed), 3 the environment, 4 inconclusive, 5 nothing was run; the first that applies of 1 3 5 4. */
int report_exit_status(const struct report *report);
/* When the last event was over that decided it, since the world began; 0: no single event did. */
int64_t report_decided_ns(const struct trace *trace, const struct finding *finding);
/* What the renderers hide: the secrets of all stacks (plan/secrets.h). Free with redactor_free(). */
struct redactor *report_redactor(const struct report *report) MUST_CHECK;

struct report_text_options {
	bool colour;
	bool utf8;    /* false: ASCII only, for LANG=C */
	bool verbose; /* every expectation and timeline, of passed worlds too */
	size_t width; /* columns; 0: 80; less than 60 is taken as 60 */
};

/* For a terminal or a log: worlds, evidence, timelines, claims, and the summary as the last line. Bytes below
 * 0x20 are newlines, and ESC with colour. */
void report_text(const struct report *report, const struct report_text_options *options, struct buf *out);

/* JUnit XML: a <testsuite> a world, a <testcase> an expectation. */
void report_junit(const struct report *report, struct buf *out);

#define REPORT_JSON_VERSION 1
/* JSON: everything, numbers in nanoseconds. */
void report_json(const struct report *report, struct buf *out);

#endif
