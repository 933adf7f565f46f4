/*
 * An attachment to a container: POST /containers/x/attach on a connection of its own, which the engine hands
 * over when it has agreed. From then on what is written is the container's input, and what comes are frames
 * of its outputs.
 *
 * The end of the stream does not tell why it ended: an engine that dies closes the connection as one whose
 * container is over. So the container is asked.
 */
#include "base/buf.h"
#include "base/duration.h"
#include "engine/call.h"
#include "engine/connection.h"
#include "engine/http_head.h"
#include "engine/log_stream.h"
#include "engine/reply.h"
#include "engine/url.h"

#include <string.h>

#define ATTACH_TIMEOUT_NS (60 * NS_PER_S)
#define REFUSAL_MAX (64UL << 10)
#define REFUSAL_SHOWN_MAX 1000
/* How long the rest of a refusal is waited for whose length is not said. */
#define REFUSAL_REST_NS NS_PER_S
/* How long after its outputs are closed a process may take to be over. */
#define OVER_TIMEOUT_NS (5 * NS_PER_S)

enum attach_state {
	ATTACH_ASKING,
	ATTACH_REFUSED, /* the reason is coming */
	ATTACH_OPEN,
	ATTACH_ENDED, /* the container is asked why */
};

struct engine_attachment {
	struct engine *engine;
	struct engine_attachment *previous, *next; /* in engine->attachments */
	char *id, *doing, *path;
	enum attach_state state;
	struct connection *connection; /* NULL once it has ended */
	struct http_head head;
	struct buf refusal;
	struct log_stream *lines;
	struct buf early;         /* what is to be written as soon as it is open */
	struct timer *limit;      /* of the state */
	struct timer *soon;       /* tells `failure` */
	struct engine_call *wait; /* for the container's end */
	struct err failure;
	bool is_in_callback; /* the user's: it must not be freed under it */
	bool is_closed;
	engine_on_attached *attached;
	engine_on_log_line *on_line;
	engine_on_end *end;
	void *owner;
};

static void set_state(struct engine_attachment *attachment, enum attach_state state)
{
	enum attach_state from = state == ATTACH_ENDED ? ATTACH_OPEN : ATTACH_ASKING;
	if (attachment->state != from || state == ATTACH_ASKING)
		BUG("an attachment goes from state %d to %d", attachment->state, state);
	attachment->state = state;
	timer_cancel(steal_ptr(attachment->limit));
}

static void limit_state(struct engine_attachment *attachment, int64_t limit_ns, void (*passed)(void *owner))
{
	struct loop *loop = attachment->engine->loop;
	attachment->limit = timer_start(loop, loop_now_ns(loop) + limit_ns, passed, attachment);
}

/* Leaves nothing that could call back. */
static void stop(struct engine_attachment *attachment)
{
	connection_close(steal_ptr(attachment->connection));
	engine_cancel(steal_ptr(attachment->wait));
	timer_cancel(steal_ptr(attachment->limit));
	timer_cancel(steal_ptr(attachment->soon));
	if (attachment->previous)
		attachment->previous->next = attachment->next;
	else
		attachment->engine->attachments = attachment->next;
	if (attachment->next)
		attachment->next->previous = attachment->previous;
}

static void free_attachment(struct engine_attachment *attachment)
{
	http_head_release(&attachment->head);
	log_stream_free(attachment->lines);
	buf_release(&attachment->refusal);
	buf_release(&attachment->early);
	free(attachment->id);
	free(attachment->doing);
	free(attachment->path);
	free(attachment);
}

void engine_attachment_close(struct engine_attachment *attachment)
{
	if (!attachment)
		return;
	if (attachment->is_closed)
		BUG("an attachment is closed twice");
	stop(attachment);
	attachment->is_closed = true;
	if (!attachment->is_in_callback)
		free_attachment(attachment);
}

/* Between these two the user is called; false if the attachment was closed, and is now gone. */
static void enter(struct engine_attachment *attachment)
{
	attachment->is_in_callback = true;
}

static bool leave(struct engine_attachment *attachment)
{
	attachment->is_in_callback = false;
	if (!attachment->is_closed)
		return true;
	free_attachment(attachment);
	return false;
}

/* Tells the user, after everything of the attachment is gone. NULL: a regular end. */
static void conclude(struct engine_attachment *attachment, const struct err *failure)
{
	struct err err = failure ? *failure : (struct err)ERR_INIT;
	if (failure)
		err_wrap(&err, "%s", attachment->doing);
	engine_on_end *end = attachment->end;
	void *owner = attachment->owner;
	stop(attachment);
	free_attachment(attachment);
	end(owner, failure ? &err : NULL);
}

