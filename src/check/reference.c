/* The facts of a trace, moments, stretches of time. */
#include "check/reference.h"

#include "base/pattern.h"

/* ---- worlds ---- */

void world_add(struct worlds *worlds, int64_t figure, int64_t limit, int64_t lateness)
{
	if (figure <= limit)
		worlds->within++;
	else if (figure > limit + lateness)
		worlds->beyond++;
	else
		worlds->between++;
}

enum verdict worlds_verdict(const struct worlds *worlds)
{
	if (worlds->between == 0 && worlds->beyond == 0)
		return VERDICT_PASS;
	return worlds->between == 0 && worlds->within == 0 ? VERDICT_FAIL : VERDICT_INCONCLUSIVE;
}

/* ---- facts ---- */

void facts_gather(struct facts *facts, const struct plan *plan, const struct trace *trace)
{
	*facts = (struct facts){ .plan = plan, .trace = trace, .count = trace->event_count, .end = "" };
	/* NOLINTNEXTLINE(bugprone-sizeof-expression): an array of pointers is meant */
	facts->events = xcalloc(facts->count, sizeof(*facts->events));
	for (size_t i = 0; i < facts->count; i++) {
		const struct event *event = &trace->events[i];
		size_t place = i;
		for (; place > 0 && facts->events[place - 1]->from_ns > event->from_ns; place--)
			facts->events[place] = facts->events[place - 1];
		facts->events[place] = event;
		if (event->to_ns > facts->end_ns)
			facts->end_ns = event->to_ns;
		if (event->kind == EVENT_END) {
			facts->end = event->end.reason;
			facts->dropped = event->end.dropped;
		}
	}
	facts->is_over = strcmp(facts->end, "completed") == 0 || strcmp(facts->end, "wait") == 0;
}

const char *name_of_watch(const struct facts *facts, int watch)
{
	return facts->plan->watches[watch].name;
}

const char *name_of_service(const struct facts *facts, size_t service)
{
	return facts->plan->stack->services[service].name;
}

int64_t host_was_late(const struct facts *facts, int64_t from_ns, int64_t to_ns)
{
	int64_t sum = 0;
	for_each(event, facts)
	{
		bool is_of_agent = event->kind == EVENT_LATENESS && strncmp(event->of, "agent:", 6) == 0;
		if (event->kind == EVENT_LATENESS && !is_of_agent && event->to_ns >= from_ns &&
		    event->from_ns <= to_ns)
			sum += event->lateness.worst_ns;
	}
	return sum;
}

bool is_starved(const struct facts *facts, const struct event *event)
{
	const char *outcome = event->kind == EVENT_SAMPLE ? event->sample.outcome : event->response.outcome;
	int64_t took_ns = event->to_ns - event->from_ns;
	return strcmp(outcome, "timeout") == 0 &&
	       host_was_late(facts, event->from_ns, event->to_ns) > took_ns / 5;
}

bool was_started(const struct facts *facts, size_t service)
{
	for_each_of(event, facts, EVENT_SERVICE,
	    name_of_service(facts, service)) if (strcmp(event->service.event, "started") == 0) return true;
	return false;
}

const struct event *find_death(const struct facts *facts, size_t service)
{
	const struct event *death = NULL;
	for_each_of(event, facts, EVENT_SERVICE, name_of_service(facts, service))
	{
		const char *what = event->service.event;
		if (strcmp(what, "started") == 0 || strcmp(what, "restarted") == 0)
			death = NULL;
		else if (!event->service.asked &&
			 (strcmp(what, "exited") == 0 || (strcmp(what, "oom-killed") == 0 && !death)))
			death = event;
	}
	return death;
}

bool is_dead_for_ever(const struct facts *facts, size_t service)
{
	const struct event *death = find_death(facts, service);
	enum restart_policy policy = facts->plan->stack->services[service].restart;
	int tries = 0, tries_max = facts->plan->stack->services[service].restart_max;
	for_each_of(event, facts, EVENT_SERVICE, name_of_service(facts, service))
	{
		if (strcmp(event->service.event, "started") == 0)
			tries = 0;
		tries += strcmp(event->service.event, "restarted") == 0;
	}
	bool has_tries_left = tries_max == 0 || tries < tries_max;
	if (!death || policy == RESTART_ALWAYS || policy == RESTART_UNLESS_STOPPED ||
	    (policy == RESTART_ON_FAILURE && death->service.exit_code != 0 && has_tries_left))
		return false;
	/* A step that was not begun might still start it. */
	for (size_t i = 0; i < facts->plan->step_count; i++) {
		const struct step *step = &facts->plan->steps[i];
		bool is_begun = false, concerns_it = false;
		for (size_t s = 0; s < step->service_count; s++)
			concerns_it = concerns_it || step->services[s] == service;
		for_each_of(event, facts, EVENT_STEP, step->id) is_begun = true;
		if ((step->kind == STEP_START || step->kind == STEP_RESTART) && concerns_it && !is_begun)
			return false;
	}
	return true;
}

