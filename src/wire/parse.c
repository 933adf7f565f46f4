#include "base/buf.h"
#include "base/number.h"
#include "wire/wire.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* A line under way: what is left of it, and the first thing that is wrong with it. */
struct reading {
	char *cursor;      /* into a NUL-terminated copy; NULL: the line is used up */
	const char *field; /* the one read last */
	struct notice *notice;
	char problem[256];
};

__attribute__((format(printf, 2, 3))) static int wrong(struct reading *reading, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(reading->problem, sizeof(reading->problem), format, arguments);
	va_end(arguments);
	return -1;
}

/* ---- fields ---- */

/* Up to the next space. An empty field is there only where the line says so: "a  b", "a ". */
static int next_field(struct reading *reading, const char *what)
{
	if (!reading->cursor)
		return wrong(reading, "it ends before its %s", what);
	reading->field = reading->cursor;
	reading->cursor = strchr(reading->cursor, ' ');
	if (reading->cursor)
		*reading->cursor++ = '\0';
	return 0;
}

static int read_number(struct reading *reading, const char *what, int64_t most, int64_t *ret_number)
{
	if (next_field(reading, what) < 0)
		return -1;
	if (number_parse(reading->field, 0, most, ret_number) < 0)
		return wrong(reading, "its %s is `%.40s`, not a number from 0 to %lld", what, reading->field,
		    (long long)most);
	return 0;
}

static int read_time(struct reading *reading)
{
	return read_number(reading, "time", INT64_MAX, &reading->notice->at_ns);
}

/* An IPv4 address in IPv6's clothes is what a socket of both families shows; on the wire it is IPv4. */
static int canonical_address(const char *text, char ret_address[46])
{
	struct in_addr four;
	struct in6_addr six;
	if (inet_pton(AF_INET, text, &four) == 1) {
		inet_ntop(AF_INET, &four, ret_address, 46);
		return 0;
	}
	if (inet_pton(AF_INET6, text, &six) != 1)
		return -1;
	if (IN6_IS_ADDR_V4MAPPED(&six))
		inet_ntop(AF_INET, &six.s6_addr[12], ret_address, 46);
	else
		inet_ntop(AF_INET6, &six, ret_address, 46);
	return 0;
}

static int parse_endpoint(const char *text, struct endpoint *ret_endpoint)
{
	const char *colon = strrchr(text, ':');
	int64_t port;
	if (!colon || number_parse(colon + 1, 0, 65535, &port) < 0)
		return -1;
	size_t length = (size_t)(colon - text);
	bool is_bracketed = text[0] == '[';
	if (is_bracketed && (length < 2 || text[length - 1] != ']'))
		return -1;
	char host[64];
	if (is_bracketed) {
		text++;
		length -= 2;
	}
	if (length >= sizeof(host))
		return -1;
	memcpy(host, text, length);
	host[length] = '\0';
	/* Without brackets, the last group of an IPv6 address would be taken for the port. */
	if ((strchr(host, ':') != NULL) != is_bracketed || canonical_address(host, ret_endpoint->address) < 0)
		return -1;
	ret_endpoint->port = (int)port;
	return 0;
}

static int read_endpoint(struct reading *reading, const char *what, struct endpoint *ret_endpoint)
{
	if (next_field(reading, what) < 0)
		return -1;
	if (parse_endpoint(reading->field, ret_endpoint) < 0)
		return wrong(reading, "its %s is `%.80s`, not an address and port as 192.0.2.1:6379", what,
		    reading->field);
	return 0;
}

/* One of a few; `words` is separated and ended by spaces. */
static int read_word(struct reading *reading, const char *what, const char *words)
{
	if (next_field(reading, what) < 0)
		return -1;
	size_t length = strlen(reading->field);
	for (const char *word = words; *word;) {
		const char *end = strchr(word, ' ');
		if ((size_t)(end - word) == length && memcmp(word, reading->field, length) == 0) {
			memcpy(reading->notice->word, reading->field, length + 1);
			return 0;
		}
		word = end + 1;
	}
	return wrong(reading, "its %s is `%.40s`, not one of: %.*s", what, reading->field,
	    (int)strlen(words) - 1, words);
}

static int hexadecimal(char digit)
{
	static const char digits[] = "0123456789ABCDEFabcdef";
	const char *found = digit ? strchr(digits, digit) : NULL;
	if (!found)
		return -1;
	ptrdiff_t value = found - digits;
	return (int)(value < 16 ? value : value - 6);
}

/* Fills `text`, which has room for `size` bytes with its NUL, from a field with %XX in it. A NUL of the
 * field becomes `nul`. */
