#include "run/ready_since.h"

void ready_since_begin(struct ready_since *since, int64_t earliest_ns)
{
	since->unlike_ns = earliest_ns;
}

void ready_since_look_again(
    struct ready_since *since, const struct readiness_probe *probe, int64_t changed_ns)
{
	if (!probe) {
		since->unlike_ns = changed_ns;
		return;
	}
	/* What that one said last holds for this one; where it had not come to say anything, what held for
	 * it. */
	int64_t asked_ns = readiness_probe_asked_ns(probe);
	if (asked_ns)
		since->unlike_ns = asked_ns;
}

int64_t ready_since_ns(const struct ready_since *since, const struct readiness_answer *answer)
{
	if (answer->otherwise_ns)
		return answer->otherwise_ns;
	return since->unlike_ns ? since->unlike_ns : answer->asked_ns;
}
