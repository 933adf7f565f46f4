/*
 * RESP, versions 2 and 3. Commands are read as far as their names, and wait in a queue for their replies; of
 * a reply the first line matters, the rest is stepped over. Elements of nested replies are counted, not
 * stacked: an array of n is n elements more to come.
 */
#include "agent/classify.h"

#include <string.h>
#include <strings.h>

/* Commands that Redis 7 answers while it loads (flag "loading" in COMMAND), so that a good answer tells
 * nothing; whoever is not here tells. */
static const struct {
	const char *name;
	enum redis_command command;
} commands[] = {
	{ "acl", REDIS_GREETING },
	{ "asking", REDIS_GREETING },
	{ "auth", REDIS_AUTH },
	{ "client", REDIS_GREETING },
	{ "command", REDIS_GREETING },
	{ "config", REDIS_GREETING },
	{ "debug", REDIS_GREETING },
	{ "discard", REDIS_GREETING },
	{ "echo", REDIS_GREETING },
	{ "exec", REDIS_GREETING },
	{ "hello", REDIS_HELLO },
	{ "info", REDIS_INFO },
	{ "lastsave", REDIS_GREETING },
	{ "latency", REDIS_GREETING },
	{ "monitor", REDIS_GREETING },
	{ "multi", REDIS_GREETING },
	{ "psubscribe", REDIS_GREETING },
	{ "publish", REDIS_GREETING },
	{ "punsubscribe", REDIS_GREETING },
	{ "quit", REDIS_GREETING },
	{ "readonly", REDIS_GREETING },
	{ "readwrite", REDIS_GREETING },
	{ "replconf", REDIS_GREETING },
	{ "reset", REDIS_GREETING },
	{ "role", REDIS_GREETING },
	{ "select", REDIS_SELECT },
	{ "slowlog", REDIS_GREETING },
	{ "spublish", REDIS_GREETING },
	{ "ssubscribe", REDIS_GREETING },
	{ "subscribe", REDIS_GREETING },
	{ "sunsubscribe", REDIS_GREETING },
	{ "time", REDIS_GREETING },
	{ "unsubscribe", REDIS_GREETING },
	{ "unwatch", REDIS_GREETING },
	{ "watch", REDIS_GREETING },
};

/* How an error line begins, and what it says whatever was asked. */
static const struct {
	const char *words;
	enum outcome outcome;
} errors[] = {
	{ "LOADING", OUTCOME_LOADING },
	{ "BUSY", OUTCOME_DENIED }, /* a script runs */
	{ "CLUSTERDOWN", OUTCOME_DENIED },
	{ "DENIED", OUTCOME_DENIED },               /* protected mode */
	{ "ERR invalid password", OUTCOME_DENIED }, /* before 6.0 */
	{ "ERR max number of clients", OUTCOME_DENIED },
	{ "ERR operation not permitted", OUTCOME_DENIED }, /* before 2.8: NOAUTH */
	{ "MASTERDOWN", OUTCOME_DENIED },
	{ "MISCONF", OUTCOME_DENIED },
	{ "NOAUTH", OUTCOME_DENIED },
	{ "NOPERM", OUTCOME_DENIED },
	{ "NOREPLICAS", OUTCOME_DENIED },
	{ "OOM", OUTCOME_DENIED },
	{ "READONLY", OUTCOME_DENIED },
	{ "WRONGPASS", OUTCOME_DENIED },
};

enum { CLIENT_BETWEEN, CLIENT_COUNT, CLIENT_MARK, CLIENT_LENGTH, CLIENT_BODY, CLIENT_INLINE };
enum { SERVER_TYPE, SERVER_LINE, SERVER_BODY };

#define NUMBER_MAX (1024 * 1024 * 1024) /* longer than any bulk (512 MB) */
#define ELEMENTS_MAX (1024 * 1024)

/* ---- the client ---- */

static void command_named(struct redis_talk *talk)
{
	enum redis_command command = REDIS_TELLING;
	const char *name = talk->client.name;
	size_t length = talk->client.name_length;
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strlen(commands[i].name) == length && strncasecmp(commands[i].name, name, length) == 0)
			command = commands[i].command;
	/* A longer greeting than any client's: then its last answer has to tell. */
	if (talk->waiting_count == REDIS_COMMANDS_MAX - 1)
		command = REDIS_TELLING;
	talk->waiting[talk->waiting_count++] = (uint8_t)command;
	talk->client.heard = command == REDIS_TELLING;
	talk->client.name_length = 0;
	talk->client.in_name = false;
}

static void name_byte(struct redis_talk *talk, uint8_t byte)
{
	/* A name that is too long is none of the table's; the last place keeps it so. */
	if (talk->client.name_length < sizeof(talk->client.name))
		talk->client.name[talk->client.name_length++] = (char)byte;
}

