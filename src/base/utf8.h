/* utf8: how long the valid sequence at the start of some bytes is (RFC 3629: no surrogates, no overlong
 * forms). */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stddef.h>

/* 1 to 4; 0 if the bytes do not start with a valid sequence (or length is 0). */
size_t utf8_sequence_length(const char *bytes, size_t length);

#endif
