/* memory: the largest figure in the window, less the first one, is at most so much. */
#include "check/judge.h"

void judge_memory(const struct index *index, struct draft *draft)
{
	const struct expectation *expectation = draft->expectation;
	const struct watch *watch = &index->plan->watches[expectation->watch];
	const struct series *series = &index->watches[expectation->watch];
	struct window window;
	const struct event *first = NULL, *largest = NULL;
	size_t count = 0;
	buf_addf(&draft->expected, "memory of %s grows by at most ",
	    index->plan->stack->services[watch->service].name);
	text_add_bytes(&draft->expected, expectation->growth_bytes);
	buf_add_string(&draft->expected, ", tolerance 0B");
	window_add_text(index, expectation, &draft->expected);
	if (window_resolve(index, draft, &window) < 0)
		return;
	for (size_t i = 0; i < series->count; i++) {
		const struct event *event = series_event(index, series, i);
		if (!window_holds(&window, (struct interval){ .low = event->from_ns, .high = event->to_ns }))
			continue;
		count++;
		first = first ? first : event;
		if (!largest || event->memory.bytes > largest->memory.bytes)
			largest = event;
	}
	if (count < 2) {
		draft_inconclusive(draft, "vacuous: %zu figure%s of %s in the window, two are needed", count,
		    count == 1 ? "" : "s", watch->name);
		draft_note_death(draft, index, watch->service, INT64_MAX);
		return;
	}
	int64_t growth = saturating_subtract(largest->memory.bytes, first->memory.bytes);
	evidence_add(&draft->evidence, (size_t)(first - index->trace->events));
	evidence_add(&draft->evidence, (size_t)(largest - index->trace->events));
	draft_measured(draft, growth, growth);
	draft_slack(draft, saturating_subtract(expectation->growth_bytes, growth));
	text_add_bytes(&draft->actual, growth);
	buf_add_string(&draft->actual, ", from ");
	text_add_bytes(&draft->actual, first->memory.bytes);
	buf_add_string(&draft->actual, " to ");
	text_add_bytes(&draft->actual, largest->memory.bytes);
	draft->by_absence = true;
	if (growth > expectation->growth_bytes) {
		CLEANUP(buf_release) struct buf text = { 0 };
		text_add_bytes(&text, growth - expectation->growth_bytes);
		buf_add_string(&text, " more than allowed at ");
		text_add_time(&text, largest->to_ns);
		draft->decided_ns = largest->to_ns;
		draft_fail(draft, "grew by %s", buf_string(&text));
	} else if (!window.is_closed) {
		draft_inconclusive(draft, "within the limit so far, but %s", index_open_reason(index));
	}
}
