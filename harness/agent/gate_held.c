/*
 * Connections the agent answers itself, or does not: silent ones (hung), those it hangs up on (closing), and
 * those it speaks to in place of a server (loading, denied).
 */
#include "agent/gate_private.h"
#include "agent/spoken.h"

#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

/* After its FIN a connection is kept, and what comes is thrown away, until the client's FIN: closing a socket
 * with unread bytes would send RST and take the answer away from the client. So long at most. */
#define FAREWELL_NS INT64_C(1000000000)
/* A hung server does not see its client go. How long the client's kernel remembers the connection. */
#define FIN_TIMEOUT_NS INT64_C(60000000000)
/* Answers owed to a client that sends and does not read; then it is not read from either. */
#define OWED_MAX 4096

struct held {
	struct source source;
	struct timeout farewell;
	struct listener *listener; /* NULL: this one is free */
	struct spoken spoken;
	enum spoken_turn last; /* LAST, BROKEN or CLOSE: no more than what is owed; otherwise WAIT */
	int owed;              /* answers */
	int denials;           /* 'N's, which come before them */
	size_t sent;           /* bytes of the first answer owed */
	bool was_answered;
	bool is_leaving; /* our FIN is out */
};

static struct held all[HELD_MAX];
static int used; /* none at or behind this one was ever used */

static struct held *free_held(void)
{
	for (int i = 0; i < HELD_MAX; i++) {
		if (all[i].listener)
			continue;
		if (i >= used)
			used = i + 1;
		return &all[i];
	}
	return NULL;
}

static void release(struct held *held)
{
	struct listener *listener = held->listener;
	timeout_cancel(&held->farewell);
	held->listener = NULL;
	listener_left(listener);
}

static void finish(struct held *held, void (*close_it)(int fd))
{
	reactor_remove(&held->source);
	close_it(held->source.fd);
	release(held);
}

static void close_plainly(int fd)
{
	close(fd);
}

static void farewell_over(struct timeout *timeout)
{
	finish((struct held *)(void *)((char *)timeout - offsetof(struct held, farewell)), close_plainly);
}

static void keep_for(struct held *held, int64_t length_ns)
{
	held->farewell.fire = farewell_over;
	timeout_set(&held->farewell, now_ns() + length_ns);
}

static void leave(struct held *held)
{
	if (held->is_leaving)
		return;
	held->is_leaving = true;
	(void)shutdown(held->source.fd, SHUT_WR);
	(void)reactor_change(&held->source, EPOLLIN);
	keep_for(held, FAREWELL_NS);
}

static bool speaks(const struct held *held)
{
	return held->listener->step.phase == GATE_LOADING || held->listener->step.phase == GATE_DENIED;
}

/* Sends what is owed, as far as the client takes it. False when the connection is broken. */
static bool pay(struct held *held)
{
	char answer[SPOKEN_ANSWER_MAX];
	while (held->denials || held->owed) {
		enum spoken_turn turn = held->denials ? SPOKEN_NO : SPOKEN_ANSWER;
		if (!held->denials && held->owed == 1 && held->last != SPOKEN_WAIT)
			turn = held->last;
		size_t length = spoken_answer(&held->spoken, turn, &held->listener->step, answer);
		ssize_t sent = send(held->source.fd, answer + held->sent, length - held->sent, MSG_NOSIGNAL);
		if (sent < 0)
			return errno == EAGAIN || errno == EINTR;
		held->sent += (size_t)sent;
		if (held->sent < length)
			continue;
		held->sent = 0;
		if (held->denials) {
			held->denials--;
		} else {
			held->owed--;
			held->was_answered = true;
		}
	}
	return true;
}

static void take_turns(struct held *held, const unsigned char *bytes, size_t length)
{
	while (held->last == SPOKEN_WAIT && length) {
		enum spoken_turn turn = spoken_feed(&held->spoken, &bytes, &length);
		switch (turn) {
		case SPOKEN_WAIT:
			break;
		case SPOKEN_ANSWER:
			held->owed++;
			break;
		case SPOKEN_NO:
			held->denials++;
			break;
		case SPOKEN_LAST:
		case SPOKEN_BROKEN:
			held->owed++;
			held->last = turn;
			break;
		case SPOKEN_CLOSE:
			held->last = turn;
			break;
		}
	}
}

static void speak(struct held *held, const unsigned char *bytes, size_t length)
{
	take_turns(held, bytes, length);
	if (!pay(held)) {
		finish(held, close_plainly);
		return;
	}
	bool owes = held->owed || held->denials;
	if (!owes && (held->last != SPOKEN_WAIT || (held->listener->is_last_word && held->was_answered))) {
		leave(held);
		return;
	}
	uint32_t events = owes ? EPOLLOUT : 0;
	if (held->owed < OWED_MAX)
		events |= EPOLLIN;
	(void)reactor_change(&held->source, events);
}

static void held_ready(struct source *source, uint32_t events)
{
	struct held *held = (struct held *)source;
	/* Two for each command at the least: what is read at once never is more than is owed at most. */
	unsigned char bytes[2 * OWED_MAX];
	if (events == EPOLLRDHUP) {
		(void)reactor_change(source, 0);
		keep_for(held, FIN_TIMEOUT_NS);
		return;
	}
	if (!(events & (EPOLLIN | EPOLLERR | EPOLLHUP))) {
		speak(held, NULL, 0);
		return;
	}
	ssize_t length = recv(source->fd, bytes, sizeof(bytes), 0);
	if (length < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	/* The client's FIN ends it too: a server would close, and there is nothing it could still want. */
	if (length <= 0)
		finish(held, close_plainly);
	else if (!held->is_leaving && speaks(held))
		speak(held, bytes, (size_t)length);
}

/* A hung server reads nothing: its kernel takes what is sent until the window is full. */
static uint32_t first_events(enum gate_phase phase)
{
	return phase == GATE_HUNG ? EPOLLRDHUP : EPOLLIN;
}

bool held_take(struct listener *listener, int fd)
{
	struct held *held = free_held();
	if (!held)
		return false;
	*held = (struct held){ .source = { .fd = fd, .ready = held_ready }, .last = SPOKEN_WAIT };
	if (reactor_add(&held->source, first_events(listener->step.phase)) < 0)
		return false;
	held->listener = listener;
	listener_joined(listener);
	spoken_init(&held->spoken, listener->step.protocol);
	if (listener->step.phase == GATE_CLOSING)
		leave(held);
	return true;
}

void held_reset(struct listener *listener)
{
	for (int i = 0; i < used; i++) {
		if (all[i].listener == listener)
			finish(&all[i], close_with_reset);
	}
}

void held_end(struct listener *listener)
{
	for (int i = 0; i < used; i++) {
		if (all[i].listener == listener)
			leave(&all[i]);
	}
}
