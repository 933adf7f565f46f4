#include "check/judge.h"

#include <stdarg.h>
#include <string.h>

static void add_reason(struct buf *reasons, const char *format, va_list arguments)
{
	if (reasons->length)
		buf_add_string(reasons, "; ");
	buf_vaddf(reasons, format, arguments);
}

/* What was open so far is not what the subject is blamed for. */
void draft_fail(struct draft *draft, const char *format, ...)
{
	if (draft->verdict == VERDICT_INCONCLUSIVE) {
		buf_addf(&draft->left_open, "%s%s", draft->left_open.length ? "; " : "",
		    buf_string(&draft->reason));
		buf_release(&draft->reason);
	}
	va_list arguments;
	va_start(arguments, format);
	add_reason(&draft->reason, format, arguments);
	va_end(arguments);
	draft->verdict = VERDICT_FAIL;
}

void draft_inconclusive(struct draft *draft, const char *format, ...)
{
	bool failed = draft->verdict == VERDICT_FAIL;
	va_list arguments;
	va_start(arguments, format);
	add_reason(failed ? &draft->left_open : &draft->reason, format, arguments);
	va_end(arguments);
	if (!failed)
		draft->verdict = VERDICT_INCONCLUSIVE;
}

void draft_slack(struct draft *draft, int64_t slack)
{
	if (!draft->has_slack || slack < draft->slack)
		draft->slack = slack;
	draft->has_slack = true;
}

void draft_measured(struct draft *draft, int64_t low, int64_t high)
{
	draft->has_measured = true;
	draft->measured = (struct interval){ .low = low, .high = high };
}

void text_add_death(struct buf *out, const struct event *death)
{
	bool for_memory = strcmp(death->service.event, "oom-killed") == 0;
	bool was_killed = strcmp(death->service.event, "killed") == 0;
	buf_addf(out, "%s %s", death->of,
	    for_memory   ? "was killed for want of memory"
	    : was_killed ? "was killed"
			 : "exited");
	if (death->service.exit_code >= 0)
		buf_addf(out, " with %d", death->service.exit_code);
	buf_add_string(out, " at ");
	text_add_time(out, death->from_ns);
}

void draft_note_death(struct draft *draft, const struct index *index, size_t service, int64_t until_ns)
{
	const struct event *death = index_death(index, service, until_ns);
	if (!death)
		return;
	buf_add_string(&draft->reason, "; ");
	text_add_death(&draft->reason, death);
	evidence_add(&draft->evidence, (size_t)(death - index->trace->events));
}
