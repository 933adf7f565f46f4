#include "plan/document.h"

#include "base/buf.h"
#include "plan/file.h"

#include <libfyaml.h>
#include <stdio.h>
#include <string.h>

struct anchor {
	char *name;
	struct node *node;
	bool open; /* still inside it */
};

struct document {
	char *file;
	struct node *root;
	struct node **nodes; /* every node once, for freeing */
	size_t node_count;
};

/* A collection whose end has not come yet. */
struct level {
	struct node *node;
	struct node *key; /* MAPPING: the key whose value comes next */
	size_t anchor;    /* index + 1 into builder.anchors, or 0 */
};

struct builder {
	struct document *document;
	const char *what;
	struct level levels[DOCUMENT_DEPTH_MAX];
	size_t depth;
	struct anchor *anchors;
	size_t anchor_count;
	size_t weight;
	struct position last;
};

static void node_free(struct node *node)
{
	free(node->text);
	free(node->items);
	free(node->entries);
	free(node);
}

void document_free(struct document *document)
{
	if (!document)
		return;
	for (size_t i = 0; i < document->node_count; i++)
		node_free(document->nodes[i]);
	free(document->nodes);
	free(document->file);
	free(document);
}

static void document_free_pointer(struct document **document)
{
	document_free(*document);
}

static void builder_release(struct builder *builder)
{
	for (size_t i = 0; i < builder->anchor_count; i++)
		free(builder->anchors[i].name);
	free(builder->anchors);
}

static int refuse_at(const struct builder *builder, struct position position, struct err *err,
    const char *format, ...) __attribute__((format(printf, 4, 5)));
static int refuse_at(
    const struct builder *builder, struct position position, struct err *err, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	char message[ERR_MESSAGE_MAX];
	vsnprintf(message, sizeof(message), format, arguments);
	va_end(arguments);
	return err_set_at(err, builder->document->file, position.line, position.column, "%s", message);
}

static struct position token_position(struct builder *builder, struct fy_token *token)
{
	const struct fy_mark *mark = token ? fy_token_start_mark(token) : NULL;
	if (mark) /* counted from 0 */
		builder->last = (struct position){ mark->line + 1, mark->column + 1 };
	return builder->last;
}

static struct node *add_node(struct builder *builder, enum node_kind kind, struct position position)
{
	struct node *node = xcalloc(1, sizeof(*node));
	/* NOLINTNEXTLINE(bugprone-sizeof-expression): an array of pointers is meant */
	*array_push(builder->document->nodes, builder->document->node_count) = node;
	node->kind = kind;
	node->position = position;
	node->weight = 1;
	return node;
}

static int spend(struct builder *builder, struct position position, size_t weight, struct err *err)
{
	builder->weight += weight;
	if (builder->weight > DOCUMENT_NODES_MAX)
		return refuse_at(builder, position, err,
		    "with its aliases expanded the file has more than %d values; %s has a few hundred",
		    DOCUMENT_NODES_MAX, builder->what);
	return 0;
}

struct node *node_get(const struct node *mapping, const char *key)
{
	for (size_t i = 0; i < mapping->entry_count; i++)
		if (strcmp(mapping->entries[i].key->text, key) == 0)
			return mapping->entries[i].value;
	return NULL;
}

static const struct node *find_key(const struct node *mapping, const char *key)
{
	for (size_t i = 0; i < mapping->entry_count; i++)
		if (strcmp(mapping->entries[i].key->text, key) == 0)
			return mapping->entries[i].key;
	return NULL;
}

static int take_key(struct builder *builder, struct level *level, struct node *node, struct err *err)
{
	if (node->kind == NODE_NULL)
		return refuse_at(builder, node->position, err, "a key is missing before the colon");
	if (node->kind != NODE_SCALAR)
		return refuse_at(builder, node->position, err, "%s cannot be a key; a key is a word",
		    node_kind_name(node));
	const struct node *first = find_key(level->node, node->text);
	if (first)
		return refuse_at(builder, node->position, err,
		    "the key `%.60s` is here a second time; first on line %d", node->text,
		    first->position.line);
	if (level->node->entry_count >= DOCUMENT_KEYS_MAX)
		return refuse_at(
		    builder, node->position, err, "a map has at most %d keys", DOCUMENT_KEYS_MAX);
	node->merging = node->plain && strcmp(node->text, "<<") == 0;
	level->key = node;
	return 0;
}

