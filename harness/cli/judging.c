#include "cli/judging.h"

#include "base/buf.h"
#include "cli/files.h"

/* Larger than any trace that the recorder writes (its log is bounded), small enough to be held. */
static const size_t TRACE_MAX = 512000000;

int judge_file(struct judged *judged, const struct plan *plan, const char *trace_path, struct err *err)
{
	struct buf contents CLEANUP(buf_release) = { 0 };
	if (file_load(trace_path, TRACE_MAX, &contents, err) < 0)
		return -1;
	judged->trace = trace_read(buf_string(&contents), contents.length, trace_path, err);
	if (!judged->trace)
		return -1;
	judged->judgement = check(plan, judged->trace);
	return 0;
}

void judged_reduce(struct judged *judged)
{
	struct buf line CLEANUP(buf_release) = { 0 };
	struct err err = ERR_INIT;
	if (judged->trace->event_count == 0)
		return;
	trace_write_event(&line, &judged->trace->events[0]);
	struct trace *first = trace_read(buf_string(&line), line.length, "its first line", &err);
	if (!first)
		BUG("a line that was read cannot be read again: %s", err.message);
	first->complete = judged->trace->complete;
	trace_free(judged->trace);
	judged->trace = first;
	for (size_t i = 0; i < judged->judgement->finding_count; i++)
		judged->judgement->findings[i].evidence_count = 0;
}

void judged_release(struct judged *judged)
{
	judgement_free(judged->judgement);
	trace_free(judged->trace);
	*judged = (struct judged){ 0 };
}
