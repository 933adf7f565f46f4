/*
 * choice: of all policies, and of all ways to take the gaps, the one that explains them best, and how sure
 * that is.
 */
#ifndef INFER_CHOICE_H
#define INFER_CHOICE_H

#include "infer/fit.h"
#include "infer/runs.h"

/* Below this it is `unknown`. */
#define CONFIDENCE_LEAST 0.8

struct choice {
	struct fit best;
	double confidence;
	size_t gaps, left_out;
	int first_index; /* of the gaps, the least */
	bool is_decided;
};

struct choice choose(const struct sightings *sightings, const struct runs *runs);

/* What stays as it is from its third gap on may have grown before. */
bool lacks_first_gaps(const struct choice *choice);
/* Gaps that may be of any length up to the delay are told by their short ones. */
bool lacks_short_gaps(const struct choice *choice);
/* The lengths of failed attempts differ by more than a clock's grain: only then can one see whether a delay
 * counts from their beginning. */
bool lengths_differ(const struct sightings *sightings);

#endif
