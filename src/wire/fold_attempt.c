/* How attempts begin and end, and the order in which they are told. */
#include "wire/fold_private.h"

#include <string.h>

static bool can_become(enum attempt_state from, enum attempt_state to)
{
	switch (to) {
	case ATTEMPT_LOOKING:
	case ATTEMPT_RESOLVED:
	case ATTEMPT_UNRESOLVED:
		return from == ATTEMPT_LOOKING || from == ATTEMPT_RESOLVED || from == ATTEMPT_UNRESOLVED;
	case ATTEMPT_CONNECTING:
		return true;
	case ATTEMPT_BETWEEN:
		return from == ATTEMPT_CONNECTING;
	}
	return false;
}

void attempt_set_state(struct attempt *attempt, enum attempt_state state)
{
	if (!can_become(attempt->state, state))
		BUG("an attempt in state %d cannot become %d", (int)attempt->state, (int)state);
	attempt->state = state;
}

bool attempt_is_held(const struct attempt *attempt)
{
	return attempt->state == ATTEMPT_UNRESOLVED || attempt->state == ATTEMPT_BETWEEN;
}

/* ---- the beginning ---- */

/* A sign of life ends what may have ended unseen. */
static void settle_doubtful(struct fold *fold, int64_t at_ns)
{
	for (size_t i = fold->attempt_count; i-- > 0;) {
		struct attempt *attempt = fold->attempts[i];
		if (!attempt->doubtful)
			continue;
		if (attempt->state == ATTEMPT_LOOKING)
			lookup_give_up(fold, attempt, at_ns);
		else if (attempt->state == ATTEMPT_CONNECTING)
			connection_give_up(fold, attempt, at_ns);
	}
}

/* Their SYN may still come, after the query of another. */
static void mark_unused(struct fold *fold, int64_t at_ns)
{
	for (size_t i = 0; i < fold->attempt_count; i++)
		if (fold->attempts[i]->state == ATTEMPT_RESOLVED && fold->attempts[i]->unused_ns == 0)
			fold->attempts[i]->unused_ns = at_ns > 0 ? at_ns : 1;
}

struct attempt *attempt_begin(struct fold *fold, int64_t at_ns)
{
	settle_doubtful(fold, at_ns);
	mark_unused(fold, at_ns);
	if (fold->attempt_count == ATTEMPTS_MAX) {
		connection_forget_attempt(fold, fold->attempts[0]);
		attempt_drop(fold, fold->attempts[0]);
		fold->forgotten++;
	}
	struct attempt *attempt = xcalloc(1, sizeof(*attempt));
	attempt->state = ATTEMPT_LOOKING;
	attempt->begin_ns = at_ns;
	attempt->open = fold->open;
	attempt->name = fold->name_count;
	fold->attempts[fold->attempt_count++] = attempt;
	return attempt;
}

/* ---- the end ---- */

void attempt_drop(struct fold *fold, struct attempt *attempt)
{
	size_t place = 0;
	while (fold->attempts[place] != attempt)
		place++;
	fold->attempt_count--;
	memmove(&fold->attempts[place], &fold->attempts[place + 1],
	    (fold->attempt_count - place) * sizeof(struct attempt *));
	free(attempt->queries);
	free(attempt);
}

int64_t attempt_lookup_ns(const struct attempt *attempt)
{
	if (attempt->query_count == 0)
		return 0;
	int64_t ended_ns = attempt->lookups_ended_ns;
	for (size_t i = 0; ended_ns == 0 && i < attempt->query_count; i++)
		if (attempt->queries[i].state == QUERY_WAITING)
			ended_ns = attempt->ended_ns;
	for (size_t i = 0; attempt->lookups_ended_ns == 0 && i < attempt->query_count; i++)
		if (attempt->queries[i].ended_ns > ended_ns)
			ended_ns = attempt->queries[i].ended_ns;
	return ended_ns > attempt->begin_ns ? ended_ns - attempt->begin_ns : 1;
}

