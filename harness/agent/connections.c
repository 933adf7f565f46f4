#include "agent/connections_private.h"
#include "agent/output.h"

#include <string.h>

/* A server that goes on and on while its client is silent: enough of it was heard. */
#define SILENT_CLIENT_BYTES (64 * 1024)

/* How much a server may have taken before the first of it that we see; more is a predecessor's. */
#define ANSWERED_BYTES_MAX (1024 * 1024)

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

void connection_tell(const char *word, const struct connection *connection, int64_t at_ns)
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

void connection_settle(struct connection *connection, int64_t at_ns)
{
	classifier_settle(&connection->classifier);
	tell_said(connection, at_ns);
}

/* ---- segments ---- */

void connection_begin(struct connection *connection, uint32_t sequence, int interface)
{
	connection_set_state(connection, BEGUN);
	connection->interface = interface;
	connection->first_sequence = sequence;
	connection->client_next = sequence + 1;
	classifier_init(&connection->classifier, connection_protocol_of(connection->remote.port));
}

/* Ports are used again while the last that was heard of them is not yet that their socket is gone. */
static struct connection *succeed(struct connection *connection, int64_t at_ns)
{
	struct endpoint local = connection->local, remote = connection->remote;
	uint8_t owed = connection->owed;
	bool was_listed = connection->listed;
	if (connection->state != FOREIGN)
		connection_tell("gone", connection, at_ns);
	/* Where connect(2) has failed, the end of its socket comes without ports. */
	if (connection->state != FOREIGN && !connection->unreachable)
		owed++;
	connection_forget(connection);
	connection = connection_enter(&local, &remote);
	connection->owed = owed;
	if (was_listed)
		connection_need_filter(FILTER_NOW);
	return connection;
}

static void take_syn(struct connection *connection, const struct packet *packet, int interface, int64_t at_ns)
{
	if (connection_is_ignored(&packet->to))
		return;
	if (connection && connection->unsent) {
		connection->unsent = false;
		connections.unsent--;
		connection_begin(connection, packet->sequence, interface);
		return;
	}
	if (connection && connection->state != FOREIGN && connection->first_sequence == packet->sequence) {
		/* A busy socket takes an ICMP error for a hint, and tries again. */
		if (connection->unreachable && connection->state == OVER)
			connection_set_state(connection, BEGUN);
		if (connection->state == BEGUN && connection->interface == interface)
			connection_tell("again", connection, at_ns);
		return;
	}
	connection = connection ? succeed(connection, at_ns) : connection_enter(&packet->from, &packet->to);
	if (!connection) {
		output_count_lost(1);
		return;
	}
	connection_begin(connection, packet->sequence, interface);
	connection->client_next += (uint32_t)packet->length; /* Fast Open: not read */
	connection_tell("syn", connection, at_ns);
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
	connection_set_state(connection, OPEN);
	connection_tell("open", connection, at_ns);
}

static void take_reset(
    struct connection *connection, const struct packet *packet, bool by_client, int64_t at_ns)
{
	if (connection->state == BEGUN && !by_client && answers_our_syn(connection, packet)) {
		connection_tell("refused", connection, at_ns);
		connection_forget(connection);
	} else if (connection->state == OPEN) {
		if (by_client && connection->settled_ns)
			connection_settle(connection, at_ns);
		connection_set_state(connection, OVER);
		tell_by("reset", connection, at_ns, by_client);
	}
}

bool connection_has_told(const struct connection *connection)
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
		connection_tell("asked", connection, at_ns);
	}
	if (!connection->said) {
		enum outcome outcome = feed_segment(connection, packet, by_client);
		if (outcome != OUTCOME_UNDECIDED) {
			tell_said(connection, at_ns);
		} else {
			bool settled = classifier_is_settled(&connection->classifier);
			connection->settled_ns = settled ? at_ns + SETTLED_NS : 0;
			if (settled &&
			    (!connections.settle_due_ns || connections.settle_due_ns > at_ns + SETTLED_NS))
				connections.settle_due_ns = at_ns + SETTLED_NS;
		}
	} else if (!by_client) {
		connection->server_next = packet->sequence + (uint32_t)packet->length;
	}
	if (connection_has_told(connection) && !connection->listed)
		connection_need_filter(FILTER_SOON);
}

static void take_fin(struct connection *connection, bool by_client, int64_t at_ns)
{
	if (by_client && connection->settled_ns)
		connection_settle(connection, at_ns);
	if (!connection->fins)
		tell_by("closed", connection, at_ns, by_client);
	connection->fins |= by_client ? BY_CLIENT : BY_SERVER;
	connection->settled_ns = 0;
	if (connection->fins == (BY_CLIENT | BY_SERVER))
		connection_set_state(connection, OVER);
}

/* Of a connection that is not in the connections. */
static void take_foreign(struct connection *connection, const struct packet *packet)
{
	if (packet->flags & (SEGMENT_FIN | SEGMENT_RST)) {
		if (connection)
			connection_forget(connection);
		return;
	}
	if (connection || !packet->length)
		return;
	connection = connection_enter(&packet->from, &packet->to);
	if (!connection)
		return;
	connection_set_state(connection, FOREIGN);
	connection_need_filter(FILTER_SOON);
}

static void take_segment(const struct packet *packet, int interface, bool outgoing, int64_t at_ns)
{
	struct connection *connection = connection_find(&packet->from, &packet->to);
	bool by_client = true;
	uint8_t flags = packet->flags;
	if ((flags & (SEGMENT_SYN | SEGMENT_ACK)) == SEGMENT_SYN) {
		if (outgoing)
			take_syn(connection, packet, interface, at_ns);
		return;
	}
	/* A socket can connect to itself: its SYN+ACK is then the answer all the same. */
	if (!connection || flags & SEGMENT_SYN) {
		connection = connection_find(&packet->to, &packet->from);
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
		connection_set_state(connection, OPEN);
		connection_tell("open", connection, at_ns);
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
		connection = connection_find(&packet->from, &packet->to);
		if (connection && connection->state == BEGUN &&
		    (connection->unsent || connection->first_sequence == packet->sequence)) {
			struct line line = { 0 };
			begin_line(&line, "unreachable", connection, at_ns);
			line_number(&line, packet->code);
			line_send(&line);
			connection->unreachable = true;
			connection_set_state(connection, OVER);
		}
		break;
	case PACKET_SOLICITATION:
	case PACKET_OTHER:
		break;
	}
}
