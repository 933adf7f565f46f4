/* evidence: the events that decided a verdict, few enough to be shown. */
#ifndef CHECK_EVIDENCE_H
#define CHECK_EVIDENCE_H

#include "check/check.h"

struct evidence {
	size_t events[EVIDENCE_MAX];
	size_t count;
};

/* When there are too many, the first ones and the last one are kept. NO_EVENT is ignored. */
void evidence_add(struct evidence *evidence, size_t event);
/* In the order of the trace, each once. */
void evidence_sort(struct evidence *evidence);

#endif
