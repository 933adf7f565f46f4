#include "stats/rank_chances.h"

#include "base/memory.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

static size_t lesser(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* ---- ties ---- */

struct ties ties_find(const double *sorted, size_t count)
{
	struct ties ties = { .all = count };
	for (size_t i = 0; i < count; i++) {
		if (i == 0 || sorted[i] != sorted[i - 1])
			*array_push(ties.sizes, ties.count) = 0;
		ties.sizes[ties.count - 1]++;
	}
	return ties;
}

void ties_release(struct ties *ties)
{
	free(ties->sizes);
	*ties = (struct ties){ 0 };
}

static size_t greatest_common_divisor(size_t a, size_t b)
{
	while (b) {
		size_t rest = a % b;
		a = b;
		b = rest;
	}
	return a;
}

/* Twice the mean rank of each group, from the first one's on: what a member of it adds to 2 U. In whole
 * steps, whose size is returned; 0: there is one group only. */
static size_t find_scores(const struct ties *ties, size_t *scores)
{
	size_t step = 0, score = 0;
	for (size_t i = 0; i < ties->count; i++) {
		scores[i] = score;
		step = greatest_common_divisor(score, step);
		if (i + 1 < ties->count)
			score += ties->sizes[i] + ties->sizes[i + 1];
	}
	for (size_t i = 0; i < ties->count && step; i++)
		scores[i] /= step;
	return step;
}

/* ---- without ties ---- */

/* In probabilities instead of counts, so that it only ever adds numbers below 1. */
static double *distribution_of_u(size_t n_count, size_t m_count)
{
	size_t size = n_count * m_count + 1;
	double *rows = xcalloc((m_count + 1) * size, sizeof(*rows));
	for (size_t m = 0; m <= m_count; m++)
		rows[m * size] = 1; /* n = 0 */
	for (size_t n = 1; n <= n_count; n++) {
		for (size_t m = 1; m <= m_count; m++) {
			double *row = rows + m * size, *before = row - size;
			double n_share = (double)n / (double)(n + m), m_share = (double)m / (double)(n + m);
			for (size_t u = n * m + 1; u-- > 0;)
				row[u] = m_share * before[u] + (u >= m ? n_share * row[u - m] : 0);
		}
	}
	memmove(rows, rows + m_count * size, size * sizeof(*rows));
	return xrealloc(rows, size * sizeof(*rows));
}

/* Which of the two sides is called a is all the same to it. */
const double *rank_chances_of_u(struct rank_chances *chances, size_t a_count, size_t b_count)
{
	size_t fewer = lesser(a_count, b_count), more = a_count + b_count - fewer;
	if (more > MANN_WHITNEY_EXACT_MAX * MANN_WHITNEY_EXACT_MAX / fewer)
		return NULL;
	char *name OWNED = xasprintf("%zu %zu", fewer, more);
	size_t place = lookup_place(&chances->places, name);
	if (place != LOOKUP_NONE)
		return chances->of_u[place];
	lookup_add(&chances->places, name, chances->count);
	return *array_push(chances->of_u, chances->count) = distribution_of_u(more, fewer);
}

void rank_chances_release(struct rank_chances *chances)
{
	for (size_t i = 0; i < chances->count; i++)
		free(chances->of_u[i]);
	free(chances->of_u);
	lookup_release(&chances->places);
	*chances = (struct rank_chances){ 0 };
}

static struct tails tails_without_ties(const double *of_u, size_t pairs, double u)
{
	size_t at = (size_t)u, steps = lesser(at, pairs - at); /* it is symmetric */
	double tail = 0;
	for (size_t i = 0; i <= steps; i++)
		tail += of_u[i];
	return (struct tails){ .p = fmin(2 * tail, 1), .least_p = fmin(2 * of_u[0], 1) };
}

/* ---- with ties ---- */

/* The members of the smaller side are drawn group by group, in ascending order, but for the largest group: of
 * that come those that are then wanting. So the work depends on the values that are not the commonest one. */
struct draw {
	const struct ties *ties;
	size_t fewer;       /* members of the smaller side */
	size_t largest;     /* the group that is left out */
	size_t first, last; /* groups of the others */
	size_t least, most; /* members that can come of them all */
	size_t *scores, step;
	size_t width;       /* sums of scores of a row */
	double *rows;       /* [drawn so far][sum of their scores]: its chance */
	size_t *low, *high; /* the sums that a row has; low > high: none */
};

/* Sums that are added up at most, and that are kept: MANN_WHITNEY_EXACT_MAX a side never take more. */
#define WORK_MAX 26e6
#define KEPT_MAX 16e6

static size_t find_largest(const struct ties *ties)
{
	size_t largest = 0;
	for (size_t i = 1; i < ties->count; i++)
		if (ties->sizes[i] > ties->sizes[largest])
			largest = i;
	return largest;
}

/* An upper bound: each number that may come of a group is added to each row, which has no more sums than lie
 * between all of the lowest and all of the highest score so far. */
static bool is_affordable(const struct draw *draw)
{
	const size_t *scores = draw->scores;
	double most = (double)draw->most, work = 0;
	for (size_t i = draw->first, before = i; i <= draw->last; i++) {
		if (i == draw->largest)
			continue;
		double sums = 1 + most * (double)(scores[before] - scores[draw->first]);
		work += most * (double)lesser(draw->ties->sizes[i], draw->most) * sums;
		before = i;
	}
	return work <= WORK_MAX && (most + 1) * (1 + most * (double)scores[draw->last]) <= KEPT_MAX;
}

/* Of each number that may come of a group of `size`. As if every value came by itself with the smaller side's
 * share: on condition that as many come as it has, that is what dealing makes of it, and C(size, number)
 * would leave the range of numbers. */
static double chance_of(const struct draw *draw, size_t size, size_t number)
{
	double share = (double)draw->fewer / (double)draw->ties->all, n = (double)size, k = (double)number;
	return exp(
	    lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1) + k * log(share) + (n - k) * log1p(-share));
}

