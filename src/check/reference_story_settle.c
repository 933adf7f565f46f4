/* Other traces made from a random one: a world that it allows, the beginning of it, one event less. */
#include "check/reference_narrator.h"

static int64_t some_point(struct narrator *narrator, int64_t low, int64_t high)
{
	int64_t which = draw(narrator, 0, 2);
	return which == 0 ? low : which == 1 ? high : low + (high - low) / 2;
}

/* What is open besides tells when the others ended, and nothing tells what came first at the same time. */
static void settle_in_pool(
    struct narrator *narrator, const struct random_trace *random, struct event *attempt)
{
	const char *outcome = attempt->attempt.outcome;
	int64_t at_ns = some_point(narrator, attempt->attempt.ended_after_ns, attempt->to_ns);
	if (!attempt->attempt.ended_after_ns ||
	    (strcmp(outcome, "connected") != 0 && strcmp(outcome, "accepted") != 0))
		return;
	for (size_t i = 0; i < random->trace.event_count; i++)
		if (strcmp(random->events[i].of, "pool") == 0 &&
		    (random->events[i].from_ns == at_ns || random->events[i].to_ns == at_ns))
			return;
	attempt->to_ns = at_ns;
	attempt->attempt.ended_after_ns = 0;
}

/* Not one in which something happened to the client: whether that was before its end or after is nobody's
 * guess, since nothing goes on trying while it is started anew. */
static void settle_attempt(
    struct narrator *narrator, const struct random_trace *random, struct event *attempt)
{
	for (size_t i = 0; i < random->trace.event_count; i++) {
		const struct event *event = &random->events[i];
		if (event->kind == EVENT_SERVICE && strcmp(event->of, "gateway") == 0 &&
		    event->to_ns >= attempt->from_ns && event->from_ns <= attempt->to_ns)
			return;
	}
	if (strcmp(attempt->of, "pool") == 0) {
		settle_in_pool(narrator, random, attempt);
		return;
	}
	if (!attempt->attempt.began_known)
		attempt->from_ns = some_point(narrator, attempt->from_ns, attempt->to_ns);
	attempt->attempt.began_known = true;
	if (attempt->attempt.ended_after_ns)
		attempt->to_ns = some_point(narrator, attempt->attempt.ended_after_ns, attempt->to_ns);
	attempt->attempt.ended_after_ns = 0;
}

/* Nothing overtakes another thing that happens to the same service: one dies only once. */
static bool overlaps(const struct random_trace *random, size_t number)
{
	const struct event *event = &random->events[number];
	for (size_t i = 0; i < random->trace.event_count; i++) {
		const struct event *other = &random->events[i];
		if (i != number && other->kind == EVENT_SERVICE && strcmp(other->of, event->of) == 0 &&
		    other->from_ns <= event->to_ns && event->from_ns <= other->to_ns)
			return true;
	}
	return false;
}

void random_trace_settle(const struct random_trace *random, uint64_t seed, struct random_trace *ret_world)
{
	struct narrator narrator = { .random = ret_world, .state = (seed + 1) * 0x9e3779b97f4a7c15U };
	int64_t end_ns = 0;
	ret_world->trace = random->trace;
	for (size_t i = 0; i < random->trace.event_count; i++)
		end_ns = random->events[i].to_ns > end_ns ? random->events[i].to_ns : end_ns;
	for (size_t i = 0; i < random->trace.event_count; i++) {
		struct event *event = &ret_world->events[i];
		*event = random->events[i];
		if (event->to_ns == end_ns)
			continue; /* up to then the world is known */
		switch (event->kind) {
		case EVENT_SERVICE:
			/* What happens to the client disturbs its attempts, wherever in its interval. */
			if (strcmp(event->of, "gateway") == 0 || overlaps(random, i))
				break;
			/* fall through */
		case EVENT_STEP:
		case EVENT_LOG:
			event->from_ns = event->to_ns = some_point(&narrator, event->from_ns, event->to_ns);
			break;
		case EVENT_ATTEMPT:
			settle_attempt(&narrator, random, event);
			break;
		case EVENT_WORLD:
		case EVENT_SAMPLE:
		case EVENT_LOST:
		case EVENT_PHASE:
		case EVENT_RESPONSE:
		case EVENT_MEMORY:
		case EVENT_DESCRIPTORS:
		case EVENT_LATENESS:
		case EVENT_TROUBLE:
		case EVENT_END:
			break;
		}
	}
	refer(ret_world);
}

/* Something was happening to a service that is told behind the cut. */
static bool is_in_the_middle(const struct random_trace *random, size_t cut)
{
	for (size_t i = cut; i < random->trace.event_count; i++)
		for (size_t k = 0; k < cut && random->events[i].kind == EVENT_SERVICE; k++)
			if (random->events[i].from_ns <= random->events[k].to_ns)
				return true;
	return false;
}

bool random_trace_cut(const struct random_trace *random, uint64_t seed, struct random_trace *ret_cut)
{
	struct narrator narrator = { .state = (seed + 1) * 0x9e3779b97f4a7c15U };
	int64_t began_ns = 0, told_ns = 0, least = 1, count = (int64_t)random->trace.event_count;
	for (int64_t i = 0; i < count; i++) {
		const struct event *event = &random->events[i];
		if (event->kind != EVENT_LATENESS || strncmp(event->of, "agent:", 6) == 0)
			continue;
		bool is_own = !*event->of;
		if (event->from_ns != (is_own ? told_ns : began_ns))
			return false;
		least = told_ns == 0 ? i + 1 : least;
		began_ns = is_own ? event->from_ns : began_ns;
		told_ns = is_own ? event->to_ns : told_ns;
	}
	*ret_cut = *random;
	if (least < count)
		ret_cut->trace.event_count = (size_t)draw(&narrator, least, count - 1);
	refer(ret_cut);
	return told_ns > 0 || !is_in_the_middle(random, ret_cut->trace.event_count);
}

void random_trace_drop(const struct random_trace *random, size_t number, struct random_trace *ret_less)
{
	size_t kept = 0;
	for (size_t i = 0; i < random->trace.event_count; i++)
		if (i != number)
			ret_less->events[kept++] = random->events[i];
	ret_less->trace = (struct trace){ .event_count = kept };
	refer(ret_less);
}

void random_trace_copy(const struct random_trace *random, struct random_trace *ret_copy)
{
	*ret_copy = *random;
	refer(ret_copy);
}
