/*
 * number: whole numbers in text that others wrote. Decimal digits and nothing else: no sign, no blank, no
 * base, no locale; a number that does not fit is refused, not held to a limit.
 */
#ifndef BASE_NUMBER_H
#define BASE_NUMBER_H

#include "base/memory.h"

#include <stdint.h>

/* The digits at *text, as many as there are, from `least` (0 or more) to `most`. *text then points behind
 * them. On failure (-1) nothing is changed. */
int number_scan(const char **text, int64_t least, int64_t most, int64_t *ret_number) MUST_CHECK;

/* The same for the whole text. */
int number_parse(const char *text, int64_t least, int64_t most, int64_t *ret_number) MUST_CHECK;

#endif