static void emit_first(struct fold *fold)
{
	struct told *told = &fold->told[0];
	struct event *event = &told->event;
	if (event->kind == EVENT_ATTEMPT) {
		event->attempt.number = ++fold->number;
		event->attempt.address = *told->address ? told->address : NULL;
		event->attempt.detail = *told->detail ? told->detail : NULL;
	}
	fold->emit(fold->owner, event);
	memmove(&fold->told[0], &fold->told[1], --fold->told_count * sizeof(*told));
}

static struct told *told_add(struct fold *fold, const struct event *event)
{
	if (fold->told_count == TOLD_MAX)
		emit_first(fold);
	size_t place = fold->told_count++;
	for (; place > 0 && fold->told[place - 1].event.to_ns > event->to_ns; place--)
		fold->told[place] = fold->told[place - 1];
	fold->told[place] = (struct told){ .event = *event };
	return &fold->told[place];
}

void told_flush(struct fold *fold)
{
	int64_t held_ns = INT64_MAX;
	for (size_t i = 0; i < fold->attempt_count; i++)
		if (attempt_is_held(fold->attempts[i]) && fold->attempts[i]->ended_ns < held_ns)
			held_ns = fold->attempts[i]->ended_ns;
	while (fold->told_count > 0 && fold->told[0].event.to_ns <= held_ns)
		emit_first(fold);
}

void lost_tell(struct fold *fold, const struct event *event)
{
	told_add(fold, event);
}

void attempt_tell(struct fold *fold, struct attempt *attempt)
{
	/* Late notices can make an end seem to come before its beginning. */
	int64_t to_ns = attempt->ended_ns > attempt->begin_ns ? attempt->ended_ns : attempt->begin_ns;
	int64_t after_ns = attempt->ended_after_ns;
	if (after_ns > 0 && after_ns < attempt->begin_ns)
		after_ns = attempt->begin_ns;
	struct event event = { .kind = EVENT_ATTEMPT, .from_ns = attempt->begin_ns, .to_ns = to_ns };
	event.attempt.outcome = attempt->outcome;
	event.attempt.source = "wire";
	event.attempt.began_known = true;
	event.attempt.ended_after_ns = after_ns < to_ns ? after_ns : 0;
	event.attempt.lookup_ns = attempt_lookup_ns(attempt);
	event.attempt.packets = attempt->packets;
	event.attempt.connection = attempt->connection;
	event.attempt.open = attempt->open;
	struct told *told = told_add(fold, &event);
	memcpy(told->address, attempt->address, sizeof(told->address));
	memcpy(told->detail, attempt->detail, sizeof(told->detail));
	attempt_drop(fold, attempt);
}

/* A look-up that nobody used is forgotten when it can no longer be told from the next one. */
static bool is_over(const struct attempt *attempt, int64_t now_ns)
{
	if (attempt->state != ATTEMPT_RESOLVED)
		return false;
	return attempt->answered_ns + USE_NS < now_ns ||
	       (attempt->unused_ns != 0 && attempt->unused_ns + FOLD_FOLLOW_NS < now_ns);
}

void attempt_expire(struct fold *fold, int64_t now_ns)
{
	for (size_t i = 0; i < fold->attempt_count;) {
		struct attempt *attempt = fold->attempts[i];
		if (attempt_is_held(attempt) && attempt->ended_ns + FOLD_FOLLOW_NS < now_ns)
			attempt_tell(fold, attempt);
		else if (is_over(attempt, now_ns))
			attempt_drop(fold, attempt);
		else
			i++;
	}
}

void attempt_pending(struct fold *fold, struct attempt *attempt, int64_t now_ns)
{
	switch (attempt->state) {
	case ATTEMPT_RESOLVED:
		attempt_drop(fold, attempt);
		return;
	case ATTEMPT_UNRESOLVED:
	case ATTEMPT_BETWEEN:
		attempt_tell(fold, attempt);
		return;
	case ATTEMPT_LOOKING:
	case ATTEMPT_CONNECTING:
		connection_forget_attempt(fold, attempt);
		attempt->outcome = "pending";
		attempt->ended_ns = now_ns;
		attempt->ended_after_ns = 0;
		attempt->detail[0] = '\0';
		attempt_tell(fold, attempt);
		return;
	}
}
