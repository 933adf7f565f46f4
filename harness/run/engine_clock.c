#include "run/engine_clock.h"

#include "base/number.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

int64_t rfc3339_parse_ns(const char *text)
{
	struct tm tm = { 0 };
	const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
	if (!rest)
		return -1;
	int64_t ns = (int64_t)timegm(&tm) * NS_PER_S;
	if (*rest == '.') {
		int64_t unit = NS_PER_S / 10;
		for (rest++; *rest >= '0' && *rest <= '9'; rest++, unit /= 10)
			ns += (*rest - '0') * unit;
	}
	if (*rest == '+' || *rest == '-') {
		bool is_ahead = *rest++ == '+';
		int64_t hours, minutes;
		if (number_scan(&rest, 0, 23, &hours) < 0 || *rest++ != ':' ||
		    number_parse(rest, 0, 59, &minutes) < 0)
			return -1;
		int64_t offset_ns = (hours * 60 + minutes) * 60 * NS_PER_S;
		return is_ahead ? ns - offset_ns : ns + offset_ns;
	}
	return strcmp(rest, "Z") == 0 ? ns : -1;
}

/* "2026-11-23T17:00:00.123Z" or with an offset: 24 to 35 bytes, with at least three digits of a second's
 * fraction. */
enum { LINE_STAMP_MIN = 24, LINE_STAMP_MAX = 35, FRACTION_AT = 19, FRACTION_MIN = 3 };

int64_t line_stamp_ns(const char *line, size_t length, int64_t engine_stamp_ns)
{
	char text[LINE_STAMP_MAX + 1];
	size_t start = length > 0 && strchr("[\"'(", line[0]) ? 1 : 0, size = 0;
	while (
	    start + size < length && size < LINE_STAMP_MAX && strchr("0123456789-+:.TZ", line[start + size]))
		size++;
	/* "STAMP: what happened" */
	if (size > 0 && line[start + size - 1] == ':')
		size--;
	if (size < LINE_STAMP_MIN)
		return engine_stamp_ns;
	memcpy(text, line + start, size);
	text[size] = '\0';
	if (text[FRACTION_AT] != '.' || strspn(text + FRACTION_AT + 1, "0123456789") < FRACTION_MIN)
		return engine_stamp_ns;
	int64_t stamp_ns = rfc3339_parse_ns(text);
	if (stamp_ns < 0 || stamp_ns > engine_stamp_ns || engine_stamp_ns - stamp_ns > LINE_STAMP_LAG_NS)
		return engine_stamp_ns;
	return stamp_ns;
}

static int64_t wall_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * NS_PER_S + now.tv_nsec;
}

int engine_clock_init(struct engine_clock *clock, struct loop *loop, bool local, const json_t *info,
    int64_t asked_ns, struct err *err)
{
	int64_t answered_ns = loop_now_ns(loop);
	*clock = (struct engine_clock){ .loop = loop, .local = local };
	if (local) {
		clock->offset_ns = loop_now_ns(loop) - wall_ns();
		return 0;
	}
	const char *text = json_string_value(json_object_get(info, "SystemTime"));
	int64_t stamp = text ? rfc3339_parse_ns(text) : -1;
	if (stamp < 0)
		return err_set(err, ERR_ENVIRONMENT,
		    "the engine did not say what time it is (GET /info: SystemTime is `%.60s`)",
		    text ? text : "");
	clock->error_ns = (answered_ns - asked_ns) / 2;
	clock->offset_ns = asked_ns + clock->error_ns - stamp;
	return 0;
}

/* Reading two clocks one after the other is off by what lies between; less than this is no movement of
 * theirs. */
static const int64_t OFFSET_GRAIN_NS = 500 * NS_PER_US;

static int64_t offset_ns(struct engine_clock *clock)
{
	if (!clock->local)
		return clock->offset_ns;
	int64_t offset_ns = loop_now_ns(clock->loop) - wall_ns();
	if (llabs(offset_ns - clock->offset_ns) > OFFSET_GRAIN_NS)
		clock->offset_ns = offset_ns;
	return clock->offset_ns;
}

int64_t engine_clock_loop_ns(struct engine_clock *clock, int64_t engine_stamp_ns)
{
	int64_t now = loop_now_ns(clock->loop);
	int64_t ns = engine_stamp_ns + offset_ns(clock);
	return ns < now ? ns : now;
}

int64_t engine_clock_stamp_ns(struct engine_clock *clock, int64_t loop_ns)
{
	return loop_ns - offset_ns(clock);
}
