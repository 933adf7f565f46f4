/* xml: any bytes as XML 1.0 text: invalid UTF-8 and characters that XML forbids become U+FFFD. */
#ifndef REPORT_XML_H
#define REPORT_XML_H

#include "base/buf.h"
#include "base/redact.h"

/* Redacted and escaped, for element content: newlines and tabs stay. */
void xml_add_text(struct buf *out, const struct redactor *secrets, const char *bytes, size_t length);
/* ` name="value"`, redacted and escaped; newlines and tabs as character references. After 4096 bytes
 * an ellipsis. */
void xml_add_attribute(struct buf *out, const struct redactor *secrets, const char *name, const char *value);
void xml_add_attributef(struct buf *out, const struct redactor *secrets, const char *name, const char *format,
    ...) __attribute__((format(printf, 4, 5)));

#endif
