/*
 * name_table: the names the runner told, and what becomes of questions for them.
 *
 * Fixed tables; knows no socket.
 */
#ifndef AGENT_NAME_TABLE_H
#define AGENT_NAME_TABLE_H

#include "agent/dns.h"
#include "agent/packet.h"
#include "agent/rooms.h"

#include <stdbool.h>
#include <stdint.h>

#define NAMES_MAX 128

struct judgement {
	enum resolution how;
	int64_t late_ns;
	const struct sockaddr_storage *addresses; /* ANSWER, LATE, STALE; valid until the table changes */
	int count;
	bool is_known; /* the name has addresses, maybe of the other family only */
	const char
	    *used_up; /* with this question the `attempts` of the rule for this name, or "*", are; or NULL */
	int record;   /* of this look-up among those that count; -1: it does not count */
};

const char *name_table_set(const char *name, const struct sockaddr_storage *addresses, int count);
const char *name_table_resolve(const char *name, enum resolution how, int64_t late_ns,
    const struct sockaddr_storage *stale, int attempts, bool stays);

void name_table_judge(const struct dns_query *query, const struct endpoint *client, int64_t at_ns,
    struct judgement *ret_judgement);
/* As it stands now, whatever rules there are: for answers that are late. */
void name_table_find(const char *name, struct judgement *ret_judgement);
/* The look-up was answered; `record` as it was judged. */
void name_table_answered(int record, const struct dns_query *query);
/* A socket that may have asked does not exist any more. */
void name_table_socket_gone(const struct endpoint *local, int64_t at_ns);

/* Is the socket that is bound to `local` (perhaps to any address) the one that asks as `client`? */
bool is_bound_to(const struct endpoint *local, const struct endpoint *client);

#endif
