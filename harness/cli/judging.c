#include "cli/judging.h"

#include "base/buf.h"
#include "cli/files.h"
#include "report/report.h"

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
	struct judgement *judgement = judged->judgement;
	judged->decided_ns = xcalloc(judgement->finding_count, sizeof(*judged->decided_ns));
	for (size_t i = 0; i < judgement->finding_count; i++) {
		judged->decided_ns[i] = report_decided_ns(judged->trace, &judgement->findings[i]);
		judgement->findings[i].evidence_count = 0;
	}
	trace_free(judged->trace);
	judged->trace = first;
}

void judged_release(struct judged *judged)
{
	judgement_free(judged->judgement);
	trace_free(judged->trace);
	free(judged->decided_ns);
	*judged = (struct judged){ 0 };
}
