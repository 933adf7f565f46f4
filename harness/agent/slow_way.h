/*
 * slow_way: one direction of a relayed connection: bytes, and when each of them may go on. Knows no socket
 * and no clock. What does not fit is not read: the sender's kernel then slows the sender.
 */
#ifndef AGENT_SLOW_WAY_H
#define AGENT_SLOW_WAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WAY_BYTES (64 * 1024)
#define WAY_CHUNKS 256

struct pace {
	int64_t latency_ns, jitter_ns; /* each read is late by latency ± jitter, evenly spread */
	int64_t close_ns;              /* FIN is later by this */
	int64_t bandwidth;             /* bytes a second; 0: no limit */
};

struct way {
	struct pace pace;
	uint64_t random;
	size_t start, length; /* of what is under way in `bytes`, a ring */
	int first_chunk, chunk_count;
	int64_t line_free_ns; /* the bandwidth is used up until then */
	int64_t last_due_ns;  /* nothing overtakes */
	bool has_ended;       /* the sender's FIN has come */
	bool is_closed;       /* and has been passed on */
	struct chunk {
		size_t length;
		int64_t due_ns;
	} chunks[WAY_CHUNKS];
	unsigned char bytes[WAY_BYTES];
};

void way_init(struct way *way, const struct pace *pace, uint64_t seed);
/* How much may be read now, and where to; 0: nothing. */
size_t way_room(struct way *way, unsigned char **ret_place);
/* So much was read there. */
void way_add(struct way *way, size_t length, int64_t now_ns);
/* What may go on now; 0: nothing. Call it again after way_took(). */
size_t way_due(const struct way *way, int64_t now_ns, const unsigned char **ret_bytes);
void way_took(struct way *way, size_t length);
void way_end(struct way *way, int64_t now_ns);
/* Everything has gone on, and it is time for the FIN. */
bool way_end_due(const struct way *way, int64_t now_ns);
/* When something next gets due; INT64_MAX: nothing is under way. */
int64_t way_next_ns(const struct way *way);

#endif
