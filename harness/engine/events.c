/* The engine's events, for as long as it is asked to tell them. */
#include "base/duration.h"
#include "engine/call.h"
#include "engine/json_stream.h"
#include "engine/json_text.h"
#include "engine/stamp.h"
#include "engine/url.h"

#include <time.h>

#define EVENT_MAX (1UL << 20)
/* Enough to see one event twice: see is_repeated(). */
#define EVENTS_REMEMBERED 8

struct events {
	struct json_stream *objects;
	json_t *remembered[EVENTS_REMEMBERED];
	size_t seen;
	engine_on_event *on_event;
	engine_on_end *end;
	void *owner;
};

/* The engine notes an event before it tells its listeners, and reads its notes to a new listener: an event of
 * that moment comes both ways. Events carry nanoseconds, so two that are equal are one. */
static bool is_repeated(struct events *events, json_t *event)
{
	for (size_t i = 0; i < EVENTS_REMEMBERED; i++)
		if (events->remembered[i] && json_equal(events->remembered[i], event))
			return true;
	json_t **place = &events->remembered[events->seen++ % EVENTS_REMEMBERED];
	json_decref(*place);
	*place = json_incref(event);
	return false;
}

static int events_feed(
    void *state, const struct engine_call *call, const char *bytes, size_t length, struct err *err)
{
	struct events *events = state;
	json_t *event = NULL;
	int got;
	while ((got = json_stream_next(events->objects, &bytes, &length, &event, err)) > 0) {
		if (!is_repeated(events, event))
			events->on_event(events->owner, event);
		json_decref(event);
		if (call_is_cancelled(call))
			return 0;
	}
	return got;
}

static int events_finish(void *state, const struct engine_call *call, struct err *err)
{
	(void)call;
	struct events *events = state;
	if (json_stream_finish(events->objects, err) < 0)
		return -1;
	/* Nobody asked it to end: an engine that shuts down in order closes its streams in order. */
	return err_set(
	    err, ERR_ENVIRONMENT, "the engine ended the stream of events; was it stopped or restarted?");
}

static void events_end(void *state, const struct err *err)
{
	struct events *events = state;
	events->end(events->owner, err);
}

static void events_free(void *state)
{
	struct events *events = state;
	for (size_t i = 0; i < EVENTS_REMEMBERED; i++)
		json_decref(events->remembered[i]);
	json_stream_free(events->objects);
	free(events);
}

static const struct call_stream events_stream = {
	.feed = events_feed,
	.finish = events_finish,
	.end = events_end,
	.free = events_free,
};

struct engine_call *engine_events(
    struct engine *engine, const json_t *filters, engine_on_event *on_event, engine_on_end *end, void *owner)
{
	struct events *events = xcalloc(1, sizeof(*events));
	*events = (struct events){
		.objects = json_stream_new(EVENT_MAX), .on_event = on_event, .end = end, .owner = owner
	};
	/* From now on by the engine's clock: the listener is set up a little after the request is sent, and
	 * what happens in between must not be missed. */
	struct timespec now;
	if (clock_gettime(CLOCK_REALTIME, &now) < 0)
		BUG("no wall clock");
	char since[STAMP_QUERY_MAX];
	stamp_query(now.tv_sec * NS_PER_S + now.tv_nsec + engine->clock_ahead_ns, since);
	struct buf path CLEANUP(buf_release) = { 0 };
	buf_add_string(&path, "/events");
	url_add_query(&path, "since", since);
	url_add_query_json(&path, "filters", filters);
	struct call_request request = { .method = "GET",
		.path = buf_string(&path),
		.doing = "follow the engine's events",
		.timeout_ns = CALL_NO_TIMEOUT,
		.stream = &events_stream,
		.state = events };
	return call_start(engine, &request);
}
