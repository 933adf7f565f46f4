/*
 * matches: how many lines match a pattern, and which numbers their first group holds.
 *
 * A line at the window's edge, one that was cut, and one on which the pattern took too long, may or may not
 * count: the count is an interval.
 */
#include "base/pattern.h"
#include "check/judge.h"
#include "check/line.h"

#include <inttypes.h>
#include <string.h>

enum { SHOWN_NUMBERS = 12 };

struct matches {
	size_t *events; /* certain ones, in order */
	size_t count;
	size_t perhaps;
};

static struct matches find_matches(const struct index *index, const struct draft *draft,
    const struct window *window, struct pattern *pattern)
{
	const struct series *series = index_watch(index, draft->expectation->watch);
	struct matches matches = { 0 };
	for (size_t i = 0; i < series->count; i++) {
		const struct event *event = series_event(index, series, i);
		struct interval when = { .low = event->from_ns, .high = event->to_ns };
		enum answer is_it =
		    window_touches(window, when) ? line_matches_pattern(event, pattern) : ANSWER_NO;
		if (is_it == ANSWER_YES && window_holds(window, when))
			*array_push(matches.events, matches.count) = series->items[i];
		else if (is_it != ANSWER_NO)
			matches.perhaps++;
	}
	return matches;
}

static struct interval expected_times(const struct expectation *expectation)
{
	if (!expectation->times.present)
		return (struct interval){ .low = 1, .high = INT64_MAX };
	return (struct interval){ .low = expectation->times.low, .high = expectation->times.high };
}

static void judge_times(const struct index *index, struct draft *draft, const struct window *window,
    const struct matches *matches)
{
	struct interval times = expected_times(draft->expectation);
	size_t service = index->plan->watches[draft->expectation->watch].service;
	bool may_grow = !window->is_closed || !index->end || index->end->end.dropped > 0;
	struct interval count = { .low = (int64_t)matches->count,
		.high = (int64_t)(matches->count + matches->perhaps) };
	CLEANUP(buf_release) struct buf text = { 0 }, wanted = { 0 };
	bool is_one = count.low == 1 && count.high == 1;
	text_add_count(&text, count);
	text_add_count(&draft->actual, count);
	text_add_count(&wanted, times);
	draft_measured(draft, count.low, count.high);
	draft_slack(draft,
	    count.low < times.low ? count.low - times.low : saturating_subtract(times.high, count.high));
	if (may_grow)
		count.high = INT64_MAX;
	draft->by_absence = times.high != INT64_MAX;
	switch (interval_inside(count, times)) {
	case ANSWER_YES:
		return;
	case ANSWER_NO:
		if (count.low > times.high && (size_t)times.high < matches->count)
			draft->decided_ns = index->trace->events[matches->events[times.high]].to_ns;
		draft_fail(draft, "%s %s, expected %s", buf_string(&text),
		    is_one ? "line matches" : "lines match", buf_string(&wanted));
		draft_note_death(draft, index, service, INT64_MAX);
		return;
	case ANSWER_UNKNOWN:
		break;
	}
	if (!window->is_closed || !index->end)
		draft_inconclusive(draft, "%s line%s matched when %s", buf_string(&text), is_one ? "" : "s",
		    index_open_reason(index));
	else if (matches->perhaps)
		draft_inconclusive(draft,
		    "%zu more line%s may count: at the window's edge, cut, or too long to match",
		    matches->perhaps, matches->perhaps == 1 ? "" : "s");
	else
		draft_inconclusive(draft, "%s matched, but %lld were not recorded because of a flood",
		    buf_string(&text), (long long)index->end->end.dropped);
	draft_note_death(draft, index, service, INT64_MAX);
}

/* The whole text as a number. */
static int parse_number(const char *text, size_t length, int64_t *ret_number)
{
	int64_t value = 0;
	bool negative = length > 0 && text[0] == '-';
	if (length == (size_t)negative)
		return -1;
	for (size_t i = negative; i < length; i++) {
		if (text[i] < '0' || text[i] > '9' || __builtin_mul_overflow(value, 10, &value) ||
		    __builtin_sub_overflow(value, text[i] - '0', &value))
			return -1;
	}
	if (!negative && value == INT64_MIN)
		return -1;
	*ret_number = negative ? value : -value;
	return 0;
}

/* Behind the list, `...` goes on in the step of its last two numbers: 1, 2, ... counts, 8, 15, 15, ... stays
 * at 15. */
static int64_t expected_number(const struct expectation *expectation, size_t number)
{
	size_t last = expectation->number_count - 1;
	if (number <= last)
		return expectation->numbers[number];
	int64_t step = last > 0 ? expectation->numbers[last] - expectation->numbers[last - 1] : 0;
	return expectation->numbers[last] + step * (int64_t)(number - last);
}

