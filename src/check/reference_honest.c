/* What is said of health and work: honest. */
#include "check/reference.h"

enum { HOLE_PERIODS = 3, POLLS_MAX = 200, LIES_MAX = POLLS_MAX * 2 };

/* The polls of one watch that count, and what was between each and the one before it. */
struct asked {
	const struct event *poll;
	bool says_so;      /* yes of health, no of work */
	bool is_apart;     /* from the one before: anything may have been between */
	bool may_say_so;   /* one between the two that may count does */
	bool may_say_else; /* one between the two that may count does not */
};

struct answers {
	struct asked asked[POLLS_MAX];
	size_t count;
	int64_t first_ns; /* when it was asked first */
	bool may_go_on;   /* behind the last: one that may count says so, or nothing was asked for too long */
};

static bool says_so(const struct expectation *expectation, bool of_health, const struct event *poll)
{
	if (of_health)
		return shows_one_of(poll, &expectation->states);
	return poll->sample.status < expectation->honest.works.low ||
	       poll->sample.status > expectation->honest.works.high;
}

/* Did it not run at that moment? Since when, and until when? */
static bool is_down(const struct facts *facts, size_t service, int64_t at_ns, struct span *ret_down)
{
	const struct event *last = NULL, *next = NULL;
	for_each_of(event, facts, EVENT_SERVICE, name_of_service(facts, service))
	{
		bool starts = strcmp(event->service.event, "started") == 0 ||
			      strcmp(event->service.event, "restarted") == 0;
		bool ends = strcmp(event->service.event, "exited") == 0 ||
			    strcmp(event->service.event, "stopped") == 0 ||
			    strcmp(event->service.event, "killed") == 0 ||
			    strcmp(event->service.event, "oom-killed") == 0;
		if ((starts || ends) && event->from_ns <= at_ns)
			last = event;
		if (starts && event->from_ns > at_ns && !next)
			next = event;
	}
	bool runs = !last || strcmp(last->service.event, "started") == 0 ||
		    strcmp(last->service.event, "restarted") == 0;
	if (!runs)
		*ret_down = (struct span){ last->to_ns, next ? next->from_ns : FAR_AWAY };
	return !runs;
}

bool was_not_asked(
    const struct facts *facts, const struct watch *watch, int64_t answered_ns, int64_t asked_ns)
{
	struct span down;
	int64_t usual_ns = HOLE_PERIODS * watch->every_ns;
	if (!is_silence(facts, watch, answered_ns, asked_ns))
		return false;
	return !is_down(facts, watch->service, answered_ns + usual_ns, &down) ||
	       down.high + usual_ns < asked_ns;
}

static void gather(const struct facts *facts, const struct expectation *expectation, bool of_health,
    int64_t until_ns, struct answers *answers)
{
	const struct watch *watch =
	    &facts->plan->watches[of_health ? expectation->watch : expectation->honest.by_watch];
	struct asked next = { 0 };
	int64_t answered_ns = -1;
	*answers = (struct answers){ 0 };
	for_each_of(poll, facts, EVENT_SAMPLE, watch->name)
	{
		if (answered_ns < 0)
			answered_ns = answers->first_ns = poll->from_ns;
		next.says_so = says_so(expectation, of_health, poll);
		if (is_starved(facts, poll)) {
			next.may_say_so = next.may_say_so || next.says_so;
			next.may_say_else = next.may_say_else || !next.says_so;
			continue;
		}
		next.poll = poll;
		next.is_apart = was_not_asked(facts, watch, answered_ns, poll->from_ns);
		answered_ns = poll->to_ns;
		answers->asked[answers->count++] = next;
		next = (struct asked){ 0 };
	}
	answers->may_go_on =
	    answered_ns >= 0 && (next.may_say_so || was_not_asked(facts, watch, answered_ns, until_ns));
}

/* ---- stretches ---- */

struct lasting {
	struct span spans[LIES_MAX];
	size_t count;
};

static bool goes_on(const struct asked *before, const struct asked *asked)
{
	return before->says_so && asked->says_so && !asked->is_apart && !asked->may_say_else;
}

/* For certain: from a poll that says so to the last behind it up to which nothing else may have been said. */
static struct lasting surely(const struct answers *answers)
{
	struct lasting lasting = { .count = 0 };
	for (size_t i = 0; i < answers->count; i++) {
		const struct event *first = answers->asked[i].poll, *last = first;
		if (!answers->asked[i].says_so ||
		    (i > 0 && goes_on(&answers->asked[i - 1], &answers->asked[i])))
			continue;
		for (size_t k = i + 1;
		     k < answers->count && goes_on(&answers->asked[k - 1], &answers->asked[k]); k++)
			last = answers->asked[k].poll;
		bool hung_first = strcmp(first->sample.outcome, "timeout") == 0;
		bool hung_last = strcmp(last->sample.outcome, "timeout") == 0;
		lasting.spans[lasting.count++] = (struct span){ hung_first ? first->from_ns : first->to_ns,
			hung_last ? last->to_ns : last->from_ns };
	}
	return lasting;
}

