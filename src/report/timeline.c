#include "base/duration.h"
#include "check/observation.h"
#include "report/describe.h"
#include "report/text_private.h"
#include "report/timeline_private.h"

#include <stdio.h>
#include <string.h>

#define LANE_NAME_COLUMNS_MAX 16
#define STEP_ROWS 4
/* Lanes of services, of watches and of findings; further ones are counted, not drawn. */
#define LANES_MAX 12
#define TICK_COLUMNS 11
#define INDENT 2

/* ---- lines ---- */

void timeline_lane(struct timeline *timeline, const char *name, const struct lane *lane)
{
	struct page *page = timeline->page;
	page_pad(page, INDENT);
	page_clip(page, INK_DIM, name, strlen(name), timeline->name_columns);
	page_pad(page, INDENT + timeline->name_columns + 1);
	lane_print(lane, page);
}

static int64_t end_of(const struct trace *trace)
{
	int64_t end_ns = 1;
	for (size_t i = 0; i < trace->event_count; i++)
		end_ns = trace->events[i].to_ns > end_ns ? trace->events[i].to_ns : end_ns;
	return end_ns;
}

/* The smallest of 1, 2, 5, 10, … of a unit that leaves room for its label. */
static int64_t tick_of(struct scale scale)
{
	int64_t least_ns = scale.end_ns / (int64_t)scale.cells * TICK_COLUMNS;
	int64_t tick_ns = NS_PER_US;
	static const int64_t steps[] = { 2, 5, 10 };
	for (int64_t decade_ns = NS_PER_US; tick_ns < least_ns; decade_ns *= 10)
		for (size_t i = 0; i < ARRAY_LENGTH(steps) && tick_ns < least_ns; i++)
			tick_ns = decade_ns * steps[i];
	return tick_ns;
}

static void print_axis(struct timeline *timeline)
{
	struct lane lane;
	lane_init(&lane, timeline->scale);
	int64_t tick_ns = tick_of(timeline->scale);
	for (int64_t at_ns = 0; at_ns <= timeline->scale.end_ns; at_ns += tick_ns) {
		char label[DURATION_TEXT_MAX];
		duration_format(at_ns, label);
		size_t cell = lane_cell(&lane, at_ns);
		if (cell + 1 + strlen(label) > timeline->scale.cells)
			break;
		lane_mark(&lane, timeline->page, cell, "┬", INK_DIM);
		lane_label(&lane, timeline->page, cell + 1, label, INK_DIM);
	}
	timeline_lane(timeline, "time", &lane);
}

/* ---- steps ---- */

static bool place_step(
    struct lane *row, const struct page *page, int64_t at_ns, const char *label, enum ink ink)
{
	size_t cell = lane_cell(row, at_ns), columns = page_columns(page, label);
	if (lane_is_free(row, cell, columns + 2)) {
		lane_mark(row, page, cell, "▾", ink);
		lane_label(row, page, cell + 1, label, ink);
		return true;
	}
	/* At the right edge the label stands before its mark. */
	if (cell + columns + 2 > row->scale.cells && cell > columns + 1 &&
	    lane_is_free(row, cell - columns - 1, columns + 2)) {
		lane_label(row, page, cell - columns, label, ink);
		lane_mark(row, page, cell, "▾", ink);
		return true;
	}
	return false;
}

static void print_steps(struct timeline *timeline)
{
	struct lane rows[STEP_ROWS];
	const struct trace *trace = timeline->result->trace;
	size_t used = 0;
	for (size_t i = 0; i < STEP_ROWS; i++)
		lane_init(&rows[i], timeline->scale);
	for (size_t i = 0; i < trace->event_count; i++) {
		const struct event *event = &trace->events[i];
		if (event->kind != EVENT_STEP)
			continue;
		/* A wait matters when it is over, anything else when it begins. */
		bool waits = event->step.action && (strcmp(event->step.action, "wait") == 0);
		int64_t at_ns = waits ? event->to_ns : event->from_ns;
		size_t row = 0;
		while (row < STEP_ROWS &&
		       !place_step(&rows[row], timeline->page, at_ns, event->of ? event->of : "",
			   event->step.done ? INK_PLAIN : INK_BAD))
			row++;
		used = row < STEP_ROWS && row + 1 > used ? row + 1 : used;
		timeline->left_out += row == STEP_ROWS;
	}
	for (size_t i = 0; i < used; i++)
		timeline_lane(timeline, i == 0 ? "steps" : "", &rows[i]);
}

