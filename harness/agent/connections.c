#include "agent/connections.h"

#include "agent/classify.h"
#include "agent/output.h"

#include <stdlib.h>
#include <string.h>

#define BUCKETS 4096 /* a power of two */
#define PORTS_MAX 16
#define IGNORED_MAX 2
/* A server that goes on and on while its client is silent: enough of it was heard. */
#define SILENT_CLIENT_BYTES (64 * 1024)

/* How much a server may have taken before the first of it that we see; more is a predecessor's. */
#define ANSWERED_BYTES_MAX (1024 * 1024)

enum state {
	FREE,
	FOREIGN, /* not begun by the namespace, or before the tap: not reported */
	BEGUN,
	OPEN,
	OVER, /* nothing more to tell but that its socket is gone */
};

enum { BY_CLIENT = 1, BY_SERVER = 2 };

struct connection {
	struct endpoint local, remote;
	struct connection *next; /* in its bucket, or among the free */
	enum state state;
	int interface;    /* where its SYN was seen: seen elsewhere, it is the same packet once more */
	bool unsent;      /* its SYN was not seen yet */
	bool asked, said; /* told */
	bool listed;      /* in the filter */
	bool unreachable; /* an ICMP error has come */
	uint8_t fins;     /* BY_CLIENT | BY_SERVER */
	uint8_t missing;  /* from so many lists of sockets */
	bool present;     /* in the list under way */
	uint8_t owed;     /* ends of its predecessors at the same ports that are still to be heard of */
	uint32_t first_sequence, client_next, server_next, server_first;
	int64_t settled_ns; /* when it will count as connected; 0: it need not */
	struct classifier classifier;
};

static struct {
	struct connection all[CONNECTIONS_MAX];
	struct connection *buckets[BUCKETS];
	struct connection *free;
	size_t used; /* of `all`, those that were ever taken */
	size_t count, begun, unsent, foreign;
	size_t next_victim;
	int64_t settle_due_ns; /* not later than the first; 0: none */
	enum filter_need need;
	struct {
		uint16_t port;
		enum protocol protocol;
	} ports[PORTS_MAX];
	size_t port_count;
	struct ignored {
		uint16_t port; /* 0: free */
		bool everywhere;
	} ignored[IGNORED_MAX];
} table;

/* ---- the table ---- */

static size_t bucket_of(const struct endpoint *local, const struct endpoint *remote)
{
	uint32_t hash = 2166136261u; /* FNV-1a */
	const uint8_t *ends[] = { (const uint8_t *)local, (const uint8_t *)remote };
	for (int end = 0; end < 2; end++)
		for (size_t i = 0; i < sizeof(*local); i++)
			hash = (hash ^ ends[end][i]) * 16777619u;
	return (hash ^ hash >> 16) & (BUCKETS - 1);
}

static struct connection *find(const struct endpoint *local, const struct endpoint *remote)
{
	struct connection *connection = table.buckets[bucket_of(local, remote)];
	while (connection && (memcmp(&connection->local, local, sizeof(*local)) != 0 ||
				 memcmp(&connection->remote, remote, sizeof(*remote)) != 0))
		connection = connection->next;
	return connection;
}

static void need_filter(enum filter_need need)
{
	if (table.need < need)
		table.need = need;
}

static void set_state(struct connection *connection, enum state state)
{
	table.begun -= connection->state == BEGUN;
	table.foreign -= connection->state == FOREIGN;
	table.begun += state == BEGUN;
	table.foreign += state == FOREIGN;
	/* Its ports may be another connection's soon. */
	if (connection->listed && state != OPEN && state != FOREIGN)
		need_filter(FILTER_SOON);
	if (connection->unsent && state != BEGUN) {
		connection->unsent = false;
		table.unsent--;
	}
	connection->state = state;
}

static void forget(struct connection *connection)
{
	struct connection **link = &table.buckets[bucket_of(&connection->local, &connection->remote)];
	while (*link != connection)
		link = &(*link)->next;
	*link = connection->next;
	set_state(connection, FREE);
	connection->next = table.free;
	table.free = connection;
	table.count--;
}

/* Room for our own is made at the expense of others'. */
static void forget_a_foreigner(void)
{
	for (size_t i = 0; i < table.used; i++) {
		struct connection *victim = &table.all[table.next_victim++ % table.used];
		if (victim->state == FOREIGN) {
			forget(victim);
			return;
		}
	}
}

