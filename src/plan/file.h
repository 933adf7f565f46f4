/*
 * file: a whole small text file in memory.
 *
 * Only regular files within their limit are read, and what is too large is refused before a byte of it is: a
 * directory, a pipe that never ends and a disk image given by mistake each give a message at once.
 */
#ifndef PLAN_FILE_H
#define PLAN_FILE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/memory.h"

#define FILE_BYTES_MAX (1024 * 1024)

/* `what` is what the file should be, with its article ("a scenario"). The text is valid UTF-8 without NUL and
 * without byte order mark; *ret_text may be empty. */
int file_read(const char *path, const char *what, struct buf *ret_text, struct err *err) MUST_CHECK;
/* Is it valid UTF-8 without NUL? The message has the position and says what is there instead. */
int file_check_text(const char *path, const char *bytes, size_t length, struct err *err) MUST_CHECK;
/* `path` as seen from the folder that `beside` is in; absolute paths stay. Owned by the caller. */
char *file_beside(const char *beside, const char *path) MUST_CHECK;

#endif
