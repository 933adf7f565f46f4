#include "report/page.h"

#include "base/err.h"
#include "report/glyph.h"

#include <stdarg.h>
#include <string.h>

/* Columns kept for wrapped text, however far to the right it begins. */
#define NARROWEST 20

void page_newline(struct page *page)
{
	buf_add_char(page->out, '\n');
	page->column = 0;
}

void page_pad(struct page *page, size_t column)
{
	if (page->column && page->column >= column)
		column = page->column + 1;
	for (; page->column < column; page->column++)
		buf_add_char(page->out, ' ');
}

void page_gap(struct page *page)
{
	const struct buf *out = page->out;
	if (out->length == 0 || (out->length >= 2 && memcmp(out->bytes + out->length - 2, "\n\n", 2) == 0))
		return;
	page_newline(page);
}

static const char *escape_of(enum ink ink)
{
	switch (ink) {
	case INK_PLAIN:
		return "";
	case INK_BOLD:
		return "\033[1m";
	case INK_DIM:
		return "\033[2m";
	case INK_GOOD:
		return "\033[32m";
	case INK_BAD:
		return "\033[1;31m";
	case INK_DOUBTFUL:
		return "\033[33m";
	}
	BUG("ink %d", (int)ink);
}

/* Safe text, as it stands. */
static void put(struct page *page, enum ink ink, const char *bytes, size_t length)
{
	if (length == 0)
		return;
	bool coloured = page->colour && ink != INK_PLAIN;
	if (coloured)
		buf_add_string(page->out, escape_of(ink));
	buf_add(page->out, bytes, length);
	if (coloured)
		buf_add_string(page->out, "\033[0m");
	page->column += glyph_columns(bytes, length);
}

void page_safe(const struct page *page, struct buf *out, const char *bytes, size_t length)
{
	/* Redacted before it is cut, lest half a secret stand at the cut. */
	struct buf redacted CLEANUP(buf_release) = { 0 };
	redact(page->secrets, &redacted, bytes, length);
	glyph_add_safe(out, buf_string(&redacted), redacted.length, PAGE_TEXT_MAX, page->ascii);
}

void page_add(struct page *page, enum ink ink, const char *text)
{
	struct buf safe CLEANUP(buf_release) = { 0 };
	page_safe(page, &safe, text, strlen(text));
	put(page, ink, buf_string(&safe), safe.length);
}

void page_addf(struct page *page, enum ink ink, const char *format, ...)
{
	struct buf text CLEANUP(buf_release) = { 0 };
	va_list arguments;
	va_start(arguments, format);
	buf_vaddf(&text, format, arguments);
	va_end(arguments);
	page_add(page, ink, buf_string(&text));
}

size_t page_columns(const struct page *page, const char *text)
{
	struct buf safe CLEANUP(buf_release) = { 0 };
	page_safe(page, &safe, text, strlen(text));
	return glyph_columns(buf_string(&safe), safe.length);
}

/* Bytes of the text that fit into the columns. */
static size_t fitting(const char *bytes, size_t length, size_t columns)
{
	size_t end = 0;
	for (size_t used = 0, next; end < length; used += next) {
		size_t size = glyph_size(bytes + end, length - end, &next);
		if (used + next > columns)
			break;
		end += size;
	}
	return end;
}

static const char *ellipsis(const struct page *page)
{
	return page->ascii ? "..." : "…";
}

static void put_clipped(struct page *page, enum ink ink, const char *bytes, size_t length, size_t columns)
{
	if (glyph_columns(bytes, length) <= columns) {
		put(page, ink, bytes, length);
		return;
	}
	size_t mark = page->ascii ? 3 : 1;
	put(page, ink, bytes, fitting(bytes, length, columns > mark ? columns - mark : 0));
	put(page, ink, ellipsis(page), strlen(ellipsis(page)));
}

void page_clip(struct page *page, enum ink ink, const char *bytes, size_t length, size_t columns)
{
	struct buf safe CLEANUP(buf_release) = { 0 };
	page_safe(page, &safe, bytes, length);
	put_clipped(page, ink, buf_string(&safe), safe.length, columns);
}

/* Where to break a text that is longer than the columns: behind the last blank that fits, else where it is
 * full. */
static size_t break_at(const char *bytes, size_t length, size_t columns)
{
	size_t full = fitting(bytes, length, columns);
	for (size_t end = full; end > full / 2; end--)
		if (bytes[end] == ' ')
			return end;
	return full ? full : length;
}

void page_wrap(struct page *page, enum ink ink, const char *bytes, size_t length, size_t most_lines)
{
	struct buf safe CLEANUP(buf_release) = { 0 };
	page_safe(page, &safe, bytes, length);
	size_t indent = page->column;
	size_t columns = page->width > indent + NARROWEST ? page->width - indent : NARROWEST;
	const char *rest = buf_string(&safe);
	size_t left = safe.length;
	for (size_t line = 1; line < most_lines && glyph_columns(rest, left) > columns; line++) {
		size_t end = break_at(rest, left, columns);
		put(page, ink, rest, end);
		page_newline(page);
		page_pad(page, indent);
		while (end < left && rest[end] == ' ')
			end++;
		rest += end;
		left -= end;
	}
	put_clipped(page, ink, rest, left, columns);
}
