/* What a subject's attempts show of its retry policy (infer/infer.h), beside what was judged. */
#ifndef REPORT_POLICY_H
#define REPORT_POLICY_H

#include "report/page.h"
#include "report/report.h"

#include <jansson.h>

/* "seen on the wire:", or "in the log:", and a line for each attempts watch; nothing where there is none. */
void text_policies(struct page *page, const struct report_result *result);

/* An array: an object for each attempts watch of the trace. */
json_t *json_policies(const struct redactor *secrets, const struct report_result *result);

#endif
