/*
 * fold: notices are put in order of time here and handed to look-ups and connections. How attempts begin, end
 * and are told is in fold_attempt.c.
 */
#include "wire/fold_private.h"

#include <string.h>

bool address_set_has(const struct address_set *set, const char *address)
{
	for (size_t i = 0; i < set->count; i++)
		if (strcmp(set->items[i].text, address) == 0)
			return true;
	return false;
}

void address_set_add(struct address_set *set, const char *address)
{
	if (address_set_has(set, address) || strlen(address) >= sizeof(set->items[0].text))
		return;
	if (set->count == ADDRESSES_MAX)
		memmove(&set->items[0], &set->items[1], --set->count * sizeof(set->items[0]));
	memcpy(set->items[set->count++].text, address, strlen(address) + 1);
}

struct fold *fold_new(const struct fold_target *target, fold_emit *emit, void *owner)
{
	struct fold *fold = xcalloc(1, sizeof(*fold));
	fold->emit = emit;
	fold->owner = owner;
	fold->port = target->port;
	fold->speaks = target->speaks;
	for (size_t i = 0; i < target->name_count; i++)
		*array_push(fold->names, fold->name_count) = xstrdup(target->names[i]);
	for (size_t i = 0; i < target->address_count; i++)
		address_set_add(&fold->addresses, target->addresses[i]);
	for (size_t i = 0; i < QUEUE_MAX; i++)
		fold->queue[i] = &fold->notices[i];
	fold->attempts = xcalloc(ATTEMPTS_MAX, sizeof(struct attempt *));
	fold->connections = xcalloc(CONNECTIONS_MAX, sizeof(struct connection));
	return fold;
}

void fold_free(struct fold *fold)
{
	if (!fold)
		return;
	while (fold->attempt_count > 0)
		attempt_drop(fold, fold->attempts[fold->attempt_count - 1]);
	for (size_t i = 0; i < fold->name_count; i++)
		free(fold->names[i]);
	free(fold->names);
	free(fold->attempts);
	free(fold->connections);
	free(fold);
}

int fold_open(const struct fold *fold)
{
	return fold->open;
}

int64_t fold_forgotten(const struct fold *fold)
{
	return fold->forgotten;
}

/* ---- one notice ---- */

/* Whatever is under way may have ended, and the notice of it be among the lost. */
static void doubt(struct fold *fold)
{
	for (size_t i = 0; i < fold->attempt_count; i++)
		fold->attempts[i]->doubtful = true;
}

static void take(struct fold *fold, const struct notice *notice)
{
	switch (notice->kind) {
	case NOTICE_QUERY:
		lookup_query(fold, notice);
		break;
	case NOTICE_ANSWER:
		lookup_answer(fold, notice);
		break;
	case NOTICE_ABANDONED:
		lookup_abandoned(fold, notice);
		break;
	case NOTICE_SYN:
	case NOTICE_AGAIN:
	case NOTICE_OPEN:
	case NOTICE_REFUSED:
	case NOTICE_UNREACHABLE:
	case NOTICE_ASKED:
	case NOTICE_SAID:
	case NOTICE_CLOSED:
	case NOTICE_RESET:
	case NOTICE_GONE:
		connection_notice(fold, notice);
		break;
	case NOTICE_LOST:
		doubt(fold);
		break;
	case NOTICE_HELLO:
	case NOTICE_OK:
	case NOTICE_ERROR:
	case NOTICE_LATE:
	case NOTICE_PHASE:
		break;
	}
}

static bool is_address_type(const struct notice *notice)
{
	return strcmp(notice->type, "A") == 0 || strcmp(notice->type, "AAAA") == 0;
}

