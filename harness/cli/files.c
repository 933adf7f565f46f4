#include "cli/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void close_descriptor(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

int file_load(const char *path, size_t max, struct buf *ret_contents, struct err *err)
{
	int fd CLEANUP(close_descriptor) = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_set_errno(err, ERR_USAGE, errno, "cannot read `%s`", path);
	char block[65536];
	for (;;) {
		ssize_t count = read(fd, block, sizeof(block));
		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0)
			return err_set_errno(err, ERR_USAGE, errno, "cannot read `%s`", path);
		if (count == 0)
			return 0;
		if (ret_contents->length + (size_t)count > max)
			return err_set(err, ERR_USAGE, "`%s` is larger than %zu MB", path, max / 1000000);
		buf_add(ret_contents, block, (size_t)count);
	}
}

static int write_all(int fd, const struct buf *contents)
{
	for (size_t done = 0; done < contents->length;) {
		ssize_t count = write(fd, contents->bytes + done, contents->length - done);
		if (count < 0 && errno != EINTR)
			return -1;
		done += count > 0 ? (size_t)count : 0;
	}
	return 0;
}

bool file_is_stream(const char *path)
{
	struct stat status;
	/* Standard output that is a file has text before and behind what is written here. */
	if (strncmp(path, "/dev/std", 8) == 0 || strncmp(path, "/dev/fd/", 8) == 0 ||
	    strncmp(path, "/proc/", 6) == 0)
		return true;
	return stat(path, &status) == 0 && !S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode);
}

static int write_into(const char *path, const struct buf *contents, struct err *err)
{
	int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
	if (fd < 0)
		return err_set_errno(err, ERR_ENVIRONMENT, errno, "cannot write to `%s`", path);
	int result = write_all(fd, contents);
	if (close(fd) < 0 || result < 0)
		return err_set_errno(err, ERR_ENVIRONMENT, errno, "cannot write to `%s`", path);
	return 0;
}

int file_create_beside(const char *path, char **ret_beside)
{
	char *target OWNED = realpath(path, NULL); /* a link goes on leading where it leads */
	char *beside OWNED = xasprintf("%s.%d.tmp", target ? target : path, (int)getpid());
	unlink(beside); /* of a process that was killed, and had our number */
	int fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd >= 0)
		*ret_beside = steal_ptr(beside);
	return fd;
}

static int rename_over(const char *beside, const char *path)
{
	char *target OWNED = realpath(path, NULL);
	return rename(beside, target ? target : path);
}

int file_replace(const char *path, const struct buf *contents, struct err *err)
{
	if (file_is_stream(path))
		return write_into(path, contents, err);
	char *beside OWNED = NULL;
	int fd = file_create_beside(path, &beside);
	if (fd < 0)
		return err_set_errno(err, ERR_ENVIRONMENT, errno, "cannot write `%s`", path);
	int result = write_all(fd, contents);
	if (close(fd) < 0 || result < 0 || rename_over(beside, path) < 0) {
		err_set_errno(
		    err, ERR_ENVIRONMENT, errno, "cannot write `%s`; what stood there is unchanged", path);
		unlink(beside);
		return -1;
	}
	return 0;
}

int folder_make(const char *path, struct err *err)
{
	char *partial OWNED = xstrdup(path);
	for (char *slash = partial + 1; *slash; slash++) {
		if (*slash != '/')
			continue;
		*slash = '\0';
		if (mkdir(partial, 0755) < 0 && errno != EEXIST)
			return err_set_errno(err, ERR_USAGE, errno, "cannot make the folder `%s`", partial);
		*slash = '/';
	}
	if (mkdir(path, 0755) < 0 && errno != EEXIST)
		return err_set_errno(err, ERR_USAGE, errno, "cannot make the folder `%s`", path);
	struct stat status;
	if (stat(path, &status) == 0 && !S_ISDIR(status.st_mode))
		return err_set(err, ERR_USAGE, "`%s` is there and is not a folder", path);
	if (access(path, W_OK | X_OK) < 0)
		return err_set_errno(err, ERR_USAGE, errno, "cannot write into the folder `%s`", path);
	return 0;
}

static void cut_last_part(char *path)
{
	char *slash = strrchr(path, '/');
	*(slash ? slash : path) = '\0';
}

size_t folder_length_there(const char *path)
{
	struct stat status;
	char *partial OWNED = xstrdup(path);
	while (*partial && lstat(partial, &status) < 0)
		cut_last_part(partial);
	return strlen(partial);
}

void folder_unmake(const char *path, size_t kept)
{
	char *partial OWNED = xstrdup(path);
	while (strlen(partial) > kept) {
		rmdir(partial);
		cut_last_part(partial);
	}
}

int link_probe(const char *link, struct err *err)
{
	struct stat status;
	if (lstat(link, &status) == 0 && !S_ISLNK(status.st_mode))
		return err_set(err, ERR_USAGE,
		    "`%s` is there and is not a symbolic link to the newest reports; move it away, or give "
		    "another folder with --report",
		    link);
	return 0;
}

int link_replace(const char *link, const char *target, struct err *err)
{
	if (link_probe(link, err) < 0)
		return -1;
	char *beside OWNED = xasprintf("%s.%d.tmp", link, (int)getpid());
	if (symlink(target, beside) < 0 || rename(beside, link) < 0) {
		err_set_errno(err, ERR_ENVIRONMENT, errno, "cannot make the link `%s`", link);
		unlink(beside);
		return -1;
	}
	return 0;
}
