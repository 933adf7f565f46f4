#include "stats/summary.h"

#include "base/err.h"

#include <math.h>
#include <stdlib.h>

static int by_value(const void *left, const void *right)
{
	double a = *(const double *)left, b = *(const double *)right;
	return (a > b) - (a < b);
}

void sort_values(double *values, size_t count)
{
	if (count > 1)
		qsort(values, count, sizeof(*values), by_value);
}

double quantile(const double *sorted, size_t count, double share)
{
	if (count == 0 || !(share >= 0 && share <= 1))
		BUG("the %g quantile of %zu values", share, count);
	double place = share * (double)(count - 1), below = floor(place);
	size_t index = (size_t)below;
	if (index + 1 == count)
		return sorted[index];
	return sorted[index] + (place - below) * (sorted[index + 1] - sorted[index]);
}

struct summary summarise(double *values, size_t count)
{
	if (count == 0)
		return (struct summary){ 0 };
	sort_values(values, count);
	return (struct summary){
		.count = count,
		.least = values[0],
		.median = quantile(values, count, 0.5),
		.p90 = quantile(values, count, 0.9),
		.most = values[count - 1],
	};
}
