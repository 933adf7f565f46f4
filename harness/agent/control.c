#include "agent/control.h"
#include "agent/fields.h"

#include <string.h>

#define NS_PER_US INT64_C(1000)
#define NS_PER_MS INT64_C(1000000)
#define DAY_US (INT64_C(24) * 60 * 60 * 1000000)
#define ARRAY_LENGTH(array) (int)(sizeof(array) / sizeof((array)[0]))

static const char *const protocols[] = {
	[PROTOCOL_TCP] = "tcp",
	[PROTOCOL_REDIS] = "redis",
	[PROTOCOL_POSTGRES] = "postgres",
};

#define EXPECTS_NAME "expected a host name of at most 253 bytes in labels of at most 63"
#define EXPECTS_ADDRESS "expected an IPv4 or IPv6 address without a port"
#define EXPECTS_PORT "expected a port, 1 to 65535"
#define EXPECTS_ATTEMPTS "expected attempts=N, N from 1 to 1000000"
#define ATTEMPTS_MAX 1000000

static const char *parse_attempts(struct piece value, int *ret_attempts)
{
	int64_t attempts;
	if (!parse_number(value, 1, ATTEMPTS_MAX, &attempts))
		return EXPECTS_ATTEMPTS;
	*ret_attempts = (int)attempts;
	return NULL;
}

static const char *parse_name_command(struct fields *fields, struct command *command)
{
	struct piece field;
	if (!next_field(fields, &field) || piece_is(field, "*") || !parse_name(field, command->name.name))
		return EXPECTS_NAME;
	do {
		bool is_there = next_field(fields, &field);
		if (command->name.count == NAME_ADDRESSES_MAX)
			return "expected at most 16 addresses";
		if (!is_there || !parse_host(field, 0, &command->name.addresses[command->name.count]))
			return EXPECTS_ADDRESS;
		command->name.count++;
	} while (fields->rest);
	return NULL;
}

static const char *parse_resolve(struct fields *fields, struct command *command)
{
	static const char *const words[] = {
		[RESOLVE_ANSWER] = "answer",
		[RESOLVE_NXDOMAIN] = "nxdomain",
		[RESOLVE_SERVFAIL] = "servfail",
		[RESOLVE_SILENT] = "silent",
		[RESOLVE_LATE] = "late",
		[RESOLVE_STALE] = "stale",
	};
	struct piece field, value;
	int64_t late_ms;
	if (!next_field(fields, &field) || !parse_name(field, command->resolve.name))
		return EXPECTS_NAME ", or *";
	int how = next_field(fields, &field) ? piece_find(words, ARRAY_LENGTH(words), field) : -1;
	if (how < 0)
		return "expected answer, nxdomain, servfail, silent, late MILLISECONDS or stale ADDRESS";
	command->resolve.how = (enum resolution)how;
	if (how == RESOLVE_LATE) {
		if (!next_field(fields, &field) || !parse_number(field, 0, DAY_US / 1000, &late_ms))
			return "expected milliseconds, at most a day of them";
		command->resolve.late_ns = late_ms * NS_PER_MS;
	}
	if (how == RESOLVE_STALE &&
	    (!next_field(fields, &field) || !parse_host(field, 0, &command->resolve.stale)))
		return EXPECTS_ADDRESS;
	if (!fields->rest)
		return NULL;
	if (how == RESOLVE_ANSWER) {
		fields->taken++;
		return "expected nothing more: `answer` is what others end in";
	}
	(void)next_field(fields, &field);
	const char *message = piece_has_key(field, "attempts", &value)
				  ? parse_attempts(value, &command->resolve.attempts)
				  : EXPECTS_ATTEMPTS;
	if (message || !fields->rest)
		return message;
	(void)next_field(fields, &field);
	command->resolve.stays = piece_is(field, "stays");
	return command->resolve.stays ? NULL : "expected `stays`, or nothing more";
}

static const char *parse_forward(struct fields *fields, struct command *command)
{
	struct piece field;
	return next_field(fields, &field) && parse_server(field, &command->forward)
		   ? NULL
		   : "expected the address of a server, with its port unless that is 53";
}

static const char *parse_tap(struct fields *fields, struct command *command)
{
	struct piece field;
	if (!next_field(fields, &field))
		return "expected `on` or a port";
	if (piece_is(field, "on")) {
		command->kind = COMMAND_TAP_ON;
		return NULL;
	}
	if (!parse_port(field, &command->tap.port))
		return "expected `on` or a port, 1 to 65535";
	int protocol =
	    next_field(fields, &field) ? piece_find(protocols, ARRAY_LENGTH(protocols), field) : -1;
	if (protocol < 0)
		return "expected redis, postgres or tcp";
	command->tap.protocol = (enum protocol)protocol;
	return NULL;
}