static struct connection *take_free(void)
{
	struct connection *connection = table.free;
	if (connection)
		table.free = connection->next;
	else if (table.used < CONNECTIONS_MAX)
		connection = &table.all[table.used++];
	return connection;
}

static struct connection *enter(const struct endpoint *local, const struct endpoint *remote)
{
	struct connection *connection = take_free();
	if (!connection && table.foreign) {
		forget_a_foreigner();
		connection = take_free();
	}
	if (!connection)
		return NULL;
	memset(connection, 0, sizeof(*connection));
	connection->local = *local;
	connection->remote = *remote;
	struct connection **bucket = &table.buckets[bucket_of(local, remote)];
	connection->next = *bucket;
	*bucket = connection;
	table.count++;
	return connection;
}

/* ---- lines ---- */

static void begin_line(
    struct line *line, const char *word, const struct connection *connection, int64_t at_ns)
{
	struct sockaddr_storage local, remote;
	endpoint_to_sockaddr(&connection->local, &local);
	endpoint_to_sockaddr(&connection->remote, &remote);
	line_text(line, word);
	line_number(line, at_ns);
	line_address(line, &local);
	line_address(line, &remote);
}

static void tell(const char *word, const struct connection *connection, int64_t at_ns)
{
	struct line line = { 0 };
	begin_line(&line, word, connection, at_ns);
	line_send(&line);
}

static void tell_by(const char *word, const struct connection *connection, int64_t at_ns, bool by_client)
{
	struct line line = { 0 };
	begin_line(&line, word, connection, at_ns);
	line_word(&line, by_client ? "client" : "server");
	line_send(&line);
}

static void tell_said(struct connection *connection, int64_t at_ns)
{
	const struct classifier *classifier = &connection->classifier;
	struct line line = { 0 };
	begin_line(&line, "said", connection, at_ns);
	line_word(&line, outcome_names[classifier->outcome]);
	line_escaped(&line, classifier->text, classifier->text_length);
	line_send(&line);
	connection->said = true;
	connection->settled_ns = 0;
}

/* Good answers that decide nothing, and then no more questions: as far as the client knows it is connected.
 */
static void settle(struct connection *connection, int64_t at_ns)
{
	classifier_settle(&connection->classifier);
	tell_said(connection, at_ns);
}

/* ---- segments ---- */

static enum protocol protocol_of(uint16_t port)
{
	for (size_t i = 0; i < table.port_count; i++)
		if (table.ports[i].port == port)
			return table.ports[i].protocol;
	return PROTOCOL_TCP;
}

static bool is_loopback(const struct endpoint *endpoint)
{
	static const uint8_t loopback6[16] = { [15] = 1 };
	return endpoint->family == 4 ? endpoint->bytes[0] == 127
				     : memcmp(endpoint->bytes, loopback6, sizeof(loopback6)) == 0;
}

static void begin(struct connection *connection, uint32_t sequence, int interface)
{
	set_state(connection, BEGUN);
	connection->interface = interface;
	connection->first_sequence = sequence;
	connection->client_next = sequence + 1;
	classifier_init(&connection->classifier, protocol_of(connection->remote.port));
}

/* Ports are used again while the last that was heard of them is not yet that their socket is gone. */
static struct connection *succeed(struct connection *connection, int64_t at_ns)
{
	struct endpoint local = connection->local, remote = connection->remote;
	uint8_t owed = connection->owed;
	bool was_listed = connection->listed;
	if (connection->state != FOREIGN)
		tell("gone", connection, at_ns);
	/* Where connect(2) has failed, the end of its socket comes without ports. */
	if (connection->state != FOREIGN && !connection->unreachable)
		owed++;
	forget(connection);
	connection = enter(&local, &remote);
	connection->owed = owed;
	if (was_listed)
		need_filter(FILTER_NOW);
	return connection;
}

static bool is_ignored(const struct endpoint *to)
{
	for (int i = 0; i < IGNORED_MAX; i++)
		if (table.ignored[i].port == to->port && to->port &&
		    (table.ignored[i].everywhere || is_loopback(to)))
			return true;
	return false;
}

