#include "agent/death.h"

#include "agent/death_private.h"
#include "agent/text.h"

#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

/* Since Linux 5.3; musl 1.2.3 has no names for them. The numbers are those of every architecture. */
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_pidfd_send_signal
#define SYS_pidfd_send_signal 424
#endif

/* A process that cannot be stopped (it waits for a disk that is gone) is not waited for longer. */
#define STOP_SECONDS 10

static struct {
	const char *message;
	int errnum;
} failure;

enum death death_failed(const char *message, int errnum)
{
	failure.message = message;
	failure.errnum = errnum;
	return DEATH_ERROR;
}

bool death_read(const char *path, char *buffer, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	ssize_t length = read(fd, buffer, size - 1);
	close(fd);
	buffer[length > 0 ? length : 0] = '\0';
	return length >= 0;
}

bool death_has_ended(const struct held *held, int within_ms)
{
	struct pollfd end = { .fd = held->fd, .events = POLLIN };
	return poll(&end, 1, within_ms) == 1;
}

/* ---- who it is ---- */

/* A path's element is the id, or has it between other words: "/docker/<id>", "/x/docker-<id>.scope". A
 * container that was made below it is another one. */
bool death_is_of(const char *text, const char *container)
{
	size_t length = strlen(container);
	if (length < 12)
		return false;
	for (const char *line = text; *line;) {
		size_t size = strcspn(line, "\n");
		const char *last = line;
		for (size_t i = 0; i < size; i++)
			last = line[i] == '/' ? line + i : last;
		if (memmem(last, (size_t)(line + size - last), container, length))
			return true;
		line += size + (line[size] == '\n');
	}
	return false;
}

long death_parent_of(const char *stat, unsigned long long *ret_began)
{
	const char *name_end = strrchr(stat, ')');
	char *end;
	if (!name_end || strlen(name_end) < 4)
		return -1;
	long parent = strtol(name_end + 4, &end, 10);
	if (end == name_end + 4)
		return -1;
	/* From the parent, the 4th, to the 22nd. */
	for (int field = 5; field <= 22; field++) {
		end += *end == ' ';
		end += field < 22 ? strcspn(end, " ") : 0;
	}
	*ret_began = strtoull(end, NULL, 10);
	return parent;
}

/* Of an init that only looks after it: its first child, which is what the container is for. Not every kernel
 * has /proc/PID/task/PID/children. */
static pid_t first_child(pid_t parent)
{
	pid_t found = 0;
	unsigned long long earliest = UINT64_MAX, began = 0;
	DIR *processes = opendir("/proc");
	if (!processes)
		return 0;
	for (struct dirent *entry; (entry = readdir(processes));) {
		char path[64], text[DEATH_TEXT_MAX];
		long pid = strtol(entry->d_name, NULL, 10);
		if (pid <= 0)
			continue;
		text_join(
		    path, sizeof(path), (const char *const[]){ "/proc/", entry->d_name, "/stat", NULL });
		if (death_read(path, text, sizeof(text)) && death_parent_of(text, &began) == parent &&
		    began < earliest) {
			earliest = began;
			found = (pid_t)pid;
		}
	}
	closedir(processes);
	return found;
}

static enum death hold(struct held *held, pid_t pid, const char *container)
{
	char path[64], text[DEATH_TEXT_MAX];
	held->pid = pid;
	held->fd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (held->fd < 0)
		return errno == ESRCH || errno == EINVAL
			   ? DEATH_GONE
			   : death_failed("a process cannot be held (pidfd_open, since Linux 5.3)", errno);
	text_join(
	    path, sizeof(path), (const char *const[]){ "/proc/", number_text(pid).text, "/cgroup", NULL });
	if (!death_read(path, text, sizeof(text)) || !death_is_of(text, container))
		return DEATH_GONE;
	return DEATH_DONE;
}

/* ---- crash ---- */

static enum death send_kill(const struct held *held)
{
	if (syscall(SYS_pidfd_send_signal, held->fd, SIGKILL, NULL, 0) == 0)
		return DEATH_DONE;
	return errno == ESRCH ? DEATH_GONE : death_failed("SIGKILL cannot be sent", errno);
}

