/*
 * agent_talk: the conversation with an agent, whatever carries it: commands and their replies, the clock,
 * deadlines. It is fed the agent's lines and hands out bytes; agent_link.c brings both to a container.
 *
 * Callbacks come from agent_talk_feed(), agent_talk_started() and the loop, never from agent_talk_command();
 * they may free the talk.
 */
#ifndef RUN_AGENT_TALK_H
#define RUN_AGENT_TALK_H

#include "run/agent_link.h"

#include <stdarg.h>

struct agent_talk;

struct agent_talk_host {
	void (*write)(void *owner, const char *bytes, size_t length); /* calls nothing back */
	void (*ready)(void *owner);
	void (*notice)(void *owner, const struct notice *notice);
	/* Once, and the last. `is_silent`: it is nothing the agent said, but that it does not answer. */
	void (*failed)(void *owner, const struct err *err, bool is_silent);
};

/* How many round trips measure a clock. */
#define AGENT_PINGS 8

/* `boot_id` is the runner's (NULL: not known); `service` is for messages; `silence_ns` is how long the agent
 * may take for its hello and for each answer. */
struct agent_talk *agent_talk_new(struct loop *loop, const char *boot_id, const char *service,
    int64_t silence_ns, const struct agent_talk_host *host, void *owner);
void agent_talk_free(struct agent_talk *talk);

/* The agent's process runs: its hello is due, if it has not come yet. */
void agent_talk_started(struct agent_talk *talk);
/* A line of its output, without newline; `cut` if it was longer. */
void agent_talk_feed(struct agent_talk *talk, const char *line, size_t length, bool cut);
/* As agent_link_command(). */
void agent_talk_command(struct agent_talk *talk, agent_link_done *done, void *owner, const char *format,
    va_list arguments) __attribute__((format(printf, 4, 0)));
/* `quit` was asked for. */
bool agent_talk_is_quitting(const struct agent_talk *talk);

/* As agent_link.h has them. */
int64_t agent_talk_clock_error_ns(const struct agent_talk *talk);
const char *agent_talk_architecture(const struct agent_talk *talk);

#endif