static void take_syn(struct connection *connection, const struct packet *packet, int interface, int64_t at_ns)
{
	if (is_ignored(&packet->to))
		return;
	if (connection && connection->unsent) {
		connection->unsent = false;
		table.unsent--;
		begin(connection, packet->sequence, interface);
		return;
	}
	if (connection && connection->state != FOREIGN && connection->first_sequence == packet->sequence) {
		/* A busy socket takes an ICMP error for a hint, and tries again. */
		if (connection->unreachable && connection->state == OVER)
			set_state(connection, BEGUN);
		if (connection->state == BEGUN && connection->interface == interface)
			tell("again", connection, at_ns);
		return;
	}
	connection = connection ? succeed(connection, at_ns) : enter(&packet->from, &packet->to);
	if (!connection) {
		output_count_lost(1);
		return;
	}
	begin(connection, packet->sequence, interface);
	connection->client_next += (uint32_t)packet->length; /* Fast Open: not read */
	tell("syn", connection, at_ns);
}

static bool answers_our_syn(const struct connection *connection, const struct packet *packet)
{
	uint32_t taken = packet->acknowledged - connection->first_sequence;
	return packet->flags & SEGMENT_ACK && taken >= 1 &&
	       taken <= connection->client_next - connection->first_sequence;
}

static void take_opening(struct connection *connection, const struct packet *packet, int64_t at_ns)
{
	if (connection->state != BEGUN || !answers_our_syn(connection, packet))
		return;
	connection->client_next = packet->acknowledged;
	connection->server_first = connection->server_next = packet->sequence + 1;
	set_state(connection, OPEN);
	tell("open", connection, at_ns);
}

static void take_reset(
    struct connection *connection, const struct packet *packet, bool by_client, int64_t at_ns)
{
	if (connection->state == BEGUN && !by_client && answers_our_syn(connection, packet)) {
		tell("refused", connection, at_ns);
		forget(connection);
	} else if (connection->state == OPEN) {
		if (by_client && connection->settled_ns)
			settle(connection, at_ns);
		set_state(connection, OVER);
		tell_by("reset", connection, at_ns, by_client);
	}
}

static bool has_told(const struct connection *connection)
{
	return connection->said && (connection->asked || connection->server_next - connection->server_first >
							     SILENT_CLIENT_BYTES);
}

static enum outcome feed(struct connection *connection, bool by_client, const uint8_t *bytes, size_t length)
{
	return by_client ? classifier_client(&connection->classifier, bytes, length)
			 : classifier_server(&connection->classifier, bytes, length);
}

/* The bytes that were not fed yet; what was not seen (a lost packet, a cut one, another order) is a gap. */
static enum outcome feed_segment(struct connection *connection, const struct packet *packet, bool by_client)
{
	struct classifier *classifier = &connection->classifier;
	uint32_t *next = by_client ? &connection->client_next : &connection->server_next;
	int32_t known = (int32_t)(*next - packet->sequence);
	size_t from = 0;
	if (known < 0)
		classifier_gap(classifier, by_client);
	else
		from = (size_t)known;
	if (from >= packet->length)
		return classifier->outcome;
	*next = packet->sequence + (uint32_t)packet->length;
	if (from < packet->captured)
		feed(connection, by_client, packet->payload + from, packet->captured - from);
	if (packet->captured < packet->length)
		classifier_gap(classifier, by_client);
	return classifier->outcome;
}

static void take_payload(
    struct connection *connection, const struct packet *packet, bool by_client, int64_t at_ns)
{
	if (by_client && !connection->asked) {
		connection->asked = true;
		tell("asked", connection, at_ns);
	}
	if (!connection->said) {
		enum outcome outcome = feed_segment(connection, packet, by_client);
		if (outcome != OUTCOME_UNDECIDED) {
			tell_said(connection, at_ns);
		} else {
			bool settled = classifier_is_settled(&connection->classifier);
			connection->settled_ns = settled ? at_ns + SETTLED_NS : 0;
			if (settled && (!table.settle_due_ns || table.settle_due_ns > at_ns + SETTLED_NS))
				table.settle_due_ns = at_ns + SETTLED_NS;
		}
	} else if (!by_client) {
		connection->server_next = packet->sequence + (uint32_t)packet->length;
	}
	if (has_told(connection) && !connection->listed)
		need_filter(FILTER_SOON);
}

static void take_fin(struct connection *connection, bool by_client, int64_t at_ns)
{
	if (by_client && connection->settled_ns)
		settle(connection, at_ns);
	if (!connection->fins)
		tell_by("closed", connection, at_ns, by_client);
	connection->fins |= by_client ? BY_CLIENT : BY_SERVER;
	connection->settled_ns = 0;
	if (connection->fins == (BY_CLIENT | BY_SERVER))
		set_state(connection, OVER);
}