static int unescape(struct reading *reading, const char *what, char nul, char *text, size_t size)
{
	size_t length = 0;
	for (const char *from = reading->field; *from; from++) {
		char byte = *from;
		if (byte == '%') {
			int high = hexadecimal(from[1]), low = high < 0 ? -1 : hexadecimal(from[2]);
			if (low < 0)
				return wrong(reading,
				    "its %s has a %% that two hexadecimal digits do not "
				    "follow",
				    what);
			byte = (char)(high * 16 + low);
			if (byte == '\0')
				byte = nul;
			from += 2;
		}
		if (length + 1 == size)
			return wrong(reading, "its %s is longer than %zu bytes", what, size - 1);
		text[length++] = byte;
	}
	text[length] = '\0';
	return 0;
}

/* A name is only ever compared: a NUL in it must not make it equal to a shorter one. */
static int read_name(struct reading *reading)
{
	char *name = reading->notice->name;
	if (next_field(reading, "name") < 0 ||
	    unescape(reading, "name", '?', name, sizeof(reading->notice->name)) < 0)
		return -1;
	if (!*name)
		return wrong(reading, "its name is empty");
	for (char *byte = name; *byte; byte++)
		if (*byte >= 'A' && *byte <= 'Z')
			*byte = (char)(*byte - 'A' + 'a');
	size_t length = strlen(name);
	if (name[length - 1] == '.')
		name[length - 1] = '\0';
	return 0;
}

static int read_type(struct reading *reading)
{
	int64_t number;
	if (next_field(reading, "type") < 0)
		return -1;
	bool is_type = strcmp(reading->field, "A") == 0 || strcmp(reading->field, "AAAA") == 0 ||
		       (strlen(reading->field) < sizeof(reading->notice->type) &&
			   number_parse(reading->field, 0, 65535, &number) == 0);
	if (!is_type)
		return wrong(reading, "its type is `%.40s`, not A, AAAA or a number", reading->field);
	memcpy(reading->notice->type, reading->field, strlen(reading->field) + 1);
	return 0;
}

/* A word of which only the form is known. */
static int read_token(struct reading *reading, const char *what, char *text, size_t size)
{
	if (next_field(reading, what) < 0)
		return -1;
	size_t length = strlen(reading->field);
	if (length == 0 || length >= size)
		return wrong(reading, "its %s `%.80s` is not a word of 1 to %zu bytes", what, reading->field,
		    size - 1);
	memcpy(text, reading->field, length + 1);
	return 0;
}

/* ---- lines ---- */

static int read_hello(struct reading *reading)
{
	int64_t version;
	struct notice *notice = reading->notice;
	if (read_number(reading, "version", INT64_MAX, &version) < 0)
		return -1;
	if (version != 1)
		return wrong(reading,
		    "it speaks version %lld, this program speaks version 1: the two were "
		    "not built together",
		    (long long)version);
	if (read_token(reading, "architecture", notice->word, sizeof(notice->word)) < 0 ||
	    read_token(reading, "boot id", notice->text, sizeof(notice->text)) < 0)
		return -1;
	return read_time(reading);
}

static int read_ok(struct reading *reading)
{
	if (read_number(reading, "number", INT64_MAX, &reading->notice->number) < 0)
		return -1;
	return read_time(reading);
}

/* Its message is a sentence, to the end of the line. */
static int read_error(struct reading *reading)
{
	struct notice *notice = reading->notice;
	if (read_number(reading, "number", INT64_MAX, &notice->number) < 0)
		return -1;
	if (!reading->cursor || !*reading->cursor)
		return wrong(reading, "it ends before its message");
	size_t length = strlen(reading->cursor);
	if (length >= sizeof(notice->text))
		length = sizeof(notice->text) - 1;
	memcpy(notice->text, reading->cursor, length);
	notice->text[length] = '\0';
	reading->cursor = NULL;
	return 0;
}

static int read_query(struct reading *reading)
{
	struct notice *notice = reading->notice;
	if (read_time(reading) < 0 || read_endpoint(reading, "client", &notice->local) < 0 ||
	    read_number(reading, "id", 65535, &notice->number) < 0 || read_type(reading) < 0)
		return -1;
	return read_name(reading);
}

static int read_answer(struct reading *reading)
{
	struct notice *notice = reading->notice;
	if (read_query(reading) < 0 || read_token(reading, "rcode", notice->word, sizeof(notice->word)) < 0)
		return -1;
	while (reading->cursor) {
		char address[46];
		if (next_field(reading, "address") < 0)
			return -1;
		if (canonical_address(reading->field, address) < 0)
			return wrong(reading, "`%.80s` is not an address", reading->field);
		if (notice->address_count < NOTICE_ADDRESSES_MAX)
			memcpy(notice->addresses[notice->address_count++], address, sizeof(address));
	}
	return 0;
}

static int read_connection(struct reading *reading)
{
	if (read_time(reading) < 0 || read_endpoint(reading, "local end", &reading->notice->local) < 0)
		return -1;
	return read_endpoint(reading, "remote end", &reading->notice->remote);
}

