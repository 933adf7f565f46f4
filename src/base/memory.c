#include "base/memory.h"

#include "base/err.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static void *or_abort(void *pointer, size_t size)
{
	if (!pointer) {
		fprintf(stderr, "falsestart: out of memory (%zu bytes asked)\n", size);
		abort();
	}
	return pointer;
}

void *xmalloc(size_t size)
{
	return or_abort(malloc(size ? size : 1), size);
}

void *xcalloc(size_t count, size_t size)
{
	return or_abort(calloc(count ? count : 1, size ? size : 1), size);
}

void *xrealloc(void *old, size_t size)
{
	return or_abort(realloc(old, size ? size : 1), size);
}

char *xstrdup(const char *text)
{
	return xmemdup0(text, strlen(text));
}

char *xmemdup0(const void *bytes, size_t length)
{
	char *copy = xmalloc(length + 1);
	memcpy(copy, bytes, length);
	copy[length] = '\0';
	return copy;
}

char *xasprintf(const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	char *text = NULL;
	int length = vasprintf(&text, format, arguments);
	va_end(arguments);
	return or_abort(length < 0 ? NULL : text, 0);
}

void *array_grow(void *items_pointer, size_t *count, size_t element_size)
{
	void *items;
	memcpy(&items, items_pointer, sizeof(items));
	/* Capacity is the next power of two, so a reallocation is due exactly when count is one. */
	if ((*count & (*count - 1)) == 0) {
		size_t capacity = *count ? *count * 2 : 1;
		if (capacity > SIZE_MAX / element_size)
			BUG("array of %zu elements", capacity);
		items = xrealloc(items, capacity * element_size);
		memcpy(items_pointer, &items, sizeof(items));
	}
	void *element = (char *)items + *count * element_size;
	memset(element, 0, element_size);
	(*count)++;
	return element;
}
