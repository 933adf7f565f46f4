/*
 * plan: a scenario, validated: the stack, what to watch, the steps that make the race, what must be true.
 *
 * Plain data made by plan_load() from one YAML (or JSON) file; names are resolved to indexes, durations are
 * divided by the speed, patterns and jq expressions are known to compile. docs/scenario.md explains the
 * language to its users, docs/scenario.schema.json describes it to editors; a test proves that schema and
 * loader agree.
 *
 * Durations and speed: every duration of a scenario belongs to its story and is divided by the speed, except
 * one written with ` real` behind it ("10s real"), which is a matter of engine and hardware (how long a
 * container may take to come up) and is kept. Defaults given below are real.
 */
#ifndef PLAN_PLAN_H
#define PLAN_PLAN_H

#include "plan/stack.h"

struct plan;

/* ---- moments: points of the trace that steps and expectations refer to ---- */

enum moment_kind {
	MOMENT_WORLD,   /* the beginning of the world ("world.started"), or its end ("world.ended") */
	MOMENT_STEP,    /* a step has taken effect: `name` is its id */
	MOMENT_SERVICE, /* `name` is the service, `what` one of service_events[] */
	MOMENT_ATTEMPT, /* the end of attempt `number` of watch `watch` */
	MOMENT_STATE,   /* watch `watch` first shows `what` (a state, or a status code in digits) */
	MOMENT_LOG,     /* service `name` first writes a line that matches `what` */
};

struct moment {
	enum moment_kind kind;
	struct position position;
	char *name;
	char *what;
	int watch; /* index into plan.watches, or -1 */
	int number;
	bool is_beginning;    /* of an attempt: when it began, not when it ended */
	int64_t plus_ns;      /* added to it; may be 0 */
	struct moment *after; /* only what comes after this one counts; NULL: from the world's beginning */
};

/* "created started stopped exited killed crashed oom-killed out-of-memory paused unpaused restarted removed
 * healthy unhealthy" from the engine, and the rungs of the ladder of phases: from the harness's own readiness
 * probe (EVENT_SERVICE; "absent unresolvable slow" it cannot tell), and, but for "ready", when a phase is
 * made (EVENT_PHASE). NULL-terminated. "restarted" is a start that no step asked for; "exited" an end that no
 * step asked for; "stopped" an end that a step asked for; "crashed" one that a step made as if by itself;
 * "oom-killed" one for want of memory, "out-of-memory" the kernel's kill of any process of the service. */
extern const char *const service_events[];

/* ---- phases: what a dependency looks like from the subject ---- */

enum phase {
	PHASE_ABSENT,       /* its name does not exist */
	PHASE_UNRESOLVABLE, /* its name cannot be looked up, or wrongly */
	PHASE_UNREACHABLE,  /* packets to it are lost */
	PHASE_REFUSED,
	PHASE_HUNG,    /* accepts, then nothing */
	PHASE_CLOSING, /* accepts, then hangs up */
	PHASE_LOADING, /* says "not yet" */
	PHASE_DENIED,  /* says no */
	PHASE_SLOW,
	PHASE_READY, /* nothing is in the way */
};
extern const char *const phase_names[]; /* indexed by enum phase: "absent", …; PHASE_READY is the last */

/* How a name cannot be looked up. */
enum unresolvable { UNRESOLVABLE_SERVFAIL, UNRESOLVABLE_SILENT, UNRESOLVABLE_LATE, UNRESOLVABLE_STALE };

struct phase_step {
	enum phase phase;
	struct position position;
	enum unresolvable unresolvable;
	int64_t late_ns; /* UNRESOLVABLE_LATE */
	char *stale;     /* UNRESOLVABLE_STALE: the address; NULL: one that nobody has */
	bool reset;      /* CLOSING: RST, not FIN */
	char *say; /* LOADING, DENIED: the RESP error line, or "SQLSTATE message"; NULL: the usual words */
	int64_t latency_ns, jitter_ns, close_ns; /* SLOW: each way; close: how much later an end arrives */
	int64_t bandwidth;                       /* SLOW: bytes a second each way; 0: no limit */
	int attempts;                            /* over after so many attempts have met it; 0: no limit */
	int64_t for_ns;                          /* over after this time; 0: no limit */
};

/* One after the other; each is limited by `attempts` or `for_ns`, but for the last, which lasts. Of the
 * service's protocol_port, which is known unless all phases are of names (ABSENT, UNRESOLVABLE); a service
 * that looks LOADING or DENIED speaks redis or postgres. Never of the subject. */
#define PHASE_STEPS_MAX 16
struct phase_script {
	size_t service;
	struct position position;
	struct phase_step *steps;
	size_t step_count;
};

/* ---- watches ---- */

enum watch_kind { WATCH_HTTP, WATCH_ATTEMPTS, WATCH_LOG, WATCH_MEMORY, WATCH_DESCRIPTORS };

