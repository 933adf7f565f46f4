#include "check/check.h"

#include "check/cut.h"
#include "check/implied.h"
#include "check/judge.h"
#include "check/late.h"
#include "check/life.h"

#include <string.h>

const char *const verdict_names[] = {
	[VERDICT_PASS] = "pass",
	[VERDICT_FAIL] = "fail",
	[VERDICT_INCONCLUSIVE] = "inconclusive",
};

static void judge(const struct index *index, struct draft *draft)
{
	switch (draft->expectation->kind) {
	case EXPECT_REACH:
		judge_reach(index, draft);
		return;
	case EXPECT_SEQUENCE:
		judge_sequence(index, draft);
		return;
	case EXPECT_NEVER:
		judge_never(index, draft);
		return;
	case EXPECT_ALWAYS:
		judge_always(index, draft);
		return;
	case EXPECT_BACKOFF:
		judge_backoff(index, draft);
		return;
	case EXPECT_MATCHES:
		judge_matches(index, draft);
		return;
	case EXPECT_RESPOND:
		judge_respond(index, draft);
		return;
	case EXPECT_MEMORY:
	case EXPECT_DESCRIPTORS:
		judge_growth(index, draft);
		return;
	case EXPECT_AGREES:
		judge_agrees(index, draft);
		return;
	case EXPECT_CONNECTIONS:
		judge_connections(index, draft);
		return;
	case EXPECT_ENDS:
		judge_ends(index, draft);
		return;
	case EXPECT_DISCLOSES:
		judge_discloses(index, draft);
		return;
	case EXPECT_HONEST:
		judge_honest(index, draft);
		return;
	}
	BUG("expectation kind %d", (int)draft->expectation->kind);
}

/* A failure that followed trouble of the harness may be its consequence; so may be that nothing was seen.
 * What was decided before stays. */
static void doubt(const struct index *index, struct draft *draft)
{
	const struct event *trouble = index_trouble_before(index, draft->decided_ns);
	bool is_doubtful =
	    draft->verdict == VERDICT_FAIL || (draft->verdict == VERDICT_PASS && draft->by_absence);
	if (!trouble || !is_doubtful)
		return;
	CLEANUP(buf_release) struct buf text = { 0 };
	text_add_time(&text, trouble->from_ns);
	bool failed = draft->verdict == VERDICT_FAIL;
	draft->verdict = VERDICT_INCONCLUSIVE;
	if (failed)
		buf_add_string(&draft->reason, ", but ");
	buf_addf(&draft->reason, "the harness had trouble before, at %s: %s", buf_string(&text),
	    trouble->trouble.what);
	evidence_add(&draft->evidence, (size_t)(trouble - index->trace->events));
}

/* ---- what the tap missed ---- */

/* A loss is told within this time of its happening. */
#define LOSS_TOLD_NS INT64_C(1000000000)

static bool is_wire_of(const struct plan *plan, int watch, const char *service)
{
	if (watch < 0 || (size_t)watch >= plan->watch_count)
		return false;
	const struct watch *of = &plan->watches[watch];
	return of->kind == WATCH_ATTEMPTS && !of->from_log &&
	       (strcmp(plan->stack->services[of->service].name, service) == 0 ||
		   strcmp(plan->stack->services[of->to_service].name, service) == 0);
}

static bool counts_attempts(const struct plan *plan, const struct moment *moment, const char *service)
{
	for (; moment; moment = moment->after)
		if ((moment->kind == MOMENT_ATTEMPT || moment->kind == MOMENT_STATE) &&
		    is_wire_of(plan, moment->watch, service))
			return true;
	return false;
}

static bool rests_on_wire(const struct plan *plan, const struct expectation *expectation, const char *service)
{
	return is_wire_of(plan, expectation->watch, service) ||
	       (expectation->within_steps > 0 && is_wire_of(plan, expectation->within_watch, service)) ||
	       (expectation->has_after && counts_attempts(plan, &expectation->after, service)) ||
	       (expectation->has_until && counts_attempts(plan, &expectation->until, service));
}

/* Where packets were lost, attempts may have been: what depends on them can neither fail nor pass. But what
 * was seen was seen: that a state was reached stays true, but not that a step was before attempt 7. */
static void doubt_wire(const struct index *index, struct draft *draft)
{
	const struct expectation *expectation = draft->expectation;
	bool was_seen = draft->verdict == VERDICT_PASS && expectation->kind == EXPECT_REACH &&
			expectation->within_steps == 0 && expectation->step < 0;
	if (draft->verdict == VERDICT_INCONCLUSIVE || was_seen)
		return;
	for (size_t i = 0; i < index->troubles.count; i++) {
		const struct event *trouble = series_event(index, &index->troubles, i);
		if (!index_is_loss(index, trouble) ||
		    trouble->from_ns > saturating_add(draft->decided_ns, LOSS_TOLD_NS) ||
		    !rests_on_wire(index->plan, expectation, trouble->of))
			continue;
		bool failed = draft->verdict == VERDICT_FAIL;
		CLEANUP(buf_release) struct buf text = { 0 };
		text_add_time(&text, trouble->from_ns);
		draft->verdict = VERDICT_INCONCLUSIVE;
		buf_addf(&draft->reason, "%sattempts may have been missed: %s (told at %s)",
		    failed ? ", but " : "", trouble->trouble.what, buf_string(&text));
		evidence_add(&draft->evidence, index->troubles.items[i]);
		return;
	}
}

