/* The agent: owns the network namespace of one service. docs/internals/agent.md has its lines. */
#include "agent/death.h"
#include "agent/dialogue.h"
#include "agent/output.h"
#include "agent/reactor.h"
#include "agent/rooms.h"
#include "agent/selftest.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define LAST_WORDS_NS INT64_C(500000000)

#if defined(__x86_64__)
#define ARCHITECTURE "amd64"
#elif defined(__aarch64__)
#define ARCHITECTURE "arm64"
#else
#define ARCHITECTURE "other" /* cmake/agent.cmake makes none of these */
#endif

static void told_to_end(struct source *source, uint32_t events)
{
	(void)source;
	(void)events;
	reactor_stop();
}

/* As process 1 of its container it would not get a signal that it has no handler for: blocked ones wait. */
static const char *await_signals(void)
{
	static struct source signals = { .ready = told_to_end };
	sigset_t ending;
	sigemptyset(&ending);
	sigaddset(&ending, SIGTERM);
	sigaddset(&ending, SIGINT);
	sigaddset(&ending, SIGHUP);
	signal(SIGPIPE, SIG_IGN);
	sigprocmask(SIG_BLOCK, &ending, NULL);
	signals.fd = signalfd(-1, &ending, SFD_NONBLOCK | SFD_CLOEXEC);
	if (signals.fd < 0 || reactor_add(&signals, EPOLLIN) < 0)
		return "signals cannot be waited for";
	return NULL;
}

static const char *own_names(void)
{
	uint16_t port;
	const char *message = names_open(&port);
	return message ? message : redirect_names(port);
}

static const char *take_commands(void)
{
	if (dialogue_open(STDIN_FILENO) == 0)
		return NULL;
	return errno == EPERM ? "standard input is a file or a device, expected a pipe"
			      : "standard input cannot be read";
}

static void say_hello(void)
{
	struct line line = { 0 };
	char boot[64];
	ssize_t length = -1;
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		length = read(fd, boot, sizeof(boot) - 1);
		close(fd);
	}
	boot[length > 0 ? length : 0] = '\0';
	boot[strcspn(boot, "\n")] = '\0';
	line_text(&line, "hello 1 " ARCHITECTURE);
	line_word(&line, boot[0] ? boot : "-");
	line_number(&line, now_ns());
	line_send(&line);
}

static void say_why_not(const char *message)
{
	struct line line = { 0 };
	line_text(&line, "error 0");
	line_word(&line, message);
	line_send(&line);
}

static const char *start(void)
{
	const char *message = await_signals();
	if (!message)
		message = own_names();
	if (!message)
		message = take_commands();
	if (!message)
		say_hello();
	return message;
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "selftest") == 0)
		return selftest();
	if (death_is_meant(argc, argv))
		return death_bring(argc, argv);
	if (output_open(STDOUT_FILENO) < 0)
		return 1;
	const char *message = argc > 1 ? "expected no argument, `selftest`, `kill` or `exhaust`" : start();
	if (message)
		say_why_not(message);
	bool has_failed = message || reactor_run() < 0;
	gate_close_all();
	dialogue_finish();
	output_finish(now_ns() + LAST_WORDS_NS);
	return has_failed;
}
