/* What the parts of the JSON report share. */
#ifndef REPORT_JSON_PRIVATE_H
#define REPORT_JSON_PRIVATE_H

#include "base/redact.h"
#include "report/report.h"

#include <jansson.h>

/* Outside text: redacted, bounded, valid UTF-8; null for NULL. */
/* The value becomes the object's, or the array's. */
void json_put(json_t *object, const char *key, json_t *value);
void json_push(json_t *array, json_t *value);
/* An array: what the runs of each scenario that was run more than once say together. */
json_t *json_repetitions(const struct redactor *secrets, const struct report *report);
json_t *json_text(const struct redactor *secrets, const char *text);

#endif
