#include "base/lookup.h"

#include "base/err.h"
#include "base/memory.h"

#include <search.h>
#include <string.h>

struct named {
	const char *name; /* owned, in a tree */
	size_t place;
};

static int by_name(const void *left, const void *right)
{
	const struct named *a = left, *b = right;
	return strcmp(a->name, b->name);
}

size_t lookup_place(const struct lookup *lookup, const char *name)
{
	const struct named key = { .name = name };
	struct named *const *found = tfind(&key, &lookup->root, by_name);
	return found ? (*found)->place : LOOKUP_NONE;
}

void lookup_add(struct lookup *lookup, const char *name, size_t place)
{
	struct named *named = xmalloc(sizeof(*named));
	*named = (struct named){ .name = xstrdup(name), .place = place };
	struct named *const *found = tsearch(named, &lookup->root, by_name);
	if (!found || *found != named)
		BUG("the name `%s` %s", name, found ? "is there already" : "found no memory");
}

static void free_named(void *node)
{
	struct named *named = node;
	free((char *)named->name);
	free(named);
}

void lookup_release(struct lookup *lookup)
{
	tdestroy(lookup->root, free_named);
	lookup->root = NULL;
}
