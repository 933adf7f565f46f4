#include "check/lateness.h"

#include "check/interval.h"

#include <stdlib.h>
#include <string.h>

/* Thirty years: what is added to it does not overflow, whatever a hostile trace says. */
#define LATENESS_MAX INT64_C(1000000000000000000)

struct report {
	int64_t from_ns, to_ns, worst_ns;
};

/* One end of a report, and what the reports up to it, in the order of these ends, have in sum. */
struct end {
	int64_t at_ns;
	__int128 sum; /* a hostile trace's do not fit into less */
};

/* Reports come from several observers (runner, agents) and may overlap. Those that touch a stretch are those
 * that began by its end, without those that ended before its beginning: two searches. */
struct lateness_table {
	struct report *reports;
	size_t count;
	struct end *begun, *ended; /* by their beginnings, by their ends */
	int64_t worst_ns;
};

static int compare_ends(const void *left, const void *right)
{
	const struct end *a = left, *b = right;
	return (a->at_ns > b->at_ns) - (a->at_ns < b->at_ns);
}

static void sum_up(struct end *ends, size_t count)
{
	if (count)
		qsort(ends, count, sizeof(*ends), compare_ends);
	for (size_t i = 1; i < count; i++)
		ends[i].sum += ends[i - 1].sum;
}

/* An agent's own lateness is not the subject's: what it sees is stamped by the kernel. It explains to people
 * why a phase came late, which is in the trace anyhow. */
static bool is_of_agent(const struct event *event)
{
	return event->of && strncmp(event->of, LATENESS_OF_AGENT, strlen(LATENESS_OF_AGENT)) == 0;
}

struct lateness_table *lateness_table_new(const struct trace *trace)
{
	struct lateness_table *table = xcalloc(1, sizeof(*table));
	for (size_t i = 0; i < trace->event_count; i++) {
		const struct event *event = &trace->events[i];
		if (event->kind == EVENT_LATENESS && !is_of_agent(event))
			*array_push(table->reports, table->count) = (struct report){
				.from_ns = event->from_ns,
				.to_ns = event->to_ns,
				.worst_ns = event->lateness.worst_ns > 0 ? event->lateness.worst_ns : 0,
			};
	}
	table->begun = xcalloc(table->count, sizeof(*table->begun));
	table->ended = xcalloc(table->count, sizeof(*table->ended));
	for (size_t i = 0; i < table->count; i++) {
		const struct report *report = &table->reports[i];
		table->begun[i] = (struct end){ .at_ns = report->from_ns, .sum = report->worst_ns };
		table->ended[i] = (struct end){ .at_ns = report->to_ns, .sum = report->worst_ns };
		table->worst_ns = report->worst_ns > table->worst_ns ? report->worst_ns : table->worst_ns;
	}
	sum_up(table->begun, table->count);
	sum_up(table->ended, table->count);
	return table;
}

void lateness_table_free(struct lateness_table *table)
{
	if (!table)
		return;
	free(table->reports);
	free(table->begun);
	free(table->ended);
	free(table);
}

/* Of the ends before the moment, or not after it. */
static __int128 sum_until(const struct end *ends, size_t count, int64_t at_ns, bool with_equal)
{
	size_t low = 0, high = count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (ends[middle].at_ns < at_ns || (with_equal && ends[middle].at_ns == at_ns))
			low = middle + 1;
		else
			high = middle;
	}
	return low > 0 ? ends[low - 1].sum : 0;
}

int64_t lateness_within(const struct lateness_table *table, int64_t from_ns, int64_t to_ns)
{
	__int128 sum = sum_until(table->begun, table->count, to_ns, true) -
		       sum_until(table->ended, table->count, from_ns, false);
	if (sum < 0)
		return 0; /* the stretch ends before it begins */
	return sum < LATENESS_MAX ? (int64_t)sum : LATENESS_MAX;
}

int64_t lateness_worst(const struct lateness_table *table)
{
	return table->worst_ns;
}
