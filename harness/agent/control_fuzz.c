/* Whatever the bytes are: no crash, every refusal names a field, and what is accepted keeps the promises of
 * control.h and rooms.h. */
#include "agent/control.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool is_so)
{
	if (!is_so)
		abort();
}

static bool is_string(const char *text, size_t size)
{
	return memchr(text, '\0', size) != NULL;
}

static void check_steps(const struct gate_step *steps, int count)
{
	require(count >= 1 && count <= GATE_STEPS_MAX);
	for (int i = 0; i < count; i++) {
		const struct gate_step *step = &steps[i];
		bool speaks = step->phase == GATE_LOADING || step->phase == GATE_DENIED;
		require(step->phase <= GATE_READY);
		require(is_string(step->say, sizeof(step->say)) && !strpbrk(step->say, "\r\n"));
		require(speaks == (step->protocol != PROTOCOL_TCP));
		require(step->attempts >= 0 && step->for_ns >= 0 && step->bandwidth >= 0);
		require(step->latency_ns >= 0 && step->jitter_ns >= 0 && step->close_ns >= 0);
		require(i == count - 1 || step->attempts || step->for_ns);
	}
}

static void check_address(const struct sockaddr_storage *address)
{
	require(address->ss_family == AF_INET || address->ss_family == AF_INET6);
}

static void check_command(const struct command *command)
{
	switch (command->kind) {
	case COMMAND_NAME:
		require(is_string(command->name.name, NAME_BYTES_MAX) && command->name.name[0]);
		require(command->name.count >= 1 && command->name.count <= NAME_ADDRESSES_MAX);
		for (int i = 0; i < command->name.count; i++)
			check_address(&command->name.addresses[i]);
		return;
	case COMMAND_RESOLVE:
		require(is_string(command->resolve.name, NAME_BYTES_MAX) && command->resolve.name[0]);
		require(command->resolve.how <= RESOLVE_STALE && command->resolve.attempts >= 0);
		if (command->resolve.how == RESOLVE_STALE)
			check_address(&command->resolve.stale);
		return;
	case COMMAND_FORWARD:
		check_address(&command->forward);
		return;
	case COMMAND_IGNORE:
		check_address(&command->ignore);
		return;
	case COMMAND_TAP_PORT:
		require(command->tap.port && command->tap.protocol <= PROTOCOL_POSTGRES);
		return;
	case COMMAND_GATE:
		require(command->gate.port);
		check_steps(command->gate.steps, command->gate.count);
		return;
	case COMMAND_ALONE:
	case COMMAND_PING:
	case COMMAND_TAP_ON:
	case COMMAND_SEAL:
	case COMMAND_QUIT:
		return;
	}
	abort();
}

static void check_line(const uint8_t *bytes, size_t length)
{
	static struct command command;
	int field = 0;
	/* Of its own size, so that a read past the line is seen. */
	char *line = malloc(length ? length : 1);
	if (!line)
		return;
	memcpy(line, bytes, length);
	const char *message = control_parse(line, length, &command, &field);
	require(field >= 1 && command.number >= 0);
	if (!message)
		check_command(&command);
	free(line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	while (size) {
		const uint8_t *newline = memchr(data, '\n', size);
		size_t length = newline ? (size_t)(newline - data) : size;
		check_line(data, length);
		length += newline != NULL;
		data += length;
		size -= length;
	}
	return 0;
}
