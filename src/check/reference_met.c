/* What every phase implies: that the subject met it. */
#include "check/reference.h"

/* Which outcomes show which phase. `pending` shows what the attempt was waiting for. */
static const char *const outcomes[] = {
	[PHASE_ABSENT] = " nxdomain ",
	[PHASE_UNRESOLVABLE] = " servfail dns-timeout ",
	[PHASE_UNREACHABLE] = " timeout unreachable ",
	[PHASE_REFUSED] = " refused ",
	[PHASE_HUNG] = " hung ",
	[PHASE_CLOSING] = " closed reset ",
	[PHASE_LOADING] = " loading ",
	[PHASE_DENIED] = " denied ",
};

static bool shows_phase(const struct event *attempt, enum phase phase)
{
	char word[64];
	if (phase == PHASE_SLOW)
		return true;
	if (is_under_way(attempt))
		return attempt->attempt.packets == 0 ? phase == PHASE_UNRESOLVABLE
						     : phase == PHASE_UNREACHABLE || phase == PHASE_HUNG;
	snprintf(word, sizeof(word), " %s ", attempt->attempt.outcome);
	return strstr(outcomes[phase], word) != NULL;
}

/* The last connection that was made before, if it was not lost by then. */
static bool was_connected(const struct facts *facts, const char *watch, int64_t at_ns)
{
	bool connected = false;
	for_each(event, facts)
	{
		bool is_attempt = event->kind == EVENT_ATTEMPT, is_loss = event->kind == EVENT_LOST;
		if ((!is_attempt && !is_loss) || strcmp(event->of, watch) != 0 || event->to_ns > at_ns)
			continue;
		if (is_attempt && has_worked(event))
			connected = true;
		else if ((is_attempt ? event->attempt.open : event->lost.open) == 0)
			connected = false;
	}
	return connected;
}

static bool is_met(const struct facts *facts, const char *watch, enum phase phase, struct span in)
{
	for_each_of(attempt, facts, EVENT_ATTEMPT, watch) if (attempt->to_ns >= in.low &&
							      attempt->from_ns <= in.high &&
							      shows_phase(attempt, phase)) return true;
	return (phase == PHASE_HUNG || phase == PHASE_UNREACHABLE || phase == PHASE_SLOW) &&
	       was_connected(facts, watch, in.low);
}

static bool is_in_scripts(const struct phase_script *scripts, size_t count, size_t service, enum phase phase)
{
	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < scripts[i].step_count; k++)
			if (scripts[i].service == service && scripts[i].steps[k].phase == phase)
				return true;
	return false;
}

static bool is_planned(const struct plan *plan, size_t service, enum phase phase)
{
	bool planned = is_in_scripts(plan->phases, plan->phase_count, service, phase);
	for (size_t i = 0; i < plan->step_count; i++)
		planned = planned ||
			  is_in_scripts(plan->steps[i].scripts, plan->steps[i].script_count, service, phase);
	return planned;
}

static void opine_met_on(
    const struct facts *facts, const struct watch *watch, size_t service, struct reference *reference)
{
	for (enum phase phase = PHASE_ABSENT; phase < PHASE_READY; phase++) {
		bool was_made = false, missed = false;
		for_each_of(made, facts, EVENT_PHASE, name_of_service(facts, service))
		{
			/* When it surely was in force. */
			struct span in = { made->to_ns, FAR_AWAY };
			bool is_behind = false;
			if (strcmp(made->phase.phase, phase_names[phase]) != 0)
				continue;
			for_each_of(next, facts, EVENT_PHASE, name_of_service(facts, service))
			{
				if (is_behind && in.high == FAR_AWAY)
					in.high = next->from_ns;
				is_behind = is_behind || next == made;
			}
			was_made = true;
			missed = missed || !is_met(facts, watch->name, phase, in);
		}
		if (was_made || is_planned(facts->plan, service, phase))
			*array_push(reference->opinions, reference->count) =
			    opinion(was_made && !missed ? VERDICT_PASS : VERDICT_INCONCLUSIVE, 0);
	}
}

void opine_met(const struct facts *facts, struct reference *reference)
{
	const struct plan *plan = facts->plan;
	for (size_t s = 0; s < plan->stack->service_count; s++)
		for (size_t w = 0; w < plan->watch_count; w++)
			if (plan->watches[w].kind == WATCH_ATTEMPTS && !plan->watches[w].from_log &&
			    plan->watches[w].service == plan->subject && plan->watches[w].to_service == s)
				opine_met_on(facts, &plan->watches[w], s, reference);
}
