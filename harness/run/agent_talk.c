#include "run/agent_talk.h"

#include "base/buf.h"
#include "base/duration.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const int64_t LAST_LOOK_NS = 100 * NS_PER_MS;
/* How far two clocks may part: one five-thousandth of the time (200 ppm), twice what bad quartzes do. */
static const int64_t DRIFT_PART = 5000;
static const int64_t STAMP_MAX_NS = INT64_MAX / 4;

enum talk_state {
	TALK_WAITING,   /* for its hello */
	TALK_MEASURING, /* its clock */
	TALK_MET,       /* its clock is known */
	TALK_READY,     /* and the engine says it was started */
	TALK_FAILED,
};

struct command {
	struct command *next;
	int64_t number;
	char *text;
	int64_t sent_ns; /* 0: not yet */
	agent_link_done *done;
	void *owner;
};

struct agent_talk {
	struct loop *loop;
	char *boot_id, *service;
	enum talk_state state;
	bool has_started, is_quitting;
	int64_t silence_ns, born_ns, started_ns;
	int64_t last_number;
	struct command *commands, **end; /* not answered yet, in order; sent ones first */
	struct timer *deadline;          /* not later than that of the first command or the hello */
	bool has_looked;                 /* the deadline has passed once */
	int pings;
	int64_t ping_number, ping_sent_ns;
	/* The loop's time minus the agent's is between these, as of measured_ns. */
	bool has_own_clock;
	int64_t least_ns, most_ns, measured_ns;
	char architecture[32];
	bool is_in_callback, is_freed;
	const struct agent_talk_host *host;
	void *owner;
};

static void set_state(struct agent_talk *talk, enum talk_state state)
{
	if (talk->state == TALK_FAILED || (state != TALK_FAILED && state != talk->state + 1))
		BUG("the talk with an agent goes from state %d to %d", talk->state, state);
	talk->state = state;
}

static void drop_commands(struct agent_talk *talk)
{
	while (talk->commands) {
		struct command *command = talk->commands;
		talk->commands = command->next;
		free(command->text);
		free(command);
	}
	talk->end = &talk->commands;
}

void agent_talk_free(struct agent_talk *talk)
{
	if (!talk)
		return;
	timer_cancel(steal_ptr(talk->deadline));
	drop_commands(talk);
	talk->is_freed = true;
	if (talk->is_in_callback)
		return;
	free(talk->boot_id);
	free(talk->service);
	free(talk);
}

/* The host is called between these two; false if it freed the talk. */
static void enter(struct agent_talk *talk)
{
	talk->is_in_callback = true;
}

static bool leave(struct agent_talk *talk)
{
	talk->is_in_callback = false;
	if (talk->is_freed)
		agent_talk_free(talk);
	else
		return true;
	return false;
}

/* ---- failure ---- */

static void fail(struct agent_talk *talk, const struct err *err, bool is_silent)
{
	timer_cancel(steal_ptr(talk->deadline));
	drop_commands(talk);
	set_state(talk, TALK_FAILED);
	enter(talk);
	talk->host->failed(talk->owner, err, is_silent);
	(void)leave(talk);
}

/* The agent's deadline, be it for a command or its hello, or INT64_MAX. */
static int64_t due_ns(const struct agent_talk *talk, const char **ret_what)
{
	*ret_what = "ping";
	if (talk->state == TALK_WAITING) {
		*ret_what = NULL;
		return talk->has_started ? talk->started_ns + talk->silence_ns : INT64_MAX;
	}
	if (talk->state == TALK_MEASURING)
		return talk->ping_sent_ns + talk->silence_ns;
	if (!talk->commands || !talk->commands->sent_ns)
		return INT64_MAX;
	*ret_what = talk->commands->text;
	return talk->commands->sent_ns + talk->silence_ns;
}

static void watch_deadline(struct agent_talk *talk);

static void deadline_passed(void *owner)
{
	struct agent_talk *talk = owner;
	talk->deadline = NULL;
	const char *what;
	int64_t now_ns = loop_now_ns(talk->loop);
	if (due_ns(talk, &what) > now_ns) {
		talk->has_looked = false;
		watch_deadline(talk);
		return;
	}
	/* If it is we who were stopped, the answer waits to be read, which comes after the timers. */
	if (!talk->has_looked) {
		talk->has_looked = true;
		talk->deadline = timer_start(talk->loop, now_ns + LAST_LOOK_NS, deadline_passed, talk);
		return;
	}
	struct err err = ERR_INIT;
	char duration[DURATION_TEXT_MAX];
	duration_format(talk->silence_ns, duration);
	if (what)
		err_set(&err, ERR_ENVIRONMENT, "the agent of `%s` did not answer `%.200s` within %s",
		    talk->service, what, duration);
	else
		err_set(&err, ERR_ENVIRONMENT, "the agent of `%s` did not say hello within %s of its start",
		    talk->service, duration);
	fail(talk, &err, true);
}

