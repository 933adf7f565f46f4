/* The resolver: what is asked is told, judged by the table, and answered, late, or not at all. */
#include "agent/dns.h"
#include "agent/name_table.h"
#include "agent/names_private.h"
#include "agent/output.h"
#include "agent/reactor.h"
#include "agent/rooms.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#define OPEN_TRIES 16
#define UNANSWERED_MAX 256
#define LATE_MAX 128
#define UNANSWERED_NS INT64_C(120000000000) /* no resolver waits that long */

/* A question by UDP without an answer so far: when its socket goes, it was given up. */
struct unanswered {
	struct endpoint client; /* port 0: free */
	uint16_t id, type;
	int64_t at_ns;
	bool present; /* in the list of sockets under way */
	uint8_t missing;
};

struct late {
	struct asker asker;
	struct dns_query query;
	int record;
	int64_t due_ns; /* 0: free */
};

static struct {
	struct unanswered unanswered[UNANSWERED_MAX];
	int unanswered_count;
	struct late late[LATE_MAX];
	struct timeout late_due;
	uint16_t port; /* of our sockets, UDP and TCP */
	bool has_ipv6;
	bool are_alone; /* nobody else is asked */
} names;

/* ---- questions without an answer ---- */

static void forget_unanswered(struct unanswered *unanswered)
{
	unanswered->client.port = 0;
	names.unanswered_count--;
}

static void add_unanswered(const struct asker *asker, const struct dns_query *query, int64_t at_ns)
{
	struct unanswered *place = NULL;
	if (asker->slot >= 0)
		return;
	for (int i = 0; i < UNANSWERED_MAX; i++) {
		struct unanswered *unanswered = &names.unanswered[i];
		if (unanswered->client.port && at_ns - unanswered->at_ns > UNANSWERED_NS)
			forget_unanswered(unanswered);
		if (!unanswered->client.port && !place)
			place = unanswered;
	}
	if (!place) {
		output_count_lost(1);
		return;
	}
	memset(place, 0, sizeof(*place));
	place->client = endpoint_of_sockaddr(&asker->client);
	place->id = query->id;
	place->type = query->type;
	place->at_ns = at_ns;
	names.unanswered_count++;
}

static void remove_unanswered(const struct asker *asker, const struct dns_query *query)
{
	struct endpoint client = endpoint_of_sockaddr(&asker->client);
	for (int i = 0; i < UNANSWERED_MAX; i++) {
		struct unanswered *unanswered = &names.unanswered[i];
		if (unanswered->id == query->id && unanswered->type == query->type &&
		    unanswered->client.port && memcmp(&unanswered->client, &client, sizeof(client)) == 0)
			forget_unanswered(unanswered);
	}
}

int names_unanswered(void)
{
	return names.unanswered_count;
}

static void tell_abandoned(const struct endpoint *client, int64_t at_ns)
{
	struct sockaddr_storage address;
	struct line line = { 0 };
	endpoint_to_sockaddr(client, &address);
	line_text(&line, "abandoned");
	line_number(&line, at_ns);
	line_address(&line, &address);
	line_send(&line);
}

static void drop_late(const struct endpoint *local)
{
	for (int i = 0; i < LATE_MAX; i++) {
		struct endpoint client = endpoint_of_sockaddr(&names.late[i].asker.client);
		if (names.late[i].due_ns && names.late[i].asker.slot < 0 && is_bound_to(local, &client))
			names.late[i].due_ns = 0;
	}
}

static void socket_gone(const struct endpoint *local, int64_t at_ns)
{
	struct endpoint told = { 0 };
	name_table_socket_gone(local, at_ns);
	for (int i = 0; names.unanswered_count && i < UNANSWERED_MAX; i++) {
		struct unanswered *unanswered = &names.unanswered[i];
		if (!unanswered->client.port || !is_bound_to(local, &unanswered->client))
			continue;
		if (memcmp(&told, &unanswered->client, sizeof(told)) != 0) {
			told = unanswered->client;
			tell_abandoned(&told, at_ns);
		}
		forget_unanswered(unanswered);
	}
	if (told.port)
		drop_late(local);
}

void names_socket_gone(const struct sockaddr_storage *local, int64_t at_ns)
{
	struct endpoint endpoint = endpoint_of_sockaddr(local);
	socket_gone(&endpoint, at_ns);
}

void names_list_begin(void)
{
	for (int i = 0; i < UNANSWERED_MAX; i++)
		names.unanswered[i].present = false;
}

void names_list_socket(const struct sockaddr_storage *local)
{
	struct endpoint endpoint = endpoint_of_sockaddr(local);
	for (int i = 0; i < UNANSWERED_MAX; i++)
		if (is_bound_to(&endpoint, &names.unanswered[i].client))
			names.unanswered[i].present = true;
}

