/* arena: memory for the strings of a trace, freed at once; short strings that repeat are kept once. */
#ifndef TRACE_ARENA_H
#define TRACE_ARENA_H

#include <stddef.h>

struct trace_arena;

struct trace_arena *arena_new(void);
void arena_free(struct trace_arena *arena);
/* Room for `size` bytes, not aligned. */
char *arena_room(struct trace_arena *arena, size_t size);
/* Gives back the end of the room handed out last. */
void arena_trim(struct trace_arena *arena, size_t unused);
/* A copy that ends with NUL. */
const char *arena_copy(struct trace_arena *arena, const char *bytes, size_t length);
/* As arena_copy(), but equal strings usually give the same pointer: a saving, not a promise. */
const char *arena_intern(struct trace_arena *arena, const char *bytes, size_t length);

#endif
