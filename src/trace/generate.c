#include "trace/generate.h"

#include "base/duration.h"
#include "trace/trace.h"

#include <string.h>

/* A kernel's usual range, one after the other. */
enum { FIRST_PORT = 32768, PORTS = 28232 };

struct generator {
	struct buf *out;
	size_t count;
	int attempt, connection;
};

static void emit(struct generator *generator, const struct event *event)
{
	trace_write_event(generator->out, event);
	generator->count++;
}

static void emit_sample(struct generator *generator, int64_t at_ns, const char *of, const char *state)
{
	/* Answers take between 1 and 3 ms. */
	int64_t answer_ns = NS_PER_MS + (int64_t)(generator->count * 7919 % 2000000);
	emit(generator, &(struct event){ .kind = EVENT_SAMPLE,
			    .of = of,
			    .from_ns = at_ns,
			    .to_ns = at_ns + answer_ns,
			    .sample = { .outcome = "answered", .status = 200, .state = state } });
}

static void emit_line(struct generator *generator, int64_t at_ns, const char *text)
{
	emit(generator, &(struct event){ .kind = EVENT_LOG,
			    .of = "gateway",
			    .from_ns = at_ns,
			    .to_ns = at_ns,
			    .log = { .output = 1, .line = { .bytes = text, .length = strlen(text) } } });
}

static void emit_phase(struct generator *generator, int64_t at_ns, const char *phase, int index)
{
	emit(generator, &(struct event){ .kind = EVENT_PHASE,
			    .of = "redis",
			    .from_ns = at_ns,
			    .to_ns = at_ns + NS_PER_MS / 10,
			    .phase = { .phase = phase, .made = "gate", .index = index } });
}

static void emit_lost(struct generator *generator, int64_t at_ns)
{
	emit(
	    generator, &(struct event){ .kind = EVENT_LOST,
			   .of = "dial",
			   .from_ns = at_ns,
			   .to_ns = at_ns,
			   .lost = { .how = "reset", .by = "server", .connection = generator->connection } });
}

static void emit_attempt(struct generator *generator, int64_t at_ns, const char *outcome)
{
	generator->connection = FIRST_PORT + generator->attempt % PORTS;
	emit(generator, &(struct event){ .kind = EVENT_ATTEMPT,
			    .of = "dial",
			    .from_ns = at_ns,
			    .to_ns = at_ns + NS_PER_MS,
			    .attempt = { .number = ++generator->attempt,
				.outcome = outcome,
				.source = "wire",
				.began_known = true,
				.lookup_ns = NS_PER_MS / 2,
				.packets = 1,
				.address = "172.20.0.3:6379",
				.connection = generator->connection } });
}

/* One second of the world's life; every tenth loses the connection, four attempts 50, 100 and 200 ms apart
 * mend it. */
static void emit_second(struct generator *generator, int64_t second)
{
	int64_t start_ns = second * NS_PER_S;
	bool loses = second % 10 == 9;
	if (loses) {
		emit_phase(generator, start_ns, "refused", 1);
		emit_lost(generator, start_ns);
		static const int gaps_ms[] = { 0, 51, 152, 353 };
		for (size_t i = 0; i < ARRAY_LENGTH(gaps_ms); i++) {
			if (i == 3)
				emit_phase(generator, start_ns + 200 * NS_PER_MS, "ready", 2);
			emit_attempt(
			    generator, start_ns + gaps_ms[i] * NS_PER_MS, i < 3 ? "refused" : "connected");
		}
	}
	for (int64_t poll = 0; poll < 20; poll++) {
		int64_t at_ns = start_ns + poll * 50 * NS_PER_MS;
		emit_sample(generator, at_ns, "live", "200");
		emit_sample(generator, at_ns, "ready", loses && poll < 8 ? "degraded" : "healthy");
	}
	for (int64_t i = 0; i < 4; i++)
		emit_line(generator, start_ns + i * 250 * NS_PER_MS,
		    "[info] GET /api/v1/sessions \"Mozilla/5.0\" 200 in 3 ms");
	for (int64_t i = 0; i < 4; i++)
		emit(generator, &(struct event){ .kind = EVENT_MEMORY,
				    .of = "mem",
				    .from_ns = start_ns + i * 250 * NS_PER_MS,
				    .to_ns = start_ns + i * 250 * NS_PER_MS,
				    .memory = { .bytes = 20000000 + second % 7 * 4096 } });
	emit(generator, &(struct event){ .kind = EVENT_LATENESS,
			    .of = "",
			    .from_ns = start_ns,
			    .to_ns = start_ns + NS_PER_S,
			    .lateness = { .worst_ns = 150000 } });
}

void trace_generate(struct buf *out, size_t event_count)
{
	struct generator generator = { .out = out, .connection = FIRST_PORT - 1 }; /* made before */
	emit(&generator, &(struct event){ .kind = EVENT_WORLD,
			     .of = "",
			     .world = { .version = TRACE_VERSION, .speed = 1, .scenario = "generated" } });
	emit(&generator,
	    &(struct event){ .kind = EVENT_SERVICE,
		.of = "gateway",
		.service = { .event = "started", .asked = true, .exit_code = -1, .by = "engine" } });
	int64_t second = 0;
	while (generator.count < event_count)
		emit_second(&generator, second++);
	emit(&generator, &(struct event){ .kind = EVENT_END,
			     .of = "",
			     .from_ns = second * NS_PER_S,
			     .to_ns = second * NS_PER_S,
			     .end = { .reason = "completed" } });
}
