#include "run/agent_link.h"

#include "base/buf.h"
#include "base/duration.h"
#include "run/agent_talk.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Of the agent's standard error the last line is kept: it says nothing there unless it breaks. */
#define LAST_WORDS_MAX 200
#define GONE "is gone: somebody removed its container"
#define SILENCE_NS (10 * NS_PER_S)

struct agent_link {
	struct loop *loop;
	struct engine *engine;
	char *container, *service;
	struct agent_talk *talk; /* NULL once it has failed */
	struct engine_attachment *attachment;
	bool has_ended;           /* its outputs have, while the engine still starts it */
	struct engine_call *call; /* the start, or the question why it ended */
	struct buf last_words;
	struct err failure; /* what is known while the container is asked for more */
	int64_t clock_error_ns;
	char architecture[32];
	const struct agent_link_events *events;
	void *owner;
};

static void stop(struct agent_link *link)
{
	agent_talk_free(steal_ptr(link->talk));
	engine_attachment_close(steal_ptr(link->attachment));
	engine_cancel(steal_ptr(link->call));
}

void agent_link_free(struct agent_link *link)
{
	if (!link)
		return;
	stop(link);
	buf_release(&link->last_words);
	free(link->container);
	free(link->service);
	free(link);
}

/* ---- failure ---- */

static void fail(struct agent_link *link, const struct err *err)
{
	struct err failure = *err;
	failure.kind = ERR_ENVIRONMENT;
	stop(link);
	link->events->failed(link->owner, &failure);
}

/* The state of its container, as the end of a sentence about the agent. */
static void describe_state(struct agent_link *link, const json_t *state, struct buf *text)
{
	const char *status = json_string_value(json_object_get(state, "Status"));
	if (status && (strcmp(status, "removing") == 0 || strcmp(status, "dead") == 0)) {
		buf_add_string(text, GONE);
		return;
	}
	if (status && strcmp(status, "exited") == 0)
		buf_addf(text, "exited with %d", (int)json_integer_value(json_object_get(state, "ExitCode")));
	else
		buf_addf(text, "is %.20s", status ? status : "in no state the engine could tell");
	if (json_is_true(json_object_get(state, "OOMKilled")))
		buf_add_string(text, ", killed for using more memory than it may");
	const char *why = json_string_value(json_object_get(state, "Error"));
	if (why && *why) {
		buf_add_string(text, ": ");
		buf_add_visible(text, why, strlen(why), LAST_WORDS_MAX);
	}
	if (link->last_words.length)
		buf_addf(text, "; it last said: %s", link->last_words.bytes);
}

static void explained(void *owner, json_t *reply, const struct err *err)
{
	struct agent_link *link = owner;
	link->call = NULL;
	struct buf text CLEANUP(buf_release) = { 0 };
	struct err failure = ERR_INIT;
	if (!err)
		describe_state(link, json_object_get(reply, "State"), &text);
	if (err && err->kind == ERR_NOT_FOUND)
		buf_add_string(&text, GONE);
	else if (err)
		buf_addf(&text, "is out of reach: %s", err->message);
	if (err_is_set(&link->failure))
		err_set(&failure, ERR_ENVIRONMENT, "%s; it %s", link->failure.message, buf_string(&text));
	else
		err_set(&failure, ERR_ENVIRONMENT, "the agent of `%s` %s", link->service, buf_string(&text));
	fail(link, &failure);
}

/* The attachment stays: closing it would end an agent that still runs, and hide what is wrong with it. */
static void ask_why(struct agent_link *link)
{
	agent_talk_free(steal_ptr(link->talk));
	engine_cancel(link->call);
	link->call = engine_container_inspect(link->engine, link->container, explained, link);
}