/* Of a connection that is not in the table. */
static void take_foreign(struct connection *connection, const struct packet *packet)
{
	if (packet->flags & (SEGMENT_FIN | SEGMENT_RST)) {
		if (connection)
			forget(connection);
		return;
	}
	if (connection || !packet->length)
		return;
	connection = enter(&packet->from, &packet->to);
	if (!connection)
		return;
	set_state(connection, FOREIGN);
	need_filter(FILTER_SOON);
}

static void take_segment(const struct packet *packet, int interface, bool outgoing, int64_t at_ns)
{
	struct connection *connection = find(&packet->from, &packet->to);
	bool by_client = true;
	uint8_t flags = packet->flags;
	if ((flags & (SEGMENT_SYN | SEGMENT_ACK)) == SEGMENT_SYN) {
		if (outgoing)
			take_syn(connection, packet, interface, at_ns);
		return;
	}
	/* A socket can connect to itself: its SYN+ACK is then the answer all the same. */
	if (!connection || flags & SEGMENT_SYN) {
		connection = find(&packet->to, &packet->from);
		by_client = false;
	}
	if (!connection || connection->state == FOREIGN) {
		take_foreign(connection, packet);
		return;
	}
	if (flags & SEGMENT_SYN) {
		take_opening(connection, packet, at_ns);
		return;
	}
	if (flags & SEGMENT_RST) {
		take_reset(connection, packet, by_client, at_ns);
		return;
	}
	if (connection->state == BEGUN && (packet->length || flags & SEGMENT_FIN)) {
		/* Its SYN+ACK was lost on the way to us, or this is what a predecessor left. */
		uint32_t taken = packet->acknowledged - connection->first_sequence;
		if (by_client || !(flags & SEGMENT_ACK) || taken < 1 || taken > ANSWERED_BYTES_MAX)
			return;
		connection->client_next = packet->acknowledged;
		connection->server_first = connection->server_next = packet->sequence;
		if (taken > 1)
			classifier_gap(&connection->classifier, true);
		set_state(connection, OPEN);
		tell("open", connection, at_ns);
	}
	if (connection->state != OPEN)
		return;
	if (packet->length)
		take_payload(connection, packet, by_client, at_ns);
	if (flags & SEGMENT_FIN)
		take_fin(connection, by_client, at_ns);
}

void connections_packet(const struct packet *packet, int interface, bool outgoing, int64_t at_ns)
{
	struct connection *connection;
	switch (packet->kind) {
	case PACKET_TCP:
		take_segment(packet, interface, outgoing, at_ns);
		break;
	case PACKET_UNREACHABLE:
		connection = find(&packet->from, &packet->to);
		if (connection && connection->state == BEGUN &&
		    (connection->unsent || connection->first_sequence == packet->sequence)) {
			struct line line = { 0 };
			begin_line(&line, "unreachable", connection, at_ns);
			line_number(&line, packet->code);
			line_send(&line);
			connection->unreachable = true;
			set_state(connection, OVER);
		}
		break;
	case PACKET_SOLICITATION:
	case PACKET_OTHER:
		break;
	}
}

/* ---- sockets ---- */

void connections_gone(const struct endpoint *local, const struct endpoint *remote, int64_t at_ns)
{
	struct connection *connection = find(local, remote);
	if (!connection)
		return;
	if (connection->owed) {
		connection->owed--;
		return;
	}
	if (connection->state != FOREIGN)
		tell("gone", connection, at_ns);
	forget(connection);
}

void connections_connecting(const struct endpoint *local, const struct endpoint *remote, int64_t at_ns)
{
	if (find(local, remote))
		return;
	struct connection *connection = enter(local, remote);
	if (!connection) {
		output_count_lost(1);
		return;
	}
	begin(connection, 0, 0);
	connection->unsent = true;
	table.unsent++;
	tell("syn", connection, at_ns);
}

bool connections_wait_for_neighbour(void)
{
	return table.unsent > 0;
}

void connections_list_begin(void)
{
	for (size_t i = 0; i < table.used; i++)
		table.all[i].present = false;
}

void connections_list_socket(const struct endpoint *local, const struct endpoint *remote)
{
	struct connection *connection = find(local, remote);
	if (connection)
		connection->present = true;
}

