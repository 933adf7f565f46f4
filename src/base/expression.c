#include "base/expression.h"

#include "base/buf.h"

#include <ctype.h>
#include <jq.h>
#include <stdbool.h>
#include <string.h>

/* jq takes tens of milliseconds to come up, since it compiles its own library first. Most expressions are
 * plain paths
 * (`.status`, `.checks.redis.status`), which need its values only: they are walked here, by the function that
 * jq itself calls for each name, so that they say what jq would say. */
struct expression {
	jq_state *jq; /* NULL for a plain path */
	char *path;
};

static bool is_plain_path(const char *program)
{
	if (program[0] != '.')
		return false;
	while (program[0] == '.' && (isalpha((unsigned char)program[1]) || program[1] == '_')) {
		program++;
		while (isalnum((unsigned char)*program) || *program == '_')
			program++;
	}
	return *program == '\0';
}

struct complaint {
	struct buf text;
};

static void keep_complaint(void *data, jv message)
{
	struct complaint *complaint = data;
	if (complaint->text.length == 0 && jv_get_kind(message) == JV_KIND_STRING)
		buf_add_string(&complaint->text, jv_string_value(message));
	jv_free(message);
}

/* jq says "jq: error: syntax error … at <top-level>, line 1:\n<program>": the first line is what helps. */
static const char *first_line(struct buf *text)
{
	char *end = text->bytes ? strchr(text->bytes, '\n') : NULL;
	if (end)
		*end = '\0';
	const char *line = buf_string(text);
	return strncmp(line, "jq: ", 4) == 0 ? line + 4 : line;
}

struct expression *expression_compile(const char *program, struct err *err)
{
	if (is_plain_path(program)) {
		struct expression *expression = xcalloc(1, sizeof(*expression));
		expression->path = xstrdup(program);
		return expression;
	}
	jq_state *jq = jq_init();
	if (!jq)
		abort();
	struct complaint complaint = { 0 };
	jq_set_error_cb(jq, keep_complaint, &complaint);
	int compiled = jq_compile(jq, program);
	if (!compiled) {
		err_set(err, ERR_INVALID, "the jq expression `%.120s` is not valid: %s", program,
		    first_line(&complaint.text));
		jq_teardown(&jq);
		buf_release(&complaint.text);
		return NULL;
	}
	jq_set_error_cb(jq, NULL, NULL);
	buf_release(&complaint.text);
	struct expression *expression = xcalloc(1, sizeof(*expression));
	expression->jq = jq;
	return expression;
}

void expression_free(struct expression *expression)
{
	if (!expression)
		return;
	if (expression->jq)
		jq_teardown(&expression->jq);
	free(expression->path);
	free(expression);
}

/* Consumes `value`. */
static char *text_of(jv value)
{
	char *text;
	if (jv_get_kind(value) == JV_KIND_STRING) {
		text = xmemdup0(jv_string_value(value), (size_t)jv_string_length_bytes(jv_copy(value)));
	} else {
		jv dumped = jv_dump_string(jv_copy(value), 0);
		text = xstrdup(jv_string_value(dumped));
		jv_free(dumped);
	}
	jv_free(value);
	return text;
}

/* Consumes `invalid`, whose message may be absent. */
static void set_invalid(struct err *err, jv invalid, const char *what)
{
	jv message = jv_invalid_get_msg(invalid);
	if (jv_get_kind(message) == JV_KIND_STRING)
		err_set(err, ERR_INVALID, "%s: %.200s", what, jv_string_value(message));
	else
		err_set(err, ERR_INVALID, "%s", what);
	jv_free(message);
}

/* Consumes `value`. */
static jv walk(jv value, const char *path)
{
	while (*path && jv_is_valid(value)) {
		size_t length = strcspn(++path, ".");
		value = jv_get(value, jv_string_sized(path, (int)length));
		path += length;
	}
	return value;
}

/* Consumes `input`. */
static jv apply(struct expression *expression, jv input)
{
	if (expression->path)
		return walk(input, expression->path);
	jq_start(expression->jq, input, 0);
	return jq_next(expression->jq);
}

char *expression_run(struct expression *expression, const char *json, size_t length, struct err *err)
{
	jv input = jv_parse_sized(json, (int)length);
	if (!jv_is_valid(input)) {
		set_invalid(err, input, length ? "the body is not JSON" : "the body is empty, not JSON");
		return NULL;
	}
	jv result = apply(expression, input);
	if (!jv_is_valid(result)) {
		set_invalid(err, result, "the expression gave no result");
		return NULL;
	}
	return text_of(result);
}
