#include "plan/interpolate.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

struct scope {
	const struct variable *first, *last;
	int depth;
};

const char *variable_find(const struct variable *variables, const char *name)
{
	for (; variables && variables->name; variables++)
		if (strcmp(variables->name, name) == 0)
			return variables->value;
	return NULL;
}

static const char *look_up(const struct scope *scope, const char *name)
{
	const char *value = variable_find(scope->first, name);
	value = value ? value : getenv(name);
	return value ? value : variable_find(scope->last, name);
}

static size_t name_length(const char *text)
{
	if (!isalpha((unsigned char)text[0]) && text[0] != '_')
		return 0;
	size_t length = 1;
	while (isalnum((unsigned char)text[length]) || text[length] == '_')
		length++;
	return length;
}

/* The } that closes the ${ before `text`, over inner ones; NULL if there is none. */
static const char *find_close(const char *text)
{
	int depth = 1;
	for (; *text; text++) {
		if (text[0] == '$' && text[1] == '$')
			text++;
		else if (text[0] == '$' && text[1] == '{')
			depth++;
		else if (*text == '}' && --depth == 0)
			return text;
	}
	return NULL;
}

static int expand(const struct scope *scope, const char *text, struct buf *out, struct err *err);

static int expand_inner(const struct scope *scope, const char *text, struct buf *out, struct err *err)
{
	if (scope->depth >= INTERPOLATE_DEPTH_MAX)
		return err_set(
		    err, ERR_INVALID, "${…} is nested deeper than %d levels", INTERPOLATE_DEPTH_MAX);
	struct scope inner = *scope;
	inner.depth++;
	return expand(&inner, text, out, err);
}

static int refuse_unset(const struct scope *scope, const char *name, const char *message, struct err *err)
{
	struct buf text CLEANUP(buf_release) = { .max = 400 };
	if (expand_inner(scope, message, &text, err) < 0)
		return -1;
	return err_set(err, ERR_INVALID, "the variable `%.60s` is not set%s%s", name, text.length ? ": " : "",
	    buf_string(&text));
}

/* What stands between the braces: name, operator, word. */
static int expand_braced(const struct scope *scope, const char *inside, struct buf *out, struct err *err)
{
	size_t length = name_length(inside);
	char *name OWNED = xmemdup0(inside, length);
	const char *rest = inside + length;
	if (length == 0)
		return err_set(err, ERR_INVALID,
		    "`${%.60s}` does not begin with the name of a variable; write $$ for a dollar sign",
		    inside);
	const char *value = look_up(scope, name);
	bool colon = *rest == ':' && rest[1] && strchr("-?+", rest[1]);
	bool set = value && (!colon || value[0]);
	rest += colon;
	switch (*rest) {
	case '\0':
		if (!value)
			return err_set(err, ERR_INVALID,
			    "the variable `%.60s` is not set; set it, or write ${%.60s:-} where nothing will "
			    "do",
			    name, name);
		buf_add_string(out, value);
		return 0;
	case '-':
		if (!set)
			return expand_inner(scope, rest + 1, out, err);
		buf_add_string(out, value);
		return 0;
	case '?':
		if (!set)
			return refuse_unset(scope, name, rest + 1, err);
		buf_add_string(out, value);
		return 0;
	case '+':
		return set ? expand_inner(scope, rest + 1, out, err) : 0;
	default:
		return err_set(err, ERR_INVALID,
		    "`${%.60s}`: after the name may come :- - :? ? :+ or +; write $$ for a dollar sign",
		    inside);
	}
}

static int expand(const struct scope *scope, const char *text, struct buf *out, struct err *err)
{
	while (*text) {
		if (*text != '$') {
			size_t length = strcspn(text, "$");
			buf_add(out, text, length);
			text += length;
			continue;
		}
		if (text[1] == '$') {
			buf_add_char(out, '$');
			text += 2;
			continue;
		}
		const char *close = text[1] == '{' ? find_close(text + 2) : NULL;
		size_t bare = name_length(text + 1);
		if (!close && bare == 0)
			return err_set(err, ERR_INVALID, "`%.20s`: %s; write $$ for a dollar sign", text,
			    text[1] == '{' ? "the closing } is missing" : "no variable's name follows the $");
		char *inside OWNED =
		    close ? xmemdup0(text + 2, (size_t)(close - text - 2)) : xmemdup0(text + 1, bare);
		if (expand_braced(scope, inside, out, err) < 0)
			return -1;
		if (out->cut)
			return err_set(err, ERR_INVALID,
			    "with its variables put in, the text is longer than %d bytes",
			    INTERPOLATED_BYTES_MAX);
		text = close ? close + 1 : text + 1 + bare;
	}
	return 0;
}

int interpolate(const char *text, const struct variable *first, const struct variable *last, struct buf *out,
    struct err *err)
{
	const struct scope scope = { .first = first, .last = last };
	return expand(&scope, text, out, err);
}
