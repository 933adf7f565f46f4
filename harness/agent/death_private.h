/* death_private: what crash (death.c) and exhaustion (death_exhaust.c) share. */
#ifndef AGENT_DEATH_PRIVATE_H
#define AGENT_DEATH_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define DEATH_TEXT_MAX 4096

/* A process of the container, held so that its number cannot become another's. */
struct held {
	pid_t pid;
	int fd; /* pidfd */
};

enum death { DEATH_DONE, DEATH_GONE, DEATH_OTHER, DEATH_ERROR };

/* What went wrong, for DEATH_ERROR: a message without an end. */
enum death death_failed(const char *message, int errnum);

/* Reads a file whole, as far as there is room; false when it cannot be opened or read. */
bool death_read(const char *path, char *buffer, size_t size);
/* Has it ended within so many milliseconds? */
bool death_has_ended(const struct held *held, int within_ms);

enum death death_exhaust(const struct held *held);

#endif
