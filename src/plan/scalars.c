#include "plan/scalars.h"

#include "base/buf.h"
#include "base/duration.h"
#include "base/expression.h"
#include "base/pattern.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

void strings_add(struct strings *strings, char *owned)
{
	*array_push(strings->items, strings->count) = owned;
}

void strings_release(struct strings *strings)
{
	for (size_t i = 0; i < strings->count; i++)
		free(strings->items[i]);
	free(strings->items);
	*strings = (struct strings){ 0 };
}

/* Sums of some of them fit into int64_t, and into what a trace can say. */
static const int64_t STORY_MAX_NS = DURATION_YEAR_NS;
/* Ten times the delay of the schedule. */
static const double SHARE_MAX = 10;

static void replace(char **into, char *owned)
{
	free(*into);
	*into = owned;
}

const char *scalar_text(struct reader *reader, const struct node *node, const char *what, struct err *err)
{
	if (node->kind == NODE_SCALAR)
		return node->text;
	refuse_kind(reader, node, err, what);
	return NULL;
}

int parse_whole(const char *text, int64_t low, int64_t high, int64_t *ret_value)
{
	bool negative = text[0] == '-' && low < 0;
	const char *digits = negative ? text + 1 : text;
	size_t length = strspn(digits, "0123456789");
	if (length == 0 || digits[length] || length > 18)
		return -1;
	int64_t value = strtoll(text, NULL, 10);
	if (value < low || value > high)
		return -1;
	*ret_value = value;
	return 0;
}

bool is_name(const char *text, bool dots)
{
	if (!isalnum((unsigned char)text[0]))
		return false;
	for (; *text; text++)
		if (!isalnum((unsigned char)*text) && *text != '-' && *text != '_' && !(dots && *text == '.'))
			return false;
	return true;
}

bool has_control(const char *text)
{
	for (; *text; text++)
		if (iscntrl((unsigned char)*text) && *text != '\t')
			return true;
	return false;
}

int read_any_text(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	const char *text = scalar_text(reader, node, "a text", err);
	if (!text)
		return -1;
	replace(into, xstrdup(text));
	return 0;
}

int read_text(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	if (node->kind == NODE_SCALAR && !node->text[0])
		return refuse(reader, node, err, "a text is expected here, and this one is empty");
	return read_any_text(reader, node, into, err);
}

int read_name(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	const char *text = scalar_text(reader, node, "a name", err);
	if (!text)
		return -1;
	if (!is_name(text, false) || strlen(text) > 60)
		return refuse(reader, node, err,
		    "`%s` cannot be a name; a name is made of letters, digits, - and _, at most 60",
		    SHOW(text));
	replace(into, xstrdup(text));
	return 0;
}

int read_flag(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	const char *text = scalar_text(reader, node, "true or false", err);
	if (!text)
		return -1;
	bool yes = strcmp(text, "true") == 0;
	if (!yes && strcmp(text, "false") != 0)
		return refuse(reader, node, err, "`%s` is neither true nor false", SHOW(text));
	*(bool *)into = yes;
	return 0;
}

int parse_story_duration(const char *text, double speed, int64_t *ret_ns, struct err *err)
{
	const char *end = strchr(text, ' ');
	size_t length = end ? (size_t)(end - text) : strlen(text);
	char *number OWNED = xmemdup0(text, length);
	while (end && *end == ' ')
		end++;
	if (end && strcmp(end, "real") != 0)
		return err_set(
		    err, ERR_INVALID, "`%s`: only ` real` may stand behind a duration", SHOW(text));
	int64_t ns;
	if (duration_parse(number, &ns, err) < 0)
		return -1;
	double story_ns = end ? (double)ns : (double)ns / speed;
	if (story_ns > (double)STORY_MAX_NS)
		return err_set(err, ERR_INVALID,
		    "`%s` is longer than a year at this speed; nothing in a scenario lasts so long",
		    SHOW(text));
	*ret_ns = llround(story_ns);
	return 0;
}