/* 0, or -1 when the byte belongs to no number. */
static int number_byte(int64_t *number, uint8_t byte)
{
	if (byte == '\r')
		return 0;
	if (byte < '0' || byte > '9' || *number > NUMBER_MAX)
		return -1;
	*number = *number * 10 + (byte - '0');
	return 0;
}

static int begin_between(struct redis_talk *talk, uint8_t byte)
{
	talk->client.number = 0;
	if (byte == '\r' || byte == '\n')
		return 0;
	talk->client.state = byte == '*' ? CLIENT_COUNT : CLIENT_INLINE;
	talk->client.in_name = true;
	if (byte != '*')
		name_byte(talk, byte);
	return 0;
}

static void inline_byte(struct redis_talk *talk, uint8_t byte)
{
	bool blank = byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n';
	if (talk->client.in_name && blank)
		command_named(talk);
	else if (talk->client.in_name)
		name_byte(talk, byte);
	if (byte == '\n')
		talk->client.state = CLIENT_BETWEEN;
}

static int count_byte(struct redis_talk *talk, uint8_t byte)
{
	if (byte != '\n')
		return number_byte(&talk->client.number, byte);
	talk->client.arguments = talk->client.number;
	talk->client.state = talk->client.arguments ? CLIENT_MARK : CLIENT_BETWEEN;
	return 0;
}

static int length_byte(struct redis_talk *talk, uint8_t byte)
{
	if (byte != '\n')
		return number_byte(&talk->client.number, byte);
	talk->client.skip = talk->client.number + 2;
	talk->client.state = CLIENT_BODY;
	return 0;
}

static void body_byte(struct redis_talk *talk, uint8_t byte)
{
	if (talk->client.in_name && talk->client.skip > 2)
		name_byte(talk, byte);
	if (--talk->client.skip)
		return;
	if (talk->client.in_name)
		command_named(talk);
	talk->client.number = 0;
	talk->client.state = --talk->client.arguments ? CLIENT_MARK : CLIENT_BETWEEN;
}

static int client_byte(struct redis_talk *talk, uint8_t byte)
{
	switch (talk->client.state) {
	case CLIENT_BETWEEN:
		return begin_between(talk, byte);
	case CLIENT_COUNT:
		return count_byte(talk, byte);
	case CLIENT_MARK:
		talk->client.number = 0;
		talk->client.state = CLIENT_LENGTH;
		return byte == '$' ? 0 : -1;
	case CLIENT_LENGTH:
		return length_byte(talk, byte);
	case CLIENT_BODY:
		body_byte(talk, byte);
		return 0;
	case CLIENT_INLINE:
		inline_byte(talk, byte);
		return 0;
	}
	return -1;
}

void redis_client(struct classifier *classifier, const uint8_t *bytes, size_t length)
{
	struct redis_talk *talk = &classifier->redis;
	for (size_t i = 0; i < length && !talk->client.heard; i++) {
		if (client_byte(talk, bytes[i]) < 0) {
			classifier_go_deaf(classifier);
			return;
		}
	}
}

/* ---- the server ---- */

static bool begins_with(const char *line, size_t length, const char *words)
{
	size_t count = strlen(words);
	return length >= count && memcmp(line, words, count) == 0 &&
	       (length == count || line[count] == ' ' || strchr(words, ' '));
}

static enum outcome outcome_of_error(const char *line, size_t length)
{
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
		if (begins_with(line, length, errors[i].words))
			return errors[i].outcome;
	return OUTCOME_UNDECIDED;
}

/* An error that answers the oldest waiting command, or nobody's: a server that is full speaks unasked. */
static enum outcome judge_error(const struct redis_talk *talk, const char *line, size_t length)
{
	enum outcome outcome = outcome_of_error(line, length);
	if (!talk->waiting_count)
		return outcome == OUTCOME_UNDECIDED ? OUTCOME_UNKNOWN : outcome;
	switch ((enum redis_command)talk->waiting[0]) {
	case REDIS_GREETING:
		/* CLIENT SETINFO ahead of AUTH, and commands that an account may lack: the next one will
		 * tell. */
		if (begins_with(line, length, "NOAUTH") || begins_with(line, length, "NOPERM"))
			return OUTCOME_UNDECIDED;
		return outcome;
	case REDIS_AUTH:  /* "called without any password configured": clients go on */
	case REDIS_HELLO: /* an old server: clients go on in RESP2 */
	case REDIS_INFO:  /* renamed away */
		return outcome;
	case REDIS_SELECT: /* no such database */
		return outcome == OUTCOME_UNDECIDED ? OUTCOME_DENIED : outcome;
	case REDIS_TELLING: /* WRONGTYPE, MOVED, …: a server at work */
		return outcome == OUTCOME_UNDECIDED ? OUTCOME_CONNECTED : outcome;
	}
	return outcome;
}

