#include "base/err.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void mark_cut(char *message, size_t size)
{
	memcpy(message + size - 4, "...", 4);
}

int err_vset(struct err *err, enum err_kind kind, const char *format, va_list arguments)
{
	if (!err || err_is_set(err))
		return -1;
	*err = (struct err){ .kind = kind };
	int length = vsnprintf(err->message, sizeof(err->message), format, arguments);
	if (length >= (int)sizeof(err->message))
		mark_cut(err->message, sizeof(err->message));
	return -1;
}

int err_set(struct err *err, enum err_kind kind, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	err_vset(err, kind, format, arguments);
	va_end(arguments);
	return -1;
}

int err_set_errno(struct err *err, enum err_kind kind, int errnum, const char *format, ...)
{
	if (!err || err_is_set(err))
		return -1;
	va_list arguments;
	va_start(arguments, format);
	err_vset(err, kind, format, arguments);
	va_end(arguments);
	err->errnum = errnum;
	size_t used = strlen(err->message);
	char reason[128];
	snprintf(err->message + used, sizeof(err->message) - used, ": %s",
	    strerror_r(errnum, reason, sizeof(reason)));
	return -1;
}

int err_set_at(struct err *err, const char *file, int line, int column, const char *format, ...)
{
	if (!err || err_is_set(err))
		return -1;
	va_list arguments;
	va_start(arguments, format);
	err_vset(err, ERR_INVALID, format, arguments);
	va_end(arguments);
	snprintf(err->file, sizeof(err->file), "%s", file);
	err->line = line;
	err->column = column;
	return -1;
}

int err_wrap(struct err *err, const char *format, ...)
{
	if (!err_is_set(err))
		return -1;
	char inner[ERR_MESSAGE_MAX];
	memcpy(inner, err->message, sizeof(inner));
	va_list arguments;
	va_start(arguments, format);
	int length = vsnprintf(err->message, sizeof(err->message), format, arguments);
	va_end(arguments);
	size_t used = length < 0 ? 0 : (size_t)length;
	if (used >= sizeof(err->message)) {
		mark_cut(err->message, sizeof(err->message));
		return -1;
	}
	int rest = snprintf(err->message + used, sizeof(err->message) - used, ": %s", inner);
	if (rest >= (int)(sizeof(err->message) - used))
		mark_cut(err->message, sizeof(err->message));
	return -1;
}

const char *err_format(const struct err *err, char *buffer, size_t size)
{
	if (err->file[0] && err->line > 0)
		snprintf(buffer, size, "%s:%d:%d: %s", err->file, err->line, err->column, err->message);
	else if (err->file[0])
		snprintf(buffer, size, "%s: %s", err->file, err->message);
	else
		snprintf(buffer, size, "%s", err->message);
	return buffer;
}

void bug_at(const char *file, int line, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	fprintf(stderr, "falsestart: bug at %s:%d: ", file, line);
	vfprintf(stderr, format, arguments);
	fputs("\nThis is a defect of falsestart; please report it with the command and the scenario.\n",
	    stderr);
	va_end(arguments);
	abort();
}
