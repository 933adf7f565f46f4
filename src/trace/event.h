/*
 * event: what a trace is made of.
 *
 * A trace is NDJSON: one flat JSON object a line, in the order of arrival, times in nanoseconds on one
 * monotonic clock that is 0 when the world began. Every observation is an interval: what it says happened not
 * before `from_ns` and not after `to_ns`. The first line is the world, the last one the end; a trace without
 * its last line was cut short. docs/trace.md lists every kind with its fields; the version in the first line
 * grows when a reader would misread.
 *
 * Strings are borrowed: from the caller when writing, from the reader's arena when reading.
 */
#ifndef TRACE_EVENT_H
#define TRACE_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TRACE_VERSION 1
/* No service has a colon in its name. */
#define LATENESS_OF_AGENT "agent:"
#define LATENESS_OF_NETWORK "kernel:network"

enum event_kind {
	EVENT_WORLD,       /* the first line */
	EVENT_STEP,        /* a step took effect between from and to */
	EVENT_SERVICE,     /* the engine, or the readiness probe, says something of a service */
	EVENT_SAMPLE,      /* a poll of an HTTP endpoint: sent at from, answered at to */
	EVENT_ATTEMPT,     /* the subject tried to reach a dependency: began at from, ended at to */
	EVENT_LOST,        /* an established connection of an attempts watch is gone */
	EVENT_PHASE,       /* the gate makes a dependency look like this to the subject, from now on */
	EVENT_LOG,         /* a line of output */
	EVENT_RESPONSE,    /* the answer to a request step */
	EVENT_MEMORY,      /* memory in use by a service's container */
	EVENT_DESCRIPTORS, /* open file descriptors of a service's processes */
	EVENT_LATENESS,    /* how late the host ran between from and to */
	EVENT_TROUBLE,     /* the harness or the engine failed: the world cannot be judged fully */
	EVENT_END,         /* the last line */
};

/* A string that may hold any bytes (the writer makes invalid UTF-8 U+FFFD). NULL: absent. */
struct text {
	const char *bytes;
	size_t length;
};

struct event {
	enum event_kind kind;
	int64_t from_ns, to_ns;
	/* Who: the step's id, the service's name, the watch's name; "" where there is only one. For EVENT_LOG
	 * the service's name (its watch is "<service>.log"). */
	const char *of;
	union {
		struct {
			int version;
			double speed;
			const char *scenario, *file, *run, *world;
			const char *started_at;       /* wall clock, RFC 3339: for people only */
			const char *engine, *harness; /* versions */
			int64_t seed;
			int secrets; /* how many were looked for in what was said */
		} world;
		struct {
			const char *action; /* "start", "stop", "wait", … */
			const char *target; /* services, comma-separated, or "" */
			int64_t due_ns;     /* when it should have begun; from - due is how late it was */
			int64_t jitter_ns;  /* the part of `due` that was drawn from the world's seed */
			bool done; /* false: given up (a wait that never ended, an engine call that failed) */
			const char *detail; /* why, when not done */
		} step;
		struct {
			const char *event; /* one of service_events[] */
			bool asked;        /* a step asked for it */
			int exit_code;  /* exited, stopped, killed, crashed: the process's; -1: not known */
			const char *by; /* "engine" or "probe" */
			const char *detail;
		} service;
		struct {
			const char *outcome; /* "answered", "refused", "reset", "timeout", … */
			int status;          /* 0 unless answered */
			const char *state; /* result of the jq expression; the status in digits when there is
					      none; the outcome when not answered; "unreadable" when the
					      expression failed */
			const char *detail;
		} sample;
		struct {
			int number; /* 1, 2, …, since the watch began */
			/* From a log: "failed", "connected". From the wire, where it did not come to a
			 * connection: "nxdomain", "servfail", "dns-timeout", "refused", "timeout",
			 * "unreachable"; where it did: "reset", "closed" (by the server, which had said
			 * nothing telling), "hung" (the client gave up waiting for an answer), "loading",
			 * "denied", "accepted" (as far as it can be known it works: TLS, or a protocol that
			 * is not known), "connected" (the server said so), "pending" (the world ended first).
			 */
			const char *outcome;
			const char *source;     /* "log", "wire" */
			bool began_known;       /* false: from is only the end of the attempt before */
			int64_t ended_after_ns; /* it ended not before this and not after `to`; 0: at `to` */
			int64_t lookup_ns;      /* how long its name look-ups took; 0: there were none */
			int packets;            /* SYNs sent; more than connections: some were sent again */
			const char *address;    /* last address:port tried, or NULL */
			int connection;     /* the client's port, which tells connections apart; 0: none */
			int open;           /* connections of the watch that were established as it began */
			const char *detail; /* what the server said, … */
		} attempt;
		struct {
			const char *how; /* "closed", "reset", "gone"; NULL from a log */
			const char *by;  /* "client", "server"; NULL where not known */
			int connection;  /* as in attempt */
			int open;        /* connections that are left */
		} lost;
		struct {
			const char *phase; /* one of phase_names[] */
			const char *made;  /* "gate": packets; "names": the resolver; "spoken": the agent
					      speaks  for the server */
			int index;         /* in its script, from 1; 0: a phase alone */
			const char *detail;
		} phase;
		struct {
			int output; /* 1: standard output, 2: standard error */
			bool cut;
			struct text line;
			int redacted; /* at so many places it had a secret of the stack */
		} log;
		struct {
			const char *outcome;
			int status;
			const char *headers; /* "Name: value\n…" */
			struct text body;
			bool body_cut;
			int redacted; /* as in log; of headers and body */
			const char *detail;
		} response;
		struct {
			int64_t bytes;
		} memory;
		struct {
			int64_t count;
		} descriptors;
		struct {
			int64_t worst_ns; /* of the runner (of ""), a service's threads, LATENESS_OF_AGENT +
					     service: a service's agent, or LATENESS_OF_NETWORK: whoever
					     resolves a name */
		} lateness;
		struct {
			const char *what; /* complete sentence */
			bool fatal;       /* the world ended because of it */
		} trouble;
		struct {
			const char *reason; /* "completed", "timeout", "interrupted", "trouble", "wait" */
			int64_t dropped;    /* log lines that were not recorded because of a flood */
		} end;
	};
};

extern const char *const event_kind_names[]; /* indexed by enum event_kind: "world", "step", … */

#endif
