#include "run/recorder.h"

#include "base/buf.h"
#include "trace/trace.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { BLOCK_SIZE = 64 * 1024 };

struct recorder {
	int fd;
	char *path;
	int64_t epoch_ns;
	const struct redactor *redactor;
	recorder_listener *listener;
	void *owner;
	struct buf block, redacted[2];
	int64_t log_bytes, dropped;
	struct err failure; /* the first write that failed */
};

struct recorder *recorder_open(
    const char *path, int64_t epoch_ns, const struct redactor *redactor, struct err *err)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0) {
		err_set_errno(err, ERR_ENVIRONMENT, errno, "cannot write the trace `%s`", path);
		return NULL;
	}
	struct recorder *recorder = xcalloc(1, sizeof(*recorder));
	recorder->fd = fd;
	recorder->path = xstrdup(path);
	recorder->epoch_ns = epoch_ns;
	recorder->redactor = redactor;
	return recorder;
}

static void flush_block(struct recorder *recorder)
{
	size_t done = 0;
	while (done < recorder->block.length && !err_is_set(&recorder->failure)) {
		ssize_t count =
		    write(recorder->fd, recorder->block.bytes + done, recorder->block.length - done);
		if (count >= 0)
			done += (size_t)count;
		else if (errno != EINTR)
			err_set_errno(&recorder->failure, ERR_ENVIRONMENT, errno,
			    "cannot write the trace `%s`", recorder->path);
	}
	buf_clear(&recorder->block);
}

int recorder_close(struct recorder *recorder, struct err *err)
{
	flush_block(recorder);
	if (close(recorder->fd) < 0)
		err_set_errno(&recorder->failure, ERR_ENVIRONMENT, errno, "cannot write the trace `%s`",
		    recorder->path);
	int result = 0;
	if (err_is_set(&recorder->failure)) {
		if (err && !err_is_set(err))
			*err = recorder->failure;
		result = -1;
	}
	buf_release(&recorder->block);
	buf_release(&recorder->redacted[0]);
	buf_release(&recorder->redacted[1]);
	free(recorder->path);
	free(recorder);
	return result;
}

void recorder_listen(struct recorder *recorder, recorder_listener *listener, void *owner)
{
	recorder->listener = listener;
	recorder->owner = owner;
}

static struct text redact_text(struct recorder *recorder, int slot, struct text text, int *count)
{
	if (!recorder->redactor || !text.bytes)
		return text;
	struct buf *out = &recorder->redacted[slot];
	buf_clear(out);
	*count += (int)redact(recorder->redactor, out, text.bytes, text.length);
	return (struct text){ buf_string(out), out->length };
}

static const char *redact_counted(struct recorder *recorder, int slot, const char *string, int *count)
{
	return string ? redact_text(recorder, slot, (struct text){ string, strlen(string) }, count).bytes
		      : NULL;
}

static const char *redact_field(struct recorder *recorder, int slot, const char *string)
{
	int count = 0;
	return redact_counted(recorder, slot, string, &count);
}

/* Outside data is in these fields and no others. */
static void redact_event(struct recorder *recorder, struct event *event)
{
	switch (event->kind) {
	case EVENT_LOG:
		event->log.line = redact_text(recorder, 0, event->log.line, &event->log.redacted);
		break;
	case EVENT_RESPONSE:
		event->response.body =
		    redact_text(recorder, 0, event->response.body, &event->response.redacted);
		event->response.headers =
		    redact_counted(recorder, 1, event->response.headers, &event->response.redacted);
		break;
	case EVENT_SAMPLE:
		event->sample.state = redact_field(recorder, 0, event->sample.state);
		event->sample.detail = redact_field(recorder, 1, event->sample.detail);
		break;
	case EVENT_STEP:
		event->step.detail = redact_field(recorder, 0, event->step.detail);
		break;
	case EVENT_SERVICE:
		event->service.detail = redact_field(recorder, 0, event->service.detail);
		break;
	case EVENT_ATTEMPT:
		event->attempt.detail = redact_field(recorder, 0, event->attempt.detail);
		break;
	case EVENT_PHASE:
		event->phase.detail = redact_field(recorder, 0, event->phase.detail);
		break;
	case EVENT_TROUBLE:
		event->trouble.what = redact_field(recorder, 0, event->trouble.what);
		break;
	case EVENT_WORLD:
	case EVENT_LOST:
	case EVENT_MEMORY:
	case EVENT_DESCRIPTORS:
	case EVENT_LATENESS:
	case EVENT_END:
		break;
	}
}

static int64_t since_epoch(const struct recorder *recorder, int64_t ns)
{
	return ns > recorder->epoch_ns ? ns - recorder->epoch_ns : 0;
}

void recorder_add(struct recorder *recorder, struct event event)
{
	event.from_ns = since_epoch(recorder, event.from_ns);
	event.to_ns = since_epoch(recorder, event.to_ns);
	if (event.from_ns > event.to_ns)
		event.from_ns = event.to_ns;
	if (!event.of)
		event.of = "";
	if (event.kind == EVENT_STEP)
		event.step.due_ns = since_epoch(recorder, event.step.due_ns);
	if (event.kind == EVENT_ATTEMPT && event.attempt.ended_after_ns)
		event.attempt.ended_after_ns = since_epoch(recorder, event.attempt.ended_after_ns);
	redact_event(recorder, &event);
	/* Counted as written: a flood of empty lines is a flood. */
	size_t before = recorder->block.length;
	bool is_log = event.kind == EVENT_LOG;
	if (is_log && recorder->log_bytes >= LOG_BYTES_MAX)
		recorder->dropped++;
	else
		trace_write_event(&recorder->block, &event);
	if (is_log)
		recorder->log_bytes += (int64_t)(recorder->block.length - before);
	if (recorder->block.length >= BLOCK_SIZE)
		flush_block(recorder);
	if (recorder->listener)
		recorder->listener(recorder->owner, &event);
}

int64_t recorder_dropped(const struct recorder *recorder)
{
	return recorder->dropped;
}
