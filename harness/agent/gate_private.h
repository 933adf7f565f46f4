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

/* What tells the packets and sockets of a script's step from all others. */
#define STEP_MARK 0x67000000u
#define STEP_MARK_MASK 0xff000000u
#define STEP_MARK_OF(generation, index) (STEP_MARK | (uint32_t)(generation) << 8 | (uint32_t)(index))

/* Where the connections of one step end up that the agent answers itself. The kernel hands their SYNs over to
 * it as they are (a transparent socket), so that there is no NAT that would have to go on as long as they do:
 * a listener outlives its step, its script and all rules as long as one of its connections does. */
struct listener {
	struct source source; /* fd -1: closed */
	uint16_t gate_port;   /* 0: this one is free */
	struct gate_step step;
	uint16_t port;       /* where it listens itself */
	uint16_t generation; /* of the script it belongs to */
	int index;           /* of its step */
	bool is_over;        /* its phase has ended, for its connections too */
	bool is_last_word;   /* its step has counted all it was to: one answer each, then FIN */
	int live;            /* connections */
	uint64_t taken;      /* so far */
	struct timeout closing;
};

struct script {
	struct gate_step steps[GATE_STEPS_MAX];
	struct listener *listeners[GATE_STEPS_MAX]; /* NULL where the step needs none */
	bool was_counted_out[GATE_STEPS_MAX];       /* ended because `attempts` connections had met it */
	int count, current;
	uint16_t generation; /* no other script has it */
};

struct gate {
	uint16_t port;
	bool is_used;
	struct script script;
	struct timeout over;   /* the current step's `for` */
	struct timeout linger; /* SYNs that were dropped may come again until then */
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
#define BELL_NAME_BYTES 20
void gate_bell_name(char ret_name[static BELL_NAME_BYTES], uint16_t generation, int index);
#define GATE_TABLE_BYTES 24
void gate_table_name(char ret_name[static GATE_TABLE_BYTES], uint16_t port);

/* ---- gate.c ---- */
void gate_counted_out(uint16_t port, uint16_t generation, int index);
const struct sockaddr_storage *gate_ignored(int *ret_count);

/* ---- gate_listener.c ---- */
struct listener *listener_open(
    uint16_t gate_port, const struct gate_step *step, uint16_t generation, int index);
/* Takes in who has connected already, then nobody any more. */
void listener_close(struct listener *listener);
/* The same, but when handshakes under way have had their time. */
void listener_close_later(struct listener *listener);
/* Closes it and resets all its connections. */
void listener_drop(struct listener *listener);
void listener_joined(struct listener *listener);
void listener_left(struct listener *listener); /* may free it */
/* The n-th of them, in no order, NULL behind the last. */
struct listener *listener_at(int n);
/* Its phase is over because `next` has come. */
void listener_end(struct listener *listener, enum gate_phase next);
/* Ends a connection with RST. */
void close_with_reset(int fd);

/* ---- gate_held.c: hung, closing, loading, denied ---- */
bool held_take(struct listener *listener, int fd); /* false: there is no room; fd is still the caller's */
/* Ends the connections of this listener: by RST, or in order. */
void held_reset(struct listener *listener);
void held_end(struct listener *listener);

/* ---- slow.c ---- */
bool relay_take(struct listener *listener, int fd);
void relay_reset(struct listener *listener);

/* ---- socket_destroy.c ---- */
/* Resets the connections of this port that come from outside of the namespace, but for the agent's own. 0; -1
 * with errno where the kernel cannot do that. */
int socket_destroy(uint16_t port);

#endif
