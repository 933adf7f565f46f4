#include "infer/echo.h"

#include "base/duration.h"

#include <math.h>
#include <stdlib.h>

/* An attempt that follows an asking does so within this, and the time the host was late. */
#define ECHO_NS (20 * NS_PER_MS)
#define SHARE 0.9
/* Fewer attempts, or askings, are an accident. */
enum { ATTEMPTS_LEAST = 4 };

static int compare_times(const void *left, const void *right)
{
	int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
	return (a > b) - (a < b);
}

/* The last time that is not after the moment; count if there is none. */
static size_t last_before(const int64_t *times, size_t count, int64_t ns)
{
	size_t low = 0, high = count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (times[middle] <= ns)
			low = middle + 1;
		else
			high = middle;
	}
	return low ? low - 1 : count;
}

/* Are the askings a clock's? Then attempts by another clock of the same rate keep step with them for long. */
static bool is_regular(const int64_t *times, size_t count, double period)
{
	double square = 0;
	for (size_t i = 0; i + 1 < count; i++) {
		double off = (double)(times[i + 1] - times[i]) - period;
		square += off * off;
	}
	return sqrt(square / (double)(count - 1)) < 0.2 * period;
}

/* Of the askings that found the client idle and without a connection, the share that led to an attempt. */
static bool led_to_attempts(const struct sightings *sightings, const int64_t *times, size_t count)
{
	size_t asked = 0, followed = 0, next = 0;
	for (size_t i = 0; i < count; i++) {
		while (next < sightings->try_count && sightings->tries[next].begin_ns < times[i])
			next++;
		if (next == 0 || next == sightings->try_count)
			continue;
		const struct try *last = &sightings->tries[next - 1], *first = &sightings->tries[next];
		bool is_idle = last->outcome != TRY_SUCCEEDED && last->outcome != TRY_PENDING &&
			       last->end_to_ns < times[i];
		asked += is_idle;
		followed += is_idle && first->begin_ns - times[i] <= ECHO_NS + first->late_ns;
	}
	return asked >= ATTEMPTS_LEAST && (double)followed >= SHARE * (double)asked;
}

static struct echo examine(
    const struct sightings *sightings, const struct asking *asking, const int64_t *times)
{
	struct echo echo = { .who = asking->who, .chance = 1 };
	size_t n = 0, hits = 0, count = asking->count;
	int64_t *delays OWNED = xcalloc(sightings->try_count + 1, sizeof(*delays));
	for (size_t i = 0; i < sightings->try_count; i++) {
		const struct try *try = &sightings->tries[i];
		size_t last = last_before(times, count, try->begin_ns);
		n++;
		if (last < count && try->begin_ns - times[last] <= ECHO_NS + try->late_ns)
			delays[hits++] = try->begin_ns - times[last];
	}
	echo.follows = n >= ATTEMPTS_LEAST && (double)hits >= SHARE * (double)n;
	if (!echo.follows)
		return echo;
	qsort(delays, hits, sizeof(*delays), compare_times);
	echo.delay_ns = delays[(hits - 1) * 9 / 10];
	echo.period_ns = (times[count - 1] - times[0]) / (int64_t)(count - 1);
	double period = fmax((double)echo.period_ns, 1);
	/* A millisecond more: what a clock's grain could hide. */
	double near = fmin(1, ((double)echo.delay_ns + (double)NS_PER_MS) / period);
	double misses = (double)(n - hits);
	double by_luck = exp(
	    (double)hits * log(near) + lgamma((double)n + 1) - lgamma((double)hits + 1) - lgamma(misses + 1));
	echo.chance = fmin(1, is_regular(times, count, period) ? fmax(by_luck, near) : by_luck);
	echo.is_followed = led_to_attempts(sightings, times, count);
	return echo;
}

struct echo echo_find(const struct sightings *sightings)
{
	struct echo best = { .chance = 1 };
	for (size_t i = 0; i < sightings->asking_count; i++) {
		const struct asking *asking = &sightings->askings[i];
		if (asking->count < ATTEMPTS_LEAST)
			continue;
		int64_t *times OWNED = xcalloc(asking->count, sizeof(*times));
		for (size_t k = 0; k < asking->count; k++)
			times[k] = asking->at_ns[k];
		qsort(times, asking->count, sizeof(*times), compare_times);
		struct echo echo = examine(sightings, asking, times);
		bool is_better = echo.is_followed != best.is_followed ? echo.is_followed
				 : echo.follows != best.follows       ? echo.follows
								      : echo.chance < best.chance;
		if (is_better)
			best = echo;
	}
	return best;
}
