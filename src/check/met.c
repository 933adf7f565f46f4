/*
 * met: every phase of a scenario was met by the subject, on the wire.
 *
 * A scenario that makes Redis refuse and whose subject never tried to reach it meanwhile has shown nothing.
 * Nobody has to write that down: it is expected of every phase of a service to which there is an attempts
 * watch of the wire. What was not met is vacuous, never a failure.
 */
#include "check/implied.h"

#include "check/observation.h"

#include <string.h>

/* How an attempt ends that has met the phase. */
static const char *const outcomes[][4] = {
	[PHASE_ABSENT] = { "nxdomain" },
	[PHASE_UNRESOLVABLE] = { "servfail", "dns-timeout", "pending" },
	[PHASE_UNREACHABLE] = { "timeout", "unreachable", "pending" },
	[PHASE_REFUSED] = { "refused" },
	[PHASE_HUNG] = { "hung", "pending" },
	[PHASE_CLOSING] = { "closed", "reset" },
	[PHASE_LOADING] = { "loading" },
	[PHASE_DENIED] = { "denied" },
	[PHASE_SLOW] = { NULL }, /* any attempt */
	[PHASE_READY] = { NULL },
};

static void judge_met(const struct index *index, const struct implied *meeting, struct draft *draft);

/* ---- what is expected ---- */

/* Does this step of a script make the phase in a way that is wanted? */
typedef bool is_wanted(const struct phase_step *step, const struct event *attempt);

static const struct phase_step *search_scripts(const struct phase_script *scripts, size_t count,
    const struct implied *meeting, is_wanted *wanted, const struct event *attempt)
{
	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; scripts[i].service == meeting->service && k < scripts[i].step_count; k++)
			if (scripts[i].steps[k].phase == meeting->phase &&
			    wanted(&scripts[i].steps[k], attempt))
				return &scripts[i].steps[k];
	return NULL;
}

/* The first of the scenario; NULL: there is none. */
static const struct phase_step *search_plan(
    const struct plan *plan, const struct implied *meeting, is_wanted *wanted, const struct event *attempt)
{
	const struct phase_step *found =
	    search_scripts(plan->phases, plan->phase_count, meeting, wanted, attempt);
	for (size_t i = 0; i < plan->step_count && !found; i++)
		found = search_scripts(
		    plan->steps[i].scripts, plan->steps[i].script_count, meeting, wanted, attempt);
	return found;
}

static bool is_any(const struct phase_step *step, const struct event *attempt)
{
	(void)step;
	(void)attempt;
	return true;
}

static bool is_phase(const struct event *event, enum phase phase)
{
	return strcmp(event->phase.phase, phase_names[phase]) == 0;
}

static bool was_made(const struct index *index, size_t service, enum phase phase)
{
	for (size_t i = 0; i < index->phases[service].count; i++)
		if (is_phase(series_event(index, &index->phases[service], i), phase))
			return true;
	return false;
}

static bool is_watched(const struct plan *plan, const struct watch *watch, size_t service)
{
	return watch->kind == WATCH_ATTEMPTS && !watch->from_log && watch->service == plan->subject &&
	       watch->to_service == service;
}

static int find_watch(const struct plan *plan, size_t service)
{
	for (size_t i = 0; i < plan->watch_count; i++)
		if (is_watched(plan, &plan->watches[i], service))
			return (int)i;
	return -1;
}

static void add_meeting(struct implied_list *found, const struct plan *plan, struct implied meeting,
    const struct phase_step *step)
{
	const char *name = plan->stack->services[meeting.service].name;
	const char *phase = phase_names[meeting.phase];
	meeting.judge = judge_met;
	meeting.expectation = (struct expectation){
		.kind = EXPECT_REACH,
		.id = xasprintf("met-%s-%s", name, phase),
		.text =
		    xasprintf("%s meets `%s` of %s", plan->stack->services[plan->subject].name, phase, name),
		.position = step ? step->position : (struct position){ 0 },
		.watch = find_watch(plan, meeting.service),
		.service = -1,
		.step = -1,
	};
	*array_push(found->items, found->count) = meeting;
}

