/*
 * The log of a container, followed until its process ends and then read once more.
 *
 * The second reading is for the last words: engines before 23.0 stop following when the log is closed,
 * whether the follower has read to its end or not, and the line that tells why a process died is just the one
 * that is missed. It begins a second before the last line seen, since the two outputs are stamped side by
 * side and written in any order; what was seen is known by its stamp.
 */
#include "base/duration.h"
#include "engine/call.h"
#include "engine/log_stream.h"
#include "engine/stamp.h"
#include "engine/url.h"

#define REREAD_NS NS_PER_S
#define REREAD_SILENCE_NS (60 * NS_PER_S)

struct logs {
	char *id;
	bool tty, is_rereading;
	int64_t since_ns;
	int64_t last_ns[ENGINE_STDERR + 1]; /* the last stamp of each output */
	struct log_stream *lines;
	engine_on_log_line *on_line;
	engine_on_end *end;
	void *owner;
};

static void tell(struct logs *logs, const struct engine_log_line *line)
{
	int64_t *last_ns = &logs->last_ns[line->output];
	if (logs->is_rereading && line->engine_stamp_ns <= *last_ns)
		return;
	if (line->engine_stamp_ns > *last_ns)
		*last_ns = line->engine_stamp_ns;
	logs->on_line(logs->owner, line);
}

static int logs_feed(
    void *state, const struct engine_call *call, const char *bytes, size_t length, struct err *err)
{
	struct logs *logs = state;
	struct engine_log_line line;
	int got;
	while ((got = log_stream_next(logs->lines, &bytes, &length, &line, err)) > 0) {
		tell(logs, &line);
		if (call_is_cancelled(call))
			return 0;
	}
	return got;
}

static int logs_finish(void *state, const struct engine_call *call, struct err *err)
{
	struct logs *logs = state;
	struct engine_log_line line;
	int got;
	while ((got = log_stream_finish(logs->lines, &line, err)) > 0) {
		tell(logs, &line);
		if (call_is_cancelled(call))
			return 0;
	}
	return got;
}

static char *logs_path(const struct logs *logs, bool follow, int64_t since_ns)
{
	struct buf path CLEANUP(buf_release) = { 0 };
	buf_add_string(&path, "/containers/");
	url_add_encoded(&path, logs->id, false);
	buf_addf(&path, "/logs?follow=%d&stdout=1&stderr=1&timestamps=1", follow);
	char since[STAMP_QUERY_MAX];
	if (since_ns > 0)
		url_add_query(&path, "since", stamp_query(since_ns, since));
	return buf_steal(&path);
}

static char *logs_go_on(void *state, struct call_request *request)
{
	struct logs *logs = state;
	if (logs->is_rereading)
		return NULL;
	logs->is_rereading = true;
	log_stream_free(logs->lines);
	logs->lines = log_stream_new(logs->tty);
	request->also_success = 404; /* removed meanwhile, with its log */
	request->silence_ns = REREAD_SILENCE_NS;
	int64_t out_ns = logs->last_ns[ENGINE_STDOUT];
	int64_t err_ns = logs->last_ns[ENGINE_STDERR];
	int64_t from_ns = (out_ns > err_ns ? out_ns : err_ns) - REREAD_NS;
	return logs_path(logs, false, from_ns > logs->since_ns ? from_ns : logs->since_ns);
}

static void logs_end(void *state, const struct err *err)
{
	struct logs *logs = state;
	logs->end(logs->owner, err);
}

static void logs_free(void *state)
{
	struct logs *logs = state;
	log_stream_free(logs->lines);
	free(logs->id);
	free(logs);
}

static const struct call_stream logs_stream = {
	.feed = logs_feed,
	.finish = logs_finish,
	.go_on = logs_go_on,
	.end = logs_end,
	.free = logs_free,
};

struct engine_call *engine_container_logs(struct engine *engine, const char *id, bool tty, int64_t since_ns,
    engine_on_log_line *on_line, engine_on_end *end, void *owner)
{
	struct logs *logs = xcalloc(1, sizeof(*logs));
	*logs = (struct logs){ .id = xstrdup(id),
		.tty = tty,
		.since_ns = since_ns,
		.lines = log_stream_new(tty),
		.on_line = on_line,
		.end = end,
		.owner = owner };
	char *path OWNED = logs_path(logs, true, since_ns);
	char *doing OWNED = call_doing("follow the log of container", id);
	struct call_request request = { .method = "GET",
		.path = path,
		.doing = doing,
		.timeout_ns = CALL_NO_TIMEOUT,
		.stream = &logs_stream,
		.state = logs };
	return call_start(engine, &request);
}
