/* What is heard of the sockets of connections: their ends, and those whose SYN no packet shows. */
#include "agent/connections_private.h"
#include "agent/output.h"

void connections_gone(const struct endpoint *local, const struct endpoint *remote, int64_t at_ns)
{
	struct connection *connection = connection_find(local, remote);
	if (!connection)
		return;
	if (connection->owed) {
		connection->owed--;
		return;
	}
	if (connection->state != FOREIGN)
		connection_tell("gone", connection, at_ns);
	connection_forget(connection);
}

void connections_connecting(const struct endpoint *local, const struct endpoint *remote, int64_t at_ns)
{
	if (connection_find(local, remote))
		return;
	struct connection *connection = connection_enter(local, remote);
	if (!connection) {
		output_count_lost(1);
		return;
	}
	connection_begin(connection, 0, 0);
	connection->unsent = true;
	connections.unsent++;
	connection_tell("syn", connection, at_ns);
}

bool connections_wait_for_neighbour(void)
{
	return connections.unsent > 0;
}

void connections_list_begin(void)
{
	for (size_t i = 0; i < connections.used; i++)
		connections.all[i].present = false;
}

void connections_list_socket(const struct endpoint *local, const struct endpoint *remote)
{
	struct connection *connection = connection_find(local, remote);
	if (connection)
		connection->present = true;
}

void connections_list_end(int64_t at_ns)
{
	for (size_t i = 0; i < connections.used; i++) {
		struct connection *connection = &connections.all[i];
		if (connection->state == FREE)
			continue;
		connection->missing = connection->present ? 0 : connection->missing + 1;
		if (connection->missing < 2)
			continue;
		connection->owed = 0;
		if (connection->state != FOREIGN)
			connection_tell("gone", connection, at_ns);
		connection_forget(connection);
	}
}

bool connections_begun_from(uint16_t port)
{
	for (size_t i = 0; connections.begun && i < connections.used; i++)
		if (connections.all[i].state == BEGUN && connections.all[i].local.port == port)
			return true;
	return false;
}

void connections_list_end_from(uint16_t port, int64_t at_ns)
{
	for (size_t i = 0; i < connections.used; i++) {
		struct connection *connection = &connections.all[i];
		if (connection->state != BEGUN || connection->local.port != port || connection->present)
			continue;
		connection_tell("gone", connection, at_ns);
		connection_forget(connection);
	}
}