/* 0: right; -1: wrong, and said so. */
static int judge_number(const struct index *index, struct draft *draft, struct pattern *pattern,
    size_t number, size_t event_number)
{
	const struct expectation *expectation = draft->expectation;
	const struct event *event = &index->trace->events[event_number];
	const struct text *line = &event->log.line;
	size_t start = 0, length = 0;
	int64_t value = 0;
	CLEANUP(buf_release) struct buf shown = { 0 };
	if (pattern_match(pattern, line->bytes, line->length) == PATTERN_MATCH)
		(void)!pattern_group(pattern, 1, &start, &length);
	buf_add_visible(&shown, line->bytes + start, length, 60);
	if (number < SHOWN_NUMBERS)
		buf_addf(&draft->actual, "%s%s", number ? ", " : ": ", buf_string(&shown));
	else if (number == SHOWN_NUMBERS)
		buf_add_string(&draft->actual, ", …");
	bool is_number = parse_number(line->bytes + start, length, &value) == 0;
	bool is_too_many = number >= expectation->number_count && !expectation->numbers_repeat;
	int64_t expected = expected_number(expectation, number);
	if (is_number && !is_too_many && value == expected)
		return 0;
	evidence_add(&draft->evidence, event_number);
	if (draft->verdict != VERDICT_FAIL || event->to_ns < draft->decided_ns)
		draft->decided_ns = event->to_ns;
	if (is_too_many)
		draft_fail(draft, "number %zu is %s, expected no more than %zu", number + 1,
		    buf_string(&shown), expectation->number_count);
	else if (!is_number)
		draft_fail(
		    draft, "number %zu is `%s`, expected %" PRId64, number + 1, buf_string(&shown), expected);
	else
		draft_fail(
		    draft, "number %zu is %" PRId64 ", expected %" PRId64, number + 1, value, expected);
	return -1;
}

static void judge_numbers(const struct index *index, struct draft *draft, const struct window *window,
    const struct matches *matches, struct pattern *pattern)
{
	const struct expectation *expectation = draft->expectation;
	bool right = true;
	if (!index->end) {
		draft_inconclusive(draft, "the numbers cannot be told: how many lines were lost in a flood "
					  "is told at the end, and the "
					  "trace was cut short");
		return;
	}
	int64_t dropped = index->end->end.dropped;
	if (matches->perhaps || dropped > 0) {
		long long more = (long long)matches->perhaps + (long long)dropped;
		draft_inconclusive(draft, "the numbers cannot be told: %lld more line%s may count", more,
		    more == 1 ? "" : "s");
		return;
	}
	for (size_t i = 0; i < matches->count && right; i++)
		right = judge_number(index, draft, pattern, i, matches->events[i]) == 0;
	/* A progression is followed as far as there are lines; how many there must be is said by `times`. */
	if (!right || expectation->numbers_repeat || matches->count >= expectation->number_count)
		return;
	if (window->is_closed)
		draft_fail(draft, "%zu number%s, expected %zu", matches->count,
		    matches->count == 1 ? "" : "s", expectation->number_count);
	else
		draft_inconclusive(draft, "%zu of %zu numbers had come when %s", matches->count,
		    expectation->number_count, index_open_reason(index));
}

static void add_expected(const struct index *index, const struct expectation *expectation, struct buf *out)
{
	struct interval times = expected_times(expectation);
	bool is_one = times.low == 1 && times.high == 1;
	text_add_count(out, times);
	buf_addf(out, " line%s of %s that match%s `", is_one ? "" : "s",
	    index->plan->watches[expectation->watch].name, is_one ? "es" : "");
	buf_add_visible(out, expectation->pattern, strlen(expectation->pattern), 120);
	buf_add_char(out, '`');
	for (size_t i = 0; i < expectation->number_count; i++)
		buf_addf(out, "%s%" PRId64, i ? ", " : " with the numbers ", expectation->numbers[i]);
	if (expectation->numbers_repeat)
		buf_add_string(out, " …");
	window_add_text(index, expectation, out);
}

void judge_matches(const struct index *index, struct draft *draft)
{
	const struct expectation *expectation = draft->expectation;
	const struct watch *watch = &index->plan->watches[expectation->watch];
	struct window window;
	add_expected(index, expectation, &draft->expected);
	if (window_resolve(index, draft, &window) < 0)
		return;
	bool has_lines = index_watch(index, expectation->watch)->count > 0;
	if (!has_lines &&
	    (!index_was_started(index, watch->service) || expected_times(expectation).low == 0)) {
		draft_inconclusive(draft, "vacuous: %s has no line at all", watch->name);
		draft_note_death(draft, index, watch->service, INT64_MAX);
		return;
	}
	struct err err = ERR_INIT;
	struct pattern *pattern = pattern_compile(expectation->pattern, &err);
	if (!pattern) {
		draft_inconclusive(draft, "%s", err.message);
		return;
	}
	struct matches matches = find_matches(index, draft, &window, pattern);
	for (size_t i = 0; i < matches.count; i++)
		evidence_add(&draft->evidence, matches.events[i]);
	judge_times(index, draft, &window, &matches);
	if (expectation->number_count)
		judge_numbers(index, draft, &window, &matches, pattern);
	/* Who does not run writes nothing. */
	if (draft->verdict == VERDICT_PASS && expected_times(expectation).low == 0 &&
	    window_is_dead(index, &window, watch->service)) {
		draft_inconclusive(draft, "vacuous: %s was not running in the window",
		    index->plan->stack->services[watch->service].name);
		draft_note_death(draft, index, watch->service, INT64_MAX);
	}
	free(matches.events);
	pattern_free(pattern);
}
