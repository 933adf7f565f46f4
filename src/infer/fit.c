#include "infer/fit.h"

/* So far behind the best, a fit is not worth its time. */
#define HOPELESS 20.0
/* Few clients go on after a success where they were before. */
#define CONTINUES_COST 2.0

bool fits_matter(const struct fits *fits, double score)
{
	return fits->count == 0 || score > fits->best - HOPELESS;
}

void fits_add(struct fits *fits, struct fit fit)
{
	fit.from_start = fits->from_start;
	fit.resets = fits->resets;
	fit.score -= fit.resets == RESETS_NO ? CONTINUES_COST : 0;
	if (!isfinite(fit.score) || !fits_matter(fits, fit.score))
		return;
	if (fits->count == 0 || fit.score > fits->best)
		fits->best = fit.score;
	for (size_t i = 0; i < fits->count; i++) {
		struct fit *old = &fits->items[i];
		if (old->family != fit.family || old->jitter != fit.jitter || old->chance != fit.chance ||
		    old->initial_differs != fit.initial_differs || old->from_start != fit.from_start ||
		    old->resets != fit.resets)
			continue;
		if (fit.score > old->score)
			*old = fit;
		return;
	}
	if (fits->count == FITS_MAX)
		BUG("more than %d sorts of fits", FITS_MAX);
	fits->items[fits->count++] = fit;
}
