/*
 * lookup: from a name to the place of what has it, in a list that grows beside.
 *
 * For names from outside: a balanced tree, so that no choice of names makes it slow.
 */
#ifndef BASE_LOOKUP_H
#define BASE_LOOKUP_H

#include <stddef.h>
#include <stdint.h>

struct lookup {
	void *root; /* tsearch(3); {0} is empty */
};

#define LOOKUP_NONE SIZE_MAX

/* LOOKUP_NONE: nothing has that name. */
size_t lookup_place(const struct lookup *lookup, const char *name);
/* Keeps a copy of the name, which must be new. */
void lookup_add(struct lookup *lookup, const char *name, size_t place);
void lookup_release(struct lookup *lookup);

#endif
