#include "base/duration.h"

#include <ctype.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static const struct unit {
	const char *name;
	int64_t ns;
} units[] = {
	{ "h", 3600 * NS_PER_S },
	{ "m", 60 * NS_PER_S },
	{ "s", NS_PER_S },
	{ "ms", NS_PER_MS },
	{ "us", NS_PER_US },
	{ "ns", 1 },
};

static const struct unit *find_unit(const char *name, size_t length)
{
	for (size_t i = 0; i < ARRAY_LENGTH(units); i++)
		if (strlen(units[i].name) == length && memcmp(units[i].name, name, length) == 0)
			return &units[i];
	return NULL;
}

/* Digits with at most one point; moves *cursor past them. NAN if there are none. */
static double parse_number(const char **cursor)
{
	const char *start = *cursor;
	double value = 0, scale = 1;
	bool point = false, digits = false;
	for (; isdigit((unsigned char)**cursor) || (**cursor == '.' && !point); (*cursor)++) {
		if (**cursor == '.') {
			point = true;
			continue;
		}
		digits = true;
		value = value * 10 + (**cursor - '0');
		scale = point ? scale * 10 : scale;
	}
	if (!digits)
		*cursor = start;
	return digits ? value / scale : (double)NAN;
}

int duration_parse(const char *text, int64_t *ret_ns, struct err *err)
{
	const char *cursor = text;
	const struct unit *last = NULL;
	double total = 0;
	do {
		const char *start = cursor;
		double value = parse_number(&cursor);
		int digits = cursor - start < 20 ? (int)(cursor - start) : 20;
		if (isnan(value))
			return err_set(err, ERR_INVALID,
			    "`%.40s` is not a duration; write a number with a unit, "
			    "as in 250ms, 1.5s or 1m30s",
			    text);
		size_t length = strspn(cursor, "abcdefghijklmnopqrstuvwxyz");
		if (length == 0)
			return err_set(err, ERR_INVALID,
			    "`%.40s` has no unit; write one of ns, us, ms, s, m, h, "
			    "as in %.*ss or %.*sms",
			    text, digits, start, digits, start);
		const struct unit *unit = find_unit(cursor, length);
		if (!unit)
			return err_set(err, ERR_INVALID,
			    "`%.40s`: no unit is called `%.*s`; the units are ns, us, "
			    "ms, s, m, h",
			    text, (int)length, cursor);
		if (last && unit->ns >= last->ns)
			return err_set(
			    err, ERR_INVALID, "`%.40s`: larger units come first, as in 1m30s", text);
		total += value * (double)unit->ns;
		last = unit;
		cursor += length;
	} while (*cursor);
	if (total > 9e18)
		return err_set(
		    err, ERR_INVALID, "`%.40s` is longer than a duration can be (292 years)", text);
	*ret_ns = llround(total);
	return 0;
}

/* 1.25, 12.5, 125: three significant figures, no trailing zeros. */
static void format_scaled(char *buffer, size_t size, double value, const char *unit)
{
	int decimals = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
	char number[DURATION_TEXT_MAX];
	snprintf(number, sizeof(number), "%.*f", decimals, value);
	if (strchr(number, '.')) {
		size_t end = strlen(number);
		while (number[end - 1] == '0')
			end--;
		if (number[end - 1] == '.')
			end--;
		number[end] = '\0';
	}
	snprintf(buffer, size, "%.20s%s", number, unit);
}

const char *duration_format(int64_t ns, char buffer[static DURATION_TEXT_MAX])
{
	char *out = buffer;
	size_t size = DURATION_TEXT_MAX;
	if (ns < 0) {
		*out++ = '-';
		size--;
		ns = ns == INT64_MIN ? INT64_MAX : -ns;
	}
	if (ns == 0)
		snprintf(out, size, "0s");
	else if (ns < NS_PER_US)
		snprintf(out, size, "%dns", (int)ns);
	else if (ns < 999500)
		format_scaled(out, size, (double)ns / 1e3, "µs");
	else if (ns < 999500000)
		format_scaled(out, size, (double)ns / 1e6, "ms");
	else if (ns < 60 * NS_PER_S)
		format_scaled(out, size, (double)ns / 1e9, "s");
	else if (ns < 3600 * NS_PER_S)
		snprintf(out, size, "%dm%02ds", (int)(ns / (60 * NS_PER_S)), (int)(ns / NS_PER_S % 60));
	else
		snprintf(out, size, "%lldh%02dm", (long long)(ns / (3600 * NS_PER_S)),
		    (int)(ns / (60 * NS_PER_S) % 60));
	return buffer;
}