int read_duration(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	const char *text = scalar_text(reader, node, "a duration, as in 250ms or 1m30s,", err);
	if (!text)
		return -1;
	struct err cause = ERR_INIT;
	int64_t ns;
	if (parse_story_duration(text, reader->speed, &ns, &cause) < 0)
		return refuse_with(reader, node, err, &cause);
	*(int64_t *)into = ns;
	return 0;
}

int read_span(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	int64_t ns = 0;
	if (read_duration(reader, node, &ns, err) < 0)
		return -1;
	if (ns <= 0)
		return refuse(reader, node, err, "`%s` must be longer than nothing", SHOW(node->text));
	*(int64_t *)into = ns;
	return 0;
}

int read_period(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	int64_t ns = 0;
	if (read_span(reader, node, &ns, err) < 0)
		return -1;
	if (ns < NS_PER_MS)
		return refuse(reader, node, err,
		    "`%s` is less than 1ms at this speed; the least is `1ms real`", SHOW(node->text));
	*(int64_t *)into = ns;
	return 0;
}

int read_count(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	const char *text = scalar_text(reader, node, "a whole number", err);
	if (!text)
		return -1;
	int64_t value;
	if (parse_whole(text, 1, 1000000, &value) < 0)
		return refuse(reader, node, err, "`%s` is not a whole number from 1 to 1000000", SHOW(text));
	*(int *)into = (int)value;
	return 0;
}

int read_port(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	const char *text = scalar_text(reader, node, "a port", err);
	if (!text)
		return -1;
	int64_t value;
	if (parse_whole(text, 1, 65535, &value) < 0)
		return refuse(reader, node, err, "`%s` is not a port; ports are 1 to 65535", SHOW(text));
	*(int *)into = (int)value;
	return 0;
}

/* strtod() would take hexadecimals, infinities and the locale's comma. */
static int parse_decimal(const char *text, size_t length, double *ret_value)
{
	if (length == 0 || length > 18 || strspn(text, "0123456789.") < length || text[0] == '.')
		return -1;
	double value = 0, scale = 0;
	for (size_t i = 0; i < length; i++) {
		if (text[i] == '.' && scale > 0)
			return -1;
		if (text[i] == '.') {
			scale = 1;
			continue;
		}
		value = value * 10 + (text[i] - '0');
		scale *= 10;
	}
	*ret_value = scale > 0 ? value / scale : value;
	return 0;
}

int read_number(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	const char *text = scalar_text(reader, node, "a number", err);
	if (!text)
		return -1;
	double value;
	if (parse_decimal(text, strlen(text), &value) < 0)
		return refuse(reader, node, err, "`%s` is not a number, as in 2 or 1.5", SHOW(text));
	*(double *)into = value;
	return 0;
}

static int parse_percent(const char *text, size_t length, double *ret_share)
{
	double value;
	if (length < 2 || text[length - 1] != '%' || parse_decimal(text, length - 1, &value) < 0)
		return -1;
	*ret_share = value / 100;
	return 0;
}

int read_tolerance(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	const char *text = scalar_text(reader, node, "a percentage", err);
	if (!text)
		return -1;
	if (parse_percent(text, strlen(text), into) < 0)
		return refuse(reader, node, err, "`%s` is not a percentage, as in 10%%", SHOW(text));
	if (*(double *)into >= 1)
		return refuse(reader, node, err,
		    "with a tolerance of `%s` no gap is too short; write less than 100%%, as in 10%%",
		    SHOW(text));
	return 0;
}