static void add_row(struct draw *draw, size_t into, size_t from, size_t shift, double chance)
{
	double *row = draw->rows + into * draw->width + shift;
	const double *other = draw->rows + from * draw->width;
	size_t low = draw->low[from], high = draw->high[from];
	for (size_t sum = low; sum <= high; sum++)
		row[sum] += chance * other[sum];
	draw->low[into] = lesser(draw->low[into], low + shift);
	draw->high[into] = high + shift > draw->high[into] ? high + shift : draw->high[into];
}

static void scale_row(struct draw *draw, size_t at, double chance)
{
	for (size_t sum = draw->low[at]; sum <= draw->high[at]; sum++)
		draw->rows[at * draw->width + sum] *= chance;
}

/* `before` and `after` it in all, the largest group among those after it. Rows from which the side cannot
 * become full any more are left as they are, and nobody looks at them again. */
static void draw_of_group(struct draw *draw, size_t group, size_t before, size_t after)
{
	size_t size = draw->ties->sizes[group], score = draw->scores[group];
	size_t most = lesser(draw->most, before + size), numbers = lesser(size, draw->most);
	size_t least = draw->fewer > after ? draw->fewer - after : 0;
	double *chances OWNED = xcalloc(numbers + 1, sizeof(*chances));
	for (size_t number = 0; number <= numbers; number++)
		chances[number] = chance_of(draw, size, number);
	/* Downwards: the rows below are still those before this group. */
	for (size_t drawn = most + 1; drawn-- > least;) {
		scale_row(draw, drawn, chances[0]);
		size_t fewest = drawn > before ? drawn - before : 1;
		for (size_t number = fewest; number <= lesser(numbers, drawn); number++)
			add_row(draw, drawn, drawn - number, number * score, chances[number]);
	}
}

static void draw_all(struct draw *draw)
{
	const struct ties *ties = draw->ties;
	size_t before = 0, after = ties->all;
	draw->width = draw->most * draw->scores[draw->last] + 1;
	draw->rows = xcalloc((draw->most + 1) * draw->width, sizeof(*draw->rows));
	draw->low = xcalloc(draw->most + 1, sizeof(*draw->low));
	draw->high = xcalloc(draw->most + 1, sizeof(*draw->high));
	for (size_t drawn = 1; drawn <= draw->most; drawn++)
		draw->low[drawn] = SIZE_MAX;
	draw->rows[0] = 1;
	for (size_t i = 0; i < ties->count; i++) {
		if (i == draw->largest)
			continue;
		after -= ties->sizes[i];
		draw_of_group(draw, i, before, after);
		before += ties->sizes[i];
	}
}