/* A timer that is too early looks again: setting one for every command would cost more. */
static void watch_deadline(struct agent_talk *talk)
{
	const char *what;
	int64_t at_ns = due_ns(talk, &what);
	if (!talk->deadline && at_ns < INT64_MAX)
		talk->deadline = timer_start(talk->loop, at_ns, deadline_passed, talk);
}

/* ---- what is sent ---- */

static void send_line(struct agent_talk *talk, int64_t number, const char *text)
{
	struct buf line CLEANUP(buf_release) = { 0 };
	buf_addf(&line, "%" PRId64 " %s\n", number, text);
	talk->host->write(talk->owner, line.bytes, line.length);
}

static void send_command(struct agent_talk *talk, struct command *command)
{
	command->sent_ns = loop_now_ns(talk->loop);
	send_line(talk, command->number, command->text);
	watch_deadline(talk);
}

void agent_talk_command(
    struct agent_talk *talk, agent_link_done *done, void *owner, const char *format, va_list arguments)
{
	if (talk->state == TALK_FAILED)
		return;
	struct buf text CLEANUP(buf_release) = { 0 };
	buf_vaddf(&text, format, arguments);
	if (text.length == 0 || text.length > AGENT_COMMAND_MAX || strchr(text.bytes, '\n'))
		BUG("a command for an agent that is none: `%.100s`", buf_string(&text));
	struct command *command = xcalloc(1, sizeof(*command));
	*command = (struct command){
		.number = ++talk->last_number, .text = buf_steal(&text), .done = done, .owner = owner
	};
	talk->is_quitting = talk->is_quitting || strcmp(command->text, "quit") == 0;
	*talk->end = command;
	talk->end = &command->next;
	if (talk->state == TALK_READY)
		send_command(talk, command);
}

static void send_ping(struct agent_talk *talk)
{
	talk->ping_number = ++talk->last_number;
	talk->ping_sent_ns = loop_now_ns(talk->loop);
	send_line(talk, talk->ping_number, "ping");
	watch_deadline(talk);
}

static void become_ready(struct agent_talk *talk)
{
	if (talk->state != TALK_MET || !talk->has_started)
		return;
	set_state(talk, TALK_READY);
	for (struct command *command = talk->commands; command; command = command->next)
		send_command(talk, command);
	enter(talk);
	talk->host->ready(talk->owner);
	(void)leave(talk);
}

void agent_talk_started(struct agent_talk *talk)
{
	talk->has_started = true;
	talk->started_ns = loop_now_ns(talk->loop);
	watch_deadline(talk);
	become_ready(talk);
}

/* ---- what is said ---- */

/* An absurd stamp must not overflow. */
static int64_t sane_stamp_ns(int64_t at_ns)
{
	return at_ns < STAMP_MAX_NS ? at_ns : STAMP_MAX_NS;
}

static int64_t loop_time_ns(const struct agent_talk *talk, int64_t at_ns)
{
	int64_t now_ns = loop_now_ns(talk->loop);
	int64_t offset_ns = talk->least_ns + (talk->most_ns - talk->least_ns) / 2;
	int64_t ns = sane_stamp_ns(at_ns) + offset_ns;
	return ns < now_ns ? ns : now_ns;
}

/* An answer was stamped between its sending and now. Each narrows what the difference of the clocks can be;
 * time widens it, since no two quartzes agree. */
static void measure_clock(struct agent_talk *talk, int64_t sent_ns, int64_t at_ns)
{
	if (!talk->has_own_clock)
		return;
	int64_t now_ns = loop_now_ns(talk->loop);
	int64_t least_ns = sent_ns - sane_stamp_ns(at_ns), most_ns = now_ns - sane_stamp_ns(at_ns);
	int64_t drift_ns = (now_ns - talk->measured_ns) / DRIFT_PART;
	bool is_first = talk->measured_ns == 0;
	talk->least_ns -= drift_ns;
	talk->most_ns += drift_ns;
	/* A clock that stood still (a suspended machine) is measured anew. */
	bool is_apart = least_ns > talk->most_ns || most_ns < talk->least_ns;
	if (is_first || is_apart || least_ns > talk->least_ns)
		talk->least_ns = least_ns;
	if (is_first || is_apart || most_ns < talk->most_ns)
		talk->most_ns = most_ns;
	talk->measured_ns = now_ns;
}

static void take_hello(struct agent_talk *talk, const struct notice *hello)
{
	snprintf(talk->architecture, sizeof(talk->architecture), "%s", hello->word);
	set_state(talk, TALK_MEASURING);
	/* A time namespace has another clock under the same boot id. */
	if (talk->boot_id && strcmp(talk->boot_id, hello->text) == 0 && hello->at_ns >= talk->born_ns &&
	    hello->at_ns <= loop_now_ns(talk->loop)) {
		set_state(talk, TALK_MET);
		become_ready(talk);
		return;
	}
	talk->has_own_clock = true;
	send_ping(talk);
}

static void take_pong(struct agent_talk *talk, const struct notice *pong)
{
	measure_clock(talk, talk->ping_sent_ns, pong->at_ns);
	if (++talk->pings < AGENT_PINGS) {
		send_ping(talk);
		return;
	}
	set_state(talk, TALK_MET);
	become_ready(talk);
}

