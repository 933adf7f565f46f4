/*
 * call: one HTTP exchange with the engine, and the engine's own struct. Private to this room.
 *
 * A call is plain (the whole reply is one JSON value) or a stream (the reply is delivered as it comes). Bytes
 * of a stream are kept in a bounded inbox and delivered from the loop, never from inside curl, where nothing
 * may be started or cancelled; while the inbox is full, curl reads no more.
 */
#ifndef ENGINE_CALL_H
#define ENGINE_CALL_H

#include "engine/address.h"
#include "engine/engine.h"

#define API_VERSION_MAX 16

struct call_request;

struct engine {
	struct loop *loop;
	struct address address;
	char api_version[API_VERSION_MAX]; /* "" before negotiation */
	/* The engine's wall clock is ahead of ours by at least this, as the Date of its last reply shows. */
	int64_t clock_ahead_ns;
	struct engine_call *calls;             /* under way, owned */
	struct engine_attachment *attachments; /* open, owned */
};

/* What becomes of a stream's reply. All but `free` may call the user back; since the user may then cancel,
 * they look at call_is_cancelled() afterwards and return at once. */
struct call_stream {
	/* -1 ends the call with *err. */
	int (*feed)(
	    void *state, const struct engine_call *call, const char *bytes, size_t length, struct err *err);
	/* After the last byte that came. NULL is allowed. -1 as above. */
	int (*finish)(void *state, const struct engine_call *call, struct err *err);
	/* After a regular end: the path (owned by the caller) of one more request that goes on with the
	 * stream, or NULL. May change the request. NULL is allowed. */
	char *(*go_on)(void *state, struct call_request *request);
	/* The call is over and its pointer dead; err is NULL at a regular end. */
	void (*end)(void *state, const struct err *err);
	void (*free)(void *state);
};

#define CALL_NO_TIMEOUT INT64_C(-1)

struct call_request {
	const char *method; /* "GET", "POST" or "DELETE" */
	const char *path;   /* after the version */
	const char *doing;  /* what an error message starts with; borrowed, as all here */
	const json_t *body;
	int upload_fd; /* with `uploads`: a regular file, sent from its beginning */
	bool uploads;
	bool is_versionless; /* /version and /_ping work before negotiation */
	int64_t timeout_ns;  /* for the whole call; 0: the default; CALL_NO_TIMEOUT: none */
	int64_t silence_ns;  /* with no timeout: how long nothing may move; 0: for ever */
	int also_success;    /* a status that is success too, with no reply: "already so" */
	/* Plain: looks at the reply before the user does; NULL is allowed. -1 ends the call with *err. */
	int (*check)(struct engine *engine, const json_t *reply, struct err *err);
	/* Plain, refused: the path (owned by the caller) of another request that leads to the same end, or
	 * NULL. May change the request. NULL is allowed. */
	char *(*otherwise)(struct call_request *request, const char *path, long status);
	engine_done *done;
	void *owner;
	const struct call_stream *stream; /* NULL: plain */
	void *state;                      /* of the stream: owned by the call from here on */
};

/* Never NULL; what goes wrong at once is told from the loop, too. */
struct engine_call *call_start(struct engine *engine, const struct call_request *request);
bool call_is_cancelled(const struct engine_call *call);

/* "start container `name`": bounded and fit to print; ids of 64 digits are cut to 12. Owned by the caller. */
char *call_doing(const char *verb, const char *name);

#endif
