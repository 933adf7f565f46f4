#include "check/evidence.h"

#include "check/index.h"

#include <stdlib.h>

void evidence_add(struct evidence *evidence, size_t event)
{
	if (event == NO_EVENT)
		return;
	if (evidence->count < EVIDENCE_MAX)
		evidence->events[evidence->count++] = event;
	else
		evidence->events[EVIDENCE_MAX - 1] = event;
}

static int compare_indexes(const void *left, const void *right)
{
	const size_t *a = left, *b = right;
	return (*a > *b) - (*a < *b);
}

void evidence_sort(struct evidence *evidence)
{
	qsort(evidence->events, evidence->count, sizeof(evidence->events[0]), compare_indexes);
	size_t kept = 0;
	for (size_t i = 0; i < evidence->count; i++)
		if (kept == 0 || evidence->events[kept - 1] != evidence->events[i])
			evidence->events[kept++] = evidence->events[i];
	evidence->count = kept;
}
