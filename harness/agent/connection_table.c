/* The table of connections: fixed, found by both ends. */
#include "agent/connections_private.h"

#include <string.h>

struct connection_table connections;

static size_t bucket_of(const struct endpoint *local, const struct endpoint *remote)
{
	uint32_t hash = 2166136261u; /* FNV-1a */
	const uint8_t *ends[] = { (const uint8_t *)local, (const uint8_t *)remote };
	for (int end = 0; end < 2; end++)
		for (size_t i = 0; i < sizeof(*local); i++)
			hash = (hash ^ ends[end][i]) * 16777619u;
	return (hash ^ hash >> 16) & (BUCKETS - 1);
}

struct connection *connection_find(const struct endpoint *local, const struct endpoint *remote)
{
	struct connection *connection = connections.buckets[bucket_of(local, remote)];
	while (connection && (memcmp(&connection->local, local, sizeof(*local)) != 0 ||
				 memcmp(&connection->remote, remote, sizeof(*remote)) != 0))
		connection = connection->next;
	return connection;
}

void connection_need_filter(enum filter_need need)
{
	if (connections.need < need)
		connections.need = need;
}

void connection_set_state(struct connection *connection, enum connection_state state)
{
	connections.begun -= connection->state == BEGUN;
	connections.foreign -= connection->state == FOREIGN;
	connections.begun += state == BEGUN;
	connections.foreign += state == FOREIGN;
	/* Its ports may be another connection's soon. */
	if (connection->listed && state != OPEN && state != FOREIGN)
		connection_need_filter(FILTER_SOON);
	if (connection->unsent && state != BEGUN) {
		connection->unsent = false;
		connections.unsent--;
	}
	connection->state = state;
}

void connection_forget(struct connection *connection)
{
	struct connection **link = &connections.buckets[bucket_of(&connection->local, &connection->remote)];
	while (*link != connection)
		link = &(*link)->next;
	*link = connection->next;
	connection_set_state(connection, FREE);
	connection->next = connections.free;
	connections.free = connection;
	connections.count--;
}

/* Room for our own is made at the expense of others'. */
static void forget_a_foreigner(void)
{
	for (size_t i = 0; i < connections.used; i++) {
		struct connection *victim = &connections.all[connections.next_victim++ % connections.used];
		if (victim->state == FOREIGN) {
			connection_forget(victim);
			return;
		}
	}
}

static struct connection *take_free(void)
{
	struct connection *connection = connections.free;
	if (connection)
		connections.free = connection->next;
	else if (connections.used < CONNECTIONS_MAX)
		connection = &connections.all[connections.used++];
	return connection;
}

struct connection *connection_enter(const struct endpoint *local, const struct endpoint *remote)
{
	struct connection *connection = take_free();
	if (!connection && connections.foreign) {
		forget_a_foreigner();
		connection = take_free();
	}
	if (!connection)
		return NULL;
	memset(connection, 0, sizeof(*connection));
	connection->local = *local;
	connection->remote = *remote;
	struct connection **bucket = &connections.buckets[bucket_of(local, remote)];
	connection->next = *bucket;
	*bucket = connection;
	connections.count++;
	return connection;
}

enum protocol connection_protocol_of(uint16_t port)
{
	for (size_t i = 0; i < connections.port_count; i++)
		if (connections.ports[i].port == port)
			return connections.ports[i].protocol;
	return PROTOCOL_TCP;
}

static bool is_loopback(const struct endpoint *endpoint)
{
	static const uint8_t loopback6[16] = { [15] = 1 };
	return endpoint->family == 4 ? endpoint->bytes[0] == 127
				     : memcmp(endpoint->bytes, loopback6, sizeof(loopback6)) == 0;
}

bool connection_is_ignored(const struct endpoint *to)
{
	for (int i = 0; i < IGNORED_MAX; i++)
		if (connections.ignored[i].port == to->port && to->port &&
		    (connections.ignored[i].everywhere || is_loopback(to)))
			return true;
	return false;
}

size_t connections_begun(void)
{
	return connections.begun;
}

size_t connections_count(void)
{
	return connections.count;
}

int connections_classify(uint16_t port, enum protocol protocol)
{
	size_t i = 0;
	while (i < connections.port_count && connections.ports[i].port != port)
		i++;
	if (i == PORTS_MAX)
		return -1;
	connections.ports[i].port = port;
	connections.ports[i].protocol = protocol;
	if (i == connections.port_count)
		connections.port_count++;
	return 0;
}

int connections_ignore(uint16_t port, bool everywhere)
{
	for (int i = 0; i < IGNORED_MAX; i++) {
		struct ignored *ignored = &connections.ignored[i];
		if (ignored->port && ignored->port != port)
			continue;
		*ignored = (struct ignored){ port, everywhere };
		return 0;
	}
	return -1;
}