/* Twice the distance of U from its middle. */
static size_t distance_at(const struct draw *draw, size_t drawn, size_t sum)
{
	sum += (draw->fewer - drawn) * draw->scores[draw->largest];
	size_t score = draw->step * sum, middle = draw->fewer * (draw->ties->all - draw->ties->sizes[0]);
	return score > middle ? score - middle : middle - score;
}

/* The farthest that there is; and what lies at least as far, of all. */
static size_t farthest(const struct draw *draw)
{
	size_t most = 0;
	for (size_t drawn = draw->least; drawn <= draw->most; drawn++) {
		for (size_t sum = draw->low[drawn]; sum <= draw->high[drawn]; sum++) {
			size_t distance = distance_at(draw, drawn, sum);
			if (distance > most && draw->rows[drawn * draw->width + sum] > 0)
				most = distance;
		}
	}
	return most;
}

static double share_beyond(const struct draw *draw, size_t distance)
{
	double beyond = 0, all = 0;
	for (size_t drawn = draw->least; drawn <= draw->most; drawn++) {
		double wanting = chance_of(draw, draw->ties->sizes[draw->largest], draw->fewer - drawn);
		for (size_t sum = draw->low[drawn]; sum <= draw->high[drawn]; sum++) {
			double chance = wanting * draw->rows[drawn * draw->width + sum];
			all += chance;
			beyond += distance_at(draw, drawn, sum) >= distance ? chance : 0;
		}
	}
	return beyond / all;
}

static void draw_release(struct draw *draw)
{
	free(draw->scores);
	free(draw->rows);
	free(draw->low);
	free(draw->high);
}

static bool tails_with_ties(const struct ties *ties, size_t fewer, size_t distance, struct tails *ret_tails)
{
	size_t largest = find_largest(ties), size = ties->sizes[largest], end = ties->count - 1;
	if (end == 0) {
		*ret_tails = (struct tails){ .p = 1, .least_p = 1 };
		return true;
	}
	struct draw draw CLEANUP(draw_release) = { .ties = ties,
		.fewer = fewer,
		.largest = largest,
		.first = largest == 0 ? 1 : 0,
		.last = largest == end ? end - 1 : end,
		.least = fewer > size ? fewer - size : 0,
		.most = lesser(fewer, ties->all - size),
		.scores = xcalloc(ties->count, sizeof(*draw.scores)) };
	draw.step = find_scores(ties, draw.scores);
	if (!is_affordable(&draw))
		return false;
	draw_all(&draw);
	*ret_tails = (struct tails){ .p = share_beyond(&draw, distance),
		.least_p = share_beyond(&draw, farthest(&draw)) };
	return true;
}

bool exact_tails(struct rank_chances *chances, const struct ties *ties, size_t a_count, size_t b_count,
    double u, struct tails *ret_tails)
{
	double twice_off = fabs(2 * u - (double)a_count * (double)b_count);
	if (ties->count < ties->all)
		return tails_with_ties(ties, lesser(a_count, b_count), (size_t)twice_off, ret_tails);
	const double *of_u = rank_chances_of_u(chances, a_count, b_count);
	if (of_u)
		*ret_tails = tails_without_ties(of_u, a_count * b_count, u);
	return of_u != NULL;
}

/* ---- as if it were normal ---- */

double deviation_of_u(size_t a_count, size_t b_count)
{
	double n = (double)a_count, m = (double)b_count;
	return sqrt(n * m / 12 * (n + m + 1));
}

double normal_p(const struct ties *ties, size_t a_count, size_t b_count, double u)
{
	size_t *scores OWNED = xcalloc(ties->count + 1, sizeof(*scores));
	double n = (double)a_count, m = (double)b_count, all = n + m, cubes = 0;
	for (size_t i = 0; i < ties->count; i++) {
		double size = (double)ties->sizes[i];
		cubes += size * size * size - size;
	}
	double deviation = sqrt(n * m / 12 * (all + 1 - cubes / (all * (all - 1))));
	double distance = fabs(u - n * m / 2) - fmax(0.5, (double)find_scores(ties, scores) / 4);
	if (!(deviation > 0) || distance <= 0)
		return 1;
	return erfc(distance / deviation / sqrt(2));
}
