#include "base/duration.h"
#include "engine/call.h"
#include "engine/json_stream.h"
#include "engine/json_text.h"
#include "engine/pull_progress.h"
#include "engine/url.h"

#include <string.h>

/* One object of progress is some hundred bytes; the output of a build step may be longer. */
#define OBJECT_MAX (1UL << 20)
/* Work on an image may take any time, but not in silence. */
#define SILENCE_NS (600 * NS_PER_S)

/* A reply that tells its progress. */
struct work {
	struct json_stream *objects;
	struct pull_progress *progress;
	engine_progress *on_progress;
	engine_done *done;
	void *owner;
};

static int work_object(struct work *work, const json_t *object, struct err *err)
{
	if (pull_progress_add(work->progress, object, err) < 0)
		return -1;
	if (!work->on_progress)
		return 0;
	int64_t current, total;
	pull_progress_bytes(work->progress, &current, &total);
	work->on_progress(work->owner, pull_progress_status(work->progress), current, total);
	return 0;
}

static int work_feed(
    void *state, const struct engine_call *call, const char *bytes, size_t length, struct err *err)
{
	struct work *work = state;
	json_t *object = NULL;
	int got;
	while ((got = json_stream_next(work->objects, &bytes, &length, &object, err)) > 0) {
		int status = work_object(work, object, err);
		json_decref(object);
		if (status < 0 || call_is_cancelled(call))
			return status;
	}
	return got;
}

static int work_finish(void *state, const struct engine_call *call, struct err *err)
{
	(void)call;
	struct work *work = state;
	return json_stream_finish(work->objects, err);
}

static void work_end(void *state, const struct err *err)
{
	struct work *work = state;
	json_t *result CLEANUP(json_release) = err ? NULL : pull_progress_result(work->progress);
	work->done(work->owner, result, err);
}

static void work_free(void *state)
{
	struct work *work = state;
	json_stream_free(work->objects);
	pull_progress_free(work->progress);
	free(work);
}

static const struct call_stream work_stream = {
	.feed = work_feed,
	.finish = work_finish,
	.end = work_end,
	.free = work_free,
};

static struct engine_call *start_work(struct engine *engine, struct call_request request,
    engine_progress *on_progress, engine_done *done, void *owner)
{
	struct work *work = xcalloc(1, sizeof(*work));
	*work = (struct work){
		.objects = json_stream_new(OBJECT_MAX),
		.progress = pull_progress_new(),
		.on_progress = on_progress,
		.done = done,
		.owner = owner,
	};
	request.method = "POST";
	request.stream = &work_stream;
	request.state = work;
	request.timeout_ns = CALL_NO_TIMEOUT;
	request.silence_ns = SILENCE_NS;
	return call_start(engine, &request);
}

struct engine_call *engine_image_inspect(
    struct engine *engine, const char *reference, engine_done *done, void *owner)
{
	struct buf path CLEANUP(buf_release) = { 0 };
	buf_add_string(&path, "/images/");
	url_add_encoded(&path, reference, true);
	buf_add_string(&path, "/json");
	char *doing OWNED = call_doing("inspect image", reference);
	struct engine_request request = { .method = "GET", .path = buf_string(&path), .doing = doing };
	return engine_request(engine, &request, done, owner);
}

static bool has_tag_or_digest(const char *reference)
{
	const char *slash = strrchr(reference, '/');
	return strpbrk(slash ? slash : reference, ":@") != NULL;
}

struct engine_call *engine_image_pull(
    struct engine *engine, const char *reference, engine_progress *progress, engine_done *done, void *owner)
{
	struct buf path CLEANUP(buf_release) = { 0 };
	buf_add_string(&path, "/images/create");
	url_add_query(&path, "fromImage", reference);
	if (!has_tag_or_digest(reference))
		url_add_query(&path, "tag", "latest"); /* without one the engine pulls every tag there is */
	char *doing OWNED = call_doing("pull image", reference);
	return start_work(engine, (struct call_request){ .path = buf_string(&path), .doing = doing },
	    progress, done, owner);
}

struct engine_call *engine_image_load(struct engine *engine, int tar_fd, engine_done *done, void *owner)
{
	return start_work(engine,
	    (struct call_request){
		.path = "/images/load", .doing = "load an image", .uploads = true, .upload_fd = tar_fd },
	    NULL, done, owner);
}

struct engine_call *engine_image_build(struct engine *engine, int tar_fd, const char *tag,
    const json_t *labels, engine_progress *progress, engine_done *done, void *owner)
{
	struct buf path CLEANUP(buf_release) = { 0 };
	/* rm, forcerm: no containers of build steps are left behind, nor when a step fails. */
	buf_add_string(&path, "/build?rm=1&forcerm=1");
	if (tag)
		url_add_query(&path, "t", tag);
	url_add_query_json(&path, "labels", labels);
	char *doing OWNED = call_doing("build image", tag ? tag : "(untagged)");
	return start_work(engine,
	    (struct call_request){
		.path = buf_string(&path), .doing = doing, .uploads = true, .upload_fd = tar_fd },
	    progress, done, owner);
}

struct engine_call *engine_image_remove(
    struct engine *engine, const char *reference, engine_done *done, void *owner)
{
	struct buf path CLEANUP(buf_release) = { 0 };
	buf_add_string(&path, "/images/");
	url_add_encoded(&path, reference, true);
	char *doing OWNED = call_doing("remove image", reference);
	struct call_request request = { .method = "DELETE",
		.path = buf_string(&path),
		.doing = doing,
		.also_success = 404,
		.done = done,
		.owner = owner };
	return call_start(engine, &request);
}
