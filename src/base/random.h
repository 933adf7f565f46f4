/*
 * random: numbers that look drawn and can be drawn again.
 *
 * A stream is named: by a seed and by words that say what it is for. The same seed and words give the same
 * numbers on every machine and in every version, and another word gives others: what is added elsewhere draws
 * from a stream of its own and changes nothing here. For chance in tests of other programs, not for secrets.
 */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include <stdint.h>

/* Numbers of JSON are exact up to here, in every reader; 0 is "no seed". */
#define SEED_MAX INT64_C(9007199254740991)

struct random_stream {
	uint64_t state;
};

/* `words` ends with NULL. */
struct random_stream random_stream(int64_t seed, const char *const *words);
uint64_t random_next(struct random_stream *stream);
/* Each whole number from 0 to `most` (not negative) with the same chance. */
int64_t random_up_to(struct random_stream *stream, int64_t most);
/* A share of `most` (not negative), from none of it to all of it, each with the same chance. The share is
 * drawn and `most` only scales it: from the same state a `most` that is twice as large gives a number that is
 * twice as large, but for rounding. One number of the stream is taken, whatever `most` is. */
int64_t random_share_of(struct random_stream *stream, int64_t most);

#endif
