/*
 * probe: what a service says of itself, asked from outside: HTTP endpoints polled at a fixed rate, single
 * requests, and whether a dependency speaks its protocol yet.
 *
 * Everything is asynchronous on the loop, nothing calls back from inside the call that starts it. An answer
 * is outside data: bodies, headers and words are bounded, none is escaped. What a callback is given is valid
 * until it returns, even if it ends the thing that called it. Configurations are copied.
 *
 * Addresses are numeric: no name is ever looked up, no proxy, redirect, .netrc, .pgpass or PG… variable is
 * followed. A URL that cannot be asked for such a reason is PROBE_UNREACHABLE, with the reason in `detail`.
 * Certificates of https are not verified: whether a service answers is asked, not whether it can be trusted.
 */
#ifndef PROBE_PROBE_H
#define PROBE_PROBE_H

#include "base/err.h"
#include "base/expression.h"
#include "base/memory.h"
#include "loop/loop.h"

#include <stdbool.h>
#include <stdint.h>

/* How a request over TCP ended before, or instead of, an HTTP answer. */
enum probe_outcome {
	PROBE_ANSWERED, /* status line, headers and body arrived whole (or the body was cut at its limit) */
	PROBE_REFUSED,  /* ECONNREFUSED */
	PROBE_RESET,    /* connection reset or closed before the answer was whole */
	PROBE_TIMEOUT,  /* no whole answer in time */
	PROBE_UNREACHABLE, /* no route, no such address */
	PROBE_GARBAGE,     /* not HTTP, or headers past their limit */
};
const char *probe_outcome_name(enum probe_outcome outcome); /* "answered", "refused", … */

#define PROBE_BODY_MAX (256 * 1024)
#define PROBE_HEADERS_MAX (64 * 1024)

struct probe_answer {
	int64_t sent_ns, answered_ns; /* the interval of the observation (loop clock) */
	enum probe_outcome outcome;
	int status;          /* HTTP status, 0 unless answered */
	const char *headers; /* "Name: value\n…", of the final answer; what came of them if it broke off */
	const char *body;    /* the same; NULs are allowed, and a NUL follows it */
	size_t body_length;
	bool body_cut;      /* longer than PROBE_BODY_MAX */
	const char *detail; /* the reason in words, NULL if answered */
};
typedef void probe_done(void *owner, const struct probe_answer *answer);

/* ---- one request ---- */
struct probe_request {
	const char *url;            /* absolute; the host is an address */
	const char *method;         /* NULL: GET */
	const char *host;           /* Host header the service sees ("gateway:4000"); NULL: from the url */
	const char *const *headers; /* "Name: value", NULL-terminated; or NULL */
	const char *body;           /* or NULL */
	int64_t timeout_ns;         /* for all of it; longer than 0, rounded up to milliseconds */
};
/* On a connection of its own. The call is gone when `done` is called: the owner clears its pointer in it. */
struct probe_call;
struct probe_call *probe_request(
    struct loop *loop, const struct probe_request *request, probe_done *done, void *owner) MUST_CHECK;
/* Ends it without a call back. NULL is allowed. */
void probe_call_cancel(struct probe_call *call);

/*
 * ---- an endpoint polled at a fixed rate on the monotonic clock ----
 * Ticks that fall while a poll is still under way are skipped, so polls never overlap and are never
 * back-to-back. The first poll is at once. The connection is made anew for each poll when `fresh`, kept
 * otherwise: a fresh one asks whether the service still accepts and costs about twice as much. A kept one
 * that was lost while idle is replaced within the poll, which then says what the new one met ("refused").
 */
struct poller_config {
	const char *url, *host;
	int64_t every_ns, timeout_ns;
	bool fresh;
};
struct poller;
struct poller *poller_start(
    struct loop *loop, const struct poller_config *config, probe_done *sample, void *owner) MUST_CHECK;
/* May be called from `sample`. NULL is allowed. */
void poller_stop(struct poller *poller);

/*
 * ---- readiness of a dependency, by protocol ----
 * Tries again every `every_ns` until the protocol says yes; `change` is called whenever what it says changes
 * (and first with the first answer). What it says is a rung of the ladder of phases as seen from the harness.
 */
enum readiness {
	READINESS_REFUSED,     /* nothing listens */
	READINESS_UNREACHABLE, /* no answer to the connection attempt */
	READINESS_HUNG,        /* accepts, says nothing in time */
	READINESS_CLOSING,     /* accepts, hangs up */
	READINESS_LOADING,     /* -LOADING, 57P03 */
	READINESS_DENIED,      /* -NOAUTH, 28P01, 53300, …; also an answer in another protocol */
	READINESS_READY,
};
const char *readiness_name(enum readiness readiness); /* the phase's name: "refused", "loading", "ready" … */

struct readiness_config {
	const char *protocol; /* "redis", "postgres", "tcp" (accepting is ready) */
	const char *address;  /* numeric */
	int port;
	/* NULL: none; for postgres the user "postgres" and the database of the user's name. For redis the
	 * database is a number, selected before PING. */
	const char *user, *password, *database;
	int64_t every_ns, timeout_ns; /* timeout of one try */
};
struct readiness_answer {
	int64_t asked_ns, answered_ns; /* the try that said so */
	/* The try before it, which said otherwise, was asked then: it became so no sooner. A try that found
	 * no connection, or no answer in time, has said so as of when it was asked. 0: it is the first. */
	int64_t otherwise_ns;
	enum readiness readiness;
	const char *detail; /* one line in the server's own words where it said any: outside data */
};
typedef void readiness_change(void *owner, const struct readiness_answer *answer);
struct readiness_probe;
/* NULL when the protocol is not known, the address not numeric, the port no port. Makes no further try after
 * READINESS_READY was reported; it is to be stopped all the same. */
struct readiness_probe *readiness_probe_start(struct loop *loop, const struct readiness_config *config,
    readiness_change *change, void *owner, struct err *err) MUST_CHECK;
/* When the last try that has ended was asked; 0: none has. */
int64_t readiness_probe_asked_ns(const struct readiness_probe *probe);
/* May be called from `change`. NULL is allowed. */
void readiness_probe_stop(struct readiness_probe *probe);

#endif
