#include "check/lateness.h"

#include <stdlib.h>

struct stretch {
	int64_t from_ns, to_ns, worst_ns;
};

/* Reports in the order of their beginnings. They come from several observers (runner, agents) and may
 * overlap, so `reach` holds the latest end up to each of them: that grows, and can be searched. `worst` is a
 * tree over the reports: node i covers nodes 2i and 2i+1, the leaves are at count..2*count-1. */
struct lateness_table {
	struct stretch *stretches;
	size_t count;
	int64_t *reach;
	int64_t *worst;
};

static int compare_stretches(const void *left, const void *right)
{
	const struct stretch *a = left, *b = right;
	return (a->from_ns > b->from_ns) - (a->from_ns < b->from_ns);
}

struct lateness_table *lateness_table_new(const struct trace *trace)
{
	struct lateness_table *table = xcalloc(1, sizeof(*table));
	for (size_t i = 0; i < trace->event_count; i++) {
		const struct event *event = &trace->events[i];
		if (event->kind == EVENT_LATENESS)
			*array_push(table->stretches, table->count) = (struct stretch){
				.from_ns = event->from_ns,
				.to_ns = event->to_ns,
				.worst_ns = event->lateness.worst_ns,
			};
	}
	if (table->count)
		qsort(table->stretches, table->count, sizeof(*table->stretches), compare_stretches);
	table->reach = xcalloc(table->count, sizeof(*table->reach));
	table->worst = xcalloc(table->count * 2, sizeof(*table->worst));
	for (size_t i = 0; i < table->count; i++) {
		int64_t to = table->stretches[i].to_ns;
		table->reach[i] = i > 0 && table->reach[i - 1] > to ? table->reach[i - 1] : to;
		table->worst[table->count + i] = table->stretches[i].worst_ns;
	}
	for (size_t i = table->count; i-- > 1;) {
		int64_t left = table->worst[2 * i], right = table->worst[2 * i + 1];
		table->worst[i] = left > right ? left : right;
	}
	return table;
}

void lateness_table_free(struct lateness_table *table)
{
	if (!table)
		return;
	free(table->stretches);
	free(table->reach);
	free(table->worst);
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

int64_t lateness_worst(const struct lateness_table *table, int64_t from_ns, int64_t to_ns)
{
	size_t low = first_reaching(table, from_ns) + table->count;
	size_t high = first_beginning_after(table, to_ns) + table->count;
	int64_t worst = 0;
	for (; low < high; low /= 2, high /= 2) {
		if (low & 1) {
			worst = table->worst[low] > worst ? table->worst[low] : worst;
			low++;
		}
		if (high & 1) {
			high--;
			worst = table->worst[high] > worst ? table->worst[high] : worst;
		}
	}
	return worst;
}
