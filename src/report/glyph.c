#include "report/glyph.h"

#include "base/memory.h"
#include "base/utf8.h"

#include <stdint.h>
#include <string.h>

struct interval {
	uint32_t first, last;
};

/* Takes no column of its own: combining marks, variation selectors. */
static const struct interval zero_width[] = {
	{ 0x0300, 0x036F },
	{ 0x0483, 0x0489 },
	{ 0x0591, 0x05BD },
	{ 0x064B, 0x065F },
	{ 0x1AB0, 0x1AFF },
	{ 0x1DC0, 0x1DFF },
	{ 0x20D0, 0x20FF },
	{ 0xFE00, 0xFE0F },
	{ 0xFE20, 0xFE2F },
};

/* East Asian wide and emoji, in the coarse blocks that terminals agree on. */
static const struct interval double_width[] = {
	{ 0x1100, 0x115F },
	{ 0x2E80, 0x303E },
	{ 0x3041, 0xA4CF },
	{ 0xAC00, 0xD7A3 },
	{ 0xF900, 0xFAFF },
	{ 0xFE30, 0xFE6F },
	{ 0xFF00, 0xFF60 },
	{ 0xFFE0, 0xFFE6 },
	{ 0x1F300, 0x1F64F },
	{ 0x1F680, 0x1F6FF },
	{ 0x1F900, 0x1FAFF },
	{ 0x20000, 0x3FFFD },
};

/* Invisible, or able to show a text in another order than it is read ("Trojan Source", CVE-2021-42574). */
static const struct interval deceptive[] = {
	{ 0x00AD, 0x00AD },
	{ 0x061C, 0x061C },
	{ 0x200B, 0x200F },
	{ 0x2028, 0x202E },
	{ 0x2060, 0x206F },
	{ 0xFEFF, 0xFEFF },
	{ 0xFFF9, 0xFFFB },
	{ 0xE0000, 0xE0FFF },
};

static const struct {
	const char *glyph, *ascii;
} look_alikes[] = {
	{ "…", "..." },
	{ "µ", "u" },
	{ "–", "-" },
	{ "—", "-" },
	{ "→", "->" },
	{ "×", "x" },
	{ "≤", "<=" },
	{ "≥", ">=" },
	{ "±", "+-" },
	{ "‘", "'" },
	{ "’", "'" },
	{ "“", "\"" },
	{ "”", "\"" },
	{ "✓", "ok" },
	{ "✗", "x" },
	{ "✔", "ok" },
	{ "✘", "x" },
	{ "•", "*" },
	{ "·", "." },
	{ "│", "|" },
	{ "─", "-" },
	{ "━", "=" },
	{ "├", "|" },
	{ "┄", "." },
	{ "▲", "^" },
	{ "▾", "v" },
	{ "●", "o" },
	{ "╌", "-" },
	{ "└", "`" },
	{ "┬", "+" },
	{ "▸", ">" },
};

static bool is_within(const struct interval *intervals, size_t count, uint32_t point)
{
	for (size_t i = 0; i < count; i++)
		if (point >= intervals[i].first && point <= intervals[i].last)
			return true;
	return false;
}

/* The code point of a valid sequence of `size` bytes. */
static uint32_t decode(const char *bytes, size_t size)
{
	static const unsigned char lead_mask[] = { 0, 0x7F, 0x1F, 0x0F, 0x07 };
	uint32_t point = (unsigned char)bytes[0] & lead_mask[size];
	for (size_t i = 1; i < size; i++)
		point = point << 6 | ((unsigned char)bytes[i] & 0x3F);
	return point;
}

size_t glyph_size(const char *bytes, size_t length, size_t *ret_columns)
{
	size_t size = utf8_sequence_length(bytes, length);
	*ret_columns = 1;
	if (size <= 1)
		return 1;
	uint32_t point = decode(bytes, size);
	if (is_within(zero_width, ARRAY_LENGTH(zero_width), point))
		*ret_columns = 0;
	else if (is_within(double_width, ARRAY_LENGTH(double_width), point))
		*ret_columns = 2;
	return size;
}

size_t glyph_columns(const char *bytes, size_t length)
{
	size_t total = 0;
	for (size_t i = 0, columns; i < length; total += columns)
		i += glyph_size(bytes + i, length - i, &columns);
	return total;
}

static const char *find_look_alike(const char *bytes, size_t size)
{
	for (size_t i = 0; i < ARRAY_LENGTH(look_alikes); i++)
		if (strlen(look_alikes[i].glyph) == size && memcmp(look_alikes[i].glyph, bytes, size) == 0)
			return look_alikes[i].ascii;
	return NULL;
}

static void add_character(struct buf *out, const char *bytes, size_t size, bool ascii)
{
	if (size == 1) {
		buf_add_char(out, bytes[0]);
		return;
	}
	uint32_t point = decode(bytes, size);
	const char *look_alike = ascii ? find_look_alike(bytes, size) : NULL;
	if (look_alike)
		buf_add_string(out, look_alike);
	else if (ascii || is_within(deceptive, ARRAY_LENGTH(deceptive), point))
		buf_addf(out, "\\u%04x", point);
	else
		buf_add(out, bytes, size);
}

void glyph_add_safe(struct buf *out, const char *bytes, size_t length, size_t most, bool ascii)
{
	struct buf visible CLEANUP(buf_release) = { 0 };
	/* Not in the middle of a character. */
	if (most < length)
		while (most > 0 && ((unsigned char)bytes[most] & 0xC0) == 0x80)
			most--;
	buf_add_visible(&visible, bytes, length, most);
	for (size_t i = 0; i < visible.length;) {
		/* 0 cannot be: what was not UTF-8 has been escaped. */
		size_t size = utf8_sequence_length(visible.bytes + i, visible.length - i);
		size = size ? size : 1;
		add_character(out, visible.bytes + i, size, ascii);
		i += size;
	}
}
