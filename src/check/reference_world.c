/* From opinions to verdicts: what casts doubt on them, and what they make together. */
#include "check/reference.h"

static struct opinion opine(const struct facts *facts, const struct expectation *expectation)
{
	switch (expectation->kind) {
	case EXPECT_REACH:
		return opine_reach(facts, expectation);
	case EXPECT_SEQUENCE:
		return opine_sequence(facts, expectation);
	case EXPECT_NEVER:
		return opine_never(facts, expectation);
	case EXPECT_ALWAYS:
		return opine_always(facts, expectation);
	case EXPECT_BACKOFF:
		return opine_backoff(facts, expectation);
	case EXPECT_MATCHES:
		return opine_matches(facts, expectation);
	case EXPECT_RESPOND:
		return opine_respond(facts, expectation);
	case EXPECT_MEMORY:
	case EXPECT_DESCRIPTORS:
		return opine_growth(facts, expectation);
	case EXPECT_AGREES:
		return opine_agrees(facts, expectation);
	case EXPECT_ENDS:
		return opine_ends(facts, expectation);
	case EXPECT_DISCLOSES:
		return opine_discloses(facts, expectation);
	case EXPECT_CONNECTIONS:
		return opine_connections(facts, expectation);
	case EXPECT_HONEST:
		return opine_honest(facts, expectation);
	}
	BUG("expectation kind %d", (int)expectation->kind);
}

/* ---- doubt ---- */

static bool names_a_service(const struct facts *facts, const char *name)
{
	for (size_t s = 0; s < facts->plan->stack->service_count; s++)
		if (strcmp(name_of_service(facts, s), name) == 0)
			return true;
	return false;
}

/* Trouble that names a service, and did not end the world: packets were lost. */
static bool is_loss(const struct facts *facts, const struct event *trouble)
{
	return !trouble->trouble.fatal && names_a_service(facts, trouble->of);
}

static bool is_wire_of(const struct facts *facts, int watch, const char *service)
{
	if (watch < 0)
		return false;
	const struct watch *of = &facts->plan->watches[watch];
	return of->kind == WATCH_ATTEMPTS && !of->from_log &&
	       (strcmp(name_of_service(facts, of->service), service) == 0 ||
		   strcmp(name_of_service(facts, of->to_service), service) == 0);
}

static bool is_moment_of(const struct facts *facts, const struct moment *moment, const char *service)
{
	return moment && ((moment->kind == MOMENT_ATTEMPT && is_wire_of(facts, moment->watch, service)) ||
			     is_moment_of(facts, moment->after, service));
}

static bool depends_on_wire(
    const struct facts *facts, const struct expectation *expectation, const char *service)
{
	return is_wire_of(facts, expectation->watch, service) ||
	       (expectation->within_steps && is_wire_of(facts, expectation->within_watch, service)) ||
	       (expectation->has_after && is_moment_of(facts, &expectation->after, service)) ||
	       (expectation->has_until && is_moment_of(facts, &expectation->until, service));
}

/* That a service which others need to have completed ends with 0 is what it is for. */
static bool is_completion(const struct facts *facts, const struct event *end)
{
	const struct stack *stack = facts->plan->stack;
	for (size_t s = 0; s < stack->service_count && end->service.exit_code == 0; s++)
		for (size_t i = 0; i < stack->services[s].depends_on_count; i++) {
			const struct dependency *needs = &stack->services[s].depends_on[i];
			if (needs->condition == DEPENDS_COMPLETED &&
			    strcmp(name_of_service(facts, needs->service), end->of) == 0)
				return true;
		}
	return false;
}

static bool is_unasked_end(const struct facts *facts, const struct event *event)
{
	if (event->kind != EVENT_SERVICE || event->service.asked || is_completion(facts, event))
		return false;
	const char *what = event->service.event;
	return strcmp(what, "exited") == 0 || strcmp(what, "killed") == 0 || strcmp(what, "oom-killed") == 0;
}

