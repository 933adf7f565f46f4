/* The verbs of expectations on how an application conducts itself: what it holds, how it
 * ends, what it gives away, whether its
 * health can be believed. `into` is the
 * expectation, whose subject is known. */
#include "base/duration.h"
#include "plan/references.h"
#include "plan/scalars.h"

#include <string.h>

/* ---- connections ---- */

int read_connections(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	struct range *range = &((struct expectation *)into)->connections;
	if (read_count_range(reader, node, range, err) < 0)
		return -1;
	if (range->high == 0)
		return refuse(reader, node, err,
		    "`%s` can never be shown: where no connection was seen, nothing was; allow 1 at least",
		    SHOW(node->text));
	if (range->low == 0 && range->high == INT64_MAX)
		return refuse(reader, node, err,
		    "`%s` is true of any number of connections; write a range with an end, as in ..1",
		    SHOW(node->text));
	return 0;
}

/* ---- ends ---- */

enum { EXIT_STATUS_MAX = 255 };

static int read_exit_status(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	struct range *status = into;
	if (read_count_range(reader, node, status, err) < 0)
		return -1;
	if (status->low > EXIT_STATUS_MAX || (status->high > EXIT_STATUS_MAX && status->high != INT64_MAX))
		return refuse(reader, node, err,
		    "`%s` is not an exit status; they are 0 to 255 (128 and the signal's number, as in 137, "
		    "when "
		    "a signal ended it)",
		    SHOW(node->text));
	return 0;
}

static int read_limit(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	struct expectation *expectation = into;
	expectation->has_within = true;
	return read_span(reader, node, &expectation->within_ns, err);
}

int read_ends(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	static const struct field fields[] = {
		{ .key = "exit",
		    .read = read_exit_status,
		    .offset = offsetof(struct expectation, exit_status),
		    .needed = "the exit status, as in 0 or 0..127" },
		{ .key = "within", .read = read_limit },
	};
	return fields_read(reader, node, "`ends`", fields, ARRAY_LENGTH(fields), into, err);
}

/* ---- discloses ---- */

int read_discloses(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	(void)into;
	const char *text = scalar_text(reader, node, "the word `nothing`", err);
	if (!text)
		return -1;
	if (strcmp(text, "nothing") == 0)
		return 0;
	return refuse(reader, node, err,
	    "`%s` cannot be disclosed; write `discloses: nothing`, for no secret of the stack may be",
	    SHOW(text));
}

/* ---- honest ---- */

static int read_by(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	struct expectation *expectation = into;
	if (resolve_watch(reader, node, &expectation->honest.by_watch, err) < 0)
		return -1;
	const struct watch *watch = &reader->plan->watches[expectation->honest.by_watch];
	if (watch->kind != WATCH_HTTP)
		return refuse(reader, node, err,
		    "health is tried by an http watch of an operation that needs the dependency; `%s` is %s",
		    watch->name, watch_kind_name(watch->kind));
	if (expectation->honest.by_watch == expectation->watch)
		return refuse(reader, node, err,
		    "`%s` cannot be tried by itself; `by` is a watch of an operation that needs the "
		    "dependency",
		    watch->name);
	return check_started(reader, node, watch->service, err);
}

static int read_said_states(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	return read_states(reader, node, into, err);
}

int read_honest(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	static const struct field fields[] = {
		{ .key = "by",
		    .read = read_by,
		    .needed = "the http watch of an operation that needs the dependency" },
		{ .key = "says",
		    .read = read_said_states,
		    .needed = "the state, or states, in which health says yes" },
		{ .key = "works", .read = read_status, .offset = offsetof(struct expectation, honest.works) },
		{ .key = "within",
		    .read = read_limit,
		    .needed = "for how long health may say yes while the operation fails" },
	};
	return fields_read(reader, node, "`honest`", fields, ARRAY_LENGTH(fields), into, err);
}
