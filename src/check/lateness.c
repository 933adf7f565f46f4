#include "check/lateness.h"

#include "check/interval.h"

#include <stdlib.h>
#include <string.h>

/* Thirty years: what is added to it does not overflow, whatever a hostile trace says. */
#define LATENESS_MAX INT64_C(1000000000000000000)

struct stretch {
	int64_t from_ns, to_ns, worst_ns;
};

/* Reports in the order of their beginnings. They come from several observers (runner, agents) and may
 * overlap, so `reach` holds the latest end up to each of them: that grows, and can be searched. `sums[i]` is
 * the sum over the first i reports. */
struct lateness_table {
	struct stretch *stretches;
	size_t count;
	int64_t *reach;
	int64_t *sums;
	int64_t worst_ns;
};

static int compare_stretches(const void *left, const void *right)
{
	const struct stretch *a = left, *b = right;
	return (a->from_ns > b->from_ns) - (a->from_ns < b->from_ns);
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
			*array_push(table->stretches, table->count) = (struct stretch){
				.from_ns = event->from_ns,
				.to_ns = event->to_ns,
				.worst_ns = event->lateness.worst_ns,
			};
	}
	if (table->count)
		qsort(table->stretches, table->count, sizeof(*table->stretches), compare_stretches);
	table->reach = xcalloc(table->count, sizeof(*table->reach));
	table->sums = xcalloc(table->count + 1, sizeof(*table->sums));
	for (size_t i = 0; i < table->count; i++) {
		int64_t to = table->stretches[i].to_ns;
		table->reach[i] = i > 0 && table->reach[i - 1] > to ? table->reach[i - 1] : to;
		int64_t worst_ns = table->stretches[i].worst_ns > 0 ? table->stretches[i].worst_ns : 0;
		table->worst_ns = worst_ns > table->worst_ns ? worst_ns : table->worst_ns;
		table->sums[i + 1] = saturating_add(table->sums[i], worst_ns);
	}
	return table;
}

void lateness_table_free(struct lateness_table *table)
{
	if (!table)
		return;
	free(table->stretches);
	free(table->reach);
	free(table->sums);
	free(table);
}

/* The first report whose `reach` is not before the moment. */
static size_t first_reaching(const struct lateness_table *table, int64_t from_ns)
{
	size_t low = 0, high = table->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (table->reach[middle] < from_ns)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* The first report that begins after the moment. */
static size_t first_beginning_after(const struct lateness_table *table, int64_t to_ns)
{
	size_t low = 0, high = table->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (table->stretches[middle].from_ns <= to_ns)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

int64_t lateness_within(const struct lateness_table *table, int64_t from_ns, int64_t to_ns)
{
	size_t low = first_reaching(table, from_ns), high = first_beginning_after(table, to_ns);
	int64_t sum = low < high ? table->sums[high] - table->sums[low] : 0;
	return sum < LATENESS_MAX ? sum : LATENESS_MAX;
}

int64_t lateness_worst(const struct lateness_table *table)
{
	return table->worst_ns;
}
