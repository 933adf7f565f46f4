#include "base/number.h"

int number_scan(const char **text, int64_t least, int64_t most, int64_t *ret_number)
{
	const char *cursor = *text;
	int64_t number = 0;
	for (; *cursor >= '0' && *cursor <= '9'; cursor++)
		if (__builtin_mul_overflow(number, 10, &number) ||
		    __builtin_add_overflow(number, *cursor - '0', &number))
			return -1;
	if (cursor == *text || number < least || number > most)
		return -1;
	*text = cursor;
	*ret_number = number;
	return 0;
}

int number_parse(const char *text, int64_t least, int64_t most, int64_t *ret_number)
{
	int64_t number;
	if (number_scan(&text, least, most, &number) < 0 || *text)
		return -1;
	*ret_number = number;
	return 0;
}
