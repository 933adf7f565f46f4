#include "trace/scan.h"

#include "base/utf8.h"

#include <errno.h>
#include <string.h>

int scan_fail(struct scanner *scanner, const char *place, const char *complaint)
{
	scanner->place = place;
	scanner->complaint = complaint;
	scanner->at_end = place >= scanner->end;
	return -1;
}

/* NUL at the end. */
static char scan_peek(const struct scanner *scanner)
{
	if (scanner->cursor >= scanner->end)
		return '\0';
	return *scanner->cursor;
}

void scan_blanks(struct scanner *scanner)
{
	while (scanner->cursor < scanner->end && (*scanner->cursor == ' ' || *scanner->cursor == '\t'))
		scanner->cursor++;
}

int scan_char(struct scanner *scanner, char wanted, const char *complaint)
{
	scan_blanks(scanner);
	if (scanner->cursor >= scanner->end || *scanner->cursor != wanted)
		return scan_fail(scanner, scanner->cursor, complaint);
	scanner->cursor++;
	return 0;
}

/* ---- strings ---- */

static int scan_hex4(struct scanner *scanner, uint32_t *ret_unit)
{
	uint32_t unit = 0;
	for (int i = 0; i < 4; i++, scanner->cursor++) {
		if (scanner->cursor >= scanner->end)
			return scan_fail(scanner, scanner->end, "the string has no end");
		char digit = *scanner->cursor;
		unit <<= 4;
		if (digit >= '0' && digit <= '9')
			unit |= (uint32_t)(digit - '0');
		else if ((digit | 0x20) >= 'a' && (digit | 0x20) <= 'f')
			unit |= (uint32_t)((digit | 0x20) - 'a' + 10);
		else
			return scan_fail(scanner, scanner->cursor, "\\u wants four hexadecimal digits");
	}
	*ret_unit = unit;
	return 0;
}

static char *add_utf8(char *out, uint32_t rune)
{
	if (rune < 0x80) {
		*out++ = (char)rune;
	} else if (rune < 0x800) {
		*out++ = (char)(0xC0 | rune >> 6);
		*out++ = (char)(0x80 | (rune & 0x3F));
	} else if (rune < 0x10000) {
		*out++ = (char)(0xE0 | rune >> 12);
		*out++ = (char)(0x80 | (rune >> 6 & 0x3F));
		*out++ = (char)(0x80 | (rune & 0x3F));
	} else {
		*out++ = (char)(0xF0 | rune >> 18);
		*out++ = (char)(0x80 | (rune >> 12 & 0x3F));
		*out++ = (char)(0x80 | (rune >> 6 & 0x3F));
		*out++ = (char)(0x80 | (rune & 0x3F));
	}
	return out;
}

enum { HIGH_SURROGATE = 0xD800, LOW_SURROGATE = 0xDC00, SURROGATE_END = 0xE000, REPLACEMENT = 0xFFFD };

/* After "\u". A surrogate without its other half becomes U+FFFD, as most readers of JSON have it. */
static int scan_rune(struct scanner *scanner, uint32_t *ret_rune)
{
	uint32_t unit;
	if (scan_hex4(scanner, &unit) < 0)
		return -1;
	if (unit >= HIGH_SURROGATE && unit < LOW_SURROGATE && scanner->end - scanner->cursor >= 6 &&
	    scanner->cursor[0] == '\\' && scanner->cursor[1] == 'u') {
		const char *before = scanner->cursor;
		uint32_t low;
		scanner->cursor += 2;
		if (scan_hex4(scanner, &low) < 0)
			return -1;
		if (low >= LOW_SURROGATE && low < SURROGATE_END) {
			*ret_rune = 0x10000 + ((unit - HIGH_SURROGATE) << 10) + (low - LOW_SURROGATE);
			return 0;
		}
		scanner->cursor = before;
	}
	*ret_rune = unit >= HIGH_SURROGATE && unit < SURROGATE_END ? REPLACEMENT : unit;
	return 0;
}

/* The cursor is behind the backslash. */
static int scan_escape(struct scanner *scanner, char **out)
{
	static const char names[] = "\"\\/bfnrt", bytes[] = "\"\\/\b\f\n\r\t";
	if (scanner->cursor >= scanner->end)
		return scan_fail(scanner, scanner->end, "the string has no end");
	char name = *scanner->cursor++;
	if (name == 'u') {
		uint32_t rune;
		if (scan_rune(scanner, &rune) < 0)
			return -1;
		*out = add_utf8(*out, rune);
		return 0;
	}
	const char *found = name ? strchr(names, name) : NULL;
	if (!found)
		return scan_fail(scanner, scanner->cursor - 1, "JSON has no such escape");
	*(*out)++ = bytes[found - names];
	return 0;
}

