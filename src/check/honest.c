/*
 * honest: health says yes only while an operation that needs the dependency works, but for a stated time.
 *
 * Polls of either are told apart into stretches of yes (health) and of no (work). For certain a stretch lasts
 * from the answer to its first poll to the sending of its last; a poll that hung was a no from its sending to
 * its end. At most it reaches from the sending of the poll before it to the answer to the one behind it.
 * Where no poll was sent for too long, anything may have been, unless the service did not run. Where a
 * stretch of yes and one of no lie over each other, health lied: for so long for certain, and for so long at
 * most. A poll that does not count (polls.h) ends no stretch and is of none for certain, but where it shows
 * what is looked for it may be of one, and where it does not it may have ended one.
 */
#include "check/judge.h"
#include "check/observation.h"
#include "check/polls.h"

#include <string.h>

struct stretch {
	struct interval sure;     /* low > high: nothing of it is */
	struct interval possible; /* shared by stretches that only a hole keeps apart */
	size_t first, last;       /* events; NO_EVENT of a hole */
};

struct stretches {
	struct stretch *items;
	size_t count;
	size_t polls, matching; /* in the window */
};

/* What is looked for in the polls of one watch. */
struct question {
	struct state_set *says;    /* one of these, */
	const struct range *works; /* or a status outside of this */
};

static bool is_hung(const struct event *event)
{
	return strcmp(event->sample.outcome, "timeout") == 0;
}

static bool matches(const struct question *question, const struct event *event)
{
	if (question->says)
		return state_set_has(question->says, event);
	return event->sample.status < question->works->low || event->sample.status > question->works->high;
}

/* ---- stretches ---- */

static struct stretch *add_stretch(struct stretches *stretches, struct interval sure, int64_t possible_ns)
{
	struct stretch *stretch = array_push(stretches->items, stretches->count);
	*stretch = (struct stretch){
		.sure = sure, .possible = { possible_ns, INT64_MAX }, .first = NO_EVENT, .last = NO_EVENT
	};
	return stretch;
}

static void close_stretches(struct stretches *stretches, size_t from, int64_t possible_ns)
{
	for (size_t i = from; i < stretches->count; i++)
		stretches->items[i].possible.high = possible_ns;
}

/* What was so at the last poll, of a service that has ended since: health has said its last yes, and work
 * does not work any more. */
static void end_with_service(const struct index *index, const struct watch *watch, bool is_health,
    int64_t polled_ns, struct stretches *stretches, size_t group)
{
	int64_t since_ns, until_ns, usual = HOLE_PERIODS * watch->every_ns;
	if (!index_is_down(index, watch->service, polled_ns + usual, &since_ns, &until_ns) ||
	    until_ns < INT64_MAX)
		return;
	if (is_health)
		close_stretches(stretches, group, since_ns > polled_ns ? since_ns : polled_ns);
	else
		stretches->items[stretches->count - 1].sure.high = index->end_ns;
}

static void find_stretches(const struct index *index, int watch_number, struct question question,
    const struct window *window, struct stretches *ret_stretches)
{
	const struct watch *watch = &index->plan->watches[watch_number];
	struct polls polls = { .index = index, .series = &index->watches[watch_number] };
	const struct interval nothing = { .low = INT64_MAX, .high = INT64_MIN };
	struct stretches stretches = { 0 };
	struct stretch *current = NULL;
	size_t group = 0; /* the first of those that go on, across holes */
	int64_t sent_ns = -1, answered_ns = 0;
	bool may_match = false, may_differ = false; /* by polls that do not count, since the last that does */
	for (struct poll poll; polls_next(&polls, &poll);) {
		const struct event *event = poll.event;
		bool is_match = matches(&question, event);
		if (sent_ns < 0) /* nothing was said before it was asked */
			sent_ns = answered_ns = event->from_ns;
		if (poll.is_starved) {
			may_match = may_match || is_match;
			may_differ = may_differ || !is_match;
			continue;
		}
		bool is_after_hole = is_unasked(index, watch, answered_ns, event->from_ns);
		bool is_inside = window_holds(window, observed_when(event));
		stretches.polls += is_inside;
		stretches.matching += is_inside && is_match;
		if (!current)
			group = stretches.count;
		if (!is_match && !current && (is_after_hole || may_match))
			add_stretch(&stretches, nothing, sent_ns);
		if (is_match && (!current || is_after_hole || may_differ)) {
			int64_t possible_ns = current ? stretches.items[group].possible.low : sent_ns;
			struct interval sure = { is_hung(event) ? event->from_ns : event->to_ns, INT64_MIN };
			current = add_stretch(&stretches, sure, possible_ns);
			current->first = poll.number;
		}
		if (is_match) {
			current->sure.high = is_hung(event) ? event->to_ns : event->from_ns;
			current->last = poll.number;
		} else {
			close_stretches(&stretches, group, event->to_ns);
			current = NULL;
		}
		sent_ns = event->from_ns;
		answered_ns = event->to_ns;
		may_match = may_differ = false;
	}
	if (current)
		end_with_service(index, watch, question.says != NULL, answered_ns, &stretches, group);
	else if (sent_ns >= 0 && (may_match || is_unasked(index, watch, answered_ns, window->until_ns)))
		add_stretch(&stretches, nothing, sent_ns);
	*ret_stretches = stretches;
}