void connections_list_end(int64_t at_ns)
{
	for (size_t i = 0; i < table.used; i++) {
		struct connection *connection = &table.all[i];
		if (connection->state == FREE)
			continue;
		connection->missing = connection->present ? 0 : connection->missing + 1;
		if (connection->missing < 2)
			continue;
		connection->owed = 0;
		if (connection->state != FOREIGN)
			tell("gone", connection, at_ns);
		forget(connection);
	}
}

bool connections_begun_from(uint16_t port)
{
	for (size_t i = 0; table.begun && i < table.used; i++)
		if (table.all[i].state == BEGUN && table.all[i].local.port == port)
			return true;
	return false;
}

void connections_list_end_from(uint16_t port, int64_t at_ns)
{
	for (size_t i = 0; i < table.used; i++) {
		struct connection *connection = &table.all[i];
		if (connection->state != BEGUN || connection->local.port != port || connection->present)
			continue;
		tell("gone", connection, at_ns);
		forget(connection);
	}
}

int64_t connections_settle_due_ns(void)
{
	return table.settle_due_ns ? table.settle_due_ns : INT64_MAX;
}

int64_t connections_settle(int64_t now)
{
	int64_t due_ns = INT64_MAX;
	for (size_t i = 0; i < table.used; i++) {
		struct connection *connection = &table.all[i];
		if (connection->state != OPEN || !connection->settled_ns)
			continue;
		if (connection->settled_ns <= now) {
			settle(connection, now);
			need_filter(FILTER_SOON);
		} else if (connection->settled_ns < due_ns) {
			due_ns = connection->settled_ns;
		}
	}
	table.settle_due_ns = due_ns == INT64_MAX ? 0 : due_ns;
	return due_ns;
}

size_t connections_begun(void)
{
	return table.begun;
}

size_t connections_count(void)
{
	return table.count;
}

/* ---- the filter's list ---- */

enum filter_need connections_filter_need(void)
{
	return table.need;
}

static bool is_quiet(const struct connection *connection)
{
	return connection->state == FOREIGN || (connection->state == OPEN && has_told(connection));
}

static int compare_words(const void *a, const void *b)
{
	uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
	return left < right ? -1 : left > right;
}

/* Both words of a connection's ports. */
static size_t add_words(uint32_t *words, size_t count, const struct connection *connection)
{
	uint32_t local = connection->local.port, remote = connection->remote.port;
	words[count++] = local << 16 | remote;
	words[count++] = remote << 16 | local;
	return count;
}

size_t connections_list_quiet(uint32_t *words, size_t max)
{
	/* Addresses are not in the filter: a pair of ports that another one still has to tell of is left out.
	 */
	static uint32_t contested[2 * CONNECTIONS_MAX];
	size_t contested_count = 0, count = 0, kept = 0;
	for (size_t i = 0; i < table.used; i++) {
		const struct connection *connection = &table.all[i];
		if (connection->state == BEGUN || (connection->state == OPEN && !is_quiet(connection)))
			contested_count = add_words(contested, contested_count, connection);
	}
	qsort(contested, contested_count, sizeof(*contested), compare_words);
	for (size_t i = 0; i < table.used; i++) {
		struct connection *connection = &table.all[i];
		uint32_t word = (uint32_t)connection->local.port << 16 | connection->remote.port;
		connection->listed = is_quiet(connection) && count + 2 <= max &&
				     !bsearch(&word, contested, contested_count, sizeof(word), compare_words);
		if (connection->listed)
			count = add_words(words, count, connection);
	}
	qsort(words, count, sizeof(*words), compare_words);
	for (size_t i = 0; i < count; i++)
		if (!kept || words[kept - 1] != words[i])
			words[kept++] = words[i];
	table.need = FILTER_FITS;
	return kept;
}

/* ---- set-up ---- */

int connections_classify(uint16_t port, enum protocol protocol)
{
	size_t i = 0;
	while (i < table.port_count && table.ports[i].port != port)
		i++;
	if (i == PORTS_MAX)
		return -1;
	table.ports[i].port = port;
	table.ports[i].protocol = protocol;
	if (i == table.port_count)
		table.port_count++;
	return 0;
}

int connections_ignore(uint16_t port, bool everywhere)
{
	for (int i = 0; i < IGNORED_MAX; i++) {
		struct ignored *ignored = &table.ignored[i];
		if (ignored->port && ignored->port != port)
			continue;
		*ignored = (struct ignored){ port, everywhere };
		return 0;
	}
	return -1;
}