/* ---- what died beside it ---- */

/* The engine tells of a death within this time of it. */
#define DEATH_TOLD_NS INT64_C(1000000000)

/* Does another service wait for it to have done its work? Then to end well is what it is for. */
static bool is_job(const struct stack *stack, size_t service)
{
	for (size_t s = 0; s < stack->service_count; s++)
		for (size_t i = 0; i < stack->services[s].depends_on_count; i++)
			if (stack->services[s].depends_on[i].service == service &&
			    stack->services[s].depends_on[i].condition == DEPENDS_COMPLETED)
				return true;
	return false;
}

/* The first end of the service that nobody asked for, told by then; NULL: there is none. */
static const struct event *find_unasked_end(const struct index *index, size_t service, int64_t until_ns)
{
	static const char *const ends[] = { "exited", "killed", "oom-killed" };
	const struct series *series = &index->services[service];
	for (size_t i = 0; i < series->count; i++) {
		const struct event *event = series_event(index, series, i);
		bool is_done = event->service.exit_code == 0 && is_job(index->plan->stack, service);
		if (!event->service.asked && !is_done && event->from_ns <= until_ns &&
		    service_event_is(event, ends, ARRAY_LENGTH(ends)))
			return event;
	}
	return NULL;
}

/* What is wrong after a dependency died with nobody asking for it may be wrong because of that: the
 * dependency's failure, or the engine's. That it was started again since mends nothing of what its death did.
 */
static void doubt_dependencies(const struct index *index, struct draft *draft)
{
	const struct expectation *expectation = draft->expectation;
	int64_t told_ns = saturating_add(draft->decided_ns, DEATH_TOLD_NS);
	for (size_t s = 0; s < index->plan->stack->service_count && draft->verdict == VERDICT_FAIL; s++) {
		bool is_its_own =
		    expectation->service == (int)s ||
		    (expectation->watch >= 0 && index->plan->watches[expectation->watch].service == s);
		const struct event *death = find_unasked_end(index, s, told_ns);
		if (s == index->plan->subject || is_its_own || !death)
			continue;
		draft->verdict = VERDICT_INCONCLUSIVE;
		buf_add_string(&draft->reason, ", but ");
		text_add_death(&draft->reason, death);
		buf_add_string(&draft->reason, ", which nobody asked for");
		evidence_add(&draft->evidence, (size_t)(death - index->trace->events));
	}
}

/* Polls that do not count are the reason for many an open answer. */
static void note_starved(const struct index *index, struct draft *draft)
{
	const struct expectation *expectation = draft->expectation;
	if (draft->verdict != VERDICT_INCONCLUSIVE || expectation->watch < 0 || draft->tells_starved)
		return;
	size_t count = index->watches[expectation->watch].starved_count;
	if (expectation->kind == EXPECT_HONEST)
		count += index->watches[expectation->honest.by_watch].starved_count;
	if (count == 0)
		return;
	buf_addf(&draft->reason, "; polls that timed out while the host was late do not count (%zu)", count);
}

static void finish(struct draft *draft, double speed, struct finding *finding)
{
	evidence_sort(&draft->evidence);
	if (draft->left_open.length)
		buf_addf(&draft->reason, "; left open: %s", buf_string(&draft->left_open));
	buf_release(&draft->left_open);
	finding->expectation = draft->expectation;
	finding->verdict = draft->verdict;
	finding->claim = claim_compare(draft, speed, &finding->claim_measured);
	finding->expected = buf_steal(&draft->expected);
	finding->actual = buf_steal(&draft->actual);
	finding->reason = buf_steal(&draft->reason);
	finding->has_slack = draft->has_slack;
	finding->slack = draft->slack;
	finding->has_measured = draft->has_measured;
	finding->measured_low = draft->measured.low;
	finding->measured_high = draft->measured.high;
	finding->evidence_count = draft->evidence.count;
	finding->evidence = xcalloc(draft->evidence.count, sizeof(*finding->evidence));
	memcpy(finding->evidence, draft->evidence.events, draft->evidence.count * sizeof(*finding->evidence));
}

/* ---- the world ---- */

static void add_clause(struct buf *reason, const char *clause)
{
	if (reason->length)
		buf_add_string(reason, "; ");
	buf_add_string(reason, clause);
}

