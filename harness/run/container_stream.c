#include "run/container_stream.h"

#include "base/duration.h"
#include "probe/probe.h"
#include "run/container.h"
#include "run/container_private.h"
#include "run/log_times.h"
#include "run/ready_since.h"
#include "run/sandbox.h"

#include <stdio.h>
#include <string.h>

static const int64_t READINESS_EVERY_NS = 20 * NS_PER_MS;
static const int64_t READINESS_TIMEOUT_NS = 2 * NS_PER_S;

struct container_stream {
	struct world *world;
	const struct service *service;
	size_t index;
	struct engine_call *log;
	int64_t last_stamp_ns; /* engine's stamp of the last line heard */
	struct log_times times;
	bool again; /* the process began anew while the old log was still read */
	char *id;
	struct readiness_probe *readiness;
	struct ready_since since;
	bool is_early;                 /* it does not run yet, as far as the engine has told */
	struct readiness_answer early; /* the last one, to be told then; with `early_words` as its detail */
	char *early_words;             /* NULL: there was none */
};

struct container_stream *container_stream_new(struct world *world, size_t service)
{
	struct container_stream *stream = xcalloc(1, sizeof(*stream));
	stream->world = world;
	stream->index = service;
	stream->service = &world->config.plan->stack->services[service];
	return stream;
}

void container_stream_free(struct container_stream *stream)
{
	if (!stream)
		return;
	engine_cancel(stream->log);
	readiness_probe_stop(stream->readiness);
	free(stream->early_words);
	free(stream->id);
	free(stream);
}

void container_stream_mute(struct container_stream *stream)
{
	engine_cancel(stream->log);
	stream->log = NULL;
}

bool container_stream_is_drained(const struct container_stream *stream)
{
	return !stream->log;
}

/* ---- the log ---- */

static void feed_attempts(struct container_stream *stream, const struct event *line, bool is_stamped)
{
	const struct plan *plan = stream->world->config.plan;
	for (size_t i = 0; i < plan->watch_count; i++) {
		struct log_attempts *attempts = stream->world->attempts[i];
		struct event attempt;
		if (attempts && plan->watches[i].service == stream->index &&
		    log_attempts_feed(attempts, line, is_stamped, &attempt))
			recorder_add(stream->world->recorder, attempt);
	}
}

static void on_line(void *owner, const struct engine_log_line *line)
{
	struct container_stream *stream = owner;
	if (line->engine_stamp_ns > stream->last_stamp_ns)
		stream->last_stamp_ns = line->engine_stamp_ns;
	struct engine_clock *clock = stream->world->config.clock;
	int64_t read_ns = engine_clock_loop_ns(clock, line->engine_stamp_ns);
	int64_t lag_ns =
	    line->engine_stamp_ns - line_stamp_ns(line->text, line->length, line->engine_stamp_ns);
	if (world_is_over(stream->world) && read_ns - lag_ns > stream->world->ended_ns)
		return; /* last words of a process that the teardown kills */
	struct written written =
	    log_times_next(&stream->times, line->output, read_ns, lag_ns, clock->error_ns);
	struct event event = {
		.kind = EVENT_LOG,
		.from_ns = written.from_ns,
		.to_ns = written.to_ns,
		.of = stream->service->name,
		.log = { .output = (int)line->output,
		    .cut = line->cut,
		    .line = { line->text, line->length } },
	};
	recorder_add(stream->world->recorder, event);
	feed_attempts(stream, &event, written.is_stamped);
}

static void follow(struct container_stream *stream);

static void log_ended(void *owner, const struct err *err)
{
	struct container_stream *stream = owner;
	stream->log = NULL;
	if (stream->again && !world_is_over(stream->world)) {
		stream->again = false;
		follow(stream);
	} else if (err && !world_is_over(stream->world)) {
		char what[ERR_MESSAGE_MAX + 128];
		snprintf(
		    what, sizeof(what), "the log of `%s` was lost: %s", stream->service->name, err->message);
		world_note_trouble(stream->world, what);
	}
	container_log_ended(stream->world->containers[stream->index]);
	world_on_quiet(stream->world);
}

static void follow(struct container_stream *stream)
{
	int64_t since_ns = stream->last_stamp_ns ? stream->last_stamp_ns + 1 : 0;
	stream->log = engine_container_logs(stream->world->config.engine, stream->id, stream->service->tty,
	    since_ns, on_line, log_ended, stream);
}