/* Compiled once: the expressions of a plan stay where they are, and a test has only a few plans. */
static struct pattern *find_pattern(const char *expression)
{
	static struct {
		const char *expression;
		struct pattern *pattern;
	} known[256];
	size_t i = 0;
	while (i + 1 < ARRAY_LENGTH(known) && known[i].expression && known[i].expression != expression)
		i++;
	if (known[i].expression != expression) {
		struct err err = ERR_INIT;
		pattern_free(known[i].pattern);
		known[i].expression = expression;
		known[i].pattern = pattern_compile(expression, &err);
		if (!known[i].pattern)
			BUG("%s: %s", expression, err.message);
	}
	return known[i].pattern;
}

bool line_matches(
    const struct event *line, const char *expression, const char **ret_group, size_t *ret_length)
{
	size_t start = 0, length = 0;
	const struct text *text = &line->log.line;
	struct pattern *pattern = find_pattern(expression);
	bool matches = pattern_match(pattern, text->bytes, text->length) == PATTERN_MATCH;
	if (matches && ret_group && pattern_group(pattern, 1, &start, &length) == 0) {
		*ret_group = text->bytes + start;
		*ret_length = length;
	}
	return matches;
}

/* ---- moments ---- */

static struct happening it_was(const struct event *event, struct span at)
{
	return (struct happening){ .happened = true, .at = at, .event = event };
}

static struct happening find_service(
    const struct facts *facts, const struct moment *moment, struct span after)
{
	for_each(event, facts)
	{
		const char *said = event->kind == EVENT_SERVICE ? event->service.event
				   : event->kind == EVENT_PHASE ? event->phase.phase
								: NULL;
		/* That nothing is in the way is not that it works. */
		if (event->kind == EVENT_PHASE && strcmp(moment->what, "ready") == 0)
			continue;
		if (said && strcmp(event->of, moment->name) == 0 && strcmp(said, moment->what) == 0 &&
		    event->to_ns >= after.low)
			return it_was(event, span_of(event));
	}
	return (struct happening){ 0 };
}

static struct happening find_attempt(
    const struct facts *facts, const struct moment *moment, struct span after)
{
	int counted = 0;
	for_each_of(event, facts, EVENT_ATTEMPT, name_of_watch(facts, moment->watch))
	{
		struct span at = { event->from_ns, beginning_of(event) };
		if (!moment->is_beginning)
			at = end_of(event);
		if ((is_under_way(event) && !moment->is_beginning) || at.high < after.low)
			continue;
		counted++;
		if (moment->number == (moment->after ? counted : event->attempt.number))
			return it_was(event, at);
	}
	return (struct happening){ 0 };
}

bool poll_shows(const struct event *poll, const char *state)
{
	char digits[16];
	snprintf(digits, sizeof(digits), "%d", poll->sample.status);
	return strcmp(poll->sample.state, state) == 0 || (poll->sample.status && strcmp(digits, state) == 0);
}

/* It came after the last poll that does not show it was sent, and before the first that does was answered. */
static struct happening find_state(const struct facts *facts, const struct moment *moment, struct span after)
{
	struct happening found = { 0 };
	const struct event *counted = NULL; /* the first that shows it and counts */
	int64_t not_before_ns = after.low;
	for_each_of(event, facts, EVENT_SAMPLE, name_of_watch(facts, moment->watch))
	{
		bool counts = !is_starved(facts, event);
		bool is_so = poll_shows(event, moment->what) && event->to_ns >= after.low;
		if (is_so && !found.event) {
			int64_t low = not_before_ns > after.low ? not_before_ns : after.low;
			found = it_was(event, (struct span){ low, FAR_AWAY });
			found.happened = false;
			found.perhaps = true;
		}
		if (is_so && counts) {
			/* The first may have been before `after`: then it was no later than the first surely
			 * after. */
			counted = counted ? counted : event;
			if (found.at.high == FAR_AWAY && event->from_ns >= after.high)
				found.at.high = event->to_ns;
		} else if (counts) {
			not_before_ns = poll_shows(event, moment->what) ? after.low : event->from_ns;
		}
	}
	found.happened = counted;
	found.perhaps = found.perhaps && !counted;
	if (counted && found.at.high == FAR_AWAY)
		found.at.high = counted->to_ns;
	return found;
}

