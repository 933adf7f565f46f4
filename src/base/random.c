#include "base/random.h"

#include "base/err.h"

#include <stddef.h>

/* The finaliser of SplitMix64: Steele, Lea and Flood, "Fast splittable pseudorandom number generators",
 * OOPSLA 2014, with the constants of Vigna's splitmix64.c (public domain). */
static uint64_t mix(uint64_t value)
{
	value = (value ^ (value >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	value = (value ^ (value >> 27)) * UINT64_C(0x94d049bb133111eb);
	return value ^ (value >> 31);
}

uint64_t random_next(struct random_stream *stream)
{
	stream->state += UINT64_C(0x9e3779b97f4a7c15);
	return mix(stream->state);
}

struct random_stream random_stream(int64_t seed, const char *const *words)
{
	uint64_t state = mix((uint64_t)seed);
	for (; *words; words++) {
		/* FNV-1a, and its NUL with it, so that "a", "bc" is not "ab", "c". */
		uint64_t hash = UINT64_C(0xcbf29ce484222325);
		const char *byte = *words;
		do
			hash = (hash ^ (unsigned char)*byte) * UINT64_C(0x100000001b3);
		while (*byte++);
		state = mix(state ^ hash) + UINT64_C(0x9e3779b97f4a7c15);
	}
	return (struct random_stream){ state };
}

int64_t random_up_to(struct random_stream *stream, int64_t most)
{
	if (most < 0)
		BUG("nothing can be drawn up to %lld", (long long)most);
	uint64_t count = (uint64_t)most + 1;
	/* What is left over after whole rounds of `count` is drawn again: no number is likelier. */
	uint64_t beyond = (UINT64_MAX % count + 1) % count;
	uint64_t drawn;
	do
		drawn = random_next(stream);
	while (drawn > UINT64_MAX - beyond);
	return (int64_t)(drawn % count);
}

int64_t random_share_of(struct random_stream *stream, int64_t most)
{
	if (most < 0)
		BUG("there is no share of %lld", (long long)most);
	/* The number drawn, less than 2^64, is a fraction of 2^64. */
	unsigned __int128 product = (unsigned __int128)random_next(stream) * ((uint64_t)most + 1);
	return (int64_t)(product >> 64);
}
