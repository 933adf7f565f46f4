#include "report/comparison.h"

#include "base/err.h"
#include "report/json_private.h"

static json_t *json_only(const struct only *only)
{
	json_t *array = json_array();
	for (size_t i = 0; i < only->count; i++) {
		json_t *object = json_object();
		json_put(object, "scenario", json_text(NULL, only->items[i].scenario));
		json_put(object, "id", json_text(NULL, only->items[i].id));
		json_push(array, object);
	}
	return array;
}

static json_t *json_scenarios(const struct only *only)
{
	json_t *array = json_array();
	for (size_t i = 0; i < only->count; i++)
		json_push(array, json_text(NULL, only->items[i].scenario));
	return array;
}

static json_t *json_shift(const struct compared *row)
{
	if (!row->id)
		return json_null();
	json_t *object = json_object();
	json_put(object, "estimate", json_real(row->shift.estimate));
	json_put(object, "low", row->shift.has_interval ? json_real(row->shift.low) : json_null());
	json_put(object, "high", row->shift.has_interval ? json_real(row->shift.high) : json_null());
	return object;
}

static json_t *json_row(const struct compared *row)
{
	json_t *object = json_object();
	json_put(object, "scenario", json_text(NULL, row->scenario));
	json_put(object, "id", json_text(NULL, row->id));
	json_put(object, "unit", row->id ? json_string(unit_names[row->unit]) : json_string("rate"));
	json_put(object, "change", json_string(change_names[row->change]));
	json_put(object, "word", json_string(row->word));
	json_put(object, "old_count", json_integer((json_int_t)row->old_count));
	json_put(object, "new_count", json_integer((json_int_t)row->new_count));
	json_put(object, "old", json_real(row->old_middle));
	json_put(object, "new", json_real(row->new_middle));
	json_put(object, "p", json_real(row->p));
	json_put(object, "shift", json_shift(row));
	return object;
}

static int add_to_buf(const char *bytes, size_t length, void *out)
{
	buf_add(out, bytes, length);
	return 0;
}

void comparison_json(
    const struct comparison *comparison, const struct comparison_limits *limits, struct buf *out)
{
	json_t *object = json_object(), *rows = json_array();
	json_put(object, "falsestart_comparison", json_integer(COMPARISON_JSON_VERSION));
	json_put(object, "alpha", json_real(limits->alpha));
	json_put(object, "threshold", json_real(limits->threshold));
	json_put(object, "exit_status", json_integer(comparison_exit_status(comparison)));
	json_put(object, "runs_needed", json_integer((json_int_t)comparison->runs_needed));
	for (size_t i = 0; i < comparison->count; i++)
		json_push(rows, json_row(&comparison->rows[i]));
	json_put(object, "figures", rows);
	json_put(object, "only_old", json_only(&comparison->only_old));
	json_put(object, "only_new", json_only(&comparison->only_new));
	json_put(object, "unjudged_old", json_scenarios(&comparison->unjudged_old));
	json_put(object, "unjudged_new", json_scenarios(&comparison->unjudged_new));
	int result = json_dump_callback(object, add_to_buf, out, JSON_INDENT(2) | JSON_REAL_PRECISION(12));
	json_decref(object);
	if (result != 0)
		BUG("cannot write JSON");
	buf_add_char(out, '\n');
}
