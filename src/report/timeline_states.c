/* The lanes of a timeline that show states: what something was, and from when to when. */
#include "report/timeline_private.h"

#include <string.h>

/* ---- what a word means to somebody who waits for it to be green ---- */

static bool is_one_of(const char *word, const char *const *words)
{
	for (; *words; words++)
		if (strcmp(word, *words) == 0)
			return true;
	return false;
}

static enum ink ink_of_state(const char *state)
{
	static const char *const good[] = { "ready", "healthy", "200", "204", NULL };
	static const char *const bad[] = { "exited", "killed", "crashed", "oom-killed", "out-of-memory",
		"stopped", "removed", "refused", "reset", "unreachable", "unhealthy", "denied", "absent",
		NULL };
	static const char *const doubtful[] = { "degraded", "loading", "closing", "hung", "slow", "timeout",
		"paused", "unresolvable", "unreadable", NULL };
	if (is_one_of(state, good))
		return INK_GOOD;
	if (is_one_of(state, bad) || (state[0] == '5' && strlen(state) == 3))
		return INK_BAD;
	return is_one_of(state, doubtful) ? INK_DOUBTFUL : INK_PLAIN;
}

static enum span_style style_of_state(const char *state)
{
	static const char *const gone[] = { "exited", "killed", "crashed", "oom-killed", "stopped", "removed",
		"absent", "refused", NULL };
	if (ink_of_state(state) == INK_GOOD)
		return SPAN_SOLID;
	return is_one_of(state, gone) ? SPAN_GONE : SPAN_PLAIN;
}

/* ---- states over time ---- */

struct states {
	struct timeline *timeline;
	struct lane lane;
	const char *state; /* the current one, of the trace; "" before the first */
	int64_t since_ns;
	bool any;
};

static void states_begin(struct states *states, struct timeline *timeline)
{
	*states = (struct states){ .timeline = timeline, .state = "" };
	lane_init(&states->lane, timeline->scale);
}

static void draw_state(struct states *states, size_t to)
{
	if (states->state[0])
		lane_span(&states->lane, states->timeline->page, lane_cell(&states->lane, states->since_ns),
		    to, states->state, style_of_state(states->state), ink_of_state(states->state));
}

static void states_change(struct states *states, int64_t at_ns, const char *state)
{
	state = *state ? state : "?";
	if (strcmp(state, states->state) == 0)
		return;
	draw_state(states, lane_cell(&states->lane, at_ns));
	states->state = state;
	states->since_ns = at_ns;
	states->any = true;
}

static void states_end(struct states *states, const char *name)
{
	if (!states->any)
		return;
	draw_state(states, states->timeline->scale.cells);
	timeline_lane(states->timeline, name, &states->lane);
}

void timeline_service(struct timeline *timeline, const char *name)
{
	const struct trace *trace = timeline->result->trace;
	struct states states;
	const char *before_pause = "";
	states_begin(&states, timeline);
	for (size_t i = 0; i < trace->event_count; i++) {
		const struct event *event = &trace->events[i];
		if (event->kind != EVENT_SERVICE || !event->of || strcmp(event->of, name) != 0 ||
		    !event->service.event || strcmp(event->service.event, "created") == 0)
			continue;
		const char *what = event->service.event;
		if (strcmp(what, "paused") == 0)
			before_pause = states.state;
		states_change(&states, event->from_ns, strcmp(what, "unpaused") == 0 ? before_pause : what);
	}
	states_end(&states, name);
}

char *timeline_phases_name(const char *service)
{
	return xasprintf("%s looks", service);
}

bool timeline_has_phases(const struct trace *trace, const char *service)
{
	for (size_t i = 0; i < trace->event_count; i++)
		if (trace->events[i].kind == EVENT_PHASE && trace->events[i].of &&
		    strcmp(trace->events[i].of, service) == 0)
			return true;
	return false;
}

void timeline_phases(struct timeline *timeline, const char *name)
{
	const struct trace *trace = timeline->result->trace;
	struct states states;
	if (!timeline_has_phases(trace, name))
		return;
	char *lane_name OWNED = timeline_phases_name(name);
	states_begin(&states, timeline);
	for (size_t i = 0; i < trace->event_count; i++) {
		const struct event *event = &trace->events[i];
		if (event->kind == EVENT_PHASE && event->of && strcmp(event->of, name) == 0)
			states_change(&states, event->from_ns, event->phase.phase ? event->phase.phase : "");
	}
	states_end(&states, lane_name);
}

void timeline_samples(struct timeline *timeline, const char *name)
{
	const struct trace *trace = timeline->result->trace;
	struct states states;
	states_begin(&states, timeline);
	for (size_t i = 0; i < trace->event_count; i++) {
		const struct event *event = &trace->events[i];
		if (event->kind == EVENT_SAMPLE && event->of && strcmp(event->of, name) == 0)
			states_change(
			    &states, event->from_ns, event->sample.state ? event->sample.state : "");
	}
	states_end(&states, name);
}
