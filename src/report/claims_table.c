#include "base/err.h"
#include "report/describe.h"
#include "report/text_private.h"

#include <string.h>

enum { COLUMN_WHERE, COLUMN_SAYS, COLUMN_MEASURED, COLUMN_HOLDS, COLUMN_COUNT };

static const char *const heads[COLUMN_COUNT] = { "what the documents claim", "says", "measured", "holds?" };
static const size_t most_columns[COLUMN_COUNT] = { 36, 16, 32, 8 };

#define INDENT 2
/* The last column, the author's words, is left out when fewer columns remain for it. */
#define TEXT_LEAST 20

static const char *answer_of(enum claim_result claim)
{
	switch (claim) {
	case CLAIM_NONE:
		return "";
	case CLAIM_HOLDS:
		return "yes";
	case CLAIM_DIFFERS:
		return "NO";
	case CLAIM_UNKNOWN:
		return "unknown";
	}
	BUG("claim %d", (int)claim);
}

static enum ink ink_of(enum claim_result claim)
{
	return claim == CLAIM_HOLDS ? INK_GOOD : claim == CLAIM_DIFFERS ? INK_DOUBTFUL : INK_DIM;
}

static bool has_measured(const struct finding *finding)
{
	return finding->claim_measured && *finding->claim_measured;
}

static void fill_cell(
    struct buf *cell, const struct report_result *result, const struct finding *finding, int column)
{
	const struct expectation *expectation = finding->expectation;
	switch (column) {
	case COLUMN_WHERE:
		describe_world(cell, result);
		buf_addf(cell, " / %s", expectation->id ? expectation->id : "");
		break;
	case COLUMN_SAYS:
		buf_add_string(cell, expectation->claim_text ? expectation->claim_text : "");
		break;
	case COLUMN_MEASURED:
		buf_add_string(cell, has_measured(finding) ? finding->claim_measured : "-");
		break;
	default:
		buf_add_string(cell, answer_of(finding->claim));
	}
}

/* Of a scenario that was run again and again, one world's claims are enough; figures stand with its rate. */
static bool is_again(const struct report *report, size_t index)
{
	const struct report_result *result = &report->results[index];
	return index > 0 && (result->attempts > 1 || result->retry > 0) && result[-1].plan->name &&
	       result->plan->name && strcmp(result[-1].plan->name, result->plan->name) == 0;
}

/* Calls `visit` for every finding that measured a claim. */
static void each_claim(const struct report *report,
    void (*visit)(const struct report_result *result, const struct finding *finding, void *context),
    void *context)
{
	for (size_t i = 0; i < report->result_count; i++) {
		const struct report_result *result = &report->results[i];
		for (size_t k = 0; k < result->judgement->finding_count && !is_again(report, i); k++)
			if (result->judgement->findings[k].claim != CLAIM_NONE)
				visit(result, &result->judgement->findings[k], context);
	}
}

struct table {
	struct page *page;
	size_t widths[COLUMN_COUNT];
	size_t rows;
};

static void widen(const struct report_result *result, const struct finding *finding, void *context)
{
	struct table *table = context;
	table->rows++;
	for (int column = 0; column < COLUMN_COUNT; column++) {
		struct buf cell CLEANUP(buf_release) = { 0 };
		fill_cell(&cell, result, finding, column);
		size_t columns = page_columns(table->page, buf_string(&cell));
		columns = columns > most_columns[column] ? most_columns[column] : columns;
		table->widths[column] = columns > table->widths[column] ? columns : table->widths[column];
	}
}

static void print_claim_row(const struct report_result *result, const struct finding *finding, void *context)
{
	struct table *table = context;
	struct page *page = table->page;
	size_t column = INDENT;
	for (int i = 0; i < COLUMN_COUNT; i++) {
		struct buf cell CLEANUP(buf_release) = { 0 };
		fill_cell(&cell, result, finding, i);
		page_pad(page, column);
		page_clip(page, i == COLUMN_HOLDS ? ink_of(finding->claim) : INK_PLAIN, buf_string(&cell),
		    cell.length, table->widths[i]);
		column += table->widths[i] + 2;
	}
	const struct expectation *expectation = finding->expectation;
	const char *text = expectation->text ? expectation->text : expectation->source;
	if (text && column + TEXT_LEAST <= page->width) {
		page_pad(page, column);
		page_clip(page, INK_DIM, text, strlen(text), page->width - column);
	}
	page_newline(page);
}

void text_claims(struct page *page, const struct report *report)
{
	struct table table = { .page = page };
	for (int i = 0; i < COLUMN_COUNT; i++)
		table.widths[i] = strlen(heads[i]);
	each_claim(report, widen, &table);
	if (table.rows == 0)
		return;
	page_gap(page);
	size_t column = INDENT;
	for (int i = 0; i < COLUMN_COUNT; i++) {
		page_pad(page, column);
		page_add(page, INK_BOLD, heads[i]);
		column += table.widths[i] + 2;
	}
	page_newline(page);
	each_claim(report, print_claim_row, &table);
}