/* Moves the cursor past the bytes that stand for themselves, up to a quote or backslash. */
static int scan_plain(struct scanner *scanner)
{
	while (scanner->cursor < scanner->end) {
		unsigned char byte = (unsigned char)*scanner->cursor;
		if (byte == '"' || byte == '\\')
			return 0;
		if (byte < 0x20)
			return scan_fail(
			    scanner, scanner->cursor, "a control character in a string has to be escaped");
		if (byte < 0x80) {
			scanner->cursor++;
			continue;
		}
		size_t left = (size_t)(scanner->end - scanner->cursor);
		size_t size = utf8_sequence_length(scanner->cursor, left);
		if (size == 0)
			return scan_fail(scanner, left < 4 ? scanner->end : scanner->cursor,
			    "the string is not valid UTF-8");
		scanner->cursor += size;
	}
	return scan_fail(scanner, scanner->end, "the string has no end");
}

static int scan_escaped_rest(struct scanner *scanner, const char *start, struct slice *ret_slice)
{
	/* No escape is longer decoded than encoded; the closing quote's byte becomes the NUL. */
	size_t room = (size_t)(scanner->end - start) + 1;
	const char *quote = memchr(scanner->cursor, '"', (size_t)(scanner->end - scanner->cursor));
	while (quote && quote[-1] == '\\')
		quote = memchr(quote + 1, '"', (size_t)(scanner->end - quote - 1));
	if (quote)
		room = (size_t)(quote - start) + 1;
	char *bytes = arena_room(scanner->arena, room), *out = bytes;
	const char *from = start;
	for (;;) {
		memcpy(out, from, (size_t)(scanner->cursor - from));
		out += scanner->cursor - from;
		if (*scanner->cursor++ == '"')
			break;
		if (scan_escape(scanner, &out) < 0)
			return -1;
		from = scanner->cursor;
		if (scan_plain(scanner) < 0)
			return -1;
	}
	*out = '\0';
	*ret_slice = (struct slice){ .bytes = bytes, .length = (size_t)(out - bytes), .in_arena = true };
	arena_trim(scanner->arena, room - (size_t)(out - bytes) - 1);
	return 0;
}

int scan_string(struct scanner *scanner, struct slice *ret_slice)
{
	if (scan_char(scanner, '"', "a string is wanted here") < 0)
		return -1;
	const char *start = scanner->cursor;
	if (scan_plain(scanner) < 0)
		return -1;
	if (*scanner->cursor == '\\')
		return scan_escaped_rest(scanner, start, ret_slice);
	*ret_slice = (struct slice){ .bytes = start, .length = (size_t)(scanner->cursor - start) };
	scanner->cursor++;
	return 0;
}

/* ---- numbers and words ---- */

static bool is_digit(const struct scanner *scanner)
{
	return scanner->cursor < scanner->end && *scanner->cursor >= '0' && *scanner->cursor <= '9';
}

int scan_int64(struct scanner *scanner, int64_t *ret_value)
{
	scan_blanks(scanner);
	const char *start = scanner->cursor;
	bool negative = start < scanner->end && *start == '-';
	scanner->cursor += negative;
	if (!is_digit(scanner))
		return scan_fail(scanner, scanner->cursor, "a whole number is wanted here");
	if (*scanner->cursor == '0' && scanner->cursor + 1 < scanner->end && scanner->cursor[1] >= '0' &&
	    scanner->cursor[1] <= '9')
		return scan_fail(scanner, start, "a number has no leading zeros");
	/* Negative, because INT64_MIN has no positive counterpart. */
	int64_t value = 0;
	for (; is_digit(scanner); scanner->cursor++)
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_sub_overflow(value, *scanner->cursor - '0', &value))
			return scan_fail(scanner, start, "the number does not fit 64 bits");
	if (scanner->cursor < scanner->end &&
	    (*scanner->cursor == '.' || *scanner->cursor == 'e' || *scanner->cursor == 'E'))
		return scan_fail(scanner, start, "a whole number is wanted here, not a fraction");
	if (!negative && value == INT64_MIN)
		return scan_fail(scanner, start, "the number does not fit 64 bits");
	*ret_value = negative ? value : -value;
	return 0;
}

static int scan_digits(struct scanner *scanner)
{
	if (!is_digit(scanner))
		return scan_fail(scanner, scanner->cursor, "a number is wanted here");
	while (is_digit(scanner))
		scanner->cursor++;
	return 0;
}

