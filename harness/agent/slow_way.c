#include "agent/slow_way.h"

#define NS_PER_S INT64_C(1000000000)
/* With a bandwidth, no more is read at a time than goes over in a two-hundredth of a second: the line is to
 * be slow, not jerky. */
#define PIECES_PER_S 200

void way_init(struct way *way, const struct pace *pace, uint64_t seed)
{
	/* Not the whole of it: its pages are used only as far as they are needed. */
	way->pace = *pace;
	way->random = seed;
	way->start = way->length = 0;
	way->first_chunk = way->chunk_count = 0;
	way->line_free_ns = way->last_due_ns = 0;
	way->has_ended = way->is_closed = false;
}

size_t way_room(struct way *way, unsigned char **ret_place)
{
	if (way->has_ended || way->chunk_count == WAY_CHUNKS)
		return 0;
	if (!way->length)
		way->start = 0;
	size_t end = (way->start + way->length) % WAY_BYTES;
	size_t room = WAY_BYTES - way->length;
	if (room > WAY_BYTES - end)
		room = WAY_BYTES - end;
	size_t piece = (size_t)(way->pace.bandwidth / PIECES_PER_S) + 1;
	if (way->pace.bandwidth && room > piece)
		room = piece;
	*ret_place = way->bytes + end;
	return room;
}

/* splitmix64, by Sebastiano Vigna (public domain). */
static uint64_t next_random(struct way *way)
{
	uint64_t z = way->random += 0x9e3779b97f4a7c15;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static int64_t delay_ns(struct way *way)
{
	if (!way->pace.jitter_ns)
		return way->pace.latency_ns;
	/* The number drawn is a fraction of 2^64: a pace that a scenario's speed has divided divides the
	 * delay. */
	uint64_t spread = 2 * (uint64_t)way->pace.jitter_ns + 1;
	uint64_t drawn = (uint64_t)((unsigned __int128)next_random(way) * spread >> 64);
	int64_t delay = way->pace.latency_ns - way->pace.jitter_ns + (int64_t)drawn;
	return delay > 0 ? delay : 0;
}

static int64_t later(int64_t one, int64_t other)
{
	return one > other ? one : other;
}

void way_add(struct way *way, size_t length, int64_t now_ns)
{
	int64_t sent_ns = now_ns;
	if (way->pace.bandwidth) {
		sent_ns = later(now_ns, way->line_free_ns) + (int64_t)length * NS_PER_S / way->pace.bandwidth;
		way->line_free_ns = sent_ns;
	}
	way->last_due_ns = later(way->last_due_ns, sent_ns + delay_ns(way));
	way->chunks[(way->first_chunk + way->chunk_count++) % WAY_CHUNKS] =
	    (struct chunk){ .length = length, .due_ns = way->last_due_ns };
	way->length += length;
}

size_t way_due(const struct way *way, int64_t now_ns, const unsigned char **ret_bytes)
{
	size_t due = 0;
	for (int i = 0; i < way->chunk_count; i++) {
		const struct chunk *chunk = &way->chunks[(way->first_chunk + i) % WAY_CHUNKS];
		if (chunk->due_ns > now_ns)
			break;
		due += chunk->length;
	}
	*ret_bytes = way->bytes + way->start;
	return due < WAY_BYTES - way->start ? due : WAY_BYTES - way->start;
}

void way_took(struct way *way, size_t length)
{
	way->start = (way->start + length) % WAY_BYTES;
	way->length -= length;
	while (length) {
		struct chunk *chunk = &way->chunks[way->first_chunk];
		if (chunk->length > length) {
			chunk->length -= length;
			return;
		}
		length -= chunk->length;
		way->first_chunk = (way->first_chunk + 1) % WAY_CHUNKS;
		way->chunk_count--;
	}
}

void way_end(struct way *way, int64_t now_ns)
{
	way->has_ended = true;
	way->last_due_ns = later(way->last_due_ns, now_ns + delay_ns(way)) + way->pace.close_ns;
}

bool way_end_due(const struct way *way, int64_t now_ns)
{
	return way->has_ended && !way->is_closed && !way->length && way->last_due_ns <= now_ns;
}

int64_t way_next_ns(const struct way *way)
{
	if (way->chunk_count)
		return way->chunks[way->first_chunk].due_ns;
	return way->has_ended && !way->is_closed ? way->last_due_ns : INT64_MAX;
}
