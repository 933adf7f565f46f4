/* Connections: which attempt a SYN belongs to, and what came out of it. */
#include "wire/fold_private.h"

#include <stdio.h>
#include <string.h>

static bool is_ours(const struct fold *fold, const char *address)
{
	return address_set_has(&fold->addresses, address) || address_set_has(&fold->learned, address);
}

static struct connection *connection_find(struct fold *fold, const struct notice *notice)
{
	for (size_t i = fold->connection_count; i-- > 0;) {
		struct connection *connection = &fold->connections[i];
		if (connection->local.port == notice->local.port &&
		    strcmp(connection->local.address, notice->local.address) == 0 &&
		    strcmp(connection->remote.address, notice->remote.address) == 0)
			return connection;
	}
	return NULL;
}

/* ---- states ---- */

static bool is_counted(const struct connection *connection)
{
	switch (connection->state) {
	case CONNECTION_SYN:
	case CONNECTION_SPARE:
		return false;
	case CONNECTION_OPEN:
	case CONNECTION_ESTABLISHED:
	case CONNECTION_TURNED_AWAY:
		return true;
	}
	return false;
}

static bool can_become(enum connection_state from, enum connection_state to)
{
	switch (to) {
	case CONNECTION_SYN:
		return false;
	case CONNECTION_OPEN:
		return from == CONNECTION_SYN || from == CONNECTION_SPARE;
	case CONNECTION_ESTABLISHED:
	case CONNECTION_TURNED_AWAY:
		return from == CONNECTION_OPEN;
	case CONNECTION_SPARE:
		return from == CONNECTION_SYN || from == CONNECTION_OPEN;
	}
	return false;
}

static void connection_set_state(
    struct fold *fold, struct connection *connection, enum connection_state state)
{
	if (!can_become(connection->state, state))
		BUG("a connection in state %d cannot become %d", (int)connection->state, (int)state);
	fold->open -= is_counted(connection);
	connection->state = state;
	fold->open += is_counted(connection);
}

static void connection_remove(struct fold *fold, struct connection *connection)
{
	size_t place = (size_t)(connection - fold->connections);
	fold->open -= is_counted(connection);
	fold->connection_count--;
	memmove(connection, connection + 1, (fold->connection_count - place) * sizeof(*connection));
}

void connection_forget_attempt(struct fold *fold, const struct attempt *attempt)
{
	for (size_t i = fold->connection_count; i-- > 0;)
		if (fold->connections[i].attempt == attempt)
			connection_remove(fold, &fold->connections[i]);
}

static void forget_oldest(struct fold *fold)
{
	struct connection *connection = &fold->connections[0];
	struct attempt *attempt = connection->attempt;
	connection_remove(fold, connection);
	fold->forgotten++;
	if (attempt && --attempt->live == 0)
		attempt_drop(fold, attempt);
}

/* ---- the end of attempts ---- */

static void describe(struct attempt *attempt, const struct connection *connection, const char *detail)
{
	bool is_six = strchr(connection->remote.address, ':') != NULL;
	snprintf(attempt->address, sizeof(attempt->address), is_six ? "[%s]:%d" : "%s:%d",
	    connection->remote.address, connection->remote.port);
	attempt->connection = connection->local.port;
	snprintf(attempt->detail, sizeof(attempt->detail), "%s", detail);
}

static bool has_untried(const struct fold *fold, const struct attempt *attempt)
{
	const struct address_set *known = attempt->answers.count > 0 ? &attempt->answers : &fold->addresses;
	for (size_t i = 0; i < known->count; i++)
		if (!address_set_has(&attempt->tried, known->items[i].text))
			return true;
	return false;
}

/* The connection failed. Its attempt ends with it when no other one is under way and no other address can
 * follow (which it cannot once a server was met). */
static void connection_fail(struct fold *fold, struct connection *connection, const char *outcome,
    int64_t after_ns, int64_t at_ns, const char *detail)
{
	struct attempt *attempt = connection->attempt;
	bool may_follow = connection->open_ns == 0 && has_untried(fold, attempt);
	describe(attempt, connection, detail);
	attempt->outcome = outcome;
	attempt->ended_ns = at_ns;
	attempt->ended_after_ns = after_ns;
	connection_remove(fold, connection);
	if (--attempt->live > 0)
		return;
	if (may_follow)
		attempt_set_state(attempt, ATTEMPT_BETWEEN);
	else
		attempt_tell(fold, attempt);
}

