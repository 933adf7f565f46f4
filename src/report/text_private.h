/* The parts of the text report: each writes whole lines. */
#ifndef REPORT_TEXT_PRIVATE_H
#define REPORT_TEXT_PRIVATE_H

#include "report/page.h"
#include "report/report.h"

enum ink ink_of_verdict(enum verdict verdict);
enum ink ink_of_outcome(enum outcome outcome);
/* The outcome as the first word of a line: "pass", "FAIL", …; of a try that was replaced, "retried". */
const char *text_word(enum outcome outcome);

/* One finding in full: what was expected, what happened, where it is written, the evidence. */
void text_finding(struct page *page, const struct report_result *result, const struct finding *finding);
/* The world as lanes over time: steps, services, health, attempts, and where the findings that are no pass
 * were decided. */
void text_timeline(struct page *page, const struct report_result *result);
/* What documents claim, over all worlds; nothing if there are no claims. */
void text_claims(struct page *page, const struct report *report);
/* A world's line, its findings as the options ask, its timeline. Names are given `name_columns`. */
void text_world(
    struct page *page, const struct report *report, size_t index, size_t name_columns, bool verbose);
/* A scenario that was run more than once: its rate, its figures, and those of its worlds that are news. */
struct repetition;
void text_repetition(
    struct page *page, const struct report *report, const struct repetition *repetition, bool verbose);
#define NAME_COLUMNS_MAX 28
#define TEXT_COLUMN_NAME ((size_t)14)

#endif