/* Why the world itself was not all it should have been; empty if it was. */
static void judge_world(const struct index *index, struct judgement *judgement, struct buf *reason)
{
	for (size_t i = 0; i < index->troubles.count; i++) {
		const struct event *trouble = series_event(index, &index->troubles, i);
		if (!trouble->trouble.fatal)
			continue;
		add_clause(reason, trouble->trouble.what);
		judgement->environment = true;
	}
	for (size_t i = 0; i < index->plan->step_count; i++) {
		for (size_t n = 0; n < index->steps[i].count; n++) {
			const struct event *step = series_event(index, &index->steps[i], n);
			if (step->step.done)
				continue;
			CLEANUP(buf_release) struct buf text = { 0 };
			buf_addf(&text, "step %s did not happen%s%s", step->of,
			    *step->step.detail ? ": " : "", step->step.detail);
			add_clause(reason, buf_string(&text));
		}
	}
	bool completed = index->end && strcmp(index->end->end.reason, "completed") == 0;
	bool ended_in_trouble = index->end && strcmp(index->end->end.reason, "trouble") == 0;
	judgement->environment = judgement->environment || ended_in_trouble;
	if (!completed && !(reason->length && index_is_closed(index)) &&
	    !(reason->length && ended_in_trouble))
		add_clause(
		    reason, index_is_closed(index) ? "a wait never came true" : index_open_reason(index));
	const struct event *death = completed ? NULL : index_death(index, index->plan->subject, INT64_MAX);
	if (death) {
		buf_add_string(reason, "; ");
		text_add_death(reason, death);
	}
}

static enum verdict compose(const struct judgement *judgement)
{
	enum verdict verdict = *judgement->reason ? VERDICT_INCONCLUSIVE : VERDICT_PASS;
	for (size_t i = 0; i < judgement->finding_count; i++) {
		if (judgement->findings[i].verdict == VERDICT_FAIL)
			return VERDICT_FAIL;
		if (judgement->findings[i].verdict == VERDICT_INCONCLUSIVE)
			verdict = VERDICT_INCONCLUSIVE;
	}
	return verdict;
}

/* Its kind has judged it. */
static void conclude(const struct index *index, struct draft *draft, struct finding *finding)
{
	doubt_cut(index, draft);
	doubt(index, draft);
	doubt_wire(index, draft);
	doubt_dependencies(index, draft);
	note_starved(index, draft);
	finish(draft, index->plan->speed, finding);
}

static void judge_all(const struct index *index, struct judgement *judgement)
{
	const struct plan *plan = index->plan;
	struct implied_list implied = { 0 };
	met_find(index, &implied);
	in_time_find(index, &implied);
	judgement->implied_count = implied.count;
	judgement->implied = xcalloc(implied.count, sizeof(*judgement->implied));
	judgement->finding_count = plan->expectation_count + implied.count;
	judgement->findings = xcalloc(judgement->finding_count, sizeof(*judgement->findings));
	for (size_t i = 0; i < plan->expectation_count; i++) {
		struct draft draft = { .expectation = &plan->expectations[i], .decided_ns = index->end_ns };
		judge(index, &draft);
		conclude(index, &draft, &judgement->findings[i]);
	}
	for (size_t i = 0; i < implied.count; i++) {
		judgement->implied[i] = implied.items[i].expectation;
		struct draft draft = { .expectation = &judgement->implied[i], .decided_ns = index->end_ns };
		implied.items[i].judge(index, &implied.items[i], &draft);
		conclude(index, &draft, &judgement->findings[plan->expectation_count + i]);
	}
	free(implied.items);
}

struct judgement *check(const struct plan *plan, const struct trace *trace)
{
	struct judgement *judgement = xcalloc(1, sizeof(*judgement));
	CLEANUP(buf_release) struct buf reason = { 0 };
	struct index index;
	index_init(&index, plan, trace);
	judge_all(&index, judgement);
	judge_world(&index, judgement, &reason);
	judgement->reason = buf_steal(&reason);
	judgement->verdict = compose(judgement);
	judgement->late = late_find(&index, &judgement->late_count);
	judgement->lateness_ns = lateness_worst(index.lateness);
	index_release(&index);
	return judgement;
}

void judgement_free(struct judgement *judgement)
{
	if (!judgement)
		return;
	for (size_t i = 0; i < judgement->finding_count; i++) {
		struct finding *finding = &judgement->findings[i];
		free(finding->expected);
		free(finding->actual);
		free(finding->reason);
		free(finding->evidence);
		free(finding->claim_measured);
	}
	for (size_t i = 0; i < judgement->implied_count; i++) {
		free(judgement->implied[i].id);
		free(judgement->implied[i].text);
	}
	free(judgement->findings);
	free(judgement->implied);
	free(judgement->late);
	free(judgement->reason);
	free(judgement);
}
