/*
 * agent_under_test: for tests only. A network namespace of one's own, a part of the agent that runs in it as
 * a process, and its lines.
 */
#ifndef AGENT_AGENT_UNDER_TEST_H
#define AGENT_AGENT_UNDER_TEST_H

#include "agent/output.h"
#include "agent/reactor.h"

#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define DEADLINE_NS INT64_C(20000000000)
#define LINES_MAX 40000

struct said_line {
	char word[16];
	int64_t at_ns;
	char text[256]; /* what comes behind the time */
	bool taken;
};

static struct agent_under_test {
	pid_t pid;
	int fd;
	char pending[8192];
	size_t pending_length;
	struct said_line *lines;
	size_t count;
} agent;

static inline void run(const char *command)
{
	int status = system(command); /* NOLINT(cert-env33-c): constant text, and a process id */
	if (status != 0)
		fail_msg("`%s` ended with status %d", command, status);
}

/* Only root may make a namespace; without it there is nothing to test. */
static inline bool may_make_namespaces(void)
{
	if (geteuid() == 0)
		return true;
	print_message("not root: a network namespace cannot be made\n");
	return false;
}

static inline void agent_start(const char *(*begin)(void))
{
	int ends[2];
	assert_int_equal(pipe(ends), 0);
	free(agent.lines);
	memset(&agent, 0, sizeof(agent));
	agent.lines = calloc(LINES_MAX, sizeof(*agent.lines));
	assert_non_null(agent.lines);
	agent.fd = ends[0];
	agent.pid = fork();
	assert_true(agent.pid >= 0);
	if (agent.pid > 0) {
		close(ends[1]);
		return;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	close(ends[0]);
	struct line line = { 0 };
	const char *message = output_open(ends[1]) < 0 ? "no output" : begin();
	line_text(&line, message ? "failed" : "began");
	line_number(&line, now_ns());
	line_word(&line, message ? message : "-");
	line_send(&line);
	_exit(reactor_run() < 0);
}

static inline void agent_stop(void)
{
	if (agent.pid <= 0)
		return;
	kill(agent.pid, SIGKILL);
	waitpid(agent.pid, NULL, 0);
	close(agent.fd);
	agent.pid = 0;
}

static inline void agent_take_line(char *text)
{
	assert_true(agent.count < LINES_MAX);
	struct said_line *line = &agent.lines[agent.count++];
	char *space = strchr(text, ' ');
	assert_non_null(space);
	*space = '\0';
	snprintf(line->word, sizeof(line->word), "%s", text);
	line->at_ns = strtoll(space + 1, &space, 10);
	snprintf(line->text, sizeof(line->text), "%s", *space == ' ' ? space + 1 : "");
}

/* Reads what there is; waits for it until then. False when nothing came. */
static inline bool agent_read(int64_t until_ns)
{
	int64_t left_ms = (until_ns - now_ns()) / 1000000;
	struct pollfd poll_fd = { .fd = agent.fd, .events = POLLIN };
	if (poll(&poll_fd, 1, left_ms < 0 ? 0 : (int)left_ms) <= 0)
		return false;
	ssize_t got = read(
	    agent.fd, agent.pending + agent.pending_length, sizeof(agent.pending) - 1 - agent.pending_length);
	if (got <= 0)
		fail_msg("the agent has ended");
	agent.pending_length += (size_t)got;
	agent.pending[agent.pending_length] = '\0';
	char *from = agent.pending;
	for (char *end; (end = strchr(from, '\n')) != NULL; from = end + 1) {
		*end = '\0';
		agent_take_line(from);
	}
	agent.pending_length -= (size_t)(from - agent.pending);
	memmove(agent.pending, from, agent.pending_length);
	return true;
}

static inline void agent_print(void)
{
	for (size_t i = 0; i < agent.count && i < 200; i++)
		print_message("  %s %lld %s\n", agent.lines[i].word, (long long)agent.lines[i].at_ns,
		    agent.lines[i].text);
}

static inline struct said_line *agent_find(const char *word, const char *begins, size_t from)
{
	for (size_t i = from; i < agent.count; i++)
		if (!agent.lines[i].taken && strcmp(agent.lines[i].word, word) == 0 &&
		    strncmp(agent.lines[i].text, begins, strlen(begins)) == 0)
			return &agent.lines[i];
	return NULL;
}

/* The next line with this word whose fields begin so; waits for it. Each is given once. */
static inline struct said_line *agent_expect(const char *word, const char *begins)
{
	int64_t until_ns = now_ns() + DEADLINE_NS;
	for (;;) {
		struct said_line *line = agent_find(word, begins, 0);
		if (line) {
			line->taken = true;
			return line;
		}
		if (!agent_read(until_ns) && now_ns() >= until_ns) {
			agent_print();
			fail_msg("the agent never said `%s … %s`", word, begins);
		}
	}
}

static inline size_t agent_count(const char *word, const char *begins)
{
	size_t count = 0;
	for (size_t i = 0; i < agent.count; i++)
		count += strcmp(agent.lines[i].word, word) == 0 &&
			 strncmp(agent.lines[i].text, begins, strlen(begins)) == 0;
	return count;
}

#endif
