#include "check/judge.h"
#include "check/life.h"

bool window_is_beyond(const struct index *index, struct draft *draft, struct interval after)
{
	CLEANUP(buf_release) struct buf text = { 0 }, end = { 0 };
	if (!draft->expectation->has_after || after.low < index->end_ns)
		return false;
	text_add_moment(&text, index->plan, &draft->expectation->after);
	text_add_time(&end, index->end_ns);
	draft_inconclusive(draft, "vacuous: %s was not before the end of the trace at %s", buf_string(&text),
	    buf_string(&end));
	return true;
}

int window_resolve(const struct index *index, struct draft *draft, struct window *ret_window)
{
	const struct expectation *expectation = draft->expectation;
	struct window window = {
		.after = { .low = INT64_MIN, .high = INT64_MIN },
		.until = { .low = INT64_MAX, .high = INT64_MAX },
		.is_closed = index_is_closed(index),
		.until_ns = index->end_ns,
	};
	struct instant instant;
	if (expectation->has_after) {
		moment_resolve(index, &expectation->after, &instant);
		if (!instant.happened) {
			draft->tells_starved = instant.perhaps;
			draft_inconclusive(draft, "vacuous: %s", instant.why_not);
			draft_note_death(draft, index, index->plan->subject, INT64_MAX);
			return -1;
		}
		window.after = moment_seen_by(index, &expectation->after, &instant, expectation->watch);
		evidence_add(&draft->evidence, instant.event);
	}
	/* An end that never came leaves the window open to the end of the trace: all of it was before that
	 * end. */
	if (expectation->has_until) {
		moment_resolve(index, &expectation->until, &instant);
		if ((instant.happened || instant.perhaps) && instant.at.low <= index->end_ns) {
			window.until = instant.at;
			window.until_ns = instant.at.low > 0 ? instant.at.low : 0;
			window.is_closed = window.is_closed || instant.happened;
			evidence_add(&draft->evidence, instant.event);
		}
	}
	if (window_is_beyond(index, draft, window.after))
		return -1;
	if (window.after.low > window.until.high) {
		CLEANUP(buf_release) struct buf text = { 0 };
		text_add_moment(&text, index->plan, &expectation->until);
		buf_add_string(&text, " was before ");
		text_add_moment(&text, index->plan, &expectation->after);
		draft_inconclusive(draft, "vacuous: %s", buf_string(&text));
		return -1;
	}
	*ret_window = window;
	return 0;
}

bool window_holds(const struct window *window, struct interval when)
{
	return when.low >= window->after.high && when.high <= window->until.low;
}

bool window_touches(const struct window *window, struct interval when)
{
	return when.high >= window->after.low && when.low <= window->until.high;
}

bool window_is_dead(const struct index *index, const struct window *window, size_t service)
{
	const struct series *series = &index->services[service];
	int64_t first_ns = window->after.low, began_ns = INT64_MIN;
	int64_t last_ns = window->until.high < index->end_ns ? window->until.high : index->end_ns;
	bool runs = true, is_told = false;
	for (size_t i = 0; i < series->count; i++) {
		const struct event *event = series_event(index, series, i);
		if (life_begins(event)) {
			if (!is_told || !runs)
				began_ns = event->from_ns;
			runs = is_told = true;
		} else if (life_ends(event)) {
			if (runs && began_ns < last_ns && event->to_ns > first_ns)
				return false;
			runs = false;
			is_told = true;
		}
	}
	return is_told && !(runs && began_ns < last_ns);
}

void window_add_text(const struct index *index, const struct expectation *expectation, struct buf *out)
{
	if (expectation->has_after) {
		buf_add_string(out, " after ");
		text_add_moment(out, index->plan, &expectation->after);
	}
	if (expectation->has_until) {
		buf_add_string(out, " until ");
		text_add_moment(out, index->plan, &expectation->until);
	}
}
