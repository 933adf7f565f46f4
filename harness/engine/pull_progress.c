#include "engine/pull_progress.h"

#include "base/buf.h"
#include "engine/json_text.h"

#include <stdbool.h>
#include <string.h>

/* An engine refuses images of more than 127 layers; more names than this are not followed. */
#define LAYERS_MAX 256
#define LAYER_NAME_MAX 80
#define STATUS_MAX 200
#define ERROR_MAX 1024
#define LOADED_MAX 64

struct layer {
	char name[LAYER_NAME_MAX];
	int64_t current, total;
};

struct pull_progress {
	struct layer *layers;
	size_t layer_count;
	struct buf status;
	json_t *result;
};

struct pull_progress *pull_progress_new(void)
{
	struct pull_progress *progress = xcalloc(1, sizeof(*progress));
	progress->result = json_object();
	return progress;
}

void pull_progress_free(struct pull_progress *progress)
{
	if (!progress)
		return;
	free(progress->layers);
	buf_release(&progress->status);
	json_decref(progress->result);
	free(progress);
}

static struct layer *layer_named(struct pull_progress *progress, const char *name)
{
	if (!*name || strlen(name) >= LAYER_NAME_MAX)
		return NULL;
	for (size_t i = 0; i < progress->layer_count; i++)
		if (strcmp(progress->layers[i].name, name) == 0)
			return &progress->layers[i];
	if (progress->layer_count == LAYERS_MAX)
		return NULL;
	struct layer *layer = array_push(progress->layers, progress->layer_count);
	memcpy(layer->name, name, strlen(name) + 1);
	return layer;
}

/* Only what moves over the wire is counted: unpacking a layer starts its counter again, and would make the
 * whole run backwards. */
static void follow_layer(
    struct pull_progress *progress, const char *name, const char *status, const json_t *detail)
{
	bool moves = strcmp(status, "Downloading") == 0 || strcmp(status, "Loading layer") == 0;
	bool is_there = strcmp(status, "Download complete") == 0 || strcmp(status, "Pull complete") == 0;
	if (!moves && !is_there)
		return;
	struct layer *layer = layer_named(progress, name);
	if (!layer)
		return;
	int64_t current = json_integer_value(json_object_get(detail, "current"));
	int64_t total = json_integer_value(json_object_get(detail, "total"));
	/* A petabyte: no layer has it, and 256 of them still add up in 64 bits. */
	const int64_t most = INT64_C(1) << 50;
	if (moves && total > layer->total && total <= most)
		layer->total = total;
	if (moves && current > layer->current)
		layer->current = current;
	if (is_there || layer->current > layer->total)
		layer->current = layer->total;
}

static void set_status(struct pull_progress *progress, const char *text)
{
	size_t length = strlen(text);
	while (length && strchr("\r\n ", text[length - 1]))
		length--;
	if (length == 0)
		return;
	buf_clear(&progress->status);
	buf_add_visible(&progress->status, text, length, STATUS_MAX);
}

static int report_failure(const json_t *object, struct err *err)
{
	const char *text = json_text_member(json_object_get(object, "errorDetail"), "message");
	if (!*text)
		text = json_text_member(object, "error");
	struct buf shown CLEANUP(buf_release) = { 0 };
	size_t length = strlen(text);
	while (length && strchr("\r\n ", text[length - 1]))
		length--;
	buf_add_visible(&shown, text, length, ERROR_MAX);
	/* The engine has no status for this, but says it in the registry's words. */
	bool is_missing = strstr(text, "not found") || strstr(text, "manifest unknown");
	return err_set(err, is_missing ? ERR_NOT_FOUND : ERR_ENVIRONMENT, "%s",
	    shown.length ? buf_string(&shown) : "the engine reports an error without saying which");
}

static void note_loaded(struct pull_progress *progress, const char *text)
{
	static const char *const prefixes[] = { "Loaded image: ", "Loaded image ID: " };
	for (size_t i = 0; i < ARRAY_LENGTH(prefixes); i++) {
		size_t length = strlen(prefixes[i]);
		if (strncmp(text, prefixes[i], length) != 0)
			continue;
		json_t *loaded = json_object_get(progress->result, "Loaded");
		if (!loaded) {
			loaded = json_array();
			json_object_set_new(progress->result, "Loaded", loaded);
		}
		if (json_array_size(loaded) < LOADED_MAX)
			json_array_append_new(
			    loaded, json_stringn(text + length, strcspn(text + length, "\r\n")));
	}
}

int pull_progress_add(struct pull_progress *progress, const json_t *object, struct err *err)
{
	if (json_object_get(object, "error") || json_object_get(object, "errorDetail"))
		return report_failure(object, err);
	const char *status = json_text_member(object, "status");
	const char *stream = json_text_member(object, "stream");
	follow_layer(
	    progress, json_text_member(object, "id"), status, json_object_get(object, "progressDetail"));
	set_status(progress, *status ? status : stream);
	note_loaded(progress, stream);

	static const char digest[] = "Digest: ";
	if (strncmp(status, digest, sizeof(digest) - 1) == 0)
		json_object_set_new(progress->result, "Digest", json_string(status + sizeof(digest) - 1));
	const char *id = json_text_member(json_object_get(object, "aux"), "ID");
	if (*id)
		json_object_set_new(progress->result, "Id", json_string(id));
	return 0;
}

const char *pull_progress_status(const struct pull_progress *progress)
{
	return buf_string(&progress->status);
}

void pull_progress_bytes(const struct pull_progress *progress, int64_t *ret_current, int64_t *ret_total)
{
	int64_t current = 0;
	int64_t total = 0;
	for (size_t i = 0; i < progress->layer_count; i++) {
		current += progress->layers[i].current;
		total += progress->layers[i].total;
	}
	*ret_current = current;
	*ret_total = total;
}

json_t *pull_progress_result(const struct pull_progress *progress)
{
	return json_incref(progress->result);
}