/* ---- attempts ---- */

static enum ink ink_of_attempt(const struct event *event)
{
	if (attempt_succeeded(event))
		return INK_GOOD;
	return attempt_is_pending(event) ? INK_DOUBTFUL : INK_BAD;
}

static void draw_attempt(struct lane *lane, const struct page *page, const struct event *event)
{
	size_t from = lane_cell(lane, event->from_ns), to = lane_cell(lane, event->to_ns);
	enum ink ink = ink_of_attempt(event);
	for (size_t cell = from; event->attempt.began_known && cell < to; cell++)
		lane_mark(lane, page, cell, "╌", ink);
	/* What the world's end cut short has no end of its own. */
	if (attempt_is_pending(event))
		lane_mark(lane, page, to, "╌", ink);
	else
		lane_mark(lane, page, to, attempt_succeeded(event) ? "●" : "×", ink);
}

static bool has_label(struct lane *lane, const struct page *page, size_t cell, const char *label)
{
	size_t columns = page_columns(page, label);
	if (columns > lane->scale.cells || !lane_is_free(lane, cell, columns + 1))
		return false;
	lane_label(lane, page, cell, label, INK_DIM);
	return true;
}

/* Numbers go where there is room for them, once every mark is in its place; with what the wire showed, where
 * that is another thing than before. */
static void number_attempt(
    struct lane *lane, const struct page *page, const struct event *event, const char *outcome_before)
{
	size_t cell = lane_cell(lane, event->to_ns) + 1;
	char *number OWNED = xasprintf("%d", event->attempt.number);
	const char *outcome = event->attempt.outcome ? event->attempt.outcome : "";
	bool is_wire = event->attempt.source && strcmp(event->attempt.source, "wire") == 0;
	char *both OWNED = xasprintf("%s %s", number, outcome);
	bool is_news = is_wire && strcmp(outcome, outcome_before) != 0;
	if (!is_news || !has_label(lane, page, cell, both))
		has_label(lane, page, cell, number);
}

static void print_attempts(struct timeline *timeline, const char *name)
{
	const struct trace *trace = timeline->result->trace;
	struct lane lane;
	bool any = false;
	lane_init(&lane, timeline->scale);
	for (size_t i = 0; i < trace->event_count; i++) {
		const struct event *event = &trace->events[i];
		if (!event->of || strcmp(event->of, name) != 0)
			continue;
		if (event->kind == EVENT_ATTEMPT)
			draw_attempt(&lane, timeline->page, event);
		else if (event->kind == EVENT_LOST)
			lane_mark(&lane, timeline->page, lane_cell(&lane, event->from_ns), "!", INK_BAD);
		any = any || event->kind == EVENT_ATTEMPT || event->kind == EVENT_LOST;
	}
	const char *outcome = "";
	for (size_t i = 0; i < trace->event_count; i++) {
		const struct event *event = &trace->events[i];
		if (event->kind != EVENT_ATTEMPT || !event->of || strcmp(event->of, name) != 0)
			continue;
		number_attempt(&lane, timeline->page, event, outcome);
		outcome = event->attempt.outcome ? event->attempt.outcome : "";
	}
	if (any)
		timeline_lane(timeline, name, &lane);
}

/* ---- where it was decided ---- */

static void print_decision(struct timeline *timeline, const struct finding *finding)
{
	const struct trace *trace = timeline->result->trace;
	struct lane lane;
	lane_init(&lane, timeline->scale);
	for (size_t i = 0; i < finding->evidence_count; i++)
		if (finding->evidence[i] < trace->event_count)
			lane_mark(&lane, timeline->page,
			    lane_cell(&lane, trace->events[finding->evidence[i]].to_ns), "▲",
			    ink_of_verdict(finding->verdict));
	if (finding->evidence_count)
		timeline_lane(timeline, finding->expectation->id ? finding->expectation->id : "", &lane);
}

