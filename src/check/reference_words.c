/* What is said of lines, answers and figures: matches, respond, memory, descriptors. */
#include "check/reference.h"

#include "base/expression.h"
#include "base/pattern.h"

#include <strings.h>

/* ---- matches ---- */

struct judged_lines {
	struct opinion opinion;
	bool failed, is_open;
};

/* A failure is decided by the first thing that is wrong. */
static void fail_at(struct judged_lines *lines, int64_t decided_ns)
{
	if (!lines->failed || decided_ns < lines->opinion.decided_ns)
		lines->opinion.decided_ns = decided_ns;
	lines->failed = true;
}

static int64_t wanted_number(const struct expectation *expectation, size_t i)
{
	size_t count = expectation->number_count;
	int64_t step = count > 1 ? expectation->numbers[count - 1] - expectation->numbers[count - 2] : 0;
	return i < count ? expectation->numbers[i]
			 : expectation->numbers[count - 1] + step * (int64_t)(i - count + 1);
}

static void judge_number(
    const struct expectation *expectation, const struct event *line, size_t i, struct judged_lines *lines)
{
	char digits[32];
	const char *group = "";
	size_t length = 0;
	bool is_wanted = i < expectation->number_count || expectation->numbers_repeat;
	if (is_wanted)
		snprintf(digits, sizeof(digits), "%lld", (long long)wanted_number(expectation, i));
	line_matches(line, expectation->pattern, &group, &length);
	if (!is_wanted || strlen(digits) != length || memcmp(digits, group, length) != 0)
		fail_at(lines, line->to_ns);
}

/* The count in each world: every line that may have been inside was, or was not. */
static void judge_times(const struct facts *facts, const struct expectation *expectation, size_t sure,
    size_t perhaps, bool may_grow, int64_t one_too_many_ns, struct judged_lines *lines)
{
	int64_t low = expectation->times.present ? expectation->times.low : 1;
	int64_t high = expectation->times.present ? expectation->times.high : INT64_MAX;
	size_t right = 0, worlds = 0;
	for (size_t counted = 0; counted <= perhaps + (may_grow ? 100 : 0); counted++, worlds++)
		right += (int64_t)(sure + counted) >= low && (int64_t)(sure + counted) <= high;
	if (may_grow && high != INT64_MAX)
		worlds++; /* there may be any number to come */
	if (right == 0)
		fail_at(lines, (int64_t)sure > high ? one_too_many_ns : facts->end_ns);
	else if (right < worlds)
		lines->is_open = true;
}

struct opinion opine_matches(const struct facts *facts, const struct expectation *expectation)
{
	struct stretch_of_time stretch = find_stretch(facts, expectation);
	size_t service = facts->plan->watches[expectation->watch].service, sure = 0, perhaps = 0;
	struct judged_lines lines = { .opinion = { .decided_ns = facts->end_ns } }, numbers = lines;
	int64_t times_low = expectation->times.present ? expectation->times.low : 1, one_too_many_ns = 0;
	int64_t times_high = expectation->times.present ? expectation->times.high : INT64_MAX;
	bool has_lines = false, has_numbers = expectation->number_count > 0;
	if (stretch.is_empty)
		return opinion(VERDICT_INCONCLUSIVE, 0);
	for_each_of(line, facts, EVENT_LOG, name_of_service(facts, service))
	{
		has_lines = true;
		bool matches = line_matches(line, expectation->pattern, NULL, NULL);
		if (!is_near(&stretch, span_of(line)) || (!matches && !line->log.cut))
			continue;
		if (!matches || !is_inside(&stretch, span_of(line))) {
			perhaps++;
			continue;
		}
		if ((int64_t)sure == times_high)
			one_too_many_ns = line->to_ns;
		if (has_numbers && !numbers.failed)
			judge_number(expectation, line, sure, &numbers);
		sure++;
	}
	if (!has_lines && (!was_started(facts, service) || times_low == 0))
		return opinion(VERDICT_INCONCLUSIVE, 0);
	/* How many were dropped is told at the end. */
	bool may_miss_some = facts->dropped > 0 || !*facts->end;
	judge_times(
	    facts, expectation, sure, perhaps, !stretch.is_over || may_miss_some, one_too_many_ns, &lines);
	if (has_numbers && (perhaps > 0 || may_miss_some)) {
		lines.is_open = true;
	} else if (has_numbers && numbers.failed) {
		fail_at(&lines, numbers.opinion.decided_ns);
	} else if (has_numbers && !expectation->numbers_repeat && sure < expectation->number_count) {
		if (stretch.is_over)
			fail_at(&lines, facts->end_ns);
		else
			lines.is_open = true;
	}
	lines.is_open = lines.is_open || (times_low == 0 && was_down_throughout(facts, &stretch, service));
	lines.opinion.by_absence = times_high != INT64_MAX;
	lines.opinion.verdict = lines.failed    ? VERDICT_FAIL
				: lines.is_open ? VERDICT_INCONCLUSIVE
						: VERDICT_PASS;
	return lines.opinion;
}

/* ---- respond ---- */

static enum verdict worse(enum verdict a, enum verdict b)
{
	if (a == VERDICT_FAIL || b == VERDICT_FAIL)
		return VERDICT_FAIL;
	return a == VERDICT_INCONCLUSIVE ? a : b;
}

/* "Name: value" lines: there is one that is right. */
static enum verdict judge_header(const struct event *answer, const struct header_rule *rule)
{
	size_t name_length = strlen(rule->name), there = 0, right = 0;
	char *headers OWNED = xstrdup(answer->response.headers), *rest = headers, *line;
	while ((line = strsep(&rest, "\n")) != NULL) {
		if (strncasecmp(line, rule->name, name_length) != 0 || line[name_length] != ':')
			continue;
		there++;
		line += name_length + 1;
		line += strspn(line, " \t");
		for (size_t length = strlen(line); length && strchr(" \t\r", line[length - 1]); length--)
			line[length - 1] = '\0';
		right += !rule->value || strcmp(line, rule->value) == 0;
	}
	bool is_right = rule->absent ? there == 0 : right > 0;
	return is_right ? VERDICT_PASS : VERDICT_FAIL;
}

