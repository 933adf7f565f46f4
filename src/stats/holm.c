#include "stats/holm.h"

#include "base/memory.h"

struct place {
	double p;
	size_t index;
};

static int by_p(const void *left, const void *right)
{
	const struct place *a = left, *b = right;
	if (a->p != b->p)
		return (a->p > b->p) - (a->p < b->p);
	return (a->index > b->index) - (a->index < b->index);
}

void holm_adjust(double *p, size_t count)
{
	struct place *places OWNED = xcalloc(count + 1, sizeof(*places));
	for (size_t i = 0; i < count; i++)
		places[i] = (struct place){ p[i], i };
	qsort(places, count, sizeof(*places), by_p);
	double largest = 0;
	for (size_t i = 0; i < count; i++) {
		double adjusted = places[i].p * (double)(count - i);
		largest = adjusted > largest ? adjusted : largest;
		p[places[i].index] = largest < 1 ? largest : 1;
	}
}
