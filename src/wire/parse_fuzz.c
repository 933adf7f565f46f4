/* Lines that are broken in any way: no crash, no read past the end, and an error that says something. */
#include "wire/wire.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(const char *text, size_t size)
{
	if (strnlen(text, size) == size)
		BUG("a field is not ended");
}

static void parse_line(const char *line, size_t length)
{
	struct notice notice;
	struct err err = ERR_INIT;
	if (wire_parse(line, length, &notice, &err) < 0) {
		if (err.kind != ERR_ENVIRONMENT || !err.message[0])
			BUG("refused without saying why");
		return;
	}
	check_text(notice.local.address, sizeof(notice.local.address));
	check_text(notice.remote.address, sizeof(notice.remote.address));
	check_text(notice.type, sizeof(notice.type));
	check_text(notice.name, sizeof(notice.name));
	check_text(notice.word, sizeof(notice.word));
	check_text(notice.text, sizeof(notice.text));
	if (notice.at_ns < 0 || notice.number < 0 || notice.address_count < 0 ||
	    notice.address_count > NOTICE_ADDRESSES_MAX || notice.local.port > 65535 ||
	    notice.remote.port > 65535)
		BUG("a number is out of its range");
	for (int i = 0; i < notice.address_count; i++)
		check_text(notice.addresses[i], sizeof(notice.addresses[i]));
}

/* Each line by itself, from memory that ends where the line ends. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	while (size > 0) {
		const char *newline = memchr(text, '\n', size);
		size_t length = newline ? (size_t)(newline - text) : size;
		char *line = xmalloc(length ? length : 1);
		memcpy(line, text, length);
		parse_line(line, length);
		free(line);
		length += newline != NULL;
		text += length;
		size -= length;
	}
	return 0;
}
