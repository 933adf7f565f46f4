#include "plan/fields.h"

#include "base/buf.h"
#include "plan/nearest.h"

#include <stdio.h>
#include <string.h>

int refuse_position(
    const struct reader *reader, struct position position, struct err *err, const char *format, ...)
{
	char message[ERR_MESSAGE_MAX];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(message, sizeof(message), format, arguments);
	va_end(arguments);
	return err_set_at(err, reader->file, position.line, position.column, "%s", message);
}

int refuse(const struct reader *reader, const struct node *node, struct err *err, const char *format, ...)
{
	char message[ERR_MESSAGE_MAX];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(message, sizeof(message), format, arguments);
	va_end(arguments);
	return err_set_at(err, reader->file, node->position.line, node->position.column, "%s", message);
}

int refuse_with(
    const struct reader *reader, const struct node *node, struct err *err, const struct err *cause)
{
	return refuse(reader, node, err, "%s", cause->message);
}

int refuse_kind(const struct reader *reader, const struct node *node, struct err *err, const char *what)
{
	return refuse(reader, node, err, "%s is expected here, not %s", what, node_kind_name(node));
}

const char *show_text(const char *text, char buffer[static SHOW_MAX])
{
	struct buf visible CLEANUP(buf_release) = { 0 };
	buf_add_visible(&visible, text, strlen(text), 60);
	snprintf(buffer, SHOW_MAX, "%s", buf_string(&visible));
	return buffer;
}

char *suggest(const struct nearest *nearest)
{
	const char *found = nearest_found(nearest);
	return found ? xasprintf("; did you mean `%s`?", found) : xstrdup("");
}

static bool is_prefix(const struct field *field)
{
	return strcmp(field->key, "x-") == 0;
}

static const struct field *find_field(const struct field *fields, size_t count, const char *key)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(fields[i].key, key) == 0)
			return &fields[i];
	for (size_t i = 0; i < count; i++)
		if (is_prefix(&fields[i]) && strncmp(key, "x-", 2) == 0)
			return &fields[i];
	return NULL;
}

static void list_known(struct buf *text, const struct field *fields, size_t count)
{
	const char *between = "; known are ";
	for (size_t i = 0; i < count; i++) {
		if (fields[i].unsupported || is_prefix(&fields[i]))
			continue;
		buf_addf(text, "%s`%s`", between, fields[i].key);
		between = ", ";
	}
}

static int refuse_key(struct reader *reader, const struct node *key, const char *what,
    const struct field *fields, size_t count, struct err *err)
{
	struct nearest nearest = nearest_to(key->text);
	for (size_t i = 0; i < count; i++)
		if (!fields[i].unsupported && !is_prefix(&fields[i]))
			nearest_offer(&nearest, fields[i].key);
	if (nearest_found(&nearest))
		return refuse(reader, key, err, "unknown key `%s` in %s; did you mean `%s`?", SHOW(key->text),
		    what, nearest_found(&nearest));
	struct buf known CLEANUP(buf_release) = { 0 };
	list_known(&known, fields, count);
	return refuse(
	    reader, key, err, "unknown key `%s` in %s%s", SHOW(key->text), what, buf_string(&known));
}

static int check_keys(struct reader *reader, const struct node *node, const char *what,
    const struct field *fields, size_t count, struct err *err)
{
	for (size_t i = 0; i < node->entry_count; i++) {
		const struct node *key = node->entries[i].key;
		const struct field *field = find_field(fields, count, key->text);
		if (!field)
			return refuse_key(reader, key, what, fields, count, err);
		if (field->unsupported)
			return refuse(reader, key, err, "`%s` in %s is not supported: %s", SHOW(key->text),
			    what, field->unsupported);
	}
	return 0;
}

int fields_read(struct reader *reader, const struct node *node, const char *what, const struct field *fields,
    size_t count, void *into, struct err *err)
{
	if (node->kind != NODE_MAPPING)
		return refuse(reader, node, err, "%s is a map of keys, not %s", what, node_kind_name(node));
	if (check_keys(reader, node, what, fields, count, err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		const struct node *value = node_get(node, fields[i].key);
		if (!value && fields[i].needed)
			return refuse(
			    reader, node, err, "%s needs `%s`: %s", what, fields[i].key, fields[i].needed);
		if (!value || !fields[i].read)
			continue;
		if (fields[i].read(reader, value, (char *)into + fields[i].offset, err) < 0)
			return -1;
	}
	return 0;
}

static const char *choice_key(const struct choice *choice, size_t index)
{
	return *(const char *const *)(const void *)((const char *)choice->keys + index * choice->stride);
}

static int refuse_choice(
    struct reader *reader, const struct node *node, const struct choice *choice, struct err *err)
{
	for (size_t i = 0; i < node->entry_count; i++) {
		const struct node *key = node->entries[i].key;
		struct nearest nearest = nearest_to(key->text);
		for (size_t j = 0; j < choice->count; j++)
			nearest_offer(&nearest, choice_key(choice, j));
		if (nearest_found(&nearest))
			return refuse(reader, key, err, "unknown key `%s` in %s; did you mean `%s`?",
			    SHOW(key->text), choice->in, nearest_found(&nearest));
	}
	struct buf keys CLEANUP(buf_release) = { 0 };
	for (size_t i = 0; i < choice->count; i++)
		buf_addf(&keys, "%s%s",
		    i == 0                   ? ""
		    : i + 1 == choice->count ? " or "
					     : ", ",
		    choice_key(choice, i));
	return refuse(reader, node, err, "%s: %s", choice->needs, buf_string(&keys));
}

int choice_find(struct reader *reader, const struct node *node, const struct choice *choice, struct err *err)
{
	size_t found = choice->count;
	for (size_t i = 0; i < choice->count; i++) {
		if (!node_get(node, choice_key(choice, i)))
			continue;
		if (found < choice->count)
			return refuse(reader, node, err, "%s; this one has both `%s` and `%s`", choice->one,
			    choice_key(choice, found), choice_key(choice, i));
		found = i;
	}
	return found < choice->count ? (int)found : refuse_choice(reader, node, choice, err);
}