/* Puts a finished node, or the beginning of a collection, where it belongs. */
static int place(struct builder *builder, struct node *node, struct err *err)
{
	if (builder->depth == 0) {
		builder->document->root = node;
		return 0;
	}
	struct level *level = &builder->levels[builder->depth - 1];
	if (level->node->kind == NODE_SEQUENCE) {
		/* NOLINTNEXTLINE(bugprone-sizeof-expression): an array of pointers is meant */
		*array_push(level->node->items, level->node->item_count) = node;
		return 0;
	}
	if (!level->key)
		return take_key(builder, level, node, err);
	*array_push(level->node->entries, level->node->entry_count) = (struct entry){ level->key, node };
	level->key = NULL;
	return 0;
}

static int merge_from(struct builder *builder, struct node *target, const struct node *source,
    struct position position, struct err *err)
{
	if (source->kind != NODE_MAPPING)
		return refuse_at(builder, position, err, "`<<` merges a map or a list of maps, not %s",
		    node_kind_name(source));
	if (spend(builder, position, source->entry_count, err) < 0)
		return -1;
	for (size_t i = 0; i < source->entry_count; i++) {
		if (find_key(target, source->entries[i].key->text))
			continue;
		if (target->entry_count >= DOCUMENT_KEYS_MAX)
			return refuse_at(
			    builder, position, err, "a map has at most %d keys", DOCUMENT_KEYS_MAX);
		if (spend(builder, position, source->entries[i].value->weight, err) < 0)
			return -1;
		target->weight += source->entries[i].value->weight;
		*array_push(target->entries, target->entry_count) = source->entries[i];
	}
	return 0;
}

/* Replaces `<<: *defaults` by what it merges: keys written out win, then the earlier of several maps. */
static int merge(struct builder *builder, struct node *mapping, struct err *err)
{
	for (size_t i = 0; i < mapping->entry_count; i++) {
		struct entry entry = mapping->entries[i];
		if (!entry.key->merging)
			continue;
		/* array_push() takes the capacity from the count, so the count must not fall: rebuild. */
		struct entry *kept = NULL;
		size_t kept_count = 0;
		for (size_t j = 0; j < mapping->entry_count; j++)
			if (j != i)
				*array_push(kept, kept_count) = mapping->entries[j];
		free(mapping->entries);
		mapping->entries = kept;
		mapping->entry_count = kept_count;
		if (entry.value->kind != NODE_SEQUENCE)
			return merge_from(builder, mapping, entry.value, entry.key->position, err);
		for (size_t j = 0; j < entry.value->item_count; j++)
			if (merge_from(builder, mapping, entry.value->items[j], entry.key->position, err) < 0)
				return -1;
		return 0;
	}
	return 0;
}

/* Returns index + 1; 0 when the node has no anchor. */
static size_t remember_anchor(struct builder *builder, struct fy_token *token, struct node *node, bool open)
{
	size_t length = 0;
	const char *name = token ? fy_token_get_text(token, &length) : NULL;
	if (!name)
		return 0;
	*array_push(builder->anchors, builder->anchor_count) =
	    (struct anchor){ .name = xmemdup0(name, length), .node = node, .open = open };
	return builder->anchor_count;
}

static int check_tag(struct builder *builder, struct fy_token *tag, struct err *err)
{
	static const char core[] = "tag:yaml.org,2002:";
	size_t length = 0;
	const char *text = tag ? fy_token_get_text(tag, &length) : NULL;
	if (!text || strncmp(text, core, sizeof(core) - 1) == 0 || strcmp(text, "!") == 0)
		return 0;
	return refuse_at(builder, token_position(builder, tag), err,
	    "the tag `%.40s` has no meaning here; remove it", text);
}

static int take_alias(struct builder *builder, struct fy_token *token, struct err *err)
{
	struct position position = token_position(builder, token);
	size_t length = 0;
	const char *name = fy_token_get_text(token, &length);
	/* The latest anchor of a name counts. */
	for (size_t i = builder->anchor_count; name && i-- > 0;) {
		const struct anchor *anchor = &builder->anchors[i];
		if (strlen(anchor->name) != length || memcmp(anchor->name, name, length) != 0)
			continue;
		if (anchor->open)
			return refuse_at(builder, position, err,
			    "the alias `*%.40s` stands inside its own anchor", anchor->name);
		if (spend(builder, position, anchor->node->weight, err) < 0)
			return -1;
		for (size_t j = 0; j < builder->depth; j++)
			builder->levels[j].node->weight += anchor->node->weight;
		return place(builder, anchor->node, err);
	}
	return refuse_at(builder, position, err, "no anchor `&%.*s` comes before this alias",
	    (int)(length < 40 ? length : 40), name ? name : "");
}

