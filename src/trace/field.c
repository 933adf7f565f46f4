#include "trace/field.h"

#include "base/memory.h"

const char *const event_kind_names[] = {
	[EVENT_WORLD] = "world",
	[EVENT_STEP] = "step",
	[EVENT_SERVICE] = "service",
	[EVENT_SAMPLE] = "sample",
	[EVENT_ATTEMPT] = "attempt",
	[EVENT_LOST] = "lost",
	[EVENT_PHASE] = "phase",
	[EVENT_LOG] = "log",
	[EVENT_RESPONSE] = "response",
	[EVENT_MEMORY] = "memory",
	[EVENT_DESCRIPTORS] = "descriptors",
	[EVENT_LATENESS] = "lateness",
	[EVENT_TROUBLE] = "trouble",
	[EVENT_END] = "end",
};

#define FIELD(field_key, field_type, member, is_required, value_if_absent)                     \
	{                                                                                      \
		.key = (field_key), .key_length = sizeof(field_key) - 1, .type = (field_type), \
		.offset = offsetof(struct event, member), .required = (is_required),           \
		.absent = (value_if_absent),                                                   \
	}
#define REQUIRED(key, type, member) FIELD(key, type, member, true, 0)
#define OPTIONAL(key, type, member) FIELD(key, type, member, false, 0)

#define OF REQUIRED("of", FIELD_WORD, of)
#define OF_NOBODY OPTIONAL("of", FIELD_WORD, of)
#define TIMES REQUIRED("from", FIELD_TIME, from_ns), REQUIRED("to", FIELD_TIME, to_ns)

static const struct field world_fields[] = {
	REQUIRED("version", FIELD_INT, world.version),
	OF_NOBODY,
	TIMES,
	REQUIRED("speed", FIELD_DOUBLE, world.speed),
	OPTIONAL("scenario", FIELD_STRING, world.scenario),
	OPTIONAL("file", FIELD_STRING, world.file),
	OPTIONAL("run", FIELD_STRING, world.run),
	OPTIONAL("world", FIELD_STRING, world.world),
	OPTIONAL("started_at", FIELD_STRING, world.started_at),
	OPTIONAL("engine", FIELD_STRING, world.engine),
	OPTIONAL("harness", FIELD_STRING, world.harness),
	OPTIONAL("seed", FIELD_INT64, world.seed),
	OPTIONAL("secrets", FIELD_INT, world.secrets),
};

static const struct field step_fields[] = {
	OF,
	TIMES,
	REQUIRED("action", FIELD_WORD, step.action),
	OPTIONAL("target", FIELD_WORD, step.target),
	OPTIONAL("due", FIELD_TIME, step.due_ns),
	OPTIONAL("jitter", FIELD_INT64, step.jitter_ns),
	REQUIRED("done", FIELD_BOOL, step.done),
	OPTIONAL("detail", FIELD_STRING, step.detail),
};

static const struct field service_fields[] = {
	OF,
	TIMES,
	REQUIRED("event", FIELD_WORD, service.event),
	OPTIONAL("asked", FIELD_BOOL, service.asked),
	FIELD("exit", FIELD_INT, service.exit_code, false, -1),
	OPTIONAL("by", FIELD_WORD, service.by),
	OPTIONAL("detail", FIELD_STRING, service.detail),
};

static const struct field sample_fields[] = {
	OF,
	TIMES,
	REQUIRED("outcome", FIELD_WORD, sample.outcome),
	OPTIONAL("status", FIELD_INT, sample.status),
	REQUIRED("state", FIELD_WORD, sample.state),
	OPTIONAL("detail", FIELD_STRING, sample.detail),
};

