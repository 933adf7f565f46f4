/* Look-ups: which queries belong together, and what came out of them. */
#include "wire/fold_private.h"

#include <string.h>

/* The shortest of the target's names that the name is, or begins with before a dot: `redis` and
 * `redis.localdomain` are one even where both are names of the dependency. */
size_t lookup_name(const struct fold *fold, const char *name)
{
	size_t found = fold->name_count, found_length = 0;
	for (size_t i = 0; i < fold->name_count; i++) {
		size_t length = strlen(fold->names[i]);
		if (strncasecmp(fold->names[i], name, length) != 0 || (name[length] && name[length] != '.'))
			continue;
		if (found == fold->name_count || length < found_length) {
			found = i;
			found_length = length;
		}
	}
	return found;
}

static bool endpoint_equal(const struct endpoint *one, const struct endpoint *other)
{
	return one->port == other->port && strcmp(one->address, other->address) == 0;
}

static bool is_question(const struct query *query, const struct notice *notice)
{
	return strcmp(query->type, notice->type) == 0 && strcmp(query->name, notice->name) == 0;
}

static bool is_packet(const struct query *query, const struct notice *notice)
{
	return query->id == notice->number && endpoint_equal(&query->client, &notice->local) &&
	       is_question(query, notice);
}

/* ---- the end of look-ups ---- */

static const char *outcome_of(const struct attempt *attempt)
{
	const char *outcome = "nxdomain";
	for (size_t i = 0; i < attempt->query_count; i++) {
		if (attempt->queries[i].state == QUERY_ABANDONED)
			return "dns-timeout";
		if (attempt->queries[i].state == QUERY_FAILED)
			outcome = "servfail";
	}
	return outcome;
}

void lookup_settle(struct attempt *attempt)
{
	bool is_waiting = false, is_resolved = false;
	int64_t ended_ns = 0;
	for (size_t i = 0; i < attempt->query_count; i++) {
		const struct query *query = &attempt->queries[i];
		is_waiting = is_waiting || query->state == QUERY_WAITING;
		is_resolved = is_resolved || query->state == QUERY_RESOLVED;
		if (query->state != QUERY_WAITING && query->ended_ns > ended_ns)
			ended_ns = query->ended_ns;
	}
	attempt->outcome = NULL;
	if (is_waiting) {
		attempt_set_state(attempt, ATTEMPT_LOOKING);
	} else if (is_resolved) {
		attempt_set_state(attempt, ATTEMPT_RESOLVED);
		attempt->answered_ns = ended_ns;
	} else {
		attempt_set_state(attempt, ATTEMPT_UNRESOLVED);
		attempt->outcome = outcome_of(attempt);
		attempt->ended_ns = ended_ns;
	}
}

/* Once it connects, queries do not matter any more. */
static void settle_if_looking(struct attempt *attempt)
{
	if (attempt->state != ATTEMPT_CONNECTING && attempt->state != ATTEMPT_BETWEEN)
		lookup_settle(attempt);
}

void lookup_give_up(struct fold *fold, struct attempt *attempt, int64_t until_ns)
{
	int64_t since_ns = attempt->begin_ns;
	for (size_t i = 0; i < attempt->query_count; i++) {
		struct query *query = &attempt->queries[i];
		if (query->sent_ns > since_ns)
			since_ns = query->sent_ns;
		if (query->state != QUERY_WAITING)
			continue;
		query->state = QUERY_ABANDONED;
		query->ended_ns = until_ns;
	}
	lookup_settle(attempt);
	if (attempt->state != ATTEMPT_UNRESOLVED)
		return;
	attempt->ended_ns = until_ns;
	attempt->ended_after_ns = since_ns;
	attempt_tell(fold, attempt);
}

/* ---- queries ---- */

