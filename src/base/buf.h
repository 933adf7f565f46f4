/*
 * buf: a growing byte string with a stated maximum.
 *
 * Always NUL-terminated once anything was added, so that `bytes` can be printed; NULs inside are allowed.
 * What goes past `max` is dropped and `cut` is set: a buffer of outside data never grows without bound and
 * never lies about being whole. `{0}` with max 0 means "no maximum", for data this program makes itself.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct buf {
	char *bytes; /* owned; NULL while empty */
	size_t length;
	size_t capacity;
	size_t max; /* bytes kept at most; 0: no maximum */
	bool cut;   /* something was dropped */
};

void buf_release(struct buf *buf);
/* Forgets the contents, keeps the memory. */
void buf_clear(struct buf *buf);
void buf_add(struct buf *buf, const void *bytes, size_t length);
void buf_add_string(struct buf *buf, const char *text);
void buf_add_char(struct buf *buf, char byte);
void buf_addf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buf_vaddf(struct buf *buf, const char *format, va_list arguments) __attribute__((format(printf, 2, 0)));
/* Removes `length` bytes from the front. */
void buf_consume(struct buf *buf, size_t length);
/* The contents as a string ("" if empty); valid until the next change. */
const char *buf_string(const struct buf *buf);
/* Hands the string over ("" if empty) and leaves the buffer empty. */
char *buf_steal(struct buf *buf);

/* A JSON string literal of the bytes, quotes included; bytes that are not valid UTF-8 become U+FFFD. */
void buf_add_json_string(struct buf *buf, const char *bytes, size_t length);
/* The bytes with control characters as \xNN, \n as "\n": safe to show on a terminal. At most `most` bytes of
 * input, then "…". */
void buf_add_visible(struct buf *buf, const char *bytes, size_t length, size_t most);

#endif