static void judge_reply(struct classifier *classifier)
{
	struct redis_talk *talk = &classifier->redis;
	const char *line = talk->server.line;
	size_t length = talk->server.line_length;
	if (line[0] == '-') {
		enum outcome outcome = judge_error(talk, line + 1, length - 1);
		if (outcome != OUTCOME_UNDECIDED)
			classifier_decide(classifier, outcome, line, length);
		return;
	}
	if (!talk->waiting_count) {
		classifier_give_up(classifier);
		return;
	}
	if (talk->waiting[0] == REDIS_TELLING)
		classifier_decide(classifier, OUTCOME_CONNECTED, line, length);
	talk->well = true;
}

static void reply_over(struct redis_talk *talk)
{
	talk->server.state = SERVER_TYPE;
	if (talk->server.out_of_band || !talk->waiting_count) {
		talk->server.out_of_band = false;
		return;
	}
	talk->waiting_count--;
	memmove(talk->waiting, talk->waiting + 1, talk->waiting_count);
}

static int parse_count(const struct redis_talk *talk, int64_t *ret_number)
{
	const char *line = talk->server.line;
	size_t length = talk->server.line_length;
	*ret_number = 0;
	if (length == 3 && line[1] == '-' && line[2] == '1') {
		*ret_number = -1;
		return 0;
	}
	for (size_t i = 1; i < length; i++)
		if (number_byte(ret_number, (uint8_t)line[i]) < 0)
			return -1;
	return length > 1 ? 0 : -1;
}

/* A line of the reply has ended (without its CRLF). 0, or -1 when it is not RESP. */
static int take_line(struct classifier *classifier)
{
	struct redis_talk *talk = &classifier->redis;
	uint8_t type = (uint8_t)talk->server.line[0];
	int64_t number = 0;
	talk->server.state = SERVER_TYPE;
	if (talk->server.first_line && type == '>')
		talk->server.out_of_band = true;
	else if (talk->server.first_line)
		judge_reply(classifier);
	talk->server.first_line = false;
	switch (type) {
	case '$':
	case '=':
		if (parse_count(talk, &number) < 0)
			return -1;
		talk->server.skip = number + 2;
		talk->server.found = 255;
		if (number >= 0)
			talk->server.state = SERVER_BODY;
		else
			talk->server.left--;
		break;
	case '*':
	case '~':
	case '%':
	case '>':
		if (parse_count(talk, &number) < 0 || number > ELEMENTS_MAX ||
		    talk->server.left > ELEMENTS_MAX)
			return -1;
		if (number > 0)
			talk->server.left += type == '%' ? 2 * number : number;
		talk->server.left--;
		break;
	default:
		talk->server.left--;
	}
	if (!talk->server.left)
		reply_over(talk);
	return 0;
}

/* INFO is answered while loading, and says so: "loading:1" on a line of its own. */
static void info_byte(struct classifier *classifier, uint8_t byte)
{
	static const char wanted[] = "loading:";
	struct redis_talk *talk = &classifier->redis;
	if (byte == '\n') {
		talk->server.found = 0;
	} else if (talk->server.found == sizeof(wanted) - 1) {
		if (byte == '0')
			classifier_decide(classifier, OUTCOME_CONNECTED, "loading:0", 9);
		else if (byte == '1')
			classifier_decide(classifier, OUTCOME_LOADING, "loading:1", 9);
		talk->server.found = 255;
	} else if (talk->server.found < sizeof(wanted) - 1) {
		talk->server.found =
		    byte == (uint8_t)wanted[talk->server.found] ? talk->server.found + 1 : 255;
	}
}

static int server_byte(struct classifier *classifier, uint8_t byte)
{
	struct redis_talk *talk = &classifier->redis;
	switch (talk->server.state) {
	case SERVER_TYPE:
		if (!byte || !strchr("+-:_#,($=*~%>", byte))
			return -1;
		if (!talk->server.left) {
			talk->server.left = 1;
			talk->server.first_line = true;
		}
		talk->server.line[0] = (char)byte;
		talk->server.line_length = 1;
		talk->server.state = SERVER_LINE;
		return 0;
	case SERVER_LINE:
		if (byte == '\n')
			return take_line(classifier);
		if (byte != '\r' && talk->server.line_length < sizeof(talk->server.line))
			talk->server.line[talk->server.line_length++] = (char)byte;
		return 0;
	case SERVER_BODY:
		if (talk->waiting_count && talk->waiting[0] == REDIS_INFO && !talk->server.out_of_band)
			info_byte(classifier, byte);
		if (--talk->server.skip)
			return 0;
		talk->server.state = SERVER_TYPE;
		if (!--talk->server.left)
			reply_over(talk);
		return 0;
	}
	return -1;
}

void redis_server(struct classifier *classifier, const uint8_t *bytes, size_t length)
{
	for (size_t i = 0; i < length && classifier->outcome == OUTCOME_UNDECIDED; i++) {
		if (server_byte(classifier, bytes[i]) < 0) {
			classifier_give_up(classifier);
			return;
		}
	}
}

bool redis_is_settled(const struct redis_talk *talk)
{
	return talk->well && !talk->waiting_count && !talk->server.left &&
	       talk->client.state == CLIENT_BETWEEN;
}