int read_percent_range(
    struct reader *reader, const struct node *node, double *ret_low, double *ret_high, struct err *err)
{
	const char *text = scalar_text(reader, node, "a range of percentages, as in 50%..100%,", err);
	if (!text)
		return -1;
	const char *dots = strstr(text, "..");
	double low, high;
	if (!dots || parse_percent(text, (size_t)(dots - text), &low) < 0 ||
	    parse_percent(dots + 2, strlen(dots + 2), &high) < 0)
		return refuse(
		    reader, node, err, "`%s` is not a range of percentages, as in 50%%..100%%", SHOW(text));
	if (low > high)
		return refuse(
		    reader, node, err, "the range `%s` is empty: it begins above its end", SHOW(text));
	if (high > SHARE_MAX)
		return refuse(reader, node, err,
		    "the range `%s` ends above 1000%%, ten times the delay itself; write a smaller one, as "
		    "in "
		    "50%%..100%%",
		    SHOW(text));
	*ret_low = low;
	*ret_high = high;
	return 0;
}

static const double BYTES_MAX = 1e15;

static int parse_bytes(const char *text, int64_t *ret_bytes, struct err *err)
{
	static const struct {
		const char *name;
		double bytes;
	} units[] = { { "B", 1 }, { "kB", 1e3 }, { "KB", 1e3 }, { "MB", 1e6 }, { "GB", 1e9 }, { "KiB", 1024 },
		{ "MiB", 1048576 }, { "GiB", 1073741824 } };
	size_t digits = strspn(text, "0123456789.");
	double value;
	if (parse_decimal(text, digits, &value) == 0)
		for (size_t i = 0; i < ARRAY_LENGTH(units); i++)
			if (strcmp(text + digits, units[i].name) == 0) {
				if (value * units[i].bytes > BYTES_MAX)
					return err_set(err, ERR_INVALID,
					    "`%s` is more memory than there is; the most is 1000000GB",
					    SHOW(text));
				*ret_bytes = llround(value * units[i].bytes);
				return 0;
			}
	return err_set(err, ERR_INVALID,
	    "`%s` is not an amount of memory; write a number with B, kB, MB, GB, KiB, MiB or GiB, as in 5MB",
	    SHOW(text));
}

int read_bytes(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	const char *text = scalar_text(reader, node, "an amount of memory, as in 5MB,", err);
	struct err cause = ERR_INIT;
	if (!text)
		return -1;
	return parse_bytes(text, into, &cause) < 0 ? refuse_with(reader, node, err, &cause) : 0;
}

/* ${ms:15s} -> 15000 / speed. */
static int add_scaled(struct buf *out, const char *inside, size_t length, double speed, struct err *err)
{
	char *text OWNED = xmemdup0(inside, length);
	int64_t ns, unit = NS_PER_MS;
	const char *duration = text + 3;
	if (strncmp(text, "ms:", 3) != 0) {
		if (strncmp(text, "s:", 2) != 0)
			return err_set(err, ERR_INVALID,
			    "`${%s}` is not known here; write ${ms:DURATION} or ${s:DURATION}, or \\$ for a "
			    "dollar sign",
			    SHOW(text));
		unit = NS_PER_S;
		duration = text + 2;
	}
	if (parse_story_duration(duration, speed, &ns, err) < 0)
		return err_wrap(err, "in `${%s}`", SHOW(text));
	buf_addf(out, "%lld", (long long)((ns + unit / 2) / unit));
	return 0;
}

int expand_durations(const char *text, double speed, struct buf *out, struct err *err)
{
	while (*text) {
		if (text[0] == '\\' && text[1]) {
			buf_add(out, text, 2);
			text += 2;
			continue;
		}
		const char *end = strncmp(text, "${", 2) == 0 ? strchr(text, '}') : NULL;
		if (!end) {
			buf_add_char(out, *text++);
			continue;
		}
		if (add_scaled(out, text + 2, (size_t)(end - text - 2), speed, err) < 0)
			return -1;
		text = end + 1;
	}
	return 0;
}

int read_pattern(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	const char *text = scalar_text(reader, node, "a pattern", err);
	if (!text)
		return -1;
	if (!text[0])
		return refuse(
		    reader, node, err, "an empty pattern matches every line; write what the line says");
	struct err cause = ERR_INIT;
	struct buf expanded CLEANUP(buf_release) = { 0 };
	if (expand_durations(text, reader->speed, &expanded, &cause) < 0)
		return refuse_with(reader, node, err, &cause);
	struct pattern *pattern = pattern_compile(buf_string(&expanded), &cause);
	if (!pattern)
		return refuse_with(reader, node, err, &cause);
	pattern_free(pattern);
	replace(into, buf_steal(&expanded));
	return 0;
}