static const struct field attempt_fields[] = {
	OF,
	TIMES,
	REQUIRED("number", FIELD_INT, attempt.number),
	REQUIRED("outcome", FIELD_WORD, attempt.outcome),
	OPTIONAL("source", FIELD_WORD, attempt.source),
	REQUIRED("began_known", FIELD_BOOL, attempt.began_known),
	OPTIONAL("ended_after", FIELD_TIME, attempt.ended_after_ns),
	OPTIONAL("lookup", FIELD_TIME, attempt.lookup_ns),
	OPTIONAL("packets", FIELD_INT, attempt.packets),
	OPTIONAL("address", FIELD_STRING, attempt.address),
	OPTIONAL("connection", FIELD_INT, attempt.connection),
	OPTIONAL("open", FIELD_INT, attempt.open),
	OPTIONAL("detail", FIELD_STRING, attempt.detail),
};

static const struct field lost_fields[] = {
	OF,
	TIMES,
	OPTIONAL("how", FIELD_WORD, lost.how),
	OPTIONAL("by", FIELD_WORD, lost.by),
	OPTIONAL("connection", FIELD_INT, lost.connection),
	OPTIONAL("open", FIELD_INT, lost.open),
};

static const struct field phase_fields[] = {
	OF,
	TIMES,
	REQUIRED("phase", FIELD_WORD, phase.phase),
	OPTIONAL("made", FIELD_WORD, phase.made),
	OPTIONAL("index", FIELD_INT, phase.index),
	OPTIONAL("detail", FIELD_STRING, phase.detail),
};

static const struct field log_fields[] = {
	OF,
	TIMES,
	OPTIONAL("output", FIELD_INT, log.output),
	OPTIONAL("cut", FIELD_BOOL, log.cut),
	OPTIONAL("line", FIELD_TEXT, log.line),
	OPTIONAL("redacted", FIELD_INT, log.redacted),
};

static const struct field response_fields[] = {
	OF,
	TIMES,
	REQUIRED("outcome", FIELD_WORD, response.outcome),
	OPTIONAL("status", FIELD_INT, response.status),
	OPTIONAL("headers", FIELD_STRING, response.headers),
	OPTIONAL("body", FIELD_TEXT, response.body),
	OPTIONAL("body_cut", FIELD_BOOL, response.body_cut),
	OPTIONAL("redacted", FIELD_INT, response.redacted),
	OPTIONAL("detail", FIELD_STRING, response.detail),
};

static const struct field memory_fields[] = {
	OF,
	TIMES,
	REQUIRED("bytes", FIELD_INT64, memory.bytes),
};

static const struct field descriptors_fields[] = {
	OF,
	TIMES,
	REQUIRED("count", FIELD_INT64, descriptors.count),
};

static const struct field lateness_fields[] = {
	OF_NOBODY,
	TIMES,
	REQUIRED("worst", FIELD_TIME, lateness.worst_ns),
};

static const struct field trouble_fields[] = {
	OF_NOBODY,
	TIMES,
	REQUIRED("what", FIELD_STRING, trouble.what),
	OPTIONAL("fatal", FIELD_BOOL, trouble.fatal),
};

static const struct field end_fields[] = {
	OF_NOBODY,
	TIMES,
	REQUIRED("reason", FIELD_WORD, end.reason),
	OPTIONAL("dropped", FIELD_INT64, end.dropped),
};

#define LIST(array)                                             \
	{                                                       \
		.fields = (array), .count = ARRAY_LENGTH(array) \
	}

const struct field_list event_fields[] = {
	[EVENT_WORLD] = LIST(world_fields),
	[EVENT_STEP] = LIST(step_fields),
	[EVENT_SERVICE] = LIST(service_fields),
	[EVENT_SAMPLE] = LIST(sample_fields),
	[EVENT_ATTEMPT] = LIST(attempt_fields),
	[EVENT_LOST] = LIST(lost_fields),
	[EVENT_PHASE] = LIST(phase_fields),
	[EVENT_LOG] = LIST(log_fields),
	[EVENT_RESPONSE] = LIST(response_fields),
	[EVENT_MEMORY] = LIST(memory_fields),
	[EVENT_DESCRIPTORS] = LIST(descriptors_fields),
	[EVENT_LATENESS] = LIST(lateness_fields),
	[EVENT_TROUBLE] = LIST(trouble_fields),
	[EVENT_END] = LIST(end_fields),
};