void names_list_end(int64_t at_ns)
{
	for (int i = 0; i < UNANSWERED_MAX; i++) {
		struct unanswered *unanswered = &names.unanswered[i];
		if (!unanswered->client.port)
			continue;
		unanswered->missing = unanswered->present ? 0 : unanswered->missing + 1;
		if (unanswered->missing >= 2) {
			struct endpoint client = unanswered->client;
			socket_gone(&client, at_ns);
		}
	}
}

/* ---- lines ---- */

static void begin_line(struct line *line, const char *word, const struct asker *asker,
    const struct dns_query *query, int64_t at_ns)
{
	line_text(line, word);
	line_number(line, at_ns);
	line_address(line, &asker->client);
	line_number(line, query->id);
	if (query->type == DNS_TYPE_A || query->type == DNS_TYPE_AAAA)
		line_word(line, query->type == DNS_TYPE_A ? "A" : "AAAA");
	else
		line_number(line, query->type);
	line_escaped(line, query->name[0] ? query->name : ".", query->name[0] ? strlen(query->name) : 1);
}

static void tell_answer(const struct asker *asker, const struct dns_query *query, int rcode,
    const struct sockaddr_storage *addresses, int count)
{
	struct line line = { 0 };
	begin_line(&line, "answer", asker, query, now_ns());
	if (dns_rcode_name(rcode))
		line_word(&line, dns_rcode_name(rcode));
	else
		line_number(&line, rcode);
	int family = query->type == DNS_TYPE_AAAA ? AF_INET6 : AF_INET;
	for (int i = 0; i < count; i++)
		if (addresses[i].ss_family == family)
			line_host(&line, &addresses[i]);
	line_send(&line);
}

static void tell_used_up(const char *name, int64_t at_ns)
{
	struct line line = { 0 };
	line_text(&line, "phase");
	line_number(&line, at_ns);
	line_text(&line, " 0 answer");
	line_escaped(&line, name, strlen(name));
	line_send_move(&line);
}

/* ---- answers ---- */

void asker_reply(const struct asker *asker, const uint8_t *message, size_t length)
{
	if (asker->slot < 0)
		names_udp_reply(asker, message, length);
	else
		names_tcp_reply(asker, message, length);
}

static void answer(
    const struct asker *asker, const struct dns_query *query, int rcode, const struct judgement *judgement)
{
	uint8_t message[DNS_MESSAGE_MAX];
	size_t limit = asker->slot < 0 ? query->udp_size : sizeof(message);
	bool has_addresses =
	    judgement && rcode == DNS_NOERROR && (query->type == DNS_TYPE_A || query->type == DNS_TYPE_AAAA);
	const struct sockaddr_storage *addresses = has_addresses ? judgement->addresses : NULL;
	int count = has_addresses ? judgement->count : 0;
	size_t length = dns_build(message, limit, query, rcode, addresses, count);
	tell_answer(asker, query, rcode, addresses, count);
	asker_reply(asker, message, length);
	if (judgement)
		name_table_answered(judgement->record, query);
}

void names_relay(const struct asker *asker, const struct dns_query *query, const uint8_t *message,
    size_t length, const struct dns_answer *relayed)
{
	tell_answer(asker, query, relayed->rcode, relayed->addresses, relayed->count);
	remove_unanswered(asker, query);
	asker_reply(asker, message, length);
}

static void schedule_late(void)
{
	int64_t due_ns = 0;
	for (int i = 0; i < LATE_MAX; i++)
		if (names.late[i].due_ns && (!due_ns || names.late[i].due_ns < due_ns))
			due_ns = names.late[i].due_ns;
	if (due_ns)
		timeout_set(&names.late_due, due_ns);
}

static void late_due(struct timeout *timeout)
{
	(void)timeout;
	int64_t now = now_ns();
	socket_notices_catch_up();
	for (int i = 0; i < LATE_MAX; i++) {
		struct late *late = &names.late[i];
		if (!late->due_ns || late->due_ns > now)
			continue;
		struct judgement judgement;
		name_table_find(late->query.name, &judgement);
		judgement.record = late->record;
		late->due_ns = 0;
		remove_unanswered(&late->asker, &late->query);
		answer(
		    &late->asker, &late->query, judgement.is_known ? DNS_NOERROR : DNS_NXDOMAIN, &judgement);
	}
	schedule_late();
}

static void answer_late(const struct asker *asker, const struct dns_query *query,
    const struct judgement *judgement, int64_t at_ns)
{
	for (int i = 0; i < LATE_MAX; i++) {
		struct late *late = &names.late[i];
		if (late->due_ns)
			continue;
		late->asker = *asker;
		late->query = *query;
		late->record = judgement->record;
		late->due_ns = at_ns + judgement->late_ns;
		add_unanswered(asker, query, at_ns);
		schedule_late();
		return;
	}
	output_count_lost(1);
}

