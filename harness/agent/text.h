/*
 * text: pieces put together. That of the C library, snprintf(), brings with it all that printf() can, the
 * arithmetic of long doubles included: a tenth of the program.
 */
#ifndef AGENT_TEXT_H
#define AGENT_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NUMBER_BYTES 20 /* of INT64_MIN, sign included */

struct number {
	char text[NUMBER_BYTES + 1];
};

/* The decimal digits, after a minus where there is one. */
struct number number_text(int64_t number);
/* Into `buffer`, of `size` bytes, at least 1; `parts` ends with NULL. False when it was cut, and ended with
 * NUL all the same. */
bool text_join(char *buffer, size_t size, const char *const *parts);

#endif
