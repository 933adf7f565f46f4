#include "base/err.h"
#include "report/comparison.h"
#include "report/page.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum {
	INDENT = 2,
	MIDDLE_COLUMNS = 19,
	CHANGE_COLUMNS = 8,
	P_COLUMNS = 11,
	NAME_LEAST = 16,
	WORD_COLUMNS = 10
};

static enum ink ink_of(enum change change)
{
	switch (change) {
	case CHANGE_WORSE:
		return INK_BAD;
	case CHANGE_OTHER:
		return INK_DOUBTFUL;
	case CHANGE_BETTER:
		return INK_GOOD;
	case CHANGE_NONE:
	case CHANGE_UNKNOWN:
		return INK_DIM;
	}
	BUG("change %d", (int)change);
}

static void add_amount(struct buf *out, const struct compared *row, double amount, bool sign)
{
	if (!row->id)
		buf_addf(out, sign ? "%+.0f %%" : "%.0f %%", 100 * amount);
	else if (row->unit == UNIT_COUNT && amount != floor(amount))
		buf_addf(out, sign ? "%+.1f" : "%.1f", amount);
	else
		describe_amount(out, row->unit, (int64_t)llround(amount), sign);
}

/* "+40 %"; of a rate, in percentage points; "new" where there was nothing before. */
static void add_change(struct buf *out, const struct compared *row)
{
	double moved = row->new_middle - row->old_middle;
	if (!row->id)
		buf_addf(out, "%+.0f %%", 100 * moved);
	else if (row->old_middle != 0)
		buf_addf(out, "%+.0f %%", 100 * moved / fabs(row->old_middle));
	else
		buf_add_string(out, moved == 0 ? "+0 %" : "from 0");
}

static void print_right(struct page *page, size_t end, enum ink ink, const char *text)
{
	size_t columns = page_columns(page, text);
	page_pad(page, end > columns ? end - columns : 0);
	page_add(page, ink, text);
}

static const char *verdict_word(const struct compared *row)
{
	if (row->change == CHANGE_UNKNOWN)
		return "too few";
	return row->change == CHANGE_NONE ? "-" : row->word;
}

static void print_row(struct page *page, const struct compared *row)
{
	struct buf name CLEANUP(buf_release) = { 0 }, middle CLEANUP(buf_release) = { 0 };
	struct buf change CLEANUP(buf_release) = { 0 }, p CLEANUP(buf_release) = { 0 };
	size_t fixed = INDENT + MIDDLE_COLUMNS + CHANGE_COLUMNS + P_COLUMNS + WORD_COLUMNS + 4;
	size_t name_columns = page->width > fixed + NAME_LEAST ? page->width - fixed : NAME_LEAST;
	name_columns = name_columns > 44 ? 44 : name_columns;
	buf_addf(&name, "%s / %s", row->scenario, row->id ? row->id : "(passed)");
	add_amount(&middle, row, row->old_middle, false);
	buf_add_string(&middle, " → ");
	add_amount(&middle, row, row->new_middle, false);
	add_change(&change, row);
	if (row->p < 0.001)
		buf_add_string(&p, "p < 0.001");
	else
		buf_addf(&p, "p = %.3f", row->p);
	page_pad(page, INDENT);
	page_clip(page, INK_PLAIN, buf_string(&name), name.length, name_columns);
	size_t column = INDENT + name_columns + MIDDLE_COLUMNS;
	print_right(page, column, INK_PLAIN, buf_string(&middle));
	print_right(page, column += CHANGE_COLUMNS, INK_PLAIN, buf_string(&change));
	print_right(page, column += P_COLUMNS, INK_PLAIN, buf_string(&p));
	page_pad(page, column + 2);
	page_add(page, ink_of(row->change), verdict_word(row));
	page_newline(page);
}

static void print_only(struct page *page, const char *what, const struct only *only)
{
	struct buf line CLEANUP(buf_release) = { 0 };
	for (size_t i = 0; i < only->count; i++) {
		const struct missing *missing = &only->items[i];
		buf_addf(&line, "%s%s%s%s", i ? ", " : "", missing->scenario, missing->id ? " / " : "",
		    missing->id ? missing->id : "");
	}
	if (only->count == 0)
		return;
	page_pad(page, INDENT);
	page_addf(page, INK_DOUBTFUL, "%s: ", what);
	page_wrap(page, INK_PLAIN, buf_string(&line), line.length, 4);
	page_newline(page);
}

static void print_summary(
    struct page *page, const struct comparison *comparison, const struct comparison_limits *limits)
{
	size_t counts[CHANGE_UNKNOWN + 1] = { 0 };
	for (size_t i = 0; i < comparison->count; i++)
		counts[comparison->rows[i].change]++;
	page_gap(page);
	if (comparison->runs_needed) {
		page_addf(page, INK_DOUBTFUL,
		    "too few runs to tell anything: %zu on each side would do (--repeat %zu)",
		    comparison->runs_needed, comparison->runs_needed);
		page_newline(page);
	}
	bool is_doubtful = comparison->runs_needed || comparison_is_unjudged(comparison);
	enum ink ink = counts[CHANGE_WORSE] ? INK_BAD : is_doubtful ? INK_DOUBTFUL : INK_GOOD;
	page_addf(page, ink, "%zu worse, %zu better, %zu changed, %zu not", counts[CHANGE_WORSE],
	    counts[CHANGE_BETTER], counts[CHANGE_OTHER], counts[CHANGE_NONE]);
	if (counts[CHANGE_UNKNOWN])
		page_addf(page, ink, ", %zu with too few runs", counts[CHANGE_UNKNOWN]);
	page_addf(
	    page, ink, " (p < %g after Holm, by at least %g %%)", limits->alpha, 100 * limits->threshold);
	page_newline(page);
}

void comparison_text(const struct comparison *comparison, const struct comparison_limits *limits,
    const struct report_text_options *options, struct buf *out)
{
	struct page page = { .out = out,
		.width = options->width < 80 ? 80 : options->width,
		.colour = options->colour,
		.ascii = !options->utf8 };
	for (size_t i = 0; i < comparison->count; i++)
		if (options->verbose || comparison->rows[i].change < CHANGE_NONE)
			print_row(&page, &comparison->rows[i]);
	print_only(&page, "only in the old runs", &comparison->only_old);
	print_only(&page, "only in the new runs", &comparison->only_new);
	print_only(&page, "not judged once among the old runs", &comparison->unjudged_old);
	print_only(&page, "not judged once among the new runs", &comparison->unjudged_new);
	print_summary(&page, comparison, limits);
}
