#include "run/reaper.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <unistd.h>

extern char **environ;

struct reaper {
	int fd; /* write end */
};

static const char FAREWELL = 'f';

/* A reaper that dies with the terminal's SIGINT would be of no use: a session of its own. */
static int spawn(int read_fd, char *const *arguments, struct err *err)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, read_fd, STDIN_FILENO);
	posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);
	pid_t pid;
	int error = posix_spawn(&pid, "/proc/self/exe", &actions, &attributes, arguments, environ);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attributes);
	if (error)
		return err_set_errno(err, ERR_ENVIRONMENT, error, "cannot start the reaper process");
	return 0;
}

struct reaper *reaper_start(const char *run, const char *engine_address, struct err *err)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) < 0) {
		err_set_errno(err, ERR_ENVIRONMENT, errno, "cannot make the reaper's pipe");
		return NULL;
	}
	char *arguments[] = { (char *)"falsestart", (char *)"reap", (char *)"--run", (char *)run,
		engine_address ? (char *)"--engine" : NULL, (char *)engine_address, NULL };
	int result = spawn(ends[0], arguments, err);
	close(ends[0]);
	if (result < 0) {
		close(ends[1]);
		return NULL;
	}
	struct reaper *reaper = xcalloc(1, sizeof(*reaper));
	reaper->fd = ends[1];
	return reaper;
}

void reaper_leave_to(struct reaper *reaper)
{
	if (!reaper)
		return;
	close(reaper->fd);
	free(reaper);
}

void reaper_farewell(struct reaper *reaper)
{
	if (!reaper)
		return;
	/* SIGPIPE is ignored by the runner; a reaper that is gone needs no farewell. */
	ssize_t count = write(reaper->fd, &FAREWELL, 1);
	(void)count;
	reaper_leave_to(reaper);
}

int reaper_await(int fd)
{
	char byte;
	ssize_t count;
	do {
		count = read(fd, &byte, 1);
	} while (count < 0 && errno == EINTR);
	return count == 1 && byte == FAREWELL ? 0 : 1;
}
