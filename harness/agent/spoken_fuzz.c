/* First byte: even for Redis, odd for PostgreSQL; second: the size of the pieces. What is to be done must not
 * depend on the pieces, and every turn but waiting takes at least a byte. */
#include "agent/spoken.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int holds)
{
	if (!holds)
		abort();
}

static uint64_t run(struct spoken *spoken, const uint8_t *bytes, size_t size, size_t piece_size)
{
	uint64_t turns = 0; /* a hash of them, in order */
	for (size_t at = 0; at < size; at += piece_size) {
		const unsigned char *rest = bytes + at;
		size_t length = size - at < piece_size ? size - at : piece_size;
		while (length) {
			size_t before = length;
			enum spoken_turn turn = spoken_feed(spoken, &rest, &length);
			require(length < before);
			require(turn != SPOKEN_WAIT || !length);
			if (turn != SPOKEN_WAIT)
				turns = turns * 1099511628211u + (uint64_t)turn + 1;
		}
	}
	return turns;
}

static void answer(const struct spoken *spoken, const char *say)
{
	static const enum spoken_turn turns[] = { SPOKEN_WAIT, SPOKEN_ANSWER, SPOKEN_NO, SPOKEN_LAST,
		SPOKEN_BROKEN, SPOKEN_CLOSE };
	char bytes[SPOKEN_ANSWER_MAX];
	for (int phase = GATE_LOADING; phase <= GATE_DENIED; phase++) {
		struct gate_step step = { .phase = (enum gate_phase)phase };
		memcpy(step.say, say, strlen(say) + 1);
		for (size_t i = 0; i < sizeof(turns) / sizeof(turns[0]); i++)
			require(spoken_answer(spoken, turns[i], &step, bytes) <= sizeof(bytes));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	enum protocol protocol = data[0] % 2 ? PROTOCOL_POSTGRES : PROTOCOL_REDIS;
	struct spoken whole, cut;
	spoken_init(&whole, protocol);
	spoken_init(&cut, protocol);
	require(run(&whole, data + 2, size - 2, size) == run(&cut, data + 2, size - 2, data[1] % 16 + 1u));
	require(strcmp(whole.user, cut.user) == 0);
	answer(&whole, "");
	char say[200] = { 0 };
	memcpy(say, data + 2, size - 2 < sizeof(say) - 1 ? size - 2 : sizeof(say) - 1);
	answer(&whole, say);
	return 0;
}