void met_find(const struct index *index, struct implied_list *list)
{
	const struct plan *plan = index->plan;
	for (size_t s = 0; s < plan->stack->service_count; s++) {
		if (find_watch(plan, s) < 0)
			continue;
		for (enum phase phase = PHASE_ABSENT; phase < PHASE_READY; phase++) {
			struct implied meeting = { .service = s, .phase = phase };
			const struct phase_step *step = search_plan(plan, &meeting, is_any, NULL);
			if (step || was_made(index, s, phase))
				add_meeting(list, plan, meeting, step);
		}
	}
}

/* ---- whether it was so ---- */

static bool is_outcome_of(const char *outcome, enum phase phase)
{
	for (size_t i = 0; i < ARRAY_LENGTH(outcomes[phase]) && outcomes[phase][i]; i++)
		if (strcmp(outcome, outcomes[phase][i]) == 0)
			return true;
	return phase == PHASE_SLOW;
}

/* A name that is answered late or wrongly: what the attempt came to is another matter. */
static bool is_wrong_name(const struct phase_step *step, const struct event *attempt)
{
	switch (step->unresolvable) {
	case UNRESOLVABLE_LATE:
		return attempt->attempt.lookup_ns > 0 && attempt->attempt.lookup_ns >= step->late_ns;
	case UNRESOLVABLE_STALE:
		return step->stale
			   ? attempt->attempt.address && strstr(attempt->attempt.address, step->stale) != NULL
			   : strcmp(attempt->attempt.outcome, "timeout") == 0 ||
				 strcmp(attempt->attempt.outcome, "unreachable") == 0;
	case UNRESOLVABLE_SERVFAIL:
	case UNRESOLVABLE_SILENT:
		return false;
	}
	BUG("unresolvable %d", (int)step->unresolvable);
}

/* One that the world's end cut short has met what it was waiting for: its name, or its server. */
static bool is_elsewhere(const struct event *attempt, enum phase phase)
{
	bool is_at_name = attempt->attempt.packets == 0;
	return strcmp(attempt->attempt.outcome, "pending") == 0 && phase != PHASE_SLOW &&
	       is_at_name != (phase == PHASE_UNRESOLVABLE);
}

static bool meets(const struct index *index, const struct implied *meeting, const struct event *attempt)
{
	if (is_elsewhere(attempt, meeting->phase))
		return false;
	return is_outcome_of(attempt->attempt.outcome, meeting->phase) ||
	       (meeting->phase == PHASE_UNRESOLVABLE &&
		   search_plan(index->plan, meeting, is_wrong_name, attempt));
}

/* While one is in force connections that are open already meet it, too. */
static bool is_met_by_connections(enum phase phase)
{
	return phase == PHASE_HUNG || phase == PHASE_UNREACHABLE || phase == PHASE_SLOW;
}

/* What met it in this time; NO_EVENT: nothing. */
static size_t find_in_phase(
    const struct index *index, const struct implied *meeting, const struct series *series, struct interval in)
{
	size_t connected = NO_EVENT;
	for (size_t i = 0; i < series->count; i++) {
		const struct event *event = series_event(index, series, i);
		bool is_attempt = event->kind == EVENT_ATTEMPT;
		if (event->from_ns > in.high)
			break;
		if (is_attempt && event->to_ns >= in.low && meets(index, meeting, event))
			return series->items[i];
		if (event->to_ns > in.low)
			continue;
		if (is_attempt && attempt_succeeded(event))
			connected = series->items[i];
		else if (index_open(series, i) == 0)
			connected = NO_EVENT;
	}
	return is_met_by_connections(meeting->phase) ? connected : NO_EVENT;
}

static size_t find_meeting(const struct index *index, const struct implied *meeting, struct interval in)
{
	for (size_t w = 0; w < index->plan->watch_count; w++) {
		if (!is_watched(index->plan, &index->plan->watches[w], meeting->service))
			continue;
		size_t found = find_in_phase(index, meeting, &index->watches[w], in);
		if (found != NO_EVENT)
			return found;
	}
	return NO_EVENT;
}