static bool is_relevant(const struct fold *fold, const struct notice *notice)
{
	switch (notice->kind) {
	case NOTICE_QUERY:
	case NOTICE_ANSWER:
		return is_address_type(notice) && lookup_name(fold, notice->name) < fold->name_count;
	case NOTICE_SYN:
	case NOTICE_AGAIN:
	case NOTICE_OPEN:
	case NOTICE_REFUSED:
	case NOTICE_UNREACHABLE:
	case NOTICE_ASKED:
	case NOTICE_SAID:
	case NOTICE_CLOSED:
	case NOTICE_RESET:
	case NOTICE_GONE:
		return notice->remote.port == fold->port;
	case NOTICE_ABANDONED:
		return true;
	case NOTICE_LOST:
		return notice->number > 0;
	case NOTICE_HELLO:
	case NOTICE_OK:
	case NOTICE_ERROR:
	case NOTICE_LATE:
	case NOTICE_PHASE:
		return false;
	}
	BUG("notice of kind %d", (int)notice->kind);
}

/* ---- in order of time ---- */

/* Times are outside data; one that no clock shows must not make sums overflow. */
static int64_t held_ns(int64_t at_ns)
{
	return at_ns < 0 ? 0 : at_ns > INT64_MAX / 4 ? INT64_MAX / 4 : at_ns;
}

static void queue_add(struct fold *fold, const struct notice *notice)
{
	struct notice *slot = fold->queue[fold->queue_count];
	*slot = *notice;
	slot->at_ns = held_ns(notice->at_ns);
	size_t place = fold->queue_count++;
	for (; place > 0 && fold->queue[place - 1]->at_ns > slot->at_ns; place--)
		fold->queue[place] = fold->queue[place - 1];
	fold->queue[place] = slot;
}

static struct notice *queue_remove(struct fold *fold, size_t place)
{
	struct notice *notice = fold->queue[place];
	fold->queue_count--;
	memmove(&fold->queue[place], &fold->queue[place + 1],
	    (fold->queue_count - place) * sizeof(struct notice *));
	fold->queue[fold->queue_count] = notice;
	return notice;
}

static void take_first(struct fold *fold)
{
	const struct notice *notice = queue_remove(fold, 0);
	attempt_expire(fold, notice->at_ns);
	take(fold, notice);
}

bool fold_take_answers(struct fold *fold, int64_t until_ns)
{
	bool any = false;
	for (size_t i = 0; i < fold->queue_count && fold->queue[i]->at_ns <= until_ns;) {
		if (fold->queue[i]->kind == NOTICE_ANSWER && lookup_answer(fold, fold->queue[i])) {
			queue_remove(fold, i);
			any = true;
		} else {
			i++;
		}
	}
	return any;
}

static void take_until(struct fold *fold, int64_t until_ns)
{
	while (fold->queue_count > 0 && fold->queue[0]->at_ns <= until_ns)
		take_first(fold);
	attempt_expire(fold, until_ns);
	told_flush(fold);
}

void fold_feed(struct fold *fold, const struct notice *notice)
{
	if (is_relevant(fold, notice)) {
		if (fold->queue_count == QUEUE_MAX)
			take_first(fold);
		queue_add(fold, notice);
	}
	fold_advance(fold, notice->at_ns);
}

void fold_advance(struct fold *fold, int64_t now_ns)
{
	if (held_ns(now_ns) > fold->newest_ns)
		fold->newest_ns = held_ns(now_ns);
	take_until(fold, fold->newest_ns - FOLD_REORDER_NS);
}

int64_t fold_due_ns(const struct fold *fold)
{
	int64_t due_ns = INT64_MAX;
	if (fold->queue_count > 0)
		due_ns = fold->queue[0]->at_ns + FOLD_REORDER_NS;
	for (size_t i = 0; i < fold->attempt_count; i++) {
		const struct attempt *attempt = fold->attempts[i];
		int64_t told_ns = attempt->ended_ns + FOLD_FOLLOW_NS + FOLD_REORDER_NS + 1;
		if (attempt_is_held(attempt) && told_ns < due_ns)
			due_ns = told_ns;
	}
	return due_ns;
}

void fold_end(struct fold *fold, int64_t now_ns)
{
	if (held_ns(now_ns) > fold->newest_ns)
		fold->newest_ns = held_ns(now_ns);
	take_until(fold, fold->newest_ns);
	while (fold->attempt_count > 0)
		attempt_pending(fold, fold->attempts[0], fold->newest_ns);
	told_flush(fold);
}
