#include "plan/file.h"

#include "base/utf8.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void close_descriptor(int *descriptor)
{
	if (*descriptor >= 0)
		close(*descriptor);
}

/* An error about the file as a whole. */
static int refuse_file(struct err *err, const char *path, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static int refuse_file(struct err *err, const char *path, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	bool first = err && !err_is_set(err);
	err_vset(err, ERR_INVALID, format, arguments);
	va_end(arguments);
	if (first)
		snprintf(err->file, sizeof(err->file), "%s", path);
	return -1;
}

static int check_kind(const char *path, const char *what, const struct stat *status, struct err *err)
{
	if (S_ISDIR(status->st_mode))
		return refuse_file(err, path, "is a folder; name the file of %s in it", what);
	if (!S_ISREG(status->st_mode))
		return refuse_file(err, path, "is not a regular file; %s is read from one", what);
	if (status->st_size > FILE_BYTES_MAX)
		return refuse_file(err, path, "has %lld bytes; %s may have %d (1 MiB)",
		    (long long)status->st_size, what, FILE_BYTES_MAX);
	return 0;
}

int file_check_text(const char *path, const char *bytes, size_t length, struct err *err)
{
	int line = 1, column = 1;
	for (size_t i = 0; i < length;) {
		if (bytes[i] == '\0')
			return err_set_at(err, path, line, column,
			    "a NUL byte: this is a binary file, or text in another encoding than UTF-8");
		size_t size = utf8_sequence_length(bytes + i, length - i);
		if (size == 0)
			return err_set_at(err, path, line, column,
			    "byte 0x%02X is not valid UTF-8; save the file as UTF-8",
			    (unsigned char)bytes[i]);
		column++;
		if (bytes[i] == '\n') {
			line++;
			column = 1;
		}
		i += size;
	}
	return 0;
}

int file_read(const char *path, const char *what, struct buf *ret_text, struct err *err)
{
	/* O_NONBLOCK: opening a pipe without a writer must not wait for one. */
	int descriptor CLEANUP(close_descriptor) = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat status;
	if (descriptor < 0 || fstat(descriptor, &status) < 0)
		return refuse_file(err, path, "cannot be read: %s", strerror(errno));
	if (check_kind(path, what, &status, err) < 0)
		return -1;
	struct buf text CLEANUP(buf_release) = { .max = FILE_BYTES_MAX };
	for (;;) {
		char chunk[16384];
		ssize_t got = read(descriptor, chunk, sizeof(chunk));
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return refuse_file(err, path, "cannot be read: %s", strerror(errno));
		if (got == 0)
			break;
		buf_add(&text, chunk, (size_t)got);
		if (text.cut) /* it grew since fstat() */
			return refuse_file(err, path, "has more than %d bytes (1 MiB)", FILE_BYTES_MAX);
	}
	if (text.length >= 3 && memcmp(text.bytes, "\xEF\xBB\xBF", 3) == 0)
		buf_consume(&text, 3);
	if (file_check_text(path, buf_string(&text), text.length, err) < 0)
		return -1;
	*ret_text = text;
	text = (struct buf){ 0 };
	return 0;
}

char *file_beside(const char *beside, const char *path)
{
	const char *slash = strrchr(beside, '/');
	if (path[0] == '/' || !slash)
		return xstrdup(path);
	return xasprintf("%.*s%s", (int)(slash + 1 - beside), beside, path);
}
