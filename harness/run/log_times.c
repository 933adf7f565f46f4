#include "run/log_times.h"

void log_times_begin(struct log_times *times, int64_t earliest_ns)
{
	times->began_ns = earliest_ns;
}

static int64_t later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

struct written log_times_next(
    struct log_times *times, enum engine_output output, int64_t read_ns, int64_t lag_ns, int64_t error_ns)
{
	int64_t *earliest_ns = &times->earliest_ns[output];
	struct written written = {
		.from_ns = read_ns - (lag_ns ? lag_ns : LOG_LAG_NS) - error_ns,
		.to_ns = read_ns + error_ns,
		.is_stamped = lag_ns != 0,
	};
	if (!written.is_stamped) {
		written.from_ns = later(written.from_ns, *earliest_ns);
		/* What was read before this process began is of the one before. */
		if (times->began_ns <= read_ns - error_ns)
			written.from_ns = later(written.from_ns, times->began_ns);
		if (written.from_ns > written.to_ns)
			written.from_ns = written.to_ns;
	}
	*earliest_ns = later(*earliest_ns, written.from_ns);
	return written;
}
