/* Whatever two ends say: no crash, and what is found does not depend on how it was cut into pieces. The input
 * is as classify_test.c has it: the protocol's letter, then pieces of C or S, two bytes of length, the bytes.
 */
#include "agent/classify.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void feed(struct classifier *classifier, uint8_t side, const uint8_t *bytes, size_t length)
{
	enum outcome before = classifier->outcome;
	if (side == 'C')
		classifier_client(classifier, bytes, length);
	else
		classifier_server(classifier, bytes, length);
	if (before != OUTCOME_UNDECIDED && classifier->outcome != before)
		abort();
}

static void replay(struct classifier *classifier, const uint8_t *data, size_t size, bool one_by_one)
{
	enum protocol protocol = data[0] == 'r' ? PROTOCOL_REDIS : PROTOCOL_POSTGRES;
	classifier_init(classifier, data[0] == 't' ? PROTOCOL_TCP : protocol);
	for (size_t at = 1; at + 3 <= size;) {
		size_t length = (size_t)data[at + 1] << 8 | data[at + 2];
		const uint8_t *bytes = data + at + 3;
		if (length > size - at - 3)
			length = size - at - 3;
		if (data[at] == 'G')
			classifier_gap(classifier, length & 1);
		else if (!one_by_one)
			feed(classifier, data[at], bytes, length);
		for (size_t i = 0; i < length && one_by_one && data[at] != 'G'; i++)
			feed(classifier, data[at], bytes + i, 1);
		at += 3 + length;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct classifier whole, pieces;
	if (!size)
		return 0;
	replay(&whole, data, size, false);
	replay(&pieces, data, size, true);
	/* The text of UNKNOWN is as much as had come; its limit of bytes is looked at after each piece. */
	if (whole.outcome == OUTCOME_UNKNOWN || pieces.outcome == OUTCOME_UNKNOWN)
		return 0;
	if (whole.outcome != pieces.outcome || whole.text_length != pieces.text_length ||
	    memcmp(whole.text, pieces.text, whole.text_length) != 0 ||
	    classifier_is_settled(&whole) != classifier_is_settled(&pieces))
		abort();
	return 0;
}