static const char *parse_ignore(struct fields *fields, struct command *command)
{
	struct piece field;
	return next_field(fields, &field) && parse_host(field, 0, &command->ignore) ? NULL : EXPECTS_ADDRESS;
}

static const char *parse_no_more(struct fields *fields, struct command *command)
{
	(void)fields;
	(void)command;
	return NULL;
}

/* ---- gates ---- */

#define BIT(phase) (1U << (phase))
#define SPEAKING (BIT(GATE_LOADING) | BIT(GATE_DENIED))
#define ANY_PHASE ~0U

static const char *const phases[] = {
	[GATE_UNREACHABLE] = "unreachable",
	[GATE_REFUSED] = "refused",
	[GATE_HUNG] = "hung",
	[GATE_CLOSING] = "closing",
	[GATE_LOADING] = "loading",
	[GATE_DENIED] = "denied",
	[GATE_SLOW] = "slow",
	[GATE_READY] = "ready",
};

static const char *parse_microseconds(struct piece value, int64_t least_us, int64_t *ret_ns)
{
	int64_t us;
	if (!parse_number(value, least_us, DAY_US, &us))
		return "expected microseconds, at most a day of them";
	*ret_ns = us * NS_PER_US;
	return NULL;
}

static const char *key_attempts(struct piece value, struct gate_step *step)
{
	return parse_attempts(value, &step->attempts);
}

static const char *key_for(struct piece value, struct gate_step *step)
{
	return parse_microseconds(value, 1, &step->for_ns);
}

static const char *key_latency(struct piece value, struct gate_step *step)
{
	return parse_microseconds(value, 0, &step->latency_ns);
}

static const char *key_jitter(struct piece value, struct gate_step *step)
{
	return parse_microseconds(value, 0, &step->jitter_ns);
}

static const char *key_close(struct piece value, struct gate_step *step)
{
	return parse_microseconds(value, 0, &step->close_ns);
}

static const char *key_bandwidth(struct piece value, struct gate_step *step)
{
	return parse_number(value, 1, INT64_MAX, &step->bandwidth) ? NULL
								   : "expected bytes a second, 1 or more";
}

static const char *key_seed(struct piece value, struct gate_step *step)
{
	int64_t seed;
	if (!parse_number(value, 0, INT64_MAX, &seed))
		return "expected seed=N of at most 18 digits";
	step->seed = (uint64_t)seed;
	return NULL;
}

static const char *key_how(struct piece value, struct gate_step *step)
{
	step->reset = piece_is(value, "reset");
	return step->reset || piece_is(value, "fin") ? NULL : "expected how=fin or how=reset";
}

static const char *key_protocol(struct piece value, struct gate_step *step)
{
	int protocol = piece_find(protocols, ARRAY_LENGTH(protocols), value);
	if (protocol <= PROTOCOL_TCP)
		return "expected protocol=redis or protocol=postgres";
	step->protocol = (enum protocol)protocol;
	return NULL;
}

/* What is said is a line of RESP, or a field of a message of PostgreSQL: no line end belongs in it. */
static const char *key_say(struct piece value, struct gate_step *step)
{
	if (!parse_escaped(value, step->say, sizeof(step->say)) || !step->say[0])
		return "expected say=TEXT, percent-encoded, of 1 to 199 bytes without NUL";
	return strpbrk(step->say, "\r\n") ? "expected say=TEXT without an end of line in it" : NULL;
}

static const struct key {
	const char *name;
	unsigned int phases; /* that have it */
	const char *(*parse)(struct piece value, struct gate_step *step);
} keys[] = {
	{ "attempts", ANY_PHASE, key_attempts },
	{ "for", ANY_PHASE, key_for },
	{ "how", BIT(GATE_CLOSING), key_how },
	{ "protocol", SPEAKING, key_protocol },
	{ "say", SPEAKING, key_say },
	{ "latency", BIT(GATE_SLOW), key_latency },
	{ "jitter", BIT(GATE_SLOW), key_jitter },
	{ "close", BIT(GATE_SLOW), key_close },
	{ "bandwidth", BIT(GATE_SLOW), key_bandwidth },
	{ "seed", BIT(GATE_SLOW), key_seed },
};