struct happening find_moment(const struct facts *facts, const struct moment *moment)
{
	struct span after = { LONG_AGO, LONG_AGO };
	struct happening found = { 0 }, before = { 0 };
	if (moment->after) {
		before = find_moment(facts, moment->after);
		if (!before.happened && !before.perhaps)
			return before;
		after = before.at;
	}
	switch (moment->kind) {
	case MOMENT_WORLD:
		for_each(event,
		    facts) if (event->kind ==
			       (moment->what && strcmp(moment->what, "ended") == 0 ? EVENT_END : EVENT_WORLD))
		    found = it_was(event, span_of(event));
		break;
	case MOMENT_STEP:
		for_each_of(event, facts, EVENT_STEP,
		    moment->name) if (!found.happened && event->step.done && event->to_ns >= after.low)
		    found = it_was(event, span_of(event));
		break;
	case MOMENT_SERVICE:
		found = find_service(facts, moment, after);
		break;
	case MOMENT_ATTEMPT:
		found = find_attempt(facts, moment, after);
		break;
	case MOMENT_STATE:
		found = find_state(facts, moment, after);
		break;
	case MOMENT_LOG:
		for_each_of(event, facts, EVENT_LOG,
		    moment->name) if (!found.happened && event->to_ns >= after.low &&
				      line_matches(event, moment->what, NULL, NULL)) found =
		    it_was(event, span_of(event));
		break;
	}
	if (found.happened && before.perhaps) {
		found.happened = false;
		found.perhaps = true;
		found.at.high = FAR_AWAY;
	}
	found.at.low += moment->plus_ns;
	found.at.high += moment->plus_ns;
	return found;
}

struct span as_seen_by(const struct moment *moment, const struct happening *happening, int watch)
{
	struct span at = happening->at;
	if (moment->kind == MOMENT_STATE && moment->watch == watch)
		at.low = happening->event->from_ns + moment->plus_ns;
	return at;
}

/* ---- stretches ---- */

struct stretch_of_time find_stretch(const struct facts *facts, const struct expectation *expectation)
{
	struct stretch_of_time stretch = {
		.from = { LONG_AGO, LONG_AGO },
		.to = { FAR_AWAY, FAR_AWAY },
		.is_over = facts->is_over,
		.known_until_ns = facts->end_ns,
	};
	if (expectation->has_after) {
		struct happening after = find_moment(facts, &expectation->after);
		stretch.is_empty = !after.happened;
		if (after.happened)
			stretch.from = as_seen_by(&expectation->after, &after, expectation->watch);
		/* Nothing is known of what came then. */
		stretch.is_empty = stretch.is_empty || stretch.from.low >= facts->end_ns;
	}
	struct happening until = { 0 };
	if (expectation->has_until)
		until = find_moment(facts, &expectation->until);
	if ((until.happened || until.perhaps) && until.at.low <= facts->end_ns) {
		stretch.to = until.at;
		stretch.known_until_ns = until.at.low > 0 ? until.at.low : 0;
		stretch.is_over = stretch.is_over || until.happened;
	}
	stretch.is_empty = stretch.is_empty || stretch.from.low > stretch.to.high;
	return stretch;
}

/* In every world. */
bool is_inside(const struct stretch_of_time *stretch, struct span span)
{
	return stretch->from.high <= span.low && span.high <= stretch->to.low;
}

/* In some world. */
bool is_near(const struct stretch_of_time *stretch, struct span span)
{
	return stretch->from.low <= span.high && span.low <= stretch->to.high;
}

/* Every life of it, from the start that began it to the end that was told next: does one lie over the
 * stretch, for longer than a moment? Before the first that is told it ran if what is told first is an end. */
bool was_down_throughout(const struct facts *facts, const struct stretch_of_time *stretch, size_t service)
{
	int64_t last_ns = stretch->to.high < facts->end_ns ? stretch->to.high : facts->end_ns;
	struct span life = { LONG_AGO, FAR_AWAY };
	bool is_told = false, is_alive = true, ran = false;
	for_each_of(event, facts, EVENT_SERVICE, name_of_service(facts, service))
	{
		const char *what = event->service.event;
		bool starts = strcmp(what, "started") == 0 || strcmp(what, "restarted") == 0;
		bool ends = strcmp(what, "exited") == 0 || strcmp(what, "stopped") == 0 ||
			    strcmp(what, "killed") == 0 || strcmp(what, "crashed") == 0 ||
			    strcmp(what, "oom-killed") == 0;
		if (starts && !(is_told && is_alive))
			life = (struct span){ event->from_ns, FAR_AWAY };
		if (ends && is_alive) {
			life.high = event->to_ns;
			ran = ran || (life.low < last_ns && life.high > stretch->from.low);
		}
		is_alive = starts || (is_alive && !ends);
		is_told = is_told || starts || ends;
	}
	return is_told && !ran && !(is_alive && life.low < last_ns);
}
