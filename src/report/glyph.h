/*
 * glyph: text as columns of a terminal, without the locale of the process (reports are the same bytes
 * everywhere).
 */
#ifndef REPORT_GLYPH_H
#define REPORT_GLYPH_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

/* Size in bytes of the character at the start of valid UTF-8 and the columns it takes (0, 1 or 2). A byte
 * that is not UTF-8 is one byte, one column. `length` > 0. */
size_t glyph_size(const char *bytes, size_t length, size_t *ret_columns);
size_t glyph_columns(const char *bytes, size_t length);

/* Appends the bytes made harmless: one line, no control characters (buf_add_visible()), and no characters
 * that are invisible or turn the direction of the text around: those become \u202e. With `ascii` everything
 * beyond ASCII is replaced by a look-alike where there is a usual one (… → ...), else by its \u number. At
 * most `most` bytes of input, then an ellipsis. */
void glyph_add_safe(struct buf *out, const char *bytes, size_t length, size_t most, bool ascii);

#endif