static bool is_next_try(const struct query *query, const struct notice *notice)
{
	if (query->state != QUERY_ABANDONED && query->state != QUERY_FAILED)
		return false;
	int64_t gap_ns = notice->at_ns - query->ended_ns;
	return is_question(query, notice) && gap_ns <= NEXT_TRY_NS && gap_ns >= -NEXT_TRY_NS;
}

static bool is_same_packet_again(const struct query *query, const struct notice *notice)
{
	return is_next_try(query, notice) && query->id == notice->number;
}

/* With another id it can as well be the application's next call: then the second question is the resolver's,
 * a third one is not. */
static bool is_second_question(const struct query *query, const struct notice *notice)
{
	return is_next_try(query, notice) && query->sends == 1;
}

static struct attempt *find_same_question(struct fold *fold, const struct notice *notice,
    bool (*is_same)(const struct query *query, const struct notice *notice), struct query **ret_query)
{
	for (size_t i = 0; i < fold->attempt_count; i++) {
		struct attempt *attempt = fold->attempts[i];
		for (size_t n = 0; n < attempt->query_count; n++) {
			if (!is_same(&attempt->queries[n], notice))
				continue;
			*ret_query = &attempt->queries[n];
			return attempt;
		}
	}
	return NULL;
}

static bool is_unanswered(const struct query *query, const struct notice *notice)
{
	return query->state == QUERY_WAITING && is_packet(query, notice);
}

/* Sent again while its late answer was on its way: the answer it gets now is nobody's. */
static bool has_crossed(const struct query *query, const struct notice *notice)
{
	return (query->state == QUERY_RESOLVED || query->state == QUERY_EMPTY) && is_packet(query, notice) &&
	       notice->at_ns - query->ended_ns <= NEXT_TRY_NS;
}

static bool ask_again(struct fold *fold, const struct notice *notice)
{
	struct query *query;
	if (find_same_question(fold, notice, has_crossed, &query))
		return true;
	struct attempt *attempt = find_same_question(fold, notice, is_unanswered, &query);
	/* The resolver's own next try, after its socket is gone or after SERVFAIL. */
	if (!attempt)
		attempt = find_same_question(fold, notice, is_same_packet_again, &query);
	if (attempt)
		fold->resolver_keeps_ids = true;
	else if (!fold->resolver_keeps_ids)
		attempt = find_same_question(fold, notice, is_second_question, &query);
	if (!attempt)
		return false;
	query->state = QUERY_WAITING;
	query->client = notice->local;
	query->id = notice->number;
	query->sent_ns = notice->at_ns;
	query->sends++;
	settle_if_looking(attempt);
	return true;
}

/* A resolver that keeps its socket asks the same question under another id: it has given the first up. */
static bool is_given_up(const struct query *query, const struct notice *notice)
{
	return query->state == QUERY_WAITING && is_question(query, notice) &&
	       endpoint_equal(&query->client, &notice->local) && notice->at_ns - query->sent_ns >= RESEND_NS;
}

static void give_up_predecessor(struct fold *fold, const struct notice *notice)
{
	struct query *query;
	struct attempt *attempt = find_same_question(fold, notice, is_given_up, &query);
	if (attempt && attempt->state == ATTEMPT_LOOKING)
		lookup_give_up(fold, attempt, notice->at_ns);
}

enum kinship {
	KINSHIP_NONE,
	KINSHIP_BESIDE, /* another question is still unanswered: asked in parallel */
	KINSHIP_AFTER,  /* all were answered: asked one after the other */
	KINSHIP_SOCKET, /* the same socket asks */
};

