/*
 * gate_private: what the files of the gate share.
 *
 * A gate is a port with a script. All of the script is in the kernel's rules from the beginning: for a step
 * with `attempts` there is a set that holds just so many connections, and what does not fit in falls through
 * to the next step. So the kernel itself moves on, between one SYN and the next; the agent is told by a bell
 * (nft.h), says so, and does what else belongs to the move.
 */
#ifndef AGENT_GATE_PRIVATE_H
#define AGENT_GATE_PRIVATE_H

#include "agent/reactor.h"
#include "agent/rooms.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#define HELD_MAX 1024
#define RELAYS_MAX 256
#define IGNORED_MAX 16

struct gate;

/* Where the connections of one step end up that the agent answers itself. It outlives its step, and its
 * script, as long as one of its connections does. */
struct listener {
	struct source source; /* fd -1: closed */
	struct gate *gate;    /* NULL: this one is free */
	struct gate_step step;
	uint16_t port;      /* where the kernel redirects to */
	uint8_t generation; /* of the script it belongs to */
	int index;          /* of its step */
	bool is_over;       /* its phase has ended, for its connections too */
	bool is_last_word;  /* its step has counted all it was to: one answer each, then FIN */
	int live;           /* connections */
	uint64_t taken;     /* so far */
};

struct script {
	struct gate_step steps[GATE_STEPS_MAX];
	struct listener *listeners[GATE_STEPS_MAX]; /* NULL where the step needs none */
	bool was_counted_out[GATE_STEPS_MAX];       /* ended because `attempts` connections had met it */
	int count, current;
	uint8_t generation; /* tells its marks and objects from those of the one before */
};

struct gate {
	uint16_t port;
	bool is_used;
	struct script script;
	struct timeout over;   /* the current step's `for` */
	struct timeout linger; /* until when the rules are needed at the longest */
};

/* ---- gate_rules.c: the table of a port ---- */
enum rules_scope {
	RULES_NEW_SCRIPT, /* everything anew */
	RULES_MOVED,      /* same script: what the kernel has counted stays */
};
/* 0, or -1 with errno and nothing changed. */
int gate_rules_set(const struct gate *gate, const struct script *script, enum rules_scope scope);
int gate_rules_remove(const struct gate *gate);
/* The listener's phase has ended for its connections too: its step is past, and they were not those it
 * counted (which are to meet it, however long that takes them). */
bool gate_step_is_over(const struct script *script, const struct listener *listener);
bool gate_phase_listens(enum gate_phase phase);
/* Resets what is open when it begins, as a dead server does. */
bool gate_phase_resets(enum gate_phase phase);
/* What is open goes silent while it lasts. */
bool gate_phase_silences(enum gate_phase phase);

/* ---- gate_bell.c: the kernel's notices that a step has met as many as it was to ---- */
int gate_bell_open(void); /* 0, or -1 with errno */
#define BELL_NAME_BYTES 16
void gate_bell_name(char ret_name[static BELL_NAME_BYTES], uint8_t generation, int index);
#define GATE_TABLE_BYTES 24
void gate_table_name(char ret_name[static GATE_TABLE_BYTES], uint16_t port);

/* ---- gate.c ---- */
void gate_counted_out(uint16_t port, uint8_t generation, int index);
/* Removes the rules if nothing needs them any more. */
void gate_settle(struct gate *gate);
const struct sockaddr_storage *gate_ignored(int *ret_count);

/* ---- gate_listener.c ---- */
struct listener *listener_open(
    struct gate *gate, const struct gate_step *step, uint8_t generation, int index);
/* Takes in who has connected already. */
void listener_drain(struct listener *listener);
/* The same, then takes in nobody any more. */
void listener_close(struct listener *listener);
/* Closes it and resets all its connections. */
void listener_drop(struct listener *listener);
void listener_joined(struct listener *listener);
void listener_left(struct listener *listener); /* may free it */
/* The n-th of them, in no order, NULL behind the last. */
struct listener *listener_at(int n);
/* Its phase is over because `next` has come. */
void listener_end(struct listener *listener, enum gate_phase next);
int gate_live(const struct gate *gate);
/* Ends a connection with RST. */
void close_with_reset(int fd);

/* ---- gate_held.c: hung, closing, loading, denied ---- */
bool held_take(struct listener *listener, int fd); /* false: there is no room; fd is still the caller's */
/* Ends the connections of this listener: by RST, or in order. */
void held_reset(struct listener *listener);
void held_end(struct listener *listener);

/* ---- slow.c ---- */
bool relay_take(struct listener *listener, int fd, const struct sockaddr_storage *server);
void relay_reset(struct listener *listener);

/* ---- socket_destroy.c ---- */
/* Resets the connections of this port that come from outside of the namespace. 0; -1 with errno where the
 * kernel cannot do that. */
int socket_destroy(uint16_t port);

#endif