static void conclude_met(
    const struct index *index, struct draft *draft, const struct event *made, size_t found)
{
	const struct event *event = &index->trace->events[found];
	struct interval phase = { .low = made->from_ns, .high = made->to_ns };
	struct interval elapsed = interval_since(observed_when(event), phase);
	evidence_add(&draft->evidence, (size_t)(made - index->trace->events));
	evidence_add(&draft->evidence, found);
	buf_addf(&draft->actual, "attempt %d, ", event->attempt.number);
	if (event->to_ns < made->from_ns) {
		buf_add_string(&draft->actual, "connected before");
		draft_measured(draft, 0, 0);
	} else {
		text_add_interval(&draft->actual, elapsed, TEXT_ALONE);
		buf_add_string(&draft->actual, " after it was made");
		draft_measured(draft, elapsed.low, elapsed.high);
	}
	draft->decided_ns = event->to_ns;
}

/* A time that the phase was made and nothing surely met it. */
struct missed {
	const struct event *made; /* NULL: there is none */
	size_t perhaps;           /* what may have met it, or NO_EVENT */
	bool is_one_of_several;   /* others were met */
};

static void say_missed(const struct index *index, const struct implied *meeting, struct draft *draft,
    const struct missed *missed)
{
	const char *name = index->plan->stack->services[meeting->service].name;
	const char *phase = phase_names[meeting->phase];
	CLEANUP(buf_release) struct buf when = { 0 };
	if (missed->made)
		evidence_add(&draft->evidence, (size_t)(missed->made - index->trace->events));
	evidence_add(&draft->evidence, missed->perhaps);
	if (missed->is_one_of_several) {
		buf_add_string(&when, " at ");
		text_add_time(&when, missed->made->to_ns);
	} else {
		buf_add_string(&draft->actual, "none");
	}
	if (!missed->made)
		draft_inconclusive(draft, "vacuous: %s never came to be `%s`", name, phase);
	else if (missed->perhaps != NO_EVENT)
		draft_inconclusive(draft,
		    "attempt %d may have been before `%s` of %s was made%s, or after it",
		    index->trace->events[missed->perhaps].attempt.number, phase, name, buf_string(&when));
	else
		draft_inconclusive(
		    draft, "vacuous: nothing met `%s` of %s%s", phase, name, buf_string(&when));
	draft_note_death(draft, index, index->plan->subject, INT64_MAX);
}

/* Each time that the phase was made has to be met: a second outage proves nothing of the first. */
static void judge_met(const struct index *index, const struct implied *meeting, struct draft *draft)
{
	const struct series *phases = &index->phases[meeting->service];
	struct missed missed = { .perhaps = NO_EVENT };
	size_t met = 0;
	buf_addf(&draft->expected, "an attempt of %s that meets `%s` of %s",
	    index->plan->watches[draft->expectation->watch].name, phase_names[meeting->phase],
	    index->plan->stack->services[meeting->service].name);
	for (size_t i = 0; i < phases->count; i++) {
		const struct event *made = series_event(index, phases, i);
		if (!is_phase(made, meeting->phase))
			continue;
		const struct event *next = i + 1 < phases->count ? series_event(index, phases, i + 1) : NULL;
		struct interval sure = { made->to_ns, next ? next->from_ns : INT64_MAX };
		struct interval possible = { made->from_ns, next ? next->to_ns : INT64_MAX };
		size_t found = find_meeting(index, meeting, sure);
		if (found != NO_EVENT && met++ == 0)
			conclude_met(index, draft, made, found);
		if (found != NO_EVENT || missed.made)
			continue;
		missed.made = made;
		missed.perhaps = find_meeting(index, meeting, possible);
	}
	missed.is_one_of_several = met > 0;
	if (met == 0 || missed.made)
		say_missed(index, meeting, draft, &missed);
}
