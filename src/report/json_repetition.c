#include "report/describe.h"
#include "report/json_private.h"
#include "report/repetition.h"

#include <math.h>

/* Of nothing, nothing; a median may lie halfway between two whole numbers. */
static json_t *json_amount(const struct summary *summary, double amount)
{
	if (summary->count == 0)
		return json_null();
	return amount == floor(amount) ? json_integer((json_int_t)amount) : json_real(amount);
}

static json_t *json_figure(const struct redactor *secrets, const struct figure *figure)
{
	const struct summary *summary = &figure->summary;
	json_t *object = json_object();
	json_put(object, "id", json_text(secrets, figure->expectation->id));
	json_put(object, "unit", json_string(unit_names[unit_of(figure->expectation)]));
	json_put(object, "failed", json_integer((json_int_t)figure->failed));
	json_put(object, "measured", json_integer((json_int_t)summary->count));
	json_put(object, "least", json_amount(summary, summary->least));
	json_put(object, "median", json_amount(summary, summary->median));
	json_put(object, "p90", json_amount(summary, summary->p90));
	json_put(object, "most", json_amount(summary, summary->most));
	return object;
}

static json_t *json_repetition(
    const struct redactor *secrets, const struct report *report, const struct repetition *repetition)
{
	json_t *object = json_object(), *rate = json_object(), *figures = json_array();
	json_put(object, "scenario", json_text(secrets, report->results[repetition->first].plan->name));
	json_put(object, "runs", json_integer((json_int_t)repetition->runs));
	json_put(object, "passed", json_integer((json_int_t)repetition->passed));
	json_put(object, "failed", json_integer((json_int_t)repetition->failed));
	json_put(object, "flaky", json_integer((json_int_t)repetition->flaky));
	json_put(object, "inconclusive", json_integer((json_int_t)repetition->inconclusive));
	json_put(rate, "low", json_real(repetition->rate.low));
	json_put(rate, "high", json_real(repetition->rate.high));
	json_put(object, "rate", rate);
	for (size_t i = 0; i < repetition->figure_count; i++)
		json_push(figures, json_figure(secrets, &repetition->figures[i]));
	json_put(object, "figures", figures);
	return object;
}

json_t *json_repetitions(const struct redactor *secrets, const struct report *report)
{
	size_t count;
	struct repetition *repetitions = repetitions_of(report, &count);
	json_t *array = json_array();
	for (size_t i = 0; i < count; i++)
		if (report->results[repetitions[i].first].attempts > 1)
			json_push(array, json_repetition(secrets, report, &repetitions[i]));
	repetitions_free(repetitions, count);
	return array;
}
