#include "run/images.h"

#include <string.h>

struct images {
	struct images_config config;
	const char **references; /* each once, borrowed from the plans */
	size_t count, current;
	struct engine_call *call;
};

static void look_at_current(struct images *images);

void images_free(struct images *images)
{
	if (!images)
		return;
	engine_cancel(images->call);
	free(images->references);
	free(images);
}

static void next(struct images *images)
{
	images->current++;
	look_at_current(images);
}

static void on_progress(void *owner, const char *status, int64_t current, int64_t total)
{
	struct images *images = owner;
	if (images->config.progress)
		images->config.progress(
		    images->config.owner, images->references[images->current], status, current, total);
}

static void pulled(void *owner, json_t *reply, const struct err *err)
{
	(void)reply;
	struct images *images = owner;
	images->call = NULL;
	if (!err) {
		next(images);
		return;
	}
	struct err failure = ERR_INIT;
	err_set(&failure, ERR_ENVIRONMENT,
	    "the image `%s` is not on the engine and could not be pulled: %.600s. If no registry can be "
	    "reached, "
	    "`./dev images` makes the images of the bundled scenarios from Debian packages; any other image "
	    "can be "
	    "brought with `docker load`",
	    images->references[images->current], err->message);
	images->config.done(images->config.owner, &failure);
}

static void inspected(void *owner, json_t *reply, const struct err *err)
{
	(void)reply;
	struct images *images = owner;
	images->call = NULL;
	if (!err)
		next(images);
	else if (err->kind == ERR_NOT_FOUND)
		images->call = engine_image_pull(
		    images->config.engine, images->references[images->current], on_progress, pulled, images);
	else
		images->config.done(images->config.owner, err);
}

static void look_at_current(struct images *images)
{
	if (images->current == images->count) {
		images->config.done(images->config.owner, NULL);
		return;
	}
	images->call = engine_image_inspect(
	    images->config.engine, images->references[images->current], inspected, images);
}

static void add_reference(struct images *images, const char *reference)
{
	for (size_t i = 0; i < images->count; i++)
		if (strcmp(images->references[i], reference) == 0)
			return;
	*array_push(images->references, images->count) = reference;
}

struct images *images_ensure(const struct images_config *config)
{
	struct images *images = xcalloc(1, sizeof(*images));
	images->config = *config;
	for (size_t i = 0; i < config->plan_count; i++)
		for (size_t k = 0; k < config->plans[i]->stack->service_count; k++)
			add_reference(images, config->plans[i]->stack->services[k].image);
	look_at_current(images);
	return images;
}
