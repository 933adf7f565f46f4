/*
 * fields: reading maps of known keys into structs, by table.
 *
 *	static const struct field fields[] = {
 *		{ "to", read_endpoint, offsetof(struct watch, to_port), .needed = "whom it dials" },
 *		{ "begins", read_pattern, offsetof(struct watch, begins) },
 *	};
 *	fields_read(reader, node, "an attempts watch", fields, ARRAY_LENGTH(fields), watch, err);
 *
 * A key that is not in the table is an error that names the nearest one that is. Each value is read by its
 * field's function into the struct at `offset`; keys are read in the order of the table, so that a later one
 * may rely on an earlier one.
 */
#ifndef PLAN_FIELDS_H
#define PLAN_FIELDS_H

#include "plan/document.h"
#include "plan/plan.h"

/* What every reading function needs. */
struct reader {
	const char *file; /* of the nodes being read */
	double speed;
	struct plan *plan;                     /* being made; NULL while a stack is read by itself */
	struct stack *stack;                   /* being made, or the plan's */
	const struct variable *variables;      /* for ${…} in a stack, before the environment */
	const struct variable *more_variables; /* and after it: the file .env */
	size_t current; /* the step that is being read: names of later steps are too late */
};

typedef int field_read(struct reader *reader, const struct node *node, void *into, struct err *err);

struct field {
	const char *key;  /* "x-": every key that begins so */
	field_read *read; /* NULL: accepted, and without effect */
	size_t offset;
	const char *needed;      /* the key is obligatory: what it is for */
	const char *unsupported; /* the key is refused: why, or what to do instead */
};

/* `what` names the map in messages, with its article or as a name ("a step", "service `redis`"). */
int fields_read(struct reader *reader, const struct node *node, const char *what, const struct field *fields,
    size_t count, void *into, struct err *err) MUST_CHECK;

/* A map that has one of several keys: the verb of a step, the phase of a script's element. The keys stand in
 * a table of the caller's: KEYS(verbs). */
struct choice {
	const char *in;    /* "a step" */
	const char *one;   /* "a step does one thing" */
	const char *needs; /* "a step needs one verb" */
	const char *const *keys;
	size_t stride, count; /* bytes from key to key; keys */
};
#define KEYS(table) .keys = &(table)[0].key, .stride = sizeof((table)[0]), .count = ARRAY_LENGTH(table)

/* Which one the map has: its index in the table, or -1 when it has none (the message has the nearest) or two.
 */
int choice_find(
    struct reader *reader, const struct node *node, const struct choice *choice, struct err *err) MUST_CHECK;

/* An error at a node. Returns -1. */
int refuse(const struct reader *reader, const struct node *node, struct err *err, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
int refuse_position(const struct reader *reader, struct position position, struct err *err,
    const char *format, ...) __attribute__((format(printf, 4, 5)));
/* Gives an error that has no place yet the node's. Returns -1. */
int refuse_with(
    const struct reader *reader, const struct node *node, struct err *err, const struct err *cause);
/* "<what>, not a list": the node is of the wrong kind. */
int refuse_kind(const struct reader *reader, const struct node *node, struct err *err, const char *what);

#define SHOW_MAX 100
/* A text from the file as a message can show it: control characters escaped, cut after some 60 bytes. */
const char *show_text(const char *text, char buffer[static SHOW_MAX]);
#define SHOW(text) show_text((text), (char[SHOW_MAX]){ 0 })

/* "; did you mean `matches`?" or "", for the end of a message. Owned by the caller. */
struct nearest;
char *suggest(const struct nearest *nearest) MUST_CHECK;

#endif
