/* files: whole files in, whole files out; what stood there before is replaced only by something complete. */
#ifndef CLI_FILES_H
#define CLI_FILES_H

#include "base/buf.h"
#include "base/err.h"
#include "base/memory.h"

/* Reads at most `max` bytes; a longer file is an error. */
int file_load(const char *path, size_t max, struct buf *ret_contents, struct err *err) MUST_CHECK;
/* Writes beside it and renames. */
int file_replace(const char *path, const struct buf *contents, struct err *err) MUST_CHECK;
/* Makes a folder with its parents, and proves that it can be written to. */
int folder_make(const char *path, struct err *err) MUST_CHECK;
/* Points `link` at `target`, replacing a symbolic link that is there (and nothing else). */
int link_replace(const char *link, const char *target, struct err *err) MUST_CHECK;

#endif
