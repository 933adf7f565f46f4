#include "report/xml.h"

#include "base/utf8.h"

#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

/* Of an attribute; messages are looked at in lists. */
#define ATTRIBUTE_MAX 4096
#define REPLACEMENT "\xEF\xBF\xBD"

/* U+FFFE and U+FFFF are valid UTF-8 and not characters of XML. */
static bool is_noncharacter(const char *bytes, size_t size)
{
	return size == 3 && (memcmp(bytes, "\xEF\xBF\xBE", 3) == 0 || memcmp(bytes, "\xEF\xBF\xBF", 3) == 0);
}

static void add_byte(struct buf *out, unsigned char byte, bool attribute)
{
	switch (byte) {
	case '<':
		buf_add_string(out, "&lt;");
		return;
	case '>': /* always, so that "]]>" cannot come about */
		buf_add_string(out, "&gt;");
		return;
	case '&':
		buf_add_string(out, "&amp;");
		return;
	case '"':
		buf_add_string(out, attribute ? "&quot;" : "\"");
		return;
	case '\n':
	case '\t':
		if (attribute)
			buf_addf(out, "&#%d;", byte);
		else
			buf_add_char(out, (char)byte);
		return;
	case '\r': /* a parser would turn a bare one into a newline */
		buf_add_string(out, "&#13;");
		return;
	default:
		if (byte < 0x20)
			buf_add_string(out, REPLACEMENT);
		else
			buf_add_char(out, (char)byte);
	}
}

static void add(
    struct buf *out, const struct redactor *secrets, const char *bytes, size_t length, bool attribute)
{
	struct buf redacted CLEANUP(buf_release) = { 0 };
	redact(secrets, &redacted, bytes, length);
	if (attribute && redacted.length > ATTRIBUTE_MAX) {
		size_t end = ATTRIBUTE_MAX;
		while (end > 0 && ((unsigned char)redacted.bytes[end] & 0xC0) == 0x80)
			end--;
		redacted.length = end;
		buf_add_string(&redacted, "…");
	}
	for (size_t i = 0; i < redacted.length;) {
		const char *at = redacted.bytes + i;
		size_t size = utf8_sequence_length(at, redacted.length - i);
		if (size == 0 || is_noncharacter(at, size))
			buf_add_string(out, REPLACEMENT);
		else if (size == 1)
			add_byte(out, (unsigned char)*at, attribute);
		else
			buf_add(out, at, size);
		i += size ? size : 1;
	}
}

void xml_add_text(struct buf *out, const struct redactor *secrets, const char *bytes, size_t length)
{
	add(out, secrets, bytes, length, false);
}

void xml_add_attribute(struct buf *out, const struct redactor *secrets, const char *name, const char *value)
{
	buf_addf(out, " %s=\"", name);
	add(out, secrets, value, strlen(value), true);
	buf_add_char(out, '"');
}

void xml_add_attributef(
    struct buf *out, const struct redactor *secrets, const char *name, const char *format, ...)
{
	struct buf value CLEANUP(buf_release) = { 0 };
	va_list arguments;
	va_start(arguments, format);
	buf_vaddf(&value, format, arguments);
	va_end(arguments);
	xml_add_attribute(out, secrets, name, buf_string(&value));
}
