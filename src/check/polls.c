#include "check/polls.h"

#include "check/observation.h"

static bool is_sent_before(const struct index *index, size_t a, size_t b)
{
	int64_t a_ns = index->trace->events[a].from_ns, b_ns = index->trace->events[b].from_ns;
	return a_ns < b_ns || (a_ns == b_ns && a < b);
}

bool polls_next(struct polls *polls, struct poll *ret_poll)
{
	const struct series *series = polls->series;
	bool has_fair = polls->next < series->count,
	     has_starved = polls->next_starved < series->starved_count;
	if (!has_fair && !has_starved)
		return false;
	bool is_starved =
	    has_starved && (!has_fair || is_sent_before(polls->index, series->starved[polls->next_starved],
					     series->items[polls->next]));
	size_t number = is_starved ? series->starved[polls->next_starved++] : series->items[polls->next++];
	*ret_poll = (struct poll){
		.event = &polls->index->trace->events[number],
		.number = number,
		.is_starved = is_starved,
	};
	return true;
}

void starved_add(struct starved *starved, const struct index *index, const struct event *poll)
{
	int64_t lateness_ns = lateness_within(index->lateness, poll->from_ns, poll->to_ns);
	if (starved->count++ == 0)
		starved->first = poll;
	if (lateness_ns > starved->lateness_ns)
		starved->lateness_ns = lateness_ns;
}

void draft_starved(struct draft *draft, const struct starved *starved, const char *before)
{
	bool is_one = starved->count == 1;
	CLEANUP(buf_release) struct buf when = { 0 }, late = { 0 };
	text_add_interval(&when, observed_when(starved->first), TEXT_ALONE);
	text_add_time(&late, starved->lateness_ns);
	draft->tells_starved = true;
	draft_inconclusive(draft,
	    "%s%zu poll%s `%.80s`, %sat %s, and may count or not: the host ran up to %s late %s", before,
	    starved->count, is_one ? " shows" : "s show", observed_state(starved->first),
	    is_one ? "" : "the first ", buf_string(&when), buf_string(&late),
	    is_one ? "meanwhile" : "during one of them");
}

/* ---- holes ---- */

bool is_hole(const struct index *index, const struct watch *watch, int64_t from_ns, int64_t to_ns)
{
	int64_t silence_ns = saturating_subtract(to_ns, from_ns), usual_ns = HOLE_PERIODS * watch->every_ns;
	if (silence_ns <= usual_ns)
		return false;
	return (silence_ns > SILENCE_PERIODS * watch->every_ns && silence_ns > SILENCE_NS) ||
	       silence_ns > usual_ns + lateness_within(index->lateness, from_ns, to_ns);
}

bool is_unasked(const struct index *index, const struct watch *watch, int64_t from_ns, int64_t to_ns)
{
	int64_t usual = HOLE_PERIODS * watch->every_ns, since_ns, until_ns;
	return is_hole(index, watch, from_ns, to_ns) &&
	       (!index_is_down(index, watch->service, from_ns + usual, &since_ns, &until_ns) ||
		   saturating_add(until_ns, usual) < to_ns);
}

void coverage_add(
    struct coverage *coverage, const struct index *index, const struct watch *watch, struct interval poll)
{
	int64_t from_ns = coverage->last_ns;
	bool (*leaves_hole)(const struct index *, const struct watch *, int64_t, int64_t) =
	    coverage->needs_answers ? is_hole : is_unasked;
	coverage->last_ns = poll.high > from_ns ? poll.high : from_ns;
	bool is_polled = watch->kind != WATCH_ATTEMPTS && watch->kind != WATCH_LOG;
	if (!is_polled || from_ns == INT64_MIN || !leaves_hole(index, watch, from_ns, poll.low) ||
	    poll.low - from_ns <= coverage->hole_ns)
		return;
	coverage->hole_ns = poll.low - from_ns;
	coverage->hole_from_ns = from_ns;
}

void text_add_hole(struct buf *out, const struct coverage *coverage)
{
	text_add_time(out, coverage->hole_ns);
	buf_add_string(out, " from ");
	text_add_time(out, coverage->hole_from_ns);
}
