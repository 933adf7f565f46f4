/*
 * sample: a report made from a case folder, for tests only: fixtures/reports/<case>/input.json (plans and
 * judgements, as much of them as reports show) and the NDJSON traces that it names. Independent of the
 * scenario language and of the checker, so that a golden file changes only when a renderer does.
 */
#ifndef REPORT_SAMPLE_H
#define REPORT_SAMPLE_H

#include "base/err.h"
#include "report/describe.h"
#include "report/report.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

struct sample_world {
	struct plan plan;
	struct stack stack;
	struct judgement judgement;
	struct trace *trace;
	int64_t *decided_ns; /* one a finding; shown of reduced results only */
};

/* Strings are those of `root`. */
struct sample {
	json_t *root;
	struct report report;
	struct report_result *results;
	struct sample_world *worlds;
	size_t world_count;
};

static inline void sample_fail(const char *path, const char *what)
{
	fprintf(stderr, "%s: %s\n", path, what);
	abort();
}

static inline char *sample_read_file(const char *path, size_t *ret_length)
{
	FILE *file = fopen(path, "rb");
	struct buf bytes CLEANUP(buf_release) = { 0 };
	char chunk[8192];
	if (!file)
		return NULL;
	for (size_t count; (count = fread(chunk, 1, sizeof(chunk), file)) > 0;)
		buf_add(&bytes, chunk, count);
	fclose(file);
	*ret_length = bytes.length;
	return buf_steal(&bytes);
}

static inline char *sample_string(const json_t *object, const char *key)
{
	return (char *)json_string_value(json_object_get(object, key));
}

