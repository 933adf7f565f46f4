/* files: whole files in, whole files out; what stood there before is replaced only by something complete. */
#ifndef CLI_FILES_H
#define CLI_FILES_H

#include "base/buf.h"
#include "base/err.h"
#include "base/memory.h"

#include <stdbool.h>

/* Reads at most `max` bytes; a longer file is an error. */
int file_load(const char *path, size_t max, struct buf *ret_contents, struct err *err) MUST_CHECK;
/* Writes beside it and renames; where there is nothing to be replaced (a pipe, a device, standard output) it
 * is written to. */
int file_replace(const char *path, const struct buf *contents, struct err *err) MUST_CHECK;
/* Is it written to, not replaced? */
bool file_is_stream(const char *path);
/* The file that is to become `path`, empty, and its name; its descriptor, or -1 with errno. */
int file_create_beside(const char *path, char **ret_beside) MUST_CHECK;
/* Makes a folder with its parents, and proves that it can be written to. */
int folder_make(const char *path, struct err *err) MUST_CHECK;
/* How much of the path is there: before folder_make(), what folder_unmake() is to leave. */
size_t folder_length_there(const char *path);
/* Removes what folder_make() has made of the path behind its first `kept` bytes, as far as it is empty. */
void folder_unmake(const char *path, size_t kept);
/* Proves that link_replace() can. */
int link_probe(const char *link, struct err *err) MUST_CHECK;
/* Points `link` at `target`, replacing a symbolic link that is there (and nothing else). */
int link_replace(const char *link, const char *target, struct err *err) MUST_CHECK;

#endif