/* Is it the other address family of a question of this attempt, or the next search domain? */
static enum kinship kinship_of(const struct attempt *attempt, const struct notice *notice)
{
	bool is_other_family = false, is_waiting = false, is_resolved = false, is_same_client = false;
	int64_t last_ns = attempt->state == ATTEMPT_BETWEEN ? attempt->ended_ns : INT64_MIN;
	for (size_t i = 0; i < attempt->query_count; i++) {
		const struct query *query = &attempt->queries[i];
		if (is_question(query, notice))
			return KINSHIP_NONE;
		is_other_family = is_other_family || strcmp(query->name, notice->name) == 0;
		is_waiting = is_waiting || query->state == QUERY_WAITING;
		is_resolved = is_resolved || query->state == QUERY_RESOLVED;
		is_same_client = is_same_client || endpoint_equal(&query->client, &notice->local);
		int64_t sign_ns = query->ended_ns > query->sent_ns ? query->ended_ns : query->sent_ns;
		last_ns = sign_ns > last_ns ? sign_ns : last_ns;
	}
	bool is_variant = !is_waiting && !is_resolved;
	if (attempt->query_count == 0 || attempt->query_count == QUERIES_MAX ||
	    last_ns < notice->at_ns - FOLD_FOLLOW_NS || (!is_other_family && !is_variant))
		return KINSHIP_NONE;
	return is_same_client ? KINSHIP_SOCKET : is_waiting ? KINSHIP_BESIDE : KINSHIP_AFTER;
}

static struct attempt *find_next_question(struct fold *fold, const struct notice *notice)
{
	struct attempt *nearest = NULL;
	enum kinship kinship = KINSHIP_NONE;
	size_t name = lookup_name(fold, notice->name);
	for (size_t i = 0; i < fold->attempt_count; i++) {
		struct attempt *attempt = fold->attempts[i];
		if (attempt->name != name || kinship_of(attempt, notice) <= kinship)
			continue;
		nearest = attempt;
		kinship = kinship_of(attempt, notice);
	}
	return nearest;
}

void lookup_query(struct fold *fold, const struct notice *notice)
{
	if (ask_again(fold, notice))
		return;
	give_up_predecessor(fold, notice);
	struct attempt *attempt = find_next_question(fold, notice);
	if (!attempt) {
		attempt = attempt_begin(fold, notice->at_ns);
		attempt->name = lookup_name(fold, notice->name);
	}
	struct query *query = array_push(attempt->queries, attempt->query_count);
	query->client = notice->local;
	query->id = notice->number;
	query->sent_ns = notice->at_ns;
	query->sends = 1;
	memcpy(query->type, notice->type, sizeof(query->type));
	memcpy(query->name, notice->name, sizeof(query->name));
	settle_if_looking(attempt);
}

/* ---- answers ---- */

static enum query_state state_of(const struct notice *notice)
{
	if (strcmp(notice->word, "noerror") == 0)
		return notice->address_count > 0 ? QUERY_RESOLVED : QUERY_EMPTY;
	return strcmp(notice->word, "nxdomain") == 0 ? QUERY_EMPTY : QUERY_FAILED;
}

bool lookup_answer(struct fold *fold, const struct notice *notice)
{
	struct query *query;
	struct attempt *attempt = find_same_question(fold, notice, is_unanswered, &query);
	for (int i = 0; i < notice->address_count; i++) {
		address_set_add(&fold->learned, notice->addresses[i]);
		if (attempt)
			address_set_add(&attempt->answers, notice->addresses[i]);
	}
	if (!attempt)
		return false;
	query->state = state_of(notice);
	query->ended_ns = notice->at_ns > query->sent_ns ? notice->at_ns : query->sent_ns;
	settle_if_looking(attempt);
	return true;
}

void lookup_abandoned(struct fold *fold, const struct notice *notice)
{
	for (size_t i = 0; i < fold->attempt_count; i++) {
		struct attempt *attempt = fold->attempts[i];
		for (size_t n = 0; n < attempt->query_count; n++) {
			struct query *query = &attempt->queries[n];
			if (query->state != QUERY_WAITING || !endpoint_equal(&query->client, &notice->local))
				continue;
			query->state = QUERY_ABANDONED;
			query->ended_ns = notice->at_ns > query->sent_ns ? notice->at_ns : query->sent_ns;
		}
		settle_if_looking(attempt);
	}
}
