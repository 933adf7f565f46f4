/*
 * page: writing for a terminal of a given width: columns, wrapping, colour. What is written through it is
 * redacted, bounded and escaped, whatever it is; only the page itself writes newlines and colours.
 */
#ifndef REPORT_PAGE_H
#define REPORT_PAGE_H

#include "base/buf.h"
#include "base/redact.h"

#include <stdbool.h>
#include <stddef.h>

enum ink { INK_PLAIN, INK_BOLD, INK_DIM, INK_GOOD, INK_BAD, INK_DOUBTFUL };

struct page {
	struct buf *out;
	const struct redactor *secrets;
	size_t width;
	bool colour, ascii;
	size_t column; /* where the next character goes; 0-based */
};

/* At most so many bytes of one outside string are looked at for showing it. */
#define PAGE_TEXT_MAX 4096

void page_newline(struct page *page);
/* An empty line, unless there is one already or nothing was written yet. */
void page_gap(struct page *page);
/* Blanks up to the column; one at least if something stands there already. */
void page_pad(struct page *page, size_t column);
/* One line's worth of text, not cut. */
void page_add(struct page *page, enum ink ink, const char *text);
void page_addf(struct page *page, enum ink ink, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Cut with an ellipsis so that it takes at most `columns`. */
void page_clip(struct page *page, enum ink ink, const char *bytes, size_t length, size_t columns);
/* Wrapped at the width; further lines begin where the first did. After `most_lines` an ellipsis. */
void page_wrap(struct page *page, enum ink ink, const char *bytes, size_t length, size_t most_lines);
/* The columns the text will take. */
size_t page_columns(const struct page *page, const char *text);
/* The text as the page would write it. */
void page_safe(const struct page *page, struct buf *out, const char *bytes, size_t length);

#endif
