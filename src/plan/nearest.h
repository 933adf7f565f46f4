/*
 * nearest: which known word somebody may have meant.
 *
 *	struct nearest nearest = nearest_to("matchs");
 *	nearest_offer(&nearest, "matches");  // once for each known word
 *	nearest_found(&nearest);             // "matches", or NULL when none is near enough
 *
 * Near is counted in slips of the finger: a letter missing, added, changed, or two swapped; letter case
 * counts nothing. A third of the word may be wrong. Words are borrowed.
 */
#ifndef PLAN_NEAREST_H
#define PLAN_NEAREST_H

#include <stddef.h>

struct nearest {
	const char *word;
	const char *found;
	size_t distance; /* of `found`; at first one more than may be */
};

struct nearest nearest_to(const char *word);
void nearest_offer(struct nearest *nearest, const char *known);
const char *nearest_found(const struct nearest *nearest);

#endif