/* At most: between two polls that say otherwise, where anything between them says so, or may have. */
static struct lasting perhaps(const struct answers *answers)
{
	struct lasting lasting = { .count = 0 };
	int64_t from_ns = answers->first_ns;
	bool is_there = false;
	for (size_t i = 0; i < answers->count; i++) {
		const struct asked *asked = &answers->asked[i];
		is_there = is_there || asked->says_so || asked->is_apart || asked->may_say_so;
		if (asked->says_so)
			continue;
		if (is_there)
			lasting.spans[lasting.count++] = (struct span){ from_ns, asked->poll->to_ns };
		is_there = false;
		from_ns = asked->poll->from_ns;
	}
	if (is_there || answers->may_go_on)
		lasting.spans[lasting.count++] = (struct span){ from_ns, FAR_AWAY };
	return lasting;
}

/* The service has ended behind the last poll, and does not come again: health has said its last yes, and
 * nothing works any more. */
static void end_with_service(const struct facts *facts, size_t watch_number, bool of_health,
    const struct answers *answers, struct lasting *sure, struct lasting *possible)
{
	const struct watch *watch = &facts->plan->watches[watch_number];
	const struct asked *last = answers->count ? &answers->asked[answers->count - 1] : NULL;
	struct span down;
	if (!last || !last->says_so ||
	    !is_down(facts, watch->service, last->poll->to_ns + HOLE_PERIODS * watch->every_ns, &down) ||
	    down.high < FAR_AWAY)
		return;
	if (of_health)
		possible->spans[possible->count - 1].high =
		    down.low > last->poll->to_ns ? down.low : last->poll->to_ns;
	for (size_t i = 0; i < sure->count && !of_health; i++) {
		bool hung = strcmp(last->poll->sample.outcome, "timeout") == 0;
		if (sure->spans[i].high == (hung ? last->poll->to_ns : last->poll->from_ns))
			sure->spans[i].high = facts->end_ns;
	}
}

static struct span both(struct span a, struct span b)
{
	return (struct span){ a.low > b.low ? a.low : b.low, a.high < b.high ? a.high : b.high };
}

/* ---- the verdict ---- */

struct opinion opine_honest(const struct facts *facts, const struct expectation *expectation)
{
	static struct answers health, work;
	struct stretch_of_time stretch = find_stretch(facts, expectation);
	int64_t limit_ns = expectation->within_ns, longest_ns = 0, decided_ns = FAR_AWAY;
	size_t yes = 0, asked = 0;
	if (stretch.is_empty)
		return opinion(VERDICT_INCONCLUSIVE, 0);
	gather(facts, expectation, true, stretch.known_until_ns, &health);
	gather(facts, expectation, false, stretch.known_until_ns, &work);
	for (size_t i = 0; i < health.count; i++)
		yes += health.asked[i].says_so && is_inside(&stretch, span_of(health.asked[i].poll));
	for (size_t i = 0; i < work.count; i++)
		asked += is_inside(&stretch, span_of(work.asked[i].poll));
	if (yes == 0 || asked == 0)
		return opinion(VERDICT_INCONCLUSIVE, 0);
	struct lasting sure_yes = surely(&health), sure_no = surely(&work);
	struct lasting may_yes = perhaps(&health), may_no = perhaps(&work);
	end_with_service(facts, (size_t)expectation->watch, true, &health, &sure_yes, &may_yes);
	end_with_service(facts, (size_t)expectation->honest.by_watch, false, &work, &sure_no, &may_no);
	/* Every yes with every no: how long they lie over each other. */
	const struct span inside = { stretch.from.high, stretch.to.low };
	const struct span near = { stretch.from.low > 0 ? stretch.from.low : 0,
		stretch.to.high < facts->end_ns ? stretch.to.high : facts->end_ns };
	for (size_t y = 0; y < sure_yes.count; y++)
		for (size_t n = 0; n < sure_no.count; n++) {
			struct span lie = both(both(sure_yes.spans[y], sure_no.spans[n]), inside);
			int64_t enough_ns = limit_ns + host_was_late(facts, lie.low, lie.high);
			if (lie.high - lie.low > enough_ns && lie.low + enough_ns < decided_ns)
				decided_ns = lie.low + enough_ns;
		}
	for (size_t y = 0; y < may_yes.count; y++)
		for (size_t n = 0; n < may_no.count; n++) {
			struct span lie = both(both(may_yes.spans[y], may_no.spans[n]), near);
			longest_ns = lie.high - lie.low > longest_ns ? lie.high - lie.low : longest_ns;
		}
	if (decided_ns < FAR_AWAY)
		return opinion(VERDICT_FAIL, decided_ns);
	return (struct opinion){ .verdict = longest_ns <= limit_ns && stretch.is_over ? VERDICT_PASS
										      : VERDICT_INCONCLUSIVE,
		.decided_ns = facts->end_ns,
		.by_absence = true };
}
