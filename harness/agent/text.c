#include "agent/text.h"

#include <string.h>

struct number number_text(int64_t number)
{
	char digits[NUMBER_BYTES];
	size_t count = 0, length = 0;
	uint64_t rest = number < 0 ? -(uint64_t)number : (uint64_t)number;
	struct number result = { 0 };
	do {
		digits[count++] = (char)('0' + rest % 10);
		rest /= 10;
	} while (rest);
	if (number < 0)
		result.text[length++] = '-';
	while (count)
		result.text[length++] = digits[--count];
	return result;
}

bool text_join(char *buffer, size_t size, const char *const *parts)
{
	size_t length = 0;
	for (; *parts; parts++) {
		size_t wanted = strlen(*parts), room = size - 1 - length,
		       taken = wanted < room ? wanted : room;
		memcpy(buffer + length, *parts, taken);
		length += taken;
		buffer[length] = '\0';
		if (taken < wanted)
			return false;
	}
	buffer[length] = '\0';
	return true;
}
