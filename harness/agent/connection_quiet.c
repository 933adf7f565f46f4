/* Connections that have gone quiet: they count as connected after a while, and the filter is spared them once
 * they have told. */
#include "agent/connections_private.h"

#include <stdlib.h>

int64_t connections_settle_due_ns(void)
{
	return connections.settle_due_ns ? connections.settle_due_ns : INT64_MAX;
}

int64_t connections_settle(int64_t now)
{
	int64_t due_ns = INT64_MAX;
	for (size_t i = 0; i < connections.used; i++) {
		struct connection *connection = &connections.all[i];
		if (connection->state != OPEN || !connection->settled_ns)
			continue;
		if (connection->settled_ns <= now) {
			connection_settle(connection, now);
			connection_need_filter(FILTER_SOON);
		} else if (connection->settled_ns < due_ns) {
			due_ns = connection->settled_ns;
		}
	}
	connections.settle_due_ns = due_ns == INT64_MAX ? 0 : due_ns;
	return due_ns;
}

enum filter_need connections_filter_need(void)
{
	return connections.need;
}

static bool is_quiet(const struct connection *connection)
{
	return connection->state == FOREIGN || (connection->state == OPEN && connection_has_told(connection));
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
	for (size_t i = 0; i < connections.used; i++) {
		const struct connection *connection = &connections.all[i];
		if (connection->state == BEGUN || (connection->state == OPEN && !is_quiet(connection)))
			contested_count = add_words(contested, contested_count, connection);
	}
	qsort(contested, contested_count, sizeof(*contested), compare_words);
	for (size_t i = 0; i < connections.used; i++) {
		struct connection *connection = &connections.all[i];
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
	connections.need = FILTER_FITS;
	return kept;
}
