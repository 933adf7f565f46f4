/* What the parts of the JSON report share. */
#ifndef REPORT_JSON_PRIVATE_H
#define REPORT_JSON_PRIVATE_H

#include "base/redact.h"

#include <jansson.h>

/* Outside text: redacted, bounded, valid UTF-8; null for NULL. */
json_t *json_text(const struct redactor *secrets, const char *text);

#endif
