/*
 * PostgreSQL through libpq's non-blocking interface: connect, then SELECT 1.
 *
 * libpq keeps two things to itself that tell the phases apart: why connect() failed, and the SQLSTATE of a
 * refused start-up. The first is asked of the socket before libpq does (asking forgets it, so libpq is left
 * out then); the second is printed into the message when the verbosity is asked for: "FATAL:  57P03: the
 * database system is …".
 */
#include "probe/readiness_protocol.h"

#include "base/buf.h"
#include "probe/environment.h"
#include "probe/socket_watch.h"

#include <ctype.h>
#include <errno.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define SQLSTATE_LENGTH 5

struct postgres_try {
	struct readiness_probe *probe;
	struct loop *loop;
	PGconn *connection;
	struct socket_watch *watch;
	bool connected; /* the SELECT is under way */
};

/* The part of libpq's message that is the server's, from its SQLSTATE on, or NULL. libpq writes
 * "<severity>:  <SQLSTATE>: <message>" with two blanks; the severity may be in any language. */
static const char *find_sqlstate(const char *message)
{
	for (const char *at = strstr(message, ":  "); at; at = strstr(at + 1, ":  ")) {
		const char *state = at + 3;
		size_t length = 0;
		while (length < SQLSTATE_LENGTH &&
		       (isdigit((unsigned char)state[length]) || isupper((unsigned char)state[length])))
			length++;
		if (length == SQLSTATE_LENGTH && state[length] == ':')
			return state;
	}
	return NULL;
}

static enum readiness readiness_of_sqlstate(const char *state)
{
	if (strncmp(state, "57P03", SQLSTATE_LENGTH) ==
	    0) /* cannot_connect_now: starting, recovering, stopping */
		return READINESS_LOADING;
	if (strncmp(state, "57P01", SQLSTATE_LENGTH) == 0 || strncmp(state, "57P02", SQLSTATE_LENGTH) == 0)
		return READINESS_CLOSING; /* admin_shutdown, crash_shutdown */
	return READINESS_DENIED;
}

/* What libpq makes of an errno is strerror()'s text, in the same locale as ours. */
static bool mentions(const char *message, int errnum)
{
	char buffer[128];
	return strstr(message, strerror_r(errnum, buffer, sizeof(buffer))) != NULL;
}

static int errno_in(const char *message)
{
	static const int known[] = { ECONNREFUSED, ECONNRESET, EPIPE, ENETUNREACH, EHOSTUNREACH,
		EADDRNOTAVAIL, EACCES, ETIMEDOUT };
	for (size_t i = 0; i < ARRAY_LENGTH(known); i++)
		if (mentions(message, known[i]))
			return known[i];
	return 0;
}

static void stop_watching(struct postgres_try *attempt)
{
	socket_watch_stop(steal_ptr(attempt->watch));
}

static void say(struct postgres_try *attempt, enum readiness readiness, const char *words)
{
	stop_watching(attempt);
	readiness_say(attempt->probe, readiness, words, strlen(words));
}

/* libpq gave up, not because of a hang-up: hung_up() sees that first. */
static void say_failure(struct postgres_try *attempt)
{
	const char *message = PQerrorMessage(attempt->connection);
	const char *state = find_sqlstate(message);
	int errnum = errno_in(message);
	if (state) {
		say(attempt, readiness_of_sqlstate(state), state);
	} else if (PQconnectionNeedsPassword(attempt->connection)) {
		say(attempt, READINESS_DENIED, "a password is asked for and none is given");
	} else if (errnum) {
		stop_watching(attempt);
		readiness_say_errno(attempt->probe, errnum);
	} else {
		/* An answer, but none that this client can use. */
		say(attempt, READINESS_DENIED, message);
	}
}

