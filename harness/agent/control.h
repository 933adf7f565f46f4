/*
 * control: the lines that tell the agent what to do (docs/internals/agent.md), as data. Knows no descriptor:
 * bytes in, a command or a message out.
 */
#ifndef AGENT_CONTROL_H
#define AGENT_CONTROL_H

#include "agent/rooms.h"

#include <stddef.h>

#define COMMAND_LINE_MAX 1024 /* bytes, the newline included */
#define NAME_ADDRESSES_MAX 16

enum command_kind {
	COMMAND_PING,
	COMMAND_NAME,
	COMMAND_RESOLVE,
	COMMAND_FORWARD,
	COMMAND_ALONE,
	COMMAND_TAP_PORT,
	COMMAND_TAP_ON,
	COMMAND_IGNORE,
	COMMAND_GATE,
	COMMAND_SEAL,
	COMMAND_QUIT,
};

struct command {
	int64_t number; /* the runner's; 0 when the line has none */
	enum command_kind kind;
	union {
		struct {
			char name[NAME_BYTES_MAX]; /* lower case, without a dot at its end */
			struct sockaddr_storage addresses[NAME_ADDRESSES_MAX]; /* port 0 */
			int count;
		} name;
		struct {
			char name[NAME_BYTES_MAX]; /* as above, or "*" */
			enum resolution how;
			int64_t late_ns;
			struct sockaddr_storage stale; /* port 0 */
			int attempts;
			bool stays; /* until it is told otherwise */
		} resolve;
		struct sockaddr_storage forward; /* port 53 where none was given */
		struct {
			uint16_t port;
			enum protocol protocol;
		} tap;
		struct sockaddr_storage ignore; /* port 0 */
		bool seal_but_answers;
		struct {
			uint16_t port;
			struct gate_step steps[GATE_STEPS_MAX];
			int count;
		} gate;
	};
};

/* One line without its newline. NULL, or what would be right (static storage); *ret_field is then the field
 * that is not, counted from 1 (the number), and ret_command->number what the reply is to repeat. */
const char *control_parse(const char *line, size_t length, struct command *ret_command, int *ret_field);

#endif