struct watch {
	enum watch_kind kind;
	char *name; /* as expectations say it; "gateway.log" for the log that every service has implicitly */
	struct position position;
	size_t service; /* whose endpoint, log, memory or descriptors; for attempts: the client */
	/* WATCH_HTTP */
	int port;
	char *path;  /* with the query */
	char *state; /* jq expression over the body; NULL: the state is the status code in digits */
	int64_t timeout_ns;
	/* WATCH_HTTP, WATCH_MEMORY and WATCH_DESCRIPTORS */
	int64_t every_ns;
	/* WATCH_ATTEMPTS */
	size_t to_service;
	int to_port;
	bool from_log; /* else from the wire, and the four patterns are NULL */
	/* from: log. The first pattern that matches a line says how the attempt ended. A line of `begins`
	 * (may be NULL) is the start of the attempt that the next end belongs to; without one only the ends
	 * are known. */
	char *begins, *fails, *succeeds;
	/* `lost` (may be NULL): a line that says an established connection is gone. */
	char *lost;
};

/* ---- steps ---- */

enum step_kind {
	STEP_START,   /* in dependency order; conditions of what was never started are not honoured */
	STEP_STOP,    /* SIGTERM, grace period */
	STEP_KILL,    /* a signal through the engine (SIGKILL unless said) */
	STEP_CRASH,   /* the main process dies of a signal (SIGKILL unless said) as if by itself */
	STEP_EXHAUST, /* memory runs out, until the kernel kills a process of it */
	STEP_PAUSE,
	STEP_UNPAUSE,
	STEP_RESTART,
	STEP_REMOVE, /* removes the container; a later start makes a new one */
	STEP_WAIT,   /* until a moment has come; fails the world (inconclusive, "never happened") after max */
	STEP_HOLD,   /* for a time */
	STEP_REQUEST, /* sends one HTTP request; the answer is judged by `respond` */
	STEP_PHASE, /* makes dependencies look so; takes effect when the first phase of each script is made */
};

struct step {
	enum step_kind kind;
	char *id; /* given, or made: "start-redis", "start-redis-2", "wait-3", … ; unique */
	struct position position;
	size_t *services; /* START STOP KILL CRASH EXHAUST PAUSE UNPAUSE RESTART REMOVE */
	size_t service_count;
	char *signal;        /* KILL: "SIGKILL", …; CRASH: "SIGKILL" or "SIGSEGV" */
	struct moment after; /* not before this; when not given, MOMENT_STEP of the step before */
	bool has_after;
	/* What it must have taken effect before; never of a step. An attempt counts from its beginning. */
	struct moment before;
	bool has_before;
	int64_t jitter_ns; /* begins up to so much later, drawn from the seed; 0: at once */
	/* WAIT. Without an `after` of its own a state or a line counts since the last step that acts on a
	 * service began, an event since the last one that acts on its service; attempts are counted from the
	 * world's beginning. */
	struct moment until;
	int64_t max_ns;               /* WAIT: 60 s real when not given */
	int64_t hold_ns;              /* HOLD */
	struct phase_script *scripts; /* PHASE */
	size_t script_count;
	struct {
		char *method, *path, *body;
		size_t service;
		int port;
		struct strings headers; /* "Name: value" */
		int64_t timeout_ns;     /* 10 s real */
	} request;
};

/* ---- expectations ---- */

enum expectation_kind {
	EXPECT_REACH,    /* the watch shows a state, attempt number or log line; within a limit */
	EXPECT_SEQUENCE, /* the distinct states, in order, are exactly these */
	EXPECT_NEVER,
	EXPECT_ALWAYS,
	EXPECT_BACKOFF,
	EXPECT_MATCHES,     /* how often a pattern matches a line of the log */
	EXPECT_RESPOND,     /* the answer to a request step */
	EXPECT_MEMORY,      /* growth of resident memory */
	EXPECT_DESCRIPTORS, /* growth of the number of open file descriptors */
	EXPECT_AGREES,      /* the delays that the log says are the gaps on the wire */
	EXPECT_CONNECTIONS, /* how many of an attempts watch are open at once */
	EXPECT_ENDS,        /* a service ends, so, in time */
	EXPECT_DISCLOSES,   /* no secret of the stack is in a log, or in the answer to a request step */
	EXPECT_HONEST,      /* an HTTP watch says yes only while what it speaks for works */
};
#define EXPECTATION_KIND_COUNT (EXPECT_HONEST + 1)

struct range {
	int64_t low, high; /* inclusive; high INT64_MAX: no upper end */
	bool present;
};

