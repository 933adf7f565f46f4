#include "report/recorded.h"

#include "report/report.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

/* Names in a report are bounded by its writer. */
enum { FIGURES_MAX = 10000 };

struct reader {
	const char *file;
	size_t result; /* 0-based */
	struct err *err;
};

static int refuse(struct reader *reader, const char *what)
{
	return err_set(reader->err, ERR_INVALID,
	    "%s: result %zu: %s; a report is written by `falsestart run --json FILE`", reader->file,
	    reader->result + 1, what);
}

static int word_index(const char *const *words, size_t count, const char *word)
{
	for (size_t i = 0; word && i < count; i++)
		if (strcmp(words[i], word) == 0)
			return (int)i;
	return -1;
}

const struct recorded_scenario *recorded_find(const struct recorded *recorded, const char *name)
{
	size_t place = lookup_place(&recorded->scenario_places, name);
	return place == LOOKUP_NONE ? NULL : &recorded->scenarios[place];
}

static struct recorded_scenario *scenario_named(struct recorded *recorded, const char *name)
{
	size_t place = lookup_place(&recorded->scenario_places, name);
	if (place != LOOKUP_NONE)
		return &recorded->scenarios[place];
	lookup_add(&recorded->scenario_places, name, recorded->scenario_count);
	struct recorded_scenario *scenario = array_push(recorded->scenarios, recorded->scenario_count);
	scenario->name = xstrdup(name);
	return scenario;
}

static char *figure_key(const char *id, int unit, int kind, bool implied)
{
	return xasprintf("%d %d %d %s", unit, kind, implied, id);
}

const struct recorded_figure *recorded_figure_like(
    const struct recorded_scenario *scenario, const struct recorded_figure *figure)
{
	char *key OWNED = figure_key(figure->id, (int)figure->unit, figure->kind, figure->implied);
	size_t place = lookup_place(&scenario->figure_places, key);
	return place == LOOKUP_NONE ? NULL : &scenario->figures[place];
}

static struct recorded_figure *figure_named(
    struct recorded_scenario *scenario, const char *id, int unit, int kind, bool implied)
{
	char *key OWNED = figure_key(id, unit, kind, implied);
	size_t place = lookup_place(&scenario->figure_places, key);
	if (place != LOOKUP_NONE)
		return &scenario->figures[place];
	if (scenario->figure_count == FIGURES_MAX)
		return NULL;
	lookup_add(&scenario->figure_places, key, scenario->figure_count);
	struct recorded_figure *figure = array_push(scenario->figures, scenario->figure_count);
	figure->id = xstrdup(id);
	figure->unit = (enum unit)unit;
	figure->kind = kind;
	figure->implied = implied;
	return figure;
}

/* A report of before the key was there says it by the names. */
static bool is_implied(const json_t *finding, const char *id)
{
	const json_t *implied = json_object_get(finding, "implied");
	return implied ? json_is_true(implied)
		       : strncmp(id, "met-", strlen("met-")) == 0 ||
			     strncmp(id, "in-time-", strlen("in-time-")) == 0;
}

/* A violation that may have been one and could not be judged is none; of a time or a size no end is surer. */
static double value_of(int unit, json_int_t low, json_int_t high)
{
	return unit == UNIT_COUNT ? (double)low : (double)low / 2 + (double)high / 2;
}

static int read_finding(struct reader *reader, struct recorded_scenario *scenario, const json_t *finding)
{
	const char *id = json_string_value(json_object_get(finding, "id"));
	const json_t *measured = json_object_get(finding, "measured");
	if (!id || !measured)
		return refuse(reader, "a finding has no `id` or no `measured`");
	if (json_is_null(measured))
		return 0;
	int unit =
	    word_index(unit_names, UNIT_BYTES + 1, json_string_value(json_object_get(finding, "unit")));
	int kind = word_index(expectation_kind_names, EXPECTATION_KIND_COUNT,
	    json_string_value(json_object_get(finding, "kind")));
	const json_t *low = json_object_get(measured, "low"), *high = json_object_get(measured, "high");
	if (unit < 0 || !json_is_integer(low) || !json_is_integer(high) ||
	    json_integer_value(low) > json_integer_value(high))
		return refuse(reader, "a finding's `unit` or `measured` is not what it should be");
	if (json_integer_value(high) == INT64_MAX)
		return 0; /* it may have been anything */
	struct recorded_figure *figure = figure_named(scenario, id, unit, kind, is_implied(finding, id));
	if (!figure)
		return refuse(reader, "its scenario has more figures than a report can have");
	*array_push(figure->values, figure->count) =
	    value_of(unit, json_integer_value(low), json_integer_value(high));
	return 0;
}

