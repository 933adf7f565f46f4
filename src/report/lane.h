/* lane: one line of a timeline: a row of cells, each one column wide, in which spans and marks are drawn. */
#ifndef REPORT_LANE_H
#define REPORT_LANE_H

#include "report/page.h"

#include <stdint.h>

#define LANE_CELLS_MAX 400

struct cell {
	char glyph[8]; /* safe UTF-8 of one column, or "" for a blank */
	enum ink ink;
};

/* How time becomes columns. */
struct scale {
	int64_t end_ns; /* > 0 */
	size_t cells;   /* <= LANE_CELLS_MAX */
};

struct lane {
	struct scale scale;
	struct cell cells[LANE_CELLS_MAX];
};

enum span_style { SPAN_GONE, SPAN_PLAIN, SPAN_SOLID };

void lane_init(struct lane *lane, struct scale scale);
size_t lane_cell(const struct lane *lane, int64_t at_ns);
bool lane_is_free(const struct lane *lane, size_t from, size_t count);
/* A stretch from cell `from` to before cell `to`, as much of its label in it as fits. */
void lane_span(struct lane *lane, const struct page *page, size_t from, size_t to, const char *label,
    enum span_style style, enum ink ink);
/* One glyph (of one column in either character set) in one cell. */
void lane_mark(struct lane *lane, const struct page *page, size_t cell, const char *glyph, enum ink ink);
/* A label from the cell on; what does not fit is cut. */
void lane_label(struct lane *lane, const struct page *page, size_t cell, const char *label, enum ink ink);
void lane_print(const struct lane *lane, struct page *page);

#endif
