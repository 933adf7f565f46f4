#include "check/interval.h"

#include <math.h>

int64_t saturating_add(int64_t a, int64_t b)
{
	int64_t sum;
	if (!__builtin_add_overflow(a, b, &sum))
		return sum;
	return b > 0 ? INT64_MAX : INT64_MIN;
}

int64_t saturating_subtract(int64_t a, int64_t b)
{
	int64_t difference;
	if (!__builtin_sub_overflow(a, b, &difference))
		return difference;
	return b < 0 ? INT64_MAX : INT64_MIN;
}

struct interval interval_shift(struct interval interval, int64_t by)
{
	return (struct interval){
		.low = interval.low == INT64_MIN ? INT64_MIN : saturating_add(interval.low, by),
		.high = interval.high == INT64_MAX ? INT64_MAX : saturating_add(interval.high, by),
	};
}

struct interval interval_since(struct interval later, struct interval earlier)
{
	struct interval difference = {
		.low = later.low == INT64_MIN || earlier.high == INT64_MAX
			   ? 0
			   : saturating_subtract(later.low, earlier.high),
		.high = later.high == INT64_MAX || earlier.low == INT64_MIN
			    ? INT64_MAX
			    : saturating_subtract(later.high, earlier.low),
	};
	if (difference.low < 0)
		difference.low = 0;
	if (difference.high < 0)
		difference.high = 0;
	return difference;
}

enum answer interval_at_most(struct interval measured, int64_t limit, int64_t lateness)
{
	if (measured.high <= limit)
		return ANSWER_YES;
	return measured.low > saturating_add(limit, lateness) ? ANSWER_NO : ANSWER_UNKNOWN;
}

enum answer interval_inside(struct interval measured, struct interval range)
{
	if (measured.low >= range.low && measured.high <= range.high)
		return ANSWER_YES;
	return measured.low > range.high || measured.high < range.low ? ANSWER_NO : ANSWER_UNKNOWN;
}

int64_t tolerance_of(int64_t expected, double share, int64_t floor)
{
	int64_t part = llround((double)expected * share);
	return part > floor ? part : floor;
}
