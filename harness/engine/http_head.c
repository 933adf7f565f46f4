#include "engine/http_head.h"

#include "base/number.h"

#include <string.h>
#include <strings.h>

#define STRANGE_MAX 80
#define RAW_TYPE "application/vnd.docker."

void http_head_init(struct http_head *head)
{
	*head = (struct http_head){ .content_length = -1 };
}

void http_head_release(struct http_head *head)
{
	buf_release(&head->line);
}

/* "HTTP/1.1 101 UPGRADED" */
static int read_status(struct http_head *head, const char *line, size_t length, struct err *err)
{
	static const char beginning[] = "HTTP/1.";
	const char *at = line + strlen(beginning);
	int64_t status;
	if (strncmp(line, beginning, strlen(beginning)) == 0 && (*at == '0' || *at == '1') && at[1] == ' ') {
		at += 2;
		if (number_scan(&at, 100, 599, &status) == 0 && (*at == ' ' || !*at)) {
			head->status = (int)status;
			head->has_status = true;
			return 0;
		}
	}
	struct buf shown CLEANUP(buf_release) = { 0 };
	buf_add_visible(&shown, line, length, STRANGE_MAX);
	return err_set(err, ERR_ENVIRONMENT,
	    "an HTTP reply was due, but there came: %s (is this a Docker engine?)", buf_string(&shown));
}

static const char *value_of(const char *line, const char *name)
{
	size_t length = strlen(name);
	if (strncasecmp(line, name, length) != 0 || line[length] != ':')
		return NULL;
	return line + length + 1 + strspn(line + length + 1, " \t");
}

static void read_field(struct http_head *head, const char *line)
{
	const char *value;
	if ((value = value_of(line, "Content-Length"))) {
		if (number_scan(&value, 0, INT64_MAX, &head->content_length) < 0)
			head->content_length = -1;
	} else if ((value = value_of(line, "Content-Type"))) {
		head->is_raw = strncasecmp(value, RAW_TYPE, strlen(RAW_TYPE)) == 0;
	}
}

/* The line without its end. 1 if it was the last of the head. */
static int read_line(struct http_head *head, struct err *err)
{
	struct buf *line = &head->line;
	if (line->length && line->bytes[line->length - 1] == '\r')
		line->bytes[--line->length] = '\0';
	if (!head->has_status)
		return read_status(head, buf_string(line), line->length, err);
	if (line->length == 0)
		return 1;
	read_field(head, line->bytes);
	return 0;
}

int http_head_take(struct http_head *head, const char **bytes, size_t *length, struct err *err)
{
	while (*length) {
		const char *newline = memchr(*bytes, '\n', *length);
		size_t count = newline ? (size_t)(newline - *bytes) : *length;
		if (head->length + count > HTTP_HEAD_MAX)
			return err_set(err, ERR_ENVIRONMENT,
			    "the head of the reply is longer than the %lu KiB allowed", HTTP_HEAD_MAX >> 10);
		buf_add(&head->line, *bytes, count);
		count += newline != NULL;
		head->length += count;
		*bytes += count;
		*length -= count;
		if (!newline)
			return 0;
		int got = read_line(head, err);
		if (got != 0)
			return got;
		buf_clear(&head->line);
	}
	return 0;
}
