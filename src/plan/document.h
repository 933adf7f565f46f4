/*
 * document: a YAML 1.2 (so also JSON) file as a tree of nodes that know where they were written.
 *
 * The only place that knows libfyaml. Events are read one by one, so that a limit is noticed before the
 * memory is spent. Duplicate keys, a second document, application tags and keys that are not scalars are
 * refused. Aliases share the node of their anchor (a document is a graph without cycles), each counted with
 * its full size; `<<` merges as compose files use it. Nothing is ever printed: libfyaml's own diagnostics go
 * into the error.
 */
#ifndef PLAN_DOCUMENT_H
#define PLAN_DOCUMENT_H

#include "base/err.h"
#include "base/memory.h"
#include "plan/stack.h"

enum {
	DOCUMENT_NODES_MAX = 100000, /* with everything that aliases stand for */
	DOCUMENT_DEPTH_MAX = 32,
	DOCUMENT_KEYS_MAX = 1000, /* of one mapping */
};

enum node_kind { NODE_NULL, NODE_SCALAR, NODE_SEQUENCE, NODE_MAPPING };

struct entry {
	struct node *key, *value; /* the key is a NODE_SCALAR */
};

struct node {
	enum node_kind kind;
	struct position position;
	bool plain;          /* a scalar without quotes: `true` is a boolean, `~` is null */
	bool merging;        /* the plain key `<<` */
	bool interpolated;   /* its ${…} are done (a node may be reached by several aliases) */
	char *text;          /* SCALAR: without NUL inside; NULL: "" */
	struct node **items; /* SEQUENCE */
	size_t item_count;
	struct entry *entries; /* MAPPING, in the order of the file */
	size_t entry_count;
	size_t weight; /* nodes from here on */
};

struct document;

struct document *document_load(const char *path, const char *what, struct err *err) MUST_CHECK;
/* From memory; `file` names it in messages. */
struct document *document_parse(
    const char *file, const char *what, const char *bytes, size_t length, struct err *err) MUST_CHECK;
void document_free(struct document *document);
const char *document_file(const struct document *document);
/* Never NULL; borrowed, as all nodes are. */
struct node *document_root(const struct document *document);

/* The value of a key of a mapping, or NULL. */
struct node *node_get(const struct node *mapping, const char *key);
/* "a text", "a list", "a map", "nothing". */
const char *node_kind_name(const struct node *node);

#endif