/* A server was met over this connection: that decides the attempt. The others are spare from now on. */
static void connection_decide(struct fold *fold, struct connection *connection, enum connection_state state,
    const char *outcome, int64_t after_ns, int64_t at_ns, const char *detail)
{
	struct attempt *attempt = connection->attempt;
	for (size_t i = 0; i < fold->connection_count; i++) {
		struct connection *other = &fold->connections[i];
		if (other->attempt != attempt)
			continue;
		other->attempt = NULL;
		if (other != connection)
			connection_set_state(fold, other, CONNECTION_SPARE);
	}
	connection_set_state(fold, connection, state);
	describe(attempt, connection, detail);
	attempt->outcome = outcome;
	attempt->ended_ns = at_ns;
	attempt->ended_after_ns = after_ns;
	attempt_tell(fold, attempt);
}

void connection_give_up(struct fold *fold, struct attempt *attempt, int64_t until_ns)
{
	struct connection *last = NULL;
	for (size_t i = 0; i < fold->connection_count; i++) {
		if (fold->connections[i].attempt != attempt)
			continue;
		if (fold->connections[i].state != CONNECTION_SYN)
			return;
		last = &fold->connections[i];
	}
	if (!last)
		return;
	describe(attempt, last, "");
	attempt->outcome = "timeout";
	attempt->ended_after_ns = last->sign_ns;
	attempt->ended_ns = until_ns;
	connection_forget_attempt(fold, attempt);
	attempt_tell(fold, attempt);
}

/* ---- SYN ---- */

static bool is_other_address(const struct fold *fold, const struct attempt *attempt, const char *address)
{
	if (address_set_has(&attempt->tried, address))
		return false;
	return attempt->answers.count == 0 || address_set_has(&attempt->answers, address) ||
	       address_set_has(&fold->addresses, address);
}

/* After the address before failed: an attempt that is held for longer than it may be has been told. */
static bool is_next_address(const struct fold *fold, const struct attempt *attempt, const struct notice *syn)
{
	bool has_failed = attempt->state == ATTEMPT_BETWEEN ||
			  (attempt->state == ATTEMPT_CONNECTING && attempt->outcome != NULL);
	return has_failed && is_other_address(fold, attempt, syn->remote.address);
}

/* Beside another address. */
static bool is_race(const struct fold *fold, const struct attempt *attempt, const struct notice *syn)
{
	return attempt->state == ATTEMPT_CONNECTING && syn->at_ns - attempt->syn_ns >= RACE_NS &&
	       is_other_address(fold, attempt, syn->remote.address);
}

static bool is_answered(const struct attempt *attempt, const struct notice *syn)
{
	return (attempt->state == ATTEMPT_RESOLVED || attempt->state == ATTEMPT_LOOKING) &&
	       attempt->begin_ns <= syn->at_ns && address_set_has(&attempt->answers, syn->remote.address);
}

/* Its look-up has just been answered. Another attempt that began after that may have left this one unused. */
static bool is_waited_for(const struct fold *fold, const struct attempt *attempt, const struct notice *syn)
{
	(void)fold;
	return is_answered(attempt, syn) && (attempt->unused_ns == 0 || attempt->unused_ns > syn->at_ns);
}

static bool is_perhaps_waited_for(
    const struct fold *fold, const struct attempt *attempt, const struct notice *syn)
{
	(void)fold;
	return is_answered(attempt, syn) && syn->at_ns - attempt->unused_ns <= FOLD_FOLLOW_NS;
}

/* Its answer is among the notices that were lost. */
static bool is_doubtful(const struct fold *fold, const struct attempt *attempt, const struct notice *syn)
{
	(void)fold;
	return attempt->doubtful && attempt->state == ATTEMPT_LOOKING && attempt->begin_ns <= syn->at_ns;
}

static struct attempt *first_that(struct fold *fold, const struct notice *syn,
    bool (*fits)(const struct fold *fold, const struct attempt *attempt, const struct notice *syn))
{
	for (size_t i = 0; i < fold->attempt_count; i++) {
		struct attempt *attempt = fold->attempts[i];
		if (!attempt)
			BUG("a hole among %zu attempts", fold->attempt_count);
		if (fits(fold, attempt, syn))
			return attempt;
	}
	return NULL;
}

static struct attempt *find_home(struct fold *fold, const struct notice *syn)
{
	struct attempt *attempt = first_that(fold, syn, is_next_address);
	if (!attempt)
		attempt = first_that(fold, syn, is_waited_for);
	/* The answer it waited for can be stamped later than the SYN it led to. */
	if (!attempt && fold_take_answers(fold, syn->at_ns + FOLD_REORDER_NS))
		attempt = first_that(fold, syn, is_waited_for);
	if (!attempt)
		attempt = first_that(fold, syn, is_race);
	if (!attempt)
		attempt = first_that(fold, syn, is_perhaps_waited_for);
	if (!attempt)
		attempt = first_that(fold, syn, is_doubtful);
	return attempt;
}

