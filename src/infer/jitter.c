/*
 * Jittered schedules: the gaps of each level lie evenly in a band, and the bands grow as the delay does. The
 * likeliest bands are the narrowest that hold every gap, so a fit is a search for the growth that makes them
 * narrowest; the scale follows from the gaps that touch the edges.
 */
#include "infer/fit.h"

enum { LEVELS_MAX = 40, CAP_LEVELS = 14, GRID = 16, REFINE = 24, GROWTH_LEAST = 3 };

/* Below this share of its upper edge the lower edge of an even spread is no delay any more. */
#define LOWEST_SHARE 0.3
/* A band that is narrower than so many grains is none. */
#define WIDTH_LEAST 3
/* A cap that is closer to the first delay leaves no growth to be seen. */
#define GROWTH_VISIBLE 1.3
/* Against schedules: there are more ways to be jittered than not to be. */
#define JITTER_COST 2.0
/* Growth behind jitter has more to fit with than what it costs says. Half to the whole of a delay is a third
 * around three quarters of it: what people call equal is taken for that. */
#define GROWTH_COST 2.0
#define PROPORTIONAL_COST 2.5
/* A test that says "not so" by this is believed: about once in a thousand for what is so. */
#define SPREAD_LIMIT 1.95
#define ECHO_LIMIT 3.5

/* As fmin() and fmax(), for numbers that are none of NaN: inline, where nearly all time is spent. */
static inline double least(double a, double b)
{
	return a < b ? a : b;
}

static inline double most(double a, double b)
{
	return a > b ? a : b;
}

struct level {
	double low, high; /* as seen, widened by nothing */
	double log_low, log_high;
	double log_lenient; /* of `low` with the grain added: so much lower than its band it may be */
	double grain;       /* the finest of its gaps */
	double count;
};

struct levels {
	struct level items[LEVELS_MAX + 1]; /* by index - 1 */
	int count;
	double total;
	/* Of the levels from here on, all together. */
	struct level rest[LEVELS_MAX + 1];
	bool whole; /* no gap has an index above LEVELS_MAX */
};

static void widen(struct level *level, double low, double high, double grain, double count)
{
	if (level->count == 0 || low < level->low)
		level->low = low;
	if (level->count == 0 || high > level->high)
		level->high = high;
	if (level->count == 0 || grain < level->grain)
		level->grain = grain;
	level->count += count;
}

static void take_logarithms(struct level *level)
{
	if (level->count == 0)
		return;
	level->log_low = log(level->low);
	level->log_lenient = log(level->low + level->grain);
	level->log_high = log(level->high);
}

static void make_levels(const struct gaps *gaps, struct levels *levels)
{
	*levels = (struct levels){ .whole = true };
	for (size_t i = 0; i < gaps->count; i++) {
		const struct gap *gap = &gaps->items[i];
		int level = gap->index - 1;
		if (level >= LEVELS_MAX) {
			level = LEVELS_MAX;
			levels->whole = false;
		}
		widen(&levels->items[level], gap->length, gap->length, gap->tolerance, 1);
		if (level >= levels->count && level < LEVELS_MAX)
			levels->count = level + 1;
		levels->total++;
	}
	for (int i = LEVELS_MAX; i >= 0; i--) {
		if (i < LEVELS_MAX)
			levels->rest[i] = levels->rest[i + 1];
		const struct level *level = &levels->items[i];
		if (level->count > 0)
			widen(&levels->rest[i], level->low, level->high, level->grain, level->count);
	}
	for (int i = 0; i <= LEVELS_MAX; i++) {
		take_logarithms(&levels->items[i]);
		take_logarithms(&levels->rest[i]);
	}
}

/* One trial: how many levels grow (the rest is at the cap), in which way, by how much. */
struct trial {
	const struct levels *levels;
	enum family family;
	enum jitter jitter;
	int growing;
	/* What it comes to. */
	double scale;                 /* the upper edge at index 1; ADDITIVE: the lower */
	double cap;                   /* the same at the cap */
	double width;                 /* ADDITIVE: seconds; PROPORTIONAL: lower edge over upper edge */
	double grown[LEVELS_MAX + 1]; /* how much larger the delay of each level is than the first */
	double log_grown[LEVELS_MAX + 1];
};

/* `growth` is the logarithm of the factor, or of the step as a share of the first delay. */
static void grow(struct trial *trial, double growth)
{
	bool is_additive = trial->jitter == JITTER_ADDITIVE;
	double by = exp(growth), grown = 1;
	for (int i = 0; i <= trial->growing && i <= LEVELS_MAX; i++) {
		trial->grown[i] = grown;
		if (!is_additive)
			trial->log_grown[i] = trial->family == FAMILY_LINEAR ? log(grown) : growth * i;
		grown = trial->family == FAMILY_LINEAR ? grown + by : grown * by;
	}
}