/* Taken out of the list; NULL if there is none. */
static struct command *find_command(struct agent_talk *talk, int64_t number)
{
	for (struct command **link = &talk->commands; *link && (*link)->sent_ns; link = &(*link)->next) {
		struct command *command = *link;
		if (command->number != number)
			continue;
		*link = command->next;
		if (!command->next)
			talk->end = link;
		return command;
	}
	return NULL;
}

static void fail_with(struct agent_talk *talk, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void fail_with(struct agent_talk *talk, const char *format, ...)
{
	struct err err = ERR_INIT;
	va_list arguments;
	va_start(arguments, format);
	err_vset(&err, ERR_ENVIRONMENT, format, arguments);
	va_end(arguments);
	fail(talk, &err, false);
}

static void take_reply(struct agent_talk *talk, struct notice *notice)
{
	struct command *found = find_command(talk, notice->number);
	if (!found) {
		fail_with(talk,
		    "the agent of `%s` answered command %" PRId64 ", which it was not given or has "
		    "answered already",
		    talk->service, notice->number);
		return;
	}
	struct command command = *found;
	char *text OWNED = found->text;
	free(found);
	struct err err = ERR_INIT;
	int64_t to_ns = loop_now_ns(talk->loop);
	if (notice->kind == NOTICE_OK) {
		measure_clock(talk, command.sent_ns, notice->at_ns);
		int64_t latest_ns = loop_time_ns(talk, notice->at_ns) + agent_talk_clock_error_ns(talk);
		to_ns = latest_ns < to_ns ? latest_ns : to_ns;
		to_ns = to_ns > command.sent_ns ? to_ns : command.sent_ns;
		notice->at_ns = loop_time_ns(talk, notice->at_ns);
		enter(talk);
		talk->host->notice(talk->owner, notice);
		if (!leave(talk))
			return;
	} else {
		err_set(&err, ERR_ENVIRONMENT, "the agent of `%s` refused `%.200s`: %s", talk->service, text,
		    notice->text);
	}
	if (!command.done) {
		if (err_is_set(&err))
			fail(talk, &err, false);
		return;
	}
	enter(talk);
	command.done(command.owner, command.sent_ns, to_ns, err_is_set(&err) ? &err : NULL);
	(void)leave(talk);
}

static void take_notice(struct agent_talk *talk, struct notice *notice)
{
	/* Command 0 is nobody's: the agent's own word that it cannot begin or go on. */
	if (notice->kind == NOTICE_ERROR && notice->number == 0) {
		fail_with(talk, "the agent of `%s` gave up: %s", talk->service, notice->text);
	} else if ((notice->kind == NOTICE_HELLO) != (talk->state == TALK_WAITING)) {
		fail_with(talk,
		    talk->state == TALK_WAITING ? "the agent of `%s` said something before its hello"
						: "the agent of `%s` said hello twice: was it started again?",
		    talk->service);
	} else if (notice->kind == NOTICE_HELLO) {
		take_hello(talk, notice);
	} else if (notice->kind == NOTICE_OK && talk->state == TALK_MEASURING &&
		   notice->number == talk->ping_number) {
		take_pong(talk, notice);
	} else if (notice->kind == NOTICE_OK || notice->kind == NOTICE_ERROR) {
		take_reply(talk, notice);
	} else if (talk->state == TALK_READY) {
		notice->at_ns = loop_time_ns(talk, notice->at_ns);
		enter(talk);
		talk->host->notice(talk->owner, notice);
		(void)leave(talk);
	}
}

void agent_talk_feed(struct agent_talk *talk, const char *line, size_t length, bool cut)
{
	if (talk->state == TALK_FAILED)
		return;
	struct notice notice = { 0 };
	struct err err = ERR_INIT;
	int got = cut ? err_set(&err, ERR_ENVIRONMENT, "it said a line of more than %zu bytes", length)
		      : wire_parse(line, length, &notice, &err);
	if (got < 0)
		fail_with(talk, "the agent of `%s`: %s", talk->service, err.message);
	else
		take_notice(talk, &notice);
}

/* ---- the rest ---- */

struct agent_talk *agent_talk_new(struct loop *loop, const char *boot_id, const char *service,
    int64_t silence_ns, const struct agent_talk_host *host, void *owner)
{
	struct agent_talk *talk = xcalloc(1, sizeof(*talk));
	*talk = (struct agent_talk){ .loop = loop,
		.boot_id = boot_id ? xstrdup(boot_id) : NULL,
		.service = xstrdup(service),
		.born_ns = loop_now_ns(loop),
		.silence_ns = silence_ns,
		.end = &talk->commands,
		.host = host,
		.owner = owner };
	return talk;
}

bool agent_talk_is_quitting(const struct agent_talk *talk)
{
	return talk->is_quitting;
}

int64_t agent_talk_clock_error_ns(const struct agent_talk *talk)
{
	return (talk->most_ns - talk->least_ns + 1) / 2;
}

const char *agent_talk_architecture(const struct agent_talk *talk)
{
	return talk->architecture;
}
