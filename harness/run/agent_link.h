/*
 * agent_link: one agent of a world (docs/internals/agent.md), from its attachment to its last word.
 *
 * Attaches to a container that is created and not started, starts it, waits for its hello and measures its
 * clock; then it is `ready`. Commands may be given at any time: those before are sent when it is ready. Every
 * callback comes from the loop, and may free the link.
 */
#ifndef RUN_AGENT_LINK_H
#define RUN_AGENT_LINK_H

#include "engine/engine.h"
#include "loop/loop.h"
#include "wire/wire.h"

struct agent_link;

struct agent_link_events {
	/* The agent runs, and its clock is known. Once. */
	void (*ready)(void *owner);
	/* What the agent saw, and its OKs, each before its command is called back: what is stamped earlier
	 * has come. at_ns is the loop's time, and never later than now. HELLO and ERROR do not come here, and
	 * nothing before `ready`. NULL is allowed. */
	void (*notice)(void *owner, const struct notice *notice);
	/* The agent is of no use any more: it, its container or the engine failed, it did not answer in time
	 * or said what is no line of its protocol. Once, of kind ERR_ENVIRONMENT, complete as it stands ("the
	 * agent of `redis` exited with 137 …"); nothing else comes after it, and commands under way are not
	 * called back. The link is still to be freed. */
	void (*failed)(void *owner, const struct err *err);
};

/* `container` is a name or id, created with OpenStdin and StdinOnce and without a terminal; `service` is
 * whose agent it is, for messages. `events` must outlive the link, the strings need not. Never NULL. */
struct agent_link *agent_link_new(struct loop *loop, struct engine *engine, const char *container,
    const char *service, const struct agent_link_events *events, void *owner);
/* At any time; NULL is allowed. Nothing is called back after it. The agent meets the end of its input, undoes
 * what it made and ends; its container remains the caller's. */
void agent_link_free(struct agent_link *link);

/* A command was answered. It took effect between from_ns (it was sent) and to_ns (the agent's stamp, with the
 * clock's error, and never later than now), both the loop's time. err is NULL, or says what the agent has
 * against the command: nothing was changed then ("the agent of `redis` refused `gate 6379 hungry`: …"). */
typedef void agent_link_done(void *owner, int64_t from_ns, int64_t to_ns, const struct err *err);
/* Sends a command: the line without number and newline, at most AGENT_COMMAND_MAX bytes (BUG), with no
 * newline in it (BUG). Commands are carried out and answered in the order they are given; several may be
 * under way. One that is not answered within 10 s is a failure of the agent. `done` may be NULL: a refusal is
 * then a failure. After `quit` the agent's end is no failure: nothing is called back. */
void agent_link_command(struct agent_link *link, agent_link_done *done, void *owner, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
#define AGENT_COMMAND_MAX 1000

/* What the link found out; valid from `ready` on. The clock's error is 0 where agent and runner see one
 * clock. Elsewhere the clock is measured with eight pings, and then with every answer; every at_ns may be off
 * by the error as it is at that moment. */
int64_t agent_link_clock_error_ns(const struct agent_link *link);
const char *agent_link_architecture(const struct agent_link *link);

#endif