struct backoff {
	int64_t first_ns, cap_ns; /* the gap after attempt 1; the largest gap */
	double factor;            /* 1: constant */
	int attempts;             /* exactly so many until `then`; 0: not judged */
	int64_t then_ns; /* with `attempts`: the constant gap after the last of them; 0: no attempt at all */
	bool has_then;
	/* Each gap is drawn between these shares of the schedule's delay; both 1: none is promised. */
	double jitter_low, jitter_high;
	int at_least;     /* vacuous unless so many gaps were seen; default 3 */
	double tolerance; /* of each expected gap; 0.10 is 10 %, the default */
	int64_t floor_ns; /* absolute floor of the tolerance; 20 ms real is the default */
};

struct header_rule {
	char *name;
	char *value; /* exact, or NULL: must be there; */
	bool absent; /* must not be there */
};

struct body_rule {
	char *expression; /* jq over the JSON body */
	char *value;      /* its result as expression_run() gives it */
	struct position position;
};

struct expectation {
	enum expectation_kind kind;
	char *id;
	struct position position;
	char *text;   /* the author's words for the report ("text:"), or NULL */
	char *source; /* the document's line it comes from ("source:"), or NULL */
	/* of: one of these */
	int watch;   /* index into plan.watches, or -1 */
	int service; /* index into stack.services, or -1: never [exited, …] */
	int step;    /* index of a request step, or -1 */
	/* when: reach counts from `after`; the others are judged between `after` and `until` */
	struct moment after, until;
	bool has_after, has_until;

	/* REACH: exactly one of state and number; NEVER and ALWAYS: states; HONEST: those that say yes;
	 * SEQUENCE: states in order */
	struct strings states; /* a status code in digits; of an unanswered poll "refused", "timeout" … */
	int attempt_number;    /* REACH on attempts: the end of attempt n; 0: none */
	bool has_within;
	int64_t within_ns; /* REACH, ENDS, HONEST; -1 when within is counted in attempts */
	int within_steps;  /* REACH: within: { steps: N, of: W }: N attempts of W may begin after `after` */
	int within_watch;
	struct strings ignore; /* SEQUENCE, ALWAYS: states that do not count */
	/* REACH and NEVER on a log, MATCHES */
	char *pattern;
	struct range times; /* MATCHES: default 1.. */
	/* MATCHES: numbers of the first group, in the order of the lines, must be these (units: plain
	 * numbers); a last element "..." goes on in the step of the two numbers before it (one number:
	 * repeats it). Empty: not judged. */
	int64_t *numbers;
	size_t number_count;
	bool numbers_repeat;
	struct backoff backoff;
	struct {
		struct range status;
		struct header_rule *headers;
		size_t header_count;
		struct body_rule *bodies;
		size_t body_count;
		char *body_pattern; /* PCRE over the whole body, or NULL */
		bool has_within;
		int64_t within_ns;
	} respond;
	int64_t growth;           /* MEMORY: bytes, DESCRIPTORS: how many; at most */
	struct range connections; /* CONNECTIONS: never outside of it */
	struct range exit_status; /* ENDS */
	struct {
		int by_watch;       /* HTTP: an operation that needs what `watch` speaks for */
		struct range works; /* its statuses when it works; 200..299 is the default */
	} honest;
	struct {
		int log_watch;    /* the log that says delays */
		char *pattern;    /* its first group is a number of units */
		int64_t unit_ns;  /* of the number; already divided by nothing: a log says real time */
		double tolerance; /* 0.10 is the default */
		int64_t floor_ns; /* 20 ms real is the default */
	} agrees;                 /* AGREES: `watch` is the attempts watch, of the wire */
	/* What a document promises: measured and reported, never gating. For REACH, ENDS and HONEST (the
	 * longest lie) a time range, for MATCHES and CONNECTIONS counts, for MEMORY bytes, for DESCRIPTORS
	 * how many, for BACKOFF the sum of all gaps. */
	struct range claim;
	char *claim_text; /* as written */
};

/* ---- the scenario ---- */

struct plan {
	char *file;
	char *name, *title, *source;
	struct strings tags;
	double speed;
	int64_t timeout_ns; /* of the whole world; 5 min real when not given */
	struct stack *stack;
	size_t subject;
	struct watch
	    *watches; /* the implicit "<service>.log" of every service stand behind the declared ones */
	size_t watch_count;
	struct step *steps;
	size_t step_count;
	struct phase_script *phases; /* made before anything is started */
	size_t phase_count;
	struct expectation *expectations;
	size_t expectation_count;
};

/* Reads scenario and stack. `speed` > 0 (1: as written). On error NULL; the message has file:line:column and,
 * for an unknown key or name, the nearest known one. `FALSESTART_SPEED` is set for the stack's interpolation.
 * In a pattern
 * `${ms:DURATION}` becomes the duration, divided by the speed, in whole milliseconds (for log lines that say
 * a delay), and `${s:DURATION}` in whole seconds. */
struct plan *plan_load(const char *path, double speed, struct err *err) MUST_CHECK;
void plan_free(struct plan *plan);
int plan_find_watch(const struct plan *plan, const char *name); /* index or -1 */
int plan_find_step(const struct plan *plan, const char *id);    /* index or -1 */

#endif