/* ---- lies ---- */

struct lie {
	const struct stretch *health, *work;
	struct interval sure;
	int64_t sure_ns, possible_ns; /* how long */
	int64_t lateness_ns;          /* of the host, in `sure` */
	bool is_proved;               /* too long, whatever the host did */
};

static struct interval overlap(struct interval a, struct interval b)
{
	return (struct interval){ a.low > b.low ? a.low : b.low, a.high < b.high ? a.high : b.high };
}

static int64_t length(struct interval interval)
{
	return interval.high > interval.low ? saturating_subtract(interval.high, interval.low) : 0;
}

struct search {
	const struct index *index;
	struct window window;
	struct stretches health, work;
	int64_t limit_ns;
	/* The longest for certain, but any that is proved before one that is not; that may have been longest.
	 */
	struct lie worst, widest;
	int64_t longest_ns; /* for certain */
	int64_t decided_ns; /* when the first was proved */
};

static void weigh(struct search *search, const struct stretch *health, const struct stretch *work)
{
	const struct window *window = &search->window;
	int64_t end_ns = search->index->end_ns;
	struct interval inside = { window->after.high, window->until.low };
	struct interval reach = { window->after.low > 0 ? window->after.low : 0,
		window->until.high < end_ns ? window->until.high : end_ns };
	struct lie lie = { .health = health, .work = work };
	lie.sure = overlap(overlap(health->sure, work->sure), inside);
	lie.sure_ns = length(lie.sure);
	lie.possible_ns = length(overlap(overlap(health->possible, work->possible), reach));
	if (lie.sure_ns > search->limit_ns)
		lie.lateness_ns = lateness_within(search->index->lateness, lie.sure.low, lie.sure.high);
	int64_t enough_ns = saturating_add(search->limit_ns, lie.lateness_ns);
	lie.is_proved = lie.sure_ns > enough_ns;
	int64_t decided_ns = saturating_add(lie.sure.low, enough_ns);
	if (lie.is_proved && decided_ns < search->decided_ns)
		search->decided_ns = decided_ns;
	if (lie.sure_ns > search->longest_ns)
		search->longest_ns = lie.sure_ns;
	const struct lie *worst = &search->worst;
	if (!worst->health || lie.is_proved > worst->is_proved ||
	    (lie.is_proved == worst->is_proved && lie.sure_ns > worst->sure_ns))
		search->worst = lie;
	if (!search->widest.health || lie.possible_ns > search->widest.possible_ns)
		search->widest = lie;
}

/* Both are in the order of time: a pointer into the one follows the other. */
static void find_lies(struct search *search)
{
	size_t first = 0;
	for (size_t h = 0; h < search->health.count; h++) {
		const struct stretch *health = &search->health.items[h];
		while (first < search->work.count &&
		       search->work.items[first].possible.high < health->possible.low)
			first++;
		for (size_t w = first; w < search->work.count; w++) {
			if (search->work.items[w].possible.low > health->possible.high)
				break;
			weigh(search, health, &search->work.items[w]);
		}
	}
}

/* ---- the verdict ---- */

static void add_expected(const struct index *index, const struct expectation *expectation, struct buf *out)
{
	const struct range *works = &expectation->honest.works;
	text_add_list(out, &expectation->states, "or");
	buf_addf(out, " of %s only while %s answers ", index->plan->watches[expectation->watch].name,
	    index->plan->watches[expectation->honest.by_watch].name);
	text_add_count(out, (struct interval){ works->low, works->high });
	buf_add_string(out, ", but for ");
	text_add_time(out, expectation->within_ns);
	window_add_text(index, expectation, out);
	buf_add_string(out, ", tolerance 0s");
}

