#include "plan/protocol.h"

#include "base/memory.h"

#include <string.h>

static const struct protocol protocols[] = {
	{ "redis", 6379 }, { "postgres", 5432 }, { "tcp", 0 }, /* accepting a connection is being ready */
};

/* By the last part of the repository: whoever built it, its server speaks this. A new dependency is a row
 * here. */
static const struct {
	const char *repository, *protocol;
	int port;
} images[] = {
	{ "redis", "redis", 6379 },
	{ "redis-stack", "redis", 6379 },
	{ "redis-stack-server", "redis", 6379 },
	{ "valkey", "redis", 6379 },
	{ "keydb", "redis", 6379 },
	{ "dragonfly", "redis", 6379 },
	{ "postgres", "postgres", 5432 },
	{ "postgresql", "postgres", 5432 },
	{ "postgis", "postgres", 5432 },
	{ "pgvector", "postgres", 5432 },
	{ "timescaledb", "postgres", 5432 },
	{ "mysql", "tcp", 3306 },
	{ "mariadb", "tcp", 3306 },
	{ "mongo", "tcp", 27017 },
	{ "mongodb", "tcp", 27017 },
	{ "rabbitmq", "tcp", 5672 },
	{ "nats", "tcp", 4222 },
	{ "memcached", "tcp", 11211 },
};

const struct protocol *protocol_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_LENGTH(protocols); i++)
		if (strcmp(protocols[i].name, name) == 0)
			return &protocols[i];
	return NULL;
}

void protocol_offer_all(struct nearest *nearest)
{
	for (size_t i = 0; i < ARRAY_LENGTH(protocols); i++)
		nearest_offer(nearest, protocols[i].name);
}

const struct protocol *protocol_of_image(const char *image, int *ret_port)
{
	const char *slash = strrchr(image, '/');
	/* A digest holds no slash, so the last one ends the registry and the folders. */
	const char *repository = slash ? slash + 1 : image;
	size_t length = strcspn(repository, ":@");
	for (size_t i = 0; i < ARRAY_LENGTH(images); i++) {
		if (strlen(images[i].repository) != length ||
		    memcmp(images[i].repository, repository, length) != 0)
			continue;
		*ret_port = images[i].port;
		return protocol_find(images[i].protocol);
	}
	return NULL;
}
