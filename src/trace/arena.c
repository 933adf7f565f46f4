#include "trace/arena.h"

#include "base/memory.h"

#include <stdint.h>
#include <string.h>

/* Names, states and outcomes are short. The table has a fixed size and a string that finds no place near its
 * own is simply copied, so that a hostile trace can make neither of them slow. */
enum { BLOCK_SIZE = 64 * 1024, INTERN_LENGTH_MAX = 64, INTERN_SLOTS = 4096, INTERN_PROBES = 8 };

struct block {
	struct block *next;
	char bytes[];
};

struct word {
	const char *bytes;
	size_t length;
};

struct trace_arena {
	struct block *blocks;
	char *free;
	size_t left;
	struct word words[INTERN_SLOTS];
};

struct trace_arena *arena_new(void)
{
	return xcalloc(1, sizeof(struct trace_arena));
}

void arena_free(struct trace_arena *arena)
{
	if (!arena)
		return;
	for (struct block *block = arena->blocks, *next; block; block = next) {
		next = block->next;
		free(block);
	}
	free(arena);
}

char *arena_room(struct trace_arena *arena, size_t size)
{
	if (size > arena->left) {
		size_t capacity = size > BLOCK_SIZE ? size : BLOCK_SIZE;
		struct block *block = xmalloc(sizeof(*block) + capacity);
		block->next = arena->blocks;
		arena->blocks = block;
		arena->free = block->bytes;
		arena->left = capacity;
	}
	char *room = arena->free;
	arena->free += size;
	arena->left -= size;
	return room;
}

void arena_trim(struct trace_arena *arena, size_t unused)
{
	arena->free -= unused;
	arena->left += unused;
}

const char *arena_copy(struct trace_arena *arena, const char *bytes, size_t length)
{
	char *copy = arena_room(arena, length + 1);
	memcpy(copy, bytes, length);
	copy[length] = '\0';
	return copy;
}

/* FNV-1a */
static uint32_t hash(const char *bytes, size_t length)
{
	uint32_t value = 2166136261U;
	for (size_t i = 0; i < length; i++)
		value = (value ^ (unsigned char)bytes[i]) * 16777619U;
	return value;
}

const char *arena_intern(struct trace_arena *arena, const char *bytes, size_t length)
{
	if (length > INTERN_LENGTH_MAX)
		return arena_copy(arena, bytes, length);
	uint32_t slot = hash(bytes, length);
	for (uint32_t probe = 0; probe < INTERN_PROBES; probe++) {
		struct word *word = &arena->words[(slot + probe) % INTERN_SLOTS];
		if (!word->bytes) {
			*word = (struct word){ .bytes = arena_copy(arena, bytes, length), .length = length };
			return word->bytes;
		}
		if (word->length == length && memcmp(word->bytes, bytes, length) == 0)
			return word->bytes;
	}
	return arena_copy(arena, bytes, length);
}