int scan_double(struct scanner *scanner, double *ret_value)
{
	scan_blanks(scanner);
	const char *start = scanner->cursor;
	if (scanner->cursor < scanner->end && *scanner->cursor == '-')
		scanner->cursor++;
	if (scan_digits(scanner) < 0)
		return -1;
	if (scanner->cursor < scanner->end && *scanner->cursor == '.') {
		scanner->cursor++;
		if (scan_digits(scanner) < 0)
			return -1;
	}
	if (scanner->cursor < scanner->end && (*scanner->cursor | 0x20) == 'e') {
		scanner->cursor++;
		if (scanner->cursor < scanner->end && (*scanner->cursor == '+' || *scanner->cursor == '-'))
			scanner->cursor++;
		if (scan_digits(scanner) < 0)
			return -1;
	}
	char text[64];
	size_t length = (size_t)(scanner->cursor - start);
	if (length >= sizeof(text))
		return scan_fail(scanner, start, "the number has too many digits");
	memcpy(text, start, length);
	text[length] = '\0';
	errno = 0;
	*ret_value = strtod(text, NULL);
	return errno ? scan_fail(scanner, start, "the number does not fit a double") : 0;
}

static bool scan_word(struct scanner *scanner, const char *word)
{
	size_t length = strlen(word);
	scan_blanks(scanner);
	if ((size_t)(scanner->end - scanner->cursor) < length || memcmp(scanner->cursor, word, length) != 0)
		return false;
	scanner->cursor += length;
	return true;
}

/* Is what is left of the line the beginning of `word`? */
static bool is_cut_word(const struct scanner *scanner, const char *word)
{
	size_t left = (size_t)(scanner->end - scanner->cursor);
	return left < strlen(word) && memcmp(scanner->cursor, word, left) == 0;
}

int scan_bool(struct scanner *scanner, bool *ret_value)
{
	bool is_true = scan_word(scanner, "true");
	if (is_true || scan_word(scanner, "false")) {
		*ret_value = is_true;
		return 0;
	}
	bool is_cut = is_cut_word(scanner, "true") || is_cut_word(scanner, "false");
	return scan_fail(scanner, is_cut ? scanner->end : scanner->cursor, "true or false is wanted here");
}

bool scan_null(struct scanner *scanner)
{
	return scan_word(scanner, "null");
}

/* ---- values that nobody wants ---- */

enum { NESTING_MAX = 64 };

static int scan_skip_scalar(struct scanner *scanner)
{
	scan_blanks(scanner);
	char first = scan_peek(scanner);
	struct slice slice;
	double number;
	bool truth;
	if (first == '"')
		return scan_string(scanner, &slice);
	if (first == '-' || (first >= '0' && first <= '9'))
		return scan_double(scanner, &number);
	if (scan_null(scanner))
		return 0;
	if (scan_bool(scanner, &truth) == 0)
		return 0;
	bool is_cut = scanner->at_end || is_cut_word(scanner, "null");
	return scan_fail(scanner, is_cut ? scanner->end : scanner->cursor, "a value is wanted here");
}

/* Skips "key": in front of a member of an object. */
static int scan_skip_key(struct scanner *scanner)
{
	struct slice key;
	if (scan_string(scanner, &key) < 0)
		return -1;
	return scan_char(scanner, ':', "`:` is wanted after a key");
}

int scan_skip_value(struct scanner *scanner)
{
	char closers[NESTING_MAX];
	size_t depth = 0;
	for (;;) {
		scan_blanks(scanner);
		char first = scan_peek(scanner);
		bool opened = first == '{' || first == '[';
		if (opened) {
			if (depth == NESTING_MAX)
				return scan_fail(scanner, scanner->cursor, "the value is nested too deeply");
			closers[depth++] = first == '{' ? '}' : ']';
			scanner->cursor++;
			scan_blanks(scanner);
		} else if (scan_skip_scalar(scanner) < 0) {
			return -1;
		}
		/* Close what ends here; an empty object or array ends at once. */
		bool more = false;
		while (depth > 0 && !more) {
			scan_blanks(scanner);
			char next = scan_peek(scanner);
			if (next == closers[depth - 1]) {
				scanner->cursor++;
				depth--;
				opened = false;
			} else if (opened) {
				more = true;
			} else if (next == ',') {
				scanner->cursor++;
				more = true;
			} else {
				return scan_fail(scanner, scanner->cursor,
				    "`,` or the end of the object or array is wanted here");
			}
		}
		if (depth == 0)
			return 0;
		if (closers[depth - 1] == '}' && scan_skip_key(scanner) < 0)
			return -1;
	}
}
