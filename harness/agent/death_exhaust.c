/*
 * Exhaustion: the container's memory is used up until the kernel kills one of its processes.
 *
 * A lowered limit alone does not do it: what a small service really needs is below the least limit that the
 * engine takes, and below it the kernel takes caches back and kills nobody. So the agent joins the
 * container's control group, lowers the limit to a little more than what is in use, and fills the rest with a
 * file in memory. Pages of a file that nobody maps are charged to the group but are nobody's when the kernel
 * looks for the largest: the agent itself is a hundred kilobytes, and the choice falls on the container's own
 * largest process. (An oom_score_adj of -1000 would be surer, but not every engine may give it.)
 */
#include "agent/death_private.h"
#include "agent/text.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* So much more than is in use is the limit: enough to be set without the kernel's having to take anything
 * back. */
#define HEADROOM (INT64_C(8) << 20)
#define CHUNK (UINT32_C(64) << 10)
/* Caches are taken back first: so much is filled at most. */
#define FILL_MAX (INT64_C(4) << 30)
/* A victim that is the first process is gone by then. */
#define VICTIM_MS 1000

struct group {
	char folder[DEATH_TEXT_MAX]; /* of the container's memory */
	char home[DEATH_TEXT_MAX];   /* the agent's own */
	bool is_v2;
	char limit[32], swap_limit[32]; /* as they were; "": not set */
	long kills;                     /* before anything was done */
};

/* The path of a process's memory control group below /cgroup: "4:memory:/docker/1f" (v1), or "0::/…" (v2). */
static bool find_group(const char *process, char *folder, size_t size, bool *ret_is_v2)
{
	char path[64], text[DEATH_TEXT_MAX];
	text_join(path, sizeof(path), (const char *const[]){ "/proc/", process, "/cgroup", NULL });
	if (!death_read(path, text, sizeof(text)))
		return false;
	char *memory = strstr(text, ":memory:"), *unified = strstr(text, "0::");
	char *found = memory ? memory + 8 : unified ? unified + 3 : NULL;
	if (!found)
		return false;
	*ret_is_v2 = !memory;
	found[strcspn(found, "\n")] = '\0';
	return text_join(
	    folder, size, (const char *const[]){ "/cgroup", memory ? "/memory" : "", found, NULL });
}

static bool read_value(const struct group *group, const char *file, char *buffer, size_t size)
{
	char path[DEATH_TEXT_MAX + 64];
	text_join(path, sizeof(path), (const char *const[]){ group->folder, "/", file, NULL });
	if (!death_read(path, buffer, size))
		return false;
	buffer[strcspn(buffer, "\n")] = '\0';
	return true;
}

static bool write_value(const char *folder, const char *file, const char *value)
{
	char path[DEATH_TEXT_MAX + 64];
	text_join(path, sizeof(path), (const char *const[]){ folder, "/", file, NULL });
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	ssize_t written = write(fd, value, strlen(value));
	int errnum = errno;
	close(fd);
	errno = errnum;
	return written == (ssize_t)strlen(value);
}

/* How often the kernel has killed in this group: "oom_kill 3" among other lines (v1 since Linux 4.13). */
static long count_kills(const struct group *group)
{
	char path[DEATH_TEXT_MAX + 64], text[DEATH_TEXT_MAX];
	text_join(path, sizeof(path),
	    (const char *const[]){
		group->folder, "/", group->is_v2 ? "memory.events" : "memory.oom_control", NULL });
	if (!death_read(path, text, sizeof(text)))
		return -1;
	for (char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, "oom_kill ", 9) == 0)
			return strtol(line + 9, NULL, 10);
	}
	return -1;
}

static bool lower_limit(struct group *group)
{
	char text[32];
	const char *limit_file = group->is_v2 ? "memory.max" : "memory.limit_in_bytes";
	const char *swap_file = group->is_v2 ? "memory.swap.max" : "memory.memsw.limit_in_bytes";
	if (!read_value(group, group->is_v2 ? "memory.current" : "memory.usage_in_bytes", text, sizeof(text)))
		return false;
	int64_t lowered = strtoll(text, NULL, 10) + HEADROOM;
	if (!read_value(group, limit_file, group->limit, sizeof(group->limit)))
		return false;
	if (!read_value(group, swap_file, group->swap_limit, sizeof(group->swap_limit)))
		group->swap_limit[0] = '\0'; /* a kernel that does not count it */
	bool is_limited = strcmp(group->limit, "max") != 0 && strtoll(group->limit, NULL, 10) <= lowered;
	struct number limit = number_text(lowered);
	if (!is_limited && !write_value(group->folder, limit_file, limit.text))
		return false;
	/* Nothing may go to a disk instead. v1 counts both together, v2 swap alone. */
	if (group->swap_limit[0] && !is_limited)
		write_value(group->folder, swap_file, group->is_v2 ? "0" : limit.text);
	return true;
}

/* Of no importance where the container died: a start makes it a new group. */
static void restore_limit(const struct group *group)
{
	if (group->swap_limit[0])
		write_value(group->folder, group->is_v2 ? "memory.swap.max" : "memory.memsw.limit_in_bytes",
		    group->swap_limit);
	write_value(group->folder, group->is_v2 ? "memory.max" : "memory.limit_in_bytes", group->limit);
}

/* Until somebody has been killed, or it is no use. */
static enum death fill(const struct group *group, const struct held *held)
{
	static char nothing[CHUNK]; /* not const: that would be bytes of the program */
	enum death death = DEATH_ERROR;
	int fd = memfd_create("exhaust", MFD_CLOEXEC);
	if (fd < 0)
		return death_failed("there is no file in memory", errno);
	for (int64_t filled = 0; filled < FILL_MAX && death == DEATH_ERROR; filled += CHUNK) {
		ssize_t written = write(fd, nothing, sizeof(nothing));
		int errnum = errno;
		if (death_has_ended(held, 0))
			death = DEATH_DONE;
		else if (count_kills(group) > group->kills)
			death = DEATH_OTHER;
		else if (written < 0 && errnum != ENOMEM && errnum != ENOSPC && errnum != EINTR)
			filled = FILL_MAX;
	}
	close(fd);
	return death == DEATH_ERROR ? death_failed("its memory was used up, and the kernel killed nobody", 0)
				    : death;
}

enum death death_exhaust(const struct held *held)
{
	static struct group group;
	bool is_home_v2;
	struct number pid = number_text(held->pid);
	if (!find_group(pid.text, group.folder, sizeof(group.folder), &group.is_v2) ||
	    !find_group("self", group.home, sizeof(group.home), &is_home_v2))
		return death_failed("its memory control group is not known", 0);
	group.kills = count_kills(&group);
	if (group.kills < 0)
		return death_failed(
		    "the kernel does not tell of the processes it kills for want of memory", 0);
	if (!lower_limit(&group))
		return death_failed("its memory limit cannot be lowered", errno);
	if (!write_value(group.folder, "cgroup.procs", "0")) {
		int errnum = errno;
		restore_limit(&group);
		return death_failed("its control group cannot be joined", errnum);
	}
	enum death death = fill(&group, held);
	write_value(group.home, "cgroup.procs", "0");
	if (death == DEATH_OTHER && death_has_ended(held, VICTIM_MS))
		death = DEATH_DONE;
	if (death != DEATH_DONE)
		restore_limit(&group);
	return death;
}