void container_stream_begin(struct container_stream *stream, const char *id, int64_t earliest_ns)
{
	const struct plan *plan = stream->world->config.plan;
	for (size_t i = 0; i < plan->watch_count; i++)
		if (stream->world->attempts[i] && plan->watches[i].service == stream->index)
			log_attempts_client_started(stream->world->attempts[i], earliest_ns);
	free(stream->id);
	stream->id = xstrdup(id);
	ready_since_begin(&stream->since, earliest_ns);
	log_times_begin(&stream->times, earliest_ns);
	if (stream->log)
		stream->again = true;
	else
		follow(stream);
}

/* ---- readiness ---- */

static void tell(struct container_stream *stream, const struct readiness_answer *answer)
{
	int64_t from_ns = ready_since_ns(&stream->since, answer);
	recorder_add(stream->world->recorder, (struct event){
						  .kind = EVENT_SERVICE,
						  .from_ns = from_ns,
						  .to_ns = answer->answered_ns,
						  .of = stream->service->name,
						  .service = { .event = readiness_name(answer->readiness),
						      .exit_code = -1,
						      .by = "probe",
						      .detail = answer->detail },
					      });
}

static void on_readiness(void *owner, const struct readiness_answer *answer)
{
	struct container_stream *stream = owner;
	if (answer->readiness == READINESS_READY)
		readiness_probe_stop(
		    steal_ptr(stream->readiness)); /* the answer stays valid until we return */
	if (!stream->is_early) {
		tell(stream, answer);
		return;
	}
	free(stream->early_words);
	stream->early = *answer;
	stream->early.detail = stream->early_words = xstrdup(answer->detail);
}

/* The official images take the password as an argument of the server or, often, from the environment. */
static const char *redis_password(const struct service *service)
{
	for (size_t i = 0; i + 1 < service->command.count; i++)
		if (strcmp(service->command.items[i], "--requirepass") == 0)
			return service->command.items[i + 1];
	return service_environment(service, "REDIS_PASSWORD");
}

static void fill_credentials(struct readiness_config *config, const struct service *service)
{
	if (strcmp(config->protocol, "redis") == 0) {
		config->password = redis_password(service);
		return;
	}
	config->user = service_environment(service, "POSTGRES_USER");
	if (!config->user)
		config->user = "postgres";
	config->password = service_environment(service, "POSTGRES_PASSWORD");
	config->database = service_environment(service, "POSTGRES_DB");
	if (!config->database)
		config->database = config->user;
}

static void start_probe(struct container_stream *stream, char *endpoint)
{
	char *colon = strrchr(endpoint, ':');
	*colon = '\0';
	struct readiness_config config = {
		.protocol = stream->service->protocol,
		.address = endpoint,
		.port = (int)strtol(colon + 1, NULL, 10),
		.every_ns = READINESS_EVERY_NS,
		.timeout_ns = READINESS_TIMEOUT_NS,
	};
	fill_credentials(&config, stream->service);
	struct err err = ERR_INIT;
	stream->readiness =
	    readiness_probe_start(stream->world->config.loop, &config, on_readiness, stream, &err);
	if (!stream->readiness)
		world_note_trouble(stream->world, err.message);
}

static void stop_probe(struct container_stream *stream)
{
	readiness_probe_stop(steal_ptr(stream->readiness));
	free(steal_ptr(stream->early_words));
	stream->is_early = false;
}

void container_stream_expect(struct container_stream *stream)
{
	char endpoint[128];
	const struct sandbox *sandbox = stream->world->sandboxes[stream->index];
	stop_probe(stream);
	if (world_is_over(stream->world) || !stream->service->protocol || !sandbox ||
	    !sandbox_endpoint(sandbox, stream->service->protocol_port, endpoint, sizeof(endpoint)))
		return;
	stream->is_early = true;
	start_probe(stream, endpoint);
}

/* What was heard before it was known to run. */
static void tell_early(struct container_stream *stream)
{
	char *words OWNED = steal_ptr(stream->early_words);
	stream->is_early = false;
	if (words)
		tell(stream, &stream->early);
}

void container_stream_reach(struct container_stream *stream, const struct container *container)
{
	char endpoint[128];
	if (stream->is_early) {
		tell_early(stream);
		return;
	}
	if (stream->service->protocol && !stream->readiness &&
	    container_endpoint(container, stream->service->protocol_port, endpoint, sizeof(endpoint)))
		start_probe(stream, endpoint);
}

void container_stream_look_again(
    struct container_stream *stream, const struct container *container, int64_t changed_ns)
{
	if (stream->is_early) {
		container_stream_expect(stream);
		return;
	}
	ready_since_look_again(&stream->since, stream->readiness, changed_ns);
	stop_probe(stream);
	container_stream_reach(stream, container);
}

void container_stream_died(struct container_stream *stream)
{
	stop_probe(stream);
}