static const char *parse_key(struct piece field, struct gate_step *step, unsigned int *seen)
{
	for (int i = 0; i < ARRAY_LENGTH(keys); i++) {
		struct piece value;
		if (!piece_has_key(field, keys[i].name, &value))
			continue;
		if (!(keys[i].phases & BIT(step->phase)))
			return "expected a key that this phase has";
		if (*seen & BIT(i))
			return "expected every key once";
		*seen |= BIT(i);
		return keys[i].parse(value, step);
	}
	return "expected `then` or one of attempts= for= how= protocol= say= latency= jitter= close= "
	       "bandwidth= "
	       "seed=";
}

/* One phase with its keys, up to `then` or the end. */
static const char *parse_step(struct fields *fields, struct gate_step *step, bool *ret_is_last)
{
	struct piece field;
	unsigned int seen = 0;
	const char *message = NULL;
	int phase = next_field(fields, &field) ? piece_find(phases, ARRAY_LENGTH(phases), field) : -1;
	if (phase < 0)
		return "expected unreachable, refused, hung, closing, loading, denied, slow or ready";
	step->phase = (enum gate_phase)phase;
	*ret_is_last = true;
	while (!message && *ret_is_last && fields->rest) {
		(void)next_field(fields, &field);
		*ret_is_last = !piece_is(field, "then");
		if (*ret_is_last)
			message = parse_key(field, step, &seen);
	}
	if (message)
		return message;
	if (SPEAKING & BIT(phase) && step->protocol == PROTOCOL_TCP) {
		fields->taken += *ret_is_last; /* the field that is missing */
		return "expected protocol=redis or protocol=postgres: this phase speaks";
	}
	if (!*ret_is_last && !step->attempts && !step->for_ns)
		return "expected attempts= or for= before `then`: this phase would never end";
	return NULL;
}

static const char *parse_gate(struct fields *fields, struct command *command)
{
	struct piece field;
	if (!next_field(fields, &field) || !parse_port(field, &command->gate.port))
		return EXPECTS_PORT;
	for (bool is_last = false; !is_last; command->gate.count++) {
		if (command->gate.count == GATE_STEPS_MAX)
			return "expected at most 16 phases";
		const char *message = parse_step(fields, &command->gate.steps[command->gate.count], &is_last);
		if (message)
			return message;
	}
	return NULL;
}

static const char *parse_seal(struct fields *fields, struct command *command)
{
	struct piece field;
	if (!next_field(fields, &field))
		return NULL;
	command->seal_but_answers = piece_is(field, "answers");
	return command->seal_but_answers ? parse_no_more(fields, command)
					 : "expected `answers`, or nothing more";
}

/* ---- the line ---- */

static const struct verb {
	const char *name;
	enum command_kind kind;
	const char *(*parse)(struct fields *fields, struct command *command);
} verbs[] = {
	{ "ping", COMMAND_PING, parse_no_more },
	{ "name", COMMAND_NAME, parse_name_command },
	{ "resolve", COMMAND_RESOLVE, parse_resolve },
	{ "forward", COMMAND_FORWARD, parse_forward },
	{ "alone", COMMAND_ALONE, parse_no_more },
	{ "tap", COMMAND_TAP_PORT, parse_tap },
	{ "ignore", COMMAND_IGNORE, parse_ignore },
	{ "gate", COMMAND_GATE, parse_gate },
	{ "seal", COMMAND_SEAL, parse_seal },
	{ "quit", COMMAND_QUIT, parse_no_more },
};

static const char *parse_verb(struct fields *fields, struct command *command)
{
	struct piece field;
	if (!next_field(fields, &field) || !parse_number(field, 0, INT64_MAX, &command->number))
		return "expected a number of at most 18 digits";
	if (!next_field(fields, &field))
		field = (struct piece){ "", 0 };
	for (int i = 0; i < ARRAY_LENGTH(verbs); i++) {
		if (piece_is(field, verbs[i].name)) {
			command->kind = verbs[i].kind;
			return verbs[i].parse(fields, command);
		}
	}
	return "expected ping, name, resolve, forward, alone, tap, ignore, gate, seal or quit";
}

const char *control_parse(const char *line, size_t length, struct command *ret_command, int *ret_field)
{
	struct fields fields = { .rest = line, .end = line + length };
	memset(ret_command, 0, sizeof(*ret_command));
	const char *message = parse_verb(&fields, ret_command);
	if (!message && fields.rest) {
		fields.taken++;
		message = "expected nothing more";
	}
	*ret_field = fields.taken;
	return message;
}