/* How long the look-ups took is known now; no longer than until the SYN, whatever their stamps say. */
static void end_lookups(struct attempt *attempt, int64_t at_ns)
{
	if (attempt->query_count == 0 || attempt->lookups_ended_ns != 0)
		return;
	int64_t ended_ns = 0;
	for (size_t i = 0; i < attempt->query_count; i++)
		if (attempt->queries[i].state != QUERY_WAITING && attempt->queries[i].ended_ns > ended_ns)
			ended_ns = attempt->queries[i].ended_ns;
	attempt->lookups_ended_ns = ended_ns > 0 && ended_ns < at_ns ? ended_ns : at_ns;
}

static void attempt_connect(struct attempt *attempt, struct connection *connection)
{
	if (attempt->live++ == 0)
		attempt_set_state(attempt, ATTEMPT_CONNECTING);
	attempt->packets += connection->packets;
	attempt->syn_ns = connection->syn_ns;
	address_set_add(&attempt->tried, connection->remote.address);
	end_lookups(attempt, connection->syn_ns);
	describe(attempt, connection, "");
	connection->attempt = attempt;
}

static void end_by_client(struct fold *fold, struct connection *connection, const struct notice *notice);

static void take_syn(struct fold *fold, const struct notice *notice)
{
	struct connection *before = connection_find(fold, notice);
	if (before) /* its port is used again: the end of the one before was lost */
		end_by_client(fold, before, notice);
	struct attempt *attempt = find_home(fold, notice);
	if (!attempt && !is_ours(fold, notice->remote.address))
		return;
	if (fold->connection_count == CONNECTIONS_MAX) {
		forget_oldest(fold);
		attempt = find_home(fold, notice);
	}
	if (!attempt)
		attempt = attempt_begin(fold, notice->at_ns);
	struct connection *connection = &fold->connections[fold->connection_count++];
	*connection = (struct connection){ .local = notice->local,
		.remote = notice->remote,
		.syn_ns = notice->at_ns,
		.sign_ns = notice->at_ns,
		.packets = 1 };
	attempt_connect(attempt, connection);
}

/* ---- what follows ---- */

static void take_again(struct connection *connection)
{
	connection->packets++;
	if (connection->attempt)
		connection->attempt->packets++;
}

static void take_open(struct fold *fold, struct connection *connection, const struct notice *notice)
{
	if (connection->open_ns == 0)
		connection->open_ns = notice->at_ns > 0 ? notice->at_ns : 1;
	if (connection->state != CONNECTION_SYN)
		return;
	connection_set_state(fold, connection, CONNECTION_OPEN);
	if (!fold->speaks)
		connection_decide(fold, connection, CONNECTION_ESTABLISHED, "accepted", 0, notice->at_ns, "");
}

/* The client uses a connection that had lost a race: it was none, but an attempt of its own. Whatever else is
 * given up as an attempt begins, the connection may move. */
static struct connection *promote(
    struct fold *fold, const struct connection *connection, const struct notice *notice)
{
	struct attempt *attempt = attempt_begin(fold, connection->syn_ns);
	struct connection *found = connection_find(fold, notice);
	attempt_connect(attempt, found);
	connection_set_state(fold, found, CONNECTION_OPEN);
	return found;
}

/* Bytes went over it: it is open, even if the notice of that was lost. */
static struct connection *take_use(
    struct fold *fold, struct connection *connection, const struct notice *notice)
{
	take_open(fold, connection, notice);
	if (connection->state != CONNECTION_SPARE)
		return connection;
	connection = promote(fold, connection, notice);
	if (!fold->speaks)
		connection_decide(fold, connection, CONNECTION_ESTABLISHED, "accepted", connection->open_ns,
		    notice->at_ns, "");
	return connection;
}

static void take_asked(struct fold *fold, struct connection *connection, const struct notice *notice)
{
	take_use(fold, connection, notice)->has_asked = true;
}

static void take_said(struct fold *fold, struct connection *connection, const struct notice *notice)
{
	connection = take_use(fold, connection, notice);
	if (connection->state != CONNECTION_OPEN)
		return;
	bool is_no = strcmp(notice->word, "loading") == 0 || strcmp(notice->word, "denied") == 0;
	bool is_yes = strcmp(notice->word, "connected") == 0;
	const char *outcome = !is_no                 ? is_yes ? "connected" : "accepted"
			      : *notice->word == 'l' ? "loading"
						     : "denied";
	bool is_bare_tls = strcmp(notice->word, "tls") == 0 && !*notice->text;
	connection_decide(fold, connection, is_no ? CONNECTION_TURNED_AWAY : CONNECTION_ESTABLISHED, outcome,
	    0, notice->at_ns, is_bare_tls ? "TLS" : notice->text);
}

