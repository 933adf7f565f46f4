#include "report/lane.h"

#include "base/err.h"
#include "report/glyph.h"

#include <string.h>

void lane_init(struct lane *lane, struct scale scale)
{
	if (scale.end_ns <= 0 || scale.cells == 0 || scale.cells > LANE_CELLS_MAX)
		BUG("a lane of %zu cells", scale.cells);
	*lane = (struct lane){ .scale = scale };
}

size_t lane_cell(const struct lane *lane, int64_t at_ns)
{
	if (at_ns <= 0)
		return 0;
	size_t cell = (size_t)((double)at_ns / (double)lane->scale.end_ns * (double)lane->scale.cells);
	return cell < lane->scale.cells ? cell : lane->scale.cells - 1;
}

bool lane_is_free(const struct lane *lane, size_t from, size_t count)
{
	if (from + count > lane->scale.cells)
		return false;
	for (size_t i = from; i < from + count; i++)
		if (lane->cells[i].glyph[0])
			return false;
	return true;
}

static void set_cell(struct lane *lane, size_t cell, const char *bytes, size_t length, enum ink ink)
{
	struct cell *target = &lane->cells[cell];
	if (cell >= lane->scale.cells || length >= sizeof(target->glyph))
		return;
	memcpy(target->glyph, bytes, length);
	target->glyph[length] = '\0';
	target->ink = ink;
}

/* Writes the label's characters into cells [from, to); returns the cell after the last. A character that does
 * not take one column would break the row and becomes `?`. */
static size_t write_label(
    struct lane *lane, const struct page *page, size_t from, size_t to, const char *label, enum ink ink)
{
	struct buf safe CLEANUP(buf_release) = { 0 };
	page_safe(page, &safe, label, strlen(label));
	size_t cell = from;
	for (size_t i = 0, columns; i < safe.length && cell < to; cell++) {
		size_t size = glyph_size(safe.bytes + i, safe.length - i, &columns);
		set_cell(lane, cell, columns == 1 ? safe.bytes + i : "?", columns == 1 ? size : 1, ink);
		i += size;
	}
	return cell;
}

static const char *fill_of(enum span_style style)
{
	switch (style) {
	case SPAN_GONE:
		return "┄";
	case SPAN_PLAIN:
		return "─";
	case SPAN_SOLID:
		return "━";
	}
	BUG("span style %d", (int)style);
}

void lane_span(struct lane *lane, const struct page *page, size_t from, size_t to, const char *label,
    enum span_style style, enum ink ink)
{
	if (to <= from)
		to = from + 1;
	to = to < lane->scale.cells ? to : lane->scale.cells;
	lane_mark(lane, page, from, "├", ink);
	for (size_t cell = write_label(lane, page, from + 1, to, label, ink); cell < to; cell++)
		lane_mark(lane, page, cell, fill_of(style), ink);
}

void lane_mark(struct lane *lane, const struct page *page, size_t cell, const char *glyph, enum ink ink)
{
	if (cell < lane->scale.cells)
		write_label(lane, page, cell, cell + 1, glyph, ink);
}

void lane_label(struct lane *lane, const struct page *page, size_t cell, const char *label, enum ink ink)
{
	write_label(lane, page, cell, lane->scale.cells, label, ink);
}

void lane_print(const struct lane *lane, struct page *page)
{
	size_t end = lane->scale.cells;
	while (end > 0 && !lane->cells[end - 1].glyph[0])
		end--;
	for (size_t i = 0; i < end;) {
		struct buf run CLEANUP(buf_release) = { 0 };
		enum ink ink = lane->cells[i].ink;
		for (; i < end && lane->cells[i].ink == ink; i++)
			buf_add_string(&run, lane->cells[i].glyph[0] ? lane->cells[i].glyph : " ");
		page_add(page, ink, buf_string(&run));
	}
	page_newline(page);
}