/* Looks without taking: libpq would tell a hang-up only in prose. */
static bool hung_up(const struct postgres_try *attempt, int *ret_errnum)
{
	char byte;
	ssize_t count = recv(PQsocket(attempt->connection), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
	if (count > 0 || (count < 0 && (errno == EAGAIN || errno == EINTR)))
		return false;
	*ret_errnum = count < 0 ? errno : 0;
	return true;
}

static void say_hung_up(struct postgres_try *attempt, int errnum)
{
	stop_watching(attempt);
	if (errnum)
		readiness_say_errno(attempt->probe, errnum);
	else
		say(attempt, READINESS_CLOSING, "closed without an answer");
}

static void take_result(struct postgres_try *attempt)
{
	PGconn *connection = attempt->connection;
	int errnum = 0;
	if (hung_up(attempt, &errnum)) {
		say_hung_up(attempt, errnum);
		return;
	}
	if (!PQconsumeInput(connection)) {
		say_failure(attempt);
		return;
	}
	int unsent = PQflush(connection);
	if (PQisBusy(connection)) {
		socket_watch_for(attempt->watch, unsent == 1 ? UV_READABLE | UV_WRITABLE : UV_READABLE);
		return;
	}
	PGresult *result = PQgetResult(connection);
	if (PQresultStatus(result) == PGRES_TUPLES_OK) {
		say(attempt, READINESS_READY, "answers SELECT 1");
	} else {
		const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
		const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
		if (state) {
			char *words OWNED = xasprintf("%s: %s", state, text ? text : "");
			say(attempt, readiness_of_sqlstate(state), words);
		} else {
			say_failure(attempt);
		}
	}
	PQclear(result);
}

static void ask(struct postgres_try *attempt)
{
	attempt->connected = true;
	PQsetnonblocking(attempt->connection, 1);
	if (!PQsendQuery(attempt->connection, "SELECT 1")) {
		say_failure(attempt);
		return;
	}
	int unsent = PQflush(attempt->connection);
	socket_watch_for(attempt->watch, unsent == 1 ? UV_READABLE | UV_WRITABLE : UV_READABLE);
}

static void socket_ready(void *owner);

/* libpq may go on with another socket than before. */
static void watch_connection(struct postgres_try *attempt, int events)
{
	int fd = PQsocket(attempt->connection);
	if (attempt->watch && socket_watch_fd(attempt->watch) != fd)
		stop_watching(attempt);
	if (!attempt->watch)
		attempt->watch = socket_watch_start(attempt->loop, fd, socket_ready, attempt);
	socket_watch_for(attempt->watch, events);
}

static void go_on_connecting(struct postgres_try *attempt)
{
	int errnum = 0;
	if (PQstatus(attempt->connection) == CONNECTION_STARTED) {
		errnum = socket_errnum(PQsocket(attempt->connection));
		if (errnum) {
			stop_watching(attempt);
			readiness_say_errno(attempt->probe, errnum);
			return;
		}
	} else if (hung_up(attempt, &errnum)) {
		say_hung_up(attempt, errnum);
		return;
	}
	struct environment shell = environment_hide("PG");
	PostgresPollingStatusType next = PQconnectPoll(attempt->connection);
	environment_restore(&shell);
	switch (next) {
	case PGRES_POLLING_READING:
		watch_connection(attempt, UV_READABLE);
		return;
	case PGRES_POLLING_WRITING:
		watch_connection(attempt, UV_WRITABLE);
		return;
	case PGRES_POLLING_OK:
		ask(attempt);
		return;
	case PGRES_POLLING_FAILED:
	case PGRES_POLLING_ACTIVE:
		say_failure(attempt);
		return;
	}
}

static void socket_ready(void *owner)
{
	struct postgres_try *attempt = owner;
	if (attempt->connected)
		take_result(attempt);
	else
		go_on_connecting(attempt);
}

static void ignore_notice(void *owner, const char *message)
{
	(void)owner;
	(void)message;
}

static PGconn *start_connecting(const struct readiness_config *config)
{
	char port[16];
	snprintf(port, sizeof(port), "%d", config->port);
	const char *user = config->user ? config->user : "postgres";
	/* All that could make libpq look something up (a name, a user, a file) or take time is said or
	 * switched off. */
	const char *const pairs[][2] = {
		{ "hostaddr", config->address },
		{ "port", port },
		{ "user", user },
		{ "password", config->password },
		{ "dbname", config->database ? config->database : user },
		{ "passfile", "/dev/null/none" },
		{ "sslmode", "disable" },
		{ "gssencmode", "disable" },
		{ "fallback_application_name", "falsestart" },
	};
	const char *keywords[ARRAY_LENGTH(pairs) + 1] = { 0 };
	const char *values[ARRAY_LENGTH(pairs) + 1] = { 0 };
	for (size_t i = 0; i < ARRAY_LENGTH(pairs); i++) {
		keywords[i] = pairs[i][0];
		values[i] = pairs[i][1];
	}
	struct environment shell = environment_hide("PG");
	PGconn *connection = PQconnectStartParams(keywords, values, 0);
	environment_restore(&shell);
	return connection;
}

static void *postgres_begin(
    struct loop *loop, const struct readiness_config *config, struct readiness_probe *probe)
{
	struct postgres_try *attempt = xcalloc(1, sizeof(*attempt));
	*attempt =
	    (struct postgres_try){ .probe = probe, .loop = loop, .connection = start_connecting(config) };
	if (!attempt->connection)
		BUG("PQconnectStartParams");
	PQsetErrorVerbosity(attempt->connection, PQERRORS_VERBOSE);
	PQsetNoticeProcessor(attempt->connection, ignore_notice, NULL);
	if (PQstatus(attempt->connection) == CONNECTION_BAD)
		say_failure(attempt);
	else
		watch_connection(attempt, UV_WRITABLE);
	return attempt;
}

static bool postgres_accepted(const void *pointer)
{
	const struct postgres_try *attempt = pointer;
	return PQstatus(attempt->connection) != CONNECTION_STARTED;
}

static void postgres_end(void *pointer)
{
	struct postgres_try *attempt = pointer;
	stop_watching(attempt);
	PQfinish(attempt->connection);
	free(attempt);
}

const struct readiness_protocol postgres_readiness = {
	.name = "postgres",
	.begin = postgres_begin,
	.accepted = postgres_accepted,
	.end = postgres_end,
};