static bool is_null_word(const char *text)
{
	return text[0] == '\0' || strcmp(text, "~") == 0 || strcmp(text, "null") == 0 ||
	       strcmp(text, "Null") == 0 || strcmp(text, "NULL") == 0;
}

static int take_scalar(struct builder *builder, const struct fy_event_scalar_data *data, struct err *err)
{
	struct position position = token_position(builder, data->value);
	size_t length = 0;
	const char *text = data->value ? fy_token_get_text(data->value, &length) : NULL;
	if (check_tag(builder, data->tag, err) < 0)
		return -1;
	if (text && memchr(text, '\0', length))
		return refuse_at(builder, position, err, "a NUL character cannot be part of a text");
	struct node *node = add_node(builder, NODE_SCALAR, position);
	node->plain = !data->value || (fy_token_scalar_style(data->value) == FYSS_PLAIN && !data->tag);
	node->text = xmemdup0(text ? text : "", text ? length : 0);
	if (node->plain && is_null_word(node->text))
		node->kind = NODE_NULL;
	if (spend(builder, position, 1, err) < 0)
		return -1;
	for (size_t i = 0; i < builder->depth; i++)
		builder->levels[i].node->weight++;
	remember_anchor(builder, data->anchor, node, false);
	return place(builder, node, err);
}

static int open_level(struct builder *builder, enum node_kind kind, struct fy_token *start,
    struct fy_token *anchor, struct fy_token *tag, struct err *err)
{
	struct position position = token_position(builder, start);
	if (check_tag(builder, tag, err) < 0)
		return -1;
	if (builder->depth == DOCUMENT_DEPTH_MAX)
		return refuse_at(builder, position, err, "lists and maps are nested deeper than %d levels",
		    DOCUMENT_DEPTH_MAX);
	struct node *node = add_node(builder, kind, position);
	if (spend(builder, position, 1, err) < 0)
		return -1;
	for (size_t i = 0; i < builder->depth; i++)
		builder->levels[i].node->weight++;
	if (place(builder, node, err) < 0)
		return -1;
	size_t index = remember_anchor(builder, anchor, node, true);
	builder->levels[builder->depth++] = (struct level){ .node = node, .anchor = index };
	return 0;
}

static int close_level(struct builder *builder, struct err *err)
{
	if (builder->depth == 0)
		BUG("libfyaml ends what it has not begun");
	struct level *level = &builder->levels[--builder->depth];
	if (level->anchor)
		builder->anchors[level->anchor - 1].open = false;
	return level->node->kind == NODE_MAPPING ? merge(builder, level->node, err) : 0;
}

static int take_event(struct builder *builder, struct fy_event *event, struct err *err)
{
	switch (event->type) {
	case FYET_SCALAR:
		return take_scalar(builder, &event->scalar, err);
	case FYET_ALIAS:
		return take_alias(builder, event->alias.anchor, err);
	case FYET_SEQUENCE_START:
		return open_level(builder, NODE_SEQUENCE, event->sequence_start.sequence_start,
		    event->sequence_start.anchor, event->sequence_start.tag, err);
	case FYET_MAPPING_START:
		return open_level(builder, NODE_MAPPING, event->mapping_start.mapping_start,
		    event->mapping_start.anchor, event->mapping_start.tag, err);
	case FYET_SEQUENCE_END:
	case FYET_MAPPING_END:
		return close_level(builder, err);
	case FYET_DOCUMENT_START:
		if (builder->document->root)
			return refuse_at(builder,
			    token_position(builder, event->document_start.document_start), err,
			    "a second YAML document begins here; a file holds one");
		return 0;
	case FYET_NONE:
	case FYET_STREAM_START:
	case FYET_STREAM_END:
	case FYET_DOCUMENT_END:
		return 0;
	}
	return 0;
}

/* A tab in the indentation of line `number` (1-based)? Then that is what is wrong, whatever the parser says.
 */
