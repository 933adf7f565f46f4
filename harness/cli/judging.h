/* judging: a trace file and its plan become a judgement; shared by `run` and `check`, so that both always
 * agree. */
#ifndef CLI_JUDGING_H
#define CLI_JUDGING_H

#include "base/err.h"
#include "base/memory.h"
#include "check/check.h"

struct judged {
	struct trace *trace;
	struct judgement *judgement;
	int64_t *decided_ns; /* of each finding, once it was reduced; NULL before */
};

int judge_file(
    struct judged *judged, const struct plan *plan, const char *trace_path, struct err *err) MUST_CHECK;
/* Keeps the figures, and when they were decided, and forgets the trace but for its first line, and the
 * evidence. */
void judged_reduce(struct judged *judged);
void judged_release(struct judged *judged);

#endif