/* The subject, or the service that the expectation is about. */
static bool is_about(const struct facts *facts, const struct expectation *expectation, const char *service)
{
	int watch = expectation->watch;
	return strcmp(name_of_service(facts, facts->plan->subject), service) == 0 ||
	       (expectation->service >= 0 &&
		   strcmp(name_of_service(facts, (size_t)expectation->service), service) == 0) ||
	       (watch >= 0 &&
		   strcmp(name_of_service(facts, facts->plan->watches[watch].service), service) == 0);
}

static bool is_in_doubt(
    const struct facts *facts, const struct expectation *expectation, const struct opinion *opinion)
{
	if (is_open_for_want_of_an_end(facts, expectation, opinion))
		return true;
	bool failed = opinion->verdict == VERDICT_FAIL;
	bool was_seen = !failed && expectation->kind == EXPECT_REACH && !expectation->within_steps &&
			expectation->step < 0;
	for_each(event, facts)
	{
		if (event->kind != EVENT_TROUBLE)
			continue;
		if (!is_loss(facts, event)) {
			if (event->from_ns <= opinion->decided_ns && (failed || opinion->by_absence))
				return true;
		} else if (!was_seen && event->from_ns <= opinion->decided_ns + NS_PER_S &&
			   depends_on_wire(facts, expectation, event->of)) {
			return true;
		}
	}
	/* A dependency had died, with nobody asking for it. */
	for_each(event, facts) if (failed && is_unasked_end(facts, event) &&
				   event->from_ns <= opinion->decided_ns + NS_PER_S &&
				   !is_about(facts, expectation, event->of)) return true;
	return false;
}

/* ---- the world ---- */

static bool is_complete(const struct facts *facts)
{
	bool complete = strcmp(facts->end, "completed") == 0;
	for_each(event, facts) complete = complete &&
					  !(event->kind == EVENT_TROUBLE && event->trouble.fatal) &&
					  !(event->kind == EVENT_STEP && !event->step.done);
	return complete;
}

void reference_judge(const struct plan *plan, const struct trace *trace, struct reference *ret_reference)
{
	struct facts facts;
	struct reference reference = { 0 };
	facts_gather(&facts, plan, trace);
	for (size_t i = 0; i < plan->expectation_count; i++) {
		struct opinion opinion = opine(&facts, &plan->expectations[i]);
		if (opinion.verdict != VERDICT_INCONCLUSIVE &&
		    is_in_doubt(&facts, &plan->expectations[i], &opinion))
			opinion.verdict = VERDICT_INCONCLUSIVE;
		*array_push(reference.opinions, reference.count) = opinion;
	}
	opine_met(&facts, &reference);
	for (size_t i = 0; i < plan->step_count; i++) {
		const struct step *step = &plan->steps[i];
		struct expectation implied = { .kind = EXPECT_REACH,
			.watch = -1,
			.service = -1,
			.step = (int)i,
			.until = step->before,
			.has_until = true };
		if (!step->has_before)
			continue;
		struct opinion opinion = opine_in_time(&facts, step);
		if (opinion.verdict != VERDICT_INCONCLUSIVE && is_in_doubt(&facts, &implied, &opinion))
			opinion.verdict = VERDICT_INCONCLUSIVE;
		*array_push(reference.opinions, reference.count) = opinion;
	}
	reference.world = is_complete(&facts) ? VERDICT_PASS : VERDICT_INCONCLUSIVE;
	for (size_t i = 0; i < reference.count; i++)
		if (reference.opinions[i].verdict == VERDICT_INCONCLUSIVE)
			reference.world = VERDICT_INCONCLUSIVE;
	for (size_t i = 0; i < reference.count; i++)
		if (reference.opinions[i].verdict == VERDICT_FAIL)
			reference.world = VERDICT_FAIL;
	reference.environment = strcmp(facts.end, "trouble") == 0;
	for_each(event, &facts) if (event->kind == EVENT_TROUBLE && event->trouble.fatal)
	    reference.environment = true;
	free(facts.events);
	*ret_reference = reference;
}

void reference_release(struct reference *reference)
{
	free(reference->opinions);
	*reference = (struct reference){ 0 };
}