/* False: nobody has said how this architecture does it (cmake/agent.cmake makes no agent for such a one). */
static bool jump_to_nowhere(struct user_regs_struct *registers)
{
#if defined(__x86_64__)
	registers->rip = 0;
	registers->orig_rax = UINT64_MAX; /* no system call to be begun again */
	return true;
#elif defined(__aarch64__)
	registers->pc = 0;
	return true;
#else
	(void)registers;
	return false;
#endif
}

/* The kernel gives the first process of a container no signal that it has no handler for, wherever it is sent
 * from (SIGKILL and SIGSTOP aside). A fault of its own it does get: so it is made to commit one, a jump to
 * address 0. */
static enum death make_fault(const struct held *held)
{
	struct user_regs_struct registers;
	struct iovec place = { .iov_base = &registers, .iov_len = sizeof(registers) };
	int status;
	if (ptrace(PTRACE_SEIZE, held->pid, NULL, NULL) < 0)
		return errno == ESRCH ? DEATH_GONE : death_failed("it cannot be traced", errno);
	alarm(STOP_SECONDS); /* whose end ends the trace */
	if (ptrace(PTRACE_INTERRUPT, held->pid, NULL, NULL) < 0 ||
	    waitpid(held->pid, &status, __WALL) != held->pid)
		return errno == ESRCH || errno == ECHILD ? DEATH_GONE
							 : death_failed("it cannot be stopped", errno);
	if (!WIFSTOPPED(status))
		return DEATH_GONE;
	/* Held since before it was traced: the number was not another's meanwhile. */
	if (ptrace(PTRACE_GETREGSET, held->pid, (void *)NT_PRSTATUS, &place) < 0)
		return death_failed("its registers cannot be read", errno);
	if (!jump_to_nowhere(&registers))
		return death_failed("SIGSEGV cannot be brought about on this architecture", 0);
	if (ptrace(PTRACE_SETREGSET, held->pid, (void *)NT_PRSTATUS, &place) < 0)
		return death_failed("its registers cannot be set", errno);
	if (ptrace(PTRACE_DETACH, held->pid, NULL, NULL) < 0 && errno != ESRCH)
		return death_failed("it cannot be let go", errno);
	return DEATH_DONE;
}

static enum death kill_process(char **argv)
{
	struct held held;
	pid_t first = (pid_t)strtol(argv[2], NULL, 10), pid = first;
	bool is_fault = strcmp(argv[4], "SIGSEGV") == 0;
	if (!is_fault && strcmp(argv[4], "SIGKILL") != 0)
		return death_failed("expected SIGKILL or SIGSEGV", 0);
	if (strcmp(argv[5], "child") == 0)
		pid = first_child(first);
	enum death death = pid > 0 ? hold(&held, pid, argv[3]) : DEATH_GONE;
	if (death != DEATH_DONE)
		return death;
	return is_fault ? make_fault(&held) : send_kill(&held);
}

static enum death exhaust_container(char **argv)
{
	struct held held;
	enum death death = hold(&held, (pid_t)strtol(argv[2], NULL, 10), argv[3]);
	return death == DEATH_DONE ? death_exhaust(&held) : death;
}

/* ---- what the agent is started with ---- */

bool death_is_meant(int argc, char **argv)
{
	return (argc == 6 && strcmp(argv[1], "kill") == 0) || (argc == 4 && strcmp(argv[1], "exhaust") == 0);
}

int death_bring(int argc, char **argv)
{
	static const char *const words[] = {
		[DEATH_DONE] = "done", [DEATH_GONE] = "gone", [DEATH_OTHER] = "other", [DEATH_ERROR] = "error"
	};
	char line[256];
	enum death death = argc == 6 ? kill_process(argv) : exhaust_container(argv);
	if (death == DEATH_ERROR)
		text_join(line, sizeof(line),
		    (const char *const[]){ "error ", failure.message, failure.errnum ? ": " : "",
			failure.errnum ? strerror(failure.errnum) : "", "\n", NULL });
	else
		text_join(line, sizeof(line), (const char *const[]){ words[death], "\n", NULL });
	ssize_t written = write(STDOUT_FILENO, line, strlen(line));
	return written == (ssize_t)strlen(line) ? 0 : 1;
}