static int find_tab(const char *bytes, size_t length, int number)
{
	const char *line = bytes, *end = bytes + length;
	for (; number > 1 && line; number--) {
		line = memchr(line, '\n', (size_t)(end - line));
		line = line ? line + 1 : NULL;
	}
	for (int column = 1; line && line < end && (*line == ' ' || *line == '\t'); line++, column++)
		if (*line == '\t')
			return column;
	return 0;
}

static int refuse_syntax(
    struct builder *builder, struct fy_diag *diag, const char *bytes, size_t length, struct err *err)
{
	void *cursor = NULL;
	const struct fy_diag_error *first = fy_diag_errors_iterate(diag, &cursor);
	if (!first)
		return refuse_at(builder, builder->last, err, "this is not valid YAML");
	struct position position = { first->line > 0 ? first->line : builder->last.line,
		first->column > 0 ? first->column : builder->last.column };
	int tab = find_tab(bytes, length, position.line);
	if (tab)
		return refuse_at(builder, (struct position){ position.line, tab }, err,
		    "a tab in the indentation; YAML is indented with blanks");
	if (first->msg && strstr(first->msg, "depth"))
		return refuse_at(builder, position, err, "lists and maps are nested deeper than %d levels",
		    DOCUMENT_DEPTH_MAX);
	return refuse_at(builder, position, err, "this is not valid YAML: %s",
	    first->msg ? first->msg : "no reason given");
}

static void diag_destroy(struct fy_diag **diag)
{
	fy_diag_destroy(*diag);
}

static void parser_destroy(struct fy_parser **parser)
{
	fy_parser_destroy(*parser);
}

static int build(struct builder *builder, const char *bytes, size_t length, struct err *err)
{
	struct fy_diag_cfg quiet;
	fy_diag_cfg_default(&quiet);
	quiet.fp = NULL;
	struct fy_diag *diag CLEANUP(diag_destroy) = fy_diag_create(&quiet);
	if (!diag)
		BUG("libfyaml gave no diagnostics object");
	fy_diag_set_collect_errors(diag, true);
	struct fy_parse_cfg config = {
		.search_path = "", .flags = FYPCF_QUIET | FYPCF_DEFAULT_VERSION_1_2, .diag = diag
	};
	struct fy_parser *parser CLEANUP(parser_destroy) = fy_parser_create(&config);
	if (!parser || fy_parser_set_string(parser, bytes, length) < 0)
		BUG("libfyaml gave no parser");
	for (struct fy_event *event; (event = fy_parser_parse(parser)) != NULL;) {
		int result = take_event(builder, event, err);
		fy_parser_event_free(parser, event);
		if (result < 0)
			return -1;
	}
	if (fy_parser_get_stream_error(parser))
		return refuse_syntax(builder, diag, bytes, length, err);
	return 0;
}

struct document *document_parse(
    const char *file, const char *what, const char *bytes, size_t length, struct err *err)
{
	struct document *document CLEANUP(document_free_pointer) = xcalloc(1, sizeof(*document));
	document->file = xstrdup(file);
	if (file_check_text(file, bytes, length, err) < 0)
		return NULL;
	struct builder builder CLEANUP(
	    builder_release) = { .document = document, .what = what, .last = { 1, 1 } };
	if (length > 0 && build(&builder, bytes, length, err) < 0)
		return NULL;
	if (!document->root || document->root->kind == NODE_NULL) {
		err_set_at(err, file, 1, 1, "the file is empty; %s is expected", what);
		return NULL;
	}
	return steal_ptr(document);
}

struct document *document_load(const char *path, const char *what, struct err *err)
{
	struct buf text CLEANUP(buf_release) = { 0 };
	if (file_read(path, what, &text, err) < 0)
		return NULL;
	return document_parse(path, what, buf_string(&text), text.length, err);
}

const char *document_file(const struct document *document)
{
	return document->file;
}

struct node *document_root(const struct document *document)
{
	return document->root;
}

const char *node_kind_name(const struct node *node)
{
	switch (node->kind) {
	case NODE_NULL:
		return "nothing";
	case NODE_SCALAR:
		return "a text";
	case NODE_SEQUENCE:
		return "a list";
	case NODE_MAPPING:
		return "a map";
	}
	BUG("node kind %d", (int)node->kind);
}
