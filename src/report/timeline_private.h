/* The parts of a timeline: each prints the lanes of one kind. */
#ifndef REPORT_TIMELINE_PRIVATE_H
#define REPORT_TIMELINE_PRIVATE_H

#include "report/lane.h"
#include "report/report.h"

struct timeline {
	struct page *page;
	const struct report_result *result;
	struct scale scale;
	size_t name_columns;
	size_t left_out;
};

/* One line: the name, and the lane behind it. */
void timeline_lane(struct timeline *timeline, const char *name, const struct lane *lane);

/* What engine and probe say of a service; nothing if they say nothing. */
void timeline_service(struct timeline *timeline, const char *name);
/* What the gate makes of it, which is not what engine and probe say: the lane `NAME looks`. */
void timeline_phases(struct timeline *timeline, const char *name);
bool timeline_has_phases(const struct trace *trace, const char *service);
/* Owned by the caller. */
char *timeline_phases_name(const char *service);
/* The states of an HTTP watch. */
void timeline_samples(struct timeline *timeline, const char *name);

#endif
