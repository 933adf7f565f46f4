/*
 * memory: allocation that cannot fail (it aborts), ownership that is visible.
 *
 * A variable that owns something is declared with a cleanup attribute and handed over with steal_ptr().
 * Arrays that grow are a pointer and a count beside each other in their struct; array_push() keeps the
 * capacity a power of two, so that no third member is needed.
 */
#ifndef BASE_MEMORY_H
#define BASE_MEMORY_H

#include <stddef.h>
#include <stdlib.h>

void *xmalloc(size_t size) __attribute__((malloc, returns_nonnull));
void *xcalloc(size_t count, size_t size) __attribute__((malloc, returns_nonnull));
void *xrealloc(void *old, size_t size) __attribute__((returns_nonnull));
char *xstrdup(const char *text) __attribute__((malloc, returns_nonnull));
/* Copies `length` bytes and ends them with NUL. */
char *xmemdup0(const void *bytes, size_t length) __attribute__((malloc, returns_nonnull));
char *xasprintf(const char *format, ...) __attribute__((format(printf, 1, 2), malloc, returns_nonnull));

/* Grows an array of *count elements by one zeroed element and returns it; *items may move. */
void *array_grow(void *items_pointer, size_t *count, size_t element_size);
#define array_push(items, count) \
	((__typeof__(*(items)) *)array_grow(&(items), &(count), sizeof(__typeof__(*(items)))))

static inline void free_pointer(void *pointer)
{
	free(*(void **)pointer);
}

/* char *name OWNED = …: freed at the end of the scope. */
#define OWNED __attribute__((cleanup(free_pointer)))
#define CLEANUP(function) __attribute__((cleanup(function)))

/* Takes the value out of an owning variable, leaving NULL. */
#define steal_ptr(pointer)                                       \
	({                                                       \
		__typeof__(&(pointer)) stolen_from = &(pointer); \
		__typeof__(pointer) stolen = *stolen_from;       \
		*stolen_from = NULL;                             \
		stolen;                                          \
	})

#define ARRAY_LENGTH(array) (sizeof(array) / sizeof((array)[0]))
#define MUST_CHECK __attribute__((warn_unused_result))

#endif
