#include "base/buf.h"

#include "base/memory.h"
#include "base/utf8.h"

#include <stdio.h>
#include <string.h>

void buf_release(struct buf *buf)
{
	free(buf->bytes);
	*buf = (struct buf){ .max = buf->max };
}

void buf_clear(struct buf *buf)
{
	buf->length = 0;
	buf->cut = false;
	if (buf->bytes)
		buf->bytes[0] = '\0';
}

static void reserve(struct buf *buf, size_t more)
{
	size_t need = buf->length + more + 1;
	if (need <= buf->capacity)
		return;
	size_t capacity = buf->capacity ? buf->capacity : 64;
	while (capacity < need)
		capacity *= 2;
	buf->bytes = xrealloc(buf->bytes, capacity);
	buf->capacity = capacity;
}

void buf_add(struct buf *buf, const void *bytes, size_t length)
{
	if (buf->max && length > buf->max - buf->length) {
		length = buf->max - buf->length;
		buf->cut = true;
	}
	reserve(buf, length);
	if (length)
		memcpy(buf->bytes + buf->length, bytes, length);
	buf->length += length;
	buf->bytes[buf->length] = '\0';
}

void buf_add_string(struct buf *buf, const char *text)
{
	buf_add(buf, text, strlen(text));
}

void buf_add_char(struct buf *buf, char byte)
{
	buf_add(buf, &byte, 1);
}

void buf_vaddf(struct buf *buf, const char *format, va_list arguments)
{
	char *text OWNED = NULL;
	int length = vasprintf(&text, format, arguments);
	if (length < 0)
		abort();
	buf_add(buf, text, (size_t)length);
}

void buf_addf(struct buf *buf, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	buf_vaddf(buf, format, arguments);
	va_end(arguments);
}

void buf_consume(struct buf *buf, size_t length)
{
	if (length > buf->length)
		length = buf->length;
	if (length == 0)
		return;
	memmove(buf->bytes, buf->bytes + length, buf->length - length + 1);
	buf->length -= length;
}

const char *buf_string(const struct buf *buf)
{
	return buf->bytes ? buf->bytes : "";
}

char *buf_steal(struct buf *buf)
{
	char *bytes = buf->bytes ? steal_ptr(buf->bytes) : xstrdup("");
	*buf = (struct buf){ .max = buf->max };
	return bytes;
}

void buf_add_json_string(struct buf *buf, const char *bytes, size_t length)
{
	buf_add_char(buf, '"');
	for (size_t i = 0; i < length;) {
		unsigned char byte = (unsigned char)bytes[i];
		size_t size = utf8_sequence_length(bytes + i, length - i);
		if (size == 0) {
			buf_add_string(buf, "\\ufffd");
			size = 1;
		} else if (byte == '"' || byte == '\\') {
			char escaped[2] = { '\\', (char)byte };
			buf_add(buf, escaped, 2);
		} else if (byte == '\n') {
			buf_add_string(buf, "\\n");
		} else if (byte < 0x20 || byte == 0x7F) {
			buf_addf(buf, "\\u%04x", byte);
		} else {
			buf_add(buf, bytes + i, size);
		}
		i += size;
	}
	buf_add_char(buf, '"');
}

/* C1 control characters (U+0080 to U+009F) steer terminals just as C0 ones do. */
static bool is_c1_control(const char *bytes, size_t size)
{
	return size == 2 && (unsigned char)bytes[0] == 0xC2 && (unsigned char)bytes[1] < 0xA0;
}

void buf_add_visible(struct buf *buf, const char *bytes, size_t length, size_t most)
{
	size_t shown = length > most ? most : length;
	for (size_t i = 0; i < shown;) {
		unsigned char byte = (unsigned char)bytes[i];
		size_t size = utf8_sequence_length(bytes + i, length - i);
		if (byte == '\n') {
			buf_add_string(buf, "\\n");
			size = 1;
		} else if (byte == '\t') {
			buf_add_char(buf, ' ');
			size = 1;
		} else if (size == 0 || byte < 0x20 || byte == 0x7F) {
			buf_addf(buf, "\\x%02x", byte);
			size = 1;
		} else if (is_c1_control(bytes + i, size)) {
			buf_addf(buf, "\\u00%02x", (unsigned char)bytes[i + 1]);
		} else {
			buf_add(buf, bytes + i, size);
		}
		i += size;
	}
	if (shown < length)
		buf_add_string(buf, "…");
}