static enum verdict judge_body(const struct event *answer, const struct body_rule *rule)
{
	struct err err = ERR_INIT;
	struct expression *expression = expression_compile(rule->expression, &err);
	if (!expression)
		BUG("%s: %s", rule->expression, err.message);
	char *result OWNED =
	    expression_run(expression, answer->response.body.bytes, answer->response.body.length, &err);
	expression_free(expression);
	if (result && strcmp(result, rule->value) == 0)
		return VERDICT_PASS;
	return answer->response.body_cut ? VERDICT_INCONCLUSIVE : VERDICT_FAIL;
}

static enum verdict judge_whole_body(const struct event *answer, const char *pattern)
{
	const struct event as_line = { .kind = EVENT_LOG, .log = { .line = answer->response.body } };
	if (line_matches(&as_line, pattern, NULL, NULL))
		return VERDICT_PASS;
	return answer->response.body_cut ? VERDICT_INCONCLUSIVE : VERDICT_FAIL;
}

struct opinion opine_respond(const struct facts *facts, const struct expectation *expectation)
{
	const struct event *answer = NULL;
	struct worlds worlds = { 0 };
	enum verdict verdict = VERDICT_PASS;
	for_each_of(event, facts, EVENT_RESPONSE, facts->plan->steps[expectation->step].id) answer = event;
	if (!answer)
		return opinion(VERDICT_INCONCLUSIVE, 0);
	if (strcmp(answer->response.outcome, "answered") != 0)
		return opinion(
		    is_starved(facts, answer) ? VERDICT_INCONCLUSIVE : VERDICT_FAIL, answer->to_ns);
	const struct range *status = &expectation->respond.status;
	if (status->present &&
	    (answer->response.status < status->low || answer->response.status > status->high))
		verdict = VERDICT_FAIL;
	for (size_t i = 0; i < expectation->respond.header_count; i++)
		verdict = worse(verdict, judge_header(answer, &expectation->respond.headers[i]));
	for (size_t i = 0; i < expectation->respond.body_count; i++)
		verdict = worse(verdict, judge_body(answer, &expectation->respond.bodies[i]));
	if (expectation->respond.body_pattern)
		verdict = worse(verdict, judge_whole_body(answer, expectation->respond.body_pattern));
	if (expectation->respond.has_within) {
		world_add(&worlds, answer->to_ns - answer->from_ns, expectation->respond.within_ns,
		    host_was_late(facts, answer->from_ns, answer->to_ns));
		verdict = worse(verdict, worlds_verdict(&worlds));
	}
	return opinion(verdict, answer->to_ns);
}

/* ---- memory, descriptors ---- */

/* How often the service had been started when the figure was taken; -1: it was just then. */
static int life_of(const struct facts *facts, size_t service, const struct event *figure)
{
	int starts = 0;
	bool is_between = false;
	for_each_of(event, facts, EVENT_SERVICE, name_of_service(facts, service))
	{
		if (strcmp(event->service.event, "started") != 0 &&
		    strcmp(event->service.event, "restarted") != 0)
			continue;
		starts += event->to_ns <= figure->from_ns;
		is_between = is_between || (event->to_ns > figure->from_ns && event->from_ns < figure->to_ns);
	}
	return is_between ? -1 : starts;
}

static int64_t amount_of(const struct event *figure)
{
	return figure->kind == EVENT_MEMORY ? figure->memory.bytes : figure->descriptors.count;
}

/* Every figure with every earlier one of the same life that is the first of it. */
struct opinion opine_growth(const struct facts *facts, const struct expectation *expectation)
{
	struct stretch_of_time stretch = find_stretch(facts, expectation);
	const struct watch *watch = &facts->plan->watches[expectation->watch];
	enum event_kind kind = watch->kind == WATCH_MEMORY ? EVENT_MEMORY : EVENT_DESCRIPTORS;
	const struct event *first = NULL;
	bool is_compared = false, is_covered = true;
	int64_t taken_ns = stretch.from.high;
	if (stretch.is_empty)
		return opinion(VERDICT_INCONCLUSIVE, 0);
	for_each_of(figure, facts, kind, watch->name)
	{
		int life = life_of(facts, watch->service, figure);
		/* Those on an edge, too, cover it. */
		if (is_near(&stretch, span_of(figure)) && figure->from_ns <= stretch.known_until_ns) {
			is_covered = is_covered && (taken_ns == LONG_AGO || !was_not_asked(facts, watch,
										taken_ns, figure->from_ns));
			taken_ns = figure->to_ns > taken_ns ? figure->to_ns : taken_ns;
		}
		if (!is_inside(&stretch, span_of(figure)) || life < 0)
			continue;
		if (!first || life_of(facts, watch->service, first) != life) {
			first = figure;
			continue;
		}
		is_compared = true;
		if (amount_of(figure) - amount_of(first) > expectation->growth)
			return opinion(VERDICT_FAIL, figure->to_ns);
	}
	is_covered = is_covered &&
		     (taken_ns == LONG_AGO || !was_not_asked(facts, watch, taken_ns, stretch.known_until_ns));
	return (struct opinion){
		.verdict = is_compared && is_covered && stretch.is_over ? VERDICT_PASS : VERDICT_INCONCLUSIVE,
		.decided_ns = facts->end_ns,
		.by_absence = true
	};
}