static int read_unreachable(struct reading *reading)
{
	if (read_connection(reading) < 0)
		return -1;
	return read_number(reading, "code", 255, &reading->notice->number);
}

static int read_said(struct reading *reading)
{
	struct notice *notice = reading->notice;
	if (read_connection(reading) < 0 ||
	    read_word(reading, "outcome", "connected loading denied tls unknown ") < 0)
		return -1;
	if (next_field(reading, "text") < 0)
		return -1;
	return unescape(reading, "text", '\0', notice->text, sizeof(notice->text));
}

static int read_ended(struct reading *reading)
{
	if (read_connection(reading) < 0)
		return -1;
	return read_word(reading, "who", "client server ");
}

static int read_abandoned(struct reading *reading)
{
	if (read_time(reading) < 0)
		return -1;
	return read_endpoint(reading, "client", &reading->notice->local);
}

static int read_lost(struct reading *reading)
{
	if (read_time(reading) < 0)
		return -1;
	return read_number(reading, "count", INT64_MAX, &reading->notice->number);
}

static int read_late(struct reading *reading)
{
	if (read_time(reading) < 0)
		return -1;
	return read_number(reading, "nanoseconds", INT64_MAX, &reading->notice->number);
}

static int read_phase(struct reading *reading)
{
	struct notice *notice = reading->notice;
	int64_t port;
	if (read_time(reading) < 0 || read_number(reading, "port", 65535, &port) < 0)
		return -1;
	notice->remote.port = (int)port;
	if (port == 0) {
		if (read_word(reading, "resolution", "answer ") < 0)
			return -1;
		return read_name(reading);
	}
	if (read_word(reading, "phase", "unreachable refused hung closing loading denied slow ready ") < 0)
		return -1;
	return read_number(reading, "index", INT32_MAX, &notice->number);
}

static const struct {
	const char *word;
	enum notice_kind kind;
	int (*read)(struct reading *reading);
} lines[] = {
	{ "hello", NOTICE_HELLO, read_hello },
	{ "ok", NOTICE_OK, read_ok },
	{ "error", NOTICE_ERROR, read_error },
	{ "query", NOTICE_QUERY, read_query },
	{ "answer", NOTICE_ANSWER, read_answer },
	{ "syn", NOTICE_SYN, read_connection },
	{ "again", NOTICE_AGAIN, read_connection },
	{ "open", NOTICE_OPEN, read_connection },
	{ "refused", NOTICE_REFUSED, read_connection },
	{ "unreachable", NOTICE_UNREACHABLE, read_unreachable },
	{ "asked", NOTICE_ASKED, read_connection },
	{ "said", NOTICE_SAID, read_said },
	{ "closed", NOTICE_CLOSED, read_ended },
	{ "reset", NOTICE_RESET, read_ended },
	{ "gone", NOTICE_GONE, read_connection },
	{ "abandoned", NOTICE_ABANDONED, read_abandoned },
	{ "lost", NOTICE_LOST, read_lost },
	{ "late", NOTICE_LATE, read_late },
	{ "phase", NOTICE_PHASE, read_phase },
};

static int read_line(struct reading *reading)
{
	if (next_field(reading, "first word") < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_LENGTH(lines); i++) {
		if (strcmp(reading->field, lines[i].word) != 0)
			continue;
		reading->notice->kind = lines[i].kind;
		if (lines[i].read(reading) < 0)
			return -1;
		if (reading->cursor)
			return wrong(reading, "it goes on behind its last field");
		return 0;
	}
	return wrong(reading, "an agent says no `%.40s`", reading->field);
}

static int copy_line(struct reading *reading, const char *line, size_t length, char *copy)
{
	if (length > WIRE_LINE_MAX)
		return wrong(reading, "it has %zu bytes, more than %d", length, WIRE_LINE_MAX);
	for (size_t i = 0; i < length; i++)
		if (line[i] < ' ' || line[i] > '~')
			return wrong(reading, "its byte %zu is not printable ASCII", i + 1);
	if (length > 0)
		memcpy(copy, line, length);
	copy[length] = '\0';
	reading->cursor = copy;
	return 0;
}

int wire_parse(const char *line, size_t length, struct notice *ret_notice, struct err *err)
{
	char copy[WIRE_LINE_MAX + 1];
	struct notice notice = { 0 };
	struct reading reading = { .notice = &notice };
	if (copy_line(&reading, line, length, copy) < 0 || read_line(&reading) < 0) {
		CLEANUP(buf_release) struct buf shown = { 0 };
		buf_add_visible(&shown, line, length, 100);
		return err_set(err, ERR_ENVIRONMENT, "the agent's line `%s` cannot be read: %s",
		    buf_string(&shown), reading.problem);
	}
	*ret_notice = notice;
	return 0;
}
