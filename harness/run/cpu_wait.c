#include "run/cpu_wait.h"

#include "run/processes.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct thread {
	long tid;
	int64_t waited_ns;
};

struct cpu_wait {
	struct thread *seen; /* in the last call */
	size_t seen_count;
	struct thread *now; /* in this one */
	size_t now_count;
	struct processes processes;
};

struct cpu_wait *cpu_wait_new(void)
{
	return xcalloc(1, sizeof(struct cpu_wait));
}

void cpu_wait_free(struct cpu_wait *wait)
{
	if (!wait)
		return;
	free(wait->seen);
	free(wait->now);
	free(wait);
}

int64_t schedstat_wait_ns(const char *text)
{
	char *end;
	(void)strtoll(text, &end, 10);
	if (end == text || *end != ' ')
		return -1;
	const char *second = end + 1;
	long long wait_ns = strtoll(second, &end, 10);
	return end == second || *end != ' ' || wait_ns < 0 ? -1 : wait_ns;
}

/* Files of /proc are read whole or not at all; a thread that ended meanwhile has none. */
static bool read_file(const char *path, char *buffer, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	ssize_t count = read(fd, buffer, size - 1);
	close(fd);
	if (count < 0)
		return false;
	buffer[count] = '\0';
	return true;
}

static int64_t waited_before(const struct cpu_wait *wait, long tid)
{
	for (size_t i = 0; i < wait->seen_count; i++)
		if (wait->seen[i].tid == tid)
			return wait->seen[i].waited_ns;
	return 0;
}

static void look_at_thread(struct cpu_wait *wait, long pid, long tid, int64_t *worst_ns)
{
	char path[96], text[256];
	snprintf(path, sizeof(path), "/proc/%ld/task/%ld/schedstat", pid, tid);
	int64_t waited_ns = read_file(path, text, sizeof(text)) ? schedstat_wait_ns(text) : -1;
	if (waited_ns < 0)
		return;
	*array_push(wait->now, wait->now_count) = (struct thread){ .tid = tid, .waited_ns = waited_ns };
	int64_t since_ns = waited_ns - waited_before(wait, tid);
	*worst_ns = since_ns > *worst_ns ? since_ns : *worst_ns;
}

static void look_at_process(struct cpu_wait *wait, long pid, int64_t *worst_ns)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%ld/task", pid);
	DIR *folder = opendir(path);
	if (!folder)
		return;
	for (struct dirent *entry; (entry = readdir(folder)) && wait->now_count < CPU_WAIT_THREADS_MAX;) {
		long tid = strtol(entry->d_name, NULL, 10);
		if (tid > 0)
			look_at_thread(wait, pid, tid, worst_ns);
	}
	closedir(folder);
}

int64_t cpu_wait_worst_ns(struct cpu_wait *wait, pid_t pid)
{
	int64_t worst_ns = 0;
	wait->now_count = 0;
	free(steal_ptr(wait->now));
	processes_find(&wait->processes, pid);
	for (size_t i = 0; i < wait->processes.count; i++)
		look_at_process(wait, wait->processes.pids[i], &worst_ns);
	struct thread *seen = wait->seen;
	wait->seen = wait->now;
	wait->seen_count = wait->now_count;
	wait->now = seen;
	return worst_ns;
}
