/* Whatever objects an engine sends, the figures stay in order and the status stays one short line. */
#include "engine/pull_progress.h"

#include "engine/json_stream.h"
#include "engine/json_text.h"

#include <string.h>

#define OBJECT_MAX 65536
#define STATUS_LENGTH_MAX 1024

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct pull_progress *progress, int64_t *least_current)
{
	int64_t current, total;
	pull_progress_bytes(progress, &current, &total);
	if (current < *least_current || total < current)
		BUG("%lld of %lld after %lld", (long long)current, (long long)total,
		    (long long)*least_current);
	*least_current = current;
	const char *status = pull_progress_status(progress);
	if (strlen(status) > STATUS_LENGTH_MAX || strpbrk(status, "\r\n\x1b"))
		BUG("a status that is not fit to show");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct json_stream *stream = json_stream_new(OBJECT_MAX);
	struct pull_progress *progress = pull_progress_new();
	struct err err = ERR_INIT;
	const char *bytes = (const char *)data;
	json_t *object = NULL;
	int64_t current = 0;
	while (!err_is_set(&err) && json_stream_next(stream, &bytes, &size, &object, &err) > 0) {
		if (pull_progress_add(progress, object, &err) < 0 && !err_is_set(&err))
			BUG("a failure without a message");
		json_decref(object);
		check(progress, &current);
	}
	json_decref(pull_progress_result(progress));
	pull_progress_free(progress);
	json_stream_free(stream);
	return 0;
}