static void tell_failure(void *owner)
{
	struct engine_attachment *attachment = owner;
	attachment->soon = NULL;
	conclude(attachment, &attachment->failure);
}

static void still_runs(void *owner)
{
	struct engine_attachment *attachment = owner;
	attachment->limit = NULL;
	err_set(&attachment->failure, ERR_ENVIRONMENT,
	    "the engine ended the attachment, but the container runs on");
	conclude(attachment, &attachment->failure);
}

static void container_over(void *owner, json_t *reply, const struct err *err)
{
	(void)reply;
	struct engine_attachment *attachment = owner;
	attachment->wait = NULL;
	/* Removed is over, too. */
	conclude(attachment, err && err->kind != ERR_NOT_FOUND ? err : NULL);
}

static void explain_end(struct engine_attachment *attachment)
{
	set_state(attachment, ATTACH_ENDED);
	limit_state(attachment, OVER_TIMEOUT_NS, still_runs);
	attachment->wait =
	    engine_container_wait(attachment->engine, attachment->id, container_over, attachment);
}

/* False if the attachment is gone. */
static bool finish_lines(struct engine_attachment *attachment)
{
	struct engine_log_line line;
	struct err err = ERR_INIT;
	int got;
	while ((got = log_stream_finish(attachment->lines, &line, &err)) > 0) {
		enter(attachment);
		attachment->on_line(attachment->owner, &line);
		if (!leave(attachment))
			return false;
	}
	if (got == 0)
		return true;
	conclude(attachment, &err);
	return false;
}

static void refuse(struct engine_attachment *attachment)
{
	struct buf *refusal = &attachment->refusal;
	struct err err = ERR_INIT;
	while (refusal->length && strchr("\r\n ", refusal->bytes[refusal->length - 1]))
		refusal->bytes[--refusal->length] = '\0';
	if (attachment->head.is_raw && refusal->length) {
		struct buf text CLEANUP(buf_release) = { 0 };
		buf_add_visible(&text, refusal->bytes, refusal->length, REFUSAL_SHOWN_MAX);
		err_set(&err, attachment->head.status == 404 ? ERR_NOT_FOUND : ERR_ENVIRONMENT, "%s",
		    buf_string(&text));
		err.status = attachment->head.status;
	} else {
		reply_refused(attachment->head.status, buf_string(refusal), refusal->length, &err);
	}
	conclude(attachment, &err);
}

static void rest_is_missing(void *owner)
{
	struct engine_attachment *attachment = owner;
	attachment->limit = NULL;
	refuse(attachment);
}

/* The three below return false if the attachment is gone. */
static bool take_refusal(struct engine_attachment *attachment, const char *bytes, size_t length)
{
	buf_add(&attachment->refusal, bytes, length);
	int64_t whole = attachment->head.content_length;
	if (!attachment->refusal.cut && (whole < 0 || attachment->refusal.length < (uint64_t)whole))
		return true;
	refuse(attachment);
	return false;
}

static bool take_lines(struct engine_attachment *attachment, const char *bytes, size_t length)
{
	struct engine_log_line line;
	int got;
	while ((got = log_stream_next(attachment->lines, &bytes, &length, &line, &attachment->failure)) > 0) {
		enter(attachment);
		attachment->on_line(attachment->owner, &line);
		if (!leave(attachment))
			return false;
		if (err_is_set(&attachment->failure)) /* of a write: told from the loop */
			return true;
	}
	if (got == 0)
		return true;
	conclude(attachment, &attachment->failure);
	return false;
}

static bool take_head(struct engine_attachment *attachment, const char **bytes, size_t *length)
{
	struct http_head *head = &attachment->head;
	int got = http_head_take(head, bytes, length, &attachment->failure);
	if (got < 0) {
		conclude(attachment, &attachment->failure);
		return false;
	}
	if (got == 0)
		return true;
	if (head->status != 101 && head->status != 200) {
		set_state(attachment, ATTACH_REFUSED);
		limit_state(attachment, REFUSAL_REST_NS, rest_is_missing);
		return true;
	}
	set_state(attachment, ATTACH_OPEN);
	connection_write(attachment->connection, attachment->early.bytes, attachment->early.length);
	buf_release(&attachment->early);
	enter(attachment);
	attachment->attached(attachment->owner);
	return leave(attachment);
}

