#include "engine/stamp.h"

#include "base/duration.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>

/* Exactly `count` digits at *at, within the range; moves *at behind them. */
static bool digits(const char *bytes, size_t length, size_t *at, size_t count, int least, int most, int *ret)
{
	if (length - *at < count)
		return false;
	int value = 0;
	for (size_t i = 0; i < count; i++) {
		char digit = bytes[*at + i];
		if (digit < '0' || digit > '9')
			return false;
		value = value * 10 + (digit - '0');
	}
	if (value < least || value > most)
		return false;
	*at += count;
	*ret = value;
	return true;
}

static bool character(const char *bytes, size_t length, size_t *at, char wanted)
{
	if (*at >= length || bytes[*at] != wanted)
		return false;
	(*at)++;
	return true;
}

/* Days since 1970-01-01 in the proleptic Gregorian calendar; years start in March, so that the leap day is
 * last. */
static int64_t days_since_1970(int year, int month, int day)
{
	int64_t shifted_year = month <= 2 ? year - 1 : year;
	int64_t era = (shifted_year >= 0 ? shifted_year : shifted_year - 399) / 400;
	int64_t year_of_era = shifted_year - era * 400;
	int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
	return era * 146097 + day_of_era - 719468;
}

static bool fraction(const char *bytes, size_t length, size_t *at, int64_t *ret_ns)
{
	size_t start = *at;
	int64_t ns = 0;
	int64_t unit = NS_PER_S;
	while (*at < length && bytes[*at] >= '0' && bytes[*at] <= '9' && *at - start < 9) {
		unit /= 10;
		ns += (bytes[*at] - '0') * unit;
		(*at)++;
	}
	*ret_ns = ns;
	return *at > start;
}

static bool zone(const char *bytes, size_t length, size_t *at, int *ret_minutes)
{
	*ret_minutes = 0;
	if (character(bytes, length, at, 'Z'))
		return true;
	int sign = character(bytes, length, at, '+') ? 1 : character(bytes, length, at, '-') ? -1 : 0;
	int hours, minutes;
	if (!sign || !digits(bytes, length, at, 2, 0, 23, &hours) || !character(bytes, length, at, ':') ||
	    !digits(bytes, length, at, 2, 0, 59, &minutes))
		return false;
	*ret_minutes = sign * (hours * 60 + minutes);
	return true;
}

size_t stamp_parse(const char *bytes, size_t length, int64_t *ret_ns)
{
	size_t at = 0;
	int year, month, day, hour, minute, second, zone_minutes;
	if (!digits(bytes, length, &at, 4, 0, 9999, &year) || !character(bytes, length, &at, '-') ||
	    !digits(bytes, length, &at, 2, 1, 12, &month) || !character(bytes, length, &at, '-') ||
	    !digits(bytes, length, &at, 2, 1, 31, &day) || !character(bytes, length, &at, 'T') ||
	    !digits(bytes, length, &at, 2, 0, 23, &hour) || !character(bytes, length, &at, ':') ||
	    !digits(bytes, length, &at, 2, 0, 59, &minute) || !character(bytes, length, &at, ':') ||
	    !digits(bytes, length, &at, 2, 0, 60, &second))
		return 0;
	int64_t ns = 0;
	if (character(bytes, length, &at, '.') && !fraction(bytes, length, &at, &ns))
		return 0;
	if (!zone(bytes, length, &at, &zone_minutes))
		return 0;

	int64_t seconds = days_since_1970(year, month, day) * 86400 + hour * 3600 + minute * 60 + second;
	seconds -= zone_minutes * 60;
	*ret_ns = seconds < 0 || seconds >= INT64_MAX / NS_PER_S ? 0 : seconds * NS_PER_S + ns;
	return at;
}

const char *stamp_query(int64_t ns, char buffer[static STAMP_QUERY_MAX])
{
	if (ns < 0)
		ns = 0;
	snprintf(buffer, STAMP_QUERY_MAX, "%" PRId64 ".%09" PRId64, ns / NS_PER_S, ns % NS_PER_S);
	return buffer;
}