static void add_evidence(struct draft *draft, const struct lie *lie)
{
	if (!lie->health)
		return;
	evidence_add(&draft->evidence, lie->health->first);
	evidence_add(&draft->evidence, lie->work->first);
	evidence_add(&draft->evidence, lie->work->last);
	evidence_add(&draft->evidence, lie->health->last);
}

/* "ready said `healthy` for 3.2s from 5s on, while work did not work (timeout)" */
static void add_lie(const struct search *search, const struct draft *draft, struct buf *out)
{
	const struct expectation *expectation = draft->expectation;
	const struct lie *lie = &search->worst;
	const struct event *health = &search->index->trace->events[lie->health->first];
	const struct event *work = &search->index->trace->events[lie->work->first];
	buf_addf(out, "%s said `%.80s` for ", search->index->plan->watches[expectation->watch].name,
	    observed_state(health));
	text_add_time_beside(out, lie->sure_ns, expectation->within_ns);
	buf_add_string(out, " from ");
	text_add_time(out, lie->sure.low);
	buf_addf(out, " on, while %s did not work (",
	    search->index->plan->watches[expectation->honest.by_watch].name);
	if (work->sample.status)
		buf_addf(out, "%d)", work->sample.status);
	else
		buf_addf(out, "%.40s)", work->sample.outcome);
}

static void judge_lies(const struct search *search, struct draft *draft)
{
	const struct index *index = search->index;
	const struct expectation *expectation = draft->expectation;
	int64_t limit = expectation->within_ns;
	struct interval measured = { search->longest_ns, search->widest.possible_ns };
	CLEANUP(buf_release) struct buf text = { 0 };
	draft_measured(draft, measured.low, measured.high);
	buf_add_string(&draft->actual, measured.high ? "longest lie " : "no lie");
	if (measured.high)
		text_add_interval(&draft->actual, measured, limit);
	if (measured.high <= limit) {
		draft_slack(draft, limit - measured.high);
		return;
	}
	if (measured.low <= limit) {
		draft_slack(draft, limit - measured.high);
		add_evidence(draft, &search->widest);
		text_add_interval(&text, measured, limit);
		draft_inconclusive(draft,
		    "the longest lie lasted %s, and the limit is inside: polls of %s and %s do not tell",
		    buf_string(&text), index->plan->watches[expectation->watch].name,
		    index->plan->watches[expectation->honest.by_watch].name);
		return;
	}
	add_evidence(draft, &search->worst);
	add_lie(search, draft, &text);
	draft_slack(draft, limit - measured.low);
	if (search->worst.is_proved) {
		draft->decided_ns = search->decided_ns;
		draft_fail(draft, "%s", buf_string(&text));
		return;
	}
	draft->decided_ns = search->worst.sure.high;
	buf_add_string(&text, ", but the host ran up to ");
	text_add_time(&text, search->worst.lateness_ns);
	draft_inconclusive(draft, "%s late meanwhile", buf_string(&text));
}

static void judge_search(struct search *search, struct draft *draft)
{
	const struct expectation *expectation = draft->expectation;
	const struct index *index = search->index;
	const struct watch *health = &index->plan->watches[expectation->watch];
	const struct watch *work = &index->plan->watches[expectation->honest.by_watch];
	draft->by_absence = true;
	if (search->health.matching == 0) {
		draft_inconclusive(
		    draft, "vacuous: %s never said yes at a poll inside the window", health->name);
		draft_note_death(draft, index, health->service, INT64_MAX);
		return;
	}
	if (search->work.polls == 0) {
		draft_inconclusive(draft, "vacuous: no poll of %s lies wholly inside the window", work->name);
		draft_note_death(draft, index, work->service, INT64_MAX);
		return;
	}
	find_lies(search);
	judge_lies(search, draft);
	if (draft->verdict == VERDICT_PASS && !search->window.is_closed)
		draft_inconclusive(draft, "right so far, but %s", index_open_reason(index));
}

void judge_honest(const struct index *index, struct draft *draft)
{
	const struct expectation *expectation = draft->expectation;
	struct search search = {
		.index = index, .limit_ns = expectation->within_ns, .decided_ns = INT64_MAX
	};
	struct state_set says = { .states = &expectation->states };
	add_expected(index, expectation, &draft->expected);
	if (window_resolve(index, draft, &search.window) < 0)
		return;
	find_stretches(
	    index, expectation->watch, (struct question){ .says = &says }, &search.window, &search.health);
	find_stretches(index, expectation->honest.by_watch,
	    (struct question){ .works = &expectation->honest.works }, &search.window, &search.work);
	judge_search(&search, draft);
	free(search.health.items);
	free(search.work.items);
}