static void attachment_ended(void *owner, const struct err *err)
{
	struct agent_link *link = owner;
	link->attachment = NULL;
	if (!link->talk)
		return; /* being explained */
	if (!err && agent_talk_is_quitting(link->talk)) {
		stop(link);
		return;
	}
	if (!err) {
		link->has_ended = link->call != NULL;
		if (!link->has_ended)
			ask_why(link);
		return;
	}
	struct err failure = ERR_INIT;
	err_set(
	    &failure, ERR_ENVIRONMENT, "the agent of `%s` is out of reach: %s", link->service, err->message);
	fail(link, &failure);
}

/* ---- the talk ---- */

static void write_bytes(void *owner, const char *bytes, size_t length)
{
	struct agent_link *link = owner;
	if (link->attachment)
		engine_attachment_write(link->attachment, bytes, length);
}

static void ready(void *owner)
{
	struct agent_link *link = owner;
	link->clock_error_ns = agent_talk_clock_error_ns(link->talk);
	snprintf(link->architecture, sizeof(link->architecture), "%s", agent_talk_architecture(link->talk));
	link->events->ready(link->owner);
}

static void noticed(void *owner, const struct notice *notice)
{
	struct agent_link *link = owner;
	if (link->events->notice)
		link->events->notice(link->owner, notice);
}

static void talk_failed(void *owner, const struct err *err, bool is_silent)
{
	struct agent_link *link = owner;
	if (!is_silent) {
		fail(link, err);
		return;
	}
	link->failure = *err;
	ask_why(link);
}

static const struct agent_talk_host talk_host = {
	.write = write_bytes,
	.ready = ready,
	.notice = noticed,
	.failed = talk_failed,
};

/* ---- its life ---- */

static void started(void *owner, json_t *reply, const struct err *err)
{
	(void)reply;
	struct agent_link *link = owner;
	link->call = NULL;
	if (!err) {
		if (link->has_ended)
			ask_why(link);
		else
			agent_talk_started(link->talk);
		return;
	}
	struct err failure = ERR_INIT;
	err_set(
	    &failure, ERR_ENVIRONMENT, "the agent of `%s` does not start: %s", link->service, err->message);
	fail(link, &failure);
}

static void attached(void *owner)
{
	struct agent_link *link = owner;
	link->call = engine_container_start(link->engine, link->container, started, link);
}

static void take_line(void *owner, const struct engine_log_line *line)
{
	struct agent_link *link = owner;
	if (line->output == ENGINE_STDOUT) {
		if (link->talk)
			agent_talk_feed(link->talk, line->text, line->length, line->cut);
		return;
	}
	buf_clear(&link->last_words);
	buf_add_visible(&link->last_words, line->text, line->length, LAST_WORDS_MAX);
}

/* False where there is none to read. */
static bool read_boot_id(char *text, size_t size)
{
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	ssize_t length = read(fd, text, size - 1);
	close(fd);
	text[length > 0 ? length : 0] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return text[0] != '\0';
}

struct agent_link *agent_link_new(struct loop *loop, struct engine *engine, const char *container,
    const char *service, const struct agent_link_events *events, void *owner)
{
	char boot_id[64];
	struct agent_link *link = xcalloc(1, sizeof(*link));
	*link = (struct agent_link){ .loop = loop,
		.engine = engine,
		.container = xstrdup(container),
		.service = xstrdup(service),
		.events = events,
		.owner = owner };
	link->talk = agent_talk_new(loop, read_boot_id(boot_id, sizeof(boot_id)) ? boot_id : NULL, service,
	    SILENCE_NS, &talk_host, link);
	link->attachment =
	    engine_container_attach(engine, container, attached, take_line, attachment_ended, link);
	return link;
}

void agent_link_command(struct agent_link *link, agent_link_done *done, void *owner, const char *format, ...)
{
	if (!link->talk)
		return;
	va_list arguments;
	va_start(arguments, format);
	agent_talk_command(link->talk, done, owner, format, arguments);
	va_end(arguments);
}

int64_t agent_link_clock_error_ns(const struct agent_link *link)
{
	return link->talk ? agent_talk_clock_error_ns(link->talk) : link->clock_error_ns;
}

const char *agent_link_architecture(const struct agent_link *link)
{
	return link->architecture;
}
