#include "check/check.h"

#include "cli/command.h"
#include "cli/files.h"
#include "cli/judging.h"
#include "cli/outputs.h"
#include "cli/selection.h"
#include "cli/terminal.h"
#include "report/report.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void print_help(void)
{
	puts("usage: falsestart check [-v] [--json FILE] SCENARIO TRACE\n"
	     "\n"
	     "Judges a recorded trace (reports/…/NAME.ndjson) by a scenario, with no engine:\n"
	     "the verdict is the one of the run, unless the scenario was changed since. The\n"
	     "speed is the one the trace was recorded at.\n"
	     "\n"
	     "  -v, --verbose    show every expectation and a timeline\n"
	     "      --json FILE  also write the report as JSON, with the figures of the run");
}

/* The durations of the plan were divided by the speed of the run, which the trace's first line tells. */
static const struct event *world_of(const struct trace *trace)
{
	return trace->event_count && trace->events[0].kind == EVENT_WORLD ? &trace->events[0] : NULL;
}

static double speed_of(const struct trace *trace)
{
	const struct event *world = world_of(trace);
	return world ? world->world.speed : 1;
}

static struct plan *judge(
    struct judged *judged, const char *scenario, const char *trace_path, struct err *err)
{
	struct plan *plan = plan_load(scenario, 1, err);
	if (!plan || judge_file(judged, plan, trace_path, err) < 0) {
		plan_free(plan);
		return NULL;
	}
	const struct event *world = world_of(judged->trace);
	if (world && *world->world.scenario && strcmp(world->world.scenario, plan->name) != 0) {
		err_set(err, ERR_INVALID,
		    "%s was recorded of the scenario `%s`, and %s is `%s`: its verdict would mean nothing",
		    trace_path, world->world.scenario, scenario, plan->name);
		plan_free(plan);
		return NULL;
	}
	double speed = speed_of(judged->trace);
	if (speed == 1)
		return plan;
	plan_free(plan);
	if (!(speed >= SPEED_MIN && speed <= SPEED_MAX)) {
		err_set(err, ERR_INVALID, "%s: the speed %g is not one of a run (%g to %g)", trace_path,
		    speed, SPEED_MIN, SPEED_MAX);
		return NULL;
	}
	judgement_free(judged->judgement);
	judged->judgement = NULL;
	plan = plan_load(scenario, speed, err);
	if (plan)
		judged->judgement = check(plan, judged->trace);
	return plan;
}

/* What a trace leaves out is "". */
static const char *if_known(const char *text)
{
	return *text ? text : NULL;
}

/* Returns the exit status; `json_path` may be NULL. */
static int show(const struct judged *judged, const struct plan *plan, const char *trace_path, bool verbose,
    const char *json_path)
{
	const struct event *world = world_of(judged->trace);
	size_t count = judged->trace->event_count;
	struct report_result result = { .plan = plan,
		.trace = judged->trace,
		.judgement = judged->judgement,
		.trace_file = trace_path,
		.run_id = world ? if_known(world->world.run) : NULL,
		.wall_ns = count ? judged->trace->events[count - 1].to_ns : 0 };
	struct report report = { .results = &result,
		.result_count = 1,
		.speed = speed_of(judged->trace),
		.falsestart_version = FALSESTART_VERSION,
		.started_at = world ? if_known(world->world.started_at) : NULL,
		.engine_version = world ? if_known(world->world.engine) : NULL,
		.wall_ns = result.wall_ns,
		.lateness_ns = judged->judgement->lateness_ns };
	struct buf text CLEANUP(buf_release) = { 0 };
	report_text(&report,
	    &(struct report_text_options){ .colour = terminal_has_colour(STDOUT_FILENO),
		.utf8 = terminal_has_utf8(),
		.verbose = verbose,
		.width = terminal_width(STDOUT_FILENO) },
	    &text);
	fwrite(buf_string(&text), 1, text.length, stdout);
	fflush(stdout); /* the file may be standard output, too */
	int status = report_exit_status(&report);
	if (json_path) {
		struct buf json CLEANUP(buf_release) = { 0 };
		struct err err = ERR_INIT;
		report_json(&report, &json);
		if (file_replace(json_path, &json, &err) < 0)
			status = status_without_report(status, &err);
	}
	return status;
}

static int judge_and_show(const char *scenario, const char *trace_path, bool verbose, const char *json_path)
{
	struct err err = ERR_INIT;
	const struct output json = { "--json", json_path };
	const char *const inputs[] = { scenario, trace_path };
	if (outputs_probe(&json, 1, inputs, ARRAY_LENGTH(inputs), &err) < 0)
		return print_error(&err);
	struct judged judged = { 0 };
	struct plan *plan = judge(&judged, scenario, trace_path, &err);
	int status = plan ? show(&judged, plan, trace_path, verbose, json_path) : print_error(&err);
	judged_release(&judged);
	plan_free(plan);
	return status;
}

static bool ends_with(const char *text, const char *ending)
{
	size_t length = strlen(text), size = strlen(ending);
	return length >= size && strcmp(text + length - size, ending) == 0;
}

int command_check(int argc, char **argv)
{
	enum { OPTION_JSON = 256 };
	static const struct option long_options[] = {
		{ "verbose", no_argument, NULL, 'v' },
		{ "json", required_argument, NULL, OPTION_JSON },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	bool verbose = false;
	const char *json_path = NULL;
	for (int option; (option = getopt_long(argc, argv, "vh", long_options, NULL)) != -1;) {
		if (option == 'h') {
			print_help();
			return EXIT_PASSED;
		}
		if (option == OPTION_JSON) {
			json_path = optarg;
			continue;
		}
		if (option != 'v')
			return option_error("check", long_options, argv);
		verbose = true;
	}
	if (argc - optind != 2)
		return usage_error("check", "check takes a scenario and a trace, in this order");
	if (ends_with(argv[optind], ".ndjson") && !ends_with(argv[optind + 1], ".ndjson"))
		return usage_error("check",
		    "check takes the scenario first, and `%s` looks like a trace; the other way round it is "
		    "right",
		    argv[optind]);
	return judge_and_show(argv[optind], argv[optind + 1], verbose, json_path);
}