int read_jq(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	const char *text = scalar_text(reader, node, "a jq expression, as in .status,", err);
	if (!text)
		return -1;
	struct err cause = ERR_INIT;
	if (!text[0])
		return refuse(
		    reader, node, err, "a jq expression, as in .status, is expected here; this one is empty");
	struct expression *expression = expression_compile(text, &cause);
	if (err_is_set(&cause))
		return refuse_with(reader, node, err, &cause);
	expression_free(expression);
	replace(into, xstrdup(text));
	return 0;
}

int read_texts(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	struct strings *strings = into;
	if (node->kind == NODE_SCALAR) {
		char *text = NULL;
		if (read_text(reader, node, &text, err) < 0)
			return -1;
		strings_add(strings, text);
		return 0;
	}
	if (node->kind != NODE_SEQUENCE)
		return refuse_kind(reader, node, err, "a text or a list of texts");
	if (node->item_count == 0)
		return refuse(reader, node, err, "this list is empty");
	for (size_t i = 0; i < node->item_count; i++) {
		char *text = NULL;
		if (read_text(reader, node->items[i], &text, err) < 0)
			return -1;
		strings_add(strings, text);
	}
	return 0;
}

/* ---- ranges ---- */

typedef int parse_end(const char *text, double speed, int64_t *ret_value, struct err *err);

static int parse_count_end(const char *text, double speed, int64_t *ret_value, struct err *err)
{
	(void)speed;
	if (parse_whole(text, 0, INT32_MAX, ret_value) == 0)
		return 0;
	return err_set(
	    err, ERR_INVALID, "`%s` is not a whole number from 0 to %" PRId32, SHOW(text), INT32_MAX);
}

static int parse_bytes_end(const char *text, double speed, int64_t *ret_value, struct err *err)
{
	(void)speed;
	return parse_bytes(text, ret_value, err);
}

static int parse_range(
    const char *text, double speed, parse_end *parse, struct range *ret_range, struct err *err)
{
	struct range range = { .low = 0, .high = INT64_MAX, .present = true };
	const char *dots = strstr(text, "..");
	if (!dots) {
		if (parse(text, speed, &range.low, err) < 0)
			return -1;
		range.high = range.low;
		*ret_range = range;
		return 0;
	}
	char *low OWNED = xmemdup0(text, (size_t)(dots - text));
	const char *high = dots + 2;
	if (!low[0] && !high[0])
		return err_set(err, ERR_INVALID, "`..` has no end; write a range as 1..3, 1.. or ..3");
	/* `2s..5s real`: the word stands behind both. */
	bool real = strlen(high) > 5 && strcmp(high + strlen(high) - 5, " real") == 0;
	if (low[0] && parse(low, real ? 1 : speed, &range.low, err) < 0)
		return -1;
	if (high[0] && parse(high, speed, &range.high, err) < 0)
		return -1;
	if (range.low > range.high)
		return err_set(
		    err, ERR_INVALID, "the range `%s` is empty: it begins above its end", SHOW(text));
	*ret_range = range;
	return 0;
}

static int read_range(
    struct reader *reader, const struct node *node, parse_end *parse, struct range *range, struct err *err)
{
	const char *text = scalar_text(reader, node, "a range, as in 1..3,", err);
	struct err cause = ERR_INIT;
	if (!text)
		return -1;
	return parse_range(text, reader->speed, parse, range, &cause) < 0
		   ? refuse_with(reader, node, err, &cause)
		   : 0;
}

int read_count_range(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	return read_range(reader, node, parse_count_end, into, err);
}

int read_duration_range(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	return read_range(reader, node, parse_story_duration, into, err);
}

int read_bytes_range(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	return read_range(reader, node, parse_bytes_end, into, err);
}