static int read_result(struct reader *reader, struct recorded *recorded, const json_t *result)
{
	const char *name = json_string_value(json_object_get(result, "scenario"));
	const json_t *findings = json_object_get(result, "findings"),
		     *speed = json_object_get(result, "speed");
	int outcome = word_index(
	    outcome_names, OUTCOME_RETRIED + 1, json_string_value(json_object_get(result, "outcome")));
	if (!name || !json_is_array(findings) || outcome < 0)
		return refuse(reader, "`scenario`, `outcome` or `findings` is missing or wrong");
	if (json_number_value(speed) != recorded->speed)
		return refuse(reader, "its `speed` is not the report's");
	struct recorded_scenario *scenario = scenario_named(recorded, name);
	if (outcome == OUTCOME_RETRIED)
		return 0; /* the same world again, with the delays it had, is not another witness */
	scenario->passed += outcome == OUTCOME_PASS;
	scenario->failed += outcome == OUTCOME_FAIL || outcome == OUTCOME_FLAKY;
	for (size_t i = 0; i < json_array_size(findings); i++)
		if (read_finding(reader, scenario, json_array_get(findings, i)) < 0)
			return -1;
	return 0;
}

static int read_report(struct reader *reader, struct recorded *recorded, const json_t *root)
{
	const json_t *version = json_object_get(root, "falsestart_report"),
		     *results = json_object_get(root, "results"), *speed = json_object_get(root, "speed");
	if (!json_is_integer(version) || !json_is_array(results) || !json_is_number(speed))
		return err_set(reader->err, ERR_INVALID,
		    "%s is JSON, and no report: it has no `falsestart_report`, `speed` and `results`; a "
		    "report is written by `falsestart run --json FILE`",
		    reader->file);
	if (json_integer_value(version) != REPORT_JSON_VERSION)
		return err_set(reader->err, ERR_INVALID,
		    "%s is a report of version %lld, and this falsestart reads version %d; compare it with "
		    "the one that "
		    "wrote it",
		    reader->file, (long long)json_integer_value(version), REPORT_JSON_VERSION);
	recorded->speed = json_number_value(speed);
	for (; reader->result < json_array_size(results); reader->result++)
		if (read_result(reader, recorded, json_array_get(results, reader->result)) < 0)
			return -1;
	return 0;
}

static void release_json(json_t **json)
{
	json_decref(*json);
}

struct recorded *recorded_read(const char *bytes, size_t length, const char *file, struct err *err)
{
	if (length == 0) {
		err_set(err, ERR_INVALID, "%s is empty; a report is written by `falsestart run --json FILE`",
		    file);
		return NULL;
	}
	json_error_t error;
	json_t *root CLEANUP(release_json) =
	    json_loadb(bytes, length, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, &error);
	if (!root) {
		err_set_at(err, file, error.line, error.column,
		    "this is no JSON: %s; a report is written by `falsestart run --json FILE`", error.text);
		return NULL;
	}
	struct recorded *recorded = xcalloc(1, sizeof(*recorded));
	struct reader reader = { .file = file, .err = err };
	if (read_report(&reader, recorded, root) == 0)
		return recorded;
	recorded_free(recorded);
	return NULL;
}

void recorded_free(struct recorded *recorded)
{
	if (!recorded)
		return;
	for (size_t i = 0; i < recorded->scenario_count; i++) {
		struct recorded_scenario *scenario = &recorded->scenarios[i];
		for (size_t k = 0; k < scenario->figure_count; k++) {
			free(scenario->figures[k].id);
			free(scenario->figures[k].values);
		}
		free(scenario->figures);
		lookup_release(&scenario->figure_places);
		free(scenario->name);
	}
	free(recorded->scenarios);
	lookup_release(&recorded->scenario_places);
	free(recorded);
}
