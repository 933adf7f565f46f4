#include "loop/interruption.h"

#include "base/err.h"
#include "base/memory.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

static const int signals[] = { SIGINT, SIGTERM, SIGHUP };

/* A handler is told nothing but the signal's number. */
static struct hold {
	bool is_held;
	const char *at_first, *at_second;
	volatile sig_atomic_t noted;
	struct sigaction before[ARRAY_LENGTH(signals)];
} hold;

static void say(const char *text)
{
	/* Whoever hung up reads no more. */
	ssize_t count = write(STDERR_FILENO, text, strlen(text));
	(void)count;
}

static void on_signal(int signal_number)
{
	int before = errno;
	if (hold.noted) {
		say(hold.at_second);
		_exit(128 + signal_number);
	}
	hold.noted = signal_number;
	say(hold.at_first);
	errno = before;
}

void interruption_hold(const char *at_first, const char *at_second)
{
	if (hold.is_held)
		BUG("signals are held already");
	hold.is_held = true;
	hold.noted = 0;
	hold.at_first = at_first;
	hold.at_second = at_second;
	/* Writing to a file goes on where it was. */
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
	for (size_t i = 0; i < ARRAY_LENGTH(signals); i++) {
		sigaction(signals[i], NULL, &hold.before[i]);
		if (signals[i] != SIGHUP || hold.before[i].sa_handler != SIG_IGN)
			sigaction(signals[i], &action, NULL);
	}
}

int interruption_signal(void)
{
	return hold.is_held ? hold.noted : 0;
}

int interruption_release(void)
{
	if (!hold.is_held)
		return 0;
	for (size_t i = 0; i < ARRAY_LENGTH(signals); i++)
		sigaction(signals[i], &hold.before[i], NULL);
	hold.is_held = false;
	return hold.noted;
}

static void mask(int how)
{
	sigset_t set;
	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_LENGTH(signals); i++)
		sigaddset(&set, signals[i]);
	sigprocmask(how, &set, NULL);
}

void interruption_defer(void)
{
	mask(SIG_BLOCK);
}

void interruption_resume(void)
{
	mask(SIG_UNBLOCK);
}