static double excess(double value)
{
	return value > 0 ? value : 0;
}

/* Bands that are a share of the delay. Less the logarithm of the density, and a penalty for gaps outside. */
static double cost_of_share(struct trial *trial)
{
	const struct levels *levels = trial->levels;
	const struct level *rest = trial->growing < levels->count ? &levels->rest[trial->growing] : NULL;
	double top = -INFINITY, bottom = INFINITY, lenient = INFINITY, sum = 0, count = 0;
	for (int i = 0; i < trial->growing; i++) {
		const struct level *level = &levels->items[i];
		if (level->count == 0)
			continue;
		double grown = trial->log_grown[i];
		top = most(top, level->log_high - grown);
		bottom = least(bottom, level->log_low - grown);
		lenient = least(lenient, level->log_lenient - grown);
		sum += level->count * grown;
		count += level->count;
	}
	/* A band is as wide as its gaps lie apart; that of a known share may be missed by the grain. */
	double ratio = bottom - top, lenient_ratio = lenient - top, cost = sum + count * top;
	trial->scale = exp(top);
	trial->cap = 0;
	if (rest) {
		trial->cap = rest->high;
		ratio = least(ratio, rest->log_low - rest->log_high);
		lenient_ratio = least(lenient_ratio, rest->log_lenient - rest->log_high);
		cost += rest->count * rest->log_high;
		/* The cap cuts what would grow on: it lies between the last delay and the next. */
		double slack = 2 / count + 2 / rest->count;
		double next = top + trial->log_grown[trial->growing];
		double last = top + trial->log_grown[trial->growing - 1];
		cost +=
		    100 * excess(rest->log_high - next - slack) + 100 * excess(last - slack - rest->log_high);
		count += rest->count;
	}
	switch (trial->jitter) {
	case JITTER_EQUAL:
		return cost - count * log(2) + 1000 * excess(-log(2) - lenient_ratio);
	case JITTER_PROPORTIONAL:
		trial->width = exp(least(ratio, 0));
		return cost + count * log(most(1 - trial->width, 2 * GRAIN_SHARE));
	case JITTER_FULL:
	case JITTER_NONE:
	case JITTER_ADDITIVE:
		break;
	}
	return cost;
}

/* Bands of one width. */
static double cost_of_width(struct trial *trial)
{
	const struct levels *levels = trial->levels;
	const struct level *rest = trial->growing < levels->count ? &levels->rest[trial->growing] : NULL;
	double scale = INFINITY, width = 2 * GRAIN_S, count = 0;
	for (int i = 0; i < trial->growing; i++) {
		if (levels->items[i].count > 0)
			scale = least(scale, levels->items[i].low / trial->grown[i]);
		count += levels->items[i].count;
	}
	for (int i = 0; i < trial->growing; i++)
		if (levels->items[i].count > 0)
			width = most(width, levels->items[i].high - scale * trial->grown[i]);
	double penalty = 0;
	trial->cap = 0;
	if (rest) {
		width = most(width, rest->high - rest->low);
		trial->cap = rest->low;
		double slack = width * (2 / count + 2 / rest->count) / rest->low;
		double next = scale * trial->grown[trial->growing];
		double last = scale * trial->grown[trial->growing - 1];
		penalty =
		    100 * excess(log(rest->low / next) - slack) + 100 * excess(log(last / rest->low) - slack);
	}
	trial->scale = scale;
	trial->width = width;
	/* A band says no more of a long gap than its grain allows. */
	double cost = penalty;
	for (int i = 0; i < trial->growing; i++)
		if (levels->items[i].count > 0)
			cost += levels->items[i].count * log(most(width, 2 * levels->items[i].grain));
	return rest ? cost + rest->count * log(most(width, 2 * rest->grain)) : cost;
}

static double cost_at(struct trial *trial, double growth)
{
	grow(trial, growth);
	return trial->jitter == JITTER_ADDITIVE ? cost_of_width(trial) : cost_of_share(trial);
}

