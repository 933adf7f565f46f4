#include "check/text.h"

#include "base/duration.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Of a text that came from outside, at most so much is shown. */
enum { SHOWN_MAX = 120 };

void text_add_time(struct buf *out, int64_t ns)
{
	char text[DURATION_TEXT_MAX];
	buf_add_string(out, duration_format(ns, text));
}

/* 10.000000001s */
static void add_all_digits(struct buf *out, int64_t ns)
{
	uint64_t magnitude = ns < 0 ? 0 - (uint64_t)ns : (uint64_t)ns;
	char fraction[16];
	snprintf(fraction, sizeof(fraction), "%09" PRIu64, magnitude % NS_PER_S);
	size_t length = 9;
	while (length > 1 && fraction[length - 1] == '0')
		length--;
	buf_addf(out, "%s%" PRIu64 ".%.*ss", ns < 0 ? "-" : "", magnitude / NS_PER_S, (int)length, fraction);
}

static bool look_alike(int64_t a, int64_t b)
{
	char left[DURATION_TEXT_MAX], right[DURATION_TEXT_MAX];
	return a != b && strcmp(duration_format(a, left), duration_format(b, right)) == 0;
}

void text_add_time_beside(struct buf *out, int64_t ns, int64_t other)
{
	if (look_alike(ns, other))
		add_all_digits(out, ns);
	else
		text_add_time(out, ns);
}

void text_add_interval(struct buf *out, struct interval interval, int64_t other)
{
	if (interval.high == INT64_MAX) {
		buf_add_string(out, "more than ");
		text_add_time_beside(out, interval.low, other);
		return;
	}
	bool told_apart = !look_alike(interval.low, interval.high);
	if (interval.low != interval.high && (told_apart || look_alike(interval.low, other))) {
		text_add_time_beside(out, interval.low, other);
		buf_add_string(out, " to ");
	}
	text_add_time_beside(out, interval.high, other);
}

void text_add_bytes(struct buf *out, int64_t bytes)
{
	static const struct {
		double size;
		const char *unit;
	} units[] = { { 1e9, "GB" }, { 1e6, "MB" }, { 1e3, "kB" } };
	double magnitude = bytes < 0 ? -(double)bytes : (double)bytes;
	for (size_t i = 0; i < ARRAY_LENGTH(units); i++) {
		if (magnitude >= units[i].size) {
			buf_addf(out, "%.3g%s", (double)bytes / units[i].size, units[i].unit);
			return;
		}
	}
	buf_addf(out, "%" PRId64 "B", bytes);
}

void text_add_count(struct buf *out, struct interval count)
{
	buf_addf(out, "%" PRId64, count.low);
	if (count.high == INT64_MAX)
		buf_add_string(out, " or more");
	else if (count.high != count.low)
		buf_addf(out, " to %" PRId64, count.high);
}

void text_add_plural(struct buf *out, int64_t count, const char *singular)
{
	buf_addf(out, "%" PRId64 " %s%s", count, singular, count == 1 ? "" : "s");
}

static void add_quoted(struct buf *out, const char *text)
{
	buf_add_char(out, '`');
	buf_add_visible(out, text, strlen(text), SHOWN_MAX);
	buf_add_char(out, '`');
}

void text_add_list(struct buf *out, const struct strings *strings, const char *last_word)
{
	for (size_t i = 0; i < strings->count; i++) {
		if (i > 0 && i + 1 == strings->count)
			buf_addf(out, " %s ", last_word);
		else if (i > 0)
			buf_add_string(out, ", ");
		add_quoted(out, strings->items[i]);
	}
}

static const char *watch_name(const struct plan *plan, int watch)
{
	return watch >= 0 && (size_t)watch < plan->watch_count ? plan->watches[watch].name : "?";
}

void text_add_moment(struct buf *out, const struct plan *plan, const struct moment *moment)
{
	switch (moment->kind) {
	case MOMENT_WORLD:
		buf_addf(out, "world.%s", moment->what ? moment->what : "started");
		break;
	case MOMENT_STEP:
		buf_addf(out, "step %s", moment->name);
		break;
	case MOMENT_SERVICE:
		buf_addf(out, "%s.%s", moment->name, moment->what);
		break;
	case MOMENT_ATTEMPT:
		buf_addf(out, "attempt %d of %s", moment->number, watch_name(plan, moment->watch));
		break;
	case MOMENT_STATE:
		add_quoted(out, moment->what);
		buf_addf(out, " of %s", watch_name(plan, moment->watch));
		break;
	case MOMENT_LOG:
		buf_addf(out, "a line of %s.log that matches ", moment->name);
		add_quoted(out, moment->what);
		break;
	}
	if (moment->after) {
		buf_add_string(out, " (after ");
		text_add_moment(out, plan, moment->after);
		buf_add_char(out, ')');
	}
	if (moment->plus_ns) {
		buf_add_string(out, " + ");
		text_add_time(out, moment->plus_ns);
	}
}
