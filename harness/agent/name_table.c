#include "agent/name_table.h"

#include <string.h>

#define NS_PER_MS INT64_C(1000000)
#define RECORDS 64
/* A and AAAA from two sockets are one look-up when they come together. */
#define TOGETHER_NS (250 * NS_PER_MS)
/* A resolver's own next try follows the end of the try before at once; an application's does not. */
#define NEXT_TRY_NS (5 * NS_PER_MS)
#define FORGOTTEN_NS (30 * 1000 * NS_PER_MS)

struct entry {
	char name[NAME_BYTES_MAX]; /* "" while it is free; "*" for every name without a rule of its own */
	struct sockaddr_storage addresses[DNS_ADDRESSES_MAX];
	int count; /* 0: not in the table, there is only a rule for it */
	bool has_rule;
	enum resolution how;
	int64_t late_ns;
	struct sockaddr_storage stale;
	int attempts, met; /* 0 attempts: no limit */
	bool stays;        /* in force when they are used up, until something else is told */
};

/* Look-ups that a limited rule has met. */
struct record {
	struct entry *rule;
	char name[NAME_BYTES_MAX];
	struct endpoint client;
	int64_t at_ns, gone_ns;
	uint16_t ids[3]; /* of A, AAAA, anything else */
	bool asked[3], answered[3];
};

static struct {
	struct entry entries[NAMES_MAX];
	struct record records[RECORDS];
	unsigned next_record;
} table;

static struct entry *find(const char *name)
{
	for (int i = 0; i < NAMES_MAX; i++)
		if (table.entries[i].name[0] && strcmp(table.entries[i].name, name) == 0)
			return &table.entries[i];
	return NULL;
}

static struct entry *find_or_add(const char *name)
{
	struct entry *entry = find(name);
	for (int i = 0; !entry && i < NAMES_MAX; i++)
		if (!table.entries[i].name[0])
			entry = &table.entries[i];
	if (entry && !entry->name[0]) {
		memset(entry, 0, sizeof(*entry));
		memcpy(entry->name, name, strlen(name) + 1);
	}
	return entry;
}

static const char *normalise(const char *name, char ret_name[static NAME_BYTES_MAX])
{
	return dns_normalise(name, ret_name) < 0 ? "this is no host name: labels of 1 to 63 bytes, 253 in all"
						 : NULL;
}

const char *name_table_set(const char *name, const struct sockaddr_storage *addresses, int count)
{
	char key[NAME_BYTES_MAX];
	const char *message = normalise(name, key);
	if (message)
		return message;
	if (strcmp(key, "*") == 0)
		return "`*` has no addresses";
	if (count < 0 || count > DNS_ADDRESSES_MAX)
		return "a name has at most 16 addresses";
	struct entry *entry = find_or_add(key);
	if (!entry)
		return "at most 128 names can be told";
	for (int i = 0; i < count; i++)
		entry->addresses[i] = addresses[i];
	entry->count = count;
	if (!count && !entry->has_rule)
		entry->name[0] = '\0';
	return NULL;
}

static void forget_records(const struct entry *rule)
{
	for (int i = 0; i < RECORDS; i++)
		if (table.records[i].rule == rule)
			table.records[i].rule = NULL;
}

const char *name_table_resolve(const char *name, enum resolution how, int64_t late_ns,
    const struct sockaddr_storage *stale, int attempts, bool stays)
{
	char key[NAME_BYTES_MAX];
	const char *message = normalise(name, key);
	if (message)
		return message;
	struct entry *entry = find_or_add(key);
	if (!entry)
		return "at most 128 names can be told";
	forget_records(entry);
	entry->has_rule = true;
	entry->how = how;
	entry->late_ns = late_ns;
	if (how == RESOLVE_STALE)
		entry->stale = *stale;
	entry->attempts = attempts;
	entry->stays = stays;
	entry->met = 0;
	/* `resolve NAME answer` lets `resolve *` have NAME again; a name that has nothing left is free. */
	if (how == RESOLVE_ANSWER) {
		entry->has_rule = false;
		if (!entry->count)
			entry->name[0] = '\0';
	}
	return NULL;
}

static int kind_of(uint16_t type)
{
	if (type == DNS_TYPE_A)
		return 0;
	return type == DNS_TYPE_AAAA ? 1 : 2;
}

