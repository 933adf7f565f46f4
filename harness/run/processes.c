#include "run/processes.h"

#include "base/buf.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static void close_file(FILE **file)
{
	if (*file)
		fclose(*file);
}

static void close_folder(DIR **folder)
{
	if (*folder)
		closedir(*folder);
}

/* The root is everybody's, and a path that leaves the reader's own part of the tree cannot be followed. */
static bool is_own(const char *path, size_t length)
{
	return length > 1 && path[0] == '/' && !memmem(path, length, "/..", 3);
}

/* A line is "4:pids:/docker/1f2e" (v1), "1:name=systemd:/…", or "0::/…" (v2). Any controller would do that
 * the engine sets up for each container, but for memory: what exhausts a container joins that. */
char *processes_folder(const char *text)
{
	char *unified = NULL;
	for (const char *line = text; line && *line;
	     line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
		const char *controllers = strchr(line, ':');
		const char *path = controllers ? strchr(controllers + 1, ':') : NULL;
		if (!path)
			break;
		path++;
		size_t length = strcspn(path, "\n");
		bool is_pids = strncmp(controllers, ":pids:", 6) == 0;
		bool is_unified = strncmp(controllers, "::", 2) == 0;
		if (is_pids && is_own(path, length)) {
			free(unified);
			return xasprintf("pids%.*s", (int)length, path);
		}
		if (is_unified && !unified && is_own(path, length))
			unified = xmemdup0(path + 1, length - 1);
	}
	return unified;
}

static void add(struct processes *processes, long pid)
{
	/* 0 is one that this process may not know of. */
	if (pid > 0 && processes->count < PROCESSES_MAX)
		processes->pids[processes->count++] = (pid_t)pid;
}

void processes_find(struct processes *ret_processes, pid_t pid)
{
	char path[64], text[4096];
	ret_processes->count = 0;
	snprintf(path, sizeof(path), "/proc/%d/cgroup", (int)pid);
	FILE *membership CLEANUP(close_file) = fopen(path, "re");
	if (!membership)
		return;
	text[fread(text, 1, sizeof(text) - 1, membership)] = '\0';
	char *folder OWNED = processes_folder(text);
	char *list_path OWNED = folder ? xasprintf("/sys/fs/cgroup/%s/cgroup.procs", folder) : NULL;
	FILE *list CLEANUP(close_file) = list_path ? fopen(list_path, "re") : NULL;
	while (list && fgets(text, sizeof(text), list))
		add(ret_processes, strtol(text, NULL, 10));
	if (ret_processes->count == 0)
		add(ret_processes, pid);
}

/* 1 when counted, 0 when the process has gone meanwhile, -1 when it may not be looked into. */
static int count_of_one(pid_t pid, int64_t *count)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	DIR *folder CLEANUP(close_folder) = opendir(path);
	if (!folder)
		return errno == EACCES || errno == EPERM ? -1 : 0;
	errno = 0;
	int64_t entries = 0;
	for (struct dirent *entry; (entry = readdir(folder));)
		entries += entry->d_name[0] != '.';
	if (errno == EACCES || errno == EPERM)
		return -1;
	if (errno)
		return 0;
	*count += entries;
	return 1;
}

int64_t processes_count_descriptors(pid_t pid, struct err *err)
{
	struct processes *processes OWNED = xcalloc(1, sizeof(*processes));
	int64_t count = 0;
	processes_find(processes, pid);
	for (size_t i = 0; i < processes->count; i++)
		if (count_of_one(processes->pids[i], &count) < 0)
			return err_set(err, ERR_ENVIRONMENT,
			    "the open descriptors of process %d may not be counted: /proc/%d/fd is closed to "
			    "this "
			    "user; run falsestart as root",
			    (int)processes->pids[i], (int)processes->pids[i]);
	return count;
}