static void act(const struct asker *asker, const struct dns_query *query, const struct judgement *judgement,
    const uint8_t *message, size_t length, int64_t at_ns)
{
	switch (judgement->how) {
	case RESOLVE_ANSWER:
		if (!judgement->is_known && forward_is_on()) {
			add_unanswered(asker, query, at_ns);
			if (!forward_question(asker, query, message, length)) {
				remove_unanswered(asker, query);
				answer(asker, query, DNS_SERVFAIL, judgement);
			}
			break;
		}
		answer(asker, query, judgement->is_known ? DNS_NOERROR : DNS_NXDOMAIN, judgement);
		break;
	case RESOLVE_STALE:
		answer(asker, query, DNS_NOERROR, judgement);
		break;
	case RESOLVE_NXDOMAIN:
		answer(asker, query, DNS_NXDOMAIN, judgement);
		break;
	case RESOLVE_SERVFAIL:
		answer(asker, query, DNS_SERVFAIL, judgement);
		break;
	case RESOLVE_SILENT:
		add_unanswered(asker, query, at_ns);
		break;
	case RESOLVE_LATE:
		answer_late(asker, query, judgement, at_ns);
		break;
	}
}

void names_question(const uint8_t *message, size_t length, const struct asker *asker, int64_t at_ns)
{
	struct dns_query query;
	int rcode = dns_parse_query(message, length, &query);
	if (rcode < 0)
		return;
	/* What led to this question is told before it. */
	socket_notices_catch_up();
	struct line line = { 0 };
	begin_line(&line, "query", asker, &query, at_ns);
	line_send(&line);
	if (rcode != DNS_NOERROR) {
		answer(asker, &query, rcode, NULL);
		return;
	}
	struct endpoint client = endpoint_of_sockaddr(&asker->client);
	struct judgement judgement;
	name_table_judge(&query, &client, at_ns, &judgement);
	act(asker, &query, &judgement, message, length, at_ns);
	if (judgement.used_up)
		tell_used_up(judgement.used_up, now_ns());
}

/* ---- set-up ---- */

const char *names_set(const char *name, const struct sockaddr_storage *addresses, int count)
{
	return name_table_set(name, addresses, count);
}

const char *names_resolve(const char *name, enum resolution how, int64_t late_ns,
    const struct sockaddr_storage *stale, int attempts, bool stays)
{
	return name_table_resolve(name, how, late_ns, stale, attempts, stays);
}

/* One port for all four sockets: the kernel chooses it for the first, and it may be taken for the others. */
const char *names_open(uint16_t *ret_port)
{
	const char *message = names_learn_own();
	names.late_due.fire = late_due;
	for (int i = 0; i < OPEN_TRIES; i++) {
		uint16_t port = 0;
		message = message ? message : names_udp_open(&port, &names.has_ipv6);
		if (!message) {
			message = names_tcp_open(port, names.has_ipv6);
			if (!message) {
				tap_ignore(port, false);
				*ret_port = names.port = port;
				return NULL;
			}
			names_udp_close();
		}
	}
	return message;
}

static struct sockaddr_storage server_of(int family, const char *host)
{
	struct sockaddr_storage address = { .ss_family = (sa_family_t)family };
	if (family == AF_INET)
		inet_pton(family, host, &((struct sockaddr_in *)&address)->sin_addr);
	else
		inet_pton(family, host, &((struct sockaddr_in6 *)&address)->sin6_addr);
	((struct sockaddr_in *)&address)->sin_port =
	    htons(DNS_PORT); /* in the same place for both families */
	return address;
}

/* The engine's own server and one that nobody has (RFC 5737, RFC 3849). */
static bool all_are_heard(void)
{
	struct sockaddr_storage engine = server_of(AF_INET, "127.0.0.11"),
				four = server_of(AF_INET, "192.0.2.53"),
				six = server_of(AF_INET6, "2001:db8::53");
	return names_udp_hears(&engine) && names_udp_hears(&four) &&
	       (!names.has_ipv6 || names_udp_hears(&six));
}

const char *names_alone(void)
{
	if (forward_is_on())
		return "another resolver is asked already (`forward`)";
	names.are_alone = true;
	if (divert_names(names.port, names.has_ipv6) < 0)
		return NULL; /* by NAT, as before */
	const char *message = redirect_names(0);
	if (message)
		return message;
	tap_ignore(DNS_PORT, true);
	if (all_are_heard())
		return NULL;
	divert_names_no_more();
	return redirect_names(names.port);
}

bool names_are_alone(void)
{
	return names.are_alone;
}