static void print_trouble(struct timeline *timeline)
{
	const struct trace *trace = timeline->result->trace;
	struct lane lane;
	bool any = false;
	lane_init(&lane, timeline->scale);
	for (size_t i = 0; i < trace->event_count; i++) {
		if (trace->events[i].kind != EVENT_TROUBLE)
			continue;
		lane_mark(&lane, timeline->page, lane_cell(&lane, trace->events[i].from_ns), "!", INK_BAD);
		any = true;
	}
	if (any)
		timeline_lane(timeline, "trouble", &lane);
}

static void widen(struct timeline *timeline, const char *name)
{
	size_t columns = name ? page_columns(timeline->page, name) : 0;
	columns = columns > LANE_NAME_COLUMNS_MAX ? LANE_NAME_COLUMNS_MAX : columns;
	timeline->name_columns = columns > timeline->name_columns ? columns : timeline->name_columns;
}

static void widen_service(struct timeline *timeline, const char *name)
{
	char *looks OWNED =
	    name && timeline_has_phases(timeline->result->trace, name) ? timeline_phases_name(name) : NULL;
	widen(timeline, name);
	widen(timeline, looks);
}

static void measure_names(struct timeline *timeline)
{
	const struct plan *plan = timeline->result->plan;
	const struct judgement *judgement = timeline->result->judgement;
	timeline->name_columns = strlen("trouble");
	for (size_t i = 0; plan->stack && i < plan->stack->service_count; i++)
		widen_service(timeline, plan->stack->services[i].name);
	for (size_t i = 0; i < plan->watch_count; i++)
		if (plan->watches[i].kind == WATCH_HTTP || plan->watches[i].kind == WATCH_ATTEMPTS)
			widen(timeline, plan->watches[i].name);
	for (size_t i = 0; i < judgement->finding_count; i++)
		if (judgement->findings[i].verdict != VERDICT_PASS)
			widen(timeline, judgement->findings[i].expectation->id);
}

static void print_watches(struct timeline *timeline)
{
	const struct plan *plan = timeline->result->plan;
	size_t lanes = 0;
	for (size_t i = 0; i < plan->watch_count; i++) {
		const struct watch *watch = &plan->watches[i];
		if (watch->kind != WATCH_HTTP && watch->kind != WATCH_ATTEMPTS)
			continue;
		if (lanes++ >= LANES_MAX)
			timeline->left_out++;
		else if (watch->kind == WATCH_HTTP)
			timeline_samples(timeline, watch->name);
		else
			print_attempts(timeline, watch->name);
	}
}

static void print_decisions(struct timeline *timeline)
{
	const struct judgement *judgement = timeline->result->judgement;
	size_t lanes = 0;
	for (size_t i = 0; i < judgement->finding_count; i++) {
		if (judgement->findings[i].verdict == VERDICT_PASS)
			continue;
		if (lanes++ < LANES_MAX)
			print_decision(timeline, &judgement->findings[i]);
		else
			timeline->left_out++;
	}
}

void text_timeline(struct page *page, const struct report_result *result)
{
	struct timeline timeline = { .page = page, .result = result };
	const struct stack *stack = result->plan->stack;
	measure_names(&timeline);
	size_t begin = INDENT + timeline.name_columns + 1;
	timeline.scale = (struct scale){ .end_ns = end_of(result->trace), .cells = page->width - begin };
	if (timeline.scale.cells > LANE_CELLS_MAX)
		timeline.scale.cells = LANE_CELLS_MAX;
	print_axis(&timeline);
	print_steps(&timeline);
	for (size_t i = 0; stack && i < stack->service_count; i++) {
		if (i < LANES_MAX) {
			timeline_service(&timeline, stack->services[i].name);
			timeline_phases(&timeline, stack->services[i].name);
		} else {
			timeline.left_out++;
		}
	}
	print_watches(&timeline);
	print_trouble(&timeline);
	print_decisions(&timeline);
	if (timeline.left_out) {
		page_pad(page, begin);
		page_addf(page, INK_DIM, "(%zu more not drawn)", timeline.left_out);
		page_newline(page);
	}
	page_newline(page);
}
