/* container_private: the state of a container, shared by container.c (operations) and container_events.c. */
#ifndef RUN_CONTAINER_PRIVATE_H
#define RUN_CONTAINER_PRIVATE_H

#include "run/container.h"
#include "run/container_stream.h"
#include "run/helper.h"
#include "run/sent_signal.h"

/* What a step asked for last: tells what a start or a death means. */
enum asked {
	ASKED_NOTHING,
	ASKED_START,
	ASKED_STOP,
	ASKED_KILL,
	ASKED_RESTART,
	ASKED_REMOVE,
	ASKED_CRASH,
	ASKED_EXHAUST,
};

/* The event that proves the operation under way; PROOF_NONE when the answer alone is enough. */
enum proof { PROOF_NONE, PROOF_START, PROOF_DIE, PROOF_PAUSE, PROOF_UNPAUSE, PROOF_RESTART };

struct container {
	struct world *world;
	const struct service *service;
	size_t index;
	char *name, *id;
	enum container_state state;
	bool out_of_memory, healthy, completed, started;
	struct container_stream *stream;
	struct engine_call *inspection;
	struct engine_call *ending; /* the kill at the end of the world */
	pid_t pid;                  /* of the running container; 0 while not known */
	container_changed *changed;
	void *changed_owner;

	enum asked asked;
	int64_t asked_ns;
	struct sent_signal sent; /* by a kill step that is under way or over */
	char *stop_signal;       /* as the engine says, which knows the image's; NULL: not known */
	int64_t died_ns;         /* when the last death was heard of */
	int64_t dead_ns;         /* when it was by the engine's stamp, at the earliest */
	bool died_of_memory;
	int64_t exhausted_ns; /* a step has used up its memory, and it has not died of it so far; 0: no */
	int exit_code;        /* of that; -1: not known */
	int restarts;         /* by its policy, since a step started it */
	bool is_let_lie;      /* its last death was one after which no policy starts it */

	struct err start_failure; /* while its agent is asked whether it lives */

	/* the operation under way */
	struct engine_call *call;
	bool busy, answered, proven;
	bool awaits_log; /* a removal does: its process is dead, and its log is not read to the end */
	enum proof proof;
	enum step_kind action; /* what follows a creation; STEP_HOLD: nothing */
	int64_t acted_ns;      /* it began */
	const char *signal;
	struct helper *helper; /* of a crash or an exhaustion */
	struct timer *timer;   /* to the proof's deadline, or to the call back of what was so already */
	container_done *done;
	void *done_owner;
};

void container_set_state(struct container *container, enum container_state state);
/* Its log has been read to the end, as far as is known. */
void container_log_ended(struct container *container);
/* Begins a death as if by itself (container_death.c), which ends in container_answered(). */
void container_bring_death(struct container *container);
/* What was asked for has been answered; it is over when its proof has come, too. */
void container_answered(struct container *container, const struct err *err);
/* The event that an operation waits for has come. */
void container_prove(struct container *container, enum proof proof);

#endif