/* Is the question part of a look-up that was counted already? */
static bool belongs_to(
    const struct record *record, const struct dns_query *query, const struct endpoint *client, int64_t at_ns)
{
	int kind = kind_of(query->type);
	int64_t age_ns = at_ns - record->at_ns;
	if (age_ns > FORGOTTEN_NS || strcmp(record->name, query->name) != 0)
		return false;
	bool same_socket = memcmp(&record->client, client, sizeof(*client)) == 0;
	if (!record->asked[kind])
		return same_socket ? record->gone_ns == 0 : age_ns < TOGETHER_NS;
	/* glibc asks again after SERVFAIL, from another socket: the id stays. */
	if (record->answered[kind])
		return record->rule->how == RESOLVE_SERVFAIL && record->ids[kind] == query->id;
	return !record->gone_ns || at_ns - record->gone_ns < NEXT_TRY_NS;
}

static int find_record(
    const struct entry *rule, const struct dns_query *query, const struct endpoint *client, int64_t at_ns)
{
	for (unsigned back = 1; back <= RECORDS; back++) {
		int i = (int)((table.next_record - back) % RECORDS);
		if (table.records[i].rule == rule && belongs_to(&table.records[i], query, client, at_ns))
			return i;
	}
	return -1;
}

static int add_record(
    struct entry *rule, const struct dns_query *query, const struct endpoint *client, int64_t at_ns)
{
	int i = (int)(table.next_record++ % RECORDS);
	struct record *record = &table.records[i];
	memset(record, 0, sizeof(*record));
	record->rule = rule;
	memcpy(record->name, query->name, sizeof(record->name));
	record->client = *client;
	record->at_ns = at_ns;
	return i;
}

/* Does the rule meet this question? Counts it when it is a new look-up. */
static bool meets(struct entry *rule, const struct dns_query *query, const struct endpoint *client,
    int64_t at_ns, struct judgement *judgement)
{
	if (!rule || !rule->has_rule)
		return false;
	if (!rule->attempts)
		return true;
	int i = find_record(rule, query, client, at_ns);
	if (i < 0 && rule->met == rule->attempts)
		return rule->stays;
	if (i < 0) {
		i = add_record(rule, query, client, at_ns);
		if (++rule->met == rule->attempts)
			judgement->used_up = rule->name;
	}
	int kind = kind_of(query->type);
	table.records[i].asked[kind] = true;
	table.records[i].answered[kind] = false;
	table.records[i].ids[kind] = query->id;
	judgement->record = i;
	return true;
}

void name_table_find(const char *name, struct judgement *ret_judgement)
{
	const struct entry *entry = find(name);
	memset(ret_judgement, 0, sizeof(*ret_judgement));
	ret_judgement->record = -1;
	ret_judgement->how = RESOLVE_ANSWER;
	if (!entry || !entry->count)
		return;
	ret_judgement->addresses = entry->addresses;
	ret_judgement->count = entry->count;
	ret_judgement->is_known = true;
}

void name_table_judge(const struct dns_query *query, const struct endpoint *client, int64_t at_ns,
    struct judgement *ret_judgement)
{
	name_table_find(query->name, ret_judgement);
	struct entry *own = find(query->name), *every = find("*");
	struct entry *rule = own && own->has_rule ? own : every;
	if (!meets(rule, query, client, at_ns, ret_judgement))
		return;
	ret_judgement->how = rule->how;
	ret_judgement->late_ns = rule->late_ns;
	if (rule->how == RESOLVE_STALE) {
		ret_judgement->addresses = &rule->stale;
		ret_judgement->count = 1;
		ret_judgement->is_known = true;
	}
}

void name_table_answered(int record, const struct dns_query *query)
{
	if (record >= 0 && strcmp(table.records[record].name, query->name) == 0)
		table.records[record].answered[kind_of(query->type)] = true;
}

bool is_bound_to(const struct endpoint *local, const struct endpoint *client)
{
	static const uint8_t any[16];
	if (local->port != client->port)
		return false;
	return memcmp(local->bytes, any, sizeof(any)) == 0 ||
	       memcmp(local->bytes, client->bytes, sizeof(client->bytes)) == 0;
}

void name_table_socket_gone(const struct endpoint *local, int64_t at_ns)
{
	for (int i = 0; i < RECORDS; i++) {
		struct record *record = &table.records[i];
		if (record->rule && !record->gone_ns && is_bound_to(local, &record->client))
			record->gone_ns = at_ns;
	}
}