static bool received(void *owner, const char *bytes, size_t length)
{
	struct engine_attachment *attachment = owner;
	if (err_is_set(&attachment->failure))
		return true;
	if (attachment->state == ATTACH_ASKING && !take_head(attachment, &bytes, &length))
		return false;
	switch (attachment->state) {
	case ATTACH_ASKING:
		return true;
	case ATTACH_REFUSED:
		return take_refusal(attachment, bytes, length);
	case ATTACH_OPEN:
		return take_lines(attachment, bytes, length);
	case ATTACH_ENDED:
		break;
	}
	BUG("bytes after the end of a connection");
}

static void connection_ended(void *owner, const struct err *err)
{
	struct engine_attachment *attachment = owner;
	attachment->connection = NULL;
	if (err_is_set(&attachment->failure))
		return; /* about to be told */
	switch (attachment->state) {
	case ATTACH_ASKING: {
		struct err vanished = ERR_INIT;
		if (!err)
			reply_missing(CURLE_GOT_NOTHING, &attachment->engine->address, 0, 0, NULL, &vanished);
		conclude(attachment, err ? err : &vanished);
		return;
	}
	case ATTACH_REFUSED:
		refuse(attachment);
		return;
	case ATTACH_OPEN:
		/* An error may be but the rest of our input, which a container that is over did not take. */
		if (finish_lines(attachment))
			explain_end(attachment);
		return;
	case ATTACH_ENDED:
		break;
	}
	BUG("a connection ended twice");
}

static void connection_made(void *owner)
{
	struct engine_attachment *attachment = owner;
	const char *host = strstr(attachment->engine->address.base_url, "://") + strlen("://");
	struct buf request CLEANUP(buf_release) = { 0 };
	const char *version = attachment->engine->api_version;
	buf_addf(&request,
	    "POST /v%s%s HTTP/1.1\r\nHost: %s\r\nUser-Agent: falsestart\r\nConnection: Upgrade\r\n"
	    "Upgrade: tcp\r\nContent-Length: 0\r\n\r\n",
	    *version ? version : ENGINE_API_OLDEST, attachment->path, host);
	connection_write(attachment->connection, request.bytes, request.length);
}

static const struct connection_events connection_events = {
	.open = connection_made,
	.received = received,
	.ended = connection_ended,
};

static void no_answer(void *owner)
{
	struct engine_attachment *attachment = owner;
	attachment->limit = NULL;
	reply_missing(CURLE_OPERATION_TIMEDOUT, &attachment->engine->address, 0, ATTACH_TIMEOUT_NS, NULL,
	    &attachment->failure);
	conclude(attachment, &attachment->failure);
}

void engine_attachment_write(struct engine_attachment *attachment, const void *bytes, size_t length)
{
	if (attachment->state == ATTACH_ENDED || err_is_set(&attachment->failure))
		return;
	struct connection *connection = attachment->connection;
	bool is_open = attachment->state == ATTACH_OPEN;
	size_t unsent = is_open ? connection_unsent(connection) : attachment->early.length;
	if (unsent + length > ENGINE_ATTACHMENT_QUEUE_MAX) {
		struct loop *loop = attachment->engine->loop;
		err_set(&attachment->failure, ERR_ENVIRONMENT,
		    "more than %lu KiB wait to be written: the container does not read its input",
		    ENGINE_ATTACHMENT_QUEUE_MAX >> 10);
		attachment->soon = timer_start(loop, loop_now_ns(loop), tell_failure, attachment);
	} else if (is_open) {
		connection_write(connection, bytes, length);
	} else {
		buf_add(&attachment->early, bytes, length);
	}
}

struct engine_attachment *engine_container_attach(struct engine *engine, const char *id,
    engine_on_attached *attached, engine_on_log_line *on_line, engine_on_end *end, void *owner)
{
	struct engine_attachment *attachment = xcalloc(1, sizeof(*attachment));
	*attachment = (struct engine_attachment){ .engine = engine,
		.next = engine->attachments,
		.id = xstrdup(id),
		.doing = call_doing("attach to container", id),
		.refusal.max = REFUSAL_MAX,
		.lines = log_stream_new_attached(),
		.attached = attached,
		.on_line = on_line,
		.end = end,
		.owner = owner };
	http_head_init(&attachment->head);
	if (attachment->next)
		attachment->next->previous = attachment;
	engine->attachments = attachment;
	struct buf path CLEANUP(buf_release) = { 0 };
	buf_add_string(&path, "/containers/");
	url_add_encoded(&path, id, false);
	buf_add_string(&path, "/attach?stream=1&stdin=1&stdout=1&stderr=1");
	attachment->path = buf_steal(&path);
	struct call_request request = { .method = "POST", .path = attachment->path };
	attachment->connection = connection_open(engine, &request, &connection_events, attachment);
	limit_state(attachment, ATTACH_TIMEOUT_NS, no_answer);
	return attachment;
}