/* ---- the end of connections ---- */

static void lose(struct fold *fold, struct connection *connection, const char *how, const char *by,
    int64_t after_ns, int64_t at_ns)
{
	struct event event = {
		.kind = EVENT_LOST, .from_ns = after_ns < at_ns ? after_ns : at_ns, .to_ns = at_ns
	};
	event.lost.how = how;
	event.lost.by = by;
	event.lost.connection = connection->local.port;
	connection_remove(fold, connection);
	event.lost.open = fold->open;
	lost_tell(fold, &event);
}

static const char *how_of(const struct notice *notice)
{
	return notice->kind == NOTICE_CLOSED ? "closed" : notice->kind == NOTICE_RESET ? "reset" : "gone";
}

static const char *by_of(const struct notice *notice)
{
	bool is_known = notice->kind == NOTICE_CLOSED || notice->kind == NOTICE_RESET;
	return !is_known ? NULL : strcmp(notice->word, "server") == 0 ? "server" : "client";
}

/* An open connection over which nothing was said, ended by the client. */
static void give_up_open(struct fold *fold, struct connection *connection, const struct notice *notice)
{
	struct attempt *attempt = connection->attempt;
	if (connection->has_asked) {
		connection_fail(fold, connection, "hung", 0, notice->at_ns, "");
	} else if (attempt->live > 1) { /* another address was faster */
		attempt->live--;
		connection_remove(fold, connection);
	} else {
		connection_decide(fold, connection, CONNECTION_ESTABLISHED, "accepted", connection->open_ns,
		    notice->at_ns, "");
		lose(fold, connection, how_of(notice), by_of(notice), notice->at_ns, notice->at_ns);
	}
}

static void end_by_client(struct fold *fold, struct connection *connection, const struct notice *notice)
{
	bool is_guess = notice->kind == NOTICE_SYN;
	switch (connection->state) {
	case CONNECTION_SYN:
		connection_fail(
		    fold, connection, "timeout", is_guess ? connection->sign_ns : 0, notice->at_ns, "");
		return;
	case CONNECTION_OPEN:
		give_up_open(fold, connection, notice);
		return;
	case CONNECTION_ESTABLISHED:
		lose(fold, connection, how_of(notice), by_of(notice),
		    is_guess ? connection->sign_ns : notice->at_ns, notice->at_ns);
		return;
	case CONNECTION_TURNED_AWAY:
	case CONNECTION_SPARE:
		connection_remove(fold, connection);
		return;
	}
}

static void end_by_server(struct fold *fold, struct connection *connection, const struct notice *notice)
{
	take_open(fold, connection, notice);
	if (connection->state == CONNECTION_OPEN)
		connection_fail(fold, connection, how_of(notice), 0, notice->at_ns, "");
	else
		end_by_client(fold, connection, notice);
}

static void take_refusal(struct fold *fold, struct connection *connection, const struct notice *notice)
{
	char detail[DETAIL_MAX] = "";
	if (notice->kind == NOTICE_UNREACHABLE)
		snprintf(detail, sizeof(detail), "ICMP code %lld", (long long)notice->number);
	if (connection->state == CONNECTION_SYN)
		connection_fail(fold, connection, notice->kind == NOTICE_REFUSED ? "refused" : "unreachable",
		    0, notice->at_ns, detail);
	else if (connection->state == CONNECTION_SPARE && connection->open_ns == 0)
		connection_remove(fold, connection);
}

void connection_notice(struct fold *fold, const struct notice *notice)
{
	if (notice->kind == NOTICE_SYN) {
		take_syn(fold, notice);
		return;
	}
	struct connection *connection = connection_find(fold, notice);
	if (!connection)
		return;
	connection->sign_ns = notice->at_ns;
	if (notice->kind == NOTICE_AGAIN)
		take_again(connection);
	else if (notice->kind == NOTICE_OPEN)
		take_open(fold, connection, notice);
	else if (notice->kind == NOTICE_REFUSED || notice->kind == NOTICE_UNREACHABLE)
		take_refusal(fold, connection, notice);
	else if (notice->kind == NOTICE_ASKED)
		take_asked(fold, connection, notice);
	else if (notice->kind == NOTICE_SAID)
		take_said(fold, connection, notice);
	else if (notice->kind == NOTICE_GONE || strcmp(notice->word, "server") != 0)
		end_by_client(fold, connection, notice);
	else
		end_by_server(fold, connection, notice);
}