static inline int64_t sample_integer(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

static inline struct strings sample_strings(const json_t *array)
{
	struct strings strings = { .count = json_array_size(array) };
	strings.items = xcalloc(strings.count + 1, sizeof(*strings.items));
	for (size_t i = 0; i < strings.count; i++)
		strings.items[i] = (char *)json_string_value(json_array_get(array, i));
	return strings;
}

static inline int sample_word(const char *path, const char *const *words, size_t count, const char *word)
{
	for (size_t i = 0; word && i < count; i++)
		if (strcmp(words[i], word) == 0)
			return (int)i;
	sample_fail(path, word ? word : "a word is missing");
	return -1;
}

static inline void sample_plan(struct sample_world *world, const json_t *plan, double speed)
{
	const json_t *services = json_object_get(plan, "services"),
		     *watches = json_object_get(plan, "watches");
	const char *subject = sample_string(plan, "subject");
	world->stack.service_count = json_array_size(services);
	world->stack.services = xcalloc(world->stack.service_count + 1, sizeof(struct service));
	world->plan = (struct plan){
		.file = sample_string(plan, "file"),
		.name = sample_string(plan, "name"),
		.title = sample_string(plan, "title"),
		.source = sample_string(plan, "source"),
		.tags = sample_strings(json_object_get(plan, "tags")),
		.speed = speed,
		.stack = &world->stack,
		.watch_count = json_array_size(watches),
	};
	world->plan.watches = xcalloc(world->plan.watch_count + 1, sizeof(struct watch));
	for (size_t i = 0; i < world->stack.service_count; i++) {
		const json_t *service = json_array_get(services, i);
		world->stack.services[i].name = sample_string(service, "name");
		world->stack.services[i].environment =
		    sample_strings(json_object_get(service, "environment"));
		if (subject && strcmp(subject, world->stack.services[i].name) == 0)
			world->plan.subject = i;
	}
	for (size_t i = 0; i < world->plan.watch_count; i++) {
		const json_t *watch = json_array_get(watches, i);
		const char *kind = sample_string(watch, "kind");
		world->plan.watches[i].name = sample_string(watch, "name");
		world->plan.watches[i].kind = strcmp(kind, "http") == 0 ? WATCH_HTTP : WATCH_ATTEMPTS;
		world->plan.watches[i].from_log = json_is_true(json_object_get(watch, "from_log"));
	}
}

static inline void sample_finding(
    const char *path, struct finding *finding, struct expectation *expectation, const json_t *input)
{
	const json_t *evidence = json_object_get(input, "evidence"),
		     *measured = json_object_get(input, "measured");
	expectation->id = sample_string(input, "id");
	expectation->kind = (enum expectation_kind)sample_word(
	    path, expectation_kind_names, EXPECTATION_KIND_COUNT, sample_string(input, "kind"));
	expectation->position = (struct position){ (int)sample_integer(input, "line"), 5 };
	expectation->text = sample_string(input, "text");
	expectation->source = sample_string(input, "source");
	expectation->claim_text = sample_string(input, "claim_text");
	expectation->has_within = json_is_true(json_object_get(input, "counted"));
	expectation->within_ns = -1;
	finding->expectation = expectation;
	finding->verdict = (enum verdict)sample_word(
	    path, verdict_names, VERDICT_INCONCLUSIVE + 1, sample_string(input, "verdict"));
	finding->expected = sample_string(input, "expected");
	finding->actual = sample_string(input, "actual");
	finding->reason = sample_string(input, "reason");
	finding->has_slack = json_object_get(input, "slack") != NULL;
	finding->slack = sample_integer(input, "slack");
	finding->has_measured = measured != NULL;
	finding->measured_low = json_integer_value(json_array_get(measured, 0));
	finding->measured_high = json_integer_value(json_array_get(measured, 1));
	finding->claim_measured = sample_string(input, "claim_measured");
	if (sample_string(input, "claim"))
		finding->claim = (enum claim_result)sample_word(
		    path, claim_result_names, CLAIM_UNKNOWN + 1, sample_string(input, "claim"));
	finding->evidence_count = json_array_size(evidence);
	finding->evidence = xcalloc(finding->evidence_count + 1, sizeof(*finding->evidence));
	for (size_t i = 0; i < finding->evidence_count; i++)
		finding->evidence[i] = (size_t)json_integer_value(json_array_get(evidence, i));
}

/* Each with the step above it: the plan of a sample has no others. */
static inline void sample_late_steps(struct sample_world *world, const json_t *steps)
{
	struct judgement *judgement = &world->judgement;
	judgement->late_count = json_array_size(steps);
	judgement->late = xcalloc(judgement->late_count + 1, sizeof(*judgement->late));
	world->plan.step_count = 2 * judgement->late_count;
	world->plan.steps = xcalloc(world->plan.step_count + 1, sizeof(*world->plan.steps));
	for (size_t i = 0; i < judgement->late_count; i++) {
		const json_t *step = json_array_get(steps, i);
		bool is_hold = json_is_true(json_object_get(step, "is_hold"));
		world->plan.steps[2 * i].id = sample_string(step, "above");
		world->plan.steps[2 * i + 1].id = sample_string(step, "step");
		world->plan.steps[2 * i + 1].kind = is_hold ? STEP_HOLD : STEP_START;
		judgement->late[i] = (struct late_step){
			.step = 2 * i + 1,
			.due_ns = sample_integer(step, "due_ns"),
			.at_ns = sample_integer(step, "at_ns"),
			.late_ns = sample_integer(step, "at_ns") - sample_integer(step, "due_ns"),
			.wait_ns = sample_integer(step, "wait_ns"),
			.was_kept = json_is_true(json_object_get(step, "was_kept")),
			.is_warning = json_is_true(json_object_get(step, "is_warning")),
		};
	}
}

static inline void sample_judgement(const char *path, struct sample_world *world, const json_t *input)
{
	const json_t *judgement = json_object_get(input, "judgement"),
		     *findings = json_object_get(input, "findings");
	world->judgement = (struct judgement){
		.verdict = (enum verdict)sample_word(
		    path, verdict_names, VERDICT_INCONCLUSIVE + 1, sample_string(judgement, "verdict")),
		.reason = sample_string(judgement, "reason"),
		.environment = json_is_true(json_object_get(judgement, "environment")),
		.lateness_ns = sample_integer(judgement, "lateness_ns"),
		.finding_count = json_array_size(findings),
	};
	for (size_t i = 0; i < world->judgement.finding_count; i++)
		world->judgement.implied_count +=
		    json_is_true(json_object_get(json_array_get(findings, i), "implied"));
	sample_late_steps(world, json_object_get(judgement, "late_steps"));
	world->judgement.findings = xcalloc(world->judgement.finding_count + 1, sizeof(struct finding));
	world->plan.expectation_count = world->judgement.finding_count;
	world->plan.expectations = xcalloc(world->plan.expectation_count + 1, sizeof(struct expectation));
	world->decided_ns = xcalloc(world->judgement.finding_count + 1, sizeof(*world->decided_ns));
	for (size_t i = 0; i < world->judgement.finding_count; i++) {
		sample_finding(path, &world->judgement.findings[i], &world->plan.expectations[i],
		    json_array_get(findings, i));
		world->decided_ns[i] = sample_integer(json_array_get(findings, i), "decided_ns");
	}
}

static inline void sample_trace(struct sample_world *world, const char *folder, const char *name)
{
	struct err err = ERR_INIT;
	size_t length = 0;
	char *path OWNED = xasprintf("%s/%s", folder, name);
	char *bytes OWNED = sample_read_file(path, &length);
	if (!bytes)
		sample_fail(path, "cannot be read");
	world->trace = trace_read(bytes, length, path, &err);
	if (!world->trace)
		sample_fail(path, err.message);
}

static inline struct sample *sample_load(const char *folder)
{
	struct sample *sample = xcalloc(1, sizeof(*sample));
	char *path OWNED = xasprintf("%s/input.json", folder);
	json_error_t error;
	sample->root = json_load_file(path, 0, &error);
	if (!sample->root)
		sample_fail(path, error.text);
	const json_t *facts = json_object_get(sample->root, "report"),
		     *results = json_object_get(sample->root, "results");
	double speed = json_number_value(json_object_get(facts, "speed"));
	sample->world_count = json_array_size(results);
	sample->worlds = xcalloc(sample->world_count + 1, sizeof(*sample->worlds));
	sample->results = xcalloc(sample->world_count + 1, sizeof(*sample->results));
	for (size_t i = 0; i < sample->world_count; i++) {
		const json_t *input = json_array_get(results, i);
		struct sample_world *world = &sample->worlds[i];
		sample_plan(world, json_object_get(input, "plan"), speed);
		sample_judgement(path, world, input);
		sample_trace(world, folder, sample_string(input, "trace"));
		sample->results[i] = (struct report_result){
			.plan = &world->plan,
			.trace = world->trace,
			.judgement = &world->judgement,
			.trace_file = sample_string(input, "trace_file"),
			.run_id = sample_string(input, "run"),
			.wall_ns = sample_integer(input, "wall_ns"),
			.attempt = (int)sample_integer(input, "attempt"),
			.attempts = (int)sample_integer(input, "attempts"),
			.retry = (int)sample_integer(input, "retry"),
			.reduced = json_is_true(json_object_get(input, "reduced")),
			.decided_ns = world->decided_ns,
		};
	}
	sample->report = (struct report){
		.results = sample->results,
		.result_count = sample->world_count,
		.started_at = sample_string(facts, "started_at"),
		.falsestart_version = sample_string(facts, "falsestart"),
		.engine_version = sample_string(facts, "engine"),
		.command = sample_string(facts, "command"),
		.speed = speed,
		.wall_ns = sample_integer(facts, "wall_ns"),
		.lateness_ns = sample_integer(facts, "lateness_ns"),
		.flaky_allowed = json_is_true(json_object_get(facts, "flaky_allowed")),
		.has_trouble = json_is_true(json_object_get(facts, "has_trouble")),
		.interrupted = (int)sample_integer(facts, "interrupted"),
	};
	return sample;
}

static inline void sample_free(struct sample *sample)
{
	for (size_t i = 0; i < sample->world_count; i++) {
		struct sample_world *world = &sample->worlds[i];
		for (size_t k = 0; k < world->judgement.finding_count; k++)
			free(world->judgement.findings[k].evidence);
		for (size_t k = 0; k < world->stack.service_count; k++)
			free(world->stack.services[k].environment.items);
		free(world->judgement.findings);
		free(world->judgement.late);
		free(world->decided_ns);
		free(world->plan.steps);
		free(world->plan.expectations);
		free(world->plan.watches);
		free(world->plan.tags.items);
		free(world->stack.services);
		trace_free(world->trace);
	}
	free(sample->worlds);
	free(sample->results);
	json_decref(sample->root);
	free(sample);
}

#endif