/* The growth that costs least: a grid, then a golden section around its best. */
static double search_growth(struct trial *trial, double low, double high)
{
	static const double golden = 0.381966;
	double best = low, best_cost = INFINITY, step = (high - low) / (GRID - 1);
	for (int i = 0; i < GRID; i++) {
		double cost = cost_at(trial, low + step * i);
		if (cost < best_cost) {
			best_cost = cost;
			best = low + step * i;
		}
	}
	double left = most(low, best - step), right = least(high, best + step);
	double a = left + golden * (right - left), b = right - golden * (right - left);
	double cost_a = cost_at(trial, a), cost_b = cost_at(trial, b);
	for (int i = 0; i < REFINE; i++) {
		if (cost_a < cost_b) {
			right = b;
			b = a;
			cost_b = cost_a;
			a = left + golden * (right - left);
			cost_a = cost_at(trial, a);
		} else {
			left = a;
			a = b;
			cost_a = cost_b;
			b = right - golden * (right - left);
			cost_b = cost_at(trial, b);
		}
	}
	return cost_a < cost_b ? a : b;
}

/* Where in its band a gap lies, from 0 to 1. */
static double place_of(const struct fit *fit, const struct gap *gap)
{
	double delay = fit->first;
	if (fit->family == FAMILY_EXPONENTIAL)
		delay *= pow(fit->growth, gap->index - 1);
	else if (fit->family == FAMILY_LINEAR)
		delay += fit->growth * (gap->index - 1);
	if (fit->cap > 0 && delay > fit->cap)
		delay = fit->cap;
	switch (fit->jitter) {
	case JITTER_FULL:
		return gap->length / delay;
	case JITTER_EQUAL:
		return 2 * gap->length / delay - 1;
	case JITTER_ADDITIVE:
		return (gap->length - delay) / fit->range;
	case JITTER_PROPORTIONAL:
		return (gap->length / delay - 1 + fit->range) / (2 * fit->range);
	case JITTER_NONE:
		break;
	}
	return 0.5;
}

static int compare_places(const void *left, const void *right)
{
	double a = *(const double *)left, b = *(const double *)right;
	return (a > b) - (a < b);
}

bool spread_is_even(const struct gaps *gaps, double *places)
{
	double worst = 0, product = 0, pairs = 0, square = 0;
	size_t count = gaps->count;
	for (size_t i = 0; i < count; i++) {
		square += (places[i] - 0.5) * (places[i] - 0.5);
		if (i > 0 && gaps->items[i].run == gaps->items[i - 1].run) {
			product += (places[i] - 0.5) * (places[i - 1] - 0.5);
			pairs++;
		}
	}
	double echo = square > 0 ? product / square * (double)count / sqrt(most(pairs, 1)) : 0;
	qsort(places, count, sizeof(*places), compare_places);
	for (size_t i = 0; i < count; i++) {
		worst = most(worst, fabs((double)(i + 1) / (double)count - places[i]));
		worst = most(worst, fabs(places[i] - (double)i / (double)count));
	}
	return worst * sqrt((double)count) < SPREAD_LIMIT && fabs(echo) < ECHO_LIMIT;
}

static void add(const struct gaps *gaps, struct fits *fits, struct fit fit)
{
	double places[GAPS_MAX];
	fit.score -= JITTER_COST;
	if (!fits_matter(fits, fit.score))
		return;
	fit.confirmed = gaps->count;
	for (size_t i = 0; i < gaps->count; i++)
		places[i] = place_of(&fit, &gaps->items[i]);
	if (spread_is_even(gaps, places))
		fits_add(fits, fit);
}

/* ---- a delay that does not grow ---- */

static void fit_fixed(const struct gaps *gaps, const struct levels *levels, struct fits *fits)
{
	const struct level *all = &levels->rest[0];
	double n = levels->total, edge = cost_of(TIME_RANGE, 1 / n);
	double width = all->high - all->low;
	if (width < WIDTH_LEAST * all->grain || all->low < LOWEST_SHARE * all->high)
		return;
	double wider = width / (n - 1);
	if (all->low + all->grain >= all->high / 2) {
		struct fit fit = { .family = FAMILY_FIXED, .jitter = JITTER_EQUAL };
		fit.first = least(all->high * (1 + 0.5 / n), 2 * all->low);
		fit.score = -n * log(all->high / 2) - edge;
		add(gaps, fits, fit);
	}
	struct fit fit = { .family = FAMILY_FIXED, .jitter = JITTER_ADDITIVE };
	fit.first = all->low - wider;
	fit.range = width + 2 * wider;
	fit.score = -n * log(width) - edge - cost_of(TIME_RANGE, width / all->low / n);
	add(gaps, fits, fit);
}

/* ---- one that does ---- */

/* The narrowest bands that hold all gaps are a little too narrow: by one gap in so many for each parameter.
 */
