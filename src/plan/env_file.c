#include "plan/env_file.h"

#include "base/buf.h"
#include "plan/file.h"
#include "plan/interpolate.h"
#include "plan/scalars.h"

#include <ctype.h>
#include <string.h>

struct env_reader {
	const char *path;
	int line;
	const struct variable *first;
	struct strings *values;
};

static int refuse_line(const struct env_reader *reader, struct err *err, const struct err *cause)
{
	return err_set_at(err, reader->path, reader->line, 1, "%s", cause->message);
}

/* Earlier lines of the file as variables: name and value are cut from copies. */
static int put_in(const struct env_reader *reader, const char *text, struct buf *out, struct err *err)
{
	struct strings names CLEANUP(strings_release) = { 0 };
	struct variable *variables OWNED = xcalloc(reader->values->count + 1, sizeof(*variables));
	/* The latest line of a name counts, and the first found is taken: backwards. */
	for (size_t i = 0; i < reader->values->count; i++) {
		char *copy = xstrdup(reader->values->items[reader->values->count - 1 - i]);
		strings_add(&names, copy);
		char *equals = strchr(copy, '=');
		*equals = '\0';
		variables[i] = (struct variable){ copy, equals + 1 };
	}
	return interpolate(text, reader->first, variables, out, err);
}

static int unquote_double(const char *text, struct buf *out, const char **ret_end)
{
	for (text++; *text && *text != '"'; text++) {
		if (*text != '\\' || !text[1]) {
			buf_add_char(out, *text);
			continue;
		}
		text++;
		switch (*text) {
		case 'n':
			buf_add_char(out, '\n');
			break;
		case 'r':
			buf_add_char(out, '\r');
			break;
		case 't':
			buf_add_char(out, '\t');
			break;
		case '$':
			buf_add_string(out, "$$"); /* interpolate() takes one away */
			break;
		case '"':
		case '\\':
			buf_add_char(out, *text);
			break;
		default:
			buf_add_char(out, '\\');
			buf_add_char(out, *text);
			break;
		}
	}
	*ret_end = text + 1;
	return *text == '"' ? 0 : -1;
}

static int check_rest(const char *rest, struct err *err)
{
	rest += strspn(rest, " \t\r");
	if (*rest && *rest != '#')
		return err_set(err, ERR_INVALID, "`%.40s` stands behind the closing quote", rest);
	return 0;
}

static int read_value(const struct env_reader *reader, const char *text, struct buf *out, struct err *err)
{
	if (*text == '\'') {
		const char *end = strchr(text + 1, '\'');
		if (!end)
			return err_set(
			    err, ERR_INVALID, "the closing ' is missing; a value ends on its line");
		buf_add(out, text + 1, (size_t)(end - text - 1));
		return check_rest(end + 1, err);
	}
	struct buf plain CLEANUP(buf_release) = { 0 };
	if (*text == '"') {
		const char *end;
		if (unquote_double(text, &plain, &end) < 0)
			return err_set(
			    err, ERR_INVALID, "the closing \" is missing; a value ends on its line");
		if (check_rest(end, err) < 0)
			return -1;
	} else {
		size_t length = strlen(text);
		for (size_t i = 0; i < length; i++)
			if (text[i] == '#' && (i == 0 || isspace((unsigned char)text[i - 1])))
				length = i;
		while (length > 0 && isspace((unsigned char)text[length - 1]))
			length--;
		buf_add(&plain, text, length);
	}
	return put_in(reader, buf_string(&plain), out, err);
}

static int read_line(const struct env_reader *reader, const char *line, struct err *err)
{
	line += strspn(line, " \t\r");
	if (!*line || *line == '#')
		return 0;
	if (strncmp(line, "export ", 7) == 0)
		line += 7 + strspn(line + 7, " \t");
	size_t length = strcspn(line, "= \t\r");
	char *name OWNED = xmemdup0(line, length);
	const char *rest = line + length + strspn(line + length, " \t\r");
	if (length == 0 || (*rest && *rest != '=' && *rest != '#'))
		return err_set(err, ERR_INVALID, "`%.40s` is not a line of the form NAME=value", line);
	if (*rest != '=') {
		const char *value = getenv(name);
		if (value)
			strings_add(reader->values, xasprintf("%s=%s", name, value));
		return 0;
	}
	rest++;
	struct buf value CLEANUP(buf_release) = { .max = INTERPOLATED_BYTES_MAX };
	if (read_value(reader, rest + strspn(rest, " \t"), &value, err) < 0)
		return -1;
	strings_add(reader->values, xasprintf("%s=%s", name, buf_string(&value)));
	return 0;
}

enum { ENV_LINES_MAX = 1000 };

int env_file_read(const char *path, const struct variable *first, struct strings *values, struct err *err)
{
	struct buf text CLEANUP(buf_release) = { 0 };
	if (file_read(path, "an env_file", &text, err) < 0)
		return -1;
	struct env_reader reader = { .path = path, .first = first, .values = values };
	char *line = text.bytes;
	while (line && *line) {
		char *end = strchr(line, '\n');
		if (end)
			*end = '\0';
		reader.line++;
		struct err cause = ERR_INIT;
		if (reader.line > ENV_LINES_MAX)
			err_set(&cause, ERR_INVALID, "an env_file has at most %d lines", ENV_LINES_MAX);
		else
			(void)!read_line(&reader, line, &cause);
		if (err_is_set(&cause))
			return refuse_line(&reader, err, &cause);
		line = end ? end + 1 : NULL;
	}
	return 0;
}