static void correct(struct fit *fit, const struct trial *trial, double growing, double at_cap)
{
	double edge = fit->cap > 0 ? at_cap : 0;
	switch (trial->jitter) {
	case JITTER_FULL:
		fit->first *= 1 + 2 / growing;
		fit->cap *= edge > 0 ? 1 + 1 / edge : 1;
		break;
	case JITTER_EQUAL:
		fit->first *= 1 + 1 / growing;
		fit->cap *= edge > 0 ? 1 + 0.5 / edge : 1;
		break;
	case JITTER_ADDITIVE:
		fit->range += 2 * trial->width / (growing + edge);
		fit->cap -= edge > 0 ? trial->width / edge : 0;
		break;
	case JITTER_PROPORTIONAL:
		/* So far the upper edge; the delay is the middle of the band. */
		fit->range = (1 - trial->width) / (1 + trial->width) * (1 + 2 / (growing + edge));
		fit->first *= (1 + trial->width) / 2;
		fit->cap *= (1 + trial->width) / 2;
		break;
	case JITTER_NONE:
		break;
	}
}

static double spread_of(const struct levels *levels, int growing, double *ret_count)
{
	double sum = 0, squares = 0, count = 0;
	for (int i = 0; i < growing; i++) {
		sum += levels->items[i].count * i;
		squares += levels->items[i].count * i * i;
		count += levels->items[i].count;
	}
	*ret_count = count;
	return sqrt(squares / count - sum / count * (sum / count));
}

static void fit_growth(
    const struct gaps *gaps, const struct levels *levels, struct trial trial, struct fits *fits)
{
	bool exponential = trial.family == FAMILY_EXPONENTIAL;
	double low = exponential ? log(1.1) : log(0.1), high = exponential ? log(8) : log(20);
	double growth = search_growth(&trial, low, high);
	double cost = cost_at(&trial, growth), growing;
	double spread = spread_of(levels, trial.growing, &growing);
	double at_cap = levels->total - growing;
	struct fit fit = { .family = trial.family,
		.jitter = trial.jitter,
		.first = trial.scale,
		.cap = trial.cap,
		.range = trial.jitter == JITTER_ADDITIVE ? trial.width : 0 };
	cost += GROWTH_COST + cost_of(TIME_RANGE, 1 / growing) + cost_of(high - low, 1 / growing / spread);
	if (trial.cap > 0)
		cost += cost_of(TIME_RANGE, 1 / at_cap);
	if (trial.jitter == JITTER_ADDITIVE)
		cost += cost_of(TIME_RANGE, 1 / levels->total);
	if (trial.jitter == JITTER_PROPORTIONAL) {
		cost += PROPORTIONAL_COST + cost_of(1, 1 / levels->total);
		if (trial.width < 0.2)
			return; /* that is full jitter, or chance */
	}
	if (trial.jitter == JITTER_ADDITIVE && trial.width < WIDTH_LEAST * levels->rest[0].grain)
		return;
	/* As good as none. */
	if (trial.cap > 0 && trial.cap < GROWTH_VISIBLE * trial.scale)
		return;
	correct(&fit, &trial, growing, at_cap);
	fit.growth = exponential ? exp(growth) : exp(growth) * fit.first;
	fit.at_cap = (size_t)at_cap;
	fit.score = -cost;
	add(gaps, fits, fit);
	/* One step, and then the cap: the step may be one of either kind. */
	if (exponential && trial.growing <= 2) {
		fit.family = FAMILY_LINEAR;
		fit.growth = (fit.growth - 1) * fit.first;
		add(gaps, fits, fit);
	}
}

void fit_jitters(const struct gaps *gaps, struct fits *fits)
{
	static const enum jitter kinds[] = { JITTER_FULL, JITTER_EQUAL, JITTER_ADDITIVE,
		JITTER_PROPORTIONAL };
	struct levels levels;
	if (gaps->count < INFER_GAPS_JITTER_MIN)
		return;
	make_levels(gaps, &levels);
	fit_fixed(gaps, &levels, fits);
	/* Growth that reaches its cap sooner than it shows its kind is tried, too: then both kinds do as
	 * well. */
	for (int growing = 1; growing <= levels.count; growing++) {
		bool is_capped = growing < levels.count || !levels.whole;
		if (is_capped ? growing > CAP_LEVELS : growing < GROWTH_LEAST)
			continue;
		for (size_t i = 0; i < 2 * ARRAY_LENGTH(kinds); i++)
			if (i % 2 == 0 || growing > 2)
				fit_growth(gaps, &levels,
				    (struct trial){ .levels = &levels,
					.family = i % 2 ? FAMILY_LINEAR : FAMILY_EXPONENTIAL,
					.jitter = kinds[i / 2],
					.growing = growing },
				    fits);
	}
}
